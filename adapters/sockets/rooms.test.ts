import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { SpaceRef } from '../../domain/names.ts'
import type { Content } from '../../domain/ports.ts'
import { marksIn, shownMarks } from '../../domain/space/session.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { eachOnOneNode, type OneNode, ALICES_POST as POST, testNode } from '../../infra/testing/sockets.ts'

const test = suite<OneNode>('rooms')
const LOBBY = { spaceType: 'global', spaceId: 'lobby' }
const STREAM = 'space-post:alice/my-post'

eachOnOneNode(test)

test('given an empty space, when an account joins, then it is told who it is, what is in force and where its news starts', async ({
  node,
}) => {
  const alice = await node.connect('account:alice')
  const ack = await alice.ask('join-space', {
    ...POST,
    position: { x: 1, y: 2, z: 3 },
    avatar_data: { hat: 'red' },
  })
  assert.is(ack.ok, true)
  assert.match(ack.position, /^\d+$/)
  const joined = alice.of('space-joined')[0]
  assert.is(joined.success, true)
  assert.is(joined.spaceType, 'post')
  assert.is(joined.spaceId, 'alice/my-post')
  assert.is(joined.subspace, 'main')
  assert.is(joined.sessionId, ack.sessionId)
  assert.equal(joined.identity, { kind: 'account', id: 'alice', verified: true })
  assert.is(joined.permission, 'owner')
  assert.is(joined.resumed, false)
  assert.equal(joined.revisions, { space: ack.revision, chat: '-1' })
  assert.is(joined.settings.max_users, 50)
  assert.is(joined.users.length, 1)
  const { connected_at, ...user } = joined.users[0]
  assert.match(connected_at, /^\d{4}-\d\d-\d\dT/)
  assert.equal(user, {
    socketId: alice.id,
    sessionId: ack.sessionId,
    userAccount: 'alice',
    guestId: null,
    position: { x: 1, y: 2, z: 3 },
    avatar_data: { hat: 'red' },
    ...shownMarks(marksIn({})),
  })
})

test('given somebody in a room, when a guest with a claimed name joins and leaves, then the room is sent both, without a proved name', async ({
  node,
}) => {
  const alice = await node.connect('account:alice')
  await alice.ask('join-space', POST)
  const guest = await node.connect(null, { auth: { account: 'bob' } })
  await guest.ask('join-space', POST)
  const { identity, users, permission } = guest.of('space-joined')[0]
  assert.is(identity.kind, 'guest')
  assert.is(identity.verified, false)
  assert.is(permission, 'access')
  assert.is(users.length, 2)
  const { payload: joined } = await alice.until('the guest', ({ event }) => event === 'user-joined')
  assert.is(joined.userAccount, null)
  assert.is(joined.guestId, identity.id)
  assert.is(joined.socketId, guest.id)
  const left = await guest.ask('leave-space', {})
  assert.is(left.ok, true)
  const { payload } = await alice.until('its leaving', ({ event }) => event === 'user-left')
  assert.is(payload.reason, 'left')
  assert.is(payload.revision, left.revision)
  assert.is(payload.guestId, identity.id)
  assert.is(guest.of('user-left').length, 0)
  assert.is(alice.of('user-joined').length, 1)
})

test('given a guest, when it comes back with the token that it was given, then it is the same guest, until that is ended', async ({
  node,
}) => {
  const first = await node.connect()
  await first.ask('join-space', POST)
  const said = await first.ask('chat-message', { content: 'mine' })
  await first.ask('join-space', { ...POST, subspace: 'main-b' })
  const [joined, again] = first.of('space-joined')
  // The token is sent once only.
  assert.equal([typeof joined.session_token, again.session_token], ['string', undefined])
  first.close()
  const back = await node.connect(joined.session_token)
  await back.ask('join-space', POST)
  const { identity, session_token } = back.of('space-joined')[0]
  assert.equal([identity.id, session_token], [joined.identity.id, undefined])
  assert.is((await back.ask('chat-edit', { message_id: said.message_id, content: 'still mine' })).ok, true)
  const alice = await node.connect('account:alice')
  await alice.ask('join-space', POST)
  assert.is(alice.of('space-joined')[0].session_token, undefined)
  const stays = await node.connect()
  await stays.ask('join-space', POST)
  node.endSession(stays.of('space-joined')[0].session_token)
  assert.is(await stays.disconnected, 'io server disconnect')
  assert.is(back.socket.connected, true)
})

test('given two people in a room, when one vanishes, then the other hears that they disconnected', async ({
  node,
}) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  await bobby.ask('join-space', POST)
  bobby.close()
  const { payload } = await alice.until('bobby’s leaving', ({ event }) => event === 'user-left')
  assert.is(payload.reason, 'disconnected')
  assert.is(payload.userAccount, 'bobby')
})

test('given somebody in a subspace, when they join another of the same space, then they have moved and their session is the same', async ({
  node,
  log,
}) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  const first = await bobby.ask('join-space', POST)
  const second = await bobby.ask('join-space', { ...POST, subspace: 'main-chess' })
  assert.is(second.ok, true)
  assert.is(second.sessionId, first.sessionId)
  const joined = bobby.of('space-joined')[1]
  assert.is(joined.subspace, 'main-chess')
  assert.equal(
    joined.users.map((user: { userAccount: string }) => user.userAccount),
    ['bobby'],
  )
  const { payload } = await alice.until('bobby’s move', ({ event }) => event === 'user-left')
  assert.is(payload.reason, 'moved')
  assert.equal(
    log.stream(STREAM).map(({ type }) => type),
    ['SpaceOpened', 'SessionJoined', 'SessionJoined', 'SessionMoved'],
  )
  // Messages in one room are not received in the other.
  await alice.ask('chat-message', { content: 'to main' })
  await bobby.ask('chat-message', { content: 'to chess' })
  await bobby.until('own words', ({ payload }) => payload.content === 'to chess')
  assert.equal(
    bobby.of('chat-message').map(({ content }) => content),
    ['to chess'],
  )
})

test('given somebody in a space, when they join another space, then they have left the first', async ({
  node,
  log,
}) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  await bobby.ask('join-space', POST)
  await bobby.ask('join-space', LOBBY)
  const { payload } = await alice.until('bobby’s leaving', ({ event }) => event === 'user-left')
  assert.is(payload.reason, 'left')
  assert.is(log.stream('space-global:lobby').at(-1)?.type, 'SessionJoined')
  await alice.ask('chat-message', { content: 'hello?' })
  await bobby.ask('chat-message', { content: 'here' })
  await bobby.until('own words', ({ event }) => event === 'chat-message')
  assert.is(bobby.of('chat-message').length, 1)
})

test('given somebody in a room, when they ask for the same room again, then they get its current state and no second session', async ({
  node,
  log,
}) => {
  const alice = await node.connect('account:alice')
  const first = await alice.ask('join-space', POST)
  const again = await alice.ask('join-space', POST)
  assert.is(again.sessionId, first.sessionId)
  assert.is(alice.of('space-joined').length, 2)
  assert.is(log.stream(STREAM).filter(({ type }) => type === 'SessionJoined').length, 1)
  await alice.ask('chat-message', { content: 'once' })
  await alice.until('own words', ({ event }) => event === 'chat-message')
  assert.is(alice.of('chat-message').length, 1)
})

test('given a moderator, when they kick somebody, then that person is told why and by whom, and their socket is closed', async ({
  node,
}) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  const { sessionId } = await bobby.ask('join-space', POST)
  const ack = await alice.ask('kick', { session_id: sessionId, reason: 'shouting' })
  assert.is(ack.ok, true)
  const { payload } = await bobby.until('being kicked', ({ event }) => event === 'kicked')
  assert.equal(payload, { reason: 'shouting', by: 'alice' })
  assert.is(await bobby.disconnected, 'io server disconnect')
  const { payload: left } = await alice.until('bobby out', ({ event }) => event === 'user-left')
  assert.is(left.reason, 'kicked')
  assert.is(alice.of('user-left').length, 1)
  assert.is(bobby.of('user-left').length, 0)
})

test('given an owner, when they ban somebody until tomorrow, then that person is out, and refused when they come again', async ({
  node,
}) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  await bobby.ask('join-space', POST)
  const until = new Date(Date.now() + 86_400_000).toISOString()
  assert.is((await alice.ask('ban', { account: 'bobby', reason: 'spam', until })).ok, true)
  const { payload } = await bobby.until('the ban', ({ event }) => event === 'kicked')
  assert.equal(payload, { reason: 'spam', by: 'alice', until })
  await bobby.disconnected
  const again = await node.connect('account:bobby')
  const ack = await again.ask('join-space', POST)
  assert.is(ack.ok, false)
  assert.is(ack.code, 'banned')
  assert.is((await alice.ask('unban', { account: 'bobby' })).ok, true)
  assert.is((await again.ask('join-space', POST)).ok, true)
})

test('given a room, when voice, permissions and settings change, then each is heard by everyone there, with its revision', async ({
  node,
}) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  await bobby.ask('join-space', { ...POST, subspace: 'main-b' })
  const { sessionId } = await alice.ask('join-space', POST)
  const voice = await alice.ask('voice-state', { enabled: true })
  const granted = await alice.ask('permission-grant', { account: 'bobby', permission: 'moderate' })
  const muted = await bobby.ask('mute', { account: 'carol', reason: 'noise' })
  const settings = await alice.ask('settings-change', { slow_mode_seconds: 3, settings: { sky: 'night' } })
  const revoked = await alice.ask('permission-revoke', { user_account: 'bobby' })
  for (const ack of [voice, granted, muted, settings, revoked]) assert.is(ack.ok, true, ack.error)
  await alice.until('the last', ({ payload }) => payload.revision === revoked.revision)
  await bobby.until('the last', ({ payload }) => payload.revision === revoked.revision)
  assert.is(alice.of('voice-state')[0].enabled, true)
  assert.is(alice.of('voice-state')[0].sessionId, sessionId)
  assert.is(alice.of('voice-state')[0].revision, voice.revision)
  assert.is(bobby.of('voice-state').length, 0)
  for (const one of [alice, bobby]) {
    assert.equal(
      one
        .of('permission-changed')
        .map(({ change, user_account, permission }) => [change, user_account, permission]),
      [
        ['granted', 'bobby', 'moderate'],
        ['muted', 'carol', null],
        ['revoked', 'bobby', 'moderate'],
      ],
    )
    assert.equal(one.of('settings-changed')[0].changes, { slow_mode_seconds: 3, settings: { sky: 'night' } })
  }
  const denied = await bobby.ask('settings-change', { max_users: 1 })
  assert.is(denied.code, 'forbidden')
})

test('given a token that ends, then its socket is told and closed, and others stay', async ({ node }) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  await bobby.ask('join-space', POST)
  node.endSession('account:bobby')
  assert.is(await bobby.disconnected, 'io server disconnect')
  await alice.until('bobby out', ({ event }) => event === 'user-left')
  assert.is(alice.socket.connected, true)
})

test('given tokens that expire while their sockets are open, then each socket is told and closed at its own time', async () => {
  const clock = { now: () => Date.now() + ahead }
  let ahead = 0
  const start = Date.now()
  const endOf: Readonly<Record<string, number>> = {
    sooner: 600_000,
    first: 599_999,
    later: 3_600_000,
    last: 400 * 86_400_000,
  }
  const node = await testNode(memoryLog(), {
    clock,
    auth: {
      authenticate: (proof) => async () => {
        const shown = proof._tag === 'Right' ? proof.right.shown[0] : undefined
        const name = shown?.form === 'token' ? shown.token : ''
        const session = { token: name, sid: name, expiresAt: start + (endOf[name] ?? 0) }
        return E.right({ caller: { kind: 'account', id: name }, via: 'token', session })
      },
      onEnded: () => () => {},
      issue: () => ({ token: '', sid: '', expiresAt: 0 }),
    },
  })
  try {
    const [later, sooner, last] = [
      await node.connect('later'),
      await node.connect('sooner'),
      await node.connect('last'),
    ]
    assert.is((await sooner.ask('join-space', POST)).ok, true)
    ahead = 600_000
    // Its time and the other's are over as they arrive, so the test need not wait for the clock.
    const first = await node.connect('first')
    assert.is(await first.disconnected, 'io server disconnect')
    const { payload } = await sooner.until('its end', ({ event }) => event === 'space-error')
    assert.is(payload.code, 'token_expired')
    assert.is(await sooner.disconnected, 'io server disconnect')
    for (const other of [later, last]) {
      assert.is((await other.ask('join-space', POST)).ok, true)
      assert.equal(other.of('space-error'), [])
    }
  } finally {
    await node.stop()
  }
})

test('given a wrong proof, when a socket connects, then it is refused with invalid_proof, and never a guest', async ({
  node,
}) => {
  const error = await node.connect('wrong').then(
    () => null,
    (refused: Error & { data?: { code: string } }) => refused,
  )
  assert.is(error?.data?.code, 'invalid_proof')
})

test('given a browser page of another origin, when it connects, then it is refused; the server’s own is not', async ({
  node,
}) => {
  const foreign = await node.connect(null, { extraHeaders: { origin: 'https://evil.example' } }).then(
    () => 'connected',
    () => 'refused',
  )
  assert.is(foreign, 'refused')
  await node.connect(null, { extraHeaders: { origin: node.url } })
})

test('given a pattern of origins, when a page of one comes, then it is let in, by polling and by WebSocket', async () => {
  const node = await testNode(memoryLog(), { origins: ['https://*.ipfs.dlux.io'] })
  const comes = (origin: string, transport: 'polling' | 'websocket') =>
    node.connect(null, { extraHeaders: { origin }, transports: [transport] }).then(
      () => 'connected',
      () => 'refused',
    )
  for (const transport of ['polling', 'websocket'] as const) {
    assert.is(await comes('https://bafy1.ipfs.dlux.io', transport), 'connected')
    assert.is(await comes('https://a.b.ipfs.dlux.io', transport), 'refused')
    assert.is(await comes('https://ipfs.dlux.io.evil.example', transport), 'refused')
  }
  const answer = await fetch(`${node.url}/socket.io/?EIO=4&transport=polling`, {
    headers: { origin: 'https://bafy1.ipfs.dlux.io' },
  })
  await answer.body?.cancel()
  assert.is(answer.headers.get('access-control-allow-origin'), 'https://bafy1.ipfs.dlux.io')
  await node.stop()
})

test('given a client on polling, when it upgrades in the middle of a conversation, then it hears each message once', async ({
  node,
}) => {
  const alice = await node.connect('account:alice')
  await alice.ask('join-space', POST)
  const bobby = await node.connect('account:bobby', { transports: ['polling', 'websocket'] })
  await bobby.ask('join-space', POST)
  const words = Array.from({ length: 60 }, (_, i) => `word ${i}`)
  for (const content of words) await alice.ask('chat-message', { content })
  await bobby.until('the last word', ({ payload }) => payload.content === words.at(-1))
  assert.equal(
    bobby.of('chat-message').map(({ content }) => content),
    words,
  )
})

test('given a log that is away, when a socket leaves, then its session ends on the log once that is back', async ({
  node,
  log,
}) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  await bobby.ask('join-space', POST)
  let refused = 0
  log.onAppend = () => {
    refused += 1
    return 'unavailable'
  }
  bobby.close()
  while (refused < 2) await new Promise((resolve) => setImmediate(resolve))
  assert.is(node.sockets.state().departing, 1)
  log.onAppend = () => null
  const { payload } = await alice.until('bobby’s leaving', ({ event }) => event === 'user-left')
  assert.is(payload.userAccount, 'bobby')
})

for (const transport of ['websocket', 'polling'])
  test(`given sockets in rooms on ${transport}, when the server stops, then every session has ended in the log, and each client is told to connect again, and does`, async () => {
    const log = memoryLog()
    const node = await testNode(log)
    const clients = await Promise.all(
      ['alice', 'bobby', 'carol'].map((name) =>
        node.connect(`account:${name}`, {
          transports: [transport],
          reconnection: true,
          reconnectionDelay: 60_000,
        }),
      ),
    )
    for (const client of clients) await client.ask('join-space', POST)
    await node.sockets.close()
    assert.is(log.stream(STREAM).filter(({ type }) => type === 'SessionLeft').length, 3)
    for (const client of clients) {
      assert.match(await client.disconnected, /^transport/)
      // A client on polling may be between two requests, and then receives nothing more.
      if (transport === 'websocket') {
        const { code, retry_after } = client.of('space-error')[0]
        assert.equal([code, retry_after], ['server_unavailable', 1])
      }
      // It reconnects by itself, which it would not do if the server had disconnected its socket.
      assert.is(client.socket.active, true)
    }
    await node.stop()
  })

test('given a server that was taken for dead, when it sends everybody elsewhere, then they may come back to it and hear what they missed', async ({
  node,
}) => {
  const alice = await node.connect('account:alice', { reconnection: true, reconnectionDelay: 1 })
  await alice.ask('join-space', POST)
  const { revisions } = alice.of('space-joined')[0]
  const back = new Promise((resolve) => alice.socket.once('connect', () => resolve(null)))
  node.sockets.sendAllElsewhere()
  await back
  assert.is((await alice.ask('join-space', { ...POST, since: revisions })).ok, true)
  assert.is(alice.of('space-joined')[1].resumed, true)
  const { payload } = await alice.until('its end', ({ event }) => event === 'user-left')
  assert.is(payload.reason, 'disconnected')
})

test('given a message that is told while a join is on its way, then the one who joins is not told it, and learns up to where the history must reach', async () => {
  const log = memoryLog()
  let letBobIn = () => {}
  const bobMayEnter = new Promise<void>((resolve) => {
    letBobIn = resolve
  })
  const node = await testNode({
    ...log,
    // The log answers bob's join late, and its subscription is later still.
    append: (stream, expected, events) => async () => {
      const appended = await log.append(stream, expected, events)()
      if (JSON.stringify(events).includes('"account":"bob"')) await bobMayEnter
      return appended
    },
    subscribe: () => log.subscribe({ after: 'end', prefixes: ['nothing-'] }),
  })
  const alice = await node.connect('account:alice')
  await alice.ask('join-space', POST)
  const bob = await node.connect('account:bob')
  const joining = bob.ask('join-space', POST)
  while (!log.stream(STREAM).some(({ data }) => JSON.stringify(data).includes('"account":"bob"')))
    await new Promise((resolve) => setImmediate(resolve))
  const said = await alice.ask('chat-message', { content: 'in between' })
  await alice.until('the message', ({ event }) => event === 'chat-message')
  letBobIn()
  const entered = await joining
  assert.equal([said.ok, entered.ok], [true, true])
  const { position } = bob.of('space-joined')[0]
  assert.ok(BigInt(entered.position) < BigInt(said.position), 'the join is before the message')
  assert.equal([position, bob.of('chat-message')], [said.position, []])
  await node.stop()
})

test('given a space that nobody may know of, when it is joined, then it is refused like one that does not exist', async ({
  node,
}) => {
  const alice = await node.connect('account:alice')
  const ack = await alice.ask('join-space', { spaceType: 'document', spaceId: 'nowhere' })
  assert.equal([ack.ok, ack.code], [false, 'space_not_found'])
  const malformed = await alice.ask('join-space', { spaceType: 'post', spaceId: 'a/b/c' })
  assert.equal([malformed.ok, malformed.code], [false, 'invalid_space'])
  alice.socket.emit('join-space', { spaceType: 'planet', spaceId: 'mars' })
  const { payload } = await alice.until('the refusal', ({ event }) => event === 'space-error')
  assert.is(payload.code, 'invalid_space')
  alice.socket.emit('chat-message', { content: 'hello?' })
  const { payload: chat } = await alice.until('the refusal', ({ event }) => event === 'chat-error')
  assert.is(chat.code, 'session_not_found')
  assert.match(chat.error, 'in no room')
})

test('given somebody inside, when the content says that they may no longer know of the space, then they get nothing more and their session is over', async ({
  log,
}) => {
  let allowed = true
  let change: (space: SpaceRef | null) => void = () => {}
  const content: Content = {
    factsFor: (space, by) => {
      const isAlice = by?.id === 'alice'
      const mayKnow = isAlice || (by?.id === 'bobby' && allowed)
      const role = isAlice ? 'owner' : mayKnow ? 'access' : null
      return TE.right({ exists: true, title: space.id, owner: 'alice', visibility: 'private', role })
    },
    onChange: (listener) => {
      change = listener
      return () => {}
    },
  }
  const node = await testNode(log, { content })
  try {
    const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
    await alice.ask('join-space', POST)
    const { sessionId } = await bobby.ask('join-space', POST)
    change({ type: 'post', id: 'alice/my-post' })
    change(null)
    assert.is((await bobby.ask('aframe-update', { a: 1 })).ok, true)
    allowed = false
    change({ type: 'post', id: 'alice/another' })
    assert.is((await bobby.ask('aframe-update', { a: 1 })).ok, true)
    change({ type: 'post', id: 'alice/my-post' })
    await bobby.until('the end', ({ payload }) => payload.code === 'session_ended')
    const { payload } = await alice.until('the leaving', ({ event }) => event === 'user-left')
    assert.equal([payload.sessionId, payload.reason], [sessionId, 'expired'])
    await alice.ask('chat-message', { content: 'among ourselves' })
    assert.is((await bobby.ask('aframe-update', { a: 1 })).code, 'session_not_found')
    assert.equal(bobby.of('chat-message'), [])
    assert.equal(bobby.of('user-left'), [])
  } finally {
    await node.stop()
  }
})

test('given a malformed space or room, or none at all, then invalid_space', async ({ node }) => {
  const alice = await node.connect('account:alice')
  for (const asked of [
    {},
    { ...POST, spaceType: 5 },
    { ...POST, spaceType: 'room' },
    { ...POST, spaceId: null },
    { ...POST, spaceId: ['alice/my-post'] },
    { ...POST, subspace: 5 },
    { ...POST, subspace: 'elsewhere' },
  ])
    assert.is((await alice.ask('join-space', asked)).code, 'invalid_space', JSON.stringify(asked))
})

test('given a log whose subscription brings nothing, when something is written without a socket, as by a REST call, then the room gets it at once', async () => {
  const log = memoryLog()
  const silent = testNode({ ...log, subscribe: (options) => log.subscribe({ ...options, prefixes: [] }) })
  const node = await silent
  try {
    const alice = await node.connect('account:alice')
    await alice.ask('join-space', POST)
    const space: SpaceRef = { type: 'post', id: 'alice/my-post' }
    const by = { kind: 'account', id: 'bob' } as const
    const command = {
      type: 'PostMessage',
      messageId: crypto.randomUUID(),
      subspace: 'main',
      content: 'by REST',
      messageType: 'text',
      parentMessageId: null,
    } as const
    assert.ok(E.isRight(await node.commands.chat({ by, id: crypto.randomUUID(), space, command })()))
    const said = await alice.until('the message', ({ event }) => event === 'chat-message')
    assert.is(said.payload.content, 'by REST')
    const owner = { kind: 'account', id: 'alice' } as const
    const changes = { slow_mode_seconds: 7 }
    const change = {
      by: owner,
      id: crypto.randomUUID(),
      space,
      command: { type: 'ChangeSettings', changes },
    } as const
    assert.ok(E.isRight(await node.commands.space(change)()))
    await alice.until('the setting', ({ event }) => event === 'settings-changed')
  } finally {
    await node.stop()
  }
})

test.run()
