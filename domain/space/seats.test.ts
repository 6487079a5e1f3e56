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
test('given the last seat held by another, when someone joins, then SpaceIsFull, and its holder may', () => {
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
test('given seats out of order by another clock, when it looks full, then those that ran out are found', () => {
  given(opened(), settled({ max_users: 2 }), entered('alice', 30), entered('carol', 0))
    .when(asked(dave, enter(), { seconds: 61 }))
    .happens(seatExpired('carol', 61), entered('dave', 61))
})
test('given a session, when its join comes again, then nothing; as another’s, Forbidden', () => {
  given(opened(), joined('alice'))
    .when(asked(alice, join('alice')))
    .happens()
  given(opened(), joined('alice'))
    .when(asked(dave, join('alice')))
    .refuses({ _tag: 'Forbidden', needs: 'self' })
})
test('given a session, when its socket joins another room, then it leaves the one before, even where full', () => {
  given(opened(), ...full)
    .when(asked(alice, join('alice', 2, { socketId: 'socket-alice-1', subspace: 'main-chess' })))
    .happens(left('alice-1'), {
      ...joined('alice', 2, 'main-chess'),
      data: { ...joined('alice', 2, 'main-chess').data, socketId: 'socket-alice-1' },
    })
})
test('given another’s socket, when someone joins by it, then Forbidden', () => {
  given(opened(), joined('alice'))
    .when(asked(dave, join('dave', 1, { socketId: 'socket-alice-1' })))
    .refuses({ _tag: 'Forbidden', needs: 'self' })
})
test('given a session, when the same account joins from a second socket, then it has two', () => {
  given(opened(), joined('alice'))
    .when(asked(alice, join('alice', 2)))
    .happens(joined('alice', 2))
})
test('given guests not allowed, when a guest enters, then GuestsNotAllowed, and an account may', () => {
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
test('given a ban with an end, when the banned one enters, then Banned until it is over', () => {
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
test('given max_users lowered below who is there, when someone new joins, then SpaceIsFull', () => {
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
test('when what is said of an avatar can’t be kept, then Invalid', () => {
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
