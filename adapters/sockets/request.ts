/** What each event that a client may send has: who answers it, and how. */
import type { Answer } from './answers.ts'
import type { Member } from './member.ts'

export type SocketRequest = {
  /** Which error event a refusal goes to where the client gave no acknowledgement. */
  readonly channel: 'space' | 'chat'
  /** Waits for the joins and leaves that the socket asked for before it. */
  readonly waits: boolean
  readonly handle: (member: Member, payload: unknown) => Answer | Promise<Answer>
}
export type Requests = ReadonlyMap<string, SocketRequest>
