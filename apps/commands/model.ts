/** What the command path needs to know about a kind of stream (a space's, a chat's, its cases'), so that one kind of mailbox serves all. */
import type { Either } from 'fp-ts/lib/Either.js'
import type { Decider } from '../../domain/decider.ts'
import type { Broken, RecordedEvent } from '../../domain/ports.ts'

export type UnreadableEvent = { readonly _tag: 'Undecodable'; readonly detail: string }

/** An event as read, and the key (see `recent-commands.ts`) of the command that caused it. */
export type KeyedEvent<Event> = { readonly event: Event; readonly key: string }

export type Model<State, Event> = {
  readonly kind: 'space' | 'chat' | 'cases'
  readonly initial: Decider<State, never, Event, never>['initial']
  readonly evolve: (state: State, event: Event) => State
  readonly fork: (state: State) => State
  readonly decode: (recorded: RecordedEvent) => Either<UnreadableEvent, KeyedEvent<Event>>
  /** How many entries a fork copies and a snapshot contains. */
  readonly entries: (state: State) => number
  readonly toSnapshot: (state: State) => unknown
  /** Left for anything that is not a snapshot of today's form. */
  readonly fromSnapshot: (value: unknown) => Either<unknown, State>
}

/** The log is out of reach; or, if `broken` is set, the stream can't be read and never will be. */
export type Trouble = { readonly _tag: 'Trouble'; readonly cause: string; readonly broken?: Broken }
export const deleted = (stream: string): Trouble => ({
  _tag: 'Trouble',
  cause: `${stream} was deleted`,
  broken: 'deleted',
})
