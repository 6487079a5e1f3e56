/**
 * Clients that append and read through lines that fail at random, on a node that is killed now and then; then the judge.
 * Larger: FAULT_CLIENTS=50 FAULT_APPENDS=100000 FAULT_KILLS=8 node adapters/eventstore/faults.test.ts
 * FAULT_APPENDS: how many are told that they were written or that another was first; what stays unknown, and looks at a
 * stream's end, come on top. FAULT_SEED repeats the choices of a run (not its timing). FAULT_KILLS: how often the node is killed, at most.
 */
import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ExpectedRevision, RecordedEvent } from '../../domain/ports.ts'
import { type TestEventStore, testEventStore } from '../../infra/testing/eventstore.ts'
import { type FaultProxy, startProxy } from '../../infra/testing/proxy.ts'
import { appendSettled, connectEventLog, type EventStoreLog } from './index.ts'
import { collect, must, until } from './testing/helpers.ts'
import { type AppendRecord, type EndRecord, judge } from './testing/history.ts'

const CLIENTS = Number(process.env.FAULT_CLIENTS ?? 6)
const APPENDS = Number(process.env.FAULT_APPENDS ?? 1_000)
const KILLS = Number(process.env.FAULT_KILLS ?? 2)
const SEED = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000)
const STREAMS = Math.max(4, CLIENTS)
/** How many appends one client has under way at once. */
const AT_ONCE = 4

/** mulberry32: the same numbers for the same seed. */
const random = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const streamName = (n: number) => `space-post:someone/room-${n}`
const some = <A>(next: () => number, from: ReadonlyArray<A>): A => from[Math.floor(next() * from.length)]!

/** `told`: how many appends have a known outcome: written, or another was first. */
type Run = { told: number; isOver: boolean }
type Client = { readonly log: EventStoreLog; readonly proxy: FaultProxy }

const work = async (
  client: Client,
  next: () => number,
  run: Run,
  history: Array<AppendRecord | EndRecord>,
) => {
  const append = appendSettled(client.log, { deadlineMs: 30_000 })
  const ends = new Map<string, bigint>()
  while (run.told < APPENDS) {
    const stream = streamName(Math.floor(next() * STREAMS))
    const start = performance.now()
    if (next() < 0.15 || !ends.has(stream)) {
      const read = await client.log.readStream(stream, { direction: 'backwards', limit: 1 })()
      if (read._tag === 'Left') continue
      const revision = read.right[0]?.revision ?? null
      history.push({ kind: 'end', stream, start, end: performance.now(), revision })
      ends.set(stream, revision ?? -1n)
      continue
    }
    const known = ends.get(stream)!
    const expected: ExpectedRevision = next() < 0.25 ? 'any' : known < 0n ? 'none' : known
    const events = Array.from({ length: 1 + Math.floor(next() * 3) }, () => ({
      id: randomUUID(),
      type: 'Happened',
      data: { room: stream },
      metadata: {},
    }))
    const result = await append(stream, expected, events)()
    history.push({
      kind: 'append',
      stream,
      expected,
      ids: events.map(({ id }) => id),
      start,
      end: performance.now(),
      outcome: result._tag === 'Right' ? { _tag: 'Appended', ...result.right } : result.left,
    })
    if (result._tag === 'Right') {
      run.told += 1
      ends.set(stream, result.right.revision)
    } else if (result.left._tag === 'WrongExpectedRevision') {
      run.told += 1
      ends.set(stream, result.left.actual ?? -1n)
    } else ends.delete(stream)
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const torment = async (proxies: ReadonlyArray<FaultProxy>, next: () => number, run: Run) => {
  const faults: Record<string, number> = {}
  while (!run.isOver) {
    const proxy = some(next, proxies)
    const [name, fault] = some<[string, () => void]>(next, [
      ['reset', () => proxy.reset()],
      ['cut what comes', () => proxy.cutAfter(Math.floor(next() * 5_000))],
      ['cut what goes', () => proxy.cutAfter(Math.floor(next() * 5_000), 'up')],
      ['drop what comes', () => proxy.drop('down')],
      ['drop what goes', () => proxy.drop('up')],
      ['half-open', () => proxy.halfOpen()],
      [
        'refuse',
        () => {
          proxy.refuse()
          proxy.reset()
        },
      ],
      ['delay', () => proxy.delay(30)],
      ['trickle', () => proxy.trickle(20_000)],
    ])
    faults[name] = (faults[name] ?? 0) + 1
    fault()
    await pause(20 + next() * 400)
    proxy.heal()
    await pause(next() * 100)
  }
  for (const proxy of proxies) proxy.heal()
  return faults
}

const everything = async (log: EventStoreLog): Promise<RecordedEvent[]> => {
  const all: RecordedEvent[] = []
  for (;;) {
    const after = all[all.length - 1]?.position
    const page = must(
      await log.readAll({ limit: 5_000, prefixes: ['space-'], ...(after === undefined ? {} : { after }) })(),
    )
    all.push(...page)
    if (page.length === 0) return all
  }
}

type Context = { node: TestEventStore; clients: Client[]; direct: EventStoreLog; run: Run }
const faults = suite<Context>('random faults')
faults.before(async (context) => {
  context.node = await testEventStore()
  context.direct = connectEventLog({ url: context.node.url })
  context.run = { told: 0, isOver: false }
  const quick = { appendTimeoutMs: 500, readTimeoutMs: 500, connectTimeoutMs: 2_000, heartbeatMs: 500 }
  context.clients = []
  for (let n = 0; n < CLIENTS + 1; n += 1) {
    const proxy = await startProxy({ targetPort: context.node.port })
    context.clients.push({ proxy, log: connectEventLog({ url: proxy.url, ...quick }) })
  }
})
faults.after(async ({ node, clients, direct, run }) => {
  run.isOver = true
  await Promise.all([...clients.map(({ log }) => log.close()), direct.close()])
  await Promise.all(clients.map(({ proxy }) => proxy.close()))
  await node.stop()
})

faults(
  `given ${CLIENTS} clients, ${APPENDS} appends and random faults, then the log agrees with what each was told (seed ${SEED})`,
  async ({ node, clients, direct, run }) => {
    const next = random(SEED)
    const [watcher, ...workers] = clients as [Client, ...Client[]]
    const subscription = watcher.log.subscribe({ after: 'start', prefixes: ['space-'], bufferSize: 500 })
    const { events: watched } = collect(subscription)

    const history: Array<AppendRecord | EndRecord> = []
    const proxies = clients.map(({ proxy }) => proxy)
    const tormenting = Promise.all(
      Array.from({ length: Math.ceil(CLIENTS / 4) }, (_, n) =>
        torment(proxies, random(SEED + 1_000 + n), run),
      ),
    )
    const killing = (async () => {
      for (let kill = 1; kill <= KILLS && !run.isOver; kill += 1) {
        await until(
          'the next kill',
          () => run.isOver || run.told >= (APPENDS * kill) / (KILLS + 1),
          3_600_000,
        )
        await node.kill()
        await node.restart()
      }
    })()
    const startedAt = performance.now()
    const progress = setInterval(() => {
      if (APPENDS > 10_000)
        console.log(`${run.told} of ${APPENDS} after ${Math.round((performance.now() - startedAt) / 1000)} s`)
    }, 10_000)
    try {
      await Promise.all(
        workers.flatMap((client) =>
          Array.from({ length: AT_ONCE }, () =>
            work(client, random(Math.floor(next() * 2 ** 31)), run, history),
          ),
        ),
      )
    } finally {
      clearInterval(progress)
      run.isOver = true
      await killing
    }
    const seconds = (performance.now() - startedAt) / 1000
    const injected: Record<string, number> = {}
    for (const some of await tormenting)
      for (const [name, times] of Object.entries(some)) injected[name] = (injected[name] ?? 0) + times

    await until('the direct line', () => direct.health().state === 'up')
    const all = await everything(direct)
    assert.is(judge(all, history).slice(0, 20).join('\n'), '')

    const last = all[all.length - 1]!.id
    await until('the subscription has the last event', () => watched[watched.length - 1]?.id === last, 30_000)
    const off = all.findIndex(({ position }, index) => watched[index]?.position !== position)
    assert.ok(
      off < 0 && watched.length === all.length,
      `the subscription gave ${watched.length} of ${all.length} events, the first one off at ${off}: ${watched[off]?.position}, not ${all[off]?.position}`,
    )
    const outcomes: Record<string, number> = {}
    for (const record of history) {
      const what = record.kind === 'append' ? record.outcome._tag : 'end read'
      outcomes[what] = (outcomes[what] ?? 0) + 1
    }
    const unknown = clients.reduce((sum, { log }) => sum + log.stats().unknownOutcomes, 0)
    console.log(
      `\n  ${all.length} events in ${seconds.toFixed(1)} s; ${JSON.stringify(outcomes)}; ${unknown} outcomes unknown at first;` +
        ` subscription resumed ${subscription.state().reconnects} times; node killed ${KILLS} times; faults ${JSON.stringify(injected)}`,
    )
    assert.ok((outcomes.Appended ?? 0) > 0 && (outcomes.WrongExpectedRevision ?? 0) > 0)
  },
)

faults.run()
