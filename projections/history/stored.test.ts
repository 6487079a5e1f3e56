/** Everything that is derived and stored, as each version of the program wrote it, can be read by today's version. */
import { readFileSync } from 'node:fs'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createMomentWriter } from '../../apps/operations/keep/moment-writer.ts'
import { chatDecider } from '../../domain/chat/decider.ts'
import { CHAT_SNAPSHOT, fromSnapshot as chatFrom, toSnapshot as chatTo } from '../../domain/chat/snapshot.ts'
import { decodeRecorded } from '../../domain/codec.ts'
import type { NewEvent, RecordedEvent } from '../../domain/ports.ts'
import { spaceDecider } from '../../domain/space/decider.ts'
import { fromSnapshot, SPACE_SNAPSHOT, toSnapshot } from '../../domain/space/snapshot.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { extensionsFor, issuedAt, issuedEvent, issuedIn, issuedStream, numberOf } from '../proof/issued.ts'
import { openCheckpoint, parseVkey, signCheckpoint, signerOf } from '../proof/note.ts'
import { applyEvent, emptyState, stateFromJson, stateToJson } from '../proof/state.ts'
import { checkKept } from './checking.ts'
import { broughtUp, KEPT_VERSION } from './kept-streams.ts'
import { createMoments } from './moments.ts'
import { refOf } from './point.ts'
import { talk } from './recent-messages.ts'
import { standing } from './space-standing.ts'
import { momentView } from './view.ts'

const test = suite('stored states')
// biome-ignore lint/suspicious/noExplicitAny: whatever a version wrote
type Json = any
const golden = (name: string): Json =>
  JSON.parse(readFileSync(new URL(`./golden/${name}.json`, import.meta.url), 'utf8'))
const SPACE = 'space-post:alice/my-360-photo'
const ROOM = { type: 'post', id: 'alice/my-360-photo' } as const

/** Today's results from the events from which the golden files were made. */
const events: ReadonlyArray<RecordedEvent> = golden('events').map((event: Json) => ({
  ...event,
  revision: BigInt(event.revision),
  position: BigInt(event.position),
  created: new Date(0),
}))
const today = { space: standing.initial(), chat: talk.initial(), bundle: emptyState() }
let [space, chat] = [spaceDecider.initial(), chatDecider.initial()]
for (const event of events) {
  const decoded = decodeRecorded(event)
  if (E.isLeft(decoded)) throw new Error(decoded.left.reason)
  today.space = standing.apply(today.space, decoded.right, refOf(event))
  today.chat = talk.apply(today.chat, decoded.right, refOf(event))
  applyEvent(today.bundle, { ...event, revision: String(event.revision) })
  if (decoded.right.kind === 'space') space = spaceDecider.evolve(space, decoded.right.event)
  if (decoded.right.kind === 'chat') chat = chatDecider.evolve(chat, decoded.right.event)
}
const asJson = (value: unknown): Json => JSON.parse(JSON.stringify(value))

for (let version = 1; version <= KEPT_VERSION; version += 1)
  test(`given moments kept by version ${version}, then they are read as what this version makes of the same events`, () => {
    const kept = golden(`kept-${version}`)
    assert.equal(standing.fromJson(broughtUp(version, kept.space)), today.space)
    assert.equal(talk.fromJson(broughtUp(version, kept.chat)), today.chat)
  })
test('given a room without anything added later, then this version keeps the same as an older program', () => {
  assert.equal(
    { space: asJson(standing.toJson(today.space)), chat: asJson(talk.toJson(today.chat)) },
    golden('kept-1'),
  )
})
test('given snapshots and a bundle’s state of each version, then they are read as what this version makes of the same events', () => {
  assert.equal([SPACE_SNAPSHOT, CHAT_SNAPSHOT], [1, 1])
  const snapshots = golden('snapshots-1')
  assert.equal(fromSnapshot(snapshots.space), E.right(space))
  // The times of people's messages are kept since filters can count messages, and such filters count only what was
  // written since they were set.
  const uncounted = { ...chat, posts: new Map() }
  assert.equal(chatFrom(snapshots.chat), E.right(uncounted))
  assert.equal([asJson(toSnapshot(space)), asJson(chatTo(uncounted))], [snapshots.space, snapshots.chat])
  const state = golden('bundle-state-1')
  assert.equal(asJson(stateToJson(today.bundle)), state)
  assert.equal(stateFromJson(state), today.bundle)
})

/** The first checkpoints were signed without a number and a time of their own, and were kept in a table only. */
test('given checkpoints of each version, then they are valid and say what they said', () => {
  const [first, second] = [golden('checkpoint-1'), golden('checkpoint-2')]
  const verifier = parseVkey(first.vkey)!
  const opened = [first.note, issuedIn(second.event.data)!.note].map(
    (note) => openCheckpoint(note, verifier)!,
  )
  for (const { origin, size, root, extensions } of opened) {
    assert.equal([origin, size, root], ['presence.example', 131, Buffer.alloc(32, 9)])
    assert.is(extensions[0], 'position 48213')
  }
  assert.equal(opened.map(numberOf), [null, 3])
  assert.equal(opened.map(issuedAt), [null, Date.UTC(2026, 2, 1, 12)])
  assert.is(issuedStream(second.vkey), second.stream)
})
test('given a checkpoint of this version, then it is written as in the newest golden file', () => {
  const signer = signerOf('presence.example', Buffer.alloc(32, 7))
  const extensions = extensionsFor(3, '2026-03-01T12:00:00.000Z', '48213')
  const note = signCheckpoint(
    { origin: signer.name, size: 131, root: Buffer.alloc(32, 9), extensions },
    signer,
  )
  const { id, type, data } = issuedEvent(3, note)
  assert.equal({ id, type, data }, golden('checkpoint-2').event)
})

const EVERY = 8
const voice = (n: number): NewEvent => ({
  id: `00000000-0000-4000-9000-${String(n).padStart(12, '0')}`,
  type: n % 2 === 0 ? 'VoiceStarted' : 'VoiceStopped',
  data: { sessionId: 's1', at: new Date(Date.UTC(2026, 2, 2) + n * 1_000).toISOString() },
  metadata: {
    ...(events[0]!.metadata as object),
    at: new Date(Date.UTC(2026, 2, 2) + n * 1_000).toISOString(),
  },
})
/** A long room whose moments are kept; `change` alters each of them as it is read. It counts how many events a look reads. */
const roomWith = (change: (data: Json) => Json) => {
  const store = memoryLog()
  for (const { stream, id, type, data, metadata } of events) store.push(stream, { id, type, data, metadata })
  for (let n = 0; n < 400; n += 1) store.push(SPACE, voice(n))
  let read = 0
  const log = {
    ...store,
    readStream: (stream: string, options: Json) => async () => {
      const found = await store.readStream(stream, options)()
      if (E.isLeft(found)) return found
      if (stream === SPACE) read += found.right.length
      return stream.startsWith('moments-')
        ? E.right(found.right.map((event) => ({ ...event, data: change(structuredClone(event.data)) })))
        : found
    },
  } as typeof store
  const look = async () => {
    read = 0
    const moment = await createMoments(log, { every: EVERY }).at(ROOM, { kind: 'revision', revision: 300n })()
    if (E.isLeft(moment)) throw new Error(JSON.stringify(moment.left))
    return { view: momentView(moment.right), read }
  }
  const keep = () => createMomentWriter(log, EVERY).keep(ROOM, 'space')
  return { store, log, look, keep }
}
const kept = async (change: (data: Json) => Json) => {
  const room = roomWith((data) => data)
  await room.keep()
  const before = await room.look()
  const older = roomWith(change)
  await older.keep()
  return { before, after: await older.look(), older }
}

test('given kept moments from before a setting and a mark were added, then a read needs no more events, and keeping goes on', async () => {
  const without = (data: Json) => {
    if (data.state === undefined) return data
    delete data.state.state.settings.slow_mode_seconds
    for (const session of data.state.state.sessions) delete session.voice
    return data
  }
  const { before, after, older } = await kept(without)
  assert.equal(after.view.settings, before.view.settings)
  assert.is(after.read, before.read)
  for (let n = 400; n < 400 + 2 * EVERY; n += 1) older.store.push(SPACE, voice(n))
  assert.is(await older.keep(), 2)
})
test('given kept moments of a newer program, then a read is right all the same, and keeping goes on', async () => {
  const { before, after, older } = await kept((data) => ({ ...data, v: KEPT_VERSION + 1 }))
  assert.equal(after.view, before.view)
  for (let n = 400; n < 400 + 2 * EVERY; n += 1) older.store.push(SPACE, voice(n))
  assert.is(await older.keep(), 2)
  assert.equal((await checkKept(older.store, SPACE, EVERY)).faults, [])
})
test('given one kept moment that can’t be read, then the one before it is used', async () => {
  const { before, after } = await kept((data) => data)
  assert.equal(after, before)
  let spoilt = 0
  const room = roomWith((data) => data)
  await room.keep()
  const near = roomWith((data) => {
    if (data.state !== undefined && spoilt === 0) {
      spoilt += 1
      return { ...data, v: KEPT_VERSION + 1 }
    }
    return data
  })
  await near.keep()
  spoilt = 0
  const { view, read } = await near.look()
  assert.equal(view, before.view)
  assert.ok(read <= before.read + 2 * EVERY, `${read} events read, ${before.read} before`)
})
test.run()
