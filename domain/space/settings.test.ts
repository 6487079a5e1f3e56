import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { SettingsChanges } from '../settings.ts'
import { account, asked, guest, opened, system } from '../testing/people.ts'
import { fold, scenario } from '../testing/scenario.ts'
import { settings } from '../testing/space-commands.ts'
import { entered, fellSilent, joined, left, seatExpired, settled, spoke } from '../testing/space-events.ts'
import { spaceDecider } from './decider.ts'
import { ACCOUNTS_ONLY, AT_ONCE } from './endings.ts'
import type { SpaceEvent } from './events.ts'

const given = scenario(spaceDecider, assert.equal)
const test = suite('settings')
const bob = account('bob')

test('when settings change, then only what differs is an event', () => {
  given(opened(), settled({ settings: { sky: 'blue' } }))
    .when(asked(bob, settings({ max_users: 50, chat_enabled: false, settings: { sky: 'blue', fog: 1 } })))
    .happens(settled({ chat_enabled: false, settings: { fog: 1 } }))
})
test('when nothing differs, then there is no event', () => {
  given(opened(), settled({ settings: { sky: 'blue' } }))
    .when(asked(bob, settings({ max_users: 50, settings: { sky: 'blue', none: null } })))
    .happens()
  given(opened())
    .when(asked(bob, settings({})))
    .happens()
})
test('given a free setting, when it is set to null, then it is gone', () => {
  const state = fold(spaceDecider, [
    opened(),
    settled({ settings: { sky: 'blue', fog: 1 } }),
    settled({ settings: { sky: null } }),
  ])
  assert.equal(state.settings.settings, { fog: 1 })
})
test('given voices, when voice is switched off, then they all stop', () => {
  given(opened(), joined('alice'), spoke('alice-1'), joined('carol'))
    .when(asked(bob, settings({ voice_enabled: false })))
    .happens(settled({ voice_enabled: false }), fellSilent('alice-1'))
})
test('given guests inside, when guests are no longer allowed, then their sessions end and no seat is held for them', () => {
  const ghost = guest(1).id
  const waiting = guest(2).id
  const history = [
    opened(),
    joined('alice'),
    joined(ghost),
    joined(ghost, 2),
    entered(waiting),
    entered('carol'),
  ]
  const shownOut = (session: string) => left(session, 'kicked', { by: 'bob', note: ACCOUNTS_ONLY })
  given(...history)
    .when(asked(bob, settings({ guests_allowed: false })))
    .happens(
      settled({ guests_allowed: false }),
      shownOut(`${ghost}-1`),
      shownOut(`${ghost}-2`),
      seatExpired(waiting),
    )
  // Nobody leaves if they have an account, or if another setting is changed.
  given(...history)
    .when(asked(bob, settings({ max_users: 1 })))
    .happens(settled({ max_users: 1 }))
})
test('given more guests than one command ends, when seats are expired, then the rest end too', () => {
  const all = Array.from({ length: AT_ONCE + 3 }, (_, i) => joined(guest(i).id))
  const history = [opened(), settled({ max_users: 10_000 }), ...all]
  const first = given(...history).when(asked(bob, settings({ guests_allowed: false })))
  assert.ok(first.decision._tag === 'Right')
  assert.is(first.decision.right.length, 1 + AT_ONCE)
  const after = [...history, ...first.decision.right, entered(guest(9_000).id)]
  // An expired seat of a guest is freed once.
  const rest = given(...after).when(asked(system, { type: 'ExpireSeats' }, { seconds: 61 }))
  rest.types('SeatExpired', 'SessionLeft', 'SessionLeft', 'SessionLeft')
})
test('given more voices than one command stops, when seats are expired, then the rest stop too, and nothing else', () => {
  const names = Array.from({ length: 2 * AT_ONCE + 3 }, (_, i) => guest(i).id)
  const all = names.flatMap((name) => [joined(name), spoke(`${name}-1`)])
  let history: Array<SpaceEvent> = [opened(), settled({ max_users: 10_000 }), ...all]
  const sweep = asked(system, { type: 'ExpireSeats' })
  const rounds = [asked(bob, settings({ voice_enabled: false })), sweep, sweep, sweep].map((asking) => {
    const { decision } = given(...history).when(asking)
    assert.ok(decision._tag === 'Right')
    history = [...history, ...decision.right]
    return decision.right.length
  })
  assert.equal(rounds, [1 + AT_ONCE, AT_ONCE, 3, 0])
  const { sessions } = fold(spaceDecider, history)
  assert.is([...sessions.values()].filter(({ voice }) => voice).length, 0)
})
test('given guests who speak, when guests and voice are forbidden at once, then each is ended once, and no more at once than one append takes', () => {
  const few = [guest(1).id, guest(2).id]
  given(
    opened(),
    ...few.flatMap((name) => [joined(name), spoke(`${name}-1`)]),
    joined('carol'),
    spoke('carol-1'),
  )
    .when(asked(bob, settings({ guests_allowed: false, voice_enabled: false })))
    .happens(
      settled({ guests_allowed: false, voice_enabled: false }),
      ...few.map((name) => left(`${name}-1`, 'kicked', { by: 'bob', note: ACCOUNTS_ONLY })),
      fellSilent('carol-1'),
    )
  const guests = Array.from({ length: AT_ONCE - 1 }, (_, i) => joined(guest(i).id))
  const speakers = ['carol', 'dave', 'erin'].flatMap((name) => [joined(name), spoke(`${name}-1`)])
  const { decision } = given(opened(), settled({ max_users: 10_000 }), ...guests, ...speakers).when(
    asked(bob, settings({ guests_allowed: false, voice_enabled: false })),
  )
  assert.is(decision._tag === 'Right' && decision.right.length, 1 + AT_ONCE)
})
test('when a setting is out of bounds, then Invalid names it', () => {
  const deep = JSON.parse(`${'['.repeat(100)}${']'.repeat(100)}`)
  const cases: ReadonlyArray<[string, unknown, string]> = [
    ['max_users', 0, 'max_users'],
    ['max_users', 25_001, 'max_users'],
    ['max_users', 1.5, 'max_users'],
    ['max_users', Number.NaN, 'max_users'],
    ['slow_mode_seconds', -1, 'slow_mode_seconds'],
    ['slow_mode_seconds', 21_601, 'slow_mode_seconds'],
    ['chat_enabled', 'yes', 'chat_enabled'],
    ['guests_allowed', null, 'guests_allowed'],
    ['settings', [], 'settings'],
    ['settings', { deep }, 'settings'],
    ['settings', { big: 'x'.repeat(17_000) }, 'settings'],
    ['settings', { nul: '\0' }, 'settings'],
    ['settings', JSON.parse('{"__proto__": 1}'), 'settings'],
    ['owner; drop', 1, 'settings'],
  ]
  for (const [name, value, field] of cases) {
    const { decision } = given(opened()).when(asked(bob, settings({ [name]: value } as SettingsChanges)))
    assert.is(
      decision._tag === 'Left' && decision.left._tag === 'Invalid' && decision.left.field,
      field,
      name,
    )
  }
})
test('given free settings that nearly fill their limit, when more comes than fits, then Invalid', () => {
  given(opened(), settled({ settings: { a: 'x'.repeat(10_000) } }))
    .when(asked(bob, settings({ settings: { b: 'x'.repeat(10_000) } })))
    .refuses({
      _tag: 'Invalid',
      field: 'settings',
      detail: 'The settings are longer than 16384 characters of JSON.',
    })
})
test.run()
