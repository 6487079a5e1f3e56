/** Tests read: `given(events).when(asked).happens(events)`, or `.refuses(refusal)`. */
import * as E from 'fp-ts/lib/Either.js'
import type { Decider } from '../decider.ts'

/** Throws if the two differ; uvu's `assert.equal` is one. */
type Equal = (actual: unknown, expected: unknown) => void

export type DecisionOutcome<Event, Refusal> = {
  readonly decision: E.Either<Refusal, ReadonlyArray<Event>>
  readonly happens: (...events: ReadonlyArray<Event>) => void
  readonly refuses: (refusal: Refusal) => void
  /** Accepted, and these are the types of its events. */
  readonly types: (...types: ReadonlyArray<string>) => void
}

export const scenario =
  <State, Command, Event extends { readonly type: string }, Refusal>(
    decider: Decider<State, Command, Event, Refusal>,
    equal: Equal,
  ) =>
  (...events: ReadonlyArray<Event>) => ({
    when: (command: Command): DecisionOutcome<Event, Refusal> => {
      const decision = decider.decide(command, fold(decider, events))
      return {
        decision,
        happens: (...expected) => equal(decision, E.right(expected)),
        refuses: (refusal) => equal(decision, E.left(refusal)),
        types: (...types) =>
          equal(E.isRight(decision) ? decision.right.map(({ type }) => type) : decision.left, types),
      }
    },
  })

export const fold = <State, Command, Event, Refusal>(
  decider: Decider<State, Command, Event, Refusal>,
  events: ReadonlyArray<Event>,
  state: State = decider.initial(),
): State => events.reduce(decider.evolve, state)

/** Freezes all the way down, Maps too (their writers throw), so that a write by `decide` is an error. */
export const deepFreeze = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  if (value instanceof Map) {
    for (const item of value.values()) deepFreeze(item)
    const refuse = (): never => {
      throw new Error('A decision wrote to its state.')
    }
    Object.assign(value, { set: refuse, delete: refuse, clear: refuse })
  } else for (const item of Object.values(value)) deepFreeze(item)
  return Object.freeze(value)
}
