/** Answers a client: by its acknowledgement, or by `space-error` and `chat-error` if it gave none. */
import type { Appended } from '../../domain/ports.ts'
import type { QueueView } from '../queue-view.ts'
import { type Described, describeError, type EdgeError } from '../refusals.ts'
import type { Line } from './line.ts'

export type Answer =
  | ({ readonly ok: true } & Readonly<Record<string, unknown>>)
  | {
      readonly ok: false
      readonly code: string
      readonly error: string
      readonly retry_after?: number
      /** With `queued`: the caller's place. */
      readonly queue?: QueueView
      /** With `queued`: who waits, and, for a guest who came without one, a token to be the same guest with later. */
      readonly subject?: string
      readonly session_token?: string
    }

export const done = (fields: Readonly<Record<string, unknown>> = {}): Answer => ({ ok: true, ...fields })
export const doneAt = (
  { revision, position }: Appended,
  fields: Readonly<Record<string, unknown>> = {},
): Answer => ({
  ok: true,
  ...fields,
  revision: String(revision),
  position: String(position),
})
export const told = ({ code, error, retry_after }: Described): Answer =>
  retry_after === undefined ? { ok: false, code, error } : { ok: false, code, error, retry_after }
export const failed = (error: EdgeError): Answer => told(describeError(error))

/** The answer to a client that asks for something in its room but is in none. */
export const notInRoom: Answer = {
  ok: false,
  code: 'session_not_found',
  error: 'This socket is in no room: send join-space first.',
}

export type Ack = (answer: Answer) => void

export const answer = (line: Line, channel: 'space' | 'chat', ack: Ack | null, given: Answer): void => {
  if (ack !== null) ack(given)
  else if (!given.ok) line.tell(`${channel}-error`, given)
}
