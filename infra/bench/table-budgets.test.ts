/** What an event may cost in the tables, counted after a rebuild, which packs them: rows, and bytes with all indexes. */
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectSession } from '../../adapters/postgres/session.ts'
import { rebuild } from '../../apps/operations/rebuild/rebuild.ts'
import { TABLES } from '../../projections/batch.ts'
import { memoryLog } from '../testing/memory-log.ts'
import { testDatabase } from '../testing/postgres.ts'
import { writeHistory } from './history.ts'

const test = suite('budgets of an event in the tables')

test('given rooms where people come, talk and go, then an event takes few rows and bytes in the tables and their indexes', async () => {
  const database = await testDatabase()
  const log = memoryLog()
  try {
    const events = await writeHistory(log, 4_000, 20, { seed: 'budgets' })
    await rebuild({ log, databaseUrl: database.url })
    const session = await connectSession(database.url, 'budgets')
    const names = TABLES.map(({ name }) => name)
    const [sizes] = await session.run(
      sql.unsafe`SELECT sum(pg_total_relation_size(oid))::int8 AS bytes, sum(reltuples)::int8 AS rows FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relname = ANY(${sql.array(names, 'text')}) AND reltuples > 0`,
    )
    await session.close()
    const [rows, bytes] = [Number(sizes?.rows) / events, Number(sizes?.bytes) / events]
    assert.ok(rows <= 2, `${rows.toFixed(2)} rows an event`)
    assert.ok(bytes <= 1_170, `${bytes.toFixed(0)} bytes an event`)
  } finally {
    await database.drop()
  }
})

test.run()
