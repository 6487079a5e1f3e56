import { createHash } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RecordedEvent } from '../../domain/ports.ts'
import { canonicalJson, chain, eventBytes, GENESIS, leafOf } from './canonical.ts'

const test = suite('the bytes that are proved')

const event: RecordedEvent = {
  id: '6f1c7c1e-0000-8000-8000-000000000001',
  type: 'MessagePosted',
  stream: 'chat-global:lobby',
  revision: 41n,
  position: 700n,
  created: new Date(0),
  data: { messageId: 'm', content: 'hi', b: [1, 1e21, { z: null, a: 'é\u0000\ud800' }] },
  metadata: { at: 'now', actor: { kind: 'account', id: 'alice' } },
}

test('an event’s bytes are these and no others', () => {
  assert.is(
    eventBytes(event).toString(),
    '{"data":{"b":[1,1e+21,{"a":"é\\u0000\\ud800","z":null}],"content":"hi","messageId":"m"},' +
      '"id":"6f1c7c1e-0000-8000-8000-000000000001",' +
      '"metadata":{"actor":{"id":"alice","kind":"account"},"at":"now"},' +
      '"revision":"41","stream":"chat-global:lobby","type":"MessagePosted"}',
  )
})

test('given a sealed event, then its bytes are those on the log', () => {
  const stored = { data: { content: '', sealed: '1.xyz' }, metadata: { sealed: '1.abc' } }
  const opened = { ...event, stored }
  assert.equal(eventBytes(opened), eventBytes({ ...event, ...stored }))
  const erased = { ...opened, data: { content: '', erased: 'r1' } }
  assert.equal(leafOf(erased), leafOf(opened))
})

test('a leaf is RFC 6962’s, and a row’s hash is over the one before, the position and the leaf', () => {
  const leaf = createHash('sha256')
    .update(Buffer.concat([Buffer.from([0]), eventBytes(event)]))
    .digest()
  assert.equal(leafOf(event), leaf)
  const row = createHash('sha256')
    .update(`["${GENESIS}","700","${leaf.toString('hex')}"]`)
    .digest('hex')
  assert.is(chain(GENESIS, 700n, leaf), row)
  assert.is(chain(GENESIS, '700', leaf.toString('hex')), row)
})

test('two texts that Postgres can’t tell apart have bytes of their own', () => {
  const nul = { ...event, data: { content: '\u0000' } }
  const replaced = { ...event, data: { content: '\ufffd' } }
  assert.not.equal(eventBytes(nul), eventBytes(replaced))
  assert.is(canonicalJson(nul.data), canonicalJson(replaced.data))
})

test('however deep it is nested, there are bytes', () => {
  let deep: unknown = 1
  for (let i = 0; i < 5_000; i += 1) deep = [deep]
  assert.match(eventBytes({ ...event, data: deep }).toString(), 'nested too deep')
})

test.run()
