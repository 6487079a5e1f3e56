import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { SpaceEvent } from '../../domain/space/events.ts'
import { evolveSpace, initialSpace } from '../../domain/space/evolve.ts'
import { chatNews, type Delivery, spaceNews } from './news.ts'

const test = suite('what is news to whom')
const AT = '2026-01-01T00:00:00.000Z'

const joined = (sessionId: string, account: string, subspace = 'main'): SpaceEvent => ({
  type: 'SessionJoined',
  data: {
    sessionId,
    socketId: `socket of ${sessionId}`,
    account,
    guest: null,
    claimed: null,
    subspace,
    position: null,
    avatarData: null,
    boot: 'boot',
    at: AT,
  },
})
const left = (
  sessionId: string,
  reason: 'left' | 'kicked' | 'banned',
  until: string | null = null,
): SpaceEvent => ({
  type: 'SessionLeft',
  data: { sessionId, reason, by: { kind: 'account', id: 'alice' }, note: 'enough', until, at: AT },
})
const after = (events: ReadonlyArray<SpaceEvent>, last: SpaceEvent): ReadonlyArray<Delivery> =>
  spaceNews(events.reduce(evolveSpace, initialSpace()).sessions, last, { revision: 9n, position: 900n })

test('given somebody who joins, then the room is sent it, and afterwards they get the room’s news', () => {
  const [told, entered] = after([], joined('s1', 'bob', 'main-b'))
  assert.is(told?.kind === 'room' && told.news.event, 'user-joined')
  assert.is(told?.kind === 'room' && told.subspace, 'main-b')
  assert.is(told?.kind === 'room' && told.news.payload.revision, '9')
  assert.equal(entered, { kind: 'entered', sessionId: 's1', subspace: 'main-b' })
})

test('given somebody who is kicked, then it is over for them before the room is sent it', () => {
  const [ended, told] = after([joined('s1', 'bob')], left('s1', 'kicked'))
  assert.equal(ended?.kind === 'ended' && ended.notice, { reason: 'enough', by: 'alice' })
  assert.is(told?.kind === 'room' && told.news.payload.reason, 'kicked')
  assert.is(told?.kind === 'room' && told.news.payload.userAccount, 'bob')
})

test('given somebody who is banned for a time, then their notice says until when; somebody who leaves gets none', () => {
  const [banned] = after([joined('s1', 'bob')], left('s1', 'banned', AT))
  assert.equal(banned?.kind === 'ended' && banned.notice, { reason: 'enough', by: 'alice', until: AT })
  const [gone] = after([joined('s1', 'bob')], left('s1', 'left'))
  assert.is(gone?.kind === 'ended' && gone.notice, null)
})

test('given somebody who moves, then they leave the one room and enter the other', () => {
  const moved: SpaceEvent = {
    type: 'SessionMoved',
    data: { sessionId: 's1', from: 'main', to: 'main-b', position: { x: 1 }, at: AT },
  }
  const deliveries = after([joined('s1', 'bob')], moved)
  assert.equal(
    deliveries.map((delivery) =>
      delivery.kind === 'room' ? `${delivery.subspace} ${delivery.news.event}` : delivery.kind,
    ),
    ['left', 'main user-left', 'main-b user-joined', 'entered'],
  )
})

test('given an event of a session that is not there, then nobody is sent it', () => {
  assert.equal(after([], left('s1', 'kicked')), [])
  assert.equal(after([], { type: 'VoiceStarted', data: { sessionId: 's1', at: AT } }), [])
})

test('given a mute, then the room is sent that there is one, without the moderators’ words', () => {
  const [told] = after([], {
    type: 'AccountMuted',
    data: {
      subject: 'guest:0123456789ab',
      by: { kind: 'account', id: 'alice' },
      reason: 'private words',
      until: null,
      at: AT,
    },
  })
  assert.is(told?.kind === 'space' && told.news.event, 'permission-changed')
  assert.is(told?.kind === 'space' && told.news.payload.guest_id, 'guest:0123456789ab')
  assert.not.match(JSON.stringify(told), 'private words')
})

test('given a message, then the room where it was posted is sent it, with its place in the log', () => {
  const told = chatNews(
    {
      type: 'MessagePosted',
      data: {
        messageId: 'm1',
        account: 'bob',
        guest: null,
        displayName: 'bob',
        subspace: 'main-b',
        messageType: 'text',
        content: 'hello',
        parentMessageId: null,
        threadRootId: null,
        at: AT,
      },
    },
    { revision: 3n, position: 184467n },
  )
  assert.is(told?.kind === 'room' && told.subspace, 'main-b')
  assert.equal(told?.news, {
    event: 'chat-message',
    payload: {
      message_id: 'm1',
      user_account: 'bob',
      guest_id: null,
      display_name: 'bob',
      message_type: 'text',
      content: 'hello',
      parent_message_id: null,
      thread_root_id: null,
      subspace: 'main-b',
      revision: '3',
      position: '184467',
      created_at: AT,
      timestamp: AT,
    },
  })
})

test.run()
