/** The one shape of every write-side rule. */
import type { Either } from 'fp-ts/lib/Either.js'

/**
 * `decide` reads and never writes; a command already carried out gives `right([])`.
 * `evolve` never fails, and consumes the state it is given: the caller uses only what it returns, and calls
 * `fork` first where it must keep the old one. So folding a join into a room of ten thousand costs one Map entry.
 */
export type Decider<State, Command, Event, Refusal> = {
  readonly initial: () => State
  readonly decide: (command: Command, state: State) => Either<Refusal, ReadonlyArray<Event>>
  readonly evolve: (state: State, event: Event) => State
  readonly fork: (state: State) => State
}
