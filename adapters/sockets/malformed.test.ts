import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { type Client, type TestNode, testNode } from '../../infra/testing/sockets.ts'

type Context = { node: TestNode; log: ReturnType<typeof memoryLog>; rejections: unknown[] }
const test = suite<Context>('malformed payloads')
const POST = { spaceType: 'post', spaceId: 'alice/my-post' }
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 1)

const EVENTS = [
  'join-space',
  'leave-space',
  'chat-message',
  'chat-edit',
  'chat-delete',
  'chat-reaction',
  'voice-state',
  'permission-grant',
  'permission-revoke',
  'ban',
  'unban',
  'mute',
  'unmute',
  'kick',
  'settings-change',
  'webrtc-offer',
  'webrtc-answer',
  'webrtc-ice-candidate',
  'aframe-update',
]
const FIELDS = [
  'spaceType',
  'spaceId',
  'subspace',
  'position',
  'avatar_data',
  'since',
  'content',
  'message_id',
  'message_type',
  'parent_message_id',
  'emoji',
  'remove',
  'enabled',
  'account',
  'user_account',
  'subject',
  'permission',
  'reason',
  'until',
  'session_id',
  'max_users',
  'chat_enabled',
  'settings',
  'targetSocketId',
  'offer',
  'answer',
  'candidate',
]

const deep = (depth: number): string => `${'['.repeat(depth)}1${']'.repeat(depth)}`
const deepObject = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
/** As JSON text, so that `__proto__` and lone surrogates go over the wire as they are. */
const VALUES = [
  'null',
  'true',
  '0',
  '-1',
  '1e400',
  '1.5',
  '9007199254740993',
  '""',
  '"x"',
  '"\\u0000"',
  '"a\\u0000b"',
  '"\\ud800"',
  '"\\udfff x"',
  '"__proto__"',
  '"constructor"',
  '"../../etc/passwd"',
  '"guest:ZZZZ"',
  '"post"',
  '"alice/my-post"',
  '"2026-13-45T99:99:99Z"',
  '"00000000-0000-0000-0000-000000000000"',
  `"${'x'.repeat(3_000)}"`,
  `"${'é'.repeat(20_000)}"`,
  '[]',
  '{}',
  '[null]',
  '{"__proto__":{"isAdmin":true}}',
  '{"constructor":{"prototype":{"polluted":1}}}',
  '{"toString":1,"hasOwnProperty":2,"length":-1}',
  '{"toJSON":1}',
  '{"_placeholder":true,"num":0}',
  deep(40),
  deep(20_000),
  deepObject(70),
  deepObject(5_000),
  `[${'1,'.repeat(30_000)}1]`,
]

/** A client that speaks the protocol by hand, so that it can send what socket.io-client would not. */
const raw = async (url: string, token: string) => {
  const ws = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`)
  const answers = new Map<number, (answer: { ok: boolean; code?: string }) => void>()
  let next = 0
  let isReady: () => void = () => {}
  const ready = new Promise<void>((resolve) => {
    isReady = resolve
  })
  ws.on('error', () => {})
  ws.on('message', (data) => {
    const text = data.toString()
    if (text === '2') ws.send('3')
    else if (text.startsWith('0')) ws.send(`40${JSON.stringify({ token })}`)
    else if (text.startsWith('40')) isReady()
    else if (text.startsWith('43')) {
      const bracket = text.indexOf('[')
      const id = Number(text.slice(2, bracket))
      answers.get(id)?.(JSON.parse(text.slice(bracket))[0])
      answers.delete(id)
    }
  })
  await ready
  return {
    ws,
    ask: (event: string, payload: string): Promise<{ ok: boolean; code?: string }> => {
      const id = next++
      ws.send(`42${id}[${JSON.stringify(event)},${payload}]`)
      return new Promise((resolve, reject) => {
        answers.set(id, resolve)
        ws.once('close', () => reject(new Error(`closed by ${event} ${payload.slice(0, 100)}`)))
        ws.setMaxListeners(0)
      })
    },
  }
}

test.before.each(async (context) => {
  context.log = memoryLog()
  context.rejections = []
  process.on('unhandledRejection', (reason) => context.rejections.push(reason))
  context.node = await testNode(context.log, { limits: { packets: { perSecond: 1e9, burst: 1e9 } } })
})
test.after.each(async ({ node, rejections }) => {
  await node.stop()
  process.removeAllListeners('unhandledRejection')
  assert.equal(node.errors, [])
  assert.equal(rejections, [])
  assert.is(({} as { isAdmin?: boolean }).isAdmin, undefined)
})

/** Whatever is sent, its sender gets an answer, and the others receive nothing malformed. */
const CODES =
  /^(invalid_[a-z_]+|session_not_found|space_not_found|message_not_found|forbidden|conflict|slow_down|too_large)$/

test('given every event with every malformed value as its payload and in every field, then each is answered and nothing breaks', async ({
  node,
  log,
}) => {
  const alice = await node.connect('account:alice')
  await alice.ask('join-space', POST)
  const mallory = await raw(node.url, 'account:mallory')
  await mallory.ask('join-space', JSON.stringify(POST))
  let sent = 0
  const check = async (event: string, payload: string) => {
    const answer = await mallory.ask(event, payload)
    sent += 1
    if (answer.ok) return
    assert.match(answer.code ?? '', CODES, `${event} ${payload.slice(0, 200)}: ${answer.code}`)
  }
  for (let round = 0; round < ROUNDS; round += 1)
    for (const event of EVENTS) {
      for (const value of VALUES) await check(event, value)
      // Several are sent at once: the answers do not wait for each other.
      await Promise.all(
        FIELDS.flatMap((field) =>
          VALUES.filter((value) => value.length < 5_000).map((value) => {
            const others =
              event === 'join-space' ? { ...POST } : { content: 'x', message_id: crypto.randomUUID() }
            const text = JSON.stringify({ ...others, [field]: '@' }).replace('"@"', () => value)
            return check(event, text)
          }),
        ),
      )
    }
  assert.ok(sent > 10_000 * ROUNDS, `${sent} payloads`)
  // The room still works, and the sender keeps its identity.
  await mallory.ask('join-space', JSON.stringify(POST))
  assert.is((await mallory.ask('chat-message', '{"content":"still here"}')).ok, true)
  await alice.until('its words', ({ payload }) => payload.content === 'still here')
  for (const event of log.all()) {
    if (!event.stream.startsWith('refusal-'))
      assert.not.match(JSON.stringify(event.data), /\\u0000|\\ud800|__proto__/)
  }
  mallory.ws.terminate()
})

test('given malformed packets, endless arguments, binary and unknown events, then at worst that one connection is closed', async ({
  node,
}) => {
  const alice: Client = await node.connect('account:alice')
  await alice.ask('join-space', POST)
  const packets: Array<string | Buffer> = [
    '42',
    '42[]',
    '42{}',
    '42[1]',
    '42[null]',
    '42["join-space"]',
    '42["join-space",{},"not a function"]',
    '42["no-such-event",{}]',
    '42["error",{}]',
    '42["connect",{}]',
    '42["disconnect"]',
    '42["newListener"]',
    '42["__proto__",{}]',
    `42["chat-message",${'1,'.repeat(60_000)}1]`,
    `42["chat-message",${'1,'.repeat(125_000)}1]`,
    `421[${'1,'.repeat(120_000)}1]`,
    `42["chat-message",{"content":"${'x'.repeat(300_000)}"}]`,
    `42[${deep(100_000)}]`,
    '431[1]',
    '43999999999999["x"]',
    '44{"message":"x"}',
    '40/admin,{}',
    '451-["chat-message",{"_placeholder":true,"num":0}]',
    `451-["aframe-update",${deep(50_000)}]`,
    '4599999-["x"]',
    Buffer.from([1, 2, 3]),
    '6',
    '9',
    'not a packet',
    '',
    '41',
  ]
  for (const packet of packets) {
    const { ws } = await raw(node.url, 'account:mallory')
    ws.send(packet)
    if (typeof packet === 'string' && packet.startsWith('451-')) ws.send(Buffer.from([1, 2, 3]))
    // Once this is answered or the socket is closed, the server has processed everything before it.
    ws.send('420["leave-space",{}]')
    await Promise.race([once(ws, 'close'), once(ws, 'message')])
    ws.terminate()
  }
  // Binary data inside a payload with a schema.
  const binary = await alice.ask('aframe-update', { entities: Buffer.from('x') })
  assert.equal([binary.ok, binary.code], [false, 'invalid_payload'])
  assert.is((await alice.ask('chat-message', { content: 'fine' })).ok, true)
})

test('given a payload for another socket or for no event, when there is no acknowledgement, then the refusal comes as an error event', async ({
  node,
}) => {
  const alice = await node.connect('account:alice')
  alice.socket.emit('chat-message', { content: 5 })
  const { payload: chat } = await alice.until('chat-error', ({ event }) => event === 'chat-error')
  assert.is(chat.code, 'invalid_content')
  alice.socket.emit('voice-state', 'loud')
  const { payload: space } = await alice.until('space-error', ({ event }) => event === 'space-error')
  assert.is(space.code, 'invalid_payload')
  assert.is(space.ok, false)
  assert.type(space.error, 'string')
})

test('given a socket that sends far too much, then it is told to slow down and when, and cut off if it does not', async () => {
  const node = await testNode(memoryLog(), { limits: { packets: { perSecond: 10, burst: 20 } } })
  const alice = await node.connect('account:alice')
  const answers = await Promise.all(Array.from({ length: 40 }, () => alice.ask('leave-space', {})))
  assert.is(answers.filter(({ ok }) => ok).length >= 20, true)
  const slow = answers.find(({ ok }) => !ok)
  assert.is(slow?.code, 'slow_down')
  assert.is(slow?.retry_after, 1)
  for (let i = 0; i < 5_000; i += 1) alice.socket.emit('leave-space', {})
  assert.is(await alice.disconnected, 'io server disconnect')
  await node.stop()
})

test.run()
