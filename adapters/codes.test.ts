import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CODES, codesInWords, INVALID } from './codes.ts'

const test = suite('codes')
const ROOT = fileURLToPath(new URL('../', import.meta.url))
const FOLDERS = ['adapters', 'apps/server', 'apps/commands', 'domain', 'projections']

const sources = FOLDERS.flatMap((folder) =>
  readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.includes('testing/'))
    .map((name) => ({ name: `${folder}/${name}`, text: readFileSync(`${ROOT}${folder}/${name}`, 'utf8') })),
)

/** Collects every place in which a code is written: `code: 'x'`, `said(400, 'x'`, the domain's `codeOf`, and what `Unavailable` names. */
const written = (): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  for (const { name, text } of sources) {
    if (name === 'adapters/codes.ts') continue
    for (const [, code] of text.matchAll(/\bcode: (?:[^,\n]*\? )?'([a-z_]+)'/g)) found.set(code!, name)
    for (const [, code] of text.matchAll(/\bcode: [^,\n]*\? '[a-z_]+' : '([a-z_]+)'/g)) found.set(code!, name)
    for (const [, code] of text.matchAll(/\bsaid\(\s*\d+,\s*'([a-z_]+)'/g)) found.set(code!, name)
    for (const [, what] of text.matchAll(/_tag: 'Unavailable',\s*what: '([a-z]+)'/g))
      found.set(`${what}_unavailable`, name)
    if (name === 'domain/refused.ts')
      for (const [, code] of text.matchAll(/return '([a-z_]+)'/g)) found.set(code!, name)
  }
  return found
}

test('every code that the sources can tell is listed, and every listed one can be told', () => {
  const told = written()
  // If the sources came to write codes in another way, this test must not silently find none.
  for (const known of ['banned', 'internal', 'resync', 'eventstore_unavailable', 'too_large'])
    assert.ok(told.has(known), known)
  for (const [code, file] of told)
    if (!INVALID.test(code) || code in CODES) assert.ok(code in CODES, `${code} of ${file} is not listed`)
  assert.equal(
    Object.keys(CODES).filter((code) => !told.has(code)),
    [],
  )
})

test('the page of errors and OpenAPI have them all', () => {
  const page = readFileSync(`${ROOT}docs/errors.md`, 'utf8')
  for (const [code, { status, means }] of Object.entries(CODES)) {
    assert.ok(
      page.includes(`| \`${code}\` | ${status ?? 'socket'} | ${means} |`),
      `${code} in docs/errors.md`,
    )
    if (status !== null) assert.ok(codesInWords().includes(`\`${code}\``), code)
  }
})

test.run()
