/** Janus as the SFU, over its WebSocket API: what it is asked for members, and that no handle stays there for whom nobody hears
 *  or speaks any more. A stand-in takes Janus's place, which answers when the test says so. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocketServer } from 'ws'
import type { Sfu, SfuSignal } from '../sfu.ts'
import { createJanus } from './janus.ts'

// biome-ignore lint/suspicious/noExplicitAny: whatever was asked; the test says what it must be
type Json = any
type StandIn = {
  readonly url: string
  /** What was asked of its plugin, by the requests' names. */
  readonly asked: string[]
  readonly handles: Set<number>
  /** Answers a plugin's request; a promise is waited for. */
  answer: (body: Json) => Json | Promise<Json>
  /** Before a handle is given. */
  attaching: () => void | Promise<void>
  readonly tell: (handle: number, data: object) => void
  readonly cut: () => void
  readonly stop: () => void
}
const OFFER = { type: 'offer', sdp: 'v=0' }
const joined = (body: Json): Json =>
  body.ptype === 'subscriber' ? { data: { streams: [] }, jsep: OFFER } : { data: { publishers: [] } }

const standIn = async (): Promise<StandIn> => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  let last = 0
  const janus: StandIn = {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    handles: new Set(),
    answer: joined,
    attaching: () => {},
    tell: (sender, data) => {
      for (const ws of server.clients)
        ws.send(JSON.stringify({ janus: 'event', sender, plugindata: { data } }))
    },
    cut: () => {
      janus.handles.clear()
      for (const ws of server.clients) ws.terminate()
    },
    stop: () => {
      for (const ws of server.clients) ws.terminate()
      server.close()
    },
  }
  server.on('connection', (ws) => {
    ws.on('message', async (text) => {
      const { janus: what, transaction, handle_id, body } = JSON.parse(String(text)) as Json
      const say = (message: object) => ws.send(JSON.stringify({ transaction, ...message }))
      if (what === 'create' || what === 'attach') {
        last += 1
        const id = last
        if (what === 'attach') {
          janus.handles.add(id)
          await janus.attaching()
        }
        return say({ janus: 'success', data: { id } })
      }
      if (what === 'detach') janus.handles.delete(handle_id)
      if (what !== 'message') return say({ janus: what === 'keepalive' ? 'ack' : 'success' })
      janus.asked.push([body.request, body.ptype ?? []].flat().join(' '))
      const { data, jsep, error } = await janus.answer(body)
      if (error !== undefined) return say({ janus: 'error', error })
      say({ janus: 'event', sender: handle_id, plugindata: { data }, ...(jsep ? { jsep } : {}) })
    })
  })
  return janus
}
const until = async (what: () => boolean, says: () => string): Promise<void> => {
  const end = performance.now() + 5_000
  while (!what()) {
    assert.ok(performance.now() < end, says())
    await new Promise((resolve) => setImmediate(resolve))
  }
}

type Context = { janus: StandIn; sfu: Sfu; told: SfuSignal[] }
const test = suite<Context>('Janus as the SFU')
const ROOM = 'post:alice/a:main'
const ALICE = { room: ROOM, sessionId: 'alice-1' }
const BOB = { room: ROOM, sessionId: 'bob-1' }
const right = async <A>(work: Promise<E.Either<unknown, A>>): Promise<A> => {
  const done = await work
  if (E.isLeft(done)) throw new Error(JSON.stringify(done.left))
  return done.right
}
const enter = ({ sfu, told }: Context, who = ALICE, maySpeak = true) =>
  right(sfu.grant(who, maySpeak, (signal) => told.push(signal))())
const signal = ({ sfu }: Context, of: SfuSignal) => sfu.signal!(ALICE, of)()
/** Somebody speaks in the room: the watching handle, which came first, hears it. */
const bobSpeaks = ({ janus }: Context) =>
  janus.tell([...janus.handles][0]!, { publishers: [{ id: BOB.sessionId }] })
const counted = ({ janus }: Context, count: number) =>
  until(
    () => janus.handles.size === count,
    () => `${janus.handles.size} handles, asked ${janus.asked.join()}`,
  )

test.before.each(async (context) => {
  context.told = []
  context.janus = await standIn()
  context.sfu = createJanus({ url: context.janus.url, boot: 'node-1' })
  await until(
    () => context.sfu.isUp(),
    () => 'not up',
  )
})
test.after.each(async ({ sfu, janus }) => {
  await sfu.stop()
  janus.stop()
})

for (const held of ['handle', 'answer'] as const)
  test(`given somebody who leaves while the ${held} of their end to hear is on its way, then no handle stays for them`, async (context) => {
    const { janus, sfu } = context
    await enter(context)
    const go = Promise.withResolvers<void>()
    if (held === 'handle') janus.attaching = () => go.promise
    else
      janus.answer = async (body) => {
        if (body.ptype === 'subscriber') await go.promise
        return joined(body)
      }
    bobSpeaks(context)
    await counted(context, 2)
    if (held === 'answer')
      await until(
        () => janus.asked.includes('join subscriber'),
        () => janus.asked.join(),
      )
    await right(sfu.remove(ALICE)())
    go.resolve()
    await counted(context, 1)
    assert.equal(context.told, [])
  })

test('given a voice that ends while it is asked for, then no handle stays, and with the next voice it is heard', async (context) => {
  const { janus, told } = context
  await enter(context)
  janus.answer = (body) =>
    body.ptype === 'subscriber' ? { data: { error_code: 428, error: 'No such feed' } } : joined(body)
  bobSpeaks(context)
  await until(
    () => janus.asked.includes('join subscriber'),
    () => janus.asked.join(),
  )
  await counted(context, 1)
  janus.answer = joined
  bobSpeaks(context)
  await until(
    () => told.length === 1,
    () => janus.asked.join(),
  )
  assert.not.ok(janus.asked.some((what) => what.startsWith('update')))
})

test('given a room that Janus does not let us into, then no handle stays, however often somebody asks', async (context) => {
  const { janus, sfu } = context
  janus.answer = () => ({ data: { error_code: 499, error: 'Unknown' } })
  for (let n = 0; n < 3; n++) assert.ok(E.isLeft(await sfu.grant(ALICE, true, () => {})()))
  await counted(context, 0)
})

test('given a Janus that goes while an offer waits for its answer, then nothing more is asked for that member', async (context) => {
  const { janus, sfu, told } = context
  await enter(context)
  bobSpeaks(context)
  await until(
    () => told.length === 1,
    () => janus.asked.join(),
  )
  janus.cut()
  await until(
    () => !sfu.isUp(),
    () => 'still up',
  )
  assert.equal(process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length, 1)
})

test('given an offer of pictures, of data or of two voices, then it is refused; one of a single voice is passed on', async (context) => {
  const { janus } = context
  await enter(context)
  const sdp = (...media: ReadonlyArray<string>) =>
    ['v=0', ...media.map((one) => `m=${one} 9 UDP/TLS/RTP/SAVPF 111`)].join('\r\n')
  for (const wrong of [
    [],
    ['video'],
    ['audio', 'video'],
    ['audio', 'application'],
    ['audio', 'audio'],
    ['audiox'],
  ]) {
    const answer = await signal(context, { kind: 'publish', sdp: sdp(...wrong) })
    assert.ok(E.isLeft(answer) && answer.left._tag === 'WrongSignal', wrong.join())
  }
  janus.answer = (body) => ({ ...joined(body), jsep: { type: 'answer', sdp: 'v=0 ours' } })
  const answer = await right(signal(context, { kind: 'publish', sdp: sdp('audio') }))
  assert.equal(answer, { kind: 'answer', sdp: 'v=0 ours' })
  assert.is(janus.asked.filter((what) => what === 'joinandconfigure publisher').length, 1)
})

test('given a description that Janus can’t take, then that is its sender’s fault; if Janus fails otherwise, it is not', async (context) => {
  const { janus } = context
  await enter(context)
  const offer = { kind: 'publish', sdp: 'v=0\r\nm=audio' }
  for (const [code, tag] of [
    [465, 'WrongSignal'],
    [490, 'SfuUnavailable'],
  ] as const) {
    janus.answer = () => ({ error: { code, reason: 'Error processing SDP' } })
    const answer = await signal(context, offer)
    assert.ok(E.isLeft(answer) && answer.left._tag === tag, `${code}: ${JSON.stringify(answer)}`)
  }
})

test.run()
