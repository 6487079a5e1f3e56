import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { account, asked, at, guest, OWNER, opened, system } from '../testing/people.ts'
import { scenario } from '../testing/scenario.ts'
import { leave, move, voice } from '../testing/space-commands.ts'
import { fellSilent, granted, joined, left, muted, settled, spoke } from '../testing/space-events.ts'
import { spaceDecider } from './decider.ts'

const given = scenario(spaceDecider, assert.equal)
const test = suite('sessions')
const alice = account('alice')
const dave = account('dave')

test('given a session, when its subject or the system ends it, then it ends; another’s, Forbidden', () => {
  const history = [opened(), joined('alice')]
  given(...history)
    .when(asked(alice, leave('alice-1')))
    .happens(left('alice-1'))
  given(...history)
    .when(asked(system, leave('alice-1', 'node-lost')))
    .happens(left('alice-1', 'node-lost', { returnBy: 120 }))
  given(...history)
    .when(asked(dave, leave('alice-1')))
    .refuses({ _tag: 'Forbidden', needs: 'self' })
  given(...history)
    .when(asked(alice, leave('alice-1', 'node-lost')))
    .refuses({ _tag: 'Forbidden', needs: 'owner' })
})
test('given a guest’s session, when an account with the same spelling uses it, then Forbidden', () => {
  const { id } = guest(7)
  given(opened(), joined(id))
    .when(asked(account(id), leave(`${id}-1`)))
    .refuses({ _tag: 'Forbidden', needs: 'self' })
})
test('given no session, when it is left, then nothing, and the space is not opened', () => {
  given(opened())
    .when(asked(alice, leave('alice-1')))
    .happens()
  given()
    .when(asked(alice, leave('alice-1')))
    .happens()
})
test('given content that is gone, when someone leaves, then they may', () => {
  given(opened(), joined('alice'))
    .when(asked(alice, leave('alice-1'), { place: 'none' }))
    .happens(left('alice-1'))
})
test('given a private space, when a stranger names a session, then SpaceNotFound, whether the session exists or not', () => {
  const history = [opened('private'), joined('carol')]
  for (const command of [leave('carol-1'), move('carol-1', 'main'), voice('carol-1', true), voice('x', true)])
    given(...history)
      .when(asked(dave, command, { place: 'private' }))
      .refuses({ _tag: 'SpaceNotFound' })
})
test('given a session, when it moves, then SessionMoved; to where it is already, nothing', () => {
  const moved = {
    type: 'SessionMoved',
    data: { sessionId: 'alice-1', from: 'main', to: 'main-chess', position: null, at: at() },
  } as const
  given(opened(), joined('alice'))
    .when(asked(alice, move('alice-1', 'main-chess')))
    .happens(moved)
  given(opened(), joined('alice'), moved)
    .when(asked(alice, move('alice-1', 'main-chess')))
    .happens()
  given(opened())
    .when(asked(alice, move('alice-1', 'main-chess')))
    .refuses({ _tag: 'SessionNotFound' })
})
test('given a session, when its voice is switched on and off, then it is, once each', () => {
  const history = [opened(), joined('alice')]
  given(...history)
    .when(asked(alice, voice('alice-1', true)))
    .happens(spoke('alice-1'))
  given(...history, spoke('alice-1'))
    .when(asked(alice, voice('alice-1', true)))
    .happens()
  given(...history, spoke('alice-1'))
    .when(asked(alice, voice('alice-1', false)))
    .happens(fellSilent('alice-1'))
  given(...history)
    .when(asked(alice, voice('alice-1', false)))
    .happens()
  given(...history)
    .when(asked(dave, voice('alice-1', true)))
    .refuses({ _tag: 'Forbidden', needs: 'self' })
})
test('given voice disabled or a mute, when a voice is switched on, then VoiceDisabled or Muted', () => {
  const on = asked(alice, voice('alice-1', true))
  given(opened(), joined('alice'), settled({ voice_enabled: false }))
    .when(on)
    .refuses({ _tag: 'VoiceDisabled' })
  given(opened(), joined('alice'), muted('alice', at(60)))
    .when(on)
    .refuses({ _tag: 'Muted', until: at(60) })
  given(opened(), joined('alice'), muted('alice', at(-1)))
    .when(on)
    .happens(spoke('alice-1'))
})

const raised = { type: 'HandRaised', data: { sessionId: 'alice-1', at: at() } } as const
const lowered = (by: typeof alice) =>
  ({ type: 'HandLowered', data: { sessionId: 'alice-1', by, at: at() } }) as const
const raise = { type: 'RaiseHand', sessionId: 'alice-1' } as const
const lower = { type: 'LowerHand', sessionId: 'alice-1' } as const

test('given a session, when its subject raises and lowers a hand, then it is up and down, each once', () => {
  given(opened(), joined('alice')).when(asked(alice, raise)).happens(raised)
  given(opened(), joined('alice'), raised).when(asked(alice, raise)).happens()
  given(opened(), joined('alice'), raised).when(asked(alice, lower)).happens(lowered(alice))
  given(opened(), joined('alice'), raised, lowered(alice)).when(asked(alice, lower)).happens()
})
test('given a raised hand, when others lower it, then only a moderator above its owner may', () => {
  const up = [opened(), joined('alice'), raised]
  given(...up)
    .when(asked(account(OWNER), lower))
    .happens(lowered(account(OWNER)))
  given(...up, granted('dave', 'moderate'))
    .when(asked(dave, lower))
    .happens(lowered(dave))
  given(...up, granted('dave', 'moderate'), granted('alice', 'moderate'))
    .when(asked(dave, lower))
    .refuses({ _tag: 'Forbidden', needs: 'admin' })
  given(...up)
    .when(asked(dave, lower))
    .refuses({ _tag: 'Forbidden', needs: 'moderate' })
  given(...up)
    .when(asked(dave, raise))
    .refuses({ _tag: 'Forbidden', needs: 'self' })
})
test('given no such session, when a hand is raised or lowered, then SessionNotFound; in a private space, SpaceNotFound', () => {
  for (const command of [raise, lower]) {
    given(opened()).when(asked(alice, command)).refuses({ _tag: 'SessionNotFound' })
    given(opened('private'), joined('alice'), raised)
      .when(asked(dave, command, { place: 'private' }))
      .refuses({ _tag: 'SpaceNotFound' })
  }
})
test.run()
