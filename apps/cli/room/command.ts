/** `presence room replay FILE`: performs a real room's log with real clients, then compares every table. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import { parseSpaceKey, spaceKey } from '../../../domain/names.ts'
import { devSign } from '../../operations/instance/sign-as.ts'
import { type Command, Misused, type Run } from '../command.ts'
import { plain } from '../shown.ts'
import { compare } from './replay/compare.ts'
import { expectedOf } from './replay/expect.ts'
import { people } from './replay/people.ts'
import { perform } from './replay/perform.ts'
import { accountsIn, adminsIn, readRoomLog } from './replay/room-log.ts'

const replayUsage = `presence room replay FILE [options]

Performs a room log line by line: a real Socket.IO client for each account, each with a real signature, each line
acknowledged before the next. Then compares sessions, permissions, chat, audit log and what was seen live with what the
file implies, and prints the differences. Ends with 0 where there are none, 1 where there are.

  --url URL        a server that already runs (its Hive node must be the stand-in); without it one is started on a
                   data folder of its own, and stopped and removed afterwards
  --space TYPE:ID  the room; with --url it must exist and be unused. Default: the sample post of the embedded server
  --owner ACCOUNT  who owns that room. Default: the post's author
  --rate 50x       by the file's clock, this many times as fast. Default: as fast as it is acknowledged
  --lines N        only the first N lines`

const SPACE = 'post:room-replay/the-busy-room'

const replay: Run = async (args, io) => {
  const { values, positionals } = options(args)
  const file = positionals[0]
  if (file === undefined || positionals.length > 1) throw new Misused('presence room replay takes one file.')
  const rate = values.rate === undefined ? null : Number(values.rate.replace(/x$/, ''))
  if (rate !== null && !(rate > 0)) throw new Misused('--rate takes a number such as 50x.')
  const space = parseSpaceKey(values.space ?? SPACE)
  if (E.isLeft(space)) throw new Misused(`--space: ${space.left.detail}`)
  const owner = values.owner ?? (space.right.type === 'post' ? space.right.id.split('/')[0] : undefined)
  if (owner === undefined) throw new Misused('--owner is needed: only a post’s id says who owns it.')
  if (values.lines !== undefined && !/^\d{1,9}$/.test(values.lines))
    throw new Misused('--lines takes a number.')
  const read = await readRoomLog(file)
  if (E.isLeft(read)) {
    io.err(read.left)
    return 2
  }
  const lines = values.lines === undefined ? read.right : read.right.slice(0, Number(values.lines))

  const server = values.url === undefined ? await startServer(io.out) : null
  const target = { url: (values.url ?? server!.url).replace(/\/$/, ''), space: space.right, owner }
  const crowd = people(target.url, devSign)
  const stopEarly = () => {
    crowd.close()
    void server?.stop().then(() => process.exit(130))
    if (!server) process.exit(130)
  }
  process.once('SIGINT', stopEarly)
  try {
    io.out(
      `${basename(file)}: ${lines.length} lines, ${accountsIn(lines).length} accounts, into ${spaceKey(space.right)} at ${target.url}`,
    )
    const begun = performance.now()
    const progress = progressLine(io, lines.length)
    const { journal, watch } = await perform({
      target,
      people: crowd,
      lines,
      rate,
      onLine: (done, line) => progress.at(done, line.t),
      onInterruption: (why) => progress.say(`interrupted (${why}): waiting, then going on where it was`),
    })
    progress.end()
    const seconds = (performance.now() - begun) / 1000
    io.out(
      `performed in ${seconds.toFixed(1)} s, ${(lines.length / seconds).toFixed(0)} lines a second; ${journal.acknowledged} commands acknowledged, ${journal.slowDowns} asked to slow down, ${journal.interruptions} interruptions`,
    )
    const expected = expectedOf(lines, owner, adminsIn(lines))
    if (expected.refused.length > 0)
      io.out(
        `refused as the rules say (only the owner changes an admin): line ${expected.refused.join(', ')}`,
      )
    const { counts, differences } = await compare(target, crowd.of(owner), expected, { journal, watch })
    io.data?.({
      lines: lines.length,
      accounts: accountsIn(lines).length,
      space: spaceKey(space.right),
      seconds,
      acknowledged: journal.acknowledged,
      slow_downs: journal.slowDowns,
      interruptions: journal.interruptions,
      refused: expected.refused,
      counts,
      differences: differences.map(({ table, what }) => ({ table, what })),
    })
    for (const [table, count] of Object.entries(counts)) io.out(`  ${String(count).padStart(7)} ${table}`)
    for (const difference of differences.slice(0, 40))
      io.err(plain(`  ${difference.table}: ${difference.what}`))
    if (differences.length > 40) io.err(`  … and ${differences.length - 40} more`)
    io.out(differences.length === 0 ? 'no differences' : `${differences.length} differences`)
    return differences.length === 0 ? 0 : 1
  } catch (error) {
    io.err((error as Error).message)
    return 1
  } finally {
    process.off('SIGINT', stopEarly)
    crowd.close()
    await server?.stop()
  }
}

export const room: Command = {
  name: 'room',
  summary: 'perform a real room’s log on a server and compare every table with it',
  words: [
    {
      name: 'replay',
      takes: 'FILE [options]',
      says: 'performs a room’s log line by line with real clients, then compares every table with what the file implies',
      load: async () => ({ run: replay, usage: replayUsage }),
    },
  ],
  notes: '',
}

const options = (args: ReadonlyArray<string>) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      url: { type: 'string' },
      space: { type: 'string' },
      owner: { type: 'string' },
      rate: { type: 'string' },
      lines: { type: 'string' },
    },
  })

const progressLine = (io: { out: (text: string) => void }, total: number) => {
  const tty = process.stderr.isTTY
  const begun = performance.now()
  let shown = 0
  const text = (done: number, clock: string) => {
    const seconds = (performance.now() - begun) / 1000
    const rate = done / seconds
    const bar = '█'.repeat(Math.round((20 * done) / total)).padEnd(20, '░')
    return `${bar} ${done}/${total}  ${clock.slice(0, 16).replace('T', ' ')}  ${rate.toFixed(0)} lines/s  ${((total - done) / rate).toFixed(0)} s left`
  }
  return {
    at: (done: number, clock: string) => {
      const now = performance.now()
      if (now - shown < (tty ? 100 : 5000) && done < total) return
      shown = now
      if (tty) process.stderr.write(`\r\x1b[K${text(done, clock)}`)
      else io.out(text(done, clock))
    },
    say: (words: string) => {
      if (tty) process.stderr.write('\r\x1b[K')
      io.out(words)
    },
    end: () => {
      if (tty) process.stderr.write('\n')
    },
  }
}

/** The embedded server as `npm start` runs it, on a temporary data folder. */
const startServer = async (say: (text: string) => void) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'presence-replay-'))
  const child = spawn(process.execPath, [fileURLToPath(new URL('../../embedded/main.ts', import.meta.url))], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      DATA_DIR: dataDir,
      PORT: '0',
      HOST: '127.0.0.1',
      LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
    },
  })
  say('starting a server of its own …')
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
    await rm(dataDir, { recursive: true, force: true })
  }
  for (;;) {
    if (child.exitCode !== null) {
      await stop()
      throw new Error('The server did not start: see above.')
    }
    try {
      const { url } = JSON.parse(await readFile(join(dataDir, 'endpoints.json'), 'utf8')) as { url: string }
      if ((await fetch(`${url}/api/health`)).ok) return { url, stop }
    } catch {
      await delay(50)
    }
  }
}
