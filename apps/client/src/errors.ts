/** What went wrong, as a value: a code to act on and a sentence to show. */
import type { Code } from './wire.ts'

/** The server's codes, and the client's own: `unreachable` (no answer), `disconnected` (the line was cut before one came),
 *  `left` (the room was left, or is over), `queue_over` (one waits for a seat no longer), `microphone` (there is none, or the user said no), `voice_full`, `not_signed`. */
export type PresenceCode =
  | Code
  | 'unreachable'
  | 'disconnected'
  | 'left'
  | 'microphone'
  | 'queue_over'
  | 'voice_full'
  | 'not_signed'

export class PresenceError extends Error {
  readonly code: PresenceCode
  /** After how many seconds to try again. */
  readonly retryAfter: number | null
  constructor(code: PresenceCode, sentence: string, retryAfter: number | null = null) {
    super(sentence)
    this.name = 'PresenceError'
    this.code = code
    this.retryAfter = retryAfter
  }
}

/** Temporary trouble, after which the client tries again. */
const PASSING: ReadonlySet<string> = new Set([
  'unreachable',
  'disconnected',
  'slow_down',
  'eventstore_unavailable',
  'postgres_unavailable',
  'hive_unavailable',
  'server_unavailable',
  'not_caught_up',
  'internal',
])
export const isPassing = ({ code }: PresenceError): boolean => PASSING.has(code)

/** Made from the fields of an answer, or of a refusal event. */
export const refusalOf = (answer: Readonly<Record<string, unknown>>): PresenceError =>
  new PresenceError(
    (typeof answer.code === 'string' ? answer.code : 'internal') as PresenceCode,
    typeof answer.error === 'string' ? answer.error : 'The server refused without a word.',
    typeof answer.retry_after === 'number' ? answer.retry_after : null,
  )

export const asPresenceError = (error: unknown): PresenceError =>
  error instanceof PresenceError ? error : new PresenceError('internal', String(error))
