/** The audit log, newest first: all of it for auditors, a space's for its moderators, one's own for anyone. */
import type { FastifyInstance } from 'fastify'
import * as t from 'io-ts'
import type { Caller } from '../../../domain/identity.ts'
import { parseSpaceKey, type SpaceRef } from '../../../domain/names.ts'
import { mayAs } from '../../../domain/space/access.ts'
import type { AuditRow } from '../../../projections/read-models.ts'
import { describeRefusal } from '../../refusals.ts'
import { Action, optional, SpaceKeyCodec, Subject, Time } from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { mount } from '../endpoint.ts'
import { orTell, tell } from '../errors.ts'
import { accessTo, seen } from '../space-gate.ts'
import { Paging, pageOf } from './spaces.ts'

/** Addresses and user agents are for auditors alone. */
const withoutClient = (row: AuditRow): AuditRow => ({ ...row, ip_address: null, user_agent: null })

const isAuditor = (deps: HttpDeps, caller: Caller): boolean =>
  caller.kind === 'account' &&
  (deps.config.auditors.includes(caller.id) || deps.config.systemAdmins.includes(caller.id))

/** Whether all of a space's log is the caller's to see. A space that it may not know of ends the request. */
const moderates = async (deps: HttpDeps, space: SpaceRef, caller: Caller): Promise<boolean> => {
  const { access } = await seen(deps, space, caller)
  return mayAs(access, 'moderate')._tag === 'Right'
}

/** What others did to the caller is no news of a space that it may not know of. */
const withoutHidden = async (
  deps: HttpDeps,
  rows: ReadonlyArray<AuditRow>,
  caller: Caller,
): Promise<ReadonlyArray<AuditRow>> => {
  const isOwn = (row: AuditRow): boolean => row.user_account === caller.id || row.guest_id === caller.id
  const keys = new Set(rows.filter((row) => !isOwn(row)).map((row) => `${row.space_type}:${row.space_id}`))
  const known = new Set<string>()
  for (const key of keys) {
    const space = parseSpaceKey(key)
    if (space._tag === 'Right' && (await accessTo(deps, space.right, caller)).access.mayKnow) known.add(key)
  }
  return rows.filter((row) => isOwn(row) || known.has(`${row.space_type}:${row.space_id}`))
}

export const audit = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'GET',
    path: '/api/audit',
    answer: { entries: 'array', next_cursor: 'string?' },
    tag: 'audit',
    summary:
      'What happened, newest first. Auditors see all, moderators their space’s, anyone what concerns them.',
    query: t.type({
      space: optional(SpaceKeyCodec),
      account: optional(Subject),
      action: optional(Action),
      from: optional(Time),
      to: optional(Time),
      ...Paging,
    }),
    handle: async ({ query, who }) => {
      const page = pageOf(query, 'audit')
      const { space, action, from, to } = query
      const auditor = isAuditor(deps, who.caller)
      const all = auditor || (space !== null && (await moderates(deps, space, who.caller)))
      const own = who.caller.id
      if (!all && query.account !== null && query.account !== own)
        tell(describeRefusal({ _tag: 'Forbidden', needs: space === null ? 'self' : 'moderate' }))
      const account = all ? query.account : own
      const rows = orTell(
        await deps.readModels.audit({
          ...page,
          ...(space === null ? {} : { space }),
          ...(account === null ? {} : { account }),
          ...(action === null ? {} : { action }),
          ...(from === null ? {} : { from }),
          ...(to === null ? {} : { to }),
        })(),
      )
      const { next_cursor } = rows
      if (auditor) return { entries: rows.items, next_cursor }
      const shown = all ? rows.items : await withoutHidden(deps, rows.items, who.caller)
      return { entries: shown.map(withoutClient), next_cursor }
    },
  })
}
