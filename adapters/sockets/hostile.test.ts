/** What an attacker or a broken network may do: everything at once, in the wrong order, too often. */
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import {
  type Client,
  eachOnOneNode,
  type OneNode,
  ALICES_POST as POST,
  testNode,
} from '../../infra/testing/sockets.ts'
import { until } from '../../infra/testing/until.ts'

const test = suite<OneNode>('hostile')
const LOBBY = { spaceType: 'global', spaceId: 'lobby' }
const STREAM = 'space-post:alice/my-post'

eachOnOneNode(test)

test('given somebody in a room, when another space refuses them, then they stay where they were', async ({
  node,
  log,
}) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  const { sessionId } = await bobby.ask('join-space', POST)
  assert.is(
    (await bobby.ask('join-space', { spaceType: 'document', spaceId: 'nowhere' })).code,
    'space_not_found',
  )
  assert.is((await bobby.ask('chat-message', { content: 'still here' })).ok, true)
  await alice.until('the words', ({ payload }) => payload.content === 'still here')
  assert.equal(alice.of('user-left'), [])
  assert.is((await bobby.ask('join-space', LOBBY)).ok, true)
  const { payload } = await alice.until('the leaving', ({ event }) => event === 'user-left')
  assert.equal([payload.sessionId, payload.reason], [sessionId, 'left'])
  await alice.ask('chat-message', { content: 'gone?' })
  await bobby.ask('chat-message', { content: 'elsewhere' })
  await bobby.until('own words', ({ payload }) => payload.content === 'elsewhere')
  assert.equal(
    bobby.of('chat-message').map(({ content }) => content),
    ['still here', 'elsewhere'],
  )
  assert.is(log.stream('space-global:lobby').length, 2)
})

test('given guests inside, when guests are no longer allowed, then each is told why and is out, and accounts stay', async ({
  node,
}) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  for (const one of [alice, bobby]) await one.ask('join-space', POST)
  const guests = [await node.connect(), await node.connect()]
  for (const one of guests) await one.ask('join-space', POST)
  assert.is((await alice.ask('settings-change', { guests_allowed: false })).ok, true)
  for (const one of guests) {
    const { payload } = await one.until('the end', ({ event }) => event === 'kicked')
    assert.equal(payload, { reason: 'This space is for accounts only now.', by: 'alice' })
    assert.is(await one.disconnected, 'io server disconnect')
  }
  await bobby.until('both out', () => bobby.of('user-left').length === 2)
  assert.is((await bobby.ask('chat-message', { content: 'among ourselves' })).ok, true)
  const again = await node.connect()
  assert.is((await again.ask('join-space', POST)).code, 'guests_not_allowed')
})

test('given a client that asks for the same room again and again, then it is told to slow down', async ({
  node,
}) => {
  const alice = await node.connect('account:alice')
  await alice.ask('join-space', POST)
  const asked = { ...POST, since: { space: '-1', chat: '-1' } }
  const answers = await Promise.all(Array.from({ length: 60 }, () => alice.ask('join-space', asked)))
  const refused = answers.filter(({ ok }) => !ok)
  assert.ok(refused.length >= 30, `${refused.length} of 60 refused`)
  for (const { code, retry_after } of refused) assert.equal([code, retry_after], ['slow_down', 1])
  assert.is((await alice.ask('chat-message', { content: 'still in' })).ok, true)
})

test('given a silent log, when one socket sends requests without end, then only a limited number waits', async () => {
  const log = memoryLog()
  const node = await testNode(log, { limits: { packets: { perSecond: 1e9, burst: 1e9 } } })
  try {
    const alice = await node.connect('account:alice')
    await alice.ask('join-space', POST)
    let go: () => void = () => {}
    const silence = new Promise<void>((resolve) => {
      go = resolve
    })
    log.pause = () => silence
    const answers = Array.from({ length: 1_000 }, (_, i) => alice.ask('chat-message', { content: `${i}` }))
    const refused = await Promise.any(answers)
    assert.is(refused.code, 'slow_down')
    go()
    const all = await Promise.all(answers)
    assert.is(all.filter(({ ok }) => ok).length, 512)
    assert.is(alice.socket.connected, true)
  } finally {
    await node.stop()
  }
})

test('given a message id in upper case, then its answer, its news and its repeat all use the same form', async ({
  node,
}) => {
  const alice = await node.connect('account:alice')
  await alice.ask('join-space', POST)
  const id = crypto.randomUUID()
  const said = await alice.ask('chat-message', { content: 'once', message_id: id.toUpperCase() })
  const again = await alice.ask('chat-message', { content: 'once', message_id: id })
  assert.equal([said.message_id, again.message_id, again.revision], [id, id, said.revision])
  await alice.until('the news', ({ event }) => event === 'chat-message')
  assert.equal(
    alice.of('chat-message').map(({ message_id }) => message_id),
    [id],
  )
})

test('given since from another log, the future or long ago, then the client gets a fresh state or exactly what is missing', async ({
  node,
}) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  for (const content of ['one', 'two']) await alice.ask('chat-message', { content })
  for (const since of [
    { space: '9223372036854775807', chat: '0' },
    { space: '0', chat: '99' },
    { space: '9999999999999999999', chat: '9999999999999999999' },
  ]) {
    await bobby.ask('leave-space')
    assert.is((await bobby.ask('join-space', { ...POST, since })).ok, true)
    assert.is(bobby.of('space-joined').at(-1).resumed, false)
  }
  assert.equal(bobby.of('chat-message'), [])
  for (const since of [{ space: '-2', chat: '0' }, { space: '1e3', chat: '0' }, { space: 1.5, chat: 0 }, '5'])
    assert.match((await bobby.ask('join-space', { ...POST, since })).code ?? '', /^invalid_/)
  await bobby.ask('leave-space')
  await bobby.ask('join-space', { ...POST, since: { space: '-1', chat: '0' } })
  assert.is(bobby.of('space-joined').at(-1).resumed, true)
  await bobby.until('the missed word', ({ event }) => event === 'chat-message')
  assert.equal(
    bobby.of('chat-message').map(({ content }) => content),
    ['two'],
  )
})

test('given a client that is still reading what it missed, when it is kicked, then it is told so and is in no room, and nothing comes afterwards', async ({
  node,
  log,
}) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  await alice.ask('chat-message', { content: 'missed' })
  await alice.until('the words', ({ event }) => event === 'chat-message')
  let go: () => void = () => {}
  const silence = new Promise<void>((resolve) => {
    go = resolve
  })
  log.pause = async (what) => {
    if (what === 'read') await silence
  }
  bobby.socket.emit('join-space', { ...POST, since: { space: '0', chat: '-1' } })
  const { payload } = await alice.until(
    'bobby',
    ({ event, payload }) => event === 'user-joined' && payload.userAccount === 'bobby',
  )
  assert.is((await alice.ask('kick', { session_id: payload.sessionId, reason: 'out' })).ok, true)
  assert.is(await bobby.disconnected, 'io server disconnect')
  go()
  await alice.until('bobby gone', ({ event }) => event === 'user-left')
  assert.equal(
    bobby.heard.map(({ event }) => event),
    ['kicked'],
  )
  assert.is(node.sockets.sessions().length, 1)
})

/** Repeatable: mulberry32. */
const dice = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

const RUNS = Number(process.env.PROPERTY_RUNS ?? 4)

for (let seed = 1; seed <= RUNS; seed += 1)
  test(`given joins, moves, leaves, kicks and lost connections all at once (${seed}), then the log and the sockets agree on who is where`, async ({
    node,
    log,
  }) => {
    const roll = dice(seed)
    log.pause = async () => {
      for (let turns = roll(4); turns > 0; turns -= 1) await new Promise((resolve) => setImmediate(resolve))
    }
    const alice = await node.connect('account:alice')
    await alice.ask('join-space', POST)
    // Two tabs of each person.
    const crowd: Client[] = []
    for (const name of ['bobby', 'carol', 'daisy'])
      for (let tab = 0; tab < 2; tab += 1) crowd.push(await node.connect(`account:${name}`))
    const rooms = [
      POST,
      { ...POST, subspace: 'main-b' },
      LOBBY,
      { ...POST, since: { space: '0', chat: '-1' } },
    ]
    const known: string[] = []
    const asked: Array<Promise<unknown>> = []
    const ask = (one: Client, event: string, payload: unknown): void => {
      if (!one.socket.connected) return
      asked.push(
        one
          .ask(event, payload)
          .then(({ sessionId }) => sessionId && known.push(sessionId))
          .catch(() => {}),
      )
    }
    for (let step = 0; step < 150; step += 1) {
      const one = crowd[roll(crowd.length)] as Client
      const what = roll(20)
      if (what < 12) ask(one, 'join-space', rooms[roll(rooms.length)])
      else if (what < 15) ask(one, 'leave-space', {})
      else if (what < 17) ask(one, 'chat-message', { content: `${step}` })
      else if (what < 18 && known.length > 0 && step > 100)
        ask(alice, 'kick', { session_id: known[roll(known.length)] })
      else if (what < 19 && step > 130) one.close()
      else await new Promise((resolve) => setImmediate(resolve))
    }
    const open = () => crowd.filter(({ socket }) => socket.connected)
    // Acknowledgements that were lost with their sockets never come, so this does not wait for all of them.
    await Promise.race([Promise.all(asked), until('all is answered', () => open().length === 0)])
    await until('every departure is in the log', () => node.sockets.state().departing === 0)
    const looked = await Promise.all(
      [{ type: 'post', id: 'alice/my-post' } as const, { type: 'global', id: 'lobby' } as const].map(
        (space) => node.commands.look(space)(),
      ),
    )
    const inLog = looked.flatMap((one) =>
      E.isRight(one) && one.right !== null ? [...one.right.state.sessions.values()] : [],
    )
    assert.equal(
      inLog.map(({ sessionId }) => sessionId).sort(),
      node.sockets
        .sessions()
        .map(({ sessionId }) => sessionId)
        .sort(),
    )
    assert.is(new Set(inLog.map(({ socketId }) => socketId)).size, inLog.length, 'one session a socket')
    for (const { socketId, sessionId, subspace } of inLog) {
      const one = [alice, ...crowd].find(({ id }) => id === socketId)
      assert.ok(one?.socket.connected, 'a session has its socket')
      const told = one.of('space-joined').at(-1)
      assert.equal([told.sessionId, told.subspace], [sessionId, subspace])
    }
    assert.ok(log.stream(STREAM).length > 10)
  })

test('given a packet over the limit, then the client is told so with or without an acknowledgement, and the connection stays; an absurdly large one ends it', async ({
  node,
}) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  for (const one of [alice, bobby]) await one.ask('join-space', POST)
  for (const [event, payload] of [
    ['chat-message', { content: 'x'.repeat(300_000) }],
    ['aframe-update', { name: '€'.repeat(100_000) }],
    ['join-space', { ...POST, avatar_data: { name: 'x'.repeat(900_000) } }],
    ['no-such-event', 'x'.repeat(300_000)],
  ] as const)
    assert.is((await alice.ask(event, payload)).code, 'too_large', event)
  alice.socket.emit('chat-message', { content: 'x'.repeat(300_000) })
  const { payload } = await alice.until('the refusal', ({ event }) => event === 'chat-error')
  assert.is(payload.code, 'too_large')
  alice.socket.emit('voice-state', { enabled: 'x'.repeat(300_000) })
  await alice.until(
    'the other',
    ({ event, payload }) => event === 'space-error' && payload.code === 'too_large',
  )
  assert.ok((await alice.ask('chat-message', { content: 'still here' })).ok)
  await bobby.until('the words', ({ payload }) => payload.content === 'still here')
  assert.is(bobby.of('chat-message').length, 1)
  alice.socket.emit('chat-message', { content: 'x'.repeat(2_000_000) })
  await alice.disconnected
  assert.ok((await bobby.ask('chat-message', { content: 'and I' })).ok)
})

test('given a client on polling, or one that speaks another protocol, then it is told too_large as well', async ({
  node,
}) => {
  const poller = await node.connect('account:alice', { transports: ['polling'] })
  assert.is((await poller.ask('join-space', { ...POST, avatar_data: 'x'.repeat(300_000) })).code, 'too_large')
  assert.ok((await poller.ask('join-space', POST)).ok)
  const told = await poller.socket.emitWithAck('easyrtcMsg', { msgType: 'u', msgData: 'x'.repeat(300_000) })
  assert.equal([told.msgType, told.msgData.errorCode], ['error', 'TOO_LARGE'])
})

test.run()
