/** A second of a room again: kept by a whole product, and played by presence.js to a moderator. */
import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { packMove } from '../../apps/client/src/packed.ts'
import { type ReplayedFrame, replayMotion } from '../../apps/client/src/replay.ts'
import { webTransport } from '../../apps/client/src/transport.ts'
import { devKeys, signAs } from '../hive/keys.ts'
import { type Embedded, startEmbedded } from '../testing/embedded.ts'
import { until } from '../testing/until.ts'

type Context = { product: Embedded }
const test = suite<Context>('kept motion, played')
test.before(async (context) => {
  context.product = await startEmbedded({ SYSTEM_ADMINS: 'alice' })
})
test.after(({ product }) => product.stop())

const ROOM = { type: 'global', id: 'lobby', subspace: 'main' }
const tokenOf = async (url: string, account: string): Promise<string> => {
  const challenge = String(Math.floor(Date.now() / 1_000))
  const answer = await fetch(`${url}/api/auth/session`, {
    method: 'POST',
    headers: {
      'x-account': account,
      'x-challenge': challenge,
      'x-pubkey': devKeys(account).posting.public,
      'x-signature': signAs(account, challenge),
    },
  })
  return ((await answer.json()) as { token: string }).token
}
/** One on the packed wire, and what it was sent. */
const enter = async (url: string) => {
  const ws = new WebSocket(url.replace('http', 'ws'))
  const sent: string[] = []
  let socketId = ''
  const joined = new Promise<void>((resolve) => {
    ws.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) {
        sent.push(data.toString('hex'))
        return
      }
      const message = JSON.parse(String(data))
      if (message.type !== 'space-joined') return
      socketId = message.users.find(
        (user: { sessionId: string }) => user.sessionId === message.sessionId,
      ).socketId
      assert.is(message.settings.motion_tracks, true)
      resolve()
    })
  })
  await once(ws, 'open')
  const { type: spaceType, id: spaceId } = ROOM
  ws.send(JSON.stringify({ type: 'join-space', spaceType, spaceId, scene: 'packed', request_id: '1' }))
  await joined
  return { ws, sent, socketId }
}

test('given a room that keeps its motion, then a moderator gets a replay of what each was sent, to the byte, and nobody else does', async ({
  product,
}) => {
  const { url } = product.endpoints()
  const token = await tokenOf(url, 'alice')
  const begun = new Date()
  const changed = await fetch(`${url}/api/spaces/global/lobby/settings`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ motion_tracks: true, motion_days: 7 }),
  })
  assert.is(changed.status, 200, await changed.text())
  const [one, two] = [await enter(url), await enter(url)]
  for (let t = 0; t < 20; t += 1) {
    one.ws.send(packMove({ x: t / 10, y: 1.6, z: 0 }, { x: 0, y: 0, z: 0, w: 1 }))
    await new Promise((resolve) => setTimeout(resolve, 40))
  }
  one.ws.close()
  two.ws.close()
  const transport = webTransport(url)
  const play = async (as: string | undefined, who: string | null): Promise<ReplayedFrame[]> => {
    const frames: ReplayedFrame[] = []
    const asked = { from: begun, to: new Date(), ...(as === undefined ? {} : { as }) }
    for await (const frame of replayMotion(transport, who, ROOM, asked)) frames.push(frame)
    return frames
  }
  await until('it is kept', async () => (await play(two.socketId, token)).length > 10)
  const again = (await play(two.socketId, token)).map(({ bytes }) => Buffer.from(bytes).toString('hex'))
  // What is under way when a client goes, it does not read.
  const end = again.lastIndexOf(two.sent.at(-1) ?? '')
  assert.ok(end > 10)
  assert.equal(again.slice(1, end + 1), two.sent.slice(-end))
  const all = await play(undefined, token)
  const last = all.flatMap(({ moved }) => [...moved].filter(([id]) => id === one.socketId)).at(-1)
  assert.is(last?.[1].position.x, 1.9)
  for (const who of [await tokenOf(url, 'bobby'), null])
    assert.is(await play(undefined, who).catch(({ code }) => code), 'forbidden')
})

test('given a moment that is not a time, then the error names it, and a replay without motion has none', async ({
  product,
}) => {
  const { url } = product.endpoints()
  const headers = { authorization: `Bearer ${await tokenOf(url, 'alice')}` }
  const ask = (query: string) => fetch(`${url}/api/spaces/global/lobby/replay?${query}`, { headers })
  assert.is(((await (await ask('motion=1&from=5')).json()) as { code: string }).code, 'invalid_from')
  assert.is(((await (await ask('motion=maybe')).json()) as { code: string }).code, 'invalid_motion')
  assert.not.match(await (await ask('')).text(), /"type":"motion/)
})

test.run()
