/** A filter of a room, in the form of events and states: a rule that acts by itself on what people write. */
import * as t from 'io-ts'
import { foldedWords } from '../folded.ts'
import { Actor } from '../identity.ts'
import { Time } from '../time.ts'

/** What a filter looks for: any of its words and phrases, or more than `count` messages of one person in `seconds`. */
const FilterLooksFor = t.union([
  t.type({ kind: t.literal('words'), words: t.readonlyArray(t.string) }),
  t.type({ kind: t.literal('rate'), count: t.number, seconds: t.number }),
])
export type FilterLooksFor = t.TypeOf<typeof FilterLooksFor>

/** `hold`: the message waits for a moderator; `mute`: the writer may not write for a while; `report`: moderators are told. */
export const FILTER_ACTS = ['hold', 'mute', 'report'] as const
export const FilterAct = t.union([t.literal('hold'), t.literal('mute'), t.literal('report')])
export type FilterAct = t.TypeOf<typeof FilterAct>

const FilterTerms = t.type({
  filterId: t.string,
  looksFor: FilterLooksFor,
  acts: t.readonlyArray(FilterAct),
  /** How long a mute lasts; null if it does not mute. */
  muteSeconds: t.union([t.number, t.null]),
})
export const FilterSetting = t.intersection([FilterTerms, t.type({ by: Actor, at: Time })])
export type RoomFilter = t.TypeOf<typeof FilterSetting>

/** The most filters of one space. */
export const MAX_FILTERS = 20
/** The most phrases of one filter, and the most characters of one word or phrase. */
export const MAX_PHRASES = 200
export const MAX_PHRASE = 64
/** The most characters in all words of all filters of a space, as they are looked for (`folded.ts`): one may stand for many. */
export const MAX_FILTER_WORDS = 16_384
export const MAX_RATE = 20
export const MAX_RATE_SECONDS = 600
/** A week in seconds. */
export const MAX_FILTER_MUTE_SECONDS = 604_800

/** Cached by the list object: a filter that was set is never changed, only replaced. */
const lengths = new WeakMap<ReadonlyArray<string>, number>()
/** How many UTF-16 units the words have, as they were given or as they are looked for, whichever is more. */
const lengthOfWords = (words: ReadonlyArray<string>): number => {
  const known = lengths.get(words)
  if (known !== undefined) return known
  const length = words.reduce((sum, one) => sum + Math.max(one.length, foldedWords(one).length), 0)
  lengths.set(words, length)
  return length
}
export const lengthOfFilter = ({ looksFor }: Pick<RoomFilter, 'looksFor'>): number =>
  looksFor.kind === 'words' ? lengthOfWords(looksFor.words) : 0
