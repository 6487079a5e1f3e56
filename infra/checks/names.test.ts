/** One meaning a name: an exported type is called what no other is called, but where the idea is the same. */
import { globSync, readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('names of types')
const ROOT = new URL('../../', import.meta.url).pathname
const DECLARED = /^export (?:type|interface|class) (\w+)/gm

/** Types of one idea in several places: what a caller gets back (the glossary says more), and, at both ends of an append, what it expects and
 *  what came of it. */
const SAME_IDEA = ['Answer', 'AppendOutcome', 'Expected']

test('given the exported types of every folder, then no two with different meanings have the same name', () => {
  const files = globSync('{domain,projections,adapters,apps,infra}/**/*.ts', {
    cwd: ROOT,
    exclude: (name) => /(^|\/)(node_modules|dist|client)$/.test(String(name)),
  })
  const places = new Map<string, string[]>()
  for (const file of files)
    for (const [, name = ''] of readFileSync(`${ROOT}${file}`, 'utf8').matchAll(DECLARED))
      places.set(name, [...(places.get(name) ?? []), file])
  assert.ok(places.size > 500, 'the types were found')
  const twice = [...places].filter(([name, where]) => where.length > 1 && !SAME_IDEA.includes(name))
  assert.equal(twice, [])
})

test.run()
