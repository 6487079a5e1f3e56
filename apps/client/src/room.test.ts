/** The client against its stub: no server, no browser. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PresenceError, spaceOfPage, whereOf } from './index.ts'
import type { Room, RoomEvents } from './room.ts'
import { createStub, type Stub } from './stub.ts'

const test = suite<{ stub: Stub; rooms: Room[]; enter: () => Promise<Room> }>('a room')

test.before.each((context) => {
  context.stub = createStub()
  context.rooms = []
  context.enter = async () => {
    const room = await context.stub.join()
    context.rooms.push(room)
    return room
  }
})
test.after.each(async ({ rooms }) => {
  for (const room of rooms) await room.leave().catch(() => {})
})

const codeOf = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'nothing was refused',
    (error) => (error instanceof PresenceError ? error.code : String(error)),
  )
const next = <Name extends keyof RoomEvents>(room: Room, name: Name): Promise<RoomEvents[Name]> =>
  room.once(name)

test('given two people in a room, then each knows the other, and hears what they say, edit, delete and react to', async ({
  enter,
}) => {
  const alice = await enter()
  const came = next(alice, 'user-joined')
  const bob = await enter()
  assert.is((await came).socketId, bob.me?.socketId)
  assert.is(alice.users.size, 2)
  assert.is(bob.users.size, 2)
  const heard = next(bob, 'chat-message')
  const id = await alice.say('hello', { replyTo: crypto.randomUUID() })
  assert.is((await heard).message_id, id)
  assert.is((await heard).content, 'hello')
  const edited = next(bob, 'chat-edited')
  await alice.edit(id, 'hello!')
  assert.is((await edited).content, 'hello!')
  const reacted = next(alice, 'chat-reaction')
  await bob.react(id, '👍')
  assert.is((await reacted).emoji, '👍')
  const deleted = next(bob, 'chat-deleted')
  await alice.delete(id)
  assert.is((await deleted).message_id, id)
  const raised = next(alice, 'hand-state')
  await bob.raiseHand()
  await raised
  assert.is(alice.users.get(bob.me?.socketId ?? '')?.hand_raised, true)
  const left = next(alice, 'user-left')
  await bob.leave()
  await left
  assert.is(alice.users.size, 1)
})

test('given a crowd’s comings and goings, then the count is exact, and whoever is missing follows by pages', async ({
  stub,
  enter,
}) => {
  const [alice, bob] = [await enter(), await enter()]
  assert.equal([alice.count, bob.count], [2, 2])
  const person = (n: number) => ({
    socketId: `s${n}`,
    sessionId: `session-of-${n}`,
    userAccount: `user${n}`,
    guestId: null,
  })
  const told = next(alice, 'crowd-changed')
  const crowd = { count: 4, joined: [person(1), person(2)], left: [], more: false }
  stub.tell('crowd-changed', { ...crowd, revision: '100', timestamp: 't' })
  await told
  assert.equal([alice.count, alice.users.size], [4, 4])
  const old = next(alice, 'user-joined')
  stub.tell('user-joined', { ...person(2), revision: '99', timestamp: 't' })
  await old
  assert.is(alice.count, 4, 'the count had this one already')
  const gone = next(alice, 'user-left')
  stub.tell('user-left', { ...person(1), revision: '101', timestamp: 't' })
  await gone
  assert.equal([alice.count, alice.users.size], [3, 3])
  const more = next(alice, 'users')
  stub.tell('crowd-changed', { count: 2, joined: [], left: [], more: true, revision: '102', timestamp: 't' })
  await more
  assert.equal([alice.count, alice.users.has('s2')], [2, true])
  await next(alice, 'users')
  assert.equal([...alice.users.keys()], [alice.me?.socketId, bob.me?.socketId])
})

test('given moves, then the newest is sent at most 15 times a second, and others are drawn between what arrived', async ({
  enter,
}) => {
  const alice = await enter()
  const bob = await enter()
  const id = alice.me?.socketId ?? ''
  const heard: unknown[] = []
  bob.on('aframe-update', ({ entityData }) => heard.push(entityData))
  const first = next(bob, 'aframe-update')
  for (let x = 0; x <= 10; x++) alice.move({ position: { x, y: 0, z: 0 } })
  await first
  assert.is(heard.length, 1)
  const second = next(bob, 'aframe-update')
  alice.move({ position: { x: 20, y: 0, z: 0 } })
  alice.move({ position: { x: 20, y: 0, z: 0 } })
  await second
  const now = performance.now()
  assert.is(bob.place(id, now + 1_000)?.position.x, 20)
  const onTheWay = bob.place(id, now + 70)?.position.x ?? 0
  assert.ok(onTheWay > 10 && onTheWay < 20, String(onTheWay))
})

test('given data for one or for all, then it comes with who sent it', async ({ enter }) => {
  const [alice, bob, carol] = [await enter(), await enter(), await enter()]
  const all = Promise.all([next(bob, 'room-data'), next(carol, 'room-data')])
  await alice.roomData('dice', { type: 'six' })
  for (const heard of await all) {
    assert.is(heard.type, 'dice')
    assert.equal(heard.data, { type: 'six' })
    assert.is(heard.fromSocketId, alice.me?.socketId)
  }
  carol.on('room-data', () => assert.unreachable('it was for bob alone'))
  const whispered = next(bob, 'room-data')
  await alice.roomData('whisper', 1, bob.me?.socketId ?? '')
  assert.is((await whispered).data, 1)
})

test('given a refusal, then it is an error with its code and sentence', async ({ stub, enter }) => {
  const room = await enter()
  stub.refuseNext('chat-message', 'slow_down', 'Wait a little.')
  assert.is(await codeOf(room.say('hello')), 'slow_down')
  stub.refuseNext('join-space', 'banned', 'You are banned here.')
  const refused = await stub.join().catch((error) => error)
  assert.instance(refused, PresenceError)
  assert.is(refused.code, 'banned')
  assert.is(refused.message, 'You are banned here.')
})

test('given a lost connection, then it comes back by itself with what was missed, and a message sent meanwhile is posted', async ({
  stub,
  enter,
}) => {
  const room = await enter()
  const cut = next(room, 'cut')
  stub.cut()
  await cut
  assert.is(room.connected, false)
  const heard = next(room, 'chat-message')
  const said = room.say('after the cut')
  assert.is((await next(room, 'back')).resumed, true)
  assert.is(await said, (await heard).message_id)
})

test('given a message of one’s own that a filter held, when the connection is lost, then what was missed still comes', async ({
  stub,
  enter,
}) => {
  const room = await enter()
  for (let n = 0; n < 5; n += 1) await room.say(`message ${n}`)
  // A revision of the chat, which has more than the room's own events.
  stub.tell('message-held', { message_id: crypto.randomUUID(), subspace: 'main', revision: '4' })
  await room.say('another')
  const cut = next(room, 'cut')
  stub.cut()
  await cut
  assert.is((await next(room, 'back')).resumed, true)
})

test('given somebody who is kicked, then the session is over and does not come back', async ({
  stub,
  enter,
}) => {
  const room = await enter()
  const over = next(room, 'end')
  stub.tell('kicked', { reason: 'noise', by: 'alice' })
  assert.match((await over).message, /noise/)
  assert.is(room.connected, false)
  assert.is(await codeOf(room.say('hello?')), 'forbidden')
})

test('given settings and a permission that change, then the room knows them', async ({ stub, enter }) => {
  const room = await enter()
  const changed = next(room, 'settings-changed')
  stub.tell('settings-changed', { changes: { chat_enabled: false, settings: { a: 1, b: null } } })
  await changed
  assert.is(room.settings?.chat_enabled, false)
  assert.equal(room.settings?.settings, { a: 1 })
  const granted = next(room, 'permission-changed')
  stub.tell('permission-changed', {
    change: 'granted',
    user_account: null,
    guest_id: room.identity?.id,
    permission: 'moderate',
  })
  await granted
  assert.is(room.permission, 'moderate')
})

test('given names of spaces, then each is understood, and anything else is invalid_space', () => {
  assert.equal(whereOf('post:alice/my-post'), { type: 'post', id: 'alice/my-post', subspace: 'main' })
  assert.equal(whereOf('alice/my-post:main-chess'), {
    type: 'post',
    id: 'alice/my-post',
    subspace: 'main-chess',
  })
  assert.equal(whereOf('global:lobby', 'main-bar'), { type: 'global', id: 'lobby', subspace: 'main-bar' })
  for (const wrong of ['', 'planet:mars:earth', 'post:']) assert.throws(() => whereOf(wrong), /is no space/)
  assert.is(spaceOfPage('/vr/@alice/my-post?x=1'), 'post:alice/my-post')
  assert.is(spaceOfPage('/about'), 'global:lobby')
})

test('given an entity that somebody spawns, changes, pins and removes, then others have it as it is, latecomers too', async ({
  enter,
}) => {
  const alice = await enter()
  const bob = await enter()
  const came = next(bob, 'scene-changed')
  assert.is(await alice.spawn({ id: 'box', template: '#box', components: { color: 'red' } }), 'box')
  await came
  assert.equal(bob.entities.get('box'), {
    owner: alice.me?.socketId,
    template: '#box',
    pinned: false,
    components: { color: 'red' },
  })
  const changed = next(bob, 'aframe-update')
  await alice.change({ box: { color: null, size: 2 } })
  await changed
  for (const room of [alice, bob]) assert.equal(room.entities.get('box')?.components, { size: 2 })
  const pinned = next(bob, 'scene-changed')
  await alice.pin('box')
  await pinned
  assert.is(bob.entities.get('box')?.pinned, true)
  assert.is((await enter()).entities.get('box')?.pinned, true)
  const gone = next(bob, 'scene-changed')
  await alice.removeEntity('box')
  await gone
  assert.is(bob.entities.size, 0)
})

test.run()
