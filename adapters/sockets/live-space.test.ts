import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChatEvent } from '../../domain/chat/events.ts'
import type { SpaceEvent } from '../../domain/space/events.ts'
import { type EntrySnapshot, finish, listenIn, liveSpace, tell, waitLeft } from './live-space.ts'

const test = suite('a live space')
const AT = '2026-01-01T00:00:00.000Z'

const joined = (sessionId: string): SpaceEvent => ({
  type: 'SessionJoined',
  data: {
    sessionId,
    socketId: `socket of ${sessionId}`,
    account: sessionId,
    guest: null,
    claimed: null,
    subspace: 'main',
    position: null,
    avatarData: null,
    boot: 'boot',
    at: AT,
  },
})
const posted: ChatEvent = {
  type: 'MessagePosted',
  data: {
    messageId: 'm',
    account: 'alice',
    guest: null,
    displayName: 'alice',
    subspace: 'main',
    messageType: 'text',
    content: 'hello',
    parentMessageId: null,
    threadRootId: null,
    at: AT,
  },
}

/** A room with `hearers` sockets, which notes what they are sent, and how often. */
const room = (hearers: number) => {
  const live = liveSpace({ type: 'global', id: 'lobby' })
  for (let i = 0; i < hearers; i++) listenIn(live, 'main', false)
  const tellings: string[][] = []
  const outlet = {
    emit: (_: string, news: ReadonlyArray<{ event: string }>) =>
      void tellings.push(news.map(({ event }) => event)),
  }
  let revision = 0n
  const happen = (kind: 'space' | 'chat', event: SpaceEvent | ChatEvent): void => {
    tell(live, outlet, kind, { event, revision, position: revision })
    revision += 1n
  }
  return { live, outlet, tellings, happen }
}

test('given a small room, when somebody joins, then that is sent at once', () => {
  const { live, happen } = room(99)
  happen('space', joined('a'))
  assert.is(waitLeft(live), 0)
})

test('given a crowd, when many join, then they are announced together, and the first waits no longer than the limit', () => {
  const { live, outlet, tellings, happen } = room(1_000)
  happen('space', joined('a'))
  const wait = waitLeft(live)
  assert.ok(wait > 0 && wait <= 50, `${wait} ms`)
  happen('space', joined('b'))
  assert.ok(waitLeft(live) <= wait, 'later ones do not put it off')
  finish(live, outlet)
  assert.equal(tellings, [['user-joined', 'user-joined']])
  assert.is(waitLeft(live), 0, 'nothing is left to tell')
})

test('given a crowd of any size, then nobody waits longer than 100 ms', () => {
  const { live, happen } = room(50_000)
  happen('space', joined('a'))
  assert.ok(waitLeft(live) <= 100)
})

test('given a crowd, when a message follows a join, then both are sent at once and in order', () => {
  const { live, outlet, tellings, happen } = room(1_000)
  happen('space', joined('a'))
  assert.ok(waitLeft(live) > 0)
  happen('chat', posted)
  assert.is(waitLeft(live), 0)
  finish(live, outlet)
  assert.equal(tellings, [['user-joined', 'chat-message']])
})

test('given several people who wait to enter a crowd, then they enter with one snapshot that has them all, after the crowd got the news', () => {
  const { live, outlet, tellings, happen } = room(1_000)
  const entered: Array<{ snapshot: EntrySnapshot; told: number }> = []
  for (const sessionId of ['a', 'b']) {
    live.occupants.set(sessionId, {
      entered: (snapshot) => entered.push({ snapshot, told: tellings.length }),
      left: () => {},
      isThere: async () => true,
      ended: () => {},
      told: () => {},
    })
    happen('space', joined(sessionId))
  }
  assert.is(entered.length, 0)
  finish(live, outlet)
  assert.equal(
    entered.map(({ told }) => told),
    [1, 1],
  )
  assert.is(entered[0]?.snapshot, entered[1]?.snapshot)
  assert.is(entered[0]?.snapshot.state.sessions.size, 2)
})

test.run()
