import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { account, asked, at, guest, opened, system } from '../testing/people.ts'
import { fold, scenario } from '../testing/scenario.ts'
import * as ask from '../testing/space-commands.ts'
import { banned, entered, granted, joined, joinedFrom, left, settled } from '../testing/space-events.ts'
import type { SpaceCommand } from './commands.ts'
import { spaceDecider } from './decider.ts'
import type { SpaceEvent, SpaceEventOf } from './events.ts'
import { lineOf } from './queue.ts'
import { fromSnapshot, toSnapshot } from './snapshot.ts'
import type { SpaceState } from './state.ts'

const given = scenario(spaceDecider, assert.equal)
const test = suite('queue')
const [alice, bob, dave, erin] = ['alice', 'bob', 'dave', 'erin'].map(account) as [
  ReturnType<typeof account>,
  ReturnType<typeof account>,
  ReturnType<typeof account>,
  ReturnType<typeof account>,
]
/** One seat, taken by carol, and a queue. */
const busy = [opened(), settled({ max_users: 1, queue: true }), joined('carol')]
const waits = (
  subject: string,
  seconds = 0,
  over: Partial<SpaceEventOf<'PlaceTaken'>['data']> = {},
): SpaceEventOf<'PlaceTaken'> => ({
  type: 'PlaceTaken',
  data: { subject, subspace: 'main', ahead: 'others', until: at(seconds + 300), at: at(seconds), ...over },
})
const gone = (
  subject: string,
  over: Partial<SpaceEventOf<'PlaceGivenUp'>['data']> = {},
): SpaceEventOf<'PlaceGivenUp'> => ({
  type: 'PlaceGivenUp',
  data: { subject, why: 'left', by: null, note: null, at: at(), ...over },
})

test('given a full room with a queue, when somebody enters or joins, then they get a place, and no second one when they repeat it', () => {
  given(...busy)
    .when(asked(dave, ask.enter()))
    .happens(waits('dave'))
  given(...busy)
    .when(asked(dave, ask.join('dave')))
    .happens(waits('dave'))
  given(...busy, waits('dave'))
    .when(asked(dave, ask.join('dave'), { seconds: 30 }))
    .happens()
})
test('given a place, when its owner asks again after a minute, then it is extended and keeps its position', () => {
  given(...busy, waits('dave'), waits('erin', 10))
    .when(asked(dave, ask.enter(), { seconds: 61 }))
    .happens(waits('dave', 61))
  const state = fold(spaceDecider, [...busy, waits('dave'), waits('erin', 10), waits('dave', 61)])
  assert.equal(
    lineOf(state, at(62)).map(({ place }) => place.subject),
    ['dave', 'erin'],
  )
})
test('given people who wait, when a seat is free, then it is held for the first, in the same append', () => {
  given(...busy, waits('dave'), waits('erin'))
    .when(asked(account('carol'), ask.leave('carol-1'), { seconds: 5 }))
    .happens(left('carol-1', 'left', { seconds: 5 }), entered('dave', 5))
})
test('given a turn, when its minute is over, then it passes on to the next', () => {
  given(...busy, waits('dave'), waits('erin'), left('carol-1'), entered('dave'))
    .when(asked(system, ask.expire, { seconds: 60 }))
    .happens({ type: 'SeatExpired', data: { subject: 'dave', at: at(60) } }, entered('erin', 60))
})
test('given a turn, when its owner joins, then they are in; when another does, then they wait behind', () => {
  const turn = [...busy, waits('dave'), waits('erin'), left('carol-1'), entered('dave')]
  given(...turn)
    .when(asked(dave, ask.join('dave')))
    .happens(joined('dave'))
  given(...turn)
    .when(asked(alice, ask.join('alice')))
    .happens(waits('alice'))
})
test('given a guest’s turn and nobody else who waits, when an account joins, then the seat does not give way, as any other that is held for a guest does', () => {
  const one = guest(1).id
  const turn = [...busy, waits(one), left('carol-1'), entered(one)]
  given(...turn)
    .when(asked(dave, ask.join('dave')))
    .happens(waits('dave'))
  // It is still a turn after it was asked for again, and by rules of before it gave way.
  given(...turn, entered(one, 5))
    .when(asked(dave, ask.join('dave'), { seconds: 5 }))
    .happens(waits('dave', 5))
  const state = fold(spaceDecider, turn)
  const earlier = spaceDecider.decide({ ...asked(dave, ask.join('dave')), rules: 3 }, state)
  assert.equal(E.isRight(earlier) && earlier.right.map(({ type }) => type), ['SeatExpired', 'SessionJoined'])
  const restored = fromSnapshot(JSON.parse(JSON.stringify(toSnapshot(state))))
  assert.is(E.isRight(restored) && restored.right.held.get(one)?.turn, true)
})
test('given a seat that ran out while somebody waits, when a newcomer joins, then they do not get it', () => {
  given(...busy, waits('erin', 1), left('carol-1'), entered('dave'))
    .when(asked(alice, ask.join('alice'), { seconds: 61 }))
    .happens(
      waits('alice', 61),
      { type: 'SeatExpired', data: { subject: 'dave', at: at(61) } },
      entered('erin', 61),
    )
})
test('given moderators and people with access by name, then their turns come first, unless the room goes by arrival', () => {
  const listed = [...busy, granted('erin', 'access'), granted('alice', 'moderate')]
  given(...listed)
    .when(asked(erin, ask.enter()))
    .happens(waits('erin', 0, { ahead: 'listed' }))
  const all = [
    ...listed,
    waits('dave'),
    waits('erin', 0, { ahead: 'listed' }),
    waits('alice', 0, { ahead: 'moderators' }),
  ]
  const order = (...events: ReadonlyArray<SpaceEvent>) =>
    lineOf(fold(spaceDecider, events), at()).map(({ place }) => place.subject)
  assert.equal(order(...all), ['alice', 'erin', 'dave'])
  assert.equal(order(...all, settled({ queue_order: 'arrival' })), ['dave', 'erin', 'alice'])
})
test('given a place, when its owner gives it up, a moderator takes it away, or its owner is banned or kicked, then it is gone', () => {
  const { leave, remove } = {
    leave: (subject: string) => ({ type: 'LeaveQueue', subject, reason: null }) as const,
    remove: (subject: string) => ({ type: 'LeaveQueue', subject, reason: 'jumping' }) as const,
  }
  const waiting = [...busy, waits('dave')]
  given(...waiting)
    .when(asked(dave, leave('dave')))
    .happens(gone('dave'))
  given(...waiting)
    .when(asked(erin, leave('dave')))
    .refuses({ _tag: 'Forbidden', needs: 'moderate' })
  given(...waiting)
    .when(asked(bob, remove('dave')))
    .happens(gone('dave', { why: 'removed', by: bob, note: 'jumping' }))
  given(...waiting)
    .when(asked(bob, ask.ban('dave')))
    .happens(banned('dave'), gone('dave', { why: 'banned', by: bob }))
  given(...busy)
    .when(asked(dave, leave('dave')))
    .happens()
})
test('given a room that the caller may not know of, when they give up a place, then it is as if there were no room, unless the place is their own', () => {
  const leave = { type: 'LeaveQueue', subject: 'dave', reason: null } as const
  for (const place of ['private', 'none'] as const)
    given(...busy)
      .when(asked(dave, leave, { place }))
      .refuses({ _tag: 'SpaceNotFound' })
  given(...busy, waits('dave'))
    .when(asked(dave, leave, { place: 'private' }))
    .happens(gone('dave'))
})
test('given a queue that is full, for the room or for a network’s guests, when another comes, then QueueIsFull', () => {
  given(...busy, settled({ queue_length: 1 }), waits('dave'))
    .when(asked(erin, ask.enter()))
    .refuses({ _tag: 'QueueIsFull', max: 1 })
  const [one, two] = [guest(1), guest(2)]
  given(...busy, settled({ guests_of_network: 1 }), waits(one.id, 0, { network: '00aa' }))
    .when(asked(two, ask.enter('main', '00aa')))
    .refuses({ _tag: 'QueueIsFull', max: 1 })
})
test('given a guest whose network has its share of the seats, when a seat is free, then others’ turns come first', () => {
  const room = [
    opened(),
    settled({ max_users: 2, queue: true, guests_of_network: 1 }),
    joinedFrom('00aa', guest(1).id),
    joined('carol'),
  ]
  const next = [waits(guest(2).id, 0, { network: '00aa' }), waits('dave')]
  given(...room, ...next)
    .when(asked(account('carol'), ask.leave('carol-1')))
    .happens(left('carol-1'), entered('dave'))
  given(...room, next[0]!)
    .when(asked(account('carol'), ask.leave('carol-1')))
    .happens(left('carol-1'), entered(guest(2).id, 0, '00aa'))
})
test('given a queue, when it is switched off, then nobody waits; when there are more seats, turns are given at once', () => {
  const waiting = [...busy, waits('dave'), waits('erin')]
  assert.is(fold(spaceDecider, [...waiting, settled({ queue: false })]).queue.size, 0)
  given(...waiting)
    .when(asked(bob, ask.settings({ max_users: 3 })))
    .happens(settled({ max_users: 3 }), entered('dave'), entered('erin'))
})
test('given places of people who do not ask again, when five minutes are over, then they are passed over', () => {
  given(...busy, waits('dave'), waits('erin', 100))
    .when(asked(account('carol'), ask.leave('carol-1'), { seconds: 300 }))
    .happens(
      left('carol-1', 'left', { seconds: 300 }),
      gone('dave', { why: 'expired', at: at(300) }),
      entered('erin', 300),
    )
})
test('given turns, then the expected wait follows from their pace, and is unknown before there were any', () => {
  const expected = (...events: ReadonlyArray<SpaceEvent>) =>
    lineOf(fold(spaceDecider, events), at(100)).map(({ expectedSeconds }) => expectedSeconds)
  const waiting = [...busy, waits('dave'), waits('erin'), waits('alice')]
  assert.equal(expected(...waiting), [null, null, null])
  assert.equal(expected(...waiting, left('carol-1'), entered('dave', 40)), [40, 80])
})
test('given a state with a queue, then its snapshot is the same state', () => {
  const state = fold(spaceDecider, [
    ...busy,
    waits('dave'),
    waits('erin'),
    left('carol-1'),
    entered('dave', 40),
  ])
  assert.equal(fromSnapshot(JSON.parse(JSON.stringify(toSnapshot(state)))), E.right(state))
})

/* ── whatever happens ───────────────────────────────────────────────────────────────────────────────────── */

const people = ['alice', 'dave', 'erin', 'frank', 'grace'].map((name) => account(name))
const guests = [1, 2, 3, 4].map(guest)
type Step = {
  readonly by: (typeof people)[number] | (typeof guests)[number]
  readonly what: number
  readonly pause: number
}
const anyStep: fc.Arbitrary<Step> = fc.record({
  by: fc.constantFrom(...people, ...guests),
  what: fc.nat(9),
  pause: fc.nat(40),
})
const commandOf = ({ by, what }: Step, turn: number): SpaceCommand => {
  if (what < 3) return ask.enter('main', by.kind === 'guest' ? '00aa' : undefined)
  if (what < 6) return ask.join(by.id, turn)
  if (what < 8) return ask.leave(`${by.id}-${turn}`)
  return what === 8 ? { type: 'LeaveQueue', subject: by.id, reason: null } : ask.expire
}
const RUNS = Number(process.env.PROPERTY_RUNS ?? 300)
type Seen = {
  readonly before: SpaceState
  readonly after: SpaceState
  readonly events: ReadonlyArray<SpaceEvent>
  readonly now: string
}
const always = (check: (seen: Seen) => void): void =>
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 80, size: 'max' }), (steps) => {
      let state = fold(spaceDecider, [opened(), settled({ max_users: 2, queue: true })])
      let seconds = 0
      for (const step of steps) {
        seconds += step.pause
        const own = state.own.get(step.by.id)?.[0]
        const turn = own === undefined ? seconds + 1 : Number(own.split('-').at(-1))
        const by = step.what === 9 ? system : step.by
        const decided = spaceDecider.decide(asked(by, commandOf(step, turn), { seconds }), state)
        if (E.isLeft(decided)) continue
        const before = spaceDecider.fork(state)
        state = fold(spaceDecider, decided.right, state)
        check({ before, after: state, events: decided.right, now: at(seconds) })
      }
    }),
    { numRuns: RUNS },
  )

test('whatever happens, no more people have seats than there are', () =>
  always(({ after, now }) => {
    const held = [...after.held.values()].filter(({ expiresAt }) => expiresAt > now)
    assert.ok(after.sessions.size + held.length <= after.settings.max_users)
  }))
test('whatever happens, nobody is lost or doubled: who waited waits, has a turn, is in, or gave up', () =>
  always(({ before, after, events }) => {
    for (const subject of before.queue.keys()) {
      const gaveUp = events.some(({ type, data }) => type === 'PlaceGivenUp' && data.subject === subject)
      const isSomewhere = [after.queue, after.held, after.own].filter((one) => one.has(subject)).length
      assert.ok(gaveUp || isSomewhere > 0, subject)
    }
    for (const subject of after.queue.keys()) assert.not(after.held.has(subject))
  }))
test('whatever happens, nobody has a turn before one who waits longer, but by their network’s share', () =>
  always(({ before, after, events, now }) => {
    const turns = events.flatMap(({ type, data }) =>
      type === 'EntryGranted' && before.queue.has(data.subject) ? [data] : [],
    )
    for (const turn of turns) {
      const line = lineOf(before, now).map(({ place }) => place)
      const earlier = line.slice(
        0,
        line.findIndex(({ subject }) => subject === turn.subject),
      )
      for (const one of earlier)
        assert.ok(
          !after.queue.has(one.subject) || one.subject.startsWith('guest:'),
          `${turn.subject} before ${one.subject}`,
        )
    }
  }))
test('whatever happens, no seat is free while somebody waits, once a command has changed something', () =>
  always(({ after, events, now }) => {
    if (events.length === 0 || after.queue.size === 0) return
    const free = after.settings.max_users - after.sessions.size - after.held.size
    assert.ok(free <= 0, `${free} free at ${now}`)
  }))
test.run()
