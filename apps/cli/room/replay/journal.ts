/** The record of performing a room log: whose room it is, and the result of each line so far. */
import type { People, Person } from './people.ts'

export type ReplayTarget = {
  readonly url: string
  readonly space: { readonly type: string; readonly id: string }
  readonly owner: string
}
export type Journal = {
  /** The session that each join in the file got, by its line. */
  readonly sessions: Map<number, string>
  /** Sessions that are not in the file: the owner's, and those begun after an interruption. */
  readonly own: Set<string>
  readonly messageIds: Map<number, string>
  /** The position of the last acknowledged command. */
  position: string
  interruptions: number
  slowDowns: number
  /** How many commands were acknowledged. */
  acknowledged: number
  /** Lines whose first attempt was cut off: another session of theirs may be on the log besides the file's. */
  readonly cutOff: Set<number>
}
export type Watch = {
  /** What the owner, who stays in the room, received: the `revision` of each durable event, by stream. */
  readonly seen: Array<{ readonly event: string; readonly revision: string; readonly at: number }>
}
export const createJournal = (): Journal => ({
  sessions: new Map(),
  own: new Set(),
  messageIds: new Map(),
  position: '0',
  interruptions: 0,
  slowDowns: 0,
  acknowledged: 0,
  cutOff: new Set(),
})

export type Performance = {
  readonly target: ReplayTarget
  readonly people: People
  readonly owner: Person
  readonly journal: Journal
  readonly watch: Watch
}

/** How long to wait for the server. */
export const WAIT_FOR_SERVER_MS = 120_000
