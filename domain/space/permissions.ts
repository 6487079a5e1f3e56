/** Granting and revoking permissions: admins up to moderate, owners up to admin, and nobody those of somebody of equal or higher role. */
import * as E from 'fp-ts/lib/Either.js'
import { isAccount } from '../names.ts'
import { invalid, parseReason } from '../text.ts'
import { mayActOn, mayAs } from './access.ts'
import type { GrantPermission, RevokePermission } from './commands.ts'
import { actorOf, type Decision, type DecisionContext } from './decision-context.ts'
import { AT_ONCE_WITH_WORDS, putOut } from './endings.ts'

const PERMISSIONS: ReadonlyArray<string> = ['access', 'moderate', 'admin']

export const grantPermission = (context: DecisionContext, command: GrantPermission): Decision => {
  const { state, content, access, at } = context
  const { account, permission } = command
  const may = mayAs(access, permission === 'admin' ? 'owner' : 'admin')
  if (E.isLeft(may)) return may
  if (!isAccount(account)) return invalid('account', 'A permission is granted to a Hive account.')
  if (!PERMISSIONS.includes(permission))
    return invalid('permission', `A permission is one of ${PERMISSIONS.join(', ')}.`)
  const reason = parseReason(command.reason)
  if (E.isLeft(reason)) return reason
  const mayOn = mayActOn(state, content, access, account)
  if (E.isLeft(mayOn)) return mayOn
  if (state.grants.get(account)?.permission === permission) return E.right([])
  return E.right([
    {
      type: 'PermissionGranted',
      data: { account, permission, by: actorOf(context.by), reason: reason.right, at },
    },
  ])
}

/** In a private space, losing the permission that let somebody in ends their sessions. */
export const revokePermission = (context: DecisionContext, command: RevokePermission): Decision => {
  const { state, content, access, at } = context
  const { account } = command
  const may = mayAs(access, 'admin')
  if (E.isLeft(may)) return may
  if (!isAccount(account)) return invalid('account', 'A permission is revoked from a Hive account.')
  const reason = parseReason(command.reason)
  if (E.isLeft(reason)) return reason
  const mayOn = mayActOn(state, content, access, account)
  if (E.isLeft(mayOn)) return mayOn
  const grant = state.grants.get(account)
  if (grant === undefined) return E.right([])
  const out =
    content.visibility === 'private'
      ? putOut(context, account, { reason: 'kicked', note: reason.right, until: null })
      : []
  return E.right([
    {
      type: 'PermissionRevoked',
      data: {
        account,
        permission: grant.permission,
        by: actorOf(context.by),
        reason: reason.right,
        at,
        ...(out.length > AT_ONCE_WITH_WORDS ? { inRounds: true } : {}),
      },
    },
    ...out.slice(0, AT_ONCE_WITH_WORDS),
  ])
}
