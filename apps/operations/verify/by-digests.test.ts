import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DatabaseSession } from '../../../adapters/postgres/session.ts'
import { accessStream } from '../../../domain/names.ts'
import type { RecordedEvent } from '../../../domain/ports.ts'
import type { memoryLog } from '../../../infra/testing/memory-log.ts'
import { until } from '../../../infra/testing/until.ts'
import { chain, GENESIS, leafOf } from '../../../projections/audit/canonical.ts'
import { storedAudit } from '../../../projections/audit/records.ts'
import { posted, recorded } from '../../../projections/testing/events.ts'
import { runProjector } from '../../projector/projector.ts'
import { rebuild } from '../rebuild/rebuild.ts'
import { withTables } from './testing/with-tables.ts'
import { verifyLog } from './verify.ts'

const test = suite('verify by digests')
/** More passes: DIGEST_RUNS=300 node apps/operations/verify/by-digests.test.ts */
const RUNS = Number(process.env.DIGEST_RUNS ?? 5)
const SEED = process.env.DIGEST_SEED === undefined ? {} : { seed: Number(process.env.DIGEST_SEED) }

const plain = (text: string) => ({ ...sql.unsafe``, sql: text, values: [] })

/** Makes the chain anew from a row on, as somebody would who alters a row and does not want it to show in the chain. */
const chainedAnew = (events: ReadonlyArray<RecordedEvent>, from: number, before: string): string => {
  let last = before
  return events
    .slice(from)
    .map((event) => {
      const hash = chain(last, event.position, leafOf(event))
      const halves = (text: string, column: string) =>
        `${column}_head = '${text.slice(0, 32)}', ${column}_tail = '${text.slice(32)}'`
      const set = `${halves(last, 'prev_hash')}, ${halves(hash, 'hash')}`
      last = hash
      return `UPDATE presence_audit_log SET ${set} WHERE position = ${event.position}`
    })
    .join(';')
}

/** What the rows' hashes should be. */
const hashes = (events: ReadonlyArray<RecordedEvent>): ReadonlyArray<string> => {
  let last = GENESIS
  return events.map((event) => {
    last = chain(last, event.position, leafOf(event))
    return last
  })
}

type Harm = {
  readonly how:
    | 'column'
    | 'deleted'
    | 'put in'
    | 'put first'
    | 'put last'
    | 'chained anew'
    | 'linked over'
    | 'left text'
  readonly at: number
  readonly upTo: number
}
const COLUMNS = [
  'target',
  'space_id',
  'created_at',
  'details',
  'event_uuid',
  'revision',
  'erased_by',
  'hash_head',
  'prev_hash_text',
]
const COPIED = (position: string): string =>
  `INSERT INTO presence_audit_log (position, created_at, action, space_type, space_id, details, stream_text, revision,
      event_uuid, command_uuid, hash_head, hash_tail, prev_hash_head, prev_hash_tail)
    SELECT ${position}, created_at, action, space_type, space_id, details, stream_text, revision, gen_random_uuid(), command_uuid,
      hash_head, hash_tail, prev_hash_head, prev_hash_tail FROM presence_audit_log`
const harmed = ({ how, at, upTo }: Harm, events: ReadonlyArray<RecordedEvent>): string => {
  const { position } = events[at]!
  switch (how) {
    case 'column': {
      const column = COLUMNS[upTo % COLUMNS.length]!
      const value: Record<string, string> = {
        created_at: `created_at + interval '1 millisecond'`,
        details: `details || '{"more": 1}'`,
        event_uuid: 'gen_random_uuid()',
        hash_head: 'gen_random_uuid()',
        revision: 'revision + 1',
      }
      return `UPDATE presence_audit_log SET ${column} = ${value[column] ?? `coalesce(${column}, '') || 'x'`} WHERE position = ${position}`
    }
    case 'deleted':
      return `DELETE FROM presence_audit_log WHERE position BETWEEN ${position} AND ${events[Math.max(at, upTo)]!.position}`
    case 'put in':
      return `${COPIED('position + 1')} WHERE position = ${position}`
    case 'put first':
      return `${COPIED('-7')} WHERE position = ${position}`
    case 'put last':
      return `${COPIED(`${events.at(-1)!.position} + 1`)} WHERE position = ${position}`
    case 'chained anew':
      return chainedAnew(events, at, 'ab'.repeat(32))
    case 'linked over': {
      // A row says that it follows one that is altered, and not the one before it, which nobody touched.
      const over = Math.max(at, upTo)
      const linked = chainedAnew(events.slice(0, over + 1), over, hashes(events)[at]!)
      return `UPDATE presence_audit_log SET target = 'x' WHERE position = ${position}; ${linked}`
    }
    case 'left text':
      return `UPDATE presence_audit_log SET hash_text = hash WHERE position = ${position}`
  }
}

/** The columns that the audit log stores, for a list. */
const storedIn = async (session: DatabaseSession): Promise<string> =>
  (await session.run(storedAudit())).map(({ name }) => String(name)).join(', ')

const restore = async (session: DatabaseSession, columns: string): Promise<void> =>
  session.exec(
    `TRUNCATE presence_audit_log; INSERT INTO presence_audit_log (${columns}) SELECT ${columns} FROM kept_rows`,
  )

test(`given rows altered, deleted, put in or chained anew, in ${RUNS} passes, then the same are named as if each row was compared`, () =>
  withTables(async (log, databaseUrl, session) => {
    const columns = await storedIn(session)
    await session.exec(`CREATE TABLE kept_rows AS SELECT ${columns} FROM presence_audit_log`)
    const events = log.events
    const place = fc.nat(events.length - 1)
    const harm: fc.Arbitrary<Harm> = fc.record({
      how: fc.constantFrom(
        'column',
        'column',
        'deleted',
        'put in',
        'put first',
        'put last',
        'chained anew',
        'linked over',
        'linked over',
        'left text',
      ),
      at: place,
      upTo: place,
    })
    const harms = fc.array(harm, { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(
        harms,
        fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 60 })),
        async (all, batchSize) => {
          // Two of them may want the same place.
          for (const one of all)
            await session.exec(harmed(one, events)).catch((error) => {
              if ((error as { code?: string }).code !== '23505') throw error
            })
          try {
            const options = { log, databaseUrl, verifiers: [], limit: 1_000 }
            const quick = await verifyLog({ ...options, batchSize })
            const slow = await verifyLog({ ...options, byDigests: false })
            assert.equal(quick.compared, slow.compared)
            assert.equal(quick.root, slow.root)
          } finally {
            await restore(session, columns)
          }
        },
      ),
      { numRuns: RUNS, ...SEED },
    )
    const after = await verifyLog({ log, databaseUrl, verifiers: [], batchSize: 7 })
    assert.equal(after.compared?.differences, [])
  }))

/** The rows that were written beside the live ones. */
const watched = async (
  of: Pick<Parameters<typeof verifyLog>[0], 'log' | 'databaseUrl' | 'batchSize'>,
): Promise<{ readonly found: number; readonly written: number }> => {
  let written = 0
  const done = await rebuild({
    ...of,
    swap: false,
    byDigests: true,
    inspect: async ({ session, schema }) => {
      const [row] = await session.run(
        plain(`SELECT count(*) AS rows FROM "${schema}".presence_audit_log WHERE action <> 'SessionJoined'`),
      )
      written = Number(row?.rows)
    },
  })
  const { compared } = await verifyLog({ ...of, verifiers: [] })
  assert.is(done.otherLog, null)
  return { found: compared!.found, written }
}

const apply = async (log: ReturnType<typeof memoryLog>, databaseUrl: string): Promise<void> => {
  const projector = runProjector({ log, databaseUrl })
  const end = log.events.at(-1)!.position
  await until('all is applied', () => projector.state().position === end)
  await projector.stop()
}

test('given rows that are alike, whatever numbers and letters are in them, then none is written again; given one altered, then those of its batch', () =>
  withTables(async (log, databaseUrl, session) => {
    const space = { type: 'post', id: 'alice/my-post' } as const
    for (const [i, content] of ['ẞ and 𝕯', '\u2028"\\/\b\f\t\u0001\u007f', 'é'.repeat(200)].entries()) {
      const { stream, event } = recorded(space, posted(`odd${i}`, content, 4))
      const data = {
        ...(event.data as object),
        more: { z: 1e-16, bb: -1.5e22, a: [5e-324, -0, 0.1, 1e300, {}, []], é: null },
      }
      log.push(stream, { ...event, data })
    }
    await apply(log, databaseUrl)
    // As a rebuild stores them: those of a stream that was parked at first, too.
    await rebuild({ log, databaseUrl })
    assert.equal(await watched({ log, databaseUrl, batchSize: 20 }), { found: 0, written: 0 })
    const { position } = log.events[30]!
    await session.exec(`UPDATE presence_audit_log SET target = 'x' WHERE position = ${position}`)
    const { found, written } = await watched({ log, databaseUrl, batchSize: 20 })
    assert.is(found, 1)
    assert.ok(written > 0 && written <= 20, `${written} written`)
  }))

const cut = (before: string) => ({
  id: randomUUID(),
  type: 'TablesCut',
  data: { before, refusals: before, looks: before, archive: 'one', at: '2026-03-01T00:00:00.000Z' },
  metadata: { schema: 1, at: '2026-03-01T00:00:00.000Z', actor: { kind: 'system', id: 'node-1' } },
})

test('given an archive’s cut, then what it left is alike; given rows that it should have deleted, then they are named', () =>
  withTables(async (log, databaseUrl, session) => {
    const space = { type: 'post', id: 'alice/my-post' } as const
    const columns = await storedIn(session)
    await session.exec(`CREATE TABLE before_cut AS SELECT ${columns} FROM presence_audit_log`)
    log.push(accessStream(null), cut('2026-02-01T00:00:00.000Z'))
    for (let i = 0; i < 30; i += 1) {
      const { stream, event } = recorded(space, posted(`after${i}`, 'after the cut', 5_000_000))
      log.push(stream, event)
    }
    await apply(log, databaseUrl)
    const gone = await session.run(
      sql.unsafe`SELECT position FROM before_cut b WHERE NOT EXISTS (
        SELECT FROM presence_audit_log a WHERE a.position = b.position) ORDER BY position`,
    )
    assert.ok(gone.length > 100, `${gone.length} rows cut`)
    const verify = async () =>
      (await verifyLog({ log, databaseUrl, verifiers: [], batchSize: 10, limit: 1_000 })).compared!
    assert.equal((await verify()).differences, [])

    // The row that tells of the cut is gone, and all rows are there again that it deleted.
    await session.exec(`DELETE FROM presence_audit_log WHERE action = 'TablesCut';
      INSERT INTO presence_audit_log (${columns}) SELECT ${columns} FROM before_cut ON CONFLICT DO NOTHING`)
    const told = (await verify()).differences.filter(({ table }) => table === 'presence_audit_log')
    assert.equal(
      told.filter(({ kind }) => kind === 'added').map(({ position }) => position),
      gone.map(({ position }) => String(position)),
    )
    assert.equal(
      told.filter(({ kind }) => kind !== 'added').map(({ kind, position }) => [kind, position]),
      [['missing', String(log.events.find(({ type }) => type === 'TablesCut')!.position)]],
    )
  }))

test.run()
