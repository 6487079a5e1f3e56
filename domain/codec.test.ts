import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeRecorded, EVENT_TYPES, encodeEvent } from './codec.ts'
import { eventEntry } from './events.ts'
import { SCHEMA } from './metadata.ts'
import type { RecordedEvent } from './ports.ts'
import { upcast } from './upcast.ts'

type Golden = Pick<RecordedEvent, 'stream' | 'type' | 'data' | 'metadata'>
const GOLDEN = new URL('./golden/', import.meta.url)
/** For each schema version, an example of every event as that version wrote it. */
const golden = new Map<number, ReadonlyArray<Golden>>(
  readdirSync(GOLDEN).map((file) => [
    Number(/^schema-(\d+)\.json$/.exec(file)?.[1]),
    JSON.parse(readFileSync(new URL(file, GOLDEN), 'utf8')),
  ]),
)
const recorded = (event: Golden, over: Partial<RecordedEvent> = {}): RecordedEvent => ({
  ...event,
  id: '5a0e7f7e-3c1d-8f4e-9a52-0d6b4b8b7c99',
  revision: 3n,
  position: 184_467n,
  created: new Date(0),
  ...over,
})
const today = golden.get(SCHEMA) ?? []
const why = (event: RecordedEvent): string => {
  const decoded = decodeRecorded(event)
  return E.isLeft(decoded) ? `${decoded.left.field}: ${decoded.left.reason}` : 'decoded'
}
const test = suite('events on the log')

test('there is a golden file of every schema ever written, with every type of event in today’s', () => {
  assert.equal(
    [...golden.keys()].sort(),
    Array.from({ length: SCHEMA }, (_, n) => n + 1),
  )
  assert.equal([...new Set(today.map(({ type }) => type))].sort(), [...EVENT_TYPES].sort())
})
test('given an event of any schema, then it reads as an event of today', () => {
  for (const events of golden.values())
    for (const event of events) {
      const decoded = decodeRecorded(recorded(event))
      if (E.isLeft(decoded)) throw new Error(`${event.type}: ${decoded.left.reason}`)
      const { kind } = decoded.right
      assert.is(decoded.right.event.type, event.type)
      assert.is(event.stream.startsWith(`${kind}-`), true)
      const entry = eventEntry(decoded.right.event.type)
      assert.is(entry.stream, kind)
      assert.ok(entry.data.is(decoded.right.event.data))
    }
})
test('given an event of today’s schema, then it is written as it was read', () => {
  for (const event of today) {
    const decoded = decodeRecorded(recorded(event))
    if (E.isLeft(decoded)) throw new Error(decoded.left.reason)
    const { event: read, metadata } = decoded.right
    const { type, data, metadata: written } = encodeEvent(read, metadata)
    assert.equal(JSON.parse(JSON.stringify({ type, data, metadata: written })), {
      type: event.type,
      data: event.data,
      metadata: event.metadata,
    })
  }
})
test('an event’s place on the log is passed on', () => {
  const decoded = decodeRecorded(recorded(today[0]!))
  if (E.isLeft(decoded)) throw new Error(decoded.left.reason)
  const { space, stream, revision, position, id, created } = decoded.right
  assert.equal(space, { type: 'post', id: 'alice/my-360-photo' })
  assert.equal([stream, revision, position], ['space-post:alice/my-360-photo', 3n, 184_467n])
  assert.equal([id, created.getTime()], ['5a0e7f7e-3c1d-8f4e-9a52-0d6b4b8b7c99', 0])
})
test('given an event that can’t be read, then the wrong field is named', () => {
  const joined = recorded(today.find(({ type }) => type === 'SessionJoined')!)
  const data = joined.data as Record<string, unknown>
  const metadata = joined.metadata as Record<string, unknown>
  const { sessionId: _, ...without } = data
  const cases: ReadonlyArray<[Partial<RecordedEvent>, string]> = [
    [{ data: { ...data, account: 5 } }, 'data.account'],
    [{ data: without }, 'data.sessionId'],
    [{ data: { ...data, at: 'yesterday' } }, 'data.at'],
    [{ data: null }, 'data'],
    [{ metadata: null }, 'metadata'],
    [{ metadata: { ...metadata, actor: { kind: 'ghost', id: 'x' } } }, 'metadata.actor'],
    [{ metadata: { ...metadata, command: { id: 1, type: 'x' } } }, 'metadata.command.id'],
    [{ metadata: { ...metadata, schema: SCHEMA + 1 } }, 'metadata.schema'],
    [{ metadata: { ...metadata, schema: 0.5 } }, 'metadata.schema'],
    [{ type: 'SessionVanished' }, 'type'],
    [{ type: 'toString' }, 'type'],
    [{ stream: 'chat-post:alice/my-360-photo' }, 'type'],
    [{ stream: 'space-planet:mars' }, 'stream'],
    [{ stream: 'orders-1' }, 'stream'],
  ]
  for (const [over, field] of cases) {
    const decoded = decodeRecorded({ ...joined, ...over })
    assert.is(E.isLeft(decoded) && decoded.left.field, field, why({ ...joined, ...over }))
  }
})
test('given additional fields, then they are kept', () => {
  const joined = recorded(today.find(({ type }) => type === 'SessionJoined')!)
  const decoded = decodeRecorded({ ...joined, data: { ...(joined.data as object), extra: 1 } })
  assert.is(E.isRight(decoded) && (decoded.right.event.data as { extra?: number }).extra, 1)
})
test('whatever is on the log, reading it never throws', () => {
  const anything = fc.anything({ withNullPrototype: true, withBigInt: true, maxDepth: 3 })
  const damaged = fc.tuple(
    fc.constantFrom(...today),
    fc.constantFrom('data', 'metadata'),
    fc.string(),
    anything,
  )
  fc.assert(
    fc.property(anything, anything, fc.constantFrom(...EVENT_TYPES), (data, metadata, type) => {
      decodeRecorded(recorded({ stream: today[0]!.stream, type, data, metadata }))
    }),
  )
  fc.assert(
    fc.property(damaged, ([event, part, key, value]) => {
      const keys = Object.keys(event[part as 'data'] as object)
      const name = keys[key.length % keys.length]!
      decodeRecorded(recorded({ ...event, [part]: { ...(event[part as 'data'] as object), [name]: value } }))
    }),
  )
})
test('given conversions from schema to schema, then each is applied in turn, and none to what stayed the same', () => {
  const steps = {
    1: { Moved: (data: unknown) => ({ ...(data as object), two: true }) },
    2: { Moved: (data: unknown) => ({ ...(data as object), three: true }) },
  }
  assert.equal(
    upcast({ type: 'Moved', data: { a: 1 }, schema: 1 }, 3, steps),
    E.right({ a: 1, two: true, three: true }),
  )
  assert.equal(upcast({ type: 'Moved', data: { a: 1 }, schema: 2 }, 3, steps), E.right({ a: 1, three: true }))
  assert.equal(upcast({ type: 'Stayed', data: { a: 1 }, schema: 1 }, 3, steps), E.right({ a: 1 }))
  assert.ok(
    E.isLeft(upcast({ type: 'Moved', data: {}, schema: 4 }, 3, steps)) &&
      E.isLeft(upcast({ type: 'Moved', data: {}, schema: 0 }, 3, steps)),
  )
})
test.run()
