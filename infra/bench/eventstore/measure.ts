/** The measurements of the embedded node and the log adapter, stage by stage. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { connectEventLog, type EventStoreLog } from '../../../adapters/eventstore/index.ts'
import { officialClient } from '../../../adapters/eventstore/testing/official.ts'
import { decodeRead } from '../../../adapters/eventstore/wire.ts'
import type { RecordedEvent } from '../../../domain/ports.ts'
import { LOG_FILE } from '../../eventstore/log/storage.ts'
import { type TestEventStore, testEventStore } from '../../testing/eventstore.ts'
import { summary } from '../figures.ts'
import { sendPaced } from '../metronome.ts'
import {
  closedLoop,
  held,
  type MeasuredLoad,
  median,
  nothing,
  raw,
  someEvent,
  someEvents,
  timed,
} from './load.ts'

export const SCALE = Number(process.env.BENCH_SCALE ?? 1)
const scaled = (count: number, least = 0) => Math.max(least, Math.round(count * SCALE))
export const SINGLE = scaled(18_000, 2_000)
export const HUNDREDS = scaled(3_000, 200)
/** How many callers wait for their answers, with single appends and with appends of a hundred. */
export const CALLERS = 64
export const YOUNG = scaled(10_000, 1_000)
export const MIDDLE = scaled(100_000, 5_000)
const OLD = scaled(1_000_000, 10_000)
export const RATE = 2_000
const LIVE_SECONDS = scaled(10, 4)
export const ROUNDS = 3
const PREFIXES = ['chat-']

export const whole = (value: number) => Math.round(value).toLocaleString('en')
export const perSecond = (value: number) => `${whole(value)}/s`
export const ms = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`
export const cores = (share: number) => `${Math.round(100 * share)} %`

export const appending = (log: EventStoreLog, stream: string, each: number) => async (n: number) => {
  const result = await log.append(
    `${stream}-${n % 64}`,
    'any',
    each === 1 ? [someEvent(n)] : someEvents(each),
  )()
  if (result._tag === 'Left') throw new Error(`an append ended in ${JSON.stringify(result.left)}`)
}

/** A protobuf varint, and a message with one field that contains these bytes. */
const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]
const field = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0x0a, ...varint(bytes.length)]), bytes])

/** Microseconds to decode an event from its bytes, and how many of these are for JSON alone. */
const decodeCost = (frame: Buffer) => {
  const times = 20_000
  let event: RecordedEvent | undefined
  const run = () => {
    const begun = performance.now()
    for (let n = 0; n < times; n += 1) {
      const reading = decodeRead(frame)
      if (reading.kind === 'event') event = reading.event
    }
    return ((performance.now() - begun) * 1000) / times
  }
  run()
  const all = run()
  const [data, metadata] = [JSON.stringify(event?.data), JSON.stringify(event?.metadata)]
  const begun = performance.now()
  for (let n = 0; n < times; n += 1) {
    JSON.parse(data)
    JSON.parse(metadata)
  }
  return { all, json: ((performance.now() - begun) * 1000) / times }
}

export const readPages = async (log: EventStoreLog, count: number) => {
  let after: bigint | undefined
  for (let left = count; left > 0; ) {
    const page = await log.readAll({
      limit: Math.min(left, 5_000),
      ...(after === undefined ? {} : { after }),
    })()
    if (page._tag === 'Left' || page.right.length === 0) throw new Error('$all could not be read')
    left -= page.right.length
    after = page.right[page.right.length - 1]!.position
  }
}

export const catchUp = async (log: EventStoreLog, count: number) => {
  let left = count
  for await (const batch of log.subscribe({ after: 'start', prefixes: PREFIXES })) {
    for (const item of batch) if (item.kind === 'event') left -= 1
    if (left <= 0) return
  }
}

/** Appends events at a fixed rate, whatever became of the earlier ones. Each is timed from when it was due until it
 *  was delivered. */
const live = async (log: EventStoreLog, rate: number, seconds: number) => {
  const total = rate * seconds
  const due = new Map<string, number>()
  const latencies: number[] = []
  const subscription = log.subscribe({ after: 'end', prefixes: ['chat-live'] })
  const following = (async () => {
    for await (const batch of subscription) {
      const now = performance.now()
      for (const item of batch) if (item.kind === 'event') latencies.push(now - due.get(item.event.id)!)
      if (latencies.length >= total) return
    }
  })()
  while (subscription.state().state !== 'live') await new Promise((resolve) => setTimeout(resolve, 5))
  await sendPaced({ rate, total }, ({ from, to, dueAt }) => {
    for (let n = from; n < to; n += 1) {
      const event = someEvent(n)
      due.set(event.id, dueAt(n))
      void log.append(`chat-live-${n % 50}`, 'any', [event])()
    }
  })
  await following
  return summary(latencies)
}

/** How much memory a node holds after it was started on its log, the log was read and something was appended, with
 *  its garbage collected. As many events are read from a short log as from a long one, over and over, so that only
 *  what the log adds differs. */
const memoryOf = async (node: TestEventStore, log: EventStoreLog, count: number) => {
  await node.restart()
  while (log.health().state !== 'up') await new Promise((resolve) => setTimeout(resolve, 5))
  for (let left = OLD; left > 0; left -= count) await readPages(log, Math.min(left, count))
  await closedLoop(node.pid(), { callers: 16, calls: 1_000, each: 1 }, appending(log, 'chat-few', 1))
  for (let times = 0; times < 2; times += 1) {
    process.kill(node.pid(), 'SIGUSR2')
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  const megabytes = held(node.pid())
  console.log(`${whole(count)} events, after all were read: the node holds ${megabytes.toFixed(0)} MB`)
  return megabytes
}

const look = <A>(file: string, sql: string): A => {
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    return db.prepare(sql).get() as A
  } finally {
    db.close()
  }
}

export type NodesUnderTest = Awaited<ReturnType<typeof startNodes>>

const sayMeasured = (what: string, { rate, client, server, together }: MeasuredLoad) =>
  console.log(
    `${what.padEnd(44)} ${perSecond(rate).padStart(12)}  this process ${cores(client)}, the server ${cores(server)} of a core` +
      (together > 1.5 ? `, ${together.toFixed(1)} answered together` : ''),
  )

const countIn = (file: string): number => look<{ n: number }>(file, 'SELECT count(*) AS n FROM events').n
/** Those that a subscription to `PREFIXES` gets: the node's own are not among them. */
const chatIn = (file: string): number =>
  look<{ n: number }>(
    file,
    "SELECT count(*) AS n FROM events WHERE stream IN (SELECT id FROM streams WHERE name LIKE 'chat-%')",
  ).n

const grow = async (
  { node, log, file }: Pick<NodesUnderTest, 'node' | 'log' | 'file'>,
  to: number,
): Promise<void> => {
  const missing = Math.ceil((to - countIn(file)) / 500)
  if (missing <= 0) return
  const grown = await closedLoop(
    node.pid(),
    { callers: 8, calls: missing, each: 500 },
    appending(log, 'chat-past', 500),
  )
  sayMeasured(`grown to ${whole(to)} events`, grown)
}

/** The node, with a short log; one that stores nothing, and one that stores nothing but the bytes that came. A client of ours for each, and
 *  an official one for the first two. */
export const startNodes = async () => {
  const node = await testEventStore()
  const file = join(node.dataDir, LOG_FILE)
  const log = connectEventLog({ url: node.url })
  try {
    await grow({ node, log, file }, YOUNG)
    // The last one: the first are the node's own, of its users.
    const last = look<{ body: Uint8Array }>(file, 'SELECT body FROM events ORDER BY position DESC LIMIT 1')
    const body = Buffer.from(last.body)
    const frame = field(field(body))
    const empty = await nothing(frame)
    const emptyLog = connectEventLog({ url: empty.url })
    const bytesOnly = await nothing(frame, join(node.dataDir, 'bytes-only'))
    const bytesOnlyLog = connectEventLog({ url: bytesOnly.url })
    const [official, emptyOfficial] = [officialClient(node.url), officialClient(empty.url)]
    return {
      ...{ node, file, log, official, frame, bytes: body.length },
      ...{ empty, emptyLog, emptyOfficial, bytesOnly, bytesOnlyLog },
    }
  } catch (error) {
    await log.close()
    await node.stop()
    throw error
  }
}

type Written = { count: number; seconds: number }
const rate = ({ rate }: MeasuredLoad) => rate

/** Takes turns, so that whatever else the machine does affects all alike. `from`: where the events of the appends of
 *  100 begin. */
const appendInTurns = async ({
  node,
  file,
  log,
  official,
  empty,
  emptyLog,
  emptyOfficial,
  bytesOnly,
  bytesOnlyLog,
}: NodesUnderTest) => {
  const single: MeasuredLoad[] = []
  const singleEmpty: MeasuredLoad[] = []
  const singleBytes: MeasuredLoad[] = []
  const singleOfficial: MeasuredLoad[] = []
  const singleOfficialEmpty: MeasuredLoad[] = []
  const hundred: MeasuredLoad[] = []
  const hundredEmpty: MeasuredLoad[] = []
  const hundredOfficial: MeasuredLoad[] = []
  let from = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    single.push(
      await closedLoop(
        node.pid(),
        { callers: CALLERS, calls: SINGLE / ROUNDS, each: 1 },
        appending(log, 'chat-one', 1),
      ),
    )
    singleEmpty.push(
      await closedLoop(
        empty.pid,
        { callers: CALLERS, calls: SINGLE / ROUNDS, each: 1 },
        appending(emptyLog, 'chat-one', 1),
      ),
    )
    singleBytes.push(
      await closedLoop(
        bytesOnly.pid,
        { callers: CALLERS, calls: SINGLE / ROUNDS, each: 1 },
        appending(bytesOnlyLog, 'chat-one', 1),
      ),
    )
    const one = (client: typeof official) => (n: number) =>
      client.append(`chat-his-${n % 64}`, [someEvent(n)])
    singleOfficial.push(
      await closedLoop(node.pid(), { callers: CALLERS, calls: SINGLE / ROUNDS, each: 1 }, one(official)),
    )
    singleOfficialEmpty.push(
      await closedLoop(empty.pid, { callers: CALLERS, calls: SINGLE / ROUNDS, each: 1 }, one(emptyOfficial)),
    )
    from = look<{ at: number }>(file, 'SELECT max(position) AS at FROM events').at + 1
    hundred.push(
      await closedLoop(
        node.pid(),
        { callers: CALLERS, calls: HUNDREDS / ROUNDS, each: 100 },
        appending(log, 'chat-many', 100),
      ),
    )
    hundredEmpty.push(
      await closedLoop(
        empty.pid,
        { callers: CALLERS, calls: HUNDREDS / ROUNDS, each: 100 },
        appending(emptyLog, 'chat-many', 100),
      ),
    )
    hundredOfficial.push(
      await closedLoop(node.pid(), { callers: CALLERS, calls: HUNDREDS / ROUNDS, each: 100 }, (n) =>
        official.append(`chat-his-many-${n % 64}`, someEvents(100)),
      ),
    )
  }
  return {
    from,
    rounds: {
      single,
      singleEmpty,
      singleBytes,
      singleOfficial,
      singleOfficialEmpty,
      hundred,
      hundredEmpty,
      hundredOfficial,
    },
  }
}

const rawRate = async (
  mode: 'write' | 'sync',
  file: string,
  { start, events, each }: { readonly start: number; readonly events: number; readonly each: number },
) => {
  const rounds: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const { count, seconds } = await raw<Written>(mode, file, start, events, each)
    rounds.push(count / seconds)
  }
  return median(rounds, (value) => value)
}

export const measureAppends = async (nodes: NodesUnderTest) => {
  const { file } = nodes
  const { from, rounds } = await appendInTurns(nodes)
  const [one, oneEmpty, oneBytes, oneOfficial, oneOfficialEmpty, many, manyEmpty, manyOfficial] = [
    rounds.single,
    rounds.singleEmpty,
    rounds.singleBytes,
    rounds.singleOfficial,
    rounds.singleOfficialEmpty,
    rounds.hundred,
    rounds.hundredEmpty,
    rounds.hundredOfficial,
  ].map((rounds) => median(rounds, rate)) as [
    MeasuredLoad,
    MeasuredLoad,
    MeasuredLoad,
    MeasuredLoad,
    MeasuredLoad,
    MeasuredLoad,
    MeasuredLoad,
    MeasuredLoad,
  ]
  sayMeasured('single appends by 64', one)
  sayMeasured('  against a node that stores nothing', oneEmpty)
  sayMeasured('  against one that stores the bytes alone', oneBytes)
  sayMeasured('  the official client', oneOfficial)
  sayMeasured('  the official client, nothing stored', oneOfficialEmpty)
  sayMeasured('appends of 100 by 64', many)
  sayMeasured('  against a node that stores nothing', manyEmpty)
  sayMeasured('  the official client', manyOfficial)
  const group = Math.max(1, Math.round(one.together))
  const groupOfMany = 100 * Math.max(1, Math.round(many.together))
  const ones = { start: 0, events: Math.round(SINGLE / ROUNDS), each: group }
  const hundreds = { start: from, events: Math.round((HUNDREDS * 100) / ROUNDS), each: groupOfMany }
  const rawOne = await rawRate('write', file, ones)
  const rawMany = await rawRate('write', file, hundreds)
  const diskOne = await rawRate('sync', file, ones)
  const diskMany = await rawRate('sync', file, hundreds)
  console.log(
    `SQLite itself: ${perSecond(rawOne)} by ${group} to a commit, ${perSecond(rawMany)} by ${groupOfMany}; the disk alone: ${perSecond(diskOne)}, ${perSecond(diskMany)}`,
  )
  return {
    rounds,
    ...{ one, oneEmpty, oneBytes, oneOfficial, oneOfficialEmpty, many, manyEmpty, manyOfficial },
    ...{ group, groupOfMany, rawOne, rawMany, diskOne, diskMany },
  }
}

type Latency = { readonly p50: number; readonly p99: number; readonly max: number }
const sayLatency = (what: string, { p50, p99, max }: Latency): void =>
  console.log(`${what}: p50 ${ms(p50)}, p99 ${ms(p99)}, max ${ms(max)}`)

export const measureLive = async ({ log, emptyLog, bytesOnlyLog, file }: NodesUnderTest) => {
  const lively = await live(log, RATE, LIVE_SECONDS)
  const emptyLive = await live(emptyLog, RATE, LIVE_SECONDS)
  const bytesLive = await live(bytesOnlyLog, RATE, LIVE_SECONDS)
  const rawLive = await raw<Latency>('live', file, RATE, LIVE_SECONDS)
  const diskLive = await raw<Latency>('disk', file, RATE, LIVE_SECONDS)
  sayLatency(`live at ${RATE}/s`, lively)
  sayLatency('  from a node that stores nothing', emptyLive)
  sayLatency('  from one that stores the bytes alone', bytesLive)
  sayLatency('  SQLite itself, commit alone', rawLive)
  sayLatency('  the disk alone, a write and its fdatasync', diskLive)
  return { lively, emptyLive, bytesLive, rawLive, diskLive }
}

/** Whatever opening a long log adds to this is the log's part. */
export const measureStarts = async () => {
  const emptyOpens: number[] = []
  const bareStarts: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    let begun = performance.now()
    spawnSync(process.execPath, ['-e', '0'])
    bareStarts.push(performance.now() - begun)
    begun = performance.now()
    const fresh = await testEventStore()
    const opened = connectEventLog({ url: fresh.url })
    await opened.readAll({ direction: 'backwards', limit: 1 })()
    emptyOpens.push(performance.now() - begun)
    await opened.close()
    await fresh.stop()
  }
  const emptyOpen = median(emptyOpens, (value) => value)
  const bareStart = median(bareStarts, (value) => value)
  return { emptyOpen, bareStart }
}

/** This uses a node of its own, because the other one has grown meanwhile. */
const measureShortMemory = async () => {
  const young = await testEventStore()
  const youngLog = connectEventLog({ url: young.url })
  await closedLoop(
    young.pid(),
    { callers: 8, calls: YOUNG / 500, each: 500 },
    appending(youngLog, 'chat-past', 500),
  )
  const youngMemory = await memoryOf(young, youngLog, YOUNG)
  await closedLoop(
    young.pid(),
    { callers: 8, calls: (MIDDLE - YOUNG) / 500, each: 500 },
    appending(youngLog, 'chat-past', 500),
  )
  const middleMemory = await memoryOf(young, youngLog, MIDDLE)
  await youngLog.close()
  await young.stop()
  return { youngMemory, middleMemory }
}

export const measureMemory = async (nodes: NodesUnderTest) => {
  const short = await measureShortMemory()
  await grow(nodes, OLD)
  const oldMemory = await memoryOf(nodes.node, nodes.log, countIn(nodes.file))
  return { ...short, oldMemory, total: countIn(nodes.file) }
}

export const measureReads = async (nodes: NodesUnderTest) => {
  const { node, file, log, official, empty, emptyLog, frame } = nodes
  const reads: MeasuredLoad[] = []
  const catchUps: MeasuredLoad[] = []
  const officialReads: MeasuredLoad[] = []
  const emptyReads: MeasuredLoad[] = []
  const emptyCatchUps: MeasuredLoad[] = []
  const share = Math.min(chatIn(file), 150_000)
  for (let round = 0; round < ROUNDS; round += 1) {
    reads.push(await timed(node.pid(), share, () => readPages(log, share)))
    catchUps.push(await timed(node.pid(), share, () => catchUp(log, share)))
    officialReads.push(await timed(node.pid(), share / 3, () => official.read(Math.round(share / 3))))
    emptyReads.push(
      await timed(empty.pid, share, async () => {
        for (let left = share; left > 0; left -= 5_000)
          await emptyLog.readAll({ limit: Math.min(left, 5_000) })()
      }),
    )
    emptyCatchUps.push(await timed(empty.pid, share, () => catchUp(emptyLog, share)))
  }
  const [reading, catching, officialReading, emptyReading, emptyCatching] = [
    reads,
    catchUps,
    officialReads,
    emptyReads,
    emptyCatchUps,
  ].map((rounds) => median(rounds, rate)) as [
    MeasuredLoad,
    MeasuredLoad,
    MeasuredLoad,
    MeasuredLoad,
    MeasuredLoad,
  ]
  const decoding = decodeCost(frame)
  const rawRead = await raw<Written>('read', file)
  sayMeasured('$all, read in pages of 5,000', reading)
  sayMeasured('$all, catch-up subscription', catching)
  sayMeasured('  the official client, read', officialReading)
  sayMeasured('  read from a node that stores nothing', emptyReading)
  sayMeasured('  subscribed to one that stores nothing', emptyCatching)
  console.log(`SQLite itself reads ${perSecond(rawRead.count / rawRead.seconds)}`)
  console.log(
    `decoding: ${decoding.all.toFixed(1)} µs an event, ${decoding.json.toFixed(1)} of them JSON.parse`,
  )
  return {
    rounds: { reads, catchUps, officialReads, emptyReads, emptyCatchUps },
    ...{ reading, catching, officialReading, emptyReading, emptyCatching, decoding, rawRead },
  }
}

/** Kills the node, again and again. */
export const measureOpening = async ({ node, file }: NodesUnderTest) => {
  const opens: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    await node.kill()
    // Dropped from the file cache, if the system complies.
    spawnSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0'], { stdio: 'ignore' })
    const begun = performance.now()
    await node.restart()
    const opened = connectEventLog({ url: node.url })
    await opened.readAll({ direction: 'backwards', limit: 1 })()
    opens.push(performance.now() - begun)
    await opened.close()
  }
  const cold = median(opens, (value) => value)
  await node.kill()
  spawnSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0'], { stdio: 'ignore' })
  const rawOpen = await raw<{ ms: number }>('open', file)
  const size = look<{ bytes: number }>(
    file,
    'SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size',
  ).bytes
  console.log(`opened after kill -9, until the first answer: ${ms(cold)}; SQLite itself ${ms(rawOpen.ms)}`)
  return { opens, cold, rawOpen, size }
}
