/** The queries of `projections/read-models.ts`, answered by Postgres. */
import type { DatabasePool } from 'slonik'
import type { SpaceRef } from '../../domain/names.ts'
import { cleanText } from '../../projections/audit/canonical.ts'
import { auditCounts, auditSpan, countRoom } from '../../projections/audit/counts.ts'
import { auditLog, lastSearched, logBegan, positionBefore } from '../../projections/audit/queries.ts'
import { bansOfSource, followedLists } from '../../projections/ban-lists/queries.ts'
import { bansOf, mutesOf } from '../../projections/bans/queries.ts'
import {
  caseOf,
  caseSteps,
  casesOf,
  receiptsOf,
  reportsBy,
  transparencyRows,
} from '../../projections/cases/queries.ts'
import { messageFacts, messageIdsOf, messagesOf, revisionOf } from '../../projections/chat/queries.ts'
import { readCheckpoint } from '../../projections/checkpoint.ts'
import { type CursorKind, decodeCursor, encodeCursor } from '../../projections/cursors.ts'
import { entitiesOf } from '../../projections/entities/queries.ts'
import { deliveriesOf } from '../../projections/outside/queries.ts'
import { countParked } from '../../projections/parked.ts'
import {
  countsOf,
  keysOf,
  lastOfLooks,
  looksAt,
  MOST_COUNTED,
  roomsOf,
} from '../../projections/people/queries.ts'
import { permissionsOf } from '../../projections/permissions/queries.ts'
import type { Query } from '../../projections/query.ts'
import { placesOf } from '../../projections/queue/queries.ts'
import type {
  Messages,
  MessagesRequest,
  Page,
  PageRequest,
  ReadModels,
  ReadResult,
} from '../../projections/read-models.ts'
import { lastPlaces } from '../../projections/same-log.ts'
import { boots, connectedUsers, sessionsOfBoot, subrooms } from '../../projections/sessions/queries.ts'
import { settingsOf, settingsRow } from '../../projections/settings/queries.ts'
import { countSpaces, describeSpace, listSpaces } from '../../projections/spaces/queries.ts'
import { COUNTED } from '../../projections/transparency/report.ts'
import { createCounted } from './counted.ts'
import { askingOf, rowsOf } from './query.ts'
import { advanced } from './wait-for-position.ts'

/** A malformed cursor (see `isCursor`) starts from the beginning. */
const after = (kind: CursorKind, cursor: string | null): ReadonlyArray<string> | null =>
  cursor === null ? null : decodeCursor(kind, cursor)

/** One more row than asked for says whether there are more. */
const page = <T>(rows: ReadonlyArray<T>, limit: number, key: (row: T) => ReadonlyArray<string>): Page<T> => {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, next_cursor: rows.length > limit && last !== undefined ? encodeCursor(key(last)) : null }
}

/** Texts from outside, in the form that Postgres accepts: what it refuses could match nothing anyway. */
const cleaned = <T extends object>(request: T): T =>
  Object.fromEntries(
    Object.entries(request).map(([name, value]) => [
      name,
      typeof value === 'string' ? cleanText(value) : value,
    ]),
  ) as T

/** The most steps of one case that are read: the number of reports is limited, and the rest is up to its moderators. */
const MOST_STEPS = 1_000
/** How many rows of a transparency report are read at a time. */
const ACCOUNTED_PAGE = 2_000

const REVISION = /^\d{1,19}$/

/** Queries of reports and cases, and of the numbers for transparency reports. */
const caseReads = (
  pool: DatabasePool,
  asking: ReturnType<typeof askingOf>,
): Pick<ReadModels, 'cases' | 'case' | 'caseSteps' | 'receipts' | 'reportsBy' | 'accounted'> => ({
  cases: (space, list, { limit, cursor }) =>
    asking(async () => {
      const past = after('cases', cursor)?.[0] ?? null
      const rows = await rowsOf(pool, casesOf(space, list, past, limit + 1))
      return page(rows, limit, ({ opened_position }) => [opened_position])
    }),
  case: (space, caseId) => asking(async () => (await rowsOf(pool, caseOf(space, caseId)))[0] ?? null),
  caseSteps: (space, caseId) => asking(() => rowsOf(pool, caseSteps(space, caseId, MOST_STEPS))),
  receipts: (subject, { limit, cursor }) =>
    asking(async () => {
      const past = after('receipts', cursor)?.[0] ?? null
      const rows = await rowsOf(pool, receiptsOf(subject, past, limit + 1))
      return page(rows, limit, ({ opened_position }) => [opened_position])
    }),
  reportsBy: (reporter, { limit, cursor }) =>
    asking(async () => {
      const past = after('reports', cursor)?.[0] ?? null
      const rows = await rowsOf(pool, reportsBy(reporter, past, limit + 1))
      return page(rows, limit, ({ position }) => [position])
    }),
  accounted: (space, span, past) =>
    asking(() => rowsOf(pool, transparencyRows(space, span, COUNTED, { past, limit: ACCOUNTED_PAGE }))),
})

/** The queries of what is held on one person. */
const personReads = (
  pool: DatabasePool,
  asking: ReturnType<typeof askingOf>,
): Pick<ReadModels, 'held' | 'looksAt'> => ({
  held: (subject) =>
    asking(async () => {
      const [rooms, keys, [counts]] = await Promise.all([
        rowsOf(pool, roomsOf(subject)),
        rowsOf(pool, keysOf(subject)),
        rowsOf(pool, countsOf(subject)),
      ])
      const counted = rooms.reduce(
        (sum, { sessions, messages, others }) => sum + sessions + messages + others,
        0,
      )
      return { rooms, keys, ...counts!, is_whole: counted < MOST_COUNTED }
    }),
  looksAt: (subject, { limit, cursor }) =>
    asking(async () => {
      const past = after('looks', cursor)?.[0] ?? null
      const floor = (await rowsOf(pool, lastOfLooks(past)))[0]?.position ?? null
      const rows = await rowsOf(pool, looksAt(subject, past, floor, limit + 1))
      const found = page(rows, limit, ({ position }) => [position])
      // Earlier looks may concern them too.
      return { ...found, next_cursor: found.next_cursor ?? (floor === null ? null : encodeCursor([floor])) }
    }),
})

/** `close` ends the connection on which `waitFor` listens; the caller ends the pool. `searched`: how many rows of the audit log are
 *  searched for a page where no index finds them. */
export const createReadModels = (
  pool: DatabasePool,
  { searched }: { readonly searched?: number } = {},
): ReadModels & { readonly close: () => Promise<void> } => {
  const asking = askingOf(pool)
  const waits = advanced(pool)
  const all = <T>(query: Query<T>): ReadResult<ReadonlyArray<T>> => asking(() => rowsOf(pool, query))

  const paged =
    <T>(
      kind: 'permissions' | 'bans' | 'mutes',
      ask: (space: SpaceRef, after: string | null, limit: number) => Query<T>,
      key: (row: T) => string,
    ) =>
    (space: SpaceRef, { limit, cursor }: PageRequest): ReadResult<Page<T>> =>
      asking(async () => {
        const rows = await rowsOf(pool, ask(space, after(kind, cursor)?.[0] ?? null, limit + 1))
        return page(rows, limit, (row) => [key(row)])
      })

  /** The revision that `before` or `after` stands for; null if there is no such message. */
  const revision = async (space: SpaceRef, text: string | undefined): Promise<bigint | undefined | null> => {
    if (text === undefined) return undefined
    if (REVISION.test(text)) return BigInt(text)
    return (await rowsOf(pool, revisionOf(space, cleanText(text))))[0]?.revision ?? null
  }

  const messages = async ({ space, subspace, limit, ...ends }: MessagesRequest): Promise<Messages> => {
    const before = await revision(space, ends.before)
    const from = await revision(space, ends.after)
    if (before === null || from === null) return { messages: [], has_more: false }
    const range = {
      ...(before === undefined ? {} : { before }),
      ...(from === undefined ? {} : { after: from }),
    }
    const rows = await rowsOf(pool, messagesOf(space, subspace, limit + 1, range))
    const more = rows.length > limit
    const kept = from === undefined ? rows.slice(more ? 1 : 0) : rows.slice(0, limit)
    return { messages: kept.map((row) => ({ ...row, timestamp: row.created_at })), has_more: more }
  }

  const counted = createCounted()
  const countedSpaces = (request: Parameters<typeof countSpaces>[0]): Promise<number> => {
    const { type, contentType, q, viewer } = request
    const account = viewer?.kind === 'account' ? viewer.id : null
    return counted(
      JSON.stringify([type, contentType, q, account]),
      async () => (await rowsOf(pool, countSpaces(request)))[0]?.total ?? 0,
    )
  }

  return {
    waitFor: (position, timeoutMs) => asking(() => waits.waitFor(position, timeoutMs)),
    checkpoint: () =>
      asking(
        async () => (await rowsOf(pool, readCheckpoint()))[0] ?? { position: null, epoch: 0n, at: null },
      ),
    lastPlaces: () => all(lastPlaces()),
    parked: () => asking(async () => (await rowsOf(pool, countParked()))[0] ?? { streams: 0n, events: 0n }),
    listSpaces: ({ limit, cursor, ...asked }) =>
      asking(async () => {
        const request = cleaned(asked)
        const [rows, total] = await Promise.all([
          rowsOf(pool, listSpaces(request, after('spaces', cursor), limit + 1)),
          countedSpaces(request),
        ])
        const { items, next_cursor } = page(rows, limit, (row) => [
          String(row.rank),
          String(row.idle),
          String(row.age),
          row.space_type,
          row.space_id,
        ])
        const spaces = items.map(({ rank, idle, age, ...space }) => space)
        return { spaces, total, next_cursor }
      }),
    space: (space) =>
      asking(async () => {
        const [[described], [settings]] = await Promise.all([
          rowsOf(pool, describeSpace(space)),
          rowsOf(pool, settingsOf(space)),
        ])
        return described === undefined ? null : { ...settingsRow(space, settings), ...described }
      }),
    connectedUsers: (space) => all(connectedUsers(space)),
    followedLists: (after, limit) => all(followedLists(after, limit)),
    bansOfSource: (source, limit) => all(bansOfSource(source, limit)),
    placesOf: (subject) => all(placesOf(subject)),
    entities: (space) => all(entitiesOf(space)),
    subrooms: (space) => all(subrooms(space)),
    settings: (space) => asking(async () => settingsRow(space, (await rowsOf(pool, settingsOf(space)))[0])),
    permissions: paged('permissions', permissionsOf, ({ user_account }) => user_account),
    bans: paged('bans', bansOf, ({ subject }) => subject),
    mutes: paged('mutes', mutesOf, ({ subject }) => subject),
    messages: (request) => asking(() => messages(request)),
    message: (space, messageId) =>
      asking(async () => {
        const [row] = await rowsOf(pool, messageFacts(space, cleanText(messageId)))
        if (row === undefined) return null
        return {
          messageId: row.message_id,
          space: { type: row.space_type, id: row.space_id },
          account: row.user_account,
          guest: row.guest_id,
          displayName: row.display_name,
          subspace: row.subspace,
          messageType: row.message_type,
          content: row.content,
          edited: row.edited,
          deleted: row.is_deleted,
          parentMessageId: row.parent_message_id,
          threadRootId: row.thread_root_id,
          createdAt: row.created_at,
          revision: row.revision,
          reactions: row.reactions,
        }
      }),
    messageIds: (space, after, limit) => all(messageIdsOf(space, after, limit)),
    sessionsOfBoot: (boot) =>
      asking(async () =>
        (await rowsOf(pool, sessionsOfBoot(boot))).map(({ space_type, space_id, ...row }) => ({
          ...row,
          space: { type: space_type, id: space_id },
        })),
      ),
    boots: () => all(boots()),
    audit: ({ limit, cursor, order = 'newest', ...filters }) =>
      asking(async () => {
        const past = after('audit', cursor)?.[0] ?? null
        const asked = cleaned(filters)
        const isOfSpan = asked.from !== undefined && asked.to !== undefined
        const [began] = isOfSpan ? await rowsOf(pool, logBegan()) : []
        const times = { began: began?.at ?? 0, now: Date.now() }
        const search = lastSearched(asked, order, past, { times, searched })
        const last = search === null ? null : ((await rowsOf(pool, search))[0]?.position ?? null)
        const rows = await rowsOf(pool, auditLog(asked, { order, past, last, times }, limit + 1))
        const found = page(rows, limit, (row) => [row.position])
        // There may be more behind those that were searched.
        return { ...found, next_cursor: found.next_cursor ?? (last === null ? null : encodeCursor([last])) }
      }),
    deliveries: (subscriptions) => all(deliveriesOf(subscriptions)),
    positionBefore: (space, position, types) =>
      asking(async () => (await rowsOf(pool, positionBefore(space, position, types)))[0]?.position ?? null),
    auditCounts: ({ space, from, to, buckets }) =>
      asking(async () => {
        // Nothing, in a room that was counted as it went on.
        await countRoom(space, async (asked) => (await rowsOf(pool, asked))[0])
        const [span] = await rowsOf(pool, auditSpan(space))
        const first = from ?? span?.first ?? null
        const last = to ?? span?.last ?? null
        if (first === null || last === null || last < first)
          return { from: null, to: null, width_ms: 0, buckets: [] }
        const width_ms = Math.max(1, Math.ceil((last - first + 1) / buckets))
        const rows = await rowsOf(pool, auditCounts(space, { first, last, width_ms }))
        const found = new Map<number, Record<string, number>>()
        for (const { bucket, action, events } of rows)
          found.set(bucket, { ...found.get(bucket), [action]: events })
        return {
          from: new Date(first).toISOString(),
          to: new Date(last).toISOString(),
          width_ms,
          buckets: [...found].map(([bucket, counts]) => ({ bucket, counts })),
        }
      }),
    ...caseReads(pool, asking),
    ...personReads(pool, asking),
    close: () => waits.close(),
  }
}
