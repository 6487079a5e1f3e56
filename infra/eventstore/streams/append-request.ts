/** What can be done to a stream, and the possible outcomes. */
import type { ProposedEvent } from '../protocol/record.ts'

/** A revision, or one of the three below. */
export type Expected = number
export const EXPECT_NONE = -1
export const EXPECT_ANY = -2
export const EXPECT_EXISTS = -4

export type AppendOutcome =
  /** `revision` of the last event (-1 for an empty append to no stream); `position` is -1 if nothing was written. */
  | { readonly tag: 'appended'; readonly revision: number; readonly position: number }
  /** `current` is -1 if there is no stream. */
  | { readonly tag: 'wrong-expected'; readonly current: number }
  | { readonly tag: 'deleted' }
  | { readonly tag: 'timeout' }
  | { readonly tag: 'failed'; readonly cause: string }
  /** Certainly not written; no part of it will appear later. */
  | { readonly tag: 'full' }

/** The change to the stream. */
export type StreamChange =
  | { readonly kind: 'append'; readonly events: ReadonlyArray<ProposedEvent> }
  /** A soft delete: its events can't be read any more, and appending goes on with the next number. */
  | { readonly kind: 'delete' }
  /** For good. */
  | { readonly kind: 'tombstone' }

export type AppendRequest = {
  readonly stream: string
  readonly expected: Expected
  readonly change: StreamChange
  /** Milliseconds since the epoch; not written after it. */
  readonly deadline: number
  readonly bytes: number
  readonly done: (outcome: AppendOutcome) => void
}

/** An append of the node's own, written in the next commit after the clients' appends. */
export type Alongside = {
  readonly write: (insert: (stream: string, event: ProposedEvent) => void) => void
  readonly done: (committed: boolean) => void
}
