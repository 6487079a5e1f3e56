/** Every list and read of the REST API over a small log and over a large one: what grows with history shows. BENCH_LISTS says other
 *  sizes (10000,1000000), BENCH_LISTS_ASKED how often each is asked (100), BENCH_LISTS_DATA a folder in which the data stays, so that it
 *  is written only the first time, and BENCH_LISTS_OF asks only for those whose name has these words. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { readEndpoints } from '../../apps/operations/instance/endpoints.ts'
import { rebuild } from '../../apps/operations/rebuild/rebuild.ts'
import type { BenchResult } from './context.ts'
import type { FigureRow } from './figures.ts'
import { caughtUp } from './growing-log.ts'
import { writeHistory } from './history.ts'
import {
  ASKED_ROOMS,
  askedOften,
  ownerOfPast,
  PAST_DAYS,
  PAST_ROOMS,
  type PastKnown,
  personOfPast,
  READ_ROUTES,
  type RouteTimes,
  roomOfPast,
} from './lists.ts'
import { familySeconds, processorMs } from './processor.ts'
import { signedIn, type Whole, whole } from './servers.ts'

const SIZES = (process.env.BENCH_LISTS ?? '10000,1000000').split(',').map(Number)
const ASKED = Number(process.env.BENCH_LISTS_ASKED ?? 100)
const DATA = process.env.BENCH_LISTS_DATA
const ONLY = process.env.BENCH_LISTS_OF ?? ''
/** Each account may look at others' rows so often a minute; and the first answers of a server that just began are slower. */
const AUDITORS = Array.from({ length: 20 }, (_, n) => `bench-a${n}`)
const PEOPLE = Array.from({ length: 20 }, (_, n) => personOfPast(n))
const ROOM_OWNERS = Array.from({ length: ASKED_ROOMS }, (_, n) => ownerOfPast(n))
const WARM_UP = 10

const databaseOf = (server: Whole): { readonly url: string; readonly pid: number } => {
  const endpoints = readEndpoints(server.dataDir)
  if (endpoints === null) throw new Error(`Nothing runs on ${server.dataDir}.`)
  return { url: endpoints.databaseUrl, pid: endpoints.pids.postgres ?? 0 }
}

/** A server on `size` events that are in its tables. */
const serverOf = async (size: number): Promise<Whole> => {
  const folder = DATA === undefined ? undefined : join(DATA, String(size))
  const start = (dataDir = folder) =>
    whole(0, null, { auditors: AUDITORS, ...(dataDir === undefined ? {} : { dataDir }) })
  if (folder !== undefined) mkdirSync(folder, { recursive: true, mode: 0o711 })
  const server = await start()
  const [appendedMark, filledMark] = ['appended', 'filled'].map((mark) => join(server.dataDir, mark)) as [
    string,
    string,
  ]
  if (existsSync(filledMark)) return server
  const log = connectEventLog({ url: server.eventStoreUrl })
  const begun = performance.now()
  const everyMs = (PAST_DAYS * 86_400_000) / (size / 10)
  if (!existsSync(appendedMark))
    await writeHistory(log, size, PAST_ROOMS, { seed: `lists ${size}`, everyMs, hasActs: true })
  writeFileSync(appendedMark, '')
  const appended = performance.now()
  await rebuild({ log, databaseUrl: databaseOf(server).url })
  await caughtUp(server, log)
  await log.close()
  const seconds = (ms: number) => (ms / 1_000).toFixed(0)
  console.log(
    `${size} events: appended in ${seconds(appended - begun)} s, in the tables ${seconds(performance.now() - appended)} s later`,
  )
  writeFileSync(filledMark, '')
  // As after a night: what was cached while it was filled is not any more.
  await server.leave()
  return start(server.dataDir)
}

type Row = {
  readonly position: string
  readonly event_id: string
  readonly space_type: string
  readonly space_id: string
  readonly details: { readonly caseId?: string }
}
const known = async (server: Whole, token: string): Promise<PastKnown> => {
  const ask = async (path: string): Promise<string> => {
    const answer = await fetch(server.url + path, { headers: { authorization: `Bearer ${token}` } })
    const body = await answer.text()
    if (!answer.ok) throw new Error(`${path}: ${body}`)
    return body
  }
  const rows = async (query: string) =>
    (JSON.parse(await ask(`/api/audit?limit=10&${query}`)) as { entries: ReadonlyArray<Row> }).entries
  const some: Row[] = []
  const opened: Row[] = []
  for (let n = 0; n < ASKED_ROOMS; n += 1) {
    const of = `space=${roomOfPast(n).replace('/', ':')}`
    some.push(
      ...(await rows(`${of}&action=SessionJoined&order=oldest`)),
      ...(await rows(`${of}&action=AccountMuted`)),
    )
    opened.push(...(await rows(`${of}&action=CaseOpened`)))
  }
  // A note's second line is the size of the tree.
  const size = (await ask('/api/audit/checkpoint')).split('\n')[1]
  return {
    positions: some.map(({ position }) => position),
    events: some.map(({ event_id }) => event_id),
    covered: Number(size),
    cases: opened.map(
      ({ space_type, space_id, details }) => `/api/spaces/${space_type}/${space_id}/cases/${details.caseId}`,
    ),
  }
}

/** Milliseconds for each answer. `processor`: of all processes. */
type Measured = RouteTimes & { readonly processor: number }

const measure = async (size: number): Promise<Map<string, Measured>> => {
  const server = await serverOf(size)
  const found = new Map<string, Measured>()
  try {
    const [auditors, people, owners] = await Promise.all(
      [AUDITORS, PEOPLE, ROOM_OWNERS].map(async (names) => {
        const tokens: string[] = []
        for (const name of names) tokens.push(await signedIn(server.url, name))
        return tokens
      }),
    )
    const past = await known(server, auditors![0]!)
    // The first who asks for a room has it loaded, and nothing of the past has a snapshot.
    for (let n = 0; n < ASKED_ROOMS; n += 1)
      await askedOften(server.url, 1, () => ({
        path: `/api/spaces/${roomOfPast(n)}/filtered`,
        token: auditors![n % auditors!.length]!,
      }))
    const postgres = databaseOf(server).pid
    const used = () =>
      Object.values(server.pids).reduce((sum, pid) => sum + processorMs(pid), 0) +
      (postgres === 0 ? 0 : 1_000 * familySeconds(postgres))
    for (const { name, as, path } of READ_ROUTES) {
      if (!name.includes(ONLY)) continue
      const tokens = { auditor: auditors!, person: people!, owner: owners! }[as]
      const asked = (from: number) => (n: number) => ({
        path: path(from + n, past),
        token: tokens[(from + n) % tokens.length]!,
      })
      await askedOften(server.url, WARM_UP, asked(1_000))
      const before = used()
      const times = await askedOften(server.url, ASKED, asked(0))
      const processor = (used() - before) / times.n
      found.set(name, { ...times, processor })
      console.log(
        `${size}: ${name}: p50 ${times.p50.toFixed(1)}, p99 ${times.p99.toFixed(1)} ms, ${processor.toFixed(1)} ms of processor${times.refused === null ? '' : ` (${times.refused})`}`,
      )
    }
    return found
  } finally {
    await (DATA === undefined ? server.stop() : server.leave())
  }
}

const MOST_TIMES = 2
/** Less than so many ms of processor is noise, whatever it is a multiple of. */
const LEAST_MS = 3

export const bench = async (): Promise<BenchResult> => {
  const sizes: Array<readonly [number, Map<string, Measured>]> = []
  for (const size of SIZES) sizes.push([size, await measure(size)])
  const [small, first] = sizes[0]!
  const [large, last] = sizes.at(-1)!
  const told = ({ p50, p99, processor }: Measured) =>
    `${p50.toFixed(1)} / ${p99.toFixed(1)} ms; ${processor.toFixed(1)} ms`
  const rows = [...last].map(([name, here]): FigureRow => {
    const there = first.get(name)
    const most =
      there === undefined ? Number.NaN : Math.max(MOST_TIMES * there.processor, there.processor + LEAST_MS)
    return {
      what: name,
      ours: here.refused ?? told(here),
      beside: there === undefined ? '' : told(there),
      goal: `≤ ${MOST_TIMES} times the processor`,
      met: here.refused === null && here.processor <= most,
    }
  })
  const count = (size: number) => size.toLocaleString('en')
  const notes = [
    `p50 / p99 of ${ASKED} answers one after another, and what one costs all processes together in processor time: over ${count(large)} events, and beside it over ${count(small)}.`,
  ]
  return {
    rows,
    figures: Object.fromEntries(sizes.map(([size, found]) => [size, Object.fromEntries(found)])),
    notes,
  }
}
