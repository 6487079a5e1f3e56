/** A stage: who may speak there, and how the right to speak passes from one to another. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { account, asked, at, guest, OWNER, opened, system } from '../testing/people.ts'
import { scenario } from '../testing/scenario.ts'
import { join, settings, voice } from '../testing/space-commands.ts'
import { fellSilent, granted, joined, left, muted, settled, spoke } from '../testing/space-events.ts'
import type { SpaceCommand } from './commands.ts'
import { spaceDecider } from './decider.ts'
import type { SpaceEvent } from './events.ts'

const given = scenario(spaceDecider, assert.equal)
const test = suite('a stage')
const [owner, alice, dave] = [account(OWNER), account('alice'), account('dave')]
const moment = (sessionId: string, by: typeof alice | ReturnType<typeof guest>) => ({
  sessionId,
  by: { kind: by.kind, id: by.id },
  at: at(),
})
const hasWord = (sessionId: string, by = owner, from?: string): SpaceEvent => ({
  type: 'SpeakGranted',
  data: { ...moment(sessionId, by), ...(from === undefined ? {} : { from }) },
})
const lost = (sessionId: string, by = owner): SpaceEvent => ({
  type: 'SpeakTaken',
  data: moment(sessionId, by),
})
const raised: SpaceEvent = { type: 'HandRaised', data: { sessionId: 'alice-1', at: at() } }
const grant: SpaceCommand = { type: 'GrantSpeak', sessionId: 'alice-1' }
const handOn = (sessionId: string): SpaceCommand => ({ type: 'HandOnSpeak', sessionId })
const take: SpaceCommand = { type: 'TakeSpeak', sessionId: 'alice-1' }
const staged = [opened(), settled({ stage: true }), joined('alice'), joined('dave')]

test('given a stage, when somebody without the word switches their voice on, then NotOnStage; with the word, or as a moderator, it is on', () => {
  const on = voice('alice-1', true)
  given(...staged)
    .when(asked(alice, on))
    .refuses({ _tag: 'NotOnStage' })
  given(...staged)
    .when(asked(system, on))
    .refuses({ _tag: 'NotOnStage' })
  given(...staged, hasWord('alice-1'))
    .when(asked(alice, on))
    .happens(spoke('alice-1'))
  given(...staged, granted('alice', 'moderate'))
    .when(asked(alice, on))
    .happens(spoke('alice-1'))
  given(...staged, hasWord('alice-1'), muted('alice'))
    .when(asked(alice, on))
    .refuses({ _tag: 'Muted', until: null })
  given(...staged, settled({ stage: false }))
    .when(asked(alice, on))
    .happens(spoke('alice-1'))
})
test('given a raised hand, when a moderator gives the word, then the hand is lowered with it; again, nothing; by others, Forbidden', () => {
  const lowered: SpaceEvent = { type: 'HandLowered', data: moment('alice-1', owner) }
  given(...staged, raised)
    .when(asked(owner, grant))
    .happens(hasWord('alice-1'), lowered)
  given(...staged, hasWord('alice-1'))
    .when(asked(owner, grant))
    .happens()
  for (const by of [alice, dave, guest(7)])
    given(...staged)
      .when(asked(by, grant))
      .refuses({ _tag: 'Forbidden', needs: 'moderate' })
  given(opened()).when(asked(owner, grant)).refuses({ _tag: 'SessionNotFound' })
})
test('given somebody with the word, when they hand it on, then only the other has it, and the giver’s voice stops', () => {
  given(...staged, hasWord('alice-1'), spoke('alice-1'))
    .when(asked(alice, handOn('dave-1')))
    .happens(lost('alice-1', alice), fellSilent('alice-1'), hasWord('dave-1', alice, 'alice-1'))
  given(...staged, hasWord('alice-1'), hasWord('dave-1'))
    .when(asked(alice, handOn('dave-1')))
    .happens()
  given(...staged, hasWord('alice-1'), granted('alice', 'moderate'), spoke('alice-1'))
    .when(asked(alice, handOn('dave-1')))
    .happens(lost('alice-1', alice), hasWord('dave-1', alice, 'alice-1'))
  given(...staged)
    .when(asked(alice, handOn('dave-1')))
    .refuses({ _tag: 'NotOnStage' })
  given(...staged, hasWord('alice-1'))
    .when(asked(alice, handOn('nobody')))
    .refuses({ _tag: 'SessionNotFound' })
})
test('given somebody with the word, when they give it up or a moderator above them takes it, then it is gone', () => {
  given(...staged, hasWord('alice-1'))
    .when(asked(alice, take))
    .happens(lost('alice-1', alice))
  given(...staged, hasWord('alice-1'), spoke('alice-1'))
    .when(asked(owner, take))
    .happens(lost('alice-1'), fellSilent('alice-1'))
  given(...staged, hasWord('alice-1'))
    .when(asked(dave, take))
    .refuses({ _tag: 'Forbidden', needs: 'moderate' })
  given(...staged, hasWord('alice-1'), granted('alice', 'moderate'), granted('dave', 'moderate'))
    .when(asked(dave, take))
    .refuses({ _tag: 'Forbidden', needs: 'admin' })
  given(...staged)
    .when(asked(alice, take))
    .happens()
})
test('given people who speak, when a stage is switched on, then the voices stop of those who are neither on it nor moderators', () => {
  const speaking: ReadonlyArray<SpaceEvent> = [
    ...[opened(), joined('alice'), joined('dave'), joined('erin')],
    ...[granted('dave', 'moderate'), hasWord('erin-1')],
    ...['alice-1', 'dave-1', 'erin-1'].map(spoke),
  ]
  given(...speaking)
    .when(asked(owner, settings({ stage: true })))
    .happens(settled({ stage: true }), fellSilent('alice-1'))
})
test('given somebody with the word, when they come back and replace their session, then they still have it', () => {
  given(...staged, hasWord('alice-1'))
    .when(asked(alice, join('alice', 2, { replaces: ['alice-1'] })))
    .happens(left('alice-1', 'disconnected'), joined('alice', 2), hasWord('alice-2', alice, 'alice-1'))
  given(...staged, hasWord('dave-1'))
    .when(asked(alice, join('alice', 2, { replaces: ['alice-1', 'dave-1'] })))
    .happens(left('alice-1', 'disconnected'), joined('alice', 2))
})
test('given a private space, when a stranger acts on its stage, then SpaceNotFound, whatever is there', () => {
  for (const command of [grant, take, handOn('alice-1'), handOn('x')])
    given(opened('private'), joined('alice'), hasWord('alice-1'))
      .when(asked(dave, command, { place: 'private' }))
      .refuses({ _tag: 'SpaceNotFound' })
})
test.run()
