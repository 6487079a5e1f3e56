/** What a room's filters do about a message: decided together with the message, from the states alone. Moderators and
 *  people above them are never caught. */
import * as E from 'fp-ts/lib/Either.js'
import { foldedWords } from '../folded.ts'
import type { Subject } from '../identity.ts'
import { isGuest } from '../names.ts'
import { rank } from '../space/access.ts'
import type { DecisionContext } from '../space/decision-context.ts'
import type { FilterAct, RoomFilter } from '../space/filter.ts'
import type { ChatEvent } from './events.ts'
import { type Caught, MAX_HELD, MAX_HELD_OF_GUESTS, MAX_HELD_OF_ONE, type Quiet } from './filtered.ts'
import { hasAny } from './matching.ts'
import type { ChatRefusal } from './refusals.ts'
import { type ChatState, windowStart } from './state.ts'

type Talk = DecisionContext & { readonly chat: ChatState }

/** The filter's mute that is in force for `subject` at `at`. */
export const quietOf = (chat: ChatState, subject: Subject, at: string): Quiet | null => {
  const quiet = chat.filtered.quiet.get(subject)
  return quiet === undefined || Date.parse(quiet.until) <= Date.parse(at) ? null : quiet
}

/** Whether this would be more than `count` messages in `seconds`, of those written since the filter was set. A clock
 *  that was set back makes no message count twice. */
const isTooMany = (
  { chat, by, at }: Talk,
  { count, seconds }: { readonly count: number; readonly seconds: number },
  since: number,
): boolean => {
  const now = Date.parse(at)
  const first = windowStart(chat)
  const times = chat.posts.get(by.id)?.times ?? []
  const lately = times.filter(
    (one) => one.revision >= first && one.at > now - seconds * 1_000 && one.at >= since && one.at <= now,
  )
  return lately.length >= count
}

/** The filters that catch this message, in the order in which they were set. `isPosting`: an edit counts for no rate. */
export const filtersFor = (talk: Talk, content: string, isPosting: boolean): ReadonlyArray<RoomFilter> => {
  const { state, access, by } = talk
  if (state.filters.size === 0 || by.kind === 'system' || rank(access.role) >= rank('moderate')) return []
  let text: string | null = null
  return [...state.filters.values()].filter(({ looksFor, at }) => {
    if (looksFor.kind === 'rate') return isPosting && isTooMany(talk, looksFor, Date.parse(at))
    text ??= foldedWords(content)
    return hasAny(looksFor.words, text)
  })
}

const doing = (filters: ReadonlyArray<RoomFilter>, act: FilterAct): RoomFilter | undefined =>
  filters.find(({ acts }) => acts.includes(act))
export const holding = (filters: ReadonlyArray<RoomFilter>): RoomFilter | undefined => doing(filters, 'hold')

/** The filter with the longest mute. */
const muting = (filters: ReadonlyArray<RoomFilter>): RoomFilter | undefined =>
  filters
    .filter(({ acts }) => acts.includes('mute'))
    .reduce<RoomFilter | undefined>(
      (most, one) => (most === undefined || (one.muteSeconds ?? 0) > (most.muteSeconds ?? 0) ? one : most),
      undefined,
    )

/** What is done about a message besides holding it. */
export const actsOn = (
  { by, at }: DecisionContext,
  message: { readonly messageId: string; readonly subspace: string },
  filters: ReadonlyArray<RoomFilter>,
): ReadonlyArray<ChatEvent> => {
  const mutes = muting(filters)
  const reports = doing(filters, 'report')
  const acted = (filter: RoomFilter, act: FilterAct, until: string | null): ChatEvent => ({
    type: 'FilterActed',
    data: { ...message, subject: by.id, filterId: filter.filterId, act, until, at },
  })
  const end = (seconds: number): string => new Date(Date.parse(at) + seconds * 1_000).toISOString()
  return [
    ...(mutes === undefined ? [] : [acted(mutes, 'mute', end(mutes.muteSeconds ?? 0))]),
    ...(reports === undefined ? [] : [acted(reports, 'report', null)]),
  ]
}

/** Refuses one more message if as many wait as may. `replaces`: the message whose waiting edit it takes the place of. */
export const mayWait = ({ chat, by }: Talk, replaces?: string): E.Either<ChatRefusal, void> => {
  let all = 0
  let own = 0
  let guests = 0
  for (const { held, author, edits } of chat.filtered.caught.values()) {
    if (!held || (edits !== undefined && edits === replaces)) continue
    all += 1
    if (author === by.id) own += 1
    if (isGuest(author)) guests += 1
  }
  const isFull =
    all >= MAX_HELD || own >= MAX_HELD_OF_ONE || (by.kind === 'guest' && guests >= MAX_HELD_OF_GUESTS)
  return isFull ? E.left({ _tag: 'WordsHeld', of: 'too many' }) : E.right(undefined)
}

/** The message with that id if it waits, or null. */
export const heldOf = (chat: ChatState, messageId: string): Caught | null => {
  const caught = chat.filtered.caught.get(messageId)
  return caught?.held === true ? caught : null
}
