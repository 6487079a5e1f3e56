/** Counts of a room's timeline: the same as those of its events one by one, whatever was counted before, wherever the
 *  spans' edges are, and with servers' clocks that differ; and what is read stays bounded. */
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPostgresPool } from '../../adapters/postgres/pool.ts'
import { rowsOf } from '../../adapters/postgres/query.ts'
import { createReadModels } from '../../adapters/postgres/read-models.ts'
import { connectSession } from '../../adapters/postgres/session.ts'
import { rebuild } from '../../apps/operations/rebuild/rebuild.ts'
import type { SpaceRef } from '../../domain/names.ts'
import { grow, ROOM, STARTED } from '../../infra/bench/growing-room.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { testDatabase } from '../../infra/testing/postgres.ts'
import type { Statement } from '../projection.ts'
import { auditCounts, auditSpan, BLOCK, countBlocks, forgetBlocks, WIDER, widenBlocks } from './counts.ts'
import { auditLog } from './queries.ts'

type Context = {
  readonly pool: Awaited<ReturnType<typeof createPostgresPool>>
  readonly reads: ReturnType<typeof createReadModels>
  readonly session: Awaited<ReturnType<typeof connectSession>>
  readonly close: () => Promise<void>
}
const test = suite<Context>('counts of a timeline')
const EVENTS = 3_000
/** As after a large room was written at once. */
const WITHOUT_STATISTICS = `DELETE FROM pg_statistic WHERE starelid = 'presence_audit_log'::regclass`

test.before(async (context) => {
  const database = await testDatabase()
  const log = memoryLog()
  await (await grow(log))(EVENTS)
  await rebuild({ log, databaseUrl: database.url })
  const pool = await createPostgresPool(database.url, { maxConnections: 3 })
  const session = await connectSession(database.url, 'tests')
  // Clocks that differ by up to a minute, always the same.
  await session.exec(`UPDATE presence_audit_log
    SET created_at = created_at + (hashtext(position::text) % 60000) * interval '1 millisecond'`)
  const reads = createReadModels(pool)
  const close = async () => {
    await reads.close()
    await session.close()
    await pool.end()
    await database.drop()
  }
  Object.assign(context, { pool, reads, session, close })
})
test.after(({ close }) => close())

/** By every event of the room. */
const oneByOne = async ({ session }: Context, first: number, last: number, width: number) => {
  const rows = await session.run(sql.unsafe`SELECT created_at, action FROM presence_audit_log
    WHERE space_type = ${ROOM.type} AND space_id = ${ROOM.id} AND action <> 'AuditRead'`)
  const found = new Map<number, Record<string, number>>()
  for (const { created_at, action } of rows) {
    const ms = (created_at as Date).getTime()
    if (ms < first || ms > last) continue
    const bucket = Math.floor((ms - first) / width)
    const counts = found.get(bucket) ?? {}
    counts[action as string] = (counts[action as string] ?? 0) + 1
    found.set(bucket, counts)
  }
  return [...found].sort(([a], [b]) => a - b).map(([bucket, counts]) => ({ bucket, counts }))
}
const counted = async ({ reads }: Context, asked: { from?: number; to?: number; buckets: number }) => {
  const answer = await reads.auditCounts({ space: ROOM, from: null, to: null, ...asked })()
  if (answer._tag === 'Left') throw new Error(JSON.stringify(answer.left))
  return answer.right
}
const blocksIn = async ({ session }: Context): Promise<number> =>
  Number((await session.run(sql.unsafe`SELECT count(*) FROM presence_audit_blocks`))[0]?.count)

test('given a room whose stretches were counted or not, when its timeline is asked for by any span, then it is as its events are', async (context) => {
  const all = await counted(context, { buckets: 240 })
  assert.is(await blocksIn(context), Math.floor(EVENTS / BLOCK))
  const [begin, end] = [Date.parse(all.from!), Date.parse(all.to!)]
  for (const [from, to, buckets] of [
    [begin, end, 240],
    [begin, end, 1],
    [begin, end, 7],
    [begin + 12_345, end - 54_321, 31],
    [begin + 400_000, begin + 401_000, 500],
    [begin - 100_000, begin + 60_000, 10],
    [end, end + 5_000, 3],
  ] as const) {
    const got = await counted(context, { from, to, buckets })
    const wanted = await oneByOne(context, from, to, got.width_ms)
    const sorted = (list: ReadonlyArray<{ bucket: number; counts: object }>) =>
      list.map(({ bucket, counts }) => [bucket, Object.entries(counts).sort()])
    assert.equal(sorted(got.buckets), sorted(wanted), `${from - begin} to ${to - begin} by ${buckets}`)
  }
  await context.session.transaction(async () => {
    for (const statement of forgetBlocks()) await context.session.run(statement)
  })
  assert.is(await blocksIn(context), 0)
  assert.equal(await counted(context, { buckets: 240 }), all)
})
test('given several that count a room at once, then each stretch is counted once', async (context) => {
  await context.session.exec('DELETE FROM presence_audit_blocks')
  await Promise.all([1, 2, 3].map(() => context.pool.query(countBlocks(ROOM).statement)))
  assert.is(await blocksIn(context), Math.floor(EVENTS / BLOCK))
  assert.equal(await rowsOf(context.pool, countBlocks({ type: 'post', id: 'nobody/none' })), [
    { more: false },
  ])
})
/** How many rows of a table, or entries of its indexes, a statement goes through. */
const rowsRead = async (
  { session }: Context,
  { statement }: { readonly statement: Statement },
  table = 'presence_audit_log',
): Promise<number> => {
  const [row] = await session.run({
    ...statement,
    sql: `EXPLAIN (ANALYZE, FORMAT JSON) ${statement.sql}`,
  } as typeof statement)
  let read = 0
  const visit = (node: Readonly<Record<string, never>>): void => {
    const isOfTable = node['Relation Name'] === table
    if (isOfTable || String(node['Index Name']).startsWith(table))
      read +=
        (Number(node['Actual Rows']) + Number(node['Rows Removed by Filter'] ?? 0)) *
        Number(node['Actual Loops'])
    for (const inner of (node.Plans ?? []) as ReadonlyArray<Readonly<Record<string, never>>>) visit(inner)
  }
  visit((row!['QUERY PLAN'] as ReadonlyArray<{ Plan: Readonly<Record<string, never>> }>)[0]!.Plan)
  return read
}
test('given a timeline of a few spans, then only the stretches that their edges divide are read event by event', async (context) => {
  const all = await counted(context, { buckets: 4 })
  const asked = { first: Date.parse(all.from!), last: Date.parse(all.to!), width_ms: all.width_ms }
  for (const known of ['ANALYZE presence_audit_log', WITHOUT_STATISTICS]) {
    await context.session.exec(known)
    const read = await rowsRead(context, auditCounts(ROOM, asked))
    // Three edges, each among at most a few stretches since clocks differ, and the uncounted end.
    assert.ok(read > 0 && read < EVENTS / 2, `${read} of ${EVENTS} events: ${known}`)
  }
})
const TIMES = { began: STARTED, now: STARTED + 86_400_000 }
test('given a short span long ago, when the audit log is asked for it, then what came before and after it is not gone through', async (context) => {
  const asked = { from: new Date(STARTED + 300_000), to: new Date(STARTED + 360_000) }
  // As after a while: blocks that were filled lately are in no index by time.
  await context.session.exec(`SELECT brin_summarize_new_values('presence_audit_log_time')`)
  await context.session.exec('ANALYZE presence_audit_log')
  const rows = await context.session.run(
    auditLog(asked, { order: 'newest', past: null, times: TIMES }, 10).statement,
  )
  assert.is(rows.length, 10)
  for (const { created_at } of rows)
    assert.ok((created_at as number) >= asked.from.getTime() && (created_at as number) <= asked.to.getTime())
  for (const order of ['newest', 'oldest'] as const) {
    const walked = await rowsRead(
      context,
      auditLog(asked, { order, past: null, times: TIMES }, 1),
      'presence_audit_log_pkey',
    )
    assert.ok(walked <= 1, `${walked} of ${EVENTS} rows in the log’s order, ${order} first`)
  }
})
test('given a record that ends with many looks, then they are in no count, and are not read again', async (context) => {
  const looks = 4 * BLOCK
  await context.session.exec(`UPDATE presence_audit_log SET action = 'AuditRead', created_at = created_at + interval '1 day'
    WHERE position IN (SELECT position FROM presence_audit_log WHERE space_id = '${ROOM.id}'
      ORDER BY position DESC LIMIT ${looks})`)
  await context.session.exec('DELETE FROM presence_audit_blocks')
  const got = await counted(context, { buckets: 1 })
  const first = Date.parse(got.from!)
  const wanted = await oneByOne(context, first, first + got.width_ms, got.width_ms)
  assert.equal(Object.entries(got.buckets[0]!.counts).sort(), Object.entries(wanted[0]!.counts).sort())
  assert.is(wanted.length, 1)
  assert.is(await blocksIn(context), Math.floor(EVENTS / BLOCK))
  const asked = { first, last: first + got.width_ms - 1, width_ms: got.width_ms }
  const read = await rowsRead(context, auditCounts(ROOM, asked))
  assert.ok(read < 2 * BLOCK, `${read} rows`)
})
/** Stretches as a room has them after so many, each a minute long; its events are not there. */
const longRoom = async ({ session }: Context, id: string, many: number): Promise<SpaceRef> => {
  await session.exec(`INSERT INTO presence_audit_blocks SELECT 'post', '${id}', n * 128, n * 128 + 127,
    '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 minute', '2026-01-01T00:00:59Z'::timestamptz + n * interval '1 minute',
    '{"MessagePosted": 100, "SessionJoined": 28}' FROM generate_series(0, ${many - 1}) AS n`)
  const space: SpaceRef = { type: 'post', id }
  for (let level = 1; level <= 5; level += 1)
    while ((await session.run(widenBlocks(space, level).statement))[0]?.added === 200);
  return space
}
test('given rooms of 500 and of 50,000 stretches, when the same number of spans is asked for, then about as many are gone through', async (context) => {
  const { session, reads } = context
  const gone: number[] = []
  for (const many of [500, 50_000]) {
    const space = await longRoom(context, `of/${many}`, many)
    const answer = await reads.auditCounts({ space, from: null, to: null, buckets: 10 })()
    if (answer._tag === 'Left') throw new Error(JSON.stringify(answer.left))
    const counts = answer.right
    const sum = counts.buckets.reduce((all, { counts: each }) => all + Number(each.MessagePosted), 0)
    // A stretch that an edge divides would be counted by its events.
    assert.ok(sum >= (many - 9) * 100 && sum <= many * 100, `${sum} of ${many} stretches`)
    assert.is(counts.from, '2026-01-01T00:00:00.000Z')
    const asked = { first: Date.parse(counts.from!), last: Date.parse(counts.to!), width_ms: counts.width_ms }
    let all = 0
    for (const query of [auditCounts(space, asked), auditSpan(space)])
      for (const table of ['presence_audit_blocks', 'presence_audit_wide_blocks'])
        all += await rowsRead(context, query, table)
    gone.push(all)
  }
  // Nine edges, each through a part of every level; the longer room has two levels more.
  assert.ok(gone[1]! < gone[0]! + 2 * 10 * 2 * WIDER, `${gone[0]} and ${gone[1]} rows`)
  await session.transaction(async () => {
    for (const statement of forgetBlocks()) await session.run(statement)
  })
  const [left] = await session.run(sql.unsafe`SELECT count(*)::int4 AS many FROM presence_audit_wide_blocks`)
  assert.is(left?.many, 0)
})

test.run()
