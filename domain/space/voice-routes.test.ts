/** When a room's voice goes through the SFU and when it goes back, and what the SFU's reports change. */
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { account, asked, at, OWNER, opened, system } from '../testing/people.ts'
import { fold, scenario } from '../testing/scenario.ts'
import { fellSilent, joined, left, spoke } from '../testing/space-events.ts'
import type { SpaceCommandOf } from './commands.ts'
import { spaceDecider } from './decider.ts'
import type { SpaceEvent } from './events.ts'
import { fromSnapshot, toSnapshot } from './snapshot.ts'

const given = scenario(spaceDecider, assert.equal)
const test = suite('how a room’s voice goes')

const people = (count: number, subspace = 'main'): ReadonlyArray<SpaceEvent> =>
  Array.from({ length: count }, (_, n) => joined(`p${n}-${subspace}`, 1, subspace))
const speak = (count: number, subspace = 'main'): ReadonlyArray<SpaceEvent> =>
  Array.from({ length: count }, (_, n) => spoke(`p${n}-${subspace}-1`))
const silent = (count: number): ReadonlyArray<SpaceEvent> =>
  Array.from({ length: count }, (_, n) => fellSilent(`p${n}-main-1`))
const route = (hasSfu = true, subspace = 'main'): SpaceCommandOf<'RouteVoice'> => ({
  type: 'RouteVoice',
  subspace,
  hasSfu,
})
const routed = (via: 'sfu' | 'mesh', why: 'many' | 'few' | 'sfu-lost', subspace = 'main'): SpaceEvent => ({
  type: 'VoiceRouted',
  data: { subspace, via, why, at: at() },
})
const lookedAfter = (seconds: number, ...events: ReadonlyArray<SpaceEvent>) =>
  given(opened(), ...events).when(asked(system, route(), { seconds }))
const looked = (...events: ReadonlyArray<SpaceEvent>) => lookedAfter(0, ...events)
const back = (seconds: number): SpaceEvent => ({
  type: 'VoiceRouted',
  data: { subspace: 'main', via: 'mesh', why: 'few', at: at(seconds) },
})

test('given eight who speak, then nothing; given nine, then the room’s voice goes through the SFU, once', () => {
  looked(...people(9), ...speak(8)).happens()
  looked(...people(9), ...speak(9)).happens(routed('sfu', 'many'))
  looked(...people(9), ...speak(9), routed('sfu', 'many')).happens()
})
test('given thirty who listen, then nothing; given thirty-one, then only if somebody speaks', () => {
  looked(...people(31), ...speak(1)).happens()
  looked(...people(32)).happens()
  looked(...people(32), ...speak(1)).happens(routed('sfu', 'many'))
})
test('given a room on the SFU, when it has a few people fewer than brought it there, then it stays; when it has clearly fewer, then it goes back', () => {
  const many = [...people(9), ...speak(9), routed('sfu', 'many')]
  lookedAfter(60, ...many, ...silent(2)).happens()
  lookedAfter(60, ...many, ...silent(3)).happens(back(60))
  const heard = [...people(32), ...speak(1), routed('sfu', 'many')]
  const gone = (count: number) => Array.from({ length: count }, (_, n) => left(`p${31 - n}-main-1`))
  lookedAfter(60, ...heard, ...gone(6)).happens()
  lookedAfter(60, ...heard, ...gone(7)).happens(back(60))
})
test('given a room that came to the SFU just now, when it has few people, then it stays for ten seconds', () => {
  const few = [...people(9), ...speak(9), routed('sfu', 'many'), ...silent(9)]
  lookedAfter(9, ...few).happens()
  lookedAfter(10, ...few).happens(back(10))
})
test('given an SFU that does not answer, then a room on it is a mesh again, and no room goes there', () => {
  const many = [...people(9), ...speak(9)]
  given(opened(), ...many, routed('sfu', 'many'))
    .when(asked(system, route(false)))
    .happens(routed('mesh', 'sfu-lost'))
  given(opened(), ...many)
    .when(asked(system, route(false)))
    .happens()
})
test('given two rooms of a space, then each goes its own way', () => {
  const side = 'main-side'
  given(opened(), ...people(9, side), ...speak(9, side))
    .when(asked(system, route()))
    .happens()
  given(opened(), ...people(9, side), ...speak(9, side))
    .when(asked(system, route(true, side)))
    .happens(routed('sfu', 'many', side))
})
test('given people, then they can’t route a voice, nor report for the SFU', () => {
  given(opened(), ...people(9), ...speak(9))
    .when(asked(account(OWNER), route()))
    .refuses({ _tag: 'Forbidden', needs: 'owner' })
  given(opened(), ...people(1))
    .when(asked(account('p0-main'), { type: 'NoteVoice', sessionId: 'p0-main-1', carried: true }))
    .refuses({ _tag: 'Forbidden', needs: 'owner' })
})
test('given a report of the SFU, then it is on the log once; late, twice or about nobody, nothing', () => {
  const note = (carried: boolean) =>
    ({ type: 'NoteVoice', sessionId: 'alice-1', carried }) satisfies SpaceCommandOf<'NoteVoice'>
  const carried: SpaceEvent = { type: 'VoiceCarried', data: { sessionId: 'alice-1', at: at() } }
  const not: SpaceEvent = { type: 'VoiceNotCarried', data: { sessionId: 'alice-1', at: at() } }
  const reported = (...events: ReadonlyArray<SpaceEvent>) => given(opened(), ...events)
  reported(joined('alice'))
    .when(asked(system, note(true)))
    .happens(carried)
  reported(joined('alice'), carried)
    .when(asked(system, note(true)))
    .happens()
  reported(joined('alice'), carried)
    .when(asked(system, note(false)))
    .happens(not)
  reported(joined('alice'), carried, not)
    .when(asked(system, note(false)))
    .happens()
  reported(joined('alice'), left('alice-1'))
    .when(asked(system, note(true)))
    .happens()
})
test('given a room on the SFU, when its state is stored and loaded, then it is still there', () => {
  const state = fold(spaceDecider, [opened(), ...people(9), ...speak(9), routed('sfu', 'many')])
  const loaded = fromSnapshot(JSON.parse(JSON.stringify(toSnapshot(state))))
  assert.ok(E.isRight(loaded) && loaded.right.routes.has('main'))
})

test.run()
