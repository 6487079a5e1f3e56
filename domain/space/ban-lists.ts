/** Decides commands about following ban lists: admins may follow them, but only the owner may follow the bans of all
 *  their spaces. No list keeps out anybody who was let in by name, with whatever role. */
import * as E from 'fp-ts/lib/Either.js'
import { invalid } from '../text.ts'
import { mayAs, roleOf } from './access.ts'
import {
  type BanList,
  type BanLists,
  copied,
  countIn,
  globsIn,
  type ListedBan,
  listedIn,
  MAX_GLOBS,
  MAX_LISTED,
  MAX_LISTS,
} from './ban-list.ts'
import type { FillBanList, FollowBanList, LeaveBanList } from './commands.ts'
import { actorOf, type Decision, type DecisionContext } from './decision-context.ts'
import { AT_ONCE_WITH_WORDS, putOut } from './endings.ts'
import type { SpaceEvent, SpaceEventOf } from './events.ts'
import { changedLists } from './folding.ts'

type Followed = SpaceEventOf<'BanListFollowed'> | SpaceEventOf<'BanListChanged'>
const LIST_ID = /^[a-z0-9][a-z0-9-]{0,39}$/

const isSame = (a: ListedBan, b: ListedBan): boolean => a.reason === b.reason && a.from === b.from

/** The entries to add to the list and to remove from it, so that it has exactly the wanted ones; null if there are none. */
const difference = (known: BanList | undefined, wanted: ReadonlyArray<ListedBan>) => {
  const before = new Map((known?.entries ?? []).map((entry) => [entry.entity, entry]))
  const after = new Map(wanted.map((entry) => [entry.entity, entry]))
  const added = [...after.values()].filter((entry) => {
    const was = before.get(entry.entity)
    return was === undefined || !isSame(was, entry)
  })
  const removed = [...before.keys()].filter((entity) => !after.has(entity))
  return added.length + removed.length === 0 ? null : { added, removed }
}

/** Removes the people inside whom the lists name now. Owners, and anybody who has a role by name, stay. */
const putOutListed = (context: DecisionContext, lists: BanLists): ReadonlyArray<SpaceEvent> => {
  const { state, content } = context
  const events: SpaceEvent[] = []
  for (const subject of new Set([...state.own.keys(), ...state.held.keys(), ...state.queue.keys()])) {
    if (events.length >= AT_ONCE_WITH_WORDS) break
    const listed = listedIn(lists, subject)
    if (listed === null || roleOf(state, content, subject) !== null) continue
    events.push(...putOut(context, subject, { reason: 'banned', note: listed.entry.reason, until: null }))
  }
  return events.slice(0, AT_ONCE_WITH_WORDS)
}

/** Gives the list these entries, and removes the people inside whom it names. */
const filled = (
  context: DecisionContext,
  begun: ReadonlyArray<Followed>,
  { listId, entries }: { readonly listId: string; readonly entries: ReadonlyArray<ListedBan> },
): Decision => {
  const { state, by, at } = context
  const differs = difference(state.lists.get(listId), entries)
  const changed: ReadonlyArray<Followed> =
    differs === null
      ? begun
      : [...begun, { type: 'BanListChanged', data: { listId, ...differs, by: actorOf(by), at } }]
  const lists = changed.reduce<BanLists>(changedLists, state.lists)
  if (countIn(lists) > MAX_LISTED)
    return invalid('rules', `A space’s lists have at most ${MAX_LISTED} entries together.`)
  if (globsIn(lists) > MAX_GLOBS)
    return invalid('rules', `A space’s lists have at most ${MAX_GLOBS} entries with * or ? together.`)
  return E.right([...changed, ...putOutListed(context, lists)])
}

export const followBanList = (context: DecisionContext, command: FollowBanList): Decision => {
  const { state, access, by, at } = context
  const { listId, source, entries } = command
  const may = mayAs(access, source.kind === 'owner' ? 'owner' : 'admin')
  if (E.isLeft(may)) return may
  if (!LIST_ID.test(listId))
    return invalid('list_id', 'A list’s id is 1 to 40 lower-case letters, digits and hyphens.')
  const known = state.lists.get(listId)
  if (known === undefined && state.lists.size >= MAX_LISTS)
    return invalid('list_id', `A space follows at most ${MAX_LISTS} lists.`)
  const isOfSource = known !== undefined && JSON.stringify(known.source) === JSON.stringify(source)
  // Whose rights a list of other spaces' bans uses is whoever followed it last.
  const isKnown = isOfSource && (source.kind === 'given' || known.by.id === by.id)
  const begun: ReadonlyArray<Followed> = isKnown
    ? []
    : [{ type: 'BanListFollowed', data: { listId, source, by: actorOf(by), at } }]
  return filled(context, begun, { listId, entries: source.kind === 'given' ? entries : entries.map(copied) })
}

/** The system's command, for a list whose entries are other spaces' bans. */
export const fillBanList = (context: DecisionContext, command: FillBanList): Decision => {
  const { by, access, state } = context
  if (by.kind !== 'system')
    return E.left(access.mayKnow ? { _tag: 'Forbidden', needs: 'owner' } : { _tag: 'SpaceNotFound' })
  const known = state.lists.get(command.listId)
  return known === undefined || known.source.kind === 'given'
    ? E.right([])
    : filled(context, [], { ...command, entries: command.entries.map(copied) })
}

export const leaveBanList = (context: DecisionContext, { listId }: LeaveBanList): Decision => {
  const { state, access, by, at } = context
  const may = mayAs(access, 'admin')
  if (E.isLeft(may)) return may
  if (!state.lists.has(listId)) return E.right([])
  return E.right([{ type: 'BanListLeft', data: { listId, by: actorOf(by), at } }])
}
