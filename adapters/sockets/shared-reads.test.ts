import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { SpaceRef } from '../../domain/names.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { createSharedReads } from './shared-reads.ts'

const test = suite('shared reads')
const ROOM: SpaceRef = { type: 'post', id: 'alice/my-post' }
const STREAM = 'chat-post:alice/my-post'
const COUNT = 60

const deleted = (n: number) => ({
  id: crypto.randomUUID(),
  type: 'MessageDeleted',
  data: {
    messageId: `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`,
    subspace: 'main',
    by: { kind: 'account', id: 'alice' },
    at: '2026-01-01T00:00:00.000Z',
  },
  metadata: {
    $correlationId: 'c',
    $causationId: 'c',
    command: { id: 'c', type: 'DeleteMessage' },
    actor: { kind: 'account', id: 'alice' },
    node: 'node-a',
    at: '2026-01-01T00:00:00.000Z',
    schema: 1,
  },
})
const filled = () => {
  const log = memoryLog()
  for (let n = 0; n < COUNT; n += 1) log.push(STREAM, deleted(n) as never)
  return log
}
const revisions = (events: ReadonlyArray<{ readonly revision: bigint }> | null) =>
  events === null ? null : events.map(({ revision }) => Number(revision))
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

test('given many clients that missed the same, when they ask at once, then it is read once', async () => {
  const log = filled()
  const reads = createSharedReads(log)
  const all = await Promise.all(Array.from({ length: 50 }, () => reads.stretch('chat', ROOM, 10n, 40n)))
  for (const one of all) assert.equal(revisions(one), numbers(10, 40))
  assert.is(log.counts.reads, 1)
  assert.equal(revisions(await reads.stretch('chat', ROOM, 5n, 45n)), numbers(5, 45))
  assert.is(log.counts.reads, 3)
})

test('given any ranges requested at once, then each is exactly what the log has, or null past its end', async () => {
  const stretches = fc.array(fc.tuple(fc.nat(COUNT + 5), fc.nat(COUNT + 5)), { minLength: 1, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(stretches, async (asked) => {
      const reads = createSharedReads(filled())
      await Promise.all(
        asked.map(async ([from, to]) => {
          const got = revisions(await reads.stretch('chat', ROOM, BigInt(from), BigInt(to)))
          assert.equal(got, to < from ? [] : to < COUNT ? numbers(from, to) : null)
        }),
      )
    }),
  )
})

test('given a log that could not be read, then that is not remembered', async () => {
  const log = filled()
  const reads = createSharedReads(log)
  log.onRead = () => 'unavailable'
  assert.is(await reads.stretch('chat', ROOM, 0n, 9n), null)
  log.onRead = () => null
  assert.equal(revisions(await reads.stretch('chat', ROOM, 0n, 9n)), numbers(0, 9))
})

test.run()
