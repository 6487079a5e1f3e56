/** What would have been decided differently under other settings or filters, and what can't be compared any more. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chatDecider } from '../../../domain/chat/decider.ts'
import type { AnyCommand } from '../../../domain/commands.ts'
import { spaceDecider } from '../../../domain/space/decider.ts'
import type { RoomFilter } from '../../../domain/space/filter.ts'
import { RUNS } from '../../../domain/testing/any.ts'
import { account, at, guest, OWNER } from '../../../domain/testing/people.ts'
import * as ask from '../../../domain/testing/space-commands.ts'
import { type MadePast, madePast } from '../../testing/past.ts'
import { type Counts, type Difference, redecide, SUPPOSED, type Supposed } from './redeciding.ts'

const test = suite('what if')
const bob = account(OWNER)
const [alice, dave] = [account('alice'), account('dave')]
const id = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
const post = (n: number, content = 'hello', parent: number | null = null): AnyCommand => ({
  type: 'PostMessage',
  messageId: id(n),
  fresh: true,
  subspace: 'main',
  content,
  messageType: 'text',
  parentMessageId: parent === null ? null : id(parent),
})
const react = (n: number): AnyCommand => ({ type: 'AddReaction', messageId: id(n), emoji: '👍' })

const again = (
  { events }: MadePast,
  supposed: Partial<Supposed>,
): { readonly differences: ReadonlyArray<Difference>; readonly counts: Counts } => {
  const differences: Difference[] = []
  const start = { state: spaceDecider.initial(), chat: chatDecider.initial() }
  const room = redecide(start, { settings: {}, filters: [], ...supposed }, (one) => differences.push(one))
  for (const event of events) room.take(event)
  room.end()
  return { differences, counts: room.counts }
}
const told = (differences: ReadonlyArray<Difference>) =>
  differences.map(({ actor, command, was, would, followed }) => [actor.id, command, was, would, followed])

test('given slow mode, then a message too soon is refused, and the wait is measured from the last message that would have been posted', () => {
  const past = madePast()
  for (const [n, seconds] of [0, 10, 20, 30, 40].entries()) past.send(alice, post(n), seconds)
  past.send(dave, post(9), 41)
  const { differences, counts } = again(past, { settings: { slow_mode_seconds: 30 } })
  assert.equal(
    differences.map((one) => [one.at, one.was, one.would]),
    [at(10), at(20), at(40)].map((when) => [when, 'accepted', 'slow_down']),
  )
  assert.equal(
    differences.map(({ after }) => after),
    [null, differences[0]!.position, differences[0]!.position],
  )
  assert.equal([counts.decisions, counts.by], [6, { 'accepted > slow_down': 3 }])
})

test('given a filter of words, then the messages that it would have held are listed; acts about them can’t be compared', () => {
  const past = madePast()
  past.send(alice, post(1, 'darn'), 0)
  past.send(dave, post(2, 'so?', 1), 1)
  past.send(dave, react(1), 2)
  past.send(dave, react(2), 3)
  past.send(alice, post(3, 'fine'), 4)
  const filter: RoomFilter = {
    filterId: SUPPOSED,
    looksFor: { kind: 'words', words: ['darn'] },
    acts: ['hold', 'report'],
    muteSeconds: null,
    by: bob,
    at: at(),
  }
  const { differences, counts } = again(past, { filters: [filter] })
  assert.equal(told(differences), [['alice', 'PostMessage', 'accepted', 'held and reported', 3]])
  // The reply, the reaction to the message, and the reaction to the reply.
  assert.equal([counts.notComparable, counts.decisions], [3, 2])
})

test('given a rule against guests, then a guest would not have come in, and what they did there can’t be compared', () => {
  const past = madePast()
  past.send(guest(1), ask.join('a-guest'), 0)
  past.send(guest(1), ask.voice('a-guest-1', true), 1)
  past.send(guest(1), ask.leave('a-guest-1'), 2)
  past.send(alice, ask.join('alice'), 3)
  const { differences, counts } = again(past, { settings: { guests_allowed: false } })
  assert.equal(told(differences), [[guest(1).id, 'JoinSpace', 'accepted', 'guests_not_allowed', 2]])
  assert.is(counts.notComparable, 2)
})

test('given fewer seats, then anybody who came when those were taken would have been turned away; given more, let in', () => {
  const past = madePast()
  past.send(bob, ask.settings({ max_users: 2 }), 0)
  past.send(alice, ask.join('alice'), 1)
  past.send(dave, ask.join('dave'), 2)
  past.send(account('erin'), ask.join('erin'), 3)
  assert.equal(told(again(past, { settings: { max_users: 1 } }).differences), [
    ['dave', 'JoinSpace', 'accepted', 'space_full', 0],
  ])
  assert.equal(told(again(past, { settings: { max_users: 3 } }).differences), [
    ['erin', 'JoinSpace', 'space_full', 'accepted', 0],
  ])
})

test('given settings that changed in between, then the supposed ones hold throughout', () => {
  const past = madePast()
  past.send(bob, ask.settings({ chat_enabled: false }), 0)
  past.send(alice, post(1), 1)
  past.send(bob, ask.settings({ chat_enabled: true }), 2)
  past.send(alice, post(2), 3)
  const { differences } = again(past, { settings: { chat_enabled: false } })
  assert.equal(told(differences), [['alice', 'PostMessage', 'accepted', 'chat_disabled', 0]])
  assert.equal(told(again(past, { settings: { chat_enabled: true } }).differences), [
    ['alice', 'PostMessage', 'chat_disabled', 'accepted', 0],
  ])
})

const people = [alice, dave, guest(1), bob]
const anySteps = fc.array(
  fc.tuple(
    fc.constantFrom(...people),
    fc.nat(20),
    fc.oneof(
      fc.tuple(fc.nat(30), fc.constantFrom('hello', 'darn', 'so')).map(([n, words]) => post(n, words)),
      fc.nat(30).map(react),
      fc.constantFrom('alice', 'dave').map((name) => ask.join(name)),
      fc.constantFrom('alice-1', 'dave-1').map((session) => ask.leave(session)),
      fc.constantFrom<AnyCommand>(
        ask.settings({ slow_mode_seconds: 15 }),
        ask.settings({ guests_allowed: false }),
        ask.mute('dave'),
        ask.unmute('dave'),
      ),
    ),
  ),
  { maxLength: 60, size: 'max' },
)
const pastOf = (steps: ReadonlyArray<readonly [(typeof people)[number], number, AnyCommand]>): MadePast => {
  const past = madePast()
  let seconds = 0
  for (const [by, pause, command] of steps) {
    seconds += pause
    past.send(by, command, seconds)
  }
  return past
}

test('where nothing is supposed, nothing would have been otherwise', () => {
  fc.assert(
    fc.property(anySteps, (steps) => {
      const { differences, counts } = again(pastOf(steps), {})
      assert.equal([differences, counts.notComparable, counts.unexplained], [[], 0, 0])
    }),
    { numRuns: RUNS },
  )
})

test('what is supposed gives what the same commands give in a room where it is so', () => {
  const anyPosts = fc.array(fc.tuple(fc.constantFrom(alice, dave), fc.nat(20)), { maxLength: 40 })
  fc.assert(
    fc.property(anyPosts, fc.integer({ min: 1, max: 40 }), (posts, slow) => {
      const [past, other] = [madePast(), madePast()]
      other.send(bob, ask.settings({ slow_mode_seconds: slow }), 0)
      let seconds = 0
      const refused: string[] = []
      for (const [n, [by, pause]] of posts.entries()) {
        seconds += pause
        past.send(by, post(n), seconds)
        if (!other.send(by, post(n), seconds)) refused.push(`${by.id} ${seconds}`)
      }
      const { differences } = again(past, { settings: { slow_mode_seconds: slow } })
      const when = (iso: string): number => (Date.parse(iso) - Date.parse(at(0))) / 1_000
      assert.equal(
        differences.map((one) => `${one.actor.id} ${when(one.at)}`),
        refused,
      )
    }),
    { numRuns: RUNS },
  )
})
test.run()
