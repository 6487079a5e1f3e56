/** Recorded motion is removed by its age, except what is theirs who are under a legal hold. */
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testDatabase } from '../../infra/testing/postgres.ts'
import type { Vault } from '../privacy/vault.ts'
import { createMotionStore } from './motion.ts'
import { createPostgresPool } from './pool.ts'

const test = suite('motion that is over')
const NOW = new Date('2026-11-30T12:00:00Z')
const [PAST, FUTURE] = ['2026-11-29T00:00:00Z', '2026-12-30T00:00:00Z']

test('given a legal hold on somebody, when blocks are over, then only theirs are kept, without what others did', async () => {
  const database = await testDatabase()
  const pool = await createPostgresPool(database.url, { maxConnections: 2 })
  try {
    let held: ReadonlyArray<string> | null = null
    const store = createMotionStore(pool, {} as Vault, () => held)
    const blocks = [
      ['both', PAST, [null, 'alice', 'bob']],
      ['others', PAST, [null, 'bob']],
      ['new', FUTURE, [null, 'bob']],
    ] as const
    for (const [block, until, subjects] of blocks)
      for (const [section, subject] of subjects.entries())
        await pool.query(sql.unsafe`INSERT INTO motion_sections (block, section, subject, generation, bytes, hash, kept_until)
          VALUES (${block}, ${section}, ${subject}, ${subject === null ? null : 0}, ${'x'}::bytea, 'hash', ${until}::timestamptz)`)
    const left = async (): Promise<ReadonlyArray<string>> =>
      (
        await pool.query(sql.unsafe`SELECT block || ' ' || COALESCE(subject, 'head') || CASE WHEN bytes IS NULL THEN ' gone' ELSE '' END AS what
          FROM motion_sections ORDER BY block, section`)
      ).rows.map((row) => String((row as { readonly what: string }).what))
    const newer = ['new head', 'new bob']
    await store.expire(NOW)
    assert.is((await left()).length, 7, 'while holds are not known')
    held = ['alice']
    await store.expire(NOW)
    assert.equal(await left(), ['both head', 'both alice', 'both bob gone', ...newer])
    held = []
    await store.expire(NOW)
    assert.equal(await left(), newer)
  } finally {
    await pool.end()
    await database.drop()
  }
})

test.run()
