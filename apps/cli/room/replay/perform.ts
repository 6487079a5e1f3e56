/**
 * Performs a room log, line by line, each acknowledged before the next is sent. It survives what it is pointed at:
 * where the server, the log or the database goes away, it waits, brings everyone back in, and goes on with the line
 * it was at, under the same message id.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { readTime } from '../../../../domain/time.ts'
import { createActing } from './acting.ts'
import { join, type RoomCall, rest } from './asking.ts'
import {
  createJournal,
  type Journal,
  type Performance,
  type ReplayTarget,
  WAIT_FOR_SERVER_MS,
  type Watch,
} from './journal.ts'
import { LineLost, type People } from './people.ts'
import { adminsIn, type RoomLine } from './room-log.ts'
import { createWatching, type Watching } from './watching.ts'

export type PerformOptions = {
  readonly target: ReplayTarget
  readonly people: People
  readonly lines: ReadonlyArray<RoomLine>
  /** How many times faster than the file's clock; null for as fast as possible. */
  readonly rate: number | null
  readonly onLine: (done: number, line: RoomLine, journal: Journal) => void
  readonly onInterruption: (why: string) => void
}

/** Whether the server is away, or does not answer in time. */
const isPassing = (error: unknown): boolean =>
  error instanceof LineLost || error instanceof TypeError || (error as Error).name === 'TimeoutError'

const isUp = async (url: string): Promise<boolean> =>
  (await fetch(`${url}/api/health`, { signal: AbortSignal.timeout(5_000) })).status < 500

/** Brings the owner and everybody who is present back in. */
const bringBack = async (
  performance: Performance,
  watching: Watching,
  present: ReadonlySet<string>,
): Promise<void> => {
  const { owner, people, journal } = performance
  if (!owner.socket?.connected || owner.sessionId === null) await watching.start()
  for (const account of present) {
    const person = people.of(account)
    if (!person.socket?.connected || person.sessionId === null)
      journal.own.add(await join(performance, person))
  }
}

/** Makes a function that completes an action, whatever interrupts it; `seq` is the line that it is for. */
const createInsisting = (
  performance: Performance,
  watching: Watching,
  present: ReadonlySet<string>,
  onInterruption: (why: string) => void,
) => {
  const { target, journal } = performance

  const recover = async (why: string): Promise<void> => {
    journal.interruptions += 1
    onInterruption(why)
    for (const until = Date.now() + WAIT_FOR_SERVER_MS; ; ) {
      try {
        if (await isUp(target.url)) return await bringBack(performance, watching, present)
      } catch (error) {
        if (!isPassing(error)) throw error
      }
      if (Date.now() > until) throw new Error(`The server at ${target.url} did not come back: ${why}`)
      await delay(100)
    }
  }

  return async (seq: number, what: () => Promise<void>): Promise<void> => {
    for (;;) {
      try {
        return await what()
      } catch (error) {
        if (!(error instanceof LineLost)) throw error
        journal.cutOff.add(seq)
        await recover(error.message)
      }
    }
  }
}

const asOwner = async (performance: Performance, call: RoomCall, otherwise: string): Promise<void> => {
  const ack = await rest(performance, performance.owner, call)
  if (!ack.ok) throw new Error(`${otherwise}: ${ack.code}: ${ack.error}`)
}

export const perform = async (options: PerformOptions): Promise<{ journal: Journal; watch: Watch }> => {
  const { target, people, lines, rate } = options
  const journal = createJournal()
  const watch: Watch = { seen: [] }
  const performance: Performance = { target, people, owner: people.of(target.owner), journal, watch }
  const watching = createWatching(performance)
  const present = new Set<string>()
  const act = createActing(performance, watching, present)
  const insistOn = createInsisting(performance, watching, present, options.onInterruption)

  const settings = { method: 'PATCH', path: '/settings', body: { max_users: 1000 } }
  await insistOn(0, () => asOwner(performance, settings, `${target.owner} could not set max_users`))
  await insistOn(0, watching.start)
  for (const admin of adminsIn(lines)) {
    const grant = { method: 'PUT', path: `/permissions/${admin}`, body: { permission: 'admin' } }
    await insistOn(0, () => asOwner(performance, grant, `${admin} could not be made an admin`))
  }

  const begun = Date.now()
  const first = readTime(lines[0]!.t)!.getTime()
  for (const [i, line] of lines.entries()) {
    const due = rate === null ? begun : begun + (readTime(line.t)!.getTime() - first) / rate
    if (due > Date.now()) await delay(due - Date.now())
    await insistOn(line.seq, () => act(line))
    options.onLine(i + 1, line, journal)
  }
  return { journal, watch }
}
