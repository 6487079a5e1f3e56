/** The package stands by itself: it imports nothing from the project around it, and no package that it does not name. */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const here = import.meta.dirname
const manifest = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'))
const IMPORT = /(?:from|import|import\() ?'([^'\n]+)'|(?:require|load)(?:<[^>]*>)?\('([^'\n]+)'/g

const imports = globSync('**/*.{ts,js}', {
  cwd: here,
  exclude: (name) => /^(node_modules|dist)$/.test(name),
}).flatMap((file) =>
  [...readFileSync(join(here, file), 'utf8').matchAll(IMPORT)].map((found) => ({
    file,
    from: found[1] ?? found[2] ?? '',
  })),
)

const test = suite('the package by itself')

test('given every file, then none imports a file from outside the package', () => {
  const outside = imports.filter(
    ({ file, from }) =>
      from.startsWith('.') && relative(here, join(here, dirname(file), from)).startsWith('..'),
  )
  assert.ok(imports.length > 300, 'the imports were found')
  assert.equal(outside, [])
})

test('given every file, then the packages it imports are among those the manifest names', () => {
  const isShown = (file: string) => /\.test\.ts$|^(contract|model|testing)\//.test(file)
  const named = (file: string): string[] => [
    manifest.name,
    ...Object.keys(manifest.dependencies),
    ...(isShown(file) ? Object.keys(manifest.devDependencies) : []),
  ]
  const missing = imports.filter(({ file, from }) => {
    if (from.startsWith('.') || from.startsWith('node:') || /_pb$/.test(from)) return false
    const name = from
      .split('/')
      .slice(0, from.startsWith('@') ? 2 : 1)
      .join('/')
    return !named(file).includes(name)
  })
  assert.equal(missing, [])
})

test.run()
