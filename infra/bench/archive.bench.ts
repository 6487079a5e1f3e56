/** A long log archived to its last tenth while people act: kills in the middle, commands that fail, the file before and after, and what
 *  is still proved. BENCH_EVENTS: how much happened; ARCHIVE_KILLS: how often the archive is killed on its way. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkArchive } from '../../apps/operations/archive/check.ts'
import { logBytes } from '../../apps/operations/archive/size.ts'
import {
  BEGIN,
  HOUR,
  MASTER_KEY,
  ORIGIN,
  openRooms,
  type Rooms,
  SIGNING_KEY,
} from '../../apps/operations/archive/testing/rooms.ts'
import { verifyLog } from '../../apps/operations/verify/verify.ts'
import { verifierOf } from '../../projections/proof/note.ts'
import { type FigureRow, summary } from './figures.ts'
import { logParts } from './log-parts.ts'

const MAIN = fileURLToPath(new URL('../../apps/cli/main.ts', import.meta.url))
const ROOMS = 25
const HOURS = 100
/** Hours that stay: the last tenth. */
const CUT = 90
const PER_VISIT = 4
const PER_SECOND = 200
/** Visits under way at once while the log is made. */
const LANES = 250
const KILLS = Number(process.env.ARCHIVE_KILLS ?? 20)

/** In turn: a kill falls into one of these, so long after it is told at most, of a log of a million events. */
const MOMENTS: ReadonlyArray<{ readonly stage: string; readonly ms: number }> = [
  { stage: 'writing', ms: 40_000 },
  { stage: 'checking', ms: 10_000 },
  { stage: 'cutting', ms: 3_000 },
]
const momentOf = (kill: number, events: number) => {
  const { stage, ms } = MOMENTS[Math.min(2, Math.floor((kill * MOMENTS.length) / KILLS))]!
  return { stage, ms: (ms * events) / 1_000_000 }
}

const fill = async (rooms: Rooms, visits: number): Promise<void> => {
  const each = Math.ceil(visits / HOURS)
  for (let hour = 0; hour < HOURS; hour += 1) {
    let next = 0
    const lane = async (): Promise<void> => {
      for (let n = next++; n < each; n = next++) await rooms.people.visit(n)
    }
    await Promise.all(Array.from({ length: LANES }, lane))
    rooms.people.clock.advance(HOUR)
    if ((hour + 1) % 10 !== 0) continue
    await rooms.settled()
    await rooms.checkpoint()
    console.log(`${new Date().toISOString()} ${(hour + 1) * each * PER_VISIT} events`)
  }
}

/** So many commands a second, whatever the last ones do, until it is told to stop. */
const load = (rooms: Rooms) => {
  const took: number[] = []
  const under = new Set<Promise<void>>()
  let serial = 0
  const begun = performance.now()
  const visit = (): void => {
    const started = performance.now()
    const one = rooms.people
      .visit(serial++)
      .then(() => void took.push((performance.now() - started) / PER_VISIT))
    under.add(one)
    one.finally(() => under.delete(one))
  }
  // A timer that was late is made up for.
  const timer = setInterval(() => {
    const due = ((performance.now() - begun) / 1_000) * (PER_SECOND / PER_VISIT)
    while (serial < due) visit()
  }, 10)
  return async () => {
    clearInterval(timer)
    await Promise.all(under)
    return { commands: serial * PER_VISIT, seconds: (performance.now() - begun) / 1_000, took }
  }
}

const environment = ({ node, database, dir }: Rooms) => ({
  ...{ EVENTSTORE_URL: node.url, DATABASE_URL: database.url, PRIVACY_MASTER_KEY: MASTER_KEY },
  ...{ AUDIT_SIGNING_KEY: SIGNING_KEY, AUDIT_ORIGIN: ORIGIN, LOG_ARCHIVE_DIR: dir, PATH: process.env.PATH },
})

/** The most memory that a process has had, in MiB. */
const peakOf = (pid: number): number => {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024
  } catch {
    return 0
  }
}

type Ended = {
  readonly code: number | null
  readonly said: string
  readonly seconds: number
  readonly peak: number
}

/** `presence …` in a process of its own, killed some time after it has said `kill.stage`. */
const presence = async (
  rooms: Rooms,
  args: ReadonlyArray<string>,
  kill?: { readonly stage: string; readonly ms: number },
): Promise<Ended> => {
  const begun = performance.now()
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment(rooms),
  })
  let [said, peak, isSet] = ['', 0, false]
  const look = setInterval(() => {
    peak = Math.max(peak, peakOf(child.pid!))
  }, 500)
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      said += text
      if (kill === undefined || isSet || !said.includes(`${kill.stage}:`)) return
      isSet = true
      setTimeout(() => child.kill('SIGKILL'), Math.random() * kill.ms)
    })
  const [code] = await once(child, 'close')
  clearInterval(look)
  return { code, said, seconds: (performance.now() - begun) / 1_000, peak }
}

/** What rooms say and do, and what is kept of each stretch of it. */
const TRAFFIC = new Set(['space', 'chat', 'moments-space', 'moments-chat', 'marks-space', 'marks-chat'])
/** The share of the log that is people's acts after this position: they came meanwhile, and are no part of what was to be a
 *  tenth. Snapshots and standing states are, whenever they were written. */
const shareSince = ({ node }: Rooms, position: bigint): number => {
  const sum = (parts: ReturnType<typeof logParts>): number =>
    parts.reduce((bytes, part) => bytes + part.bytes, 0)
  const since = logParts(node.dataDir, { from: Number(position) + 1 })
  return sum(since.filter(({ kind }) => TRAFFIC.has(kind))) / sum(logParts(node.dataDir))
}
const showParts = (when: string, parts: ReturnType<typeof logParts>): void => {
  console.log(`${new Date().toISOString()} the log ${when}`)
  console.table(parts.slice(0, 12))
}

/** Killed so often, and then to its end. */
const archive = async (rooms: Rooms, before: string, events: number) => {
  const args = ['log', 'archive', '--before', before]
  let kills = 0
  for (let kill = 0; kill < KILLS; kill += 1) {
    const { code, said, seconds } = await presence(rooms, args, momentOf(kill, events))
    const lines = said.trim().split('\n')
    const at = new Date().toISOString()
    console.log(`${at} kill ${kill + 1} after ${seconds.toFixed(1)} s: ${lines.at(-1)}`)
    if (code === null) kills += 1
    else if (code !== 0) {
      if (!/behind the log|not be reached|is archived already/.test(said)) throw new Error(said)
      kill -= 1
    }
    if (/cut from the log|is archived already/.test(said)) break
  }
  const last = await presence(rooms, args)
  const isDone = last.code === 0 || /is archived already/.test(last.said)
  if (!isDone) throw new Error(last.said)
  const scavenged = await presence(rooms, ['log', 'scavenge'])
  if (scavenged.code !== 0) throw new Error(scavenged.said)
  console.log(`${new Date().toISOString()} scavenged in ${scavenged.seconds.toFixed(0)} s`)
  return { kills, last, scavenged }
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`
const row = (what: string, ours: string, goal = '', met: boolean | null = null): FigureRow => ({
  ...{ what, ours, beside: '', goal, met },
})

const proved = async (rooms: Rooms) => {
  const done = await verifyLog({
    log: rooms.opened,
    databaseUrl: rooms.database.url,
    verifiers: [verifierOf(rooms.signer)],
  })
  const faults = [...done.failures.map(({ detail }) => detail), ...done.kept.faults.map(String), ...done.keys]
  return { done, faults, isHeld: faults.length === 0 && done.compared?.found === 0 }
}

export const bench = async (events = Number(process.env.BENCH_EVENTS ?? 1_000_000)) => {
  const rooms = await openRooms(ROOMS)
  try {
    await fill(rooms, events / PER_VISIT)
    const bytes = (await logBytes(rooms.node.url))!
    showParts('before', logParts(rooms.node.dataDir))
    const end = await rooms.end()
    const stop = load(rooms)
    const { kills, last, scavenged } = await archive(
      rooms,
      new Date(BEGIN + CUT * HOUR).toISOString(),
      events,
    )
    const { commands, seconds, took } = await stop()
    const left = (await logBytes(rooms.node.url))!
    showParts('after', logParts(rooms.node.dataDir))
    const verifier = verifierOf(rooms.signer)
    const checked = await checkArchive(join(rooms.dir, 'archive-000001'), verifier)
    await rooms.settled()
    const { done, faults, isHeld } = await proved(rooms)
    const times = summary(took)
    const tenth = left * (1 - shareSince(rooms, end))
    const failed = rooms.people.failures.length
    const rows = [
      row(`events archived of ${events}`, String(checked.events)),
      row('kills in the middle', String(kills), String(KILLS), kills >= KILLS),
      row('commands meanwhile', `${commands}, ${(commands / seconds).toFixed(0)} a second`),
      row('of these failed', String(failed), '0', failed === 0),
      row('one command, p50 and p99', `${times.p50.toFixed(1)} and ${times.p99.toFixed(1)} ms`),
      row('the log’s file before and after', `${megabytes(bytes)}, ${megabytes(left)}`),
      row('after, without what came meanwhile', megabytes(tenth), 'a tenth', tenth < bytes * 0.11),
      row('the last run of it', `${last.seconds.toFixed(0)} s, ${last.peak.toFixed(0)} MiB`),
      row('the scavenge', `${scavenged.seconds.toFixed(0)} s`),
      row('faults of the archive', String(checked.faults.length), '0', checked.faults.length === 0),
      row('checkpoints that are proved', String(done.checkpoints), 'all', isHeld),
    ]
    return { rows, figures: { bytes, left, commands, seconds, ...times, faults }, notes: faults.slice(0, 10) }
  } finally {
    await rooms.close()
  }
}
