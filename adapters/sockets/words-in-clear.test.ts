/** Looks for words that nobody could erase: recognizable words are put into every field of every event that a socket
 *  accepts. On the log, as it is sealed, they may stand only where docs/privacy.md says so, and none of a refused event
 *  may be there. */
import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createMarks, placesIn } from '../../infra/testing/marked-words.ts'
import { type Client, eachOnOneNode, type OneNode, ALICES_POST as POST } from '../../infra/testing/sockets.ts'
import { CLIENT_EVENTS } from './documented.ts'

const test = suite<OneNode>('words in the clear by sockets')
const many = { perSecond: 1e9, burst: 1e9 }
eachOnOneNode(test, { limits: { packets: many } })

type Fields = Readonly<Record<string, unknown>>
const { mark, words } = createMarks()

/** A valid payload for each event that has fields, so that the marked field is all that is wrong. */
const samplesFor = (other: Client, sessionId: string): Readonly<Record<string, Fields>> => ({
  'join-space': { ...POST, subspace: 'main' },
  'chat-message': { content: 'Hello' },
  'chat-edit': { message_id: randomUUID(), content: 'Good evening' },
  'chat-delete': { message_id: randomUUID() },
  'chat-reaction': { message_id: randomUUID(), emoji: '👍' },
  'voice-state': { enabled: true },
  'voice-signal': { kind: 'publish', sdp: 'v=0' },
  'users-page': { after: sessionId },
  'hand-lower': { session_id: sessionId },
  'speak-grant': { session_id: sessionId },
  'speak-take': { session_id: sessionId },
  'speak-hand-on': { session_id: sessionId },
  kick: { session_id: randomUUID() },
  mute: { subject: 'bobby' },
  unmute: { subject: 'bobby' },
  ban: { subject: 'mallory' },
  unban: { subject: 'mallory' },
  'permission-grant': { account: 'carol', permission: 'access' },
  'permission-revoke': { account: 'carol' },
  'settings-change': { settings: { theme: 'dark' } },
  'filter-set': { filter_id: 'rude', words: ['damn'], acts: ['hold'] },
  'filter-remove': { filter_id: 'rude' },
  'message-approve': { message_id: randomUUID() },
  'message-drop': { message_id: randomUUID(), reason: 'Rude' },
  'queue-leave': { ...POST },
  report: { ...POST, subject: 'bobby', text: 'Loud' },
  'webrtc-offer': { targetSocketId: other.id, offer: { type: 'offer', sdp: 'v=0' } },
  'webrtc-answer': { targetSocketId: other.id, answer: { type: 'answer', sdp: 'v=0' } },
  'webrtc-ice-candidate': { targetSocketId: other.id, candidate: { candidate: '' } },
  'room-data': { type: 'move', data: { to: 'e4' } },
  'entity-spawn': { id: 'box', template: '#box', components: { color: 'red' } },
  'entity-take': { id: 'box' },
  'entity-give': { id: 'box', to: other.id },
  'entity-pin': { id: 'box' },
  'entity-unpin': { id: 'box' },
  'entity-remove': { id: 'box' },
  'aframe-update': { position: { x: 1, y: 0, z: 1 }, entities: { box: { color: 'blue' } } },
})

/** The event with marked words in each of its fields, deeper inside them, and beside them. */
const marked = (event: string, sample: Fields): ReadonlyArray<Fields> => {
  const names = Object.keys({ ...CLIENT_EVENTS[event]?.fields, ...sample })
  return [
    ...names.flatMap((name) => [
      { ...sample, [name]: words() },
      { ...sample, [name]: mark() },
      { ...sample, [name]: { [words()]: words(), id: words(), sdp: words(), x: words() } },
    ]),
    { ...sample, [words()]: words(), subspace: `main-${mark()}`, request_id: words(), command_id: mark() },
    { ...sample, position: { x: 1, y: 2, z: 3, note: words() }, avatar_data: { name: words() } },
    { ...sample, words: [words(), mark()], filter_id: mark(), reason: words() },
    { ...sample, settings: { note: words(), [words()]: { deep: [words()] } } },
    { ...sample, components: { note: words(), [words()]: words(), [mark()]: { deep: words() } } },
    { ...sample, entities: { [words()]: { a: words() }, [mark()]: { [mark()]: words() } } },
    { ...sample, id: mark(), template: words(), components: { [mark()]: words() }, ownership: words() },
  ]
}
/** Sends all of them, one after another, and returns how many were accepted. */
const sendAll = async (client: Client, samples: Readonly<Record<string, Fields>>): Promise<number> => {
  let done = 0
  // Leaving comes last, because the others need a room or are refused without one.
  const events = Object.keys(CLIENT_EVENTS).filter((event) => event !== 'leave-space')
  for (const event of [...events, 'leave-space'])
    for (const payload of marked(event, samples[event] ?? {}))
      if ((await client.ask(event, payload)).ok) done += 1
  return done
}

/** Which refusals are on the log depends on how fast they came: the rest are only counted. */
const assertOnly = (found: ReadonlyArray<string>, allowed: ReadonlyArray<string>): void =>
  assert.equal(
    found.filter((one) => !allowed.includes(one)),
    [],
  )

test('given each event that a socket accepts, then this test has a sample of it', async ({ node }) => {
  const other = await node.connect()
  const samples = samplesFor(other, randomUUID())
  const withFields = Object.entries(CLIENT_EVENTS).filter(([, { fields }]) => Object.keys(fields).length > 0)
  assert.equal(
    withFields.map(([event]) => event).filter((event) => samples[event] === undefined),
    [],
  )
})

test('given somebody in no room and somebody who is banned, when they put words into every event, then nothing of them is on the log from what was refused', async ({
  node,
  log,
}) => {
  const alice = await node.connect('account:alice')
  await alice.ask('join-space', POST)
  await alice.ask('ban', { subject: 'mallory' })
  const [{ sessionId }] = alice.of('space-joined') as [{ sessionId: string }]
  const from = log.all().length
  const nowhere = {
    ...samplesFor(alice, sessionId),
    'join-space': { spaceType: 'post', spaceId: 'a/nowhere' },
  }
  await sendAll(await node.connect(), nowhere)
  await sendAll(await node.connect('account:mallory'), samplesFor(alice, sessionId))
  // A public room accepts reports also from those whom it keeps out.
  assert.equal(
    [
      ...new Set(
        log
          .all()
          .slice(from)
          .map(({ type }) => type),
      ),
    ].sort(),
    ['CaseOpened', 'CommandRefused', 'ReportFiled'],
  )
  const { words: found, names } = await placesIn(log, from)
  assert.equal(found, [])
  assertOnly(names, [
    'CaseOpened data.subject',
    'CommandRefused data.asked.subject',
    'CommandRefused data.asked.subspace',
    'CommandRefused data.subspace',
    'CommandRefused data.target',
  ])
})

test('given a guest in the room and its owner, when they do so, then words are on the log in plain text only in the moderators’ words about somebody, and in what has a grammar of its own', async ({
  node,
  log,
}) => {
  const alice = await node.connect('account:alice')
  const bobby = await node.connect('account:bobby')
  const guest = await node.connect()
  for (const client of [alice, bobby, guest]) await client.ask('join-space', POST)
  const [{ sessionId }] = bobby.of('space-joined') as [{ sessionId: string }]
  const from = log.all().length
  const samples = samplesFor(bobby, sessionId)
  assert.ok((await sendAll(guest, samples)) > 20)
  const asGuest = await placesIn(log, from)
  assert.ok((await sendAll(alice, samples)) > 50)
  const { words: found, names } = await placesIn(log, from)
  assert.equal(asGuest.words, [])
  assert.equal(found, [
    'AccountBanned data.reason',
    'AccountMuted data.reason',
    'AccountUnbanned data.reason',
    'AccountUnmuted data.reason',
    'FilterSet data.looksFor.words.n',
    'PermissionGranted data.reason',
    'PermissionRevoked data.reason',
    'SettingsChanged data.changes.settings.*',
    'SettingsChanged data.changes.settings.*.deep.n',
    'SettingsChanged data.changes.settings.id',
    'SettingsChanged data.changes.settings.note',
    'SettingsChanged data.changes.settings.sdp',
    'SettingsChanged data.changes.settings.x',
  ])
  assertOnly(names, [
    ...found,
    'AccountBanned data.subject',
    'AccountMuted data.subject',
    'CaseOpened data.subject',
    'CommandRefused data.asked.entityId',
    'CommandRefused data.asked.filterId',
    'CommandRefused data.asked.messageId',
    'CommandRefused data.asked.parentMessageId',
    'CommandRefused data.asked.sessionId',
    'CommandRefused data.asked.subject',
    'CommandRefused data.target',
    'FilterSet data.filterId',
    'PermissionGranted data.account',
    'SessionMoved data.from',
    'SessionMoved data.to',
  ])
})

test.run()
