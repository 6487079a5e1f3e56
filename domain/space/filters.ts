/** Decides commands about filters, which admins set and remove. What a filter does is decided where a message is sent
 *  (`domain/chat/filtering.ts`). */
import * as E from 'fp-ts/lib/Either.js'
import { foldedWords } from '../folded.ts'
import { type Invalid, invalid, isLongerThan, isText } from '../text.ts'
import { mayAs } from './access.ts'
import type { RemoveFilter, SetFilter } from './commands.ts'
import { actorOf, type Decision, type DecisionContext } from './decision-context.ts'
import {
  type FilterLooksFor,
  lengthOfFilter,
  MAX_FILTER_MUTE_SECONDS,
  MAX_FILTER_WORDS,
  MAX_FILTERS,
  MAX_PHRASE,
  MAX_PHRASES,
  MAX_RATE,
  MAX_RATE_SECONDS,
  type RoomFilter,
} from './filter.ts'

const FILTER_ID = /^[a-z0-9][a-z0-9-]{0,39}$/
const VISIBLE = /[\p{L}\p{N}\p{S}\p{P}]/u

const isWhole = (value: number | null, least: number, most: number): value is number =>
  value !== null && Number.isInteger(value) && value >= least && value <= most

/** A phrase in the form in which it is kept, or null if it can't be matched. `*` at an end stands for the rest of a word. */
const readPhrase = (phrase: string): string | null => {
  if (!isText(phrase) || isLongerThan(phrase, MAX_PHRASE)) return null
  const clean = phrase.trim().replace(/\s+/g, ' ')
  const core = clean.replace(/^\*|\*$/g, '')
  const looked = foldedWords(core)
  return core.includes('*') || !VISIBLE.test(looked) || isLongerThan(looked, MAX_PHRASE) ? null : clean
}

const readWords = (words: ReadonlyArray<string>): E.Either<Invalid, FilterLooksFor> => {
  if (words.length === 0 || words.length > MAX_PHRASES)
    return invalid('words', `A filter has 1 to ${MAX_PHRASES} words and phrases.`)
  const read = words.map(readPhrase)
  if (read.some((one) => one === null))
    return invalid(
      'words',
      `A word or phrase has 1 to ${MAX_PHRASE} characters, and * only at its beginning or end.`,
    )
  return E.right({ kind: 'words', words: [...new Set(read as ReadonlyArray<string>)] })
}

const readLooksFor = ({
  words,
  count,
  seconds,
}: Pick<SetFilter, 'words' | 'count' | 'seconds'>): E.Either<Invalid, FilterLooksFor> => {
  if ((words === null) === (count === null && seconds === null))
    return invalid(
      'words',
      'A filter looks for words, or for more than count messages in seconds: one of the two.',
    )
  if (words !== null) return readWords(words)
  if (!isWhole(count, 1, MAX_RATE)) return invalid('count', `count is a whole number from 1 to ${MAX_RATE}.`)
  if (!isWhole(seconds, 1, MAX_RATE_SECONDS))
    return invalid('seconds', `seconds is a whole number from 1 to ${MAX_RATE_SECONDS}.`)
  return E.right({ kind: 'rate', count, seconds })
}

type Terms = Omit<RoomFilter, 'by' | 'at'>

const sameTerms = (a: RoomFilter, b: Terms): boolean =>
  JSON.stringify([a.looksFor, a.acts, a.muteSeconds]) === JSON.stringify([b.looksFor, b.acts, b.muteSeconds])

/** Checks a requested filter by itself, without the space. */
export const readFilter = (command: Omit<SetFilter, 'type'>): E.Either<Invalid, Terms> => {
  const { filterId, muteSeconds } = command
  const looksFor = readLooksFor(command)
  if (E.isLeft(looksFor)) return looksFor
  const acts = (['hold', 'mute', 'report'] as const).filter((act) => command.acts.includes(act))
  if (acts.length === 0 || acts.length !== new Set(command.acts).size)
    return invalid('acts', 'acts is one or more of hold, mute and report.')
  if (acts.includes('mute') ? !isWhole(muteSeconds, 1, MAX_FILTER_MUTE_SECONDS) : muteSeconds !== null)
    return invalid(
      'mute_seconds',
      `mute_seconds is a whole number from 1 to ${MAX_FILTER_MUTE_SECONDS}, for a filter that mutes.`,
    )
  return E.right({ filterId, looksFor: looksFor.right, acts, muteSeconds })
}

export const setFilter = (context: DecisionContext, command: SetFilter): Decision => {
  const { state, access, by, at } = context
  const may = mayAs(access, 'admin')
  if (E.isLeft(may)) return may
  const { filterId } = command
  if (!FILTER_ID.test(filterId))
    return invalid('filter_id', 'A filter’s id is 1 to 40 lower-case letters, digits and hyphens.')
  const read = readFilter(command)
  if (E.isLeft(read)) return read
  const terms = read.right
  const known = state.filters.get(filterId)
  if (known !== undefined && sameTerms(known, terms)) return E.right([])
  const others = [...state.filters.values()].filter((one) => one.filterId !== filterId)
  if (others.length >= MAX_FILTERS) return invalid('filter_id', `There are ${MAX_FILTERS} filters already.`)
  if (others.reduce((sum, one) => sum + lengthOfFilter(one), lengthOfFilter(terms)) > MAX_FILTER_WORDS)
    return invalid('words', `All filters together have at most ${MAX_FILTER_WORDS} characters of words.`)
  return E.right([{ type: 'FilterSet', data: { ...terms, by: actorOf(by), at } }])
}

export const removeFilter = (context: DecisionContext, command: RemoveFilter): Decision => {
  const { state, access, by, at } = context
  const may = mayAs(access, 'admin')
  if (E.isLeft(may)) return may
  if (!state.filters.has(command.filterId)) return E.right([])
  return E.right([{ type: 'FilterRemoved', data: { filterId: command.filterId, by: actorOf(by), at } }])
}
