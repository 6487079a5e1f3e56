/** Keeps ban lists up to date that are made of other spaces' bans: of one space, or of all other spaces of an owner.
 *  Filling a list again with the same bans changes nothing, so this may be done any number of times, by any number of
 *  processes. */
import * as E from 'fp-ts/lib/Either.js'
import type { Caller } from '../../domain/identity.ts'
import { isService, type SpaceRef, spaceKey } from '../../domain/names.ts'
import type { Clock, Commands, Content, Ids } from '../../domain/ports.ts'
import { accessOf, rank } from '../../domain/space/access.ts'
import { type ListedBan, MAX_LISTED } from '../../domain/space/ban-list.ts'
import { AT_ONCE_WITH_WORDS } from '../../domain/space/endings.ts'
import type { FollowedListRow, ReadModels } from '../../projections/read-models.ts'

const SYSTEM = { kind: 'system', id: 'ban-lists' } as const
const PAGE = 200
/** How often a list is filled in one pass, at most: each time removes a part of the people whom it names. */
const ROUNDS = 10

export type ListKeeping = {
  readonly commands: Pick<Commands, 'space' | 'look'>
  readonly models: Pick<ReadModels, 'followedLists' | 'bansOfSource'>
  readonly content: Content
  readonly clock: Clock
  readonly ids: Ids
  /** `list`: null if no list could be read. */
  readonly onFailure: (list: FollowedListRow | null, cause: string) => void
}

const callerOf = (id: string): Caller => ({ kind: isService(id) ? 'service' : 'account', id })

/** Whether they have at least that role in the space. Null if that can't be found out now. */
const hasRole = async (
  { commands, content, clock }: Pick<ListKeeping, 'commands' | 'content' | 'clock'>,
  space: SpaceRef,
  { id, least }: { readonly id: string; readonly least: 'moderate' | 'owner' },
): Promise<boolean | null> => {
  const by = callerOf(id)
  const [facts, looked] = await Promise.all([content.factsFor(space, by)(), commands.look(space)()])
  if (E.isLeft(facts) || E.isLeft(looked)) return null
  const state = looked.right?.state
  if (state === undefined) return false
  const access = accessOf(state, by, facts.right, new Date(clock.now()).toISOString())
  return access.ban === null && rank(access.role) >= rank(least)
}

/** The entries that such a list should have now, or why they can't be read. The list is empty if whoever follows it may
 *  no longer read the source's bans (only a space's moderators may, unless it publishes them), or, if it has the bans of all
 *  their spaces, no longer owns the space. */
const entriesOf = async (
  deps: ListKeeping,
  list: FollowedListRow,
): Promise<E.Either<string, ReadonlyArray<ListedBan>>> => {
  const { source_type: type, source_id: id } = list
  if (list.source_kind === 'space' && !list.published) {
    if (type === null || id === null) return E.right([])
    const may = await hasRole(deps, { type, id }, { id: list.followed_by, least: 'moderate' })
    if (may === null) return E.left('whether the bans may be read can’t be told now')
    if (!may) return E.right([])
  }
  if (list.source_kind === 'owner') {
    const space = { type: list.space_type, id: list.space_id }
    const owns = await hasRole(deps, space, { id: list.followed_by, least: 'owner' })
    if (owns === null) return E.left('whether the space is still theirs can’t be told now')
    if (!owns) return E.right([])
  }
  const rows = await deps.models.bansOfSource(list, MAX_LISTED)()
  if (E.isLeft(rows)) return E.left(rows.left.cause)
  return E.right(
    rows.right.map(({ subject, reason, space_type, space_id, named }) => ({
      entity: subject,
      reason,
      from: named ? spaceKey({ type: space_type, id: space_id }) : null,
    })),
  )
}

const fill = async (deps: ListKeeping, list: FollowedListRow): Promise<E.Either<string, void>> => {
  const entries = await entriesOf(deps, list)
  if (E.isLeft(entries)) return entries
  const command = { type: 'FillBanList', listId: list.list_id, entries: entries.right } as const
  const space = { type: list.space_type, id: list.space_id }
  for (let round = 0; round < ROUNDS; round += 1) {
    const done = await deps.commands.space({ by: SYSTEM, id: deps.ids.uuid(), space, command })()
    if (E.isLeft(done)) return E.left(done.left._tag)
    if (done.right.events.length < AT_ONCE_WITH_WORDS) break
  }
  return E.right(undefined)
}

export type ListKeeper = {
  /** Goes through all lists once. Resolves to how many have changed since the last time. */
  readonly pass: () => Promise<number>
}

export const createListKeeper = (deps: ListKeeping): ListKeeper => {
  /** By list: a fingerprint of the bans with which it was last filled. */
  const known = new Map<string, string>()
  return {
    pass: async () => {
      const seen = new Set<string>()
      let changed = 0
      let after: readonly [string, string, string] | null = null
      for (;;) {
        const page = await deps.models.followedLists(after, PAGE)()
        if (E.isLeft(page)) {
          deps.onFailure(null, page.left.cause)
          return changed
        }
        for (const list of page.right) {
          const key = `${list.space_type}:${list.space_id} ${list.list_id}`
          const print = `${list.source_kind} ${list.source_type}:${list.source_id} ${list.followed_by} ${list.print}`
          seen.add(key)
          if (known.get(key) === print) continue
          const done = await fill(deps, list)
          if (E.isLeft(done)) {
            deps.onFailure(list, done.left)
            continue
          }
          known.set(key, print)
          changed += 1
        }
        const last = page.right.at(-1)
        if (last === undefined || page.right.length < PAGE) break
        after = [last.space_type, last.space_id, last.list_id]
      }
      for (const key of known.keys()) if (!seen.has(key)) known.delete(key)
      return changed
    },
  }
}
