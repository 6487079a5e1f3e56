/**
 * The embedded node and the log adapter. Beside each: what SQLite itself does with the same bytes and the same commits, in a
 * process of its own, and what the same client reaches against a node that stores nothing.
 * BENCH_SCALE (default 1) makes it smaller: 0.05 takes half a minute, 1 some five. BENCH_EVENTSTORE_URL names another
 * server, which is measured, too.
 */
import { fileURLToPath } from 'node:url'
import type { MeasuredLoad } from './eventstore/load.ts'
import {
  cores,
  MIDDLE,
  measureAppends,
  measureLive,
  measureMemory,
  measureOpening,
  measureReads,
  measureStarts,
  ms,
  type NodesUnderTest,
  perSecond,
  RATE,
  SCALE,
  startNodes,
  whole,
  YOUNG,
} from './eventstore/measure.ts'
import { measureOtherServer, type OtherServer } from './eventstore/other-server.ts'
import type { FigureRow } from './figures.ts'

type Measured = Awaited<ReturnType<typeof measureAll>>

const measureAll = async (nodes: NodesUnderTest) => {
  const appends = await measureAppends(nodes)
  const live = await measureLive(nodes)
  const other = await measureOtherServer()
  const starts = await measureStarts()
  const memory = await measureMemory(nodes)
  const reads = await measureReads(nodes)
  await nodes.log.close()
  const opening = await measureOpening(nodes)
  return { bytes: nodes.bytes, appends, live, other, starts, memory, reads, opening }
}

/** What limited the appends or reads of a client, from the processor time of both sides. */
const busySides = ({ client, server }: MeasuredLoad, more = ''): string =>
  `client ${cores(client)} and node ${cores(server)} of a core${more}`

/** Microseconds of the client's and the server's processor. */
const eachSide = ({ rate, client, server }: MeasuredLoad) =>
  `${((1e6 * client) / rate).toFixed(1)} + ${((1e6 * server) / rate).toFixed(1)}`

/** What another server reaches, where one was named. */
const besideOther = ({ other }: Measured, which: keyof OtherServer): string =>
  other === null ? '' : `; the other server ${perSecond(other[which])}`

const appendRows = (measured: Measured): FigureRow[] => {
  const { appends } = measured
  const { one, oneEmpty, oneBytes, many, manyEmpty, rawOne, rawMany, diskOne, diskMany } = appends
  return [
    {
      what: 'single appends by 64 callers',
      ours: `${perSecond(one.rate)} (${(one.rate / oneEmpty.rate).toFixed(2)})`,
      beside: `${perSecond(oneEmpty.rate)} where nothing is stored; SQLite itself ${perSecond(rawOne)}, the disk alone ${perSecond(diskOne)}${besideOther(measured, 'one')}`,
      goal: '≥ 0.9 of nothing stored',
      met: one.rate >= 0.9 * oneEmpty.rate,
      limit: `a node that does nothing but write the bytes and wait for the disk reaches ${perSecond(oneBytes.rate)} (${(oneBytes.rate / oneEmpty.rate).toFixed(2)}), ${eachSide(oneBytes)} µs an append; ${busySides(one, `, ${whole(one.rate / one.together)} fsyncs a second`)}; µs an append ${eachSide(one)}, where nothing is stored ${eachSide(oneEmpty)}`,
    },
    {
      what: 'events by appends of 100',
      ours: perSecond(many.rate),
      beside: `${perSecond(manyEmpty.rate)} where nothing is stored, the disk alone ${perSecond(diskMany)}${besideOther(measured, 'many')}`,
      goal: '≥ 60,000/s',
      met: many.rate >= 60_000,
      limit: `${busySides(many)}; µs an event ${eachSide(many)}`,
    },
    {
      what: 'the same, beside SQLite itself',
      ours: `${perSecond(many.rate)} (${(many.rate / rawMany).toFixed(2)})`,
      beside: perSecond(rawMany),
      goal: '≥ 0.5 of SQLite',
      met: many.rate >= 0.5 * rawMany,
      limit: busySides(many),
    },
  ]
}

const readRows = (measured: Measured): FigureRow[] => {
  const { reads } = measured
  const { reading, catching, emptyReading, emptyCatching, rawRead } = reads
  return [
    {
      what: 'catch-up of $all, subscription',
      ours: perSecond(catching.rate),
      beside: `${perSecond(emptyCatching.rate)} where nothing is read; SQLite itself ${perSecond(rawRead.count / rawRead.seconds)}${besideOther(measured, 'catching')}`,
      goal: '≥ 50,000/s',
      met: catching.rate >= 50_000,
      limit: busySides(catching),
    },
    {
      what: 'catch-up of $all, reads of 5,000',
      ours: perSecond(reading.rate),
      beside: `${perSecond(emptyReading.rate)} where nothing is read${besideOther(measured, 'reading')}`,
      goal: '≥ 50,000/s',
      met: reading.rate >= 50_000,
      limit: busySides(reading),
    },
  ]
}

const liveRows = ({ live: { lively, emptyLive, bytesLive, rawLive, diskLive } }: Measured): FigureRow[] => [
  {
    what: `live delivery at ${whole(RATE)}/s, p50`,
    ours: ms(lively.p50),
    beside: `${ms(emptyLive.p50)} where nothing is stored, ${ms(bytesLive.p50)} where the bytes alone are, ${ms(rawLive.p50)} SQLite’s commit, ${ms(diskLive.p50)} the disk alone`,
    goal: '',
    met: null,
  },
  {
    what: `live delivery at ${whole(RATE)}/s, p99`,
    ours: ms(lively.p99),
    beside: `${ms(emptyLive.p99)} where nothing is stored, ${ms(bytesLive.p99)} where the bytes alone are, ${ms(rawLive.p99)} SQLite’s commit, ${ms(diskLive.p99)} the disk alone`,
    goal: '< 5 ms',
    met: lively.p99 < 5,
    limit: `where nothing is stored ${ms(emptyLive.p99)}, where the bytes alone are ${ms(bytesLive.p99)}, SQLite’s commit alone ${ms(rawLive.p99)}, a write with its fdatasync alone ${ms(diskLive.p99)}`,
  },
]

const lengthRows = ({ bytes, starts, memory, opening }: Measured): FigureRow[] => {
  const { emptyOpen, bareStart } = starts
  const { youngMemory, middleMemory, oldMemory, total } = memory
  const { cold, rawOpen, size } = opening
  return [
    {
      what: `cold open of ${whole(total)} events`,
      ours: ms(cold),
      beside: `${ms(bareStart)} a process that does nothing, ${ms(emptyOpen)} with no log; SQLite itself ${ms(rawOpen.ms)}`,
      goal: '< 1 s',
      met: cold < 1_000,
    },
    {
      what: `memory at ${whole(total)} events`,
      ours: `${oldMemory.toFixed(0)} MB (${(oldMemory / youngMemory).toFixed(2)})`,
      beside: `${youngMemory.toFixed(0)} MB at ${whole(YOUNG)}, ${middleMemory.toFixed(0)} MB at ${whole(MIDDLE)}`,
      goal: 'flat (≤ 1.25)',
      met: oldMemory <= 1.25 * youngMemory,
    },
    {
      what: 'on disk, an event of chat',
      ours: `${whole(size / total)} bytes`,
      beside: `${whole(bytes)} of them are the event’s own`,
      goal: '< 1,024 bytes',
      met: size / total < 1_024,
    },
  ]
}

const rowsOf = (measured: Measured): FigureRow[] => [
  ...appendRows(measured),
  ...readRows(measured),
  ...liveRows(measured),
  ...lengthRows(measured),
]

const notesOf = ({ bytes, appends, reads, opening: { size } }: Measured): string[] => {
  const { one, oneEmpty, oneOfficial, oneOfficialEmpty, many, manyEmpty, manyOfficial } = appends
  const { group, groupOfMany } = appends
  const { reading, catching, officialReading, emptyReading, emptyCatching, decoding } = reads
  const limit = 1e6 / decoding.all
  return [
    `Event store: ${whole(bytes)} bytes per event, a file of ${(size / 1e9).toFixed(2)} GB${SCALE < 1 ? ` (BENCH_SCALE ${SCALE})` : ''}. SQLite itself commits in the same groups as the node did, as shown by which answers came together: ${group} events, ${groupOfMany} for appends of 100.`,
    `Where the client is the limiting side: single appends used ${cores(one.client)} of a core in the client and ${cores(one.server)} in the node (${cores(oneEmpty.client)} and ${cores(oneEmpty.server)} where nothing is stored); appends of 100, ${cores(many.client)} and ${cores(many.server)}; the subscription, ${cores(catching.client)} and ${cores(catching.server)}; reads, ${cores(reading.client)} and ${cores(reading.server)}.`,
    `Decoding alone costs the client ${decoding.all.toFixed(1)} µs per event (${decoding.json.toFixed(1)} of them in JSON.parse), so it can reach at most ${perSecond(limit)} on one core; including gRPC, from a node that reads nothing, it reaches ${perSecond(emptyReading.rate)} by reads with ${cores(emptyReading.client)} of a core, and ${perSecond(emptyCatching.rate)} by a subscription with ${cores(emptyCatching.client)}.`,
    `Processor time per event, in this process and in the server, in µs: single appends ${eachSide(one)} (where nothing is stored ${eachSide(oneEmpty)}), appends of 100 ${eachSide(many)} (${eachSide(manyEmpty)}), the subscription ${eachSide(catching)} (${eachSide(emptyCatching)}), reads ${eachSide(reading)} (${eachSide(emptyReading)}). With one core each, a side that takes 16.7 reaches 60,000 events a second, one that takes 20 reaches 50,000.`,
    `The official client's own calls: ${perSecond(oneOfficial.rate)} single appends (${perSecond(oneOfficialEmpty.rate)} where nothing is stored, ${cores(oneOfficialEmpty.client)} of a core), ${perSecond(manyOfficial.rate)} by appends of 100 (${cores(manyOfficial.client)} of a core), ${perSecond(officialReading.rate)} read (${cores(officialReading.client)} of a core).`,
  ]
}

const figuresOf = ({ appends, live, other, starts, memory, reads, opening }: Measured) => ({
  scale: SCALE,
  single: {
    node: appends.rounds.single,
    nothing: appends.rounds.singleEmpty,
    bytes: appends.rounds.singleBytes,
    official: appends.rounds.singleOfficial,
    officialNothing: appends.rounds.singleOfficialEmpty,
  },
  hundred: {
    node: appends.rounds.hundred,
    nothing: appends.rounds.hundredEmpty,
    official: appends.rounds.hundredOfficial,
  },
  sqlite: {
    single: appends.rawOne,
    group: appends.group,
    hundred: appends.rawMany,
    groupOfMany: appends.groupOfMany,
    read: reads.rawRead,
    live: live.rawLive,
    open: opening.rawOpen,
  },
  live: live.lively,
  liveFromNothing: live.emptyLive,
  liveFromBytes: live.bytesLive,
  disk: { single: appends.diskOne, hundred: appends.diskMany, live: live.diskLive },
  other,
  reads: {
    pages: reads.rounds.reads,
    catchUps: reads.rounds.catchUps,
    official: reads.rounds.officialReads,
    nothing: reads.rounds.emptyReads,
    nothingCatchUps: reads.rounds.emptyCatchUps,
  },
  decoding: reads.decoding,
  open: opening.opens,
  emptyOpen: starts.emptyOpen,
  bareStart: starts.bareStart,
  memory: {
    [YOUNG]: memory.youngMemory,
    [MIDDLE]: memory.middleMemory,
    [memory.total]: memory.oldMemory,
  },
  bytes: opening.size,
})

export const bench = async () => {
  const collect = fileURLToPath(new URL('./collect.ts', import.meta.url))
  // The node collects its garbage on request, so that only what it holds is measured.
  const options = process.env.NODE_OPTIONS
  process.env.NODE_OPTIONS = `${options ?? ''} --expose-gc --import ${collect}`
  let nodes: NodesUnderTest | undefined
  try {
    nodes = await startNodes()
    const measured = await measureAll(nodes)
    await nodes.official.close()
    await nodes.emptyOfficial.close()
    return { rows: rowsOf(measured), figures: figuresOf(measured), notes: notesOf(measured) }
  } finally {
    if (options === undefined) delete process.env.NODE_OPTIONS
    else process.env.NODE_OPTIONS = options
    // Also after a failure: none of these processes ends by itself.
    await nodes?.emptyLog.close()
    await nodes?.empty.stop()
    await nodes?.bytesOnlyLog.close()
    await nodes?.bytesOnly.stop()
    await nodes?.log.close()
    await nodes?.node.stop()
  }
}
