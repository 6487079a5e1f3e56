/** Measures how many bytes of memory one address can make a server hold, as much of each kind as it is allowed,
 *  after garbage collection. */
import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as E from 'fp-ts/lib/Either.js'
import { createCommands } from '../../apps/commands/commands.ts'
import { LOBBY, type SpaceRef } from '../../domain/names.ts'
import type { SpaceCommand } from '../../domain/space/commands.ts'
import { type Dialled, dial } from '../testing/dialled.ts'
import { memoryLog } from '../testing/memory-log.ts'
import { testNode } from '../testing/sockets.ts'
import { guestOf, joinOf } from './limits-callers.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const held = async (): Promise<number> => {
  for (let round = 0; round < 4; round += 1) {
    collect()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
/** How many more bytes are held while the result of `fill` exists. `fill` returns how to release it. */
const more = async (fill: () => Promise<() => unknown>): Promise<number> => {
  const before = await held()
  const letGo = await fill()
  const bytes = (await held()) - before
  await letGo()
  return Math.max(0, bytes)
}

const BASE = 1_767_225_600_000
/** A log that keeps nothing: what a real log writes is on a disk, and is not measured here. */
const pathOf = (log: ReturnType<typeof memoryLog> = memoryLog()) => {
  const clock = { ms: BASE, now: () => clock.ms }
  const path = createCommands({
    log,
    content: {
      factsFor: () => async () =>
        E.right({ exists: true, title: 'Bench', owner: 'alice', visibility: 'public', role: null }),
    },
    clock,
    ids: { uuid: randomUUID },
    node: { id: 'bench', boot: 'bench' },
    messageLookup: () => async () => E.right(new Map()),
    logger: { info: () => {}, warn: () => {}, error: () => {} },
  })
  return { path, clock }
}

const ask = async (
  { path }: ReturnType<typeof pathOf>,
  n: number,
  space: SpaceRef,
  command: SpaceCommand,
): Promise<boolean> => E.isRight(await path.space({ ...guestOf(n), id: randomUUID(), space, command })())

/** A minute's worth of seats in ever new rooms, with their events on the log. */
const rooms = () =>
  more(async () => {
    const all = pathOf()
    for (let second = 0; second < 60; second += 1) {
      for (let n = 0; n < (second === 0 ? 220 : 8); n += 1) {
        const space: SpaceRef = { type: 'post', id: `alice/room-${second}-${n}` }
        const seat = { type: 'EnterSpace', subspace: 'main' } as const
        if (!(await ask(all, (second * 1_000 + n) % 900, space, seat))) break
      }
      all.clock.ms += 1_000
    }
    return () => all.path.drain()
  })
/** A room full of guests with the largest avatars allowed. */
const sessions = () =>
  more(async () => {
    const all = pathOf()
    for (let n = 0; n < 50; n += 1) await ask(all, n, LOBBY, joinOf(n, 900))
    return () => all.path.drain()
  })

const WAITING_SECONDS = 10
/** The commands of one address that wait for a log that does not answer: for as long as a command may wait, as many as are allowed. */
const waitingCommands = () =>
  more(async () => {
    const log = memoryLog()
    let answers = (): void => {}
    const silence = new Promise<void>((resolve) => {
      answers = resolve
    })
    const append: typeof log.append =
      (...sent) =>
      async () => {
        await silence
        return log.append(...sent)()
      }
    const all = pathOf({ ...log, append })
    const content = '\u{1F600}'.repeat(2_000)
    for (let second = 0; second < WAITING_SECONDS; second += 1) {
      for (let n = 0; n < 600; n += 1)
        void all.path.chat({
          ...guestOf(n % 500),
          id: randomUUID(),
          space: LOBBY,
          command: {
            type: 'PostMessage',
            messageId: randomUUID(),
            subspace: 'main',
            content,
            messageType: 'text',
            parentMessageId: null,
          },
        })()
      await new Promise((resolve) => setTimeout(resolve, 20))
      all.clock.ms += 1_000
    }
    return async () => {
      answers()
      await all.path.drain()
    }
  })

const POST = { spaceType: 'post', spaceId: 'alice/my-post' }
const SOCKETS = 300
/** Bytes per socket, for sockets that are in no room. Their other ends are in this process too. */
const sockets = async (): Promise<number> => {
  const node = await testNode(memoryLog())
  try {
    await Promise.all(Array.from({ length: 20 }, () => node.connect()))
    const lines: Socket[] = []
    const bytes = await more(async () => {
      for (let n = 0; n < SOCKETS; n += 1) lines.push((await deaf(node.url)).line)
      return () => {}
    })
    for (const line of lines) line.destroy()
    return bytes / SOCKETS
  } finally {
    await node.stop()
  }
}

/** A connection of a guest that reads nothing from then on. */
const deaf = async (url: string): Promise<Dialled> => {
  const { line, send } = await dial(url)
  await new Promise<void>((resolve, reject) => {
    let heard = ''
    line.on('error', reject)
    line.on('data', (data) => {
      heard += data.toString('latin1')
      if (!heard.includes('40{')) return
      line.removeAllListeners('data')
      line.pause()
      resolve()
    })
  })
  return { line, send }
}

const UNREAD = 40
/** The most that waits for sockets that read nothing, in a full room that talks for some seconds. */
const unread = async (seconds = 10): Promise<number> => {
  const node = await testNode(memoryLog(), { limits: { packets: { perSecond: 1e9, burst: 1e9 } } })
  try {
    const speaker = await node.connect()
    await speaker.ask('join-space', POST)
    const lines = await Promise.all(Array.from({ length: UNREAD }, () => deaf(node.url)))
    for (const { send } of lines) send(`42["join-space",${JSON.stringify(POST)}]`)
    const before = await held()
    let most = 0
    const content = '\u{1F600}'.repeat(990)
    for (const end = performance.now() + seconds * 1_000; performance.now() < end; ) {
      await Promise.all(Array.from({ length: 50 }, () => speaker.ask('chat-message', { content })))
      // Garbage is not held.
      collect()
      const { heapUsed, external } = process.memoryUsage()
      most = Math.max(most, heapUsed + external - before)
    }
    for (const { line } of lines) line.destroy()
    return most
  } finally {
    await node.stop()
  }
}

const MB = 1e6
/** For each kind of thing that is held: what was measured, the bound, and the words for both. */
export const heldByOneAddress = async () => {
  const [seats, full, socket, waiting] = [await rooms(), await sessions(), await sockets(), await unread()]
  const queued = await waitingCommands()
  const say = (bytes: number): string => `${(bytes / MB).toFixed(1)} MB`
  return [
    {
      what: 'held: 500 rooms that guests of one address named in a minute, a seat in each, and their log',
      figure: seats,
      ours: say(seats),
      goal: '≤ 32 MB',
      met: seats <= 32 * MB,
    },
    {
      what: 'held: a room of 50 guests with 1 KB avatars, and its log',
      figure: full,
      ours: say(full),
      goal: '≤ 4 MB',
      met: full <= 4 * MB,
    },
    {
      what: 'held: 1,000 sockets from one address',
      figure: socket * 1_000,
      ours: `${say(socket * 1_000)} (${(socket / 1_024).toFixed(1)} KB each)`,
      goal: '≤ 40 MB',
      met: socket * 1_000 <= 40 * MB,
    },
    {
      what: `held: ${UNREAD} sockets that read nothing in a room that talks`,
      figure: waiting,
      ours: say(waiting),
      goal: '≤ 256 MB plus what the room itself says',
      met: waiting <= 300 * MB,
    },
    {
      what: `held: commands of one address while the log does not answer for ${WAITING_SECONDS} s`,
      figure: queued,
      ours: say(queued),
      goal: '≤ 32 MB',
      met: queued <= 32 * MB,
    },
  ]
}
