/** Which space a request is about, and the caller's role there. If the caller may not know of the space, the request
 *  ends exactly as if it did not exist, after the same work. */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { Caller } from '../../domain/identity.ts'
import { parseSpace, type SpaceRef } from '../../domain/names.ts'
import { type Access, accessOf, mayAs } from '../../domain/space/access.ts'
import type { ContentFacts } from '../../domain/space/commands.ts'
import { spaceDecider } from '../../domain/space/decider.ts'
import type { Role } from '../../domain/space/events.ts'
import type { SpaceState } from '../../domain/space/state.ts'
import { liveKey } from '../outside/keys.ts'
import { describeRefusal } from '../refusals.ts'
import type { HttpDeps } from './deps.ts'
import { orTell, tell } from './errors.ts'

/** The two parts of a space in a path; `parseSpace` checks them. */
export const SpaceParams = t.type({ type: t.string, id: t.string })

export const spaceOf = (params: t.TypeOf<typeof SpaceParams>): SpaceRef =>
  orTell(parseSpace(params.type, params.id))

/** Who may read the whole record: auditors, the system's admins, and services that moderate every space. */
export const isAuditor = ({ config, outside, clock }: HttpDeps, caller: Caller): boolean => {
  if (caller.kind === 'account')
    return config.auditors.includes(caller.id) || config.systemAdmins.includes(caller.id)
  if (caller.kind === 'guest' || outside === undefined) return false
  const key = liveKey(outside, caller.id, clock.now())
  return key !== null && key.space === null && key.permission !== 'access'
}

/** Ends the request of a service: only people may go on. */
export const needNoService = (caller: Caller): void => {
  if (caller.kind === 'service')
    tell({ status: 403, code: 'forbidden', error: 'This is for accounts, not for API keys.' })
}

export type VisibleSpace = {
  readonly space: SpaceRef
  readonly state: SpaceState
  readonly content: ContentFacts
  readonly access: Access
}

/** The space up to the log's end, and the role of `caller` there, if any. */
export const accessTo = async (deps: HttpDeps, space: SpaceRef, caller: Caller): Promise<VisibleSpace> => {
  const [facts, looked] = await Promise.all([
    deps.content.factsFor(space, caller)(),
    deps.commands.look(space)(),
  ])
  const content = orTell(facts)
  // Strangers learn no more about an unreadable space than about one that never existed.
  if (E.isLeft(looked) && looked.left._tag === 'Broken')
    if (!accessOf(spaceDecider.initial(), caller, content, new Date(deps.clock.now()).toISOString()).mayKnow)
      tell(describeRefusal({ _tag: 'SpaceNotFound' }))
  const state = orTell(looked)?.state ?? spaceDecider.initial()
  const access = accessOf(state, caller, content, new Date(deps.clock.now()).toISOString())
  return { space, state, content, access }
}

/** The same, but ends the request if the caller may not know of the space. */
export const seen = async (deps: HttpDeps, space: SpaceRef, caller: Caller): Promise<VisibleSpace> => {
  const of = await accessTo(deps, space, caller)
  if (!of.access.mayKnow) tell(describeRefusal({ _tag: 'SpaceNotFound' }))
  return of
}

/** Ends the request unless the caller may enter. */
export const needEntry = (of: VisibleSpace): void => {
  orTellRefusal(of.access.mayEnter)
}

/** Ends the request if the caller's role is lower than `role`. */
export const needRole = (of: VisibleSpace, role: Role): void => {
  orTellRefusal(mayAs(of.access, role))
}

const orTellRefusal = (may: Access['mayEnter']): void => {
  if (may._tag === 'Left') tell(describeRefusal(may.left))
}
