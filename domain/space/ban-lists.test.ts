/** Ban lists: whom they keep out, what happens when one is followed, how Matrix's form is read and written, and laws of both. */
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RUNS } from '../testing/any.ts'
import { account, asked, at, guest, OWNER, opened, system } from '../testing/people.ts'
import { fold, scenario } from '../testing/scenario.ts'
import * as ask from '../testing/space-commands.ts'
import { granted, joined } from '../testing/space-events.ts'
import { type BanListSource, type ListedBan, listedIn, matches, policyOf, readPolicies } from './ban-list.ts'
import type { SpaceCommand } from './commands.ts'
import { spaceDecider } from './decider.ts'
import type { SpaceEvent } from './events.ts'
import { fromSnapshot, toSnapshot } from './snapshot.ts'

const given = scenario(spaceDecider, assert.equal)
const test = suite('ban lists')
const alice = account('alice')
const GIVEN: BanListSource = { kind: 'given', name: 'a friend' }

const entry = (entity: string, reason: string | null = null): ListedBan => ({ entity, reason, from: null })
const follow = (entries: ReadonlyArray<ListedBan>, source: BanListSource = GIVEN): SpaceCommand => ({
  type: 'FollowBanList',
  listId: 'friends',
  source,
  entries,
})
const followed = (source: BanListSource = GIVEN): SpaceEvent => ({
  type: 'BanListFollowed',
  data: { listId: 'friends', source, by: account(OWNER), at: at() },
})
const changed = (
  added: ReadonlyArray<ListedBan>,
  removed: ReadonlyArray<string> = [],
  by: { kind: 'account' | 'system'; id: string } = account(OWNER),
): SpaceEvent => ({ type: 'BanListChanged', data: { listId: 'friends', added, removed, by, at: at() } })
const bob = account(OWNER)

test('when an admin follows a list, then those whom it names are put out and may not enter, unless they have a role here', () => {
  const inside = [opened(), joined('alice'), joined('dave'), joined('erin'), granted('erin', 'access')]
  const entries = [entry('alice', 'spam'), entry('erin'), entry('guest:*')]
  given(...inside)
    .when(asked(bob, follow(entries)))
    .happens(followed(), changed(entries), {
      type: 'SessionLeft',
      data: { sessionId: 'alice-1', reason: 'banned', by: bob, note: 'spam', until: null, at: at() },
    })
  const listed = given(...inside, followed(), changed(entries))
  listed.when(asked(alice, ask.enter())).refuses({ _tag: 'Banned', until: null })
  listed.when(asked(guest(1), ask.enter())).refuses({ _tag: 'Banned', until: null })
  listed.when(asked(account('erin'), ask.enter())).types('EntryGranted')
  listed.when(asked(account('frank'), ask.enter())).types('EntryGranted')
  listed.when(asked(bob, { type: 'LeaveBanList', listId: 'friends' })).types('BanListLeft')
  given(...inside, followed(), changed(entries), {
    type: 'BanListLeft',
    data: { listId: 'friends', by: bob, at: at() },
  })
    .when(asked(guest(1), ask.enter()))
    .types('EntryGranted')
})

test('when a list is given again, then only what differs is an event; with the same entries, nothing', () => {
  const history = [opened(), followed(), changed([entry('alice', 'spam'), entry('dave')])]
  given(...history)
    .when(asked(bob, follow([entry('alice', 'spam'), entry('dave')])))
    .happens()
  given(...history)
    .when(asked(bob, follow([entry('alice', 'threats'), entry('frank')])))
    .happens(changed([entry('alice', 'threats'), entry('frank')], ['dave']))
})

test('when others than admins follow a list, or others than the owner all their bans, then they may not', () => {
  const people = [opened(), granted('alice', 'moderate'), granted('dave', 'admin')]
  given(...people)
    .when(asked(alice, follow([])))
    .refuses({ _tag: 'Forbidden', needs: 'admin' })
  given(...people)
    .when(asked(account('dave'), follow([], { kind: 'owner' })))
    .refuses({ _tag: 'Forbidden', needs: 'owner' })
  given(...people)
    .when(asked(bob, follow([], { kind: 'owner' })))
    .types('BanListFollowed')
})

test('when the system brings a list up to date, then one that was given stays, and one that is not followed is none', () => {
  const fill = (entries: ReadonlyArray<ListedBan>): SpaceCommand => ({
    type: 'FillBanList',
    listId: 'friends',
    entries,
  })
  const others: BanListSource = { kind: 'space', space: 'document:1' }
  given(opened(), followed(others))
    .when(asked(system, fill([entry('alice')])))
    .happens(changed([entry('alice')], [], system))
  given(opened(), followed())
    .when(asked(system, fill([entry('alice')])))
    .happens()
  given(opened())
    .when(asked(system, fill([entry('alice')])))
    .happens()
  given(opened(), followed(others))
    .when(asked(bob, fill([entry('alice')])))
    .refuses({ _tag: 'Forbidden', needs: 'owner' })
})

test('when there are more entries, patterns or lists than may be, then Invalid', () => {
  const many = Array.from({ length: 1_001 }, (_, n) => entry(`account${n}`))
  const patterns = Array.from({ length: 101 }, (_, n) => entry(`a${n}*`))
  for (const entries of [many, patterns])
    assert.is(given(opened()).when(asked(bob, follow(entries))).decision._tag, 'Left')
  const ten = Array.from(
    { length: 10 },
    (_, n): SpaceEvent => ({
      type: 'BanListFollowed',
      data: { listId: `list-${n}`, source: GIVEN, by: bob, at: at() },
    }),
  )
  assert.is(given(opened(), ...ten).when(asked(bob, follow([]))).decision._tag, 'Left')
})

test('given as many copied bans as there may be, with the longest reasons, while all whom they name are inside, then what is written fits into one append', () => {
  const names = Array.from({ length: 1_000 }, (_, n) => `spammer-${n}`)
  const from = `document:${'d'.repeat(255)}`
  const entries = names.map((name) => ({ entity: name, reason: '😀'.repeat(500), from }))
  const state = fold(spaceDecider, [
    opened(),
    followed({ kind: 'owner' }),
    ...names.slice(0, 200).map((name) => joined(name)),
  ])
  const fill = (from: typeof state) =>
    spaceDecider.decide(asked(system, { type: 'FillBanList', listId: 'friends', entries }), from)
  const decided = fill(state)
  assert.ok(E.isRight(decided))
  const written = E.isRight(decided) ? decided.right : []
  assert.is(written.filter(({ type }) => type === 'SessionLeft').length, 150)
  assert.ok(Buffer.byteLength(JSON.stringify(written)) < 1_000_000)
  const again = fill(written.reduce(spaceDecider.evolve, spaceDecider.fork(state)))
  assert.ok(E.isRight(again) && again.right.every(({ type }) => type === 'SessionLeft'))
})

test('given Matrix’s rules, then those about users of this server are read, and others skipped; rules that were written here can be read again', () => {
  const rule = (entity: string, more: object = {}) => ({
    type: 'm.policy.rule.user',
    state_key: `rule:${entity}`,
    content: { entity, reason: 'spam', recommendation: 'm.ban', ...more },
  })
  const read = readPolicies([
    rule('@alice:hive'),
    rule('@spam-*:hive'),
    rule('@guest=3a0123456789ab:hive'),
    rule('dave'),
    rule('@alice:example.org'),
    rule('*'),
    { ...rule('@erin:hive'), type: 'm.policy.rule.server' },
    rule('@erin:hive', { recommendation: 'm.allow' }),
    { type: 'm.policy.rule.user', state_key: 'rule:@frank:hive', content: {} },
  ])
  assert.equal(E.isRight(read) && read.right, {
    entries: [
      entry('alice', 'spam'),
      entry('spam-*', 'spam'),
      entry('guest:0123456789ab', 'spam'),
      entry('dave', 'spam'),
    ],
    passed: 5,
  })
  assert.ok(E.isLeft(readPolicies(['alice'])))
  const anyEntry = fc.record(
    {
      entity: fc.constantFrom('alice', 'abc.def-g', 'guest:0123456789ab', 'sp?m-*', 'service:bot-0123abcd'),
      reason: fc.option(fc.constantFrom('spam', 'threats')),
      from: fc.constant(null),
    },
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(fc.uniqueArray(anyEntry, { selector: ({ entity }) => entity }), (entries) => {
      assert.equal(readPolicies(entries.map(policyOf)), E.right({ entries, passed: 0 }))
    }),
    { numRuns: RUNS },
  )
})

test('a pattern stands for what its signs say', () => {
  const signs = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?'), maxLength: 8 })
  const names = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 12 })
  fc.assert(
    fc.property(signs, names, (pattern, name) => {
      const source = [...pattern].map((sign) =>
        sign === '*' ? '.*' : sign === '?' ? '.' : `\\u{${sign.codePointAt(0)!.toString(16)}}`,
      )
      assert.is(matches(pattern, name), new RegExp(`^${source.join('')}$`, 'u').test(name))
    }),
    { numRuns: RUNS * 5 },
  )
})

test('whatever lists are given one after another, the last is what is in force, a snapshot has it, and giving it again changes nothing', () => {
  const anyEntries = fc.uniqueArray(
    fc.record(
      {
        entity: fc.constantFrom('alice', 'dave', 'erin', 'guest:*', 'a*'),
        reason: fc.constantFrom(null, 'spam', 'threats'),
        from: fc.constant(null),
      },
      { noNullPrototype: true },
    ),
    { selector: ({ entity }) => entity },
  )
  fc.assert(
    fc.property(fc.array(anyEntries, { minLength: 1, maxLength: 6 }), (lists) => {
      let state = fold(spaceDecider, [opened(), joined('alice'), joined('dave')])
      for (const entries of lists) {
        const decision = spaceDecider.decide(asked(bob, follow(entries)), state)
        assert.ok(E.isRight(decision))
        for (const event of E.isRight(decision) ? decision.right : [])
          state = spaceDecider.evolve(state, event)
        const now = state.lists.get('friends')!.entries.map(({ at: _, ...rest }) => rest)
        const sorted = (all: ReadonlyArray<ListedBan>) =>
          [...all].sort((a, b) => (a.entity < b.entity ? -1 : 1))
        assert.equal(sorted(now), sorted(entries))
        assert.equal(spaceDecider.decide(asked(bob, follow(entries)), state), E.right([]))
        assert.equal(fromSnapshot(JSON.parse(JSON.stringify(toSnapshot(state)))), E.right(state))
        for (const subject of state.own.keys()) assert.is(listedIn(state.lists, subject), null)
      }
    }),
    { numRuns: RUNS },
  )
})
test.run()
