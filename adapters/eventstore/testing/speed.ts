/**
 * Compares this adapter with the official client's own calls, in turns, on one node and one machine: `node
 * adapters/eventstore/testing/speed.ts` (SPEED_APPENDS: how many single appends; ten times as many in batches).
 */
import { randomUUID } from 'node:crypto'
import { EventStoreDBClient, jsonEvent, START, streamNameFilter } from '@eventstore/db-client'
import { testEventStore } from '../../../infra/testing/eventstore.ts'
import { connectEventLog } from '../index.ts'
import { must } from './helpers.ts'

const APPENDS = Number(process.env.SPEED_APPENDS ?? 5_000)
const node = await testEventStore()
const log = connectEventLog({ url: node.url })
const client = EventStoreDBClient.connectionString(node.url)

const metadata = {
  $correlationId: randomUUID(),
  $causationId: randomUUID(),
  command: { id: randomUUID(), type: 'PostMessage' },
  actor: { kind: 'account', id: 'alice' },
  node: 'node-1',
  at: new Date().toISOString(),
  schema: 1,
  client: { ip: '192.0.2.1', userAgent: 'Mozilla/5.0 (X11; Linux x86_64)' },
}
const event = (n: number) => ({
  id: randomUUID(),
  type: 'MessagePosted',
  data: { messageId: randomUUID(), content: `hello there, this is message ${n}`, subspace: 'main' },
  metadata,
})
const many = <A>(count: number, make: (n: number) => A) => Array.from({ length: count }, (_, n) => make(n))

const callers = async (count: number, total: number, call: (n: number) => Promise<unknown>) => {
  let n = 0
  await Promise.all(
    many(count, async () => {
      while (n < total) await call(n++)
    }),
  )
}

const measure = async (what: string, count: number, act: () => Promise<unknown>) => {
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  await act()
  const seconds = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const rate = Math.round(count / seconds).toLocaleString('en')
  console.log(
    `${what.padEnd(36)} ${rate.padStart(9)} events/s ${((user + system) / count).toFixed(1).padStart(7)} µs of this process each`,
  )
}

for (let round = 0; round < 2; round += 1) {
  await measure('single appends by 64: client', APPENDS, () =>
    callers(64, APPENDS, (n) => client.appendToStream(`chat-c${n % 64}`, jsonEvent(event(n)))),
  )
  await measure('single appends by 64: adapter', APPENDS, () =>
    callers(64, APPENDS, async (n) => must(await log.append(`chat-a${n % 64}`, 'any', [event(n)])())),
  )
  await measure('appends of 100 by 8: client', APPENDS * 10, () =>
    callers(8, APPENDS / 10, (n) =>
      client.appendToStream(
        `chat-cb${n % 8}`,
        many(100, (k) => jsonEvent(event(k))),
      ),
    ),
  )
  await measure('appends of 100 by 8: adapter', APPENDS * 10, () =>
    callers(8, APPENDS / 10, async (n) =>
      must(await log.append(`chat-ab${n % 8}`, 'any', many(100, event))()),
    ),
  )
}
const total = APPENDS * 44
for (let round = 0; round < 2; round += 1) {
  await measure('read of $all: client', total, async () => {
    for await (const _ of client.readAll({ fromPosition: START })) {
    }
  })
  await measure('read of $all: adapter', total, async () => must(await log.readAll({ limit: total })()))
  await measure('catch-up subscription: client', total, async () => {
    let n = 0
    const filter = streamNameFilter({ prefixes: ['chat-'] })
    for await (const _ of client.subscribeToAll({ fromPosition: START, filter })) if (++n === total) break
  })
  await measure('catch-up subscription: adapter', total, async () => {
    let n = 0
    for await (const batch of log.subscribe({ after: 'start', prefixes: ['chat-'] })) {
      for (const item of batch) if (item.kind === 'event') n += 1
      if (n === total) break
    }
  })
}

const latencies: number[] = []
const live = log.subscribe({ after: 'end', prefixes: ['chat-live'] })
const sent = new Map<string, number>()
const PACE = { perTick: 4, ticks: 1_000, tickMs: 2 }
const following = (async () => {
  for await (const batch of live) {
    for (const item of batch)
      if (item.kind === 'event') latencies.push(performance.now() - sent.get(item.event.id)!)
    if (latencies.length >= PACE.perTick * PACE.ticks) break
  }
})()
while (live.state().state !== 'live') await new Promise((resolve) => setTimeout(resolve, 5))
const begin = performance.now()
for (let tick = 0; tick < PACE.ticks; tick += 1) {
  for (let n = 0; n < PACE.perTick; n += 1) {
    const one = event(n)
    sent.set(one.id, performance.now())
    void log.append(`chat-live-${n}`, 'any', [one])()
  }
  const wait = begin + (tick + 1) * PACE.tickMs - performance.now()
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
}
await following
latencies.sort((a, b) => a - b)
const at = (share: number) => latencies[Math.floor(latencies.length * share)]!.toFixed(1)
const rate = Math.round((latencies.length / (performance.now() - begin)) * 1000)
console.log(`append to live delivery at ${rate} events/s: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`)

await log.close()
await client.dispose()
await node.stop()
// The client keeps its channel open after dispose().
process.exit(0)
