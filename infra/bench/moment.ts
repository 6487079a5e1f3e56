/** Measures how long it takes to answer for any moment of a room, by the room's age. One room grows on the embedded
 *  node, with its personal data sealed, and is asked for random times, positions and revisions by a server that has
 *  not seen it before. AUDIT_EVENTS (1,000,000) is the oldest age. */
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { connectVault } from '../../adapters/privacy/connect.ts'
import { sealedLog } from '../../adapters/privacy/sealed-log.ts'
import { createMomentWriter, keepRoom } from '../../apps/operations/keep/moment-writer.ts'
import type { EventLog } from '../../domain/ports.ts'
import { EVERY } from '../../projections/history/kept-streams.ts'
import { createMoments, type Moments, type When } from '../../projections/history/moments.ts'
import { momentView } from '../../projections/history/view.ts'
import { testEventStore } from '../testing/eventstore.ts'
import { testDatabase } from '../testing/postgres.ts'
import { agesInSvg, chartInText } from './age-chart.ts'
import { type FigureRow, summary } from './figures.ts'
import { grow, ROOM, STARTED } from './growing-room.ts'
import { processorMs } from './processor.ts'

const AGES = [1_000, 10_000, 100_000, 1_000_000]
const ASKED = 400
/** Asked before anything is measured, so that a small room does not pay for code that runs for the first time. */
const WARM = 150
const GOAL = { p50: 50, p99: 150 }

/** What reading has cost since the last `take`. */
const counting = (log: EventLog) => {
  let reads = 0
  let events = 0
  const counted: EventLog = {
    ...log,
    readStream: (stream, read) => async () => {
      const page = await log.readStream(stream, read)()
      reads += 1
      if (page._tag === 'Right') events += page.right.length
      return page
    },
  }
  const take = () => {
    const taken = { reads, events }
    reads = 0
    events = 0
    return taken
  }
  return { counted, take }
}

type End = { readonly position: bigint; readonly clock: number; readonly revision: number }

/** Asks for one moment, in the form in which HTTP answers. */
const asker = (moments: Moments, end: End) => {
  let i = 0
  return async (): Promise<number> => {
    const place = Math.random()
    const whens: When[] = [
      { kind: 'time', time: new Date(STARTED + place * (end.clock - STARTED)) },
      { kind: 'position', position: BigInt(Math.floor(place * Number(end.position))) },
      { kind: 'revision', revision: BigInt(Math.floor(place * end.revision)) },
    ]
    const asked = performance.now()
    const moment = await moments.at(ROOM, whens[i++ % 3]!, { messages: 50 })()
    if (moment._tag === 'Left') throw new Error(JSON.stringify(moment.left))
    JSON.stringify(momentView(moment.right))
    return performance.now() - asked
  }
}

const times = async (count: number, one: () => Promise<number>): Promise<number[]> => {
  const all: number[] = []
  for (let i = 0; i < count; i += 1) all.push(await one())
  return all
}

export const bench = async (oldest = Number(process.env.AUDIT_EVENTS ?? 1_000_000)) => {
  const [store, database] = await Promise.all([testEventStore(), testDatabase()])
  const vault = connectVault({ databaseUrl: database.url, masterKey: 'ab'.repeat(32) })
  await vault.ready
  const { counted: stored, take } = counting(connectEventLog({ url: store.url }))
  const log = sealedLog(stored, vault)
  const open = () => createMoments(log, { stored, open: log.open, keep: createMomentWriter(stored).keep })
  const figures: Array<{
    readonly events: number
    readonly p50: number
    readonly p99: number
    readonly max: number
    /** For one moment: the processor time of the asking process and of the node, its reads and the events that they
     *  returned. */
    readonly ownMs: number
    readonly nodeMs: number
    readonly reads: number
    readonly read: number
    /** The first question of a server that has not seen the room: the median of several. */
    readonly firstMs: number
    readonly keepEventsPerSecond: number
    readonly kept: number
  }> = []
  let coldMs = 0
  try {
    const growTo = await grow(log)
    let had = 0
    for (const events of AGES.filter((age) => age <= oldest)) {
      const end = await growTo(events)
      const began = performance.now()
      const kept = await keepRoom(stored, ROOM)
      const keepEventsPerSecond = Math.round(((events - had) / (performance.now() - began)) * 1_000)
      had = events
      if (coldMs === 0) {
        coldMs = await asker(open(), end)()
        await times(WARM, asker(open(), end))
      }
      // A server that has been running for a while has the keys in memory.
      await times(20, asker(open(), end))
      const first = summary(await times(15, () => asker(open(), end)()))
      take()
      const used = [processorMs(process.pid), processorMs(store.pid())] as const
      const { p50, p99, max } = summary(await times(ASKED, asker(open(), end)))
      const ownMs = (processorMs(process.pid) - used[0]) / ASKED
      const nodeMs = (processorMs(store.pid()) - used[1]) / ASKED
      const done = take()
      const [reads, read] = [done.reads / ASKED, done.events / ASKED]
      figures.push({
        events,
        p50,
        p99,
        max,
        ownMs,
        nodeMs,
        reads,
        read,
        firstMs: first.p50,
        keepEventsPerSecond,
        kept,
      })
      console.log(
        `${events} events: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms; ${ownMs.toFixed(1)} + ${nodeMs.toFixed(1)} ms of processor, ${reads.toFixed(1)} reads of ${read.toFixed(0)} events; the first ${first.p50.toFixed(1)} ms; ${kept} moments kept, ${keepEventsPerSecond} events/s`,
      )
    }
  } finally {
    await log.close()
    await vault.close()
    await store.stop()
    await database.drop()
  }
  const points = figures.map(({ events, p50, p99 }) => ({ age: events, p50, p99 }))
  console.log(`\n${chartInText(points)}`)
  const rows: FigureRow[] = figures.map(({ events, p50, p99, firstMs }) => ({
    what: `a room of ${events.toLocaleString('en')} events at any moment`,
    ours: `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
    beside: `first ${firstMs.toFixed(1)} ms`,
    goal: `p50 < ${GOAL.p50} ms, p99 < ${GOAL.p99} ms`,
    met: p50 < GOAL.p50 && p99 < GOAL.p99,
  }))
  const last = figures.at(-1)
  const notes =
    last === undefined
      ? []
      : [
          `Moments: at ${last.events} events one takes ${last.ownMs.toFixed(1)} ms of the server’s processor and ${last.nodeMs.toFixed(1)} ms of the node’s: ${last.reads.toFixed(1)} reads of ${last.read.toFixed(0)} events (the kept state and the up to ${EVERY} events since, of the space and of its chat), each read as JSON, checked and folded; the rest is waiting for the machine. A process’s very first took ${coldMs.toFixed(0)} ms here: its code runs for the first time.`,
        ]
  return { rows, figures: { coldMs, ages: figures }, notes, charts: { ages: agesInSvg(points) } }
}
