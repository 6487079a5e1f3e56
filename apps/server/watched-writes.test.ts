/** An event store that answers reads but accepts no writes. */
import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { watchWrites } from './watched-writes.ts'

const test = suite('watched writes')
const ids = { uuid: () => randomUUID() }
const event = () => ({ id: randomUUID(), type: 'Happened', data: {}, metadata: {} })

test('given an event store that refuses writes, then that is reported until writes are accepted again, even if nobody writes', async () => {
  const memory = memoryLog()
  const clock = { ms: 0 }
  const { log, writes } = watchWrites(memory, ids, () => clock.ms)
  assert.is(await writes.refused(), null)
  memory.onAppend = () => 'unavailable'
  await log.append('space-post:a/b', 'any', [event()])()
  assert.is(await writes.refused(), 'injected')
  memory.onAppend = () => null
  assert.is(await writes.refused(), 'injected', 'it was tried just now')
  clock.ms = 2_000
  assert.is(await writes.refused(), null)
  const { appends } = memory.counts
  clock.ms = 60_000
  assert.is(await writes.refused(), null)
  assert.is(memory.counts.appends, appends, 'nothing is written where nothing is wrong')
})

test('given an event store that is away, a wrong revision or an unknown outcome, then writes are not reported as refused', async () => {
  const memory = memoryLog()
  let state: 'up' | 'down' = 'down'
  const since = new Date(0)
  const away = { ...memory, health: () => ({ state, since, lastError: null }) }
  const { log, writes } = watchWrites(away, ids, () => 0)
  memory.onAppend = () => 'unavailable'
  await log.append('space-post:a/b', 'any', [event()])()
  state = 'up'
  assert.is(await writes.refused(), null)
  for (const fault of [null, 'unknown-lost'] as const) {
    memory.onAppend = () => fault
    await log.append('space-post:a/b', 7n, [event()])()
    assert.is(await writes.refused(), null)
  }
})

test.run()
