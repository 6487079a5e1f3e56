/** `kill -9` under load, again and again: what was acknowledged is there, once, in order; what was not is there whole or
 *  not at all. KILL_RUNS raises the number of kills (default 3). */
import { randomInt, randomUUID } from 'node:crypto'
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testEventStore } from '../testing/server.ts'

const KILLS = Number(process.env.KILL_RUNS ?? 3)
/** How many events the stream that is scavenged gets. */
const EVENTS = 1_000

type Attempt = { readonly stream: string; readonly ids: ReadonlyArray<string>; acknowledged: bigint | null }

const test = suite('kill -9')

test('given a node that is killed at any moment, when it is started again, then nothing acknowledged is lost', async () => {
  // The log is copied into the file all the time, and the index written, so that kills hit that too.
  const store = await testEventStore({
    env: { EVENTSTORE_CHECKPOINT_FRAMES: '30', EVENTSTORE_INDEX_BEHIND: '20' },
  })
  const attempts: Attempt[] = []
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const client = EventStoreDBClient.connectionString(store.url)
      let running = true
      let acknowledged = 0
      let reached: () => void = () => {}
      const enough = new Promise<void>((resolve) => {
        reached = resolve
      })
      const goal = randomInt(5, 120)
      const writers = Array.from({ length: 8 }, async (_, n) => {
        while (running) {
          const events = Array.from({ length: randomInt(1, 6) }, () => jsonEvent({ type: 'T', data: { n } }))
          const attempt: Attempt = {
            stream: `kill-${n % 4}`,
            ids: events.map(({ id }) => id),
            acknowledged: null,
          }
          attempts.push(attempt)
          try {
            attempt.acknowledged = (await client.appendToStream(attempt.stream, events)).nextExpectedRevision
            if (++acknowledged === goal) reached()
          } catch {
            return
          }
        }
      })
      await enough
      await store.kill()
      running = false
      await Promise.all(writers)
      await client.dispose()
      await store.restart()
    }

    const client = EventStoreDBClient.connectionString(store.url)
    const streams = new Map<string, string[]>()
    const order: string[] = []
    for await (const { event } of client.readAll()) {
      if (event === undefined || !event.streamId.startsWith('kill-')) continue
      const ids = streams.get(event.streamId) ?? []
      assert.is(event.revision, BigInt(ids.length), 'revisions are dense and in the order of $all')
      ids.push(event.id)
      streams.set(event.streamId, ids)
      order.push(event.id)
    }
    assert.is(new Set(order).size, order.length, 'no event is there twice')
    for (const { stream, ids, acknowledged } of attempts) {
      const there = streams.get(stream) ?? []
      const at = there.indexOf(ids[0]!)
      if (acknowledged !== null)
        assert.is(
          BigInt(at + ids.length - 1),
          acknowledged,
          'what was acknowledged is where it was said to be',
        )
      if (at >= 0) assert.equal(there.slice(at, at + ids.length), ids, 'an append is there whole')
      else
        assert.not(
          ids.some((id) => there.includes(id)),
          'or not at all',
        )
    }
    const again = await client.appendToStream(`kill-${randomUUID()}`, [jsonEvent({ type: 'T', data: {} })])
    assert.ok(again.success)
    await client.dispose()
  } finally {
    await store.stop()
  }
})

test('given a node that is killed while it scavenges, when it is started again, then all that may be read is there, and the scavenge can be ended', async () => {
  const store = await testEventStore({ env: { EVENTSTORE_CHECKPOINT_FRAMES: '30' } })
  const scavenge = (method: 'GET' | 'POST') =>
    fetch(`http://127.0.0.1:${store.port}/admin/scavenge${method === 'GET' ? '/current' : ''}`, { method })
  const revisions = async (client: EventStoreDBClient): Promise<number[]> => {
    const found: number[] = []
    for await (const { event } of client.readStream('cut')) found.push(Number(event!.revision))
    return found
  }
  try {
    let client = EventStoreDBClient.connectionString(store.url)
    const events = Array.from({ length: EVENTS }, (_, n) =>
      jsonEvent({ type: 'T', data: { text: 'x'.repeat(500), n } }),
    )
    await client.appendToStream('cut', events)
    for (let kill = 1; kill <= KILLS; kill++) {
      const first = Math.floor((EVENTS * kill) / (KILLS + 1))
      await client.setStreamMetadata('cut', { truncateBefore: first })
      assert.is((await scavenge('POST')).status, 200)
      await new Promise((resolve) => setTimeout(resolve, randomInt(0, 30)))
      await store.kill()
      await client.dispose()
      await store.restart()
      client = EventStoreDBClient.connectionString(store.url)
      assert.equal(
        await revisions(client),
        Array.from({ length: EVENTS - first }, (_, n) => first + n),
      )
    }
    await scavenge('POST')
    for (;;) {
      const { state } = (await (await scavenge('GET')).json()) as { state: string }
      assert.is.not(state, 'failed')
      if (state === 'done') break
    }
    const left: number[] = []
    for await (const { event } of client.readAll())
      if (event?.streamId === 'cut') left.push(Number(event.revision))
    assert.equal(left, await revisions(client))
    await client.dispose()
  } finally {
    await store.stop()
  }
})

test.run()
