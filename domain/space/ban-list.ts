/** A ban list that a space follows, as events and states contain it, and Matrix's form of such a list (policy rules). */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { Actor, isSubject, type Subject } from '../identity.ts'
import { type Invalid, invalid, isLongerThan, isText } from '../text.ts'
import { Time } from '../time.ts'

const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null])

/** Where its entries come from: an admin set them (`given`), or they are the bans of another space, or of all other spaces of the owner. */
export const BanListSource = t.union([
  t.type({ kind: t.literal('given'), name: nullable(t.string) }),
  t.type({ kind: t.literal('space'), space: t.string }),
  t.type({ kind: t.literal('owner') }),
])
export type BanListSource = t.TypeOf<typeof BanListSource>

/** `entity`: an account, a guest or a service, or a pattern: `*` stands for any characters, `?` for one. `from`: the
 *  space whose ban it is. */
export const ListedBan = t.type({ entity: t.string, reason: nullable(t.string), from: nullable(t.string) })
export type ListedBan = t.TypeOf<typeof ListedBan>

export const ListDone = { listId: t.string, by: Actor, at: Time }
/** A ban list in a state. `entries` are in the order in which they were added. */
export const StoredBanList = t.type({
  ...ListDone,
  source: BanListSource,
  entries: t.readonlyArray(t.intersection([ListedBan, t.type({ at: Time })])),
})
export type BanList = t.TypeOf<typeof StoredBanList>
export type BanLists = ReadonlyMap<string, BanList>

export const MAX_LISTS = 10
/** The most entries of all lists of a space together. */
export const MAX_LISTED = 1_000
/** The most entries with a `*` or a `?`: each of them is tried for everybody who comes. */
export const MAX_GLOBS = 100
const MAX_ENTITY = 64
const MAX_WHY = 200
/** Of a copied ban: 1,000 of them, with the names of their spaces, fit into one append. */
const MAX_COPIED_WHY = 100

// ── whom a list names ──────────────────────────────────────────────────────────────────────────────────────

const isGlob = (entity: string): boolean => /[*?]/.test(entity)

/** Whether the pattern stands for the name. When a match fails, it goes back to the last `*` only, so it takes at most
 *  the pattern's length times the name’s in steps. */
export const matches = (pattern: string, name: string): boolean => {
  let at = 0
  let next = 0
  let star = -1
  let restart = 0
  while (at < name.length) {
    const sign = pattern[next]
    if (sign === '*') {
      star = next
      restart = at
      next += 1
    } else if (sign === '?' || sign === name[at]) {
      next += 1
      at += 1
    } else if (star >= 0) {
      restart += 1
      at = restart
      next = star + 1
    } else return false
  }
  while (pattern[next] === '*') next += 1
  return next === pattern.length
}

/** The entry that keeps somebody out, and its list. */
export type Listed = { readonly list: BanList; readonly entry: BanList['entries'][number] }
type Index = { readonly exact: ReadonlyMap<Subject, Listed>; readonly globs: ReadonlyArray<Listed> }

/** The index of each value of `BanLists`, which is never changed in place. */
const indexes = new WeakMap<BanLists, Index>()
const indexOf = (lists: BanLists): Index => {
  const known = indexes.get(lists)
  if (known !== undefined) return known
  const exact = new Map<Subject, Listed>()
  const globs: Listed[] = []
  for (const list of lists.values())
    for (const entry of list.entries)
      if (isGlob(entry.entity)) globs.push({ list, entry })
      else if (!exact.has(entry.entity)) exact.set(entry.entity, { list, entry })
  const index = { exact, globs }
  indexes.set(lists, index)
  return index
}

/** The entry that names `subject`, in whichever list: an exact one rather than a pattern. */
export const listedIn = (lists: BanLists, subject: Subject): Listed | null => {
  if (lists.size === 0) return null
  const { exact, globs } = indexOf(lists)
  return exact.get(subject) ?? globs.find(({ entry }) => matches(entry.entity, subject)) ?? null
}

export const globsIn = (lists: BanLists): number => indexOf(lists).globs.length
export const countIn = (lists: BanLists): number => {
  let count = 0
  for (const { entries } of lists.values()) count += entries.length
  return count
}

// ── Matrix's form ──────────────────────────────────────────────────────────────────────────────────────────

/** The server in the Matrix names of people here. In the local part of such a name, a colon is written as `=3a`. */
const SERVER = ':hive'
const RULE = 'm.policy.rule.user'
/** The type under which rules are written, and the older types for the same. */
const RULES: ReadonlySet<unknown> = new Set([RULE, 'm.room.rule.user', 'org.matrix.mjolnir.rule.user'])
const BANS: ReadonlySet<unknown> = new Set(['m.ban', 'org.matrix.mjolnir.ban'])

const toMatrix = (entity: string): string => `@${entity.replaceAll(':', '=3a')}${SERVER}`

/** Null for somebody of another server, who does not exist here. */
const fromMatrix = (entity: string): string | null => {
  if (!entity.startsWith('@')) return entity
  const end = entity.indexOf(':')
  const server = end < 0 ? '' : entity.slice(end)
  return server === SERVER ? entity.slice(1, end).replaceAll('=3a', ':') : null
}

/** The entry as Matrix's policy rule, which is a state event. */
export const policyOf = ({ entity, reason }: Pick<ListedBan, 'entity' | 'reason'>) => ({
  type: RULE,
  state_key: `rule:${toMatrix(entity)}`,
  content: { entity: toMatrix(entity), reason: reason ?? '', recommendation: 'm.ban' },
})

type Json = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null

const isEntity = (entity: string): boolean =>
  entity.length <= MAX_ENTITY &&
  (isGlob(entity) ? /^[a-z0-9.:*?-]+$/.test(entity) && /[^*?]/.test(entity) : isSubject(entity))

const cut = (reason: unknown, most = MAX_WHY): string | null => {
  if (!isText(reason) || reason === '') return null
  return isLongerThan(reason, most) ? [...reason].slice(0, most).join('') : reason
}

/** The entry as a list keeps it that is made of other spaces' bans: their reasons may be longer than a list's. */
export const copied = (entry: ListedBan): ListedBan => ({
  ...entry,
  reason: cut(entry.reason, MAX_COPIED_WHY),
})

/** The bans among these rules. Skipped and counted in `passed`: rules about something else (rooms, servers), rules that
 *  recommend something else, withdrawn rules (no content), and rules about anybody who can't exist here. */
export const readPolicies = (
  rules: ReadonlyArray<unknown>,
): E.Either<Invalid, { readonly entries: ReadonlyArray<ListedBan>; readonly passed: number }> => {
  const entries = new Map<string, ListedBan>()
  let passed = 0
  for (const rule of rules) {
    if (!isObject(rule) || !isObject(rule.content))
      return invalid('rules', 'A rule is { type, state_key, content: { entity, reason, recommendation } }.')
    const { entity, reason, recommendation } = rule.content
    const here = typeof entity === 'string' ? fromMatrix(entity) : null
    if (!RULES.has(rule.type) || !BANS.has(recommendation) || here === null || !isEntity(here)) passed += 1
    else entries.set(here, { entity: here, reason: cut(reason), from: null })
  }
  return entries.size > MAX_LISTED
    ? invalid('rules', `A space’s lists have at most ${MAX_LISTED} entries.`)
    : E.right({ entries: [...entries.values()], passed })
}
