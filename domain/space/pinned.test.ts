import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { codeOf } from '../refused.ts'
import type { SettingsChanges } from '../settings.ts'
import { account, asked, guest, opened } from '../testing/people.ts'
import { fold } from '../testing/scenario.ts'
import { banned, granted, joined, settled } from '../testing/space-events.ts'
import { spaceDecider } from './decider.ts'
import type { SpaceEvent } from './events.ts'
import { MAX_PINNED } from './pinned.ts'
import { fromSnapshot, toSnapshot } from './snapshot.ts'
import type { SpaceState } from './state.ts'

const test = suite('what lasts of a scene')
const start = [opened(), joined('alice'), joined('bobby'), granted('alice', 'moderate')]
const box = { subspace: 'main', entityId: 'box' }
const pin = (over: object = {}) => ({
  type: 'PinEntity' as const,
  ...box,
  template: '#box',
  ownership: null,
  components: { color: 'red' } as Record<string, unknown>,
  ...over,
})
const change = (components: Record<string, unknown>) => ({
  type: 'ChangeEntity' as const,
  ...box,
  components,
})
const unpin = { type: 'UnpinEntity' as const, ...box }
type Command = ReturnType<typeof pin> | ReturnType<typeof change> | typeof unpin

const decide = (state: SpaceState, by: Parameters<typeof asked>[0], command: Command) => {
  const decision = spaceDecider.decide(asked(by, command as never), state)
  return E.isLeft(decision) ? codeOf(decision.left) : decision.right.map(({ type }) => type)
}
const stateOf = (...events: SpaceEvent[]): SpaceState => fold(spaceDecider, [...start, ...events])
const after = (state: SpaceState, by: Parameters<typeof asked>[0], command: Command): SpaceState => {
  const decision = spaceDecider.decide(asked(by, command as never), spaceDecider.fork(state))
  if (E.isLeft(decision)) throw new Error(codeOf(decision.left))
  return fold(spaceDecider, decision.right, spaceDecider.fork(state))
}
const [alice, bob, seven] = [account('alice'), account('bobby'), guest(7)]
const setting = (changes: SettingsChanges) => stateOf(settled(changes))

test('given each value of scene_pin, when somebody of each role pins, then only the roles that it names may', () => {
  assert.equal(decide(stateOf(), alice, pin()), ['EntityPinned'])
  assert.equal(decide(stateOf(), bob, pin()), 'forbidden')
  assert.equal(decide(setting({ scene_pin: 'everyone' }), seven, pin()), ['EntityPinned'])
  assert.equal(decide(setting({ scene_pin: 'owner' }), alice, pin()), 'forbidden')
  assert.equal(decide(stateOf(banned('bobby'), settled({ scene_pin: 'everyone' })), bob, pin()), 'banned')
})
test('given a pinned entity, when it is pinned again, then only what differs is an event', () => {
  const state = after(stateOf(), alice, pin())
  assert.equal(decide(state, alice, pin()), [])
  assert.equal(decide(state, alice, pin({ components: { color: 'blue' } })), ['EntityChanged'])
})
test('given an entity at rest, when its state is saved, then it has exactly those components; one that is not pinned is not found', () => {
  const state = after(after(stateOf(), alice, pin()), bob, change({ size: 2 }))
  assert.equal(
    [...state.pinned.values()].map(({ components, by }) => [components, by.id]),
    [[{ size: 2 }, 'alice']],
  )
  assert.equal(decide(state, bob, change({ size: 2 })), [])
  assert.equal(decide(stateOf(), bob, change({})), 'entity_not_found')
})
test('given a pinned entity, then only whoever pinned it, or may pin, may unpin it', () => {
  const open = setting({ scene_pin: 'everyone' })
  const state = fold(spaceDecider, [settled({ scene_pin: 'moderate' })], after(open, bob, pin()))
  assert.equal(decide(state, bob, unpin), ['EntityUnpinned'])
  assert.equal(decide(state, alice, unpin), ['EntityUnpinned'])
  assert.equal(decide(state, seven, unpin), 'forbidden')
  assert.equal(decide(after(state, alice, unpin), alice, unpin), 'entity_not_found')
})
test('given an entity that can’t be pinned, then pinning is refused and changes nothing', () => {
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`c${n}`, 1]))
  for (const [over, code] of [
    [{ entityId: '' }, 'invalid_id'],
    [{ subspace: 'elsewhere' }, 'invalid_space'],
    [{ template: 'x'.repeat(1_025) }, 'invalid_template'],
    [{ components: many }, 'invalid_components'],
    [{ components: { text: '\ud800' } }, 'invalid_components'],
    [{ components: { big: 'x'.repeat(16_384) } }, 'too_large'],
  ] as const)
    assert.equal(decide(stateOf(), alice, pin(over)), code)
})
test('given the most entities or bytes that may be pinned, then no more can be pinned', () => {
  let state = stateOf()
  for (let n = 0; n < MAX_PINNED; n += 1) state = after(state, alice, pin({ entityId: `e${n}` }))
  assert.equal(decide(state, alice, pin()), 'too_many_entities')
  assert.equal(decide(state, alice, pin({ entityId: 'e7', components: { a: 1 } })), ['EntityChanged'])
  state = stateOf()
  const components = { big: 'x'.repeat(16_000) }
  for (let n = 0; n < 16; n += 1) state = after(state, alice, pin({ entityId: `e${n}`, components }))
  assert.equal(decide(state, alice, pin({ components })), 'scene_full')
  assert.equal(decide(state, alice, pin()), ['EntityPinned'])
})
test('given a snapshot, then it contains pinned entities without their components', () => {
  const state = after(stateOf(), alice, pin())
  const text = JSON.stringify(toSnapshot(state))
  assert.not.match(text, 'red')
  const woken = fromSnapshot(JSON.parse(text))
  if (E.isLeft(woken)) throw new Error(woken.left)
  const [known] = [...woken.right.pinned.values()]
  assert.equal([known?.components, known?.weight, known?.template], [null, 10, '#box'])
  assert.not.ok('pinned' in toSnapshot(stateOf()))
})

test.run()
