// test: waits
// timeout: 180
/** A disk that is really full (a small file system of its own): every write is told so, reads go on, health says it, and it is
 *  over when there is room again. */
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { devKeys, signAs } from '../hive/keys.ts'
import { startHiveStandIn } from '../hive/stand-in.ts'
import { testEventStore } from '../testing/eventstore.ts'
import { testDatabase } from '../testing/postgres.ts'
import { startProjectorProcess, startServerProcess } from '../testing/server.ts'
import { clientOf } from '../testing/sockets.ts'
import { until } from '../testing/until.ts'

const test = suite('a full disk')
const MEGABYTES = 96
const folder = mkdtempSync(join(tmpdir(), 'presence-full-disk-'))
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${MEGABYTES}m`, 'tmpfs', folder], {
  encoding: 'utf8',
})
const mayMount = mounted.status === 0
const run = mayMount ? test : test.skip
if (!mayMount)
  console.log(
    `## left out: no file system of its own could be mounted here, which takes root: ${(mounted.stderr || mounted.error?.message) ?? ''}`,
  )
test.after(() => {
  if (mayMount) spawnSync('umount', ['--lazy', folder])
  rmSync(folder, { recursive: true, force: true })
})

const proofOf = (account: string) => {
  const challenge = String(Math.floor(Date.now() / 1_000))
  return {
    account,
    challenge,
    pubkey: devKeys(account).posting.public,
    signature: signAs(account, challenge),
  }
}

/** Takes all that is left. Answers how to give it back. */
const fill = (): (() => void) => {
  const file = join(folder, 'something-else')
  const piece = Buffer.alloc(1 << 20)
  let pieces = 0
  try {
    for (; pieces < 2 * MEGABYTES; pieces += 1) writeFileSync(file, piece, { flag: 'a' })
  } catch {
    // Now it is full, but for less than a piece.
  }
  for (let size = 1 << 16; size >= 1; size >>= 2)
    try {
      for (;;) writeFileSync(file, Buffer.alloc(size), { flag: 'a' })
    } catch {
      // Smaller ones may fit in.
    }
  return () => rmSync(file)
}

run(
  'given a full disk under the log, then each write gets 503, reads go on, and health is not ok; with room again, everything works',
  async () => {
    const [store, database, hive] = await Promise.all([
      testEventStore({ dataDir: join(folder, 'log') }),
      testDatabase(),
      startHiveStandIn(),
    ])
    const env = {
      EVENTSTORE_URL: store.url,
      DATABASE_URL: database.url,
      HIVE_NODE: hive.url,
      HIVE_STANDIN: 'on',
      SYSTEM_ADMINS: 'the-owner',
      LOG_LEVEL: 'fatal',
    }
    const projector = await startProjectorProcess({ ...env, NODE_ID: 'projector' })
    const server = await startServerProcess({ ...env, NODE_ID: 'one' })
    const inside = await clientOf(server.url, { auth: proofOf('the-owner') })
    const call = async (method: string, path: string, body?: object) => {
      const answer = await fetch(server.url + path, {
        method,
        headers: {
          ...Object.fromEntries(
            Object.entries(proofOf('the-owner')).map(([name, value]) => [`x-${name}`, value]),
          ),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const { code } = (await answer.json().catch(() => ({}))) as { code?: string }
      return [answer.status, code]
    }
    const room = '/api/spaces/global/lobby'
    const chat = '/api/chat/global/lobby/messages'
    const words = '\u{1F600}'.repeat(500)
    const write = () => inside.ask('chat-message', { content: words, message_id: randomUUID() })
    try {
      assert.ok((await inside.ask('join-space', { spaceType: 'global', spaceId: 'lobby' })).ok)
      assert.ok((await write()).ok)
      const giveBack = fill()
      // What was set aside for the log beforehand is used up first.
      await until('a write is refused', async () => !(await write()).ok, 60_000)
      const full = [503, 'eventstore_unavailable']
      assert.equal(await call('POST', `${room}/join`, {}), full)
      assert.equal(await call('POST', chat, { content: words }), full)
      assert.equal(await call('PATCH', `${room}/settings`, { max_users: 40 }), full)
      assert.equal(await call('PUT', `${room}/bans/mallory`, {}), full)
      for (const answer of [
        await write(),
        await inside.ask('voice-state', { enabled: true }),
        await inside.ask('hand-raise', {}),
        await inside.ask('mute', { subject: 'mallory' }),
      ])
        assert.equal([answer.ok, answer.code], [false, 'eventstore_unavailable'], JSON.stringify(answer))
      for (const path of ['/api/spaces', room, `${room}/settings`, chat])
        assert.is((await call('GET', path))[0], 200, path)
      await until('health is not ok', async () => (await call('GET', '/health'))[0] === 503)
      giveBack()
      await until('it takes writes again', async () => (await write()).ok)
      await until('health is ok', async () => (await call('GET', '/health'))[0] === 200)
    } finally {
      inside.close()
      await server.stop()
      await projector.stop()
      await Promise.all([store.stop(), hive.close()])
      await database.drop()
    }
  },
)

test.run()
