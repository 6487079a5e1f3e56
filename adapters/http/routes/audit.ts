/** The audit log: all of it for auditors, a space's for its moderators, and their own rows for everybody. Each look at
 *  others' rows is recorded on the log before anything is shown. */
import type { FastifyInstance } from 'fastify'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { Caller } from '../../../domain/identity.ts'
import { parseSpaceKey, type SpaceRef, spaceKey } from '../../../domain/names.ts'
import { mayAs } from '../../../domain/space/access.ts'
import { encodeCursor } from '../../../projections/cursors.ts'
import type { AuditFilters, AuditOrder, AuditRow } from '../../../projections/read-models.ts'
import { describeRefusal } from '../../refusals.ts'
import {
  Action,
  Correlation,
  EndTime,
  FormatCodec,
  GuestCodec,
  Order,
  optional,
  RefusalCode,
  SearchText,
  SpaceKeyCodec,
  Subject,
  SubspaceCodec,
  Target,
  Time,
} from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { download, formatOf } from '../download.ts'
import { type EndpointRequest, mount } from '../endpoint.ts'
import { orTell, tell, tellInvalid } from '../errors.ts'
import { loggedId } from '../request-id.ts'
import { AuditEntry, listOf } from '../shapes.ts'
import { accessTo, isAuditor, needRole, SpaceParams, seen, spaceOf } from '../space-gate.ts'
import { Paging, pageOf } from './spaces.ts'

const COLUMNS = [
  'position',
  'event_id',
  'created_at',
  'action',
  'user_account',
  'guest_id',
  'target',
  'space_type',
  'space_id',
  'subspace',
  'details',
  'ip_address',
  'user_agent',
  'command_id',
  'correlation_id',
  'causation_id',
  'stream',
  'revision',
  'erased_by',
  'prev_hash',
  'hash',
] as const satisfies ReadonlyArray<keyof AuditRow>
/** How many rows an export holds at a time. */
const EXPORT_PAGE = 1_000
/** How many rows are read at once for a page of the caller's own rows. */
const OWN_PAGE = 101

/** Addresses and user agents are for auditors alone. */
const withoutClient = (row: AuditRow): AuditRow => ({ ...row, ip_address: null, user_agent: null })

/** Whether the caller may see all of a space's log. A space that the caller may not know of ends the request. */
const moderates = async (deps: HttpDeps, space: SpaceRef, caller: Caller): Promise<boolean> => {
  const { access } = await seen(deps, space, caller)
  return mayAs(access, 'moderate')._tag === 'Right'
}

export const isOwn = (row: AuditRow, { id }: Caller): boolean =>
  row.user_account === id || row.guest_id === id

/** Hides what others did to the caller in a space that the caller may no longer know of. */
export const withoutHidden = async (
  deps: HttpDeps,
  rows: ReadonlyArray<AuditRow>,
  caller: Caller,
): Promise<ReadonlyArray<AuditRow>> => {
  const keys = new Set(
    rows.filter((row) => !isOwn(row, caller)).map((row) => `${row.space_type}:${row.space_id}`),
  )
  const known = new Set<string>()
  for (const key of keys) {
    const space = parseSpaceKey(key)
    if (space._tag === 'Right' && (await accessTo(deps, space.right, caller)).access.mayKnow) known.add(key)
  }
  return rows.filter((row) => isOwn(row, caller) || known.has(`${row.space_type}:${row.space_id}`))
}

const FILTERS = {
  room: optional(SubspaceCodec),
  account: optional(Subject),
  guest: optional(GuestCodec),
  target: optional(Target),
  action: optional(Action),
  refusal: optional(RefusalCode),
  from: optional(Time),
  to: optional(EndTime),
  text: optional(SearchText),
  correlation: optional(Correlation),
  order: optional(Order),
  format: optional(FormatCodec),
  ...Paging,
}
const Filters = t.type(FILTERS)
type Filters = t.TypeOf<typeof Filters>

/** Which rows the caller may get. */
type Scope = {
  readonly call: string
  readonly space: SpaceRef | null
  /** Only this subject's rows; null for everybody's. */
  readonly only: string | null
  readonly auditor: boolean
}

/** The filters by name, as they may be kept on the log: without the words searched for, which may be somebody's. */
const noted = (query: Filters): Readonly<Record<string, unknown>> => {
  const { account, guest, room, target, action, refusal, from, to, correlation, order, format } = query
  const all = {
    room,
    account,
    guest,
    target,
    action,
    refusal,
    from: from?.toISOString() ?? null,
    to: to?.toISOString() ?? null,
    text: query.text === null ? null : true,
    correlation,
    order,
    format,
    cursor: query.cursor === null || query.cursor === '' ? null : true,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null))
}

const look = async (deps: HttpDeps, asked: EndpointRequest<unknown, Filters, unknown>, scope: Scope) => {
  const { query, who, sender, request } = asked
  const page = pageOf(query, 'audit')
  if (query.from !== null && query.to !== null && query.from > query.to)
    tellInvalid('from', 'from must not be after to.')
  const { caller } = who
  const order: AuditOrder = query.order ?? 'newest'
  const format = formatOf(query.format, request.headers.accept)
  // The caller's own rows, narrowed by the filters; a name that is given is one more filter.
  const { only, space } = scope
  const subject = only ?? query.account ?? query.guest
  const filters: AuditFilters = {
    ...(space === null ? {} : { space }),
    ...(query.room === null ? {} : { subspace: query.room }),
    ...(subject === null ? {} : { account: subject }),
    ...(query.guest === null || query.guest === subject ? {} : { guest: query.guest }),
    ...(query.target === null ? {} : { target: query.target }),
    ...(query.action === null ? {} : { action: query.action }),
    ...(query.refusal === null ? {} : { refusal: query.refusal }),
    ...(query.from === null ? {} : { from: query.from }),
    ...(query.to === null ? {} : { to: query.to }),
    ...(query.text === null ? {} : { text: query.text }),
    ...(query.correlation === null ? {} : { correlation: loggedId(query.correlation) }),
    // A space that does not exist has no refusals: the caller's own would reveal that a private space exists.
    ...(only === null || scope.auditor ? {} : { knownOnly: true }),
    // A case may be about somebody who reads this: whoever handles it sees it elsewhere (`cases.ts`).
    ...(scope.auditor ? {} : { withoutCases: true }),
  }
  const shown = async (rows: ReadonlyArray<AuditRow>): Promise<ReadonlyArray<AuditRow>> =>
    scope.auditor ? rows : (only === null ? rows : await withoutHidden(deps, rows, caller)).map(withoutClient)
  /** Only a look at others' rows is recorded. */
  const record = async (rows: number | null): Promise<void> => {
    if (only !== null) return
    orTell(await deps.looks.record({ sender, space, call: scope.call, filters: noted(query), rows })())
  }

  /** A page of rows: those hidden from the caller are neither in it nor counted by its cursor. */
  const ownPage = async () => {
    const visible: AuditRow[] = []
    for (let cursor = page.cursor; ; ) {
      const rows = orTell(await deps.readModels.audit({ ...filters, order, limit: OWN_PAGE, cursor })())
      visible.push(...(await shown(rows.items)))
      cursor = rows.next_cursor
      if (cursor === null || visible.length > page.limit) break
    }
    const entries = visible.slice(0, page.limit)
    const last = entries.at(-1)
    const more = visible.length > page.limit && last !== undefined
    return { entries, next_cursor: more ? encodeCursor([last.position]) : null }
  }

  if (format === 'json') {
    if (only !== null) return ownPage()
    const rows = orTell(await deps.readModels.audit({ ...page, ...filters, order })())
    const entries = await shown(rows.items)
    await record(entries.length)
    return { entries, next_cursor: rows.next_cursor }
  }

  const most = query.limit ?? Number.POSITIVE_INFINITY
  // Rows that come during the answer are not part of it.
  const upTo = orTell(await deps.readModels.checkpoint()()).position ?? 0n
  await record(null)
  const pages = async function* () {
    let cursor = page.cursor
    for (let left = most; left > 0; ) {
      const limit = Math.min(EXPORT_PAGE, left)
      const rows = await deps.readModels.audit({ ...filters, order, upTo, limit, cursor })()
      // The answer has begun, so it can only be cut short, which the caller sees.
      if (E.isLeft(rows)) throw new Error(rows.left.cause)
      const given = await shown(rows.right.items)
      yield given
      left -= given.length
      cursor = rows.right.next_cursor
      if (cursor === null) return
    }
  }
  const { caller: reader } = who
  const check = async () => {
    if (scope.auditor || space === null) return
    if (only !== null) await seen(deps, space, reader)
    else needRole(await seen(deps, space, reader), 'moderate')
  }
  return download(format, { name: 'audit', columns: COLUMNS, rows: pages(), check })
}

const ANSWER = { entries: listOf(AuditEntry), next_cursor: 'string?' } as const
const EXPORTS = ['application/x-ndjson', 'text/csv']

export const audit = (app: FastifyInstance, deps: HttpDeps): void => {
  const tag = 'audit'

  /** All of a space's rows for its moderators and for auditors; for others, those that concern them. */
  const scopeIn = async (space: SpaceRef, caller: Caller, call: string): Promise<Scope> => {
    const auditor = isAuditor(deps, caller)
    const all = auditor || (await moderates(deps, space, caller))
    return { call, space, only: all ? null : caller.id, auditor }
  }
  const needOwn = ({ only, space }: Scope, account: string | null): void => {
    if (only !== null && account !== null && account !== only)
      tell(describeRefusal({ _tag: 'Forbidden', needs: space === null ? 'self' : 'moderate' }))
  }

  mount(app, deps, {
    method: 'GET',
    path: '/api/audit',
    answer: ANSWER,
    exports: EXPORTS,
    tag,
    summary:
      'What happened, newest first. Auditors see everything, moderators what happened in their space, anyone what concerns them. With `format` (or Accept), everything that matches comes as lines of JSON or CSV.',
    strict: true,
    query: t.type({ space: optional(SpaceKeyCodec), ...FILTERS }),
    handle: async (asked) => {
      const { space, account } = asked.query
      const { caller } = asked.who
      const auditor = isAuditor(deps, caller)
      const scope =
        space !== null
          ? await scopeIn(space, caller, 'audit')
          : { call: 'audit', space, only: auditor ? null : caller.id, auditor }
      needOwn(scope, account)
      return look(deps, asked, scope)
    },
  })
  mount(app, deps, {
    method: 'GET',
    path: '/api/spaces/:type/:id/audit',
    answer: ANSWER,
    exports: EXPORTS,
    tag,
    summary:
      'What happened in a space: everything, for its moderators and for auditors; otherwise what concerns the caller.',
    params: SpaceParams,
    strict: true,
    query: Filters,
    handle: async (asked) => {
      const space = spaceOf(asked.params)
      const scope = await scopeIn(space, asked.who.caller, `audit of ${spaceKey(space)}`)
      needOwn(scope, asked.query.account)
      return look(deps, asked, scope)
    },
  })
  mount(app, deps, {
    method: 'GET',
    path: '/api/me/audit',
    answer: ANSWER,
    exports: EXPORTS,
    tag,
    summary: 'What the caller did and what was done to them, in spaces that they may know of.',
    strict: true,
    query: t.type({ space: optional(SpaceKeyCodec), ...FILTERS }),
    handle: async (asked) => {
      const { space } = asked.query
      const { caller } = asked.who
      if (space !== null) await seen(deps, space, caller)
      const scope: Scope = { call: 'me/audit', space, only: caller.id, auditor: false }
      needOwn(scope, asked.query.account)
      return look(deps, asked, scope)
    },
  })
}
