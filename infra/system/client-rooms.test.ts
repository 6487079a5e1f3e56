// test: alone
// timeout: 90
/** `presence.js` with a whole product: what was said before one came in; and before a full room with a queue, where the person is told
 *  where they stand, waits, and is in when it is their turn. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Embedded, startEmbedded } from '../testing/embedded.ts'

// biome-ignore lint/suspicious/noExplicitAny: the client's types need a browser's
type Room = any
/** The client's sources as they are, in Node: it needs fetch and WebSocket alone for this. */
const CLIENT = new URL('../../apps/client/src/index.ts', import.meta.url).href
const { join } = (await import(CLIENT)) as { join: (space: string, options: object) => Promise<Room> }
const test = suite<{ product: Embedded }>('the client and a room')
test.before(async (context) => {
  context.product = await startEmbedded({})
})
test.after(({ product }) => product?.stop())

test('given tables that are behind, when somebody comes in and asks what was said, then nothing that was said before is missing', async ({
  product,
}) => {
  const { url: server, pids } = product.endpoints()
  const options = { server, storage: null, login: 'guest' }
  const first = await join('global:lobby', options)
  process.kill(pids.projector!, 'SIGSTOP')
  try {
    await first.say('just before')
    const second = await join('global:lobby', options)
    const history = second.history()
    process.kill(pids.projector!, 'SIGCONT')
    assert.equal(
      (await history).map(({ content }: Room) => content),
      ['just before'],
    )
    await second.leave()
  } finally {
    process.kill(pids.projector!, 'SIGCONT')
    await first.leave()
  }
})

test('given a full room, then join tells the place, and resolves with the seat once it was held; who comes in between waits behind', async ({
  product,
}) => {
  const server = product.endpoints().url
  const sign = async (challenge: string) => {
    const answer = await fetch(`${server}/page/sign`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ account: 'alice', message: challenge }),
    })
    const { signature } = (await answer.json()) as { signature: string }
    return { account: 'alice', challenge, signature }
  }
  const options = { server, storage: null }
  const alice = await join('global:lobby', { ...options, login: sign })
  await alice.changeSettings({ queue: true, max_users: 1 })
  const places: string[] = []
  const waits = (name: string) =>
    new Promise<{ readonly room: Promise<Room> }>((resolve) => {
      const joining = join('global:lobby', {
        ...options,
        login: 'guest',
        onQueue: ({ position, waiting }: { position: number; waiting: number }) => {
          places.push(`${name} ${position}/${waiting}`)
          resolve({ room: joining })
        },
      })
      // Then there was no queue.
      joining.catch((error: { code: string }) => places.push(`${name} ${error.code}`))
    })
  const first = await waits('first')
  const second = await waits('second')
  assert.equal([places[0], places.includes('second 2/2')], ['first 1/1', true])
  await alice.leave()
  const room = await first.room
  assert.is(room.connected, true)
  assert.equal(
    [...room.users.values()].map(({ guestId }: Room) => guestId),
    [room.identity?.id],
  )
  await room.leave()
  const after = await second.room
  assert.is(after.connected, true)
  assert.ok(places.includes('second 1/1'), places.join())
  await after.leave()
})

test.run()
