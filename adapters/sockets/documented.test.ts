/** The socket's events agree with their documentation: each documented event is received, and fits its schema. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type Client,
  eachOnOneNode,
  type Heard,
  type OneNode,
  ALICES_POST as POST,
} from '../../infra/testing/sockets.ts'
import { complaintsOf } from '../http/testing/documented.ts'
import { CLIENT_EVENTS, type Documented, SERVER_EVENTS } from './documented.ts'

const test = suite<OneNode>('the documents of the socket’s events')
eachOnOneNode(test)

const schemaOf = ({ fields, maybe = [] }: Documented) => ({
  type: 'object',
  properties: fields,
  required: Object.keys(fields).filter((name) => !maybe.includes(name)),
})
const wrongWith = ({ event, payload }: Heard): ReadonlyArray<string> => {
  const documented = SERVER_EVENTS[event]
  if (documented === undefined) return [`${event} is not documented`]
  // A frame of bytes has no fields.
  return event === 'scene-frame' ? [] : complaintsOf(schemaOf(documented), payload, event)
}
/** Sends an event after checking it against its documentation, and expects an acknowledgement. */
const does = async (client: Client, event: string, payload: object = {}) => {
  const documented = CLIENT_EVENTS[event]
  assert.ok(documented, `${event} is not documented`)
  assert.equal(complaintsOf(schemaOf(documented), payload, event), [])
  const answer = await client.ask(event, payload)
  assert.is(answer.code, undefined, `${event}: ${answer.error}`)
  return answer
}
/** Of rooms with an SFU: `voice/voices.test.ts`; of crowds: `people.test.ts`. */
const ELSEWHERE: ReadonlySet<string> = new Set(['voice-route', 'voice-signal', 'crowd-changed'])
const people = async (node: OneNode['node']) => {
  const inRoom = async (token: string | null, more = {}) => {
    const client = await node.connect(token)
    await does(client, 'join-space', { ...POST, subspace: 'main', ...more })
    const [{ sessionId }] = client.of('space-joined') as [{ sessionId: string }]
    return { client, sessionId }
  }
  return {
    alice: await inRoom('account:alice', { position: { x: 1, y: 0, z: 1 }, avatar_data: { hat: 'red' } }),
    bobby: await inRoom('account:bobby', { scene: 'packed' }),
    guest: await inRoom(null, { users: 'paged' }),
    dave: await node.connect('account:dave'),
  }
}
type People = Awaited<ReturnType<typeof people>>

const talk = async ({ alice, bobby }: People): Promise<void> => {
  const [id, reply] = [crypto.randomUUID(), crypto.randomUUID()]
  await does(alice.client, 'chat-message', { content: 'Hello', message_id: id, message_type: 'text' })
  await does(bobby.client, 'chat-message', { content: 'Hi', message_id: reply, parent_message_id: id })
  await does(bobby.client, 'chat-edit', { message_id: reply, content: 'Good evening' })
  await does(alice.client, 'chat-reaction', { message_id: reply, emoji: '👍' })
  await does(alice.client, 'chat-reaction', { message_id: reply, emoji: '👍', remove: true })
  await does(bobby.client, 'chat-delete', { message_id: reply })
  await does(bobby.client, 'report', { message_id: id, text: 'Loud', ...POST })
  await bobby.client.ask('chat-edit', { message_id: id, content: 'Not mine' })
  bobby.client.socket.emit('chat-edit', { message_id: id, content: 'Not mine either' })
  bobby.client.socket.emit('kick', { session_id: alice.sessionId })
}
/** A filter holds bobby's messages and mutes him; one message is let through, another dropped. */
const filter = async ({ alice, bobby }: People): Promise<void> => {
  const [first, second] = [crypto.randomUUID(), crypto.randomUUID()]
  const rude = { filter_id: 'rude', words: ['darn'], acts: ['hold', 'mute'], mute_seconds: 60 }
  await does(alice.client, 'filter-set', rude)
  await does(bobby.client, 'chat-message', { content: 'darn', message_id: first })
  await does(alice.client, 'message-approve', { message_id: first })
  await does(bobby.client, 'chat-message', { content: 'darn!', message_id: second })
  await does(alice.client, 'message-drop', { message_id: second, reason: 'Not here', ...POST })
  await bobby.client.until('the end of it', ({ event }) => event === 'message-dropped')
  await does(alice.client, 'filter-remove', { filter_id: 'rude' })
}
const speak = async ({ alice, bobby, guest }: People): Promise<void> => {
  await does(bobby.client, 'voice-state', { enabled: true })
  await does(bobby.client, 'voice-state', { enabled: false })
  await does(bobby.client, 'hand-raise')
  await does(guest.client, 'users-page')
  await does(guest.client, 'users-page', { after: alice.sessionId })
  await does(alice.client, 'hand-lower', { session_id: bobby.sessionId })
  await does(alice.client, 'settings-change', { stage: true, settings: { theme: 'dark' } })
  await does(alice.client, 'speak-grant', { session_id: bobby.sessionId })
  await does(bobby.client, 'speak-hand-on', { session_id: guest.sessionId })
  await does(guest.client, 'speak-take')
  await does(alice.client, 'settings-change', { stage: false })
}
const signal = async ({ alice, bobby }: People): Promise<void> => {
  const targetSocketId = bobby.client.id
  await does(alice.client, 'webrtc-offer', { targetSocketId, offer: { type: 'offer', sdp: 'v=0' } })
  await does(alice.client, 'webrtc-answer', { targetSocketId, answer: { type: 'answer', sdp: 'v=0' } })
  await does(alice.client, 'webrtc-ice-candidate', { targetSocketId, candidate: { candidate: '' } })
  await does(alice.client, 'room-data', { type: 'chess-move', data: { move: 'e2-e4' } })
  await does(alice.client, 'room-data', { type: 'chess-move', data: null, to: targetSocketId })
}
const build = async ({ alice, bobby }: People): Promise<void> => {
  const spawned = { id: 'box', template: '#box', ownership: 'ask', stays: true, components: { color: 'red' } }
  await does(alice.client, 'entity-spawn', spawned)
  await does(alice.client, 'aframe-update', {
    position: { x: 2, y: 0, z: 2 },
    rotation: { x: 0, y: 90, z: 0 },
    entities: { box: { color: 'blue' } },
  })
  await does(bobby.client, 'entity-take', { id: 'box' })
  await does(alice.client, 'entity-give', { id: 'box', to: bobby.client.id })
  await does(alice.client, 'entity-pin', { id: 'box' })
  await does(bobby.client, 'aframe-update', { entities: { box: { color: 'green' } } })
  await alice.client.until('the pinned entity at rest', ({ event }) => event === 'entity-changed')
  await does(alice.client, 'entity-unpin', { id: 'box' })
  await does(alice.client, 'entity-remove', { id: 'box' })
}
/** A full room with a queue: somebody waits, gives up, waits again and has their turn. */
const wait = async ({ alice, guest, dave }: People): Promise<void> => {
  await does(alice.client, 'settings-change', { queue: true, max_users: 3 })
  const queues = async () => assert.is((await dave.ask('join-space', POST)).code, 'queued')
  await queues()
  await dave.until('a place', ({ event }) => event === 'queue-place')
  await does(dave, 'queue-leave', { subject: 'dave', ...POST })
  await dave.until('the end', ({ event }) => event === 'queue-over')
  await queues()
  await does(alice.client, 'kick', { session_id: guest.sessionId, reason: 'To make room' })
  await dave.until('the turn', ({ event }) => event === 'queue-turn')
}
const moderate = async ({ alice, bobby }: People): Promise<void> => {
  await does(alice.client, 'permission-grant', { account: 'bobby', permission: 'access', reason: 'A friend' })
  await does(alice.client, 'permission-revoke', { account: 'bobby' })
  await does(alice.client, 'mute', { subject: 'bobby', until: '2099-01-01T00:00:00.000Z' })
  await does(alice.client, 'unmute', { subject: 'bobby' })
  await does(alice.client, 'ban', { subject: 'bobby', until: '2099-01-01T00:00:00.000Z', reason: 'Enough' })
  await does(alice.client, 'unban', { subject: 'bobby' })
  await does(alice.client, 'leave-space')
  await bobby.client.disconnected
}

test('given a room in which everything happens, then each documented event is received, and has the documented fields and no others', async ({
  node,
}) => {
  const all = await people(node)
  for (const happens of [talk, speak, signal, build, filter, wait, moderate]) await happens(all)
  const { alice, bobby, guest, dave } = all
  const heard = [alice.client, bobby.client, guest.client, dave].flatMap((client) => client.heard)
  assert.equal([...new Set(heard.flatMap(wrongWith))], [])
  assert.equal(
    Object.keys(SERVER_EVENTS).filter(
      (name) => !ELSEWHERE.has(name) && !heard.some(({ event }) => event === name),
    ),
    [],
  )
})

test.run()
