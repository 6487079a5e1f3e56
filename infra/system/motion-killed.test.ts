// test: waits
// timeout: 180
/** kill -9 of a server that keeps a room's motion, in the middle of a block and while a block is written: what the log says was kept is whole,
 *  is replayed as it was sent, and every proof holds. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { packMove } from '../../apps/client/src/packed.ts'
import { devKeys, signAs } from '../hive/keys.ts'
import { type Embedded, startEmbedded } from '../testing/embedded.ts'
import { until } from '../testing/until.ts'

type Context = { product: Embedded; pool: pg.Pool }
// biome-ignore lint/suspicious/noExplicitAny: of whatever shape
type Json = any
const KILLS = Number(process.env.MOTION_KILLS ?? 1)
const test = suite<Context>('motion that is kept, and kill -9')
const ROOT = join(import.meta.dirname, '../..')
const SPACE = '/api/spaces/global/lobby'

test.before(async (context) => {
  context.product = await startEmbedded({ RESTART_PAUSE_MS: '250' })
  context.pool = new pg.Pool({ connectionString: context.product.endpoints().databaseUrl, max: 2 })
})
test.after(async ({ product, pool }) => {
  await pool.end()
  await product.stop()
})

const signed = (account: string): Record<string, string> => {
  const challenge = String(Math.floor(Date.now() / 1_000))
  const signature = signAs(account, challenge)
  const { public: key } = devKeys(account).posting
  return {
    'x-account': account,
    'x-challenge': challenge,
    'x-pubkey': key,
    'x-signature': signature,
    'content-type': 'application/json',
  }
}
const linesOf = async (product: Embedded, path: string): Promise<ReadonlyArray<Json>> => {
  const answer = await fetch(`${product.endpoints().url}${path}`, { headers: signed('alice') })
  const text = await answer.text()
  assert.is(answer.status, 200, text)
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
const keptOnLog = async (product: Embedded): Promise<ReadonlyArray<Json>> => {
  const events = await linesOf(product, '/api/feed?after=start&live=false')
  return events.filter(({ type }) => type === 'MotionKept').map(({ data }) => data)
}

/** A guest on the packed wire, with the frames that it was sent. */
const enter = async (product: Embedded) => {
  const ws = new WebSocket(product.endpoints().url.replace('http', 'ws'))
  const sent: string[] = []
  ws.on('error', () => {})
  await once(ws, 'open')
  const joined = new Promise<string>((resolve) => {
    ws.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) sent.push(data.toString('hex'))
      else {
        const message = JSON.parse(String(data))
        if (message.type !== 'space-joined') return
        const own = message.users.find((user: Json) => user.sessionId === message.sessionId)
        resolve(own.socketId)
      }
    })
  })
  ws.send(JSON.stringify({ type: 'join-space', spaceType: 'global', spaceId: 'lobby', scene: 'packed' }))
  return { ws, sent, socketId: await joined }
}
/** Two who move until `isOver`, and at least so many times. */
const moving = async (product: Embedded, least: number, isOver: () => boolean | Promise<boolean>) => {
  const both = [await enter(product), await enter(product)]
  for (let t = 0; t < least || !(await isOver()); t += 1) {
    for (const [n, { ws }] of both.entries())
      if (ws.readyState === ws.OPEN)
        ws.send(packMove({ x: n + t / 10, y: 1.6, z: 0 }, { x: 0, y: 0, z: 0, w: 1 }))
    await new Promise((resolve) => setTimeout(resolve, 40))
  }
  return both
}
const killServer = async (product: Embedded): Promise<void> => {
  const { server } = product.endpoints().pids
  process.kill(server!, 'SIGKILL')
  await until('another server answers', async () => {
    const { url, pids } = product.endpoints()
    if (pids.server === server) return false
    return (await fetch(`${url}/api/health`).catch(() => null))?.ok === true
  })
}
const sections = async (pool: pg.Pool): Promise<number> =>
  Number((await pool.query('SELECT count(DISTINCT block) AS blocks FROM motion_sections')).rows[0].blocks)

test('given a server that keeps motion, when it is killed outright in a block and while one is written, then what was kept is whole, replayed as it was sent, and proved', async ({
  product,
  pool,
}) => {
  const changed = await fetch(`${product.endpoints().url}${SPACE}/settings`, {
    method: 'PATCH',
    headers: signed('alice'),
    body: JSON.stringify({ motion_tracks: true }),
  })
  assert.is(changed.status, 200, await changed.text())
  const always = () => true
  const began = new Date(Date.now() - 1_000).toISOString()

  await moving(product, 30, always)
  await killServer(product)
  assert.equal(await keptOnLog(product), [], 'of the block that it had not finished, nothing')
  assert.is(await sections(pool), 0)

  // Whole: all leave, which ends the recording.
  const whole = await moving(product, 30, always)
  const [, heard] = whole
  for (const { ws } of whole) ws.close()
  await until('it is on the log', async () => (await keptOnLog(product)).length === 1)

  // Killed as soon as a block's sections are stored: the log may have it or not.
  for (let kill = 0; kill < KILLS; kill += 1) {
    const before = await sections(pool)
    const those = await moving(product, 15, always)
    for (const { ws } of those) ws.close()
    await until('its sections are there', async () => (await sections(pool)) > before)
    await killServer(product)
  }
  // In the middle of a block, after one was kept: longer than a block is.
  const before = (await keptOnLog(product)).length
  const late = await moving(product, 15, async () => (await keptOnLog(product)).length > before)
  await moving(product, 10, always)
  await killServer(product)
  const kept = await keptOnLog(product)

  // Each block on the log has all of its sections.
  await until('the tables have it', async () => {
    const { rows } = await pool.query('SELECT count(*) AS blocks FROM presence_motion')
    return Number(rows[0].blocks) === kept.length
  })
  const to = new Date(Date.now() + 1_000).toISOString()
  const lines = await linesOf(product, `${SPACE}/replay?motion=1&from=${began}&to=${to}`)
  const blocks = new Set(lines.filter(({ type }) => type === 'motion_block').map(({ block }) => block))
  assert.equal(
    blocks,
    new Set(kept.map(({ block }) => block)),
    'every block of the log is replayed, and no other',
  )
  assert.ok(lines.some(({ type, why }) => type === 'motion_lost' && /its server was lost/.test(why)))
  for (const { sent, socketId } of [heard!, late[1]!]) {
    const own = await linesOf(product, `${SPACE}/replay?motion=1&from=${began}&to=${to}&as=${socketId}`)
    const frames = own
      .filter(({ type }) => type === 'motion')
      .map(({ frame }) => Buffer.from(frame, 'base64').toString('hex'))
    assert.ok(frames.length > 10, String(frames.length))
    // The first says everything that there was; what was sent after the last block is lost with its server.
    const at = sent.indexOf(frames[1]!)
    assert.ok(at >= 0)
    const shared = Math.min(frames.length - 1, sent.length - at)
    assert.ok(shared > 10, String(shared))
    assert.equal(frames.slice(1, 1 + shared), sent.slice(at, at + shared), 'to the byte')
  }
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(ROOT, 'apps/cli/main.ts'), 'audit', 'verify', '--json'],
    { env: { ...process.env, DATA_DIR: product.dataDir } },
  )
  const { ok, data } = JSON.parse(stdout)
  assert.ok(ok, stdout)
  assert.equal([data.motion.faults, data.motion.blocks], [[], kept.length])
})

test.run()
