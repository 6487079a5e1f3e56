/** The outcome of every command by everyone in every state, as one table. A change of any rule shows here as a changed line. */
import { readFileSync, writeFileSync } from 'node:fs'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { codeOf } from '../refused.ts'
import { account, asked, at, type ContentKind, guest, opened, system } from '../testing/people.ts'
import { deepFreeze, fold } from '../testing/scenario.ts'
import * as ask from '../testing/space-commands.ts'
import {
  banned,
  entered,
  full,
  granted,
  joined,
  left,
  muted,
  settled,
  spoke,
} from '../testing/space-events.ts'
import type { SpaceCommand } from './commands.ts'
import { spaceDecider } from './decider.ts'
import type { SpaceEvent } from './events.ts'

const test = suite('every state with every command')
const seven = guest(7)
const box = { subspace: 'main', entityId: 'box' }

const ten = Array.from({ length: 10 }, (_, n) => joined('alice', n + 11))

const states: Readonly<Record<string, readonly [ContentKind, ReadonlyArray<SpaceEvent>]>> = {
  unused: ['public', []],
  open: ['public', [opened()]],
  private: ['private', [opened('private')]],
  'private, alice let in': ['private', [opened('private'), granted('alice', 'access')]],
  gone: ['none', [opened(), granted('alice', 'admin'), joined('alice')]],
  'alice in': ['public', [opened(), joined('alice')]],
  'alice speaking': ['public', [opened(), joined('alice'), spoke('alice-1')]],
  'alice’s hand is up': [
    'public',
    [opened(), joined('alice'), { type: 'HandRaised', data: { sessionId: 'alice-1', at: at() } }],
  ],
  'a seat held for alice': ['public', [opened(), entered('alice')]],
  full: ['public', [opened(), ...full]],
  'full, with a queue in which alice waits': [
    'public',
    [
      opened(),
      settled({ max_users: 1, queue: true }),
      joined('dave'),
      {
        type: 'PlaceTaken',
        data: { subject: 'alice', subspace: 'main', ahead: 'others', until: at(300), at: at() },
      },
    ],
  ],
  'full of seats held for guests': [
    'public',
    [opened(), settled({ max_users: 2 }), entered(guest(1).id), entered(guest(2).id)],
  ],
  'full of seats held for accounts': [
    'public',
    [opened(), settled({ max_users: 2 }), entered('dave'), entered('erin')],
  ],
  'the same, and alice was just here': [
    'public',
    [
      opened(),
      settled({ max_users: 2 }),
      joined('alice'),
      left('alice-1', 'disconnected', { returnBy: 120 }),
      entered('dave'),
      entered('erin'),
    ],
  ],
  'alice has ten sessions': ['public', [opened(), ...ten]],
  'alice banned': ['public', [opened(), banned('alice')]],
  'alice muted': ['public', [opened(), joined('alice'), muted('alice')]],
  'alice moderates': ['public', [opened(), granted('alice', 'moderate'), joined('dave')]],
  'alice administers': ['public', [opened(), granted('alice', 'admin'), joined('dave')]],
  'a stage, alice speaks on it': [
    'public',
    [
      opened(),
      settled({ stage: true }),
      joined('alice'),
      joined('dave'),
      { type: 'SpeakGranted', data: { sessionId: 'alice-1', by: account('carol'), at: at() } },
      spoke('alice-1'),
    ],
  ],
  'nine speak, and the SFU carries them': [
    'public',
    [
      opened(),
      ...Array.from({ length: 9 }, (_, n) => joined('alice', n + 1)),
      ...Array.from({ length: 9 }, (_, n) => spoke(`alice-${n + 1}`)),
      { type: 'VoiceRouted', data: { subspace: 'main', via: 'sfu', why: 'many', at: at() } },
      { type: 'VoiceCarried', data: { sessionId: 'alice-1', at: at() } },
    ],
  ],
  'alice’s box is pinned': [
    'public',
    [
      opened(),
      joined('alice'),
      {
        type: 'EntityPinned',
        data: {
          ...box,
          template: null,
          ownership: null,
          components: { color: 'red' },
          weight: 10,
          by: account('alice'),
          at: at(),
        },
      },
    ],
  ],
  'a filter': [
    'public',
    [
      opened(),
      {
        type: 'FilterSet',
        data: {
          filterId: 'often',
          looksFor: { kind: 'rate', count: 5, seconds: 10 },
          acts: ['mute'],
          muteSeconds: 60,
          by: account('carol'),
          at: at(),
        },
      },
    ],
  ],
  'a ban list that names alice': [
    'public',
    [
      opened(),
      joined('alice'),
      {
        type: 'BanListFollowed',
        data: {
          listId: 'theirs',
          source: { kind: 'space', space: 'document:1' },
          by: account('carol'),
          at: at(),
        },
      },
      {
        type: 'BanListChanged',
        data: {
          listId: 'theirs',
          added: [{ entity: 'alice', reason: null, from: 'document:1' }],
          removed: [],
          by: system,
          at: at(),
        },
      },
    ],
  ],
  'no guests': ['public', [opened(), settled({ guests_allowed: false })]],
  'no voice': ['public', [opened(), joined('alice'), settled({ voice_enabled: false })]],
}
const commands: ReadonlyArray<SpaceCommand> = [
  ask.enter(),
  ask.join('alice'),
  ask.leave('alice-1'),
  ask.move('alice-1', 'main-chess'),
  ask.voice('alice-1', true),
  ask.voice('alice-1', false),
  { type: 'RaiseHand', sessionId: 'alice-1' },
  { type: 'LowerHand', sessionId: 'alice-1' },
  { type: 'GrantSpeak', sessionId: 'alice-1' },
  { type: 'HandOnSpeak', sessionId: 'dave-1' },
  { type: 'TakeSpeak', sessionId: 'alice-1' },
  ask.grant('dave', 'moderate'),
  ask.grant('dave', 'admin'),
  ask.revoke('alice'),
  ask.ban('dave'),
  ask.unban('alice'),
  ask.mute('dave'),
  ask.unmute('alice'),
  ask.kick('dave-1'),
  ask.settings({ max_users: 9 }),
  { ...box, type: 'PinEntity', template: null, ownership: null, components: { color: 'red' } },
  { ...box, type: 'ChangeEntity', components: { color: 'blue' } },
  { ...box, type: 'UnpinEntity' },
  { type: 'LeaveQueue', subject: 'alice', reason: null },
  {
    type: 'SetFilter',
    filterId: 'rude',
    words: ['darn'],
    count: null,
    seconds: null,
    acts: ['hold'],
    muteSeconds: null,
  },
  { type: 'RemoveFilter', filterId: 'often' },
  {
    type: 'FollowBanList',
    listId: 'mine',
    source: { kind: 'owner' },
    entries: [{ entity: 'alice', reason: null, from: null }],
  },
  { type: 'FillBanList', listId: 'theirs', entries: [] },
  { type: 'LeaveBanList', listId: 'theirs' },
  {
    ...{
      type: 'KeepMotion',
      subspace: 'main',
      block: 'b',
      track: 't',
      number: 0,
      isLast: false,
      boot: 'boot-1',
    },
    ...{ from: at(0), to: at(1), movers: 1, ticks: 15, bytes: 99, root: 'r', keptUntil: at(86_400) },
  },
  { type: 'RouteVoice', subspace: 'main', hasSfu: false },
  { type: 'NoteVoice', sessionId: 'alice-1', carried: false },
  ask.expire,
]
const callers = { alice: account('alice'), bob: account('bob'), guest: seven, system }
const name = (command: SpaceCommand): string => {
  if (command.type === 'GrantPermission') return `${command.type} ${command.permission}`
  return command.type === 'SetVoice' ? `${command.type} ${command.enabled ? 'on' : 'off'}` : command.type
}

/** The outcome in a few words: the events' types, a refusal's code, or `nothing`. */
const outcome = (state: string, by: keyof typeof callers, command: SpaceCommand): string => {
  const [place, events] = states[state]!
  const before = deepFreeze(fold(spaceDecider, events))
  const decision = spaceDecider.decide(asked(callers[by], command, { place }), before)
  if (E.isLeft(decision)) return codeOf(decision.left)
  fold(spaceDecider, decision.right, fold(spaceDecider, events))
  return decision.right.map(({ type }) => type).join(' ') || 'nothing'
}
const table = (): ReadonlyArray<string> => {
  const rows = [`state | command | ${Object.keys(callers).join(' | ')}`]
  for (const state of Object.keys(states))
    for (const command of commands) {
      const by = Object.keys(callers) as ReadonlyArray<keyof typeof callers>
      rows.push(`${state} | ${name(command)} | ${by.map((who) => outcome(state, who, command)).join(' | ')}`)
    }
  return rows
}

const TABLE = new URL('./every-state.table.txt', import.meta.url)
test('given each state, when each command comes from each caller, then the outcome is what the table says', () => {
  // WRITE_TABLE=1 writes it anew: review the difference, since it is a change of the rules.
  if (process.env.WRITE_TABLE === '1') writeFileSync(TABLE, `${table().join('\n')}\n`)
  assert.equal(table(), readFileSync(TABLE, 'utf8').trim().split('\n'))
})
test.run()
