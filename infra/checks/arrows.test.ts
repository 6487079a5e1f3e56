import { strict as assert } from 'node:assert'
import { suite } from 'uvu'
import { importsOf } from './imports.ts'
import { broken } from './rules.ts'

const arrows = suite('the import arrows')
const packages = {
  dependencies: ['fp-ts', 'io-ts', 'slonik', 'pg', '@eventstore/db-client'],
  devDependencies: ['uvu', 'fast-check'],
}
/** The sentences about a file with this text, beside files that are there. */
const check = (path: string, text: string, others: Readonly<Record<string, string>> = {}) =>
  broken(
    Object.entries({ ...others, [path]: text }).map(([p, t]) => ({ path: p, imports: importsOf(p, t) })),
    packages,
  )
const there = Object.fromEntries(
  [
    'domain/names.ts',
    'projections/chat/rows.ts',
    'adapters/postgres/pool.ts',
    'apps/server/app.ts',
    'infra/testing/postgres.ts',
    'infra/eventstore/node.ts',
  ].map((path) => [path, '']),
)

const allowed: ReadonlyArray<readonly [string, string]> = [
  ['domain/a.ts', `import * as E from 'fp-ts/lib/Either.js'\nimport { isAccount } from './names.ts'`],
  ['projections/b/b.ts', `import { sql } from 'slonik'\nimport { x } from '../../domain/names.ts'`],
  ['adapters/a/a.ts', `import pg from 'pg'\nimport type { R } from '../../projections/chat/rows.ts'`],
  ['apps/a/main.ts', `const { pool } = await import${''}('../../adapters/postgres/pool.ts')`],
  ['apps/embedded/main.ts', `import { node } from '../eventstore/node.ts'`],
  ['apps/a/a.test.ts', `import { testDatabase } from '../testing/postgres.ts'\nimport { suite } from 'uvu'`],
  ['domain/a.test.ts', `import fc from 'fast-check'\nimport { strict as assert } from 'node:assert'`],
  ['adapters/eventstore/client.ts', `import { EventStoreDBClient } from '@eventstore/db-client'`],
]
for (const [path, text] of allowed)
  arrows(`${path} may have: ${text.split('\n')[0]}`, () => assert.deepEqual(check(path, text, there), []))

const forbidden: ReadonlyArray<readonly [string, string, RegExp]> = [
  ['domain/a.ts', `import { readFile } from 'node:fs/promises'`, /domain knows fp-ts, io-ts alone/],
  ['domain/a.ts', `import type { Pool } from 'pg'`, /domain knows/],
  ['domain/a.ts', `import { row } from '../projections/chat/rows.ts'`, /not open to domain/],
  ['domain/a.ts', `export * from '../adapters/postgres/pool.ts'`, /not open to domain/],
  ['projections/b.ts', `import { createPool, sql } from 'slonik'`, /more than the sql tag/],
  ['projections/b.ts', `import { pool } from '../adapters/postgres/pool.ts'`, /not open to projections/],
  ['adapters/a.ts', `import {\n  app,\n} from '../apps/server/app.ts'`, /not open to adapters/],
  ['adapters/a.ts', `import { testDatabase } from '../infra/testing/postgres.ts'`, /not open to adapters/],
  ['apps/a/main.ts', `import { node } from '../eventstore/node.ts'`, /not open to apps/],
  ['apps/a/main.ts', `await import${''}('../eventstore/node.ts')`, /not open to apps/],
  ['adapters/http/a.ts', `import { jsonEvent } from '@eventstore/db-client'`, /only adapters\/eventstore/],
  ['apps/a/main.ts', `import { suite } from 'uvu'`, /not among the dependencies/],
  ['apps/a/main.ts', `import leftPad from 'left-pad'`, /not among the dependencies/],
  ['domain/a.ts', `import { x } from './gone.ts'`, /not there/],
  ['elsewhere/a.ts', `import { x } from '../domain/names.ts'`, /no rule/],
]
for (const [path, text, sentence] of forbidden)
  arrows(`${path} may not have: ${text.split('\n')[0]}`, () => {
    const sentences = check(path, text, there)
    assert.equal(sentences.length, 1, sentences.join(' '))
    assert.match(sentences[0] ?? '', sentence)
  })

arrows('given three files in a circle, then it is told once', () => {
  const sentences = check('domain/a.ts', `import { b } from './b.ts'`, {
    'domain/b.ts': `import { c } from './c.ts'`,
    'domain/c.ts': `import { a } from './a.ts'`,
  })
  assert.equal(sentences.length, 1)
  assert.match(sentences[0] ?? '', /^A circle: domain\/.\.ts → .* → .* → domain\/.\.ts\.$/)
})

arrows.run()
