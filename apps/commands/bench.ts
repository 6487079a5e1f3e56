/** Measures how fast the command path is by itself, on the given log. Returns numbers; the caller prints them. */
import { runInNewContext } from 'node:vm'
import * as E from 'fp-ts/lib/Either.js'
import type { SpaceRef } from '../../domain/names.ts'
import type { EventLog } from '../../domain/ports.ts'
import type { SpaceCommand } from '../../domain/space/commands.ts'
import { createCommands } from './commands.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }
const ALICE = { kind: 'account', id: 'alice' } as const
const guest = (n: number) => ({ kind: 'guest', id: `guest:${n.toString(16).padStart(12, '0')}` }) as const
/** Random names: a benchmark may run again on the same log. */
const freshSpace = (): SpaceRef => ({ type: 'post', id: `alice/bench-${crypto.randomUUID()}` })

const pathOn = (log: EventLog) =>
  createCommands({
    log,
    content: {
      factsFor: (_, by) => async () =>
        E.right({
          exists: true,
          title: 'Bench',
          owner: 'alice',
          visibility: 'public',
          role: by?.id === 'alice' ? 'owner' : null,
        }),
    },
    clock: { now: Date.now },
    ids: { uuid: () => crypto.randomUUID() },
    node: { id: 'bench', boot: 'bench' },
    messageLookup: () => async () => E.right(new Map()),
    logger: quiet,
    limits: 'off',
  })
type Path = ReturnType<typeof pathOn>

const must = <T>(answer: E.Either<unknown, T>): T => {
  if (E.isLeft(answer)) throw new Error(`the benchmark was refused: ${JSON.stringify(answer.left)}`)
  return answer.right
}
const send = async (
  path: Path,
  space: SpaceRef,
  by: typeof ALICE | ReturnType<typeof guest>,
  command: SpaceCommand,
) => must(await path.space({ id: crypto.randomUUID(), by, space, command })())

const join = (n: number): SpaceCommand => ({
  type: 'JoinSpace',
  sessionId: crypto.randomUUID(),
  socketId: `socket-${n}`,
  subspace: 'main',
  position: { x: 1, y: 1.6, z: -2 },
  avatarData: null,
  boot: 'bench',
})

/** Keeps `outstanding` of `count` pieces of work under way. */
const keepBusy = async (count: number, outstanding: number, work: (n: number) => Promise<unknown>) => {
  let next = 0
  await Promise.all(
    Array.from({ length: Math.min(outstanding, count) }, async () => {
      while (next < count) await work(next++)
    }),
  )
}

export type JoinsFigures = {
  readonly joins: number
  readonly outstanding: number
  readonly perSecond: number
  readonly p50ms: number
  readonly p99ms: number
  /** The share of one core that this process used: the command path and the log's client. */
  readonly processorShare: number
}

/** `count` joins into one space, `outstanding` at a time, each acknowledged by the log. */
export const benchJoins = async (
  log: EventLog,
  count = 30_000,
  outstanding = 1_000,
): Promise<JoinsFigures> => {
  const path = pathOn(log)
  const warm = freshSpace()
  await send(path, warm, ALICE, { type: 'ChangeSettings', changes: { max_users: 10_000 } })
  await keepBusy(2_000, 500, (n) => send(path, warm, guest(n), join(n)))
  // As many rooms as the largest possible size requires, one after another.
  const rooms = Math.ceil(count / 10_000)
  const spaces = Array.from({ length: rooms }, freshSpace)
  for (const space of spaces)
    await send(path, space, ALICE, { type: 'ChangeSettings', changes: { max_users: 10_000 } })
  const waits: number[] = []
  const cpu = process.cpuUsage()
  const started = performance.now()
  for (const [i, space] of spaces.entries())
    await keepBusy(Math.min(10_000, count - i * 10_000), outstanding, async (n) => {
      const sent = performance.now()
      await send(path, space, guest(n), join(n))
      waits.push(performance.now() - sent)
    })
  const elapsed = performance.now() - started
  const used = process.cpuUsage(cpu)
  await path.drain()
  waits.sort((a, b) => a - b)
  return {
    joins: count,
    outstanding,
    perSecond: Math.round((count / elapsed) * 1_000),
    p50ms: waits[Math.floor(waits.length * 0.5)]!,
    p99ms: waits[Math.floor(waits.length * 0.99)]!,
    processorShare: (used.user + used.system) / 1_000 / elapsed,
  }
}

export type LargeRoomFigures = {
  readonly joins: number
  readonly perSecond: number
  /** What this process holds after it all, beyond what it held before, in bytes: the room's state and its caches. */
  readonly held: number
}

const heldNow = (): number => {
  // There if the caller exposed it.
  runInNewContext('typeof gc === "function" && gc()')
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** `count` joins into one space that has room for all of them. */
export const benchLargeRoom = async (log: EventLog, count = 20_000): Promise<LargeRoomFigures> => {
  const path = pathOn(log)
  const space = freshSpace()
  await send(path, space, ALICE, { type: 'ChangeSettings', changes: { max_users: count } })
  const before = heldNow()
  const started = performance.now()
  await keepBusy(count, 1_000, (n) => send(path, space, guest(n), join(n)))
  const seconds = (performance.now() - started) / 1_000
  await path.drain()
  return { joins: count, perSecond: Math.round(count / seconds), held: heldNow() - before }
}

export type WakeFigures = {
  readonly young: { readonly events: number; readonly ms: number }
  readonly old: { readonly events: number; readonly ms: number }
  /** The old space after a crash at the worst moment: with the longest tail after its snapshot. */
  readonly crashed: { readonly events: number; readonly ms: number }
  readonly ratio: number
}

/** The median time, over `tries`, from a cold cache to a space's state: of a space with 10 events, and of one with `events`. */
export const benchWake = async (log: EventLog, events = 100_000, tries = 50): Promise<WakeFigures> => {
  const fill = async (count: number, isDrained: boolean): Promise<SpaceRef> => {
    const path = pathOn(log)
    const space = freshSpace()
    await send(path, space, ALICE, { type: 'ChangeSettings', changes: { max_users: 1_000 } })
    // Twenty people come and go.
    const sessions = Math.min(20, Math.floor((count - 2) / 2))
    await keepBusy(sessions, sessions, async (n) => {
      for (let i = 0; i < Math.floor((count - 2) / sessions / 2); i++) {
        const sessionId = crypto.randomUUID()
        await send(path, space, guest(n), { ...join(n), sessionId } as SpaceCommand)
        if (i > 0 || count > 100)
          await send(path, space, guest(n), { type: 'LeaveSpace', sessionId, reason: 'left' })
      }
    })
    if (isDrained) await path.drain()
    return space
  }
  const wake = async (space: SpaceRef): Promise<number> => {
    const times: number[] = []
    for (let i = 0; i < tries; i++) {
      const path = pathOn(log)
      const started = performance.now()
      must(await path.look(space)())
      times.push(performance.now() - started)
    }
    times.sort((a, b) => a - b)
    return times[Math.floor(tries / 2)]!
  }
  const spaces = {
    young: await fill(10, true),
    old: await fill(events, true),
    crashed: await fill(events, false),
  }
  await wake(spaces.young)
  const [young, old, crashed] = [await wake(spaces.young), await wake(spaces.old), await wake(spaces.crashed)]
  return {
    young: { events: 10, ms: young },
    old: { events, ms: old },
    crashed: { events, ms: crashed },
    ratio: old / young,
  }
}
