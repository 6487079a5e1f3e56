/** The type of each event that a client may send: who answers it, and how. */
import type { Answer } from './answers.ts'
import type { Member } from './member.ts'

export type SocketRequest = {
  /** The error event that a refusal is sent as if the client gave no acknowledgement. */
  readonly channel: 'space' | 'chat'
  /** Whether it waits for the joins and leaves that the socket requested before it. */
  readonly waits: boolean
  readonly handle: (member: Member, payload: unknown) => Answer | Promise<Answer>
}
export type Requests = ReadonlyMap<string, SocketRequest>
