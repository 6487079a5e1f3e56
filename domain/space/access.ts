/** Who may do what. Commands, reads, sockets and explanations all ask here. */
import * as E from 'fp-ts/lib/Either.js'
import type { Subject } from '../identity.ts'
import type { Grounds } from '../metadata.ts'
import { isOver } from '../text.ts'
import { listedIn } from './ban-list.ts'
import type { ContentFacts, DecisionInput } from './commands.ts'
import type { Permission, Role } from './events.ts'
import type { SpaceRefusal } from './refusals.ts'
import type { Restriction, SpaceState } from './state.ts'

export type By = DecisionInput<unknown>['by']

export type Access = {
  /** The caller's role here; null for a stranger, who may still enter if the space is public. */
  readonly role: Role | null
  /** Where the role comes from: the content, a grant of this space, the space being public, or being the system. */
  readonly via: 'content' | 'grant' | 'public' | 'system' | 'none'
  /** If false, the space looks to this caller as if it did not exist, whatever is asked. */
  readonly mayKnow: boolean
  /** The restrictions in force at that time. Owners and the system are never restricted. */
  readonly ban: Restriction | null
  readonly mute: Restriction | null
  /** Whether the caller may be let in, apart from seats. */
  readonly mayEnter: E.Either<SpaceRefusal, void>
}

const RANK: Record<Role, number> = { access: 1, moderate: 2, admin: 3, owner: 4 }
/** Owner 4, admin 3, moderate 2, access 1, none 0. */
export const rank = (role: Role | null): number => (role === null ? 0 : RANK[role])
const ABOVE: Record<Role, Permission | 'owner'> = {
  access: 'moderate',
  moderate: 'admin',
  admin: 'owner',
  owner: 'owner',
}

const forbidden = (needs: Permission | 'owner' | 'self'): E.Either<SpaceRefusal, never> =>
  E.left({ _tag: 'Forbidden', needs })
const yes: E.Either<never, void> = E.right(undefined)

/** The restriction on `subject` if it is in force at `at`. */
export const inForce = (
  restrictions: ReadonlyMap<Subject, Restriction>,
  subject: Subject,
  at: string,
): Restriction | null => {
  const restriction = restrictions.get(subject)
  return restriction === undefined || isOver(restriction.until, at) ? null : restriction
}

const ownRole = (
  state: SpaceState,
  by: By,
  content: ContentFacts,
): { readonly role: Role | null; readonly via: Access['via'] } => {
  if (content.role === 'owner') return { role: 'owner', via: 'content' }
  const grant = by.kind === 'account' ? state.grants.get(by.id) : undefined
  if (grant !== undefined) return { role: grant.permission, via: 'grant' }
  if (content.role !== null) return { role: content.role, via: 'content' }
  return { role: null, via: content.visibility === 'public' ? 'public' : 'none' }
}

/** The entry of a followed list that names the person, as a ban. Lists don't apply to anybody who has a role in the
 *  space, since they were let in by name. */
const listedBan = ({ lists }: SpaceState, by: By, role: Role | null): Restriction | null => {
  const listed = role === null ? listedIn(lists, by.id) : null
  if (listed === null) return null
  const { list, entry } = listed
  return { by: list.by, reason: entry.reason, until: null, at: entry.at }
}

/** What `by` may do in this space at `at` (ISO 8601). `content` is what the content says about this caller. */
export const accessOf = (state: SpaceState, by: By, content: ContentFacts, at: string): Access => {
  if (by.kind === 'system') {
    // A space without content does not exist for the system, either: nothing can open it.
    const mayKnow = content.exists || state.opened !== null
    return { role: 'owner', via: 'system', mayKnow, ban: null, mute: null, mayEnter: yes }
  }
  if (!content.exists) {
    const gone: SpaceRefusal = { _tag: 'SpaceNotFound' }
    return { role: null, via: 'none', mayKnow: false, ban: null, mute: null, mayEnter: E.left(gone) }
  }
  const { role, via } = ownRole(state, by, content)
  const mayKnow = role !== null || content.visibility === 'public'
  const ban = role === 'owner' ? null : (inForce(state.bans, by.id, at) ?? listedBan(state, by, role))
  const mute = role === 'owner' ? null : inForce(state.mutes, by.id, at)
  const mayEnter = (): E.Either<SpaceRefusal, void> => {
    if (!mayKnow) return E.left({ _tag: 'SpaceNotFound' })
    if (ban !== null) return E.left({ _tag: 'Banned', until: ban.until })
    if (by.kind === 'guest' && !state.settings.guests_allowed) return E.left({ _tag: 'GuestsNotAllowed' })
    return yes
  }
  return { role, via, mayKnow, ban, mute, mayEnter: mayEnter() }
}

/** The role of somebody else, as far as it is known here: as the content's owner, or by a grant of this space. */
export const roleOf = (state: SpaceState, content: ContentFacts, subject: Subject): Role | null => {
  const owner = content.exists ? content.owner : (state.opened?.owner ?? null)
  if (subject === owner || content.owners?.includes(subject) === true) return 'owner'
  const ofTeam =
    content.team !== undefined && Object.hasOwn(content.team, subject) ? content.team[subject] : undefined
  return state.grants.get(subject)?.permission ?? ofTeam ?? null
}

/** Whether the caller may know of the space, is not banned from it, and has at least the role `needs`. */
export const mayAs = (access: Access, needs: Role): E.Either<SpaceRefusal, void> => {
  if (!access.mayKnow) return E.left({ _tag: 'SpaceNotFound' })
  if (access.ban !== null) return E.left({ _tag: 'Banned', until: access.ban.until })
  return rank(access.role) >= rank(needs) ? yes : forbidden(needs)
}

/** Nobody may act on somebody of equal or higher role: `access` must outrank `target`. The system may. */
export const mayActOn = (
  state: SpaceState,
  content: ContentFacts,
  access: Access,
  target: Subject,
): E.Either<SpaceRefusal, void> => {
  const role = roleOf(state, content, target)
  if (role === null || access.via === 'system' || rank(access.role) > rank(role)) return yes
  return forbidden(ABOVE[role])
}

/** Only somebody whose rank is at least that of whoever set a restriction may change or lift it; the system may. */
export const mayOverrule = (
  state: SpaceState,
  content: ContentFacts,
  access: Access,
  standing: Restriction | null,
): E.Either<SpaceRefusal, void> => {
  if (standing === null || access.via === 'system') return yes
  const setter = standing.by.kind === 'system' ? 'owner' : roleOf(state, content, standing.by.id)
  return setter === null || rank(access.role) >= rank(setter) ? yes : forbidden(setter)
}

/** The role in force and where it came from, for the metadata of a command's events or refusal. */
export const groundsFor = (state: SpaceState, asked: Omit<DecisionInput<unknown>, 'command'>): Grounds => {
  const { role, via } = accessOf(state, asked.by, asked.content, asked.at)
  return { role: via === 'system' ? 'system' : (role ?? 'none'), via }
}
