/** Filters and searches fold text in the same way, so that each finds what the other finds. */
import fc from 'fast-check'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { folded } from '../../domain/folded.ts'
import { testDatabase } from '../../infra/testing/postgres.ts'
import { createPostgresPool } from './pool.ts'

const test = suite('folded text')

/** Letters of several scripts that are equal only in some case or Unicode form, and signs. */
const LETTERS = [...'aAéÉßẞſsSςσΣıiIİŁłДдﬁＡａⅷ①ñÑçÇøØæÆ字가각\u0301\u0308\u00ad👍 .-_0１']

test('given any text, then filters and PostgreSQL fold it alike', async () => {
  const database = await testDatabase()
  const pool = await createPostgresPool(database.url, { maxConnections: 1 })
  const texts = fc.sample(fc.string({ unit: fc.constantFrom(...LETTERS), maxLength: 12 }), 500)
  const rows = (await pool.any(
    sql.unsafe`SELECT presence_folded(text) AS folded
      FROM unnest(${sql.array(texts, 'text')}) WITH ORDINALITY AS given (text, n) ORDER BY n`,
  )) as ReadonlyArray<{ readonly folded: string }>
  const differing = texts.flatMap((text, n) =>
    rows[n]?.folded === folded(text) ? [] : [[text, rows[n]?.folded, folded(text)]],
  )
  assert.equal(differing, [])
  await pool.end()
  await database.drop()
})
test.run()
