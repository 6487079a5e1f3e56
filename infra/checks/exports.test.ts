/** Whatever a file exports is used by another: tried on files made up for it, and on all of ours. */
import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { suite } from 'uvu'
import { readTexts, unusedExports } from './exports.ts'

const exported = suite('exports')

const lines = (...all: ReadonlyArray<string>): string => `${all.join('\n')}\n`
const PLANTED = new Map([
  [
    'domain/a.ts',
    lines(
      'export const used = 1',
      'export const planted = 2',
      'export async function later(): Promise<void> {}',
      'export class Planted {}',
      'export type Named = { readonly a: number }',
      'export type Unnamed = string',
      'type Own = Unnamed',
      'export const makes = (): Named => ({ a: used + planted })',
      `const own: Own = ''`,
      'export { own as renamed }',
    ),
  ],
  ['domain/b.ts', lines(`import { used, makes } from './a.ts'`, `export { later } from './a.ts'`)],
  ['domain/whole.ts', lines('export const seen = 1', 'export const unseen = 2')],
  [
    'domain/c.ts',
    lines(`import * as whole from './whole.ts'`, `import { later } from './b.ts'`, 'later(whole.seen)'),
  ],
  ['infra/eventstore/index.ts', lines('export const forOthers = 1')],
])

exported('given exports that no other file uses, then each is named, and nothing else is', () => {
  assert.deepEqual(unusedExports(PLANTED), [
    'domain/a.ts: planted',
    'domain/a.ts: Planted',
    'domain/a.ts: Unnamed',
    'domain/a.ts: renamed',
    'domain/whole.ts: unseen',
  ])
})

exported('given all our files, then there is no such export', () => {
  const texts = readTexts(join(import.meta.dirname, '../..'))
  assert.ok(texts.size > 700, `${texts.size} files were read`)
  assert.deepEqual(unusedExports(texts), [])
})

exported.run()
