/** Who may see a case, and which of SYSTEM_ADMINS' rights a caller has over one. */
import { mayRead } from '../../../domain/cases/decide.ts'
import type { Caller } from '../../../domain/identity.ts'
import type { SpaceRef } from '../../../domain/names.ts'
import { rank } from '../../../domain/space/access.ts'
import { contextOf } from '../../../domain/space/decision-context.ts'
import { describeRefusal } from '../../refusals.ts'
import type { HttpDeps } from '../deps.ts'
import { tell } from '../errors.ts'
import { accessTo, needRole, seen, type VisibleSpace } from '../space-gate.ts'

export const isSystemAdmin = ({ config }: HttpDeps, caller: Caller): boolean =>
  caller.kind === 'account' && config.systemAdmins.includes(caller.id)

/** What a command says about a caller who is above every owner. */
export const standing = (deps: HttpDeps, caller: Caller): { readonly asSystemAdmin?: true } =>
  isSystemAdmin(deps, caller) ? { asSystemAdmin: true } : {}

/** Whether the caller has any say in the space apart from that. */
export const moderatesHere = ({ access }: VisibleSpace): boolean => rank(access.role) >= rank('moderate')

export type CaseReader = { readonly of: VisibleSpace; readonly mayRead: (subject: string) => boolean }

/** Lets in moderators of the space and SYSTEM_ADMINS; ends the request of anybody else. */
export const caseReader = async (deps: HttpDeps, space: SpaceRef, caller: Caller): Promise<CaseReader> => {
  const isAbove = isSystemAdmin(deps, caller)
  const of = isAbove ? await accessTo(deps, space, caller) : await seen(deps, space, caller)
  if (!isAbove) needRole(of, 'moderate')
  else if (!of.content.exists && of.state.opened === null) tell(describeRefusal({ _tag: 'SpaceNotFound' }))
  const at = new Date(deps.clock.now()).toISOString()
  const asking = contextOf(of.state, { id: '', by: caller, at, content: of.content, command: null })
  return { of, mayRead: (subject) => mayRead(asking, subject, isAbove) }
}
