/** A client of networked-aframe's webrtc adapter that answers before its microphone is open is heard nevertheless. */
import { io, type Socket } from 'socket.io-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { eachOnOneNode, type OneNode } from '../../../infra/testing/sockets.ts'
import { until } from '../../../infra/testing/until.ts'

type Signal = { readonly type: string; readonly sdp?: string; readonly candidate?: string }
type Sent = { readonly from: string; readonly type: string; readonly data: Signal }
type Context = OneNode & { open: Socket[] }
const test = suite<Context>('late voices')
eachOnOneNode(test)
test.before.each((context) => {
  context.open = []
})
test.after.each(({ open }) => {
  for (const socket of open) socket.disconnect()
})

const sdp = (direction: string, setup: string): string =>
  `v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=setup:${setup}\r\na=${direction}\r\n`
const OFFER = { type: 'offer', sdp: sdp('sendrecv', 'actpass') }
const SILENT = { type: 'answer', sdp: sdp('recvonly', 'active') }
const SPOKEN = { type: 'answer', sdp: sdp('sendrecv', 'active') }

const enter = async ({ node, open }: Context, name: string) => {
  const ticket = node.ticketFor(name, 'alice/my-post', 'main')
  const socket = io(`${node.url}/?ticket=${ticket}`, { transports: ['websocket'], forceNew: true })
  open.push(socket)
  const heard: Sent[] = []
  socket.on('send', (sent: Sent) => heard.push(sent))
  let occupants: ReadonlyArray<string> = []
  socket.on('occupantsChanged', (told: { occupants: object }) => {
    occupants = Object.keys(told.occupants)
  })
  const isIn = new Promise((resolve) => socket.once('connectSuccess', resolve))
  socket.emit('joinRoom', { room: 'alice-my-post-main' })
  await isIn
  return {
    signal: (to: string, data: Signal) =>
      socket.emit('send', { to, type: 'ice-candidate', data: { from: socket.id, to, ...data } }),
    /** What the adapter sends of its entities, once it knows whether it has a microphone. */
    sayReady: () => socket.emit('broadcast', { type: 'u', data: { networkId: 'avatar' } }),
    id: () => socket.id as string,
    occupants: () => occupants,
    /** The kinds of signals that it was sent, once there are so many; and the last of them. */
    heard: async (count: number) => {
      await until(`${count} signals came to ${name}`, () => heard.length >= count, 8_000)
      return { kinds: heard.map(({ data }) => data.type), last: heard[count - 1]?.data as Signal }
    },
  }
}
/** Bob was there first and offers; Carol answers without a voice. */
const called = async (context: Context) => {
  const bob = await enter(context, 'bob')
  const carol = await enter(context, 'carol')
  bob.signal(carol.id(), OFFER)
  assert.is((await carol.heard(1)).last.sdp, OFFER.sdp)
  carol.signal(bob.id(), SILENT)
  assert.is((await bob.heard(1)).last.sdp, SILENT.sdp)
  return { bob, carol }
}

test('given somebody who has sent nothing yet, then they are told of a newcomer once they send something, and after two seconds in any case', async (context) => {
  const bob = await enter(context, 'bob')
  const carol = await enter(context, 'carol')
  await until('Carol is told of both', () => carol.occupants().length === 2, 1_000)
  assert.equal(bob.occupants(), [bob.id()])
  bob.sayReady()
  await until('Bob is told of both', () => bob.occupants().length === 2, 1_000)
  const dave = await enter(context, 'dave')
  await until('Bob is told of all three', () => bob.occupants().length === 3, 1_000)
  assert.is(carol.occupants().length, 2)
  await until('Carol is told of all three', () => carol.occupants().length === 3, 2_500)
  assert.ok(carol.occupants().includes(dave.id()))
})

test('given an answer without a voice, when its client shows that it is ready, then it is offered the same again, its voice comes as an offer, and the answer to that ends here', async (context) => {
  const { bob, carol } = await called(context)
  carol.sayReady()
  assert.equal((await carol.heard(2)).last, { ...OFFER, from: bob.id(), to: carol.id() })
  carol.signal(bob.id(), SPOKEN)
  const { kinds, last } = await bob.heard(2)
  assert.equal(kinds, ['answer', 'offer'])
  assert.is(last.sdp, sdp('sendrecv', 'actpass'))
  bob.signal(carol.id(), { type: 'answer', sdp: sdp('sendrecv', 'passive') })
  bob.signal(carol.id(), { type: 'candidate', candidate: 'after it' })
  assert.equal((await carol.heard(3)).kinds, ['offer', 'offer', 'candidate'])
})

test('given a client that shows nothing of itself, then it is offered the same again after a while, until it has a voice', async (context) => {
  const { bob, carol } = await called(context)
  await carol.heard(2)
  carol.signal(bob.id(), SILENT)
  await carol.heard(3)
  carol.signal(bob.id(), SPOKEN)
  assert.equal((await bob.heard(2)).kinds, ['answer', 'offer'])
})

test('given an answer without a voice that comes only after its client has shown that it is ready, whether asked for the first time or again, then it is offered the same once more', async (context) => {
  const bob = await enter(context, 'bob')
  const carol = await enter(context, 'carol')
  bob.signal(carol.id(), OFFER)
  await carol.heard(1)
  carol.sayReady()
  carol.signal(bob.id(), SILENT)
  await carol.heard(2)
  carol.signal(bob.id(), SPOKEN)
  assert.equal((await bob.heard(2)).kinds, ['answer', 'offer'])

  const dave = await enter(context, 'dave')
  bob.signal(dave.id(), OFFER)
  await dave.heard(1)
  dave.signal(bob.id(), SILENT)
  await dave.heard(2)
  dave.sayReady()
  dave.signal(bob.id(), SILENT)
  await dave.heard(3)
  dave.signal(bob.id(), SPOKEN)
  assert.equal((await bob.heard(4)).kinds, ['answer', 'offer', 'answer', 'offer'])
})

test('given a client without a microphone, then its second answer goes nowhere, and it is not asked again', async (context) => {
  const { bob, carol } = await called(context)
  carol.sayReady()
  await carol.heard(2)
  carol.signal(bob.id(), SILENT)
  carol.sayReady()
  carol.signal(bob.id(), { type: 'candidate', candidate: 'after it' })
  assert.equal((await bob.heard(2)).kinds, ['answer', 'candidate'])
  bob.signal(carol.id(), { type: 'candidate', candidate: 'after it' })
  assert.equal((await carol.heard(3)).kinds, ['offer', 'offer', 'candidate'])
})

test('given an answer with a voice, then nothing is offered again', async (context) => {
  const bob = await enter(context, 'bob')
  const carol = await enter(context, 'carol')
  bob.signal(carol.id(), OFFER)
  await carol.heard(1)
  carol.signal(bob.id(), SPOKEN)
  assert.is((await bob.heard(1)).last.sdp, SPOKEN.sdp)
  carol.sayReady()
  bob.signal(carol.id(), { type: 'candidate', candidate: 'after it' })
  assert.equal((await carol.heard(2)).kinds, ['offer', 'candidate'])
})

test.run()
