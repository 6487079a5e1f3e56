import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RecordedEvent } from '../../domain/ports.ts'
import { canonicalJson, leafOf } from './canonical.ts'
import { written } from './written.ts'

const test = suite('what is written of an event')

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 90 }),
  fc.string({ unit: 'binary-ascii', maxLength: 90 }),
  fc.constantFrom(
    '\0',
    '\ud800',
    'half \udfff of one',
    '\\u0000',
    '"',
    '\u2028',
    '𝕯',
    '',
    'x'.repeat(3_000),
    'é'.repeat(200),
  ),
)
const json: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    text,
    fc.constantFrom(null, undefined, true, false, 0, -0, 1e21, 5e-324, Number.NaN, 12n, Buffer.from('bytes')),
    fc.double(),
    fc.integer(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(text, tie('value'), { maxKeys: 5 }),
  ),
})).value
const event = fc.record({
  id: text,
  type: text,
  stream: text,
  revision: fc.bigInt({ min: 0n, max: 2n ** 63n }),
  data: json,
  metadata: json,
  stored: fc.option(fc.record({ data: json, metadata: json }), { nil: undefined }),
})
const isWritten = (any: object): void => {
  const one = { position: 7n, created: new Date(0), ...any } as RecordedEvent
  const { leaf, details } = written(one)
  assert.is(details.toString(), canonicalJson(one.data ?? null))
  assert.is(leaf, leafOf(one).toString('hex'))
}

test('whatever is in it, its leaf is leafOf’s and its data what canonicalJson says, one event after the other', () => {
  fc.assert(fc.property(event, isWritten), { numRuns: 500 })
})

test('however deep it is nested, and whatever stands on the log instead, both agree', () => {
  const plain = { id: 'i', type: 't', stream: 's', revision: 0n, metadata: null }
  for (const depth of [62, 63, 64, 65, 998, 999, 1_000, 1_001, 5_000]) {
    let deep: unknown = 1
    for (let i = 0; i < depth; i += 1) deep = i % 2 === 0 ? [deep] : { deep }
    isWritten({ ...plain, data: deep })
    isWritten({ ...plain, data: 1, metadata: deep })
  }
  const data = { content: 'opened' }
  isWritten({ ...plain, data, stored: { data: { sealed: '1' }, metadata: 1 } })
  isWritten({ ...plain, data, stored: { data, metadata: 1 } })
})

test('a key that Postgres does not take is replaced in the data, whoever wrote it first', () => {
  const plain = { id: 'i', type: 't', stream: 's', revision: 0n, metadata: null }
  for (let i = 0; i < 3; i += 1) isWritten({ ...plain, data: { 'a\0': i, b: { '\ud800': 1 } } })
})

test.run()
