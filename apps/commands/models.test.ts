/** A snapshot contains nothing of people that an erasure would have to erase. */
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChatEvent } from '../../domain/chat/events.ts'
import { knownMessage } from '../../domain/chat/messages.ts'
import type { SpaceEvent } from '../../domain/space/events.ts'
import { alice, at, joined, posted } from '../../projections/testing/events.ts'
import { chatModel, spaceModel } from './models.ts'

const test = suite('snapshots have nothing personal')

test('given sessions with avatars, then a snapshot has the sessions without them', () => {
  const event = joined('s1', alice, 1, { avatarData: { hat: 'red' } }) as SpaceEvent
  const state = spaceModel.evolve(spaceModel.initial(), event)
  const snapshot = spaceModel.toSnapshot(state)
  assert.not.match(JSON.stringify(snapshot), 'red')
  const back = spaceModel.fromSnapshot(snapshot)
  if (E.isLeft(back)) throw new Error(String(back.left))
  assert.equal(back.right.sessions.get('s1'), { ...state.sessions.get('s1')!, avatarData: null })
})

test('given words, then a snapshot has no digest of them, and a repeated message is still recognised', () => {
  const id = '00000000-0000-4000-8000-000000000001'
  const evolve = chatModel.evolve
  let state = evolve(chatModel.initial(), posted(id, 'yes', 1) as ChatEvent)
  const edit = { messageId: id, subspace: 'main', by: alice, content: 'no', at: at(2) }
  state = evolve(state, { type: 'MessageEdited', data: edit })
  const { posted: before, edited } = state.messages.get(id)!
  const snapshot = chatModel.toSnapshot(state)
  for (const digest of [before!.words, edited!]) assert.not.ok(JSON.stringify(snapshot).includes(digest))
  const back = chatModel.fromSnapshot(JSON.parse(JSON.stringify(snapshot)))
  if (E.isLeft(back)) throw new Error(String(back.left))
  const known = knownMessage(back.right, undefined, id)!
  const post = { subspace: 'main', messageType: 'text', parentMessageId: null, content: 'whatever' }
  assert.ok(known.wasPostedAs(post))
  assert.not.ok(known.wasPostedAs({ ...post, subspace: 'main-chess' }))
  assert.not.ok(known.readsAs('no'))
})

test('given filters and ban lists, then the state is counted with what they hold in memory', () => {
  const words = Array.from({ length: 200 }, (_, n) => `word-${String(n).padStart(3, '0')}`)
  const looksFor = { kind: 'words', words } as const
  const by = { by: { kind: 'account', id: 'alice' }, at: at(1) } as const
  const added = words.map((one) => ({ entity: one, reason: null, from: null }))
  const source = { kind: 'given', name: null } as const
  const events: ReadonlyArray<SpaceEvent> = [
    { type: 'FilterSet', data: { filterId: 'f', looksFor, acts: ['hold'], muteSeconds: null, ...by } },
    { type: 'BanListFollowed', data: { listId: 'l', source, ...by } },
    { type: 'BanListChanged', data: { listId: 'l', added, removed: [], ...by } },
  ]
  const state = events.reduce(spaceModel.evolve, spaceModel.initial())
  // 1,600 characters count as 534 entries, and each listed ban as one.
  assert.is(spaceModel.entries(state), 534 + 200)
})
test.run()
