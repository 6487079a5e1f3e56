import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { account, asked, at, contentFor, guest, opened, system } from '../testing/people.ts'
import { fold, scenario } from '../testing/scenario.ts'
import { ban, enter, grant, kick, mute, revoke, settings, unban, unmute } from '../testing/space-commands.ts'
import {
  banned,
  entered,
  fellSilent,
  granted,
  joined,
  left,
  muted,
  revoked,
  seatExpired,
  settled,
  spoke,
} from '../testing/space-events.ts'
import { accessOf, groundsFor } from './access.ts'
import type { SpaceCommand } from './commands.ts'
import { spaceDecider } from './decider.ts'
import { AT_ONCE, AT_ONCE_WITH_WORDS } from './endings.ts'
import type { Role } from './events.ts'
import { fromSnapshot, toSnapshot } from './snapshot.ts'

const given = scenario(spaceDecider, assert.equal)
const test = suite('rights')
const bob = account('bob')
const seven = guest(7)

const ROLES = ['none', 'access', 'moderate', 'admin', 'owner'] as const
/** Who holds which role in the matrix below, as actor and as target. */
const actors = { none: 'actora', access: 'actorb', moderate: 'actorc', admin: 'actord', owner: 'bob' }
const targets = { none: 'targeta', access: 'targetb', moderate: 'targetc', admin: 'targetd', owner: 'bob' }
const everyRole = [
  opened(),
  granted('actorb', 'access'),
  granted('actorc', 'moderate'),
  granted('actord', 'admin'),
  granted('targetb', 'access'),
  granted('targetc', 'moderate'),
  granted('targetd', 'admin'),
  ...Object.values(targets).map((subject) => joined(subject)),
]
const level = (role: (typeof ROLES)[number]): number => ROLES.indexOf(role)

test('given every role, when each acts on each, then only on lower roles, and only as far as the role allows', () => {
  const acts: ReadonlyArray<[string, (target: string) => SpaceCommand, Role]> = [
    ['kick', (target) => kick(`${target}-1`), 'moderate'],
    ['ban', (target) => ban(target), 'moderate'],
    ['unban', unban, 'moderate'],
    ['mute', (target) => mute(target), 'moderate'],
    ['unmute', unmute, 'moderate'],
    ['grant access', (target) => grant(target, 'access'), 'admin'],
    ['grant moderate', (target) => grant(target, 'moderate'), 'admin'],
    ['grant admin', (target) => grant(target, 'admin'), 'owner'],
    ['revoke', revoke, 'admin'],
  ]
  for (const [name, act, needs] of acts)
    for (const actor of ROLES)
      for (const target of ROLES) {
        const { decision } = given(...everyRole).when(asked(account(actors[actor]), act(targets[target])))
        const may = level(actor) >= level(needs) && level(actor) > level(target)
        assert.is(E.isRight(decision), may, `${actor} ${name} ${target}`)
        if (E.isLeft(decision)) assert.is(decision.left._tag, 'Forbidden')
      }
})
test('given every role, when each changes settings, then only admins and owners may', () => {
  for (const actor of ROLES) {
    const { decision } = given(...everyRole).when(asked(account(actors[actor]), settings({ max_users: 9 })))
    assert.is(E.isRight(decision), level(actor) >= level('admin'), actor)
  }
})
test('given a banned moderator, when they act, even to lift the ban, then Banned', () => {
  for (const command of [unban('maria'), kick('alice-1'), mute('alice')])
    given(opened(), granted('maria', 'moderate'), banned('maria'), joined('alice'))
      .when(asked(account('maria'), command))
      .refuses({ _tag: 'Banned', until: null })
})
test('given two sessions, a voice and a held seat, when the account is banned, then all of it ends at once', () => {
  given(opened(), joined('alice'), joined('alice', 2), joined('carol'), entered('alice'))
    .when(asked(bob, ban('alice', at(60))))
    .happens(
      banned('alice', at(60)),
      left('alice-1', 'banned', { by: 'bob', until: at(60) }),
      left('alice-2', 'banned', { by: 'bob', until: at(60) }),
      seatExpired('alice'),
    )
})
test('given a guest, when they are banned, then that guest and no other', () => {
  given(opened(), joined(seven.id), joined(guest(8).id))
    .when(asked(bob, ban(seven.id)))
    .happens(banned(seven.id), left(`${seven.id}-1`, 'banned', { by: 'bob' }))
})
test('given a ban, when the same comes again, then nothing; on other terms, a new one', () => {
  given(opened(), banned('alice'))
    .when(asked(bob, ban('alice')))
    .happens()
  given(opened(), banned('alice'))
    .when(asked(bob, ban('alice', at(60))))
    .happens(banned('alice', at(60)))
})
test('given no ban in force, when it is lifted, then nothing', () => {
  given(opened())
    .when(asked(bob, unban('alice')))
    .happens()
  given(opened(), banned('alice', at(-1)))
    .when(asked(bob, unban('alice')))
    .happens()
  given(opened(), banned('alice'))
    .when(asked(bob, unban('alice')))
    .types('AccountUnbanned')
})
test('given the owner’s ban or mute, when a moderator or an admin lifts or changes it, then Forbidden; equals may', () => {
  const set = [opened(), granted('maria', 'moderate'), granted('mike', 'moderate'), granted('adam', 'admin')]
  const muted = { ...banned('alice'), type: 'AccountMuted' } as const
  for (const who of ['maria', 'adam'])
    for (const command of [unban('alice'), ban('alice', at(60)), unmute('alice'), mute('alice', at(60))])
      given(...set, banned('alice'), muted)
        .when(asked(account(who), command))
        .refuses({ _tag: 'Forbidden', needs: 'owner' })
  const byMike = { ...banned('alice'), data: { ...banned('alice').data, by: account('mike') } }
  given(...set, byMike)
    .when(asked(account('maria'), unban('alice')))
    .types('AccountUnbanned')
})
test('when the end of a ban is not a time, in the past, or without a zone, then Invalid', () => {
  for (const until of [
    'soon',
    at(-1),
    at(),
    '2026-04-01T00:00:00',
    '2026-06-31T00:00:00Z',
    '9999-12-31T23:59:59-10:00',
    7,
  ])
    assert.is(
      given(opened()).when(asked(bob, ban('alice', until as string))).decision._tag,
      'Left',
      String(until),
    )
  given(opened())
    .when(asked(bob, ban('alice', '2026-03-02T02:00:00+02:00')))
    .happens(banned('alice', '2026-03-02T00:00:00.000Z'))
})
test('when a reason is too long or not a text, then Invalid; an empty one counts as none', () => {
  for (const reason of ['x'.repeat(501), 'a\0b', '\udfff'])
    assert.is(given(opened()).when(asked(bob, { ...ban('alice'), reason })).decision._tag, 'Left')
  given(opened())
    .when(asked(bob, { ...ban('alice'), reason: '' }))
    .happens(banned('alice'))
})
test('given a voice, when its speaker is muted, then it stops', () => {
  given(opened(), joined('alice'), spoke('alice-1'), joined('alice', 2))
    .when(asked(bob, mute('alice')))
    .happens(muted('alice'), fellSilent('alice-1'))
  given(opened(), muted('alice'))
    .when(asked(bob, mute('alice')))
    .happens()
  given(opened(), muted('alice'))
    .when(asked(bob, unmute('alice')))
    .types('AccountUnmuted')
})
test('given a session, when it is kicked, then it is out and may come back; kicked again, nothing', () => {
  given(opened(), joined('alice'))
    .when(asked(bob, kick('alice-1', 'Too loud.')))
    .happens(left('alice-1', 'kicked', { by: 'bob', note: 'Too loud.' }))
  given(opened(), joined('alice'), left('alice-1', 'kicked'))
    .when(asked(bob, kick('alice-1')))
    .happens()
  given(opened(), joined('alice'), left('alice-1', 'kicked'))
    .when(asked(account('alice'), enter()))
    .types('EntryGranted')
})
test('given a permission, when the same is granted, then nothing; another, then that', () => {
  given(opened(), granted('alice', 'access'))
    .when(asked(bob, grant('alice', 'access')))
    .happens()
  given(opened(), granted('alice', 'admin'))
    .when(asked(bob, grant('alice', 'moderate')))
    .happens(granted('alice', 'moderate'))
})
test('when a permission is granted to a guest, or is none of the three, then Invalid', () => {
  for (const command of [grant(seven.id, 'access'), grant('alice', 'owner' as 'admin'), revoke(seven.id)])
    assert.is(given(opened()).when(asked(bob, command)).decision._tag, 'Left')
})
test('given somebody with more sessions than a ban ends at once, when seats are expired, then the rest end too; one that began since stays', () => {
  const many = Array.from({ length: AT_ONCE_WITH_WORDS + 2 }, (_, i) => joined('carol', i + 1))
  const history = [opened(), settled({ max_users: 10_000 }), ...many, joined('alice')]
  const first = given(...history).when(asked(bob, ban('carol'), { seconds: 60 }))
  assert.ok(first.decision._tag === 'Right')
  assert.is(first.decision.right.length, 1 + AT_ONCE_WITH_WORDS)
  const after = [...history, ...first.decision.right]
  const rest = [1, 2].map((n) => left(`carol-${AT_ONCE_WITH_WORDS + n}`, 'banned', { by: 'bob' }))
  const sweep = given(...after).when(asked(system, { type: 'ExpireSeats' }, { seconds: 62 }))
  sweep.types('SessionLeft', 'SessionLeft')
  assert.ok(sweep.decision._tag === 'Right')
  const data = sweep.decision.right.map((event) => event.type === 'SessionLeft' && event.data)
  assert.equal(
    data,
    rest.map((event) => ({ ...event.data, at: at(62) })),
  )
  // Somebody who has become the space's owner may be inside, banned or not.
  const owner = { ...joined('carol', 9_000), data: { ...joined('carol', 9_000).data, at: at(70) } }
  given(...after, ...sweep.decision.right, owner)
    .when(asked(system, { type: 'ExpireSeats' }, { seconds: 72 }))
    .happens()
})
test('given a private space, when access is revoked, then the sessions go too; in a public one they stay', () => {
  const history = [granted('alice', 'access'), joined('alice'), entered('alice')]
  given(opened('private'), ...history)
    .when(asked(bob, revoke('alice'), { place: 'private' }))
    .happens(revoked('alice', 'access'), left('alice-1', 'kicked', { by: 'bob' }), seatExpired('alice'))
  given(opened(), ...history)
    .when(asked(bob, revoke('alice')))
    .happens(revoked('alice', 'access'))
  given(opened())
    .when(asked(bob, revoke('alice')))
    .happens()
})
test('given somebody with more voices than a mute stops at once, when seats are expired, then the rest stop too; a session that began since may speak', () => {
  const voices = (n: number) => [joined('carol', n), spoke(`carol-${n}`)]
  const many = Array.from({ length: AT_ONCE + 2 }, (_, i) => voices(i + 1)).flat()
  const history = [opened(), settled({ max_users: 10_000 }), ...many, joined('alice'), spoke('alice-1')]
  const first = given(...history).when(asked(bob, mute('carol', at(120)), { seconds: 60 }))
  assert.ok(first.decision._tag === 'Right')
  assert.is(first.decision.right.length, 1 + AT_ONCE)
  const after = [...history, ...first.decision.right]
  const sweep = { type: 'ExpireSeats' } as const
  given(...after)
    .when(asked(system, sweep, { seconds: 62 }))
    .types('VoiceStopped', 'VoiceStopped')
  given(...after)
    .when(asked(system, sweep, { seconds: 120 }))
    .happens()
  // Somebody who has become the space's owner may speak, muted or not.
  given(opened(), muted('carol'), joined('carol', 1, 'main', 70), spoke('carol-1'))
    .when(asked(system, sweep, { seconds: 72 }))
    .happens()
})
test('given somebody with more sessions than a revocation ends at once, when seats are expired, then the rest end too, unless the permission is back', () => {
  const many = Array.from({ length: AT_ONCE_WITH_WORDS + 2 }, (_, i) => joined('dave', i + 1))
  const history = [opened('private'), granted('dave', 'access'), ...many, joined('carol')]
  const first = given(...history).when(asked(bob, revoke('dave'), { place: 'private' }))
  assert.ok(first.decision._tag === 'Right')
  assert.is(first.decision.right.length, 1 + AT_ONCE_WITH_WORDS)
  const after = [...history, ...first.decision.right]
  const sweep = asked(system, { type: 'ExpireSeats' }, { place: 'private' })
  const rest = [1, 2].map((n) => left(`dave-${AT_ONCE_WITH_WORDS + n}`, 'kicked', { by: 'bob' }))
  given(...after)
    .when(sweep)
    .happens(...rest)
  const woken = fromSnapshot(JSON.parse(JSON.stringify(toSnapshot(fold(spaceDecider, after)))))
  assert.equal(woken._tag === 'Right' && spaceDecider.decide(sweep, woken.right), E.right(rest))
  given(...after, ...rest)
    .when(sweep)
    .happens()
  given(...after, granted('dave', 'access'))
    .when(sweep)
    .happens()
})
test('given a private space, when a stranger tries anything, then SpaceNotFound, whatever they try', () => {
  const commands = [
    kick('x'),
    ban('alice'),
    unban('!'),
    mute('alice'),
    grant('alice', 'access'),
    revoke('alice'),
  ]
  for (const command of [...commands, unmute('alice'), settings({ max_users: -1 })])
    for (const by of [account('dave'), seven])
      given(opened('private'))
        .when(asked(by, command, { place: 'private' }))
        .refuses({ _tag: 'SpaceNotFound' })
})
test('given the content’s many owners, when an admin acts on one, then Forbidden', () => {
  const ask = asked(account('actord'), ban('root-admin'))
  given(...everyRole)
    .when({ ...ask, content: { ...ask.content, owners: ['root-admin'] } })
    .refuses({ _tag: 'Forbidden', needs: 'owner' })
})
test('given a ban on somebody who now owns the space, when they enter, then the ban is not in force', () => {
  given(opened(), banned('bob')).when(asked(bob, enter())).types('EntryGranted')
})
test('when the system acts, then it may', () => {
  given(...everyRole)
    .when(asked(system, ban('targetd')))
    .types('AccountBanned', 'SessionLeft')
})
test('the grounds name the role and where it comes from', () => {
  const state = fold(spaceDecider, [opened(), granted('maria', 'moderate'), granted('carol', 'admin')])
  const cases: ReadonlyArray<
    [Parameters<typeof contentFor>[0], 'public' | 'private' | 'none', string, string]
  > = [
    [bob, 'public', 'owner', 'content'],
    [account('maria'), 'public', 'moderate', 'grant'],
    [account('carol'), 'private', 'admin', 'grant'],
    [account('dave'), 'public', 'none', 'public'],
    [seven, 'private', 'none', 'none'],
    [bob, 'none', 'none', 'none'],
    [system, 'none', 'system', 'system'],
  ]
  for (const [by, place, role, via] of cases)
    assert.equal(groundsFor(state, { id: 'c', by, at: at(), content: contentFor(by, place) }), { role, via })
})
test('access answers for the time it is asked about', () => {
  const state = fold(spaceDecider, [opened(), banned('alice', at(10)), muted('alice', at(20))])
  const alice = account('alice')
  const when = (seconds: number) => accessOf(state, alice, contentFor(alice), at(seconds))
  assert.is(when(9).ban?.until, at(10))
  assert.is(when(10).ban, null)
  assert.is(when(19).mute?.until, at(20))
  assert.is(when(20).mute, null)
  assert.ok(E.isRight(when(10).mayEnter))
})
test.run()
