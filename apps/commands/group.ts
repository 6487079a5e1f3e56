/** A group of commands that is appended at once: the state that they are decided on, and how large they may be together. */
import type { NewEvent } from '../../domain/ports.ts'
import type { Model } from './model.ts'
import type { StreamState } from './stream-state.ts'

export type Draft<State, Event> = {
  /** The state with everything added so far. Read it at once: the next `add` may write to it. */
  readonly state: () => State
  readonly add: (events: ReadonlyArray<Event>) => void
  /** Keeps the copy, if there is one, for the next group: `revision` is that of the last event that was added. */
  readonly keep: (revision: number) => void
}

/** The state on which a group's commands are decided, one after another. A group of one is decided on the state itself:
 *  a copy is only needed if something must see the events before it. */
export const createDraft = <State, Event>(
  held: StreamState<State, Event>,
  model: Model<State, Event>,
): Draft<State, Event> => {
  let own = held.keptDraft()
  let pending: Event[] = []
  const settle = (copy: State): State => {
    let state = copy
    for (const event of pending) state = model.evolve(state, event)
    pending = []
    own = state
    return state
  }
  return {
    state: () => (own === null && pending.length === 0 ? held.held()!.state : settle(own ?? held.draft())),
    add: (events) => {
      pending.push(...events)
    },
    keep: (revision) => {
      if (own !== null) held.keepDraft(settle(own), revision)
    },
  }
}

/** Text in which each character is one byte of JSON. */
const PLAIN = /^[ !#-[\]-~]*$/
/** The upper bounds of field names, which repeat. */
const lengths = new Map<string, number>()
const MAX_LENGTHS = 1_000
/** An upper bound of a text's bytes as JSON: six for each UTF-16 unit if one of them may be escaped. */
const textAtMost = (text: string): number => (PLAIN.test(text) ? text.length : 6 * text.length) + 3
const nameAtMost = (name: string): number => {
  const known = lengths.get(name)
  if (known !== undefined) return known
  const length = textAtMost(name) + 1
  if (lengths.size < MAX_LENGTHS) lengths.set(name, length)
  return length
}
/** An upper bound of the value's bytes as JSON. This costs a tenth of writing the JSON, and is close if the text is plain. */
const atMost = (value: unknown): number => {
  if (typeof value === 'string') return textAtMost(value)
  if (typeof value !== 'object' || value === null) return 25
  let sum = 3
  for (const key in value) sum += nameAtMost(key) + atMost((value as Record<string, unknown>)[key])
  return sum
}
const exactly = (event: NewEvent): number => Buffer.byteLength(JSON.stringify(event))

export type Size = {
  readonly fits: (group: ReadonlyArray<NewEvent>, more: ReadonlyArray<NewEvent>) => boolean
}

/** The size of a group in bytes, added up only once a second command wants to join it, and exactly only if the group may not fit. */
export const createSize = (limit: number): Size => {
  let bound = 0
  let bytes = 0
  let bounded = 0
  let counted = 0
  /** The last events asked about, which mostly become the group's next. */
  let last: { readonly events: ReadonlyArray<NewEvent>; readonly bound: number } = { events: [], bound: 0 }
  const isNext = (group: ReadonlyArray<NewEvent>): boolean =>
    last.events.length > 0 &&
    group.length === bounded + last.events.length &&
    group[bounded] === last.events[0] &&
    group.at(-1) === last.events.at(-1)
  const sum = (events: ReadonlyArray<NewEvent>, from: number, of: (event: NewEvent) => number): number => {
    let all = 0
    for (let i = from; i < events.length; i++) all += of(events[i]!) + 64
    return all
  }
  return {
    fits: (group, more) => {
      bound += isNext(group) ? last.bound : sum(group, bounded, atMost)
      bounded = group.length
      last = { events: more, bound: sum(more, 0, atMost) }
      if (bound + last.bound <= limit) return true
      bytes += sum(group, counted, exactly)
      counted = group.length
      return bytes + sum(more, 0, exactly) <= limit
    },
  }
}
