/** The linter's own rules (`biome.json`) say what ARCHITECTURE says of imports: tried on files made up for it. */
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'

const linter = suite('the linter')
const root = join(import.meta.dirname, '../..')

type Found = { readonly category: string; readonly path: string; readonly line: number }

const RULES = [
  'style/noRestrictedImports',
  'suspicious/noImportCycles',
  'correctness/noUndeclaredDependencies',
  'complexity/useMaxParams',
  'complexity/noExcessiveLinesPerFunction',
]

/** What the linter finds in these files, in a project that has our settings and our manifest. */
const lint = (files: Readonly<Record<string, string>>): ReadonlyArray<Found> => {
  const folder = mkdtempSync(join(tmpdir(), 'linter-'))
  try {
    for (const name of ['biome.json', 'package.json']) cpSync(join(root, name), join(folder, name))
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    const biome = join(root, 'node_modules/.bin/biome')
    const only = RULES.map((rule) => `--only=${rule}`)
    const { stdout } = spawnSync(biome, ['lint', '--reporter=json', '--max-diagnostics=none', ...only, '.'], {
      cwd: folder,
      encoding: 'utf8',
    })
    const { diagnostics } = JSON.parse(stdout) as {
      diagnostics: ReadonlyArray<{
        category: string
        location: { path: string; start: { line: number } }
      }>
    }
    return diagnostics.map(({ category, location }) => ({
      category: category.replace('lint/', ''),
      path: location.path,
      line: location.start.line,
    }))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const used = (lines: ReadonlyArray<string>): string => `${lines.join('\n')}\n`

const FORBIDDEN: Readonly<Record<string, ReadonlyArray<string>>> = {
  'domain/a.ts': [
    `import { readFile } from 'node:fs/promises'`,
    `import type { Pool } from 'pg'`,
    `import { row } from '../projections/chat/fold.ts'`,
    `export * from '../adapters/postgres/pool.ts'`,
  ],
  'projections/b.ts': [
    `import { createPool } from 'slonik'`,
    `import { pool } from '../adapters/postgres/pool.ts'`,
    `import { append } from '../apps/operations/keep/moments.ts'`,
    `import type { EventLog } from '../domain/ports.ts'`,
  ],
  'adapters/http/a.ts': [
    `import { app } from '../../apps/server/app.ts'`,
    `import { testDatabase } from '../../infra/testing/postgres.ts'`,
    `import { jsonEvent } from '@eventstore/db-client'`,
    `import { createPool } from 'slonik'`,
  ],
  'apps/server/a.ts': [
    `import { node } from '../../infra/eventstore/index.ts'`,
    `export const later = await import('../../infra/eventstore/index.ts')`,
    `import { startNode } from 'dlux-eventstore'`,
    `import { suite } from 'uvu'`,
    `import leftPad from 'left-pad'`,
  ],
  'apps/cli/a/command.ts': [
    `import { app } from '../../server/app.ts'`,
    `import { runProjector } from '../../projector/projector.ts'`,
    `import { startAll } from '../../embedded/supervisor.ts'`,
  ],
  'apps/projector/a.ts': [`import { createHttp } from '../../adapters/http/http.ts'`],
  'apps/operations/a/b.ts': [`import { readSettings } from '../../embedded/settings.ts'`],
}

const ALLOWED: Readonly<Record<string, ReadonlyArray<string>>> = {
  'domain/a.ts': [`import * as E from 'fp-ts/lib/Either.js'`, `import { isAccount } from './names.ts'`],
  'projections/b/b.ts': [`import { sql } from 'slonik'`, `import { x } from '../../domain/names.ts'`],
  'adapters/a/a.ts': [`import pg from 'pg'`, `import type { R } from '../../projections/chat/fold.ts'`],
  'adapters/eventstore/client.ts': [`import { EventStoreDBClient } from '@eventstore/db-client'`],
  'adapters/postgres/a.ts': [`import { createPool } from 'slonik'`],
  'apps/a/main.ts': [`export const { pool } = await import('../../adapters/postgres/pool.ts')`],
  'apps/embedded/main.ts': [`import { node } from '../../infra/postgres/embedded.ts'`],
  'apps/a/a.test.ts': [
    `import { testDatabase } from '../../infra/testing/postgres.ts'`,
    `import { suite } from 'uvu'`,
  ],
  'domain/a.test.ts': [`import fc from 'fast-check'`, `import { strict } from 'node:assert'`],
}

linter('given imports against the arrows, then each is reported, and no other', () => {
  const files = Object.fromEntries(Object.entries(FORBIDDEN).map(([path, lines]) => [path, used(lines)]))
  const found = lint(files).map(({ path, line }) => `${path}:${line}`)
  const wanted = Object.entries(FORBIDDEN).flatMap(([path, lines]) => lines.map((_, i) => `${path}:${i + 1}`))
  assert.deepEqual([...new Set(found)].sort(), wanted.sort())
})

linter('given imports along the arrows, then nothing is reported', () => {
  const files = Object.fromEntries(Object.entries(ALLOWED).map(([path, lines]) => [path, used(lines)]))
  assert.deepEqual(lint(files), [])
})

linter('given two files that import each other, even only as types, then the cycle is reported', () => {
  const found = lint({
    'domain/a.ts': `import type { B } from './b.ts'\nexport type A = { readonly b: B }\n`,
    'domain/b.ts': `import type { A } from './a.ts'\nexport type B = { readonly a: A }\n`,
  })
  assert.deepEqual(
    found.map(({ category, path }) => `${category} ${path}`),
    ['suspicious/noImportCycles domain/a.ts', 'suspicious/noImportCycles domain/b.ts'],
  )
})

linter('given a function with five parameters, then it is reported', () => {
  const [found] = lint({
    'domain/a.ts': 'export const f = (a: 1, b: 2, c: 3, d: 4, e: 5) => [a, b, c, d, e]\n',
  })
  assert.equal(found?.category, 'complexity/useMaxParams')
})

linter('given a function of 151 lines, even in a test, then it is reported', () => {
  const long = `export const f = () => {\n${'  f()\n'.repeat(151)}}\n`
  assert.deepEqual(
    lint({ 'domain/a.ts': long, 'domain/a.test.ts': long }).map(
      ({ category, path }) => `${category} ${path}`,
    ),
    ['domain/a.test.ts', 'domain/a.ts'].map((path) => `complexity/noExcessiveLinesPerFunction ${path}`),
  )
})

linter('given our settings, then no file is exempt from a rule', () => {
  const settings = readFileSync(join(root, 'biome.json'), 'utf8')
  const { overrides } = JSON.parse(settings) as { overrides: ReadonlyArray<{ linter: { rules: object } }> }
  assert.equal(JSON.stringify(overrides.map(({ linter }) => linter.rules)).includes('"off"'), false)
})

linter.run()
