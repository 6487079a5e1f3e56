/** Frames that no client of these protocols would send: nothing crashes, and nothing but refusals gets onto the log.
 *  `FUZZ_ROUNDS=10` sends 10,000 in each protocol. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { jsonSocket } from '../../../infra/testing/json-socket.ts'
import { memoryLog } from '../../../infra/testing/memory-log.ts'
import { type TestNode, testNode } from '../../../infra/testing/sockets.ts'

type Context = { node: TestNode; log: ReturnType<typeof memoryLog>; rejections: unknown[] }
const test = suite<Context>('malformed frames of other languages')
const FRAMES = 1_000 * Number(process.env.FUZZ_ROUNDS ?? 1)

const deep = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
const VALUES = [
  'null',
  'true',
  '-1',
  '1e400',
  '""',
  '"x"',
  '"\\u0000"',
  '"\\ud800"',
  '"__proto__"',
  '"alice/my-post:main"',
  '"post:alice/my-post"',
  '"a-b-c-main-main-main"',
  `"${'x'.repeat(3_000)}"`,
  '[]',
  '{}',
  '[null]',
  '{"__proto__":{"isAdmin":true}}',
  '{"constructor":{"prototype":{"polluted":1}}}',
  '{"toString":1,"hasOwnProperty":2,"length":-1}',
  '{"_placeholder":true,"num":0}',
  '{"R":{"roomName":"R"}}',
  '{"roomJoin":{"__proto__":{}}}',
  '{"setRoomApiField":{"roomName":7,"field":[]}}',
  '{"d":[null,{"networkId":{},"owner":[]}]}',
  deep(70),
  deep(3_000),
]
const FIELDS = [
  'room',
  'type',
  'to',
  'from',
  'data',
  'msgType',
  'msgData',
  'targetRoom',
  'targetEasyrtcid',
  'spaceType',
  'spaceId',
  'subspace',
  'targetSocketId',
  'request_id',
  'content',
  'enabled',
]
const NAMES: Readonly<Record<string, ReadonlyArray<string>>> = {
  naf: ['joinRoom', 'broadcast', 'send'],
  easyrtc: ['easyrtcAuth', 'easyrtcCmd', 'easyrtcMsg'],
}
const KINDS = [
  '"u"',
  '"um"',
  '"r"',
  '"ice-candidate"',
  '"authenticate"',
  '"roomJoin"',
  '"roomLeave"',
  '"setRoomApiField"',
  '"setPresence"',
  '"getIceConfig"',
  '"offer"',
  '"candidate"',
  '"hangup"',
  '"join-space"',
  '"chat-message"',
  '"kick"',
  '"chess-move"',
  '"user-joined"',
]

/** The same frames each time. */
let seed = 7
const pick = <A>(from: ReadonlyArray<A>): A => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
  return from[Math.floor((seed / 2_147_483_648) * from.length)] as A
}
const object = (): string => {
  const fields = Array.from({ length: pick([0, 1, 2, 3, 4]) }, () => {
    const field = pick(FIELDS)
    const isKind = (field === 'type' || field === 'msgType') && pick([true, true, false])
    return `"${field}":${isKind ? pick(KINDS) : pick(VALUES)}`
  })
  return `{${fields.join(',')}}`
}
const payload = (): string => (pick([true, true, true, false]) ? object() : pick(VALUES))

test.before.each(async (context) => {
  context.log = memoryLog()
  context.rejections = []
  process.on('unhandledRejection', (reason) => context.rejections.push(reason))
  context.node = await testNode(context.log, { limits: { packets: { perSecond: 1e9, burst: 1e9 } } })
})
test.after.each(async ({ node, rejections }) => {
  await node.stop()
  process.removeAllListeners('unhandledRejection')
  assert.equal(rejections, [])
  assert.equal(node.errors, [])
  assert.is(({} as Record<string, unknown>).isAdmin, undefined)
})

/** Whatever was sent, its events are in a guest's name only, and nothing else was made of it. */
const holds = ({ log }: Context) => {
  for (const { type, metadata } of log.all()) {
    assert.ok(
      [
        'SpaceOpened',
        'SessionJoined',
        'SessionMoved',
        'SessionLeft',
        'CommandRefused',
        'MessagePosted',
        'VoiceStarted',
        'VoiceStopped',
      ].includes(type),
      type,
    )
    assert.is((metadata as { actor: { kind: string } }).actor.kind, 'guest')
  }
}

const DIALECTS = Object.entries(NAMES).flatMap(([language, names]) =>
  (['4', '3'] as const).map((engine) => ({ language, names, engine })),
)
for (const { language, names, engine } of DIALECTS)
  test(`given malformed frames of ${language} over Engine.IO ${engine}, then nothing crashes, and the next one in is served`, async (context) => {
    const { node } = context
    let sent = 0
    while (sent < FRAMES) {
      const ws = new WebSocket(
        `${node.url.replace('http', 'ws')}/socket.io/?EIO=${engine}&transport=websocket`,
      )
      await new Promise<void>((resolve) => {
        // In version 3 the server opens the namespace by itself.
        ws.once('open', () => {
          if (engine === '4') ws.send('40')
        })
        ws.once('close', () => resolve())
        ws.on('message', (data) => {
          if (String(data).startsWith('40')) {
            for (let i = 0; i < 100; i += 1) {
              sent += 1
              if (ws.readyState !== ws.OPEN) break
              ws.send(`42${pick(['', i])}["${pick(names)}",${payload()}]`)
            }
            ws.send('420["leave-space",{}]')
            ws.close()
          }
        })
      })
    }
    holds(context)
    const next = await node.connect('account:alice')
    assert.ok((await next.ask('join-space', { spaceType: 'post', spaceId: 'alice/my-post' })).ok)
  })

test('given malformed frames on JSON sockets, then nothing crashes, and the next one in is served', async (context) => {
  const { node } = context
  for (let sent = 0; sent < FRAMES; ) {
    const one = await jsonSocket(node.url)
    one.ws.on('error', () => {})
    for (let i = 0; i < 100 && one.ws.readyState === one.ws.OPEN; i += 1) {
      sent += 1
      const frame = pick([object(), object(), payload(), '', '{', '\u0000', 'null', '[1]'])
      one.ws.send(pick([frame, frame, frame, Buffer.from(frame)]))
    }
    one.ws.close()
    await one.closed
  }
  holds(context)
  const next = await jsonSocket(node.url, `/?ticket=${node.ticketFor('bob', 'alice/my-post')}`)
  next.send({ type: 'join-space', room: 'alice/my-post:main' })
  assert.is((await next.until('space-joined')).identity.id, 'bob')
  await next.close()
})

test.run()
