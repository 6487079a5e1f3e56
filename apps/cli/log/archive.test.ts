/** `presence log archive`, killed at each of its stages, and what it refuses. ARCHIVE_KILLS: how many more kills there
 *  are, at random moments. */
// timeout: 600
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { verifierOf } from '../../../projections/proof/note.ts'
import {
  BEGIN,
  HOUR,
  MASTER_KEY,
  ORIGIN,
  openRooms,
  type Rooms,
  SIGNING_KEY,
} from '../../operations/archive/testing/rooms.ts'
import { verifyLog } from '../../operations/verify/verify.ts'
import { audit } from '../audit/command.ts'
import { runCommand } from '../dispatcher.ts'
import { log } from './command.ts'

const { PATH, NODE_COMPILE_CACHE } = process.env
const KILLS = Number(process.env.ARCHIVE_KILLS ?? 1)
const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const STAGES = ['writing', 'checking', 'recorded', 'cutting', 'cut']

const test = suite<{ rooms: Rooms }>('presence log archive')
test.before(async (context) => {
  context.rooms = await openRooms(3)
  await context.rooms.live(60, 1)
  await context.rooms.settled()
  await context.rooms.checkpoint()
  Object.assign(process.env, environment(context.rooms))
})
test.after(({ rooms }) => rooms.close())

type Ended = { readonly code: number | null; readonly said: string }

const environment = ({ node, database, dir }: Rooms) => ({
  ...{ EVENTSTORE_URL: node.url, DATABASE_URL: database.url, PRIVACY_MASTER_KEY: MASTER_KEY },
  ...{ AUDIT_SIGNING_KEY: SIGNING_KEY, AUDIT_ORIGIN: ORIGIN, LOG_ARCHIVE_DIR: dir },
})

/** Runs `presence` in this process. */
const presence = async ([name, ...args]: ReadonlyArray<string>): Promise<Ended> => {
  const said: string[] = []
  const io = { out: (text: string) => void said.push(text), err: (text: string) => void said.push(text) }
  const code = await runCommand(name === 'log' ? log : audit, args, io)
  return { code, said: said.join('\n') }
}

/** Runs `presence` in a process of its own. `kill`: after how many milliseconds, or at which line of its output, it is killed. */
const killed = async (rooms: Rooms, args: ReadonlyArray<string>, kill: number | string): Promise<Ended> => {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, NODE_COMPILE_CACHE, ...environment(rooms) },
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      said += text
      if (typeof kill === 'string' && said.includes(`${kill}:`)) child.kill('SIGKILL')
    })
  const timer = typeof kill === 'number' ? setTimeout(() => child.kill('SIGKILL'), kill) : undefined
  const [code] = await once(child, 'close')
  clearTimeout(timer)
  return { code, said }
}
const before = (hour: number): string => new Date(BEGIN + hour * HOUR).toISOString()

test('given an impossible request, or something that does not exist, then it says why, and makes nothing', async ({
  rooms,
}) => {
  for (const [code, message, ...args] of [
    [2, /Give --before TIME, or --max-bytes N/],
    [2, /Give --before TIME, or --max-bytes N/, '--before', '2026-01-02', '--max-bytes', '5'],
    [2, /--before is a time/, '--before', 'soon'],
    [2, /--max-bytes takes a number/, '--max-bytes', 'few'],
    [2, /Unexpected argument 'file'/, 'file', '--before', '2026-01-02'],
    [1, /not a minute old/, '--before', new Date(Date.now() + HOUR).toISOString()],
    [0, /may have 999999999: nothing is archived/, '--max-bytes', '999999999'],
    [0, /Nothing happened before 2025-01-01T00:00:00.000Z/, '--before', '2025-01-01'],
  ] as ReadonlyArray<readonly [number, RegExp, ...string[]]>) {
    const done = await presence(['log', 'archive', ...args])
    assert.match(done.said, message)
    assert.is(done.code, code, done.said)
  }
  assert.equal(readdirSync(rooms.dir), [])
})

test('given kills at each stage and at any moment, when it is run again, then it resumes, nothing is lost, and everything verifies', async ({
  rooms,
}) => {
  for (const stage of [...STAGES, ...Array.from({ length: KILLS }, (_, n) => n)]) {
    const at = before(typeof stage === 'string' ? 8 * (STAGES.indexOf(stage) + 1) : 42 + stage / KILLS)
    const first = await killed(
      rooms,
      ['log', 'archive', '--before', at],
      typeof stage === 'string' ? stage : 300 + Math.random() * 1_500,
    )
    const again = await presence(['log', 'archive', '--before', at])
    const isDone = /is archived already/.test(again.said)
    assert.is(again.code, isDone ? 1 : 0, `${stage}: ${first.said}\n${again.said}`)
    await rooms.people.visit(1)
  }
  assert.equal(rooms.people.failures, [])
  await rooms.settled()
  const done = await verifyLog({
    log: rooms.opened,
    databaseUrl: rooms.database.url,
    verifiers: [verifierOf(rooms.signer)],
  })
  assert.equal([done.failures, done.keys, done.kept.faults], [[], [], []])
  assert.is(done.compared?.found, 0)
  assert.equal(
    readdirSync(rooms.dir).filter((name) => !/^archive-\d{6}$/.test(name)),
    [],
  )
})

test('given the archives, when each is checked by the command, then each verifies, and a wrong key is reported', async ({
  rooms,
}) => {
  const { vkey } = verifierOf(rooms.signer)
  for (const name of readdirSync(rooms.dir)) {
    const { code, said } = await presence(['audit', 'check', join(rooms.dir, name), '--key', vkey])
    assert.is(code, 0, said)
    assert.match(said, /It holds/)
  }
  const other = 'presence.test+00000000+AAAA'
  const wrong = await presence(['audit', 'check', join(rooms.dir, 'archive-000001'), '--key', other])
  assert.is(wrong.code, 2, wrong.said)
})

test('given a size limit for the log, when the log is larger, then enough is archived to make it fit', async () => {
  const { code, said } = await presence(['log', 'archive', '--max-bytes', '200000'])
  assert.is(code, 0, said)
  assert.match(said, /holds \d+ events from before .*, checked/)
})

test.run()
