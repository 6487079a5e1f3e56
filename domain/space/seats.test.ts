import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { account, asked, at, guest, opened, system } from '../testing/people.ts'
import { scenario } from '../testing/scenario.ts'
import { enter, expire, join } from '../testing/space-commands.ts'
import {
  banned,
  entered,
  full,
  granted,
  joined,
  joinedFrom,
  left,
  MAX,
  seatExpired,
  settled,
} from '../testing/space-events.ts'
import { spaceDecider } from './decider.ts'

const given = scenario(spaceDecider, assert.equal)
const test = suite('seats')
const alice = account('alice')
const bob = account('bob')
const dave = account('dave')
const seven = guest(7)

test('given nothing, when someone enters, then the space opens and a seat is held for a minute', () => {
  given()
    .when(asked(alice, enter()))
    .happens({ ...opened(), data: { ...opened().data, at: at() } }, entered('alice'))
})
test('given a held seat, when its holder enters again later, then it is held for a minute from then', () => {
  given(opened(), entered('alice'))
    .when(asked(alice, enter(), { seconds: 30 }))
    .happens(entered('alice', 30))
})
test('given a held seat, when the same command comes again, then nothing', () => {
  given(opened(), entered('alice')).when(asked(alice, enter())).happens()
})
test('given a full space, when a guest joins or enters, then SpaceIsFull', () => {
  given(opened(), ...full)
    .when(asked(seven, join(seven.id)))
    .refuses({ _tag: 'SpaceIsFull', max: 2 })
  given(opened(), ...full)
    .when(asked(seven, enter()))
    .refuses({ _tag: 'SpaceIsFull', max: 2 })
})
test('given the last seat held for somebody, when another joins, then SpaceIsFull, and its holder may join', () => {
  const history = [opened(), settled({ max_users: 2 }), joined('carol'), entered('alice')]
  given(...history)
    .when(asked(dave, join('dave')))
    .refuses({ _tag: 'SpaceIsFull', max: 2 })
  given(...history)
    .when(asked(alice, join('alice')))
    .happens(joined('alice'))
})
test('given a held seat that ran out, when someone joins, then it is freed and taken', () => {
  given(opened(), settled({ max_users: 2 }), joined('carol'), entered('alice'))
    .when(asked(dave, join('dave'), { seconds: 60 }))
    .happens(seatExpired('alice', 60), joined('dave', 1, 'main', 60))
})
test('given seats out of order because of another clock, when the room looks full, then those that ran out are found', () => {
  given(opened(), settled({ max_users: 2 }), entered('alice', 30), entered('carol', 0))
    .when(asked(dave, enter(), { seconds: 61 }))
    .happens(seatExpired('carol', 61), entered('dave', 61))
})
test('given a session, when its join comes again, then nothing; from somebody else, Forbidden', () => {
  given(opened(), joined('alice'))
    .when(asked(alice, join('alice')))
    .happens()
  given(opened(), joined('alice'))
    .when(asked(dave, join('alice')))
    .refuses({ _tag: 'Forbidden', needs: 'self' })
})
test('given a session, when its socket joins another room, then it leaves the one before, even if the space is full', () => {
  given(opened(), ...full)
    .when(asked(alice, join('alice', 2, { socketId: 'socket-alice-1', subspace: 'main-chess' })))
    .happens(left('alice-1'), {
      ...joined('alice', 2, 'main-chess'),
      data: { ...joined('alice', 2, 'main-chess').data, socketId: 'socket-alice-1' },
    })
})
const crowd = (size: number, network?: string) =>
  Array.from({ length: size }, (_, n) => entered(guest(n + 1).id, 0, network))
const small = settled({ max_users: 6 })

test('given a room full of seats held for guests, when anybody actually joins, then the oldest of them gives way', () => {
  const history = [opened(), small, ...crowd(6)]
  for (const by of [alice, bob, seven])
    given(...history)
      .when(asked(by, join(by.id)))
      .happens(seatExpired(guest(1).id), joined(by.id))
  // Somebody for whom a seat is held takes that seat.
  given(...history)
    .when(asked(guest(3), join(guest(3).id)))
    .happens(joined(guest(3).id))
  // Somebody who only asks learns that it is full.
  given(...history)
    .when(asked(alice, enter()))
    .refuses({ _tag: 'SpaceIsFull', max: 6 })
})
test('given a room full of held seats, when its owner, a moderator or somebody who was just here enters, then a seat gives way', () => {
  const accounts = ['u-one', 'u-two', 'u-three', 'u-four', 'u-five'].map((name) => entered(name))
  const cut = left('dave-1', 'disconnected', { returnBy: 120 })
  const history = [opened(), small, granted('alice', 'moderate'), joined('dave'), cut]
  for (const seats of [crowd(6), [...accounts, entered('u-six')]])
    for (const by of [bob, alice, dave]) {
      const first = seats[0]!.data.subject
      given(...history, ...seats)
        .when(asked(by, enter()))
        .happens(seatExpired(first), entered(by.id))
      given(...history, ...seats)
        .when(asked(by, join(by.id)))
        .happens(seatExpired(first), joined(by.id))
    }
  // No moderator's seat is given up, and two minutes after leaving, somebody is treated like all others.
  given(...history, settled({ max_users: 1 }), entered('alice'))
    .when(asked(bob, enter()))
    .refuses({ _tag: 'SpaceIsFull', max: 1 })
  given(...history, ...crowd(6).map(({ data }) => entered(data.subject, 100)))
    .when(asked(dave, enter(), { seconds: 121 }))
    .refuses({ _tag: 'SpaceIsFull', max: 6 })
  // Somebody who was removed does not count as having just left.
  given(...history, joined('dave', 2), left('dave-2', 'kicked', { by: 'bob' }), ...crowd(6))
    .when(asked(dave, enter()))
    .refuses({ _tag: 'SpaceIsFull', max: 6 })
})
test('given five seats held from one network, when another enters from there, then the oldest of them gives way', () => {
  const history = [opened(), ...crowd(5, 'a1b2')]
  given(...history)
    .when(asked(seven, enter('main', 'a1b2')))
    .happens(seatExpired(guest(1).id), entered(seven.id, 0, 'a1b2'))
  for (const network of ['ffff', undefined])
    given(...history)
      .when(asked(seven, enter('main', network)))
      .happens(entered(seven.id, 0, network))
  // Somebody who has a seat keeps it, and expired seats do not count.
  given(...history)
    .when(asked(guest(1), enter('main', 'a1b2'), { seconds: 10 }))
    .happens(entered(guest(1).id, 10, 'a1b2'))
  given(...history)
    .when(asked(seven, enter('main', 'a1b2'), { seconds: 60 }))
    .types('SeatExpired', 'SeatExpired', 'SeatExpired', 'SeatExpired', 'SeatExpired', 'EntryGranted')
  // The owner's seat is not among those that are given up.
  given(opened(), entered('bob', 0, 'a1b2'), ...crowd(4, 'a1b2'))
    .when(asked(seven, enter('main', 'a1b2')))
    .happens(seatExpired(guest(1).id), entered(seven.id, 0, 'a1b2'))
})
/** `count` guests of that network in the room. */
const guestsFrom = (network: string, count: number, first = 100) =>
  Array.from({ length: count }, (_, n) => joinedFrom(network, guest(first + n).id))
const outOf = (subject: string) =>
  left(`${subject}-1`, 'kicked', { note: 'The room is full, and many guests of your network are in it.' })

test('given a room full of one network’s guests, when anybody else comes, then the newest of those gives way', () => {
  const history = [opened(), ...guestsFrom('a1b2', MAX)]
  const newest = outOf(guest(100 + MAX - 1).id)
  for (const by of [alice, bob])
    given(...history)
      .when(asked(by, join(by.id)))
      .happens(newest, joined(by.id))
  for (const by of [alice, bob])
    given(...history)
      .when(asked(by, enter('main', 'a1b2')))
      .happens(newest, entered(by.id, 0, 'a1b2'))
  given(...history)
    .when(asked(seven, join(seven.id, 1, { network: 'ffff' })))
    .happens(newest, joinedFrom('ffff', seven.id))
  // A guest who only asks, and one more guest of the same network, learn that it is full.
  const full = { _tag: 'SpaceIsFull', max: MAX } as const
  given(...history)
    .when(asked(seven, enter('main', 'ffff')))
    .refuses(full)
  given(...history)
    .when(asked(seven, join(seven.id, 1, { network: 'a1b2' })))
    .refuses(full)
})
test('given a school behind one address, when its accounts and its guests fill a room, then nobody gives way to them', () => {
  const history = [
    opened(),
    ...guestsFrom('a1b2', 40),
    ...Array.from({ length: 9 }, (_, n) => joined(`pupil-${n}`)),
  ]
  given(...history)
    .when(asked(seven, join(seven.id, 1, { network: 'a1b2' })))
    .happens(joinedFrom('a1b2', seven.id))
  // A room full of accounts is full, as before.
  given(opened(), ...Array.from({ length: MAX }, (_, n) => joined(`pupil-${n}`)))
    .when(asked(dave, join('dave')))
    .refuses({ _tag: 'SpaceIsFull', max: MAX })
  // The room's owner may allow one network all seats.
  given(opened(), settled({ guests_of_network: MAX, max_users: MAX * 2 }), ...guestsFrom('a1b2', MAX * 2))
    .when(asked(alice, join('alice')))
    .happens(outOf(guest(100 + MAX * 2 - 1).id), joined('alice'))
  given(
    opened(),
    settled({ guests_of_network: MAX }),
    ...guestsFrom('a1b2', MAX / 2),
    ...guestsFrom('ffff', MAX / 2, 900),
  )
    .when(asked(alice, join('alice')))
    .refuses({ _tag: 'SpaceIsFull', max: MAX })
})
test('given guests of several networks in a full room, when an account comes, then one of the network with the most gives way', () => {
  const history = [
    opened(),
    settled({ max_users: 30 }),
    ...guestsFrom('aaaa', 13),
    ...guestsFrom('bbbb', 10, 200),
    ...guestsFrom('cccc', 7, 300),
  ]
  given(...history)
    .when(asked(alice, join('alice')))
    .happens(outOf(guest(112).id), joined('alice'))
  // No network has more than its share, so the room is full.
  given(opened(), settled({ max_users: 20 }), ...guestsFrom('aaaa', 10), ...guestsFrom('bbbb', 10, 200))
    .when(asked(alice, join('alice')))
    .refuses({ _tag: 'SpaceIsFull', max: 20 })
  // If the limit is below the number of people inside, as many leave as necessary.
  given(...history, settled({ max_users: 28 }))
    .when(asked(alice, join('alice')))
    .happens(...[112, 111, 110].map((n) => outOf(guest(n).id)), joined('alice'))
})
test('given a small room, when one network’s guests fill it, then they keep half of it; all of it, behind a proxy that does not say where people come from', () => {
  given(opened(), settled({ max_users: 4 }), ...guestsFrom('a1b2', 4))
    .when(asked(bob, join('bob')))
    .happens(outOf(guest(103).id), joined('bob'))
  given(opened(), settled({ max_users: 4 }), ...guestsFrom('local', 4))
    .when(asked(bob, join('bob')))
    .refuses({ _tag: 'SpaceIsFull', max: 4 })
  given(opened(), ...guestsFrom('local', MAX))
    .when(asked(bob, join('bob')))
    .types('SessionLeft', 'SessionJoined')
})
test('given a guest of that network who was just here, when they come back, then they get a seat again; one who gave way does not', () => {
  const crowd = guestsFrom('a1b2', MAX - 1)
  const cut = left(`${seven.id}-1`, 'disconnected', { returnBy: 120 })
  given(opened(), joinedFrom('a1b2', seven.id), cut, ...crowd, joinedFrom('a1b2', guest(8).id))
    .when(asked(seven, join(seven.id, 2, { network: 'a1b2' })))
    .happens(outOf(guest(8).id), joinedFrom('a1b2', seven.id, 2))
  given(opened(), joinedFrom('a1b2', seven.id), outOf(seven.id), ...crowd, joined('alice'))
    .when(asked(seven, join(seven.id, 2, { network: 'a1b2' })))
    .refuses({ _tag: 'SpaceIsFull', max: MAX })
})
test('given ten sessions of one account or guest, when it joins again, then TooManySessions; others may', () => {
  for (const by of [alice, seven]) {
    const ten = Array.from({ length: 10 }, (_, n) => joined(by.id, n + 1))
    given(opened(), ...ten)
      .when(asked(by, join(by.id, 11)))
      .refuses({ _tag: 'TooManySessions', max: 10 })
    given(opened(), ...ten)
      .when(asked(by, join(by.id, 11, { replaces: [`${by.id}-4`] })))
      .types('SessionLeft', 'SessionJoined')
    given(opened(), ...ten)
      .when(asked(dave, join('dave')))
      .happens(joined('dave'))
    // Decided again under the rules of the time before that rule.
    const before = { ...asked(by, join(by.id, 11)), rules: 1 }
    given(opened(), ...ten)
      .when(before)
      .happens(joined(by.id, 11))
  }
})
test('given a session from before the connection was cut, when its client joins again, then the new session replaces it, even in a full room', () => {
  for (const by of [alice, seven]) {
    const [one, two] = [`${by.id}-1`, `${by.id}-2`]
    given(opened(), joined(by.id), joined('dave'), settled({ max_users: 2 }))
      .when(asked(by, join(by.id, 2, { replaces: [one] })))
      .happens(left(one, 'disconnected'), joined(by.id, 2))
    // Two stale sessions both end; another person's session, and one that has ended, stay as they are.
    given(opened(), joined(by.id), joined(by.id, 2), joined('dave'))
      .when(asked(by, join(by.id, 3, { replaces: ['dave-1', two, one, 'gone'] })))
      .happens(left(one, 'disconnected'), left(two, 'disconnected'), joined(by.id, 3))
  }
  given(opened(), joined('alice'), joined('dave'), settled({ max_users: 2 }))
    .when(asked(alice, join('alice', 2, { replaces: ['dave-1'] })))
    .refuses({ _tag: 'SpaceIsFull', max: 2 })
})
test('given a full room, when a guest, or a client that says it returns, joins again, then it takes its own seat', () => {
  const history = (id: string) => [opened(), joined(id), joined('carol'), settled({ max_users: 2 })]
  given(...history(seven.id))
    .when(asked(seven, join(seven.id, 2)))
    .happens(left(`${seven.id}-1`, 'disconnected'), joined(seven.id, 2))
  given(...history('alice'))
    .when(asked(alice, join('alice', 2, { returns: true })))
    .happens(left('alice-1', 'disconnected'), joined('alice', 2))
  // A second window of an account does not count as a return.
  given(...history('alice'))
    .when(asked(alice, join('alice', 2)))
    .refuses({ _tag: 'SpaceIsFull', max: 2 })
})
test('when a guest’s avatar has more than 1,024 characters, then Invalid; an account’s may have 16,384', () => {
  const avatarData = { look: 'x'.repeat(1_100) }
  const { decision } = given(opened()).when(asked(seven, join(seven.id, 1, { avatarData })))
  assert.is(
    decision._tag === 'Left' && decision.left._tag === 'Invalid' && decision.left.field,
    'avatar_data',
  )
  given(opened())
    .when(asked(alice, join('alice', 1, { avatarData })))
    .types('SessionJoined')
})
test('given another’s socket, when someone joins through it, then Forbidden', () => {
  given(opened(), joined('alice'))
    .when(asked(dave, join('dave', 1, { socketId: 'socket-alice-1' })))
    .refuses({ _tag: 'Forbidden', needs: 'self' })
})
test('given a session, when the same account joins from a second socket, then it has two', () => {
  given(opened(), joined('alice'))
    .when(asked(alice, join('alice', 2)))
    .happens(joined('alice', 2))
})
test('given a space without guests, when a guest enters, then GuestsNotAllowed, and an account may', () => {
  const history = [opened(), settled({ guests_allowed: false })]
  given(...history)
    .when(asked(seven, enter()))
    .refuses({ _tag: 'GuestsNotAllowed' })
  given(...history)
    .when(asked(seven, join(seven.id)))
    .refuses({ _tag: 'GuestsNotAllowed' })
  given(...history)
    .when(asked(alice, enter()))
    .happens(entered('alice'))
})
test('given a ban with an end, when the banned person enters, then Banned until it is over', () => {
  const history = [opened(), banned('alice', at(90))]
  given(...history)
    .when(asked(alice, enter(), { seconds: 89 }))
    .refuses({ _tag: 'Banned', until: at(90) })
  given(...history)
    .when(asked(alice, enter(), { seconds: 90 }))
    .types('EntryGranted')
})
test('given a private space, when a stranger, a guest or a banned stranger enters, then SpaceNotFound', () => {
  const history = [opened('private'), banned('dave')]
  for (const by of [alice, dave, seven])
    given(...history)
      .when(asked(by, enter(), { place: 'private' }))
      .refuses({ _tag: 'SpaceNotFound' })
})
test('given a private space, when its collaborator, its owner or a grantee enters, then they may', () => {
  const history = [opened('private'), granted('dave', 'access'), granted('erin', 'moderate')]
  for (const by of [account('carol'), bob, dave, account('erin')])
    given(...history)
      .when(asked(by, enter(), { place: 'private' }))
      .types('EntryGranted')
})
test('given content that is gone, when anyone enters, then SpaceNotFound', () => {
  for (const by of [alice, bob, seven])
    given(opened(), granted('alice', 'admin'))
      .when(asked(by, enter(), { place: 'none' }))
      .refuses({ _tag: 'SpaceNotFound' })
})
test('when the system enters or joins, then Forbidden: nobody is there to be seated', () => {
  given(opened()).when(asked(system, enter())).refuses({ _tag: 'Forbidden', needs: 'self' })
  given(opened())
    .when(asked(system, join('alice')))
    .refuses({ _tag: 'Forbidden', needs: 'self' })
})
test('given max_users below the number of people inside, when someone new joins, then SpaceIsFull', () => {
  given(opened(), joined('alice'), joined('carol'), joined('erin'), settled({ max_users: 1 }))
    .when(asked(dave, join('dave')))
    .refuses({ _tag: 'SpaceIsFull', max: 1 })
})
test('given nobody, when the default number of people join, then the next is refused', () => {
  const crowd = Array.from({ length: MAX }, (_, n) => joined(guest(n).id))
  given(opened(), ...crowd)
    .when(asked(alice, join('alice')))
    .refuses({ _tag: 'SpaceIsFull', max: MAX })
  given(opened(), ...crowd.slice(1))
    .when(asked(alice, join('alice')))
    .happens(joined('alice'))
})
test('given seats that ran out, when the system expires them, then only those are freed', () => {
  given(opened(), entered('alice'), entered('carol', 30))
    .when(asked(system, expire, { seconds: 60 }))
    .happens(seatExpired('alice', 60))
  given(opened(), entered('alice')).when(asked(bob, expire)).refuses({ _tag: 'Forbidden', needs: 'owner' })
  given().when(asked(system, expire)).happens()
})
test('when an avatar’s data can’t be kept, then Invalid', () => {
  const cases: ReadonlyArray<[string, unknown, string]> = [
    ['position', { x: Number.POSITIVE_INFINITY }, 'position'],
    ['position', { x: 'a\0' }, 'position'],
    ['position', JSON.parse('{"__proto__": {"x": 1}}'), 'position'],
    ['position', 'x'.repeat(2_000), 'position'],
    ['avatarData', '\ud800', 'avatar_data'],
    ['avatarData', 'x'.repeat(20_000), 'avatar_data'],
    ['subspace', 'elsewhere', 'space'],
  ]
  for (const [key, value, field] of cases) {
    const { decision } = given(opened()).when(asked(alice, join('alice', 1, { [key]: value })))
    assert.is(decision._tag === 'Left' && decision.left._tag === 'Invalid' && decision.left.field, field)
  }
})
test('when a guest claims a name, then it is kept as a claim and not as an account', () => {
  const claimed = { ...seven, claimed: 'alice' }
  const expected = joined(seven.id)
  given(opened())
    .when(asked(claimed, join(seven.id)))
    .happens({ ...expected, data: { ...expected.data, claimed: 'alice' } })
})
test.run()
