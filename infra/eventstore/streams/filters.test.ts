/** A client's regular expression takes time proportional to the length of the names. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeBody } from '../protocol/record.ts'
import { compileFilter } from './filters.ts'

const test = suite('filters')
const bodyOf = (stream: string, type = 'T'): Buffer =>
  encodeBody(
    {
      id: '00000000-0000-4000-8000-000000000000',
      type,
      contentType: 'application/json',
      data: new Uint8Array(0),
      metadata: new Uint8Array(0),
    },
    Buffer.from(stream),
    { revision: 0, position: 128, ticks: '0' },
  )
const byStream = (regex: string) => compileFilter({ on: 'stream', prefixes: [], regex })

for (const regex of [
  '^(a+)+$',
  '^(?!(a+)+$)',
  '(a*)*b',
  '^(a|aa)+$',
  '(x+x+)+y',
  '([a-zA-Z]+)*1',
  '(.*a){20}',
])
  test(`given ${regex} and a name of 10,000 letters, then it is told within a second`, () => {
    const start = performance.now()
    byStream(regex)(bodyOf(`${'a'.repeat(5_000)}${'x'.repeat(5_000)}!`))
    assert.ok(performance.now() - start < 1_000, `${performance.now() - start} ms`)
  })

for (const [regex, name, matches] of [
  ['^[^\\$].*', 'orders-1', true],
  ['^[^\\$].*', '$settings', false],
  ['(?i)ORDERS', 'my-orders', true],
  ['^orders-\\d+$', 'orders-12', true],
  ['^orders-\\d+$', 'orders-x', false],
  ['é', 'café', true],
  // What the Python client sends for what it does not want.
  ['^(?!(\\$.+$|PersistentConfig\\d+$|Result$))', '$settings', false],
  ['^(?!(\\$.+$|PersistentConfig\\d+$|Result$))', 'Result', false],
  ['^(?!(\\$.+$|PersistentConfig\\d+$|Result$))', 'Results', true],
  ['^(?!\\$)orders', 'orders-1', true],
  ['^(?!\\$)orders', 'my-orders-1', false],
  ['^(?=o)(?!orders-1$).*-\\d$', 'orders-2', true],
  ['^(?=o)(?!orders-1$).*-\\d$', 'orders-1', false],
  ['(?i)^(?!ORDERS)', 'orders-1', false],
  ['^(?!a)b|^c', 'c', true],
  ['^(?![|)(])x|y', 'zy', true],
  ['^(?!a|b)', 'b', false],
  ['^(?!a|b)', 'c', true],
] as const)
  test(`given ${regex} and ${name}, then ${matches ? 'it passes' : 'it does not'}`, () => {
    const filter = byStream(regex)
    assert.equal([filter(bodyOf(name)), filter(bodyOf(name))], [matches, matches])
  })

for (const regex of [
  'a(?!b)',
  '(?!a)',
  '(?<=a)b',
  '^(?!a)*',
  '^(?!(a',
  '^(?!(a)\\1)',
  '(a)\\1',
  '(',
  'a'.repeat(3_000),
])
  test(`given ${regex.slice(0, 20)}, then it is refused with a sentence`, () =>
    assert.throws(() => byStream(regex), /expression/))

test.run()
