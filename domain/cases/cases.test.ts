import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { codeOf } from '../refused.ts'
import {
  act,
  acted,
  appeal,
  appealed,
  ask,
  CASE,
  caseOpened,
  close,
  closed,
  decide,
  filed,
  heard,
  MESSAGE,
  person,
  report,
  take,
  taken,
  theMessage,
} from '../testing/cases.ts'
import { account, at, guest, system } from '../testing/people.ts'
import { deepFreeze, fold, scenario } from '../testing/scenario.ts'
import { banned, muted } from '../testing/space-events.ts'
import type { CaseCommand } from './commands.ts'
import { casesDecider } from './decider.ts'
import type { CaseEvent } from './events.ts'
import { fromSnapshot, toSnapshot } from './snapshot.ts'
import {
  type CasesState,
  MAX_CLOSED,
  MAX_OF_ACCOUNT,
  MAX_OF_GUEST,
  MAX_OF_NETWORK,
  MAX_OPEN,
  MAX_REPORTERS,
} from './state.ts'

const given = scenario(casesDecider, assert.equal)
const test = suite('cases')
const [bob, carol, dave, erin] = [account('bob'), account('carol'), account('dave'), account('erin')]
const [frank, grace, heidi] = [account('frank'), account('grace'), account('heidi')]
const note = { type: 'NoteCase', caseId: CASE, words: 'Not the first time.' } as const
const NOT_FOUND = { _tag: 'CaseNotFound' } as const
const MINE = [caseOpened(), filed(), taken()]
const DONE = [...MINE, acted(), closed()]

// ── reports ────────────────────────────────────────────────────────────────────────────────────────────────

test('given a message, when somebody reports it, then a case is opened with that moment', () => {
  given().when(ask(carol, report())).happens(caseOpened(), filed())
})
test('given a person, when somebody reports them, then a case is opened about the person', () => {
  given()
    .when(ask(carol, report({ target: person('dave') })))
    .happens(caseOpened('dave', { about: { kind: 'person' } }), filed())
})
test('given a pinned entity, when it is reported, then the case is about whoever pinned it; one that does not exist is not found', () => {
  const entity = { kind: 'entity', entityId: 'statue', subspace: 'main' } as const
  const pin = { ...entity, template: null, ownership: null, components: {}, weight: 2 }
  const { kind: _, ...pinned } = pin
  const space = [{ type: 'EntityPinned', data: { ...pinned, by: dave, at: at() } } as const]
  given()
    .when(ask(carol, report({ target: entity }), { space }))
    .happens(caseOpened('dave', { about: entity }), filed())
  given(caseOpened('dave', { about: entity }), filed())
    .when(ask(carol, report({ target: entity }), { space }))
    .happens()
  given()
    .when(ask(carol, report({ target: entity })))
    .refuses({ _tag: 'EntityNotFound' })
  const own = given().when(ask(dave, report({ target: entity }), { space })).decision
  assert.is(E.isLeft(own) ? codeOf(own.left) : 'accepted', 'invalid_entity_id')
})
test('given an open case, when somebody else reports the same, then the report joins the case; a second one by the first reporter changes nothing', () => {
  given(caseOpened(), filed())
    .when(ask(heidi, report({ caseId: 'another', reportId: 'report-2' })))
    .happens(filed('heidi', { reportId: 'report-2' }))
  given(caseOpened(), filed())
    .when(ask(carol, report({ words: 'Again!' })))
    .happens()
})
test('given a case that was closed, when the same is reported, then another case is opened', () => {
  given(...MINE, closed('erin', 'dismissed'))
    .when(ask(carol, report({ caseId: 'case-2' })))
    .types('CaseOpened', 'ReportFiled')
})
test('given something that can’t be reported, then the refusal says why', () => {
  const refuses = (asked: Parameters<typeof ask>, code: string) => {
    const { decision } = given().when(ask(...asked))
    assert.is(E.isLeft(decision) ? codeOf(decision.left) : 'accepted', code)
  }
  refuses([dave, report()], 'invalid_message_id')
  refuses([dave, report({ target: person('dave') })], 'invalid_subject')
  refuses([carol, report({ target: person('No Name') })], 'invalid_subject')
  refuses([carol, report({ target: { kind: 'message', messageId: 'x' } })], 'invalid_message_id')
  refuses([carol, report(), { chat: [] }], 'message_not_found')
  refuses([carol, report({ words: 'x'.repeat(1_001) })], 'invalid_text')
  refuses([carol, report({ words: 'a\0b' })], 'invalid_text')
  refuses([heidi, report(), { place: 'private' }], 'space_not_found')
  refuses([heidi, report(), { place: 'none' }], 'space_not_found')
  refuses([carol, report(), { space: [banned('carol')] }], 'banned')
  refuses([system, report()], 'forbidden')
})
test('given somebody who is muted, then they may still report', () => {
  given()
    .when(ask(carol, report(), { space: [muted('carol')] }))
    .types('CaseOpened', 'ReportFiled')
})
test('given as many open reports as one caller, network or space may have, then another is refused until a case is closed', () => {
  const openAbout = (n: number, reporter: string, network?: string): ReadonlyArray<CaseEvent> => [
    caseOpened(`someone${n}`, { caseId: `other-${n}`, about: { kind: 'person' } }),
    filed(reporter, { caseId: `other-${n}`, ...(network === undefined ? {} : { network }) }),
  ]
  const many = (n: number, reporter: (n: number) => string, network?: string) =>
    Array.from({ length: n }, (_, i) => openAbout(i, reporter(i), network)).flat()
  const ofCarol = many(MAX_OF_ACCOUNT, () => 'carol')
  given(...ofCarol)
    .when(ask(carol, report()))
    .refuses({ _tag: 'TooManyReports', max: MAX_OF_ACCOUNT })
  given(...ofCarol, {
    type: 'CaseClosed',
    data: { caseId: 'other-0', outcome: 'dismissed', rule: null, reason: null, by: erin, at: at() },
  })
    .when(ask(carol, report()))
    .types('CaseOpened', 'ReportFiled')
  const seven = guest(7)
  given(...many(MAX_OF_GUEST, () => seven.id))
    .when(ask(seven, report()))
    .refuses({ _tag: 'TooManyReports', max: MAX_OF_GUEST })
  const ofNetwork = many(MAX_OF_NETWORK, (n) => guest(n + 100).id, 'a1b2')
  given(...ofNetwork)
    .when(ask(seven, report({ network: 'a1b2' })))
    .refuses({ _tag: 'TooManyReports', max: MAX_OF_NETWORK })
  given(...ofNetwork)
    .when(ask(seven, report({ network: 'c3d4' })))
    .types('CaseOpened', 'ReportFiled')
  const full = many(MAX_OPEN, (n) => `reporter${n}`)
  given(...full)
    .when(ask(carol, report()))
    .refuses({ _tag: 'TooManyReports', max: MAX_OPEN })
  given(...full.slice(0, MAX_OPEN))
    .when(ask(seven, report()))
    .refuses({ _tag: 'TooManyReports', max: MAX_OPEN / 2 })
})
test('given a case with as many reporters as are kept, then a further report is accepted and not kept', () => {
  const all = Array.from({ length: MAX_REPORTERS }, (_, n) => filed(`reporter${n}`))
  given(caseOpened(), ...all)
    .when(ask(carol, report()))
    .happens()
})

// ── handling ───────────────────────────────────────────────────────────────────────────────────────────────

test('given a case, when a moderator handles it, then it is taken, noted, acted on and closed', () => {
  given(caseOpened(), filed()).when(ask(erin, take)).happens(taken())
  given(...MINE)
    .when(ask(erin, take))
    .happens()
  given(...MINE)
    .when(ask(frank, take))
    .happens(taken('frank'))
  given(...MINE)
    .when(ask(frank, note))
    .types('CaseNoted')
  given(...MINE)
    .when(ask(erin, act()))
    .happens(acted())
  given(...MINE, acted())
    .when(ask(erin, close()))
    .types('CaseClosed')
  given(...MINE)
    .when(ask(erin, close({ outcome: 'dismissed', reason: null })))
    .types('CaseClosed')
})
test('given a case that nobody or somebody else has taken, then it can be neither acted on nor closed', () => {
  for (const events of [[caseOpened()], [caseOpened(), taken('frank')]])
    for (const command of [act(), close()])
      given(...events)
        .when(ask(erin, command))
        .refuses({ _tag: 'CaseNotTaken' })
})
test('given an outcome that does not match what was done, or no rule or reason, then it is refused', () => {
  const code = (events: ReadonlyArray<CaseEvent>, command: CaseCommand) => {
    const { decision } = given(...events).when(ask(erin, command))
    return E.isLeft(decision) ? codeOf(decision.left) : 'accepted'
  }
  assert.is(code(MINE, close()), 'invalid_outcome')
  assert.is(code([...MINE, acted()], close({ outcome: 'dismissed' })), 'invalid_outcome')
  assert.is(code([...MINE, acted()], close({ rule: ' ' })), 'invalid_rule')
  assert.is(code([...MINE, acted()], close({ reason: null })), 'invalid_reason')
  assert.is(code(MINE, act({ rule: 'x'.repeat(101) })), 'invalid_rule')
  assert.is(code(MINE, act({ reason: '' })), 'invalid_reason')
  assert.is(code(DONE, close()), 'case_closed')
  assert.is(code(DONE, take), 'case_closed')
})
test('given a case that a moderator opened without a report, then the receipt does not show whether there was a report', () => {
  const open = { type: 'OpenCase', caseId: CASE, target: theMessage } as const
  given().when(ask(erin, open)).types('CaseOpened')
  given(caseOpened()).when(ask(erin, open)).happens()
  given().when(ask(carol, open)).refuses({ _tag: 'Forbidden', needs: 'moderate' })
  given()
    .when(ask(erin, { ...open, target: person('grace') }))
    .refuses({ _tag: 'Forbidden', needs: 'owner' })
})

// ── secrecy ────────────────────────────────────────────────────────────────────────────────────────────────

const HANDLING: ReadonlyArray<CaseCommand> = [take, note, act(), close(), decide()]
test('given a case about somebody, then for strangers, equals and themselves it is as if it did not exist', () => {
  for (const subject of ['dave', 'erin', 'grace', 'bob'])
    for (const by of [carol, dave, erin, frank, grace, bob, guest(7)]) {
      const outranks =
        subject === 'dave'
          ? [erin, frank, grace, bob]
          : subject === 'erin'
            ? [grace, bob]
            : subject === 'grace'
              ? [bob]
              : []
      if (outranks.some(({ id }) => id === by.id)) continue
      for (const command of HANDLING) {
        given(caseOpened(subject), filed(), taken(by.id), acted('heidi'), { ...appealed })
          .when(ask(by, command))
          .refuses(NOT_FOUND)
        given().when(ask(by, command)).refuses(NOT_FOUND)
      }
    }
})
test('given a private space, then people who may not know of it get the same answer for a case as for the space', () => {
  for (const command of HANDLING)
    given(...MINE)
      .when(ask(heidi, command, { place: 'private' }))
      .refuses({ _tag: 'SpaceNotFound' })
})
test('given one of SYSTEM_ADMINS, then they handle cases about the owner, but none about themselves', () => {
  given(caseOpened('bob'))
    .when(ask(heidi, { ...take, asSystemAdmin: true }))
    .happens(taken('heidi'))
  given(caseOpened('heidi'))
    .when(ask(heidi, { ...take, asSystemAdmin: true }))
    .refuses(NOT_FOUND)
})

// ── appeals ────────────────────────────────────────────────────────────────────────────────────────────────

test('given an act, when the person acted on appeals, even if banned or removed from a private space, then the appeal is accepted', () => {
  given(...DONE)
    .when(ask(dave, appeal))
    .happens(appealed)
  given(...DONE)
    .when(ask(dave, appeal, { space: [banned('dave')] }))
    .happens(appealed)
  given(...DONE)
    .when(ask(dave, appeal, { place: 'private' }))
    .happens(appealed)
  given(...DONE, appealed)
    .when(ask(dave, appeal))
    .happens()
})
test('given no act on the caller, then the case does not exist for them', () => {
  given(...MINE)
    .when(ask(dave, appeal))
    .refuses(NOT_FOUND)
  given(...MINE, closed('erin', 'dismissed'))
    .when(ask(dave, appeal))
    .refuses(NOT_FOUND)
  given(...DONE)
    .when(ask(carol, appeal))
    .refuses(NOT_FOUND)
  given()
    .when(ask(dave, appeal, { place: 'none' }))
    .refuses(NOT_FOUND)
})
test('given an act of over 30 days ago, or an appeal that was decided, then no other appeal is possible', () => {
  const later = (days: number) => ({ seconds: days * 86_400 })
  given(...DONE)
    .when(ask(dave, appeal, later(30)))
    .types('AppealMade')
  given(...DONE)
    .when(ask(dave, appeal, later(30.1)))
    .refuses({ _tag: 'NothingToAppeal' })
  given(...MINE, acted(), appealed, heard)
    .when(ask(dave, appeal))
    .refuses({ _tag: 'NothingToAppeal' })
  given(...DONE, appealed, heard)
    .when(ask(dave, appeal))
    .refuses(NOT_FOUND)
})
test('given an appeal, then it can’t be heard by whoever acted nor by anybody below them, but by another moderator, the owner or SYSTEM_ADMINS', () => {
  const made = [...DONE, appealed]
  given(...made)
    .when(ask(erin, decide()))
    .refuses({ _tag: 'HeardByAnother' })
  given(...made)
    .when(ask(frank, decide()))
    .happens(heard)
  given(...made)
    .when(ask(bob, decide('stands')))
    .types('AppealDecided')
  const byAdmin = [caseOpened(), taken('grace'), acted('grace'), closed('grace'), appealed]
  given(...byAdmin)
    .when(ask(erin, decide()))
    .refuses({ _tag: 'Forbidden', needs: 'admin' })
  const byOwner = [caseOpened(), taken('bob'), acted('bob'), closed('bob'), appealed]
  given(...byOwner)
    .when(ask(bob, decide()))
    .refuses({ _tag: 'HeardByAnother' })
  given(...byOwner)
    .when(ask(grace, decide()))
    .refuses({ _tag: 'Forbidden', needs: 'owner' })
  given(...byOwner)
    .when(ask(heidi, { ...decide(), asSystemAdmin: true }))
    .types('AppealDecided')
  given(...DONE)
    .when(ask(frank, decide()))
    .refuses({ _tag: 'NothingToAppeal' })
})
test('given an act that lifts another, then only whoever hears the appeal may record it', () => {
  const lift = act({ act: 'unmute', revision: 9 })
  given(...DONE, appealed)
    .when(ask(frank, lift))
    .types('CaseActed')
  given(...DONE, appealed)
    .when(ask(erin, lift))
    .refuses({ _tag: 'HeardByAnother' })
  given(...DONE)
    .when(ask(frank, lift))
    .refuses({ _tag: 'NothingToAppeal' })
})

// ── laws ───────────────────────────────────────────────────────────────────────────────────────────────────

const people = [bob, carol, dave, erin, frank, grace, heidi, guest(1), guest(2)]
const anyCase = fc.constantFrom('case-1', 'case-2', 'case-3')
const anyTarget = fc.constantFrom(theMessage, person('dave'), person('erin'), person('guest:000000000001'))
const anyCommand: fc.Arbitrary<CaseCommand> = fc
  .tuple(anyCase, anyTarget, fc.nat(9), fc.boolean())
  .map(([caseId, target, which, on]): CaseCommand => {
    const all: ReadonlyArray<CaseCommand> = [
      report({ caseId, target, reportId: `report-${caseId}` }),
      report({ caseId, target, network: on ? 'a1b2' : undefined }),
      { type: 'OpenCase', caseId, target },
      { ...take, caseId },
      { ...note, caseId },
      act({ caseId, act: on ? 'ban' : 'kick' }),
      close({ caseId, outcome: on ? 'acted' : 'dismissed' }),
      { ...appeal, caseId },
      { ...decide(on ? 'lifted' : 'stands'), caseId },
      { ...take, caseId },
    ]
    return all[which]!
  })
const run = (steps: ReadonlyArray<readonly [number, CaseCommand]>) => {
  let state: CasesState = casesDecider.initial()
  const events: CaseEvent[] = []
  steps.forEach(([who, command], i) => {
    const asked = ask(people[who]!, command, { seconds: i * 60 })
    const decision = casesDecider.decide(asked, deepFreeze(casesDecider.fork(state)))
    if (E.isLeft(decision)) return
    for (const event of decision.right) {
      events.push(event)
      state = casesDecider.evolve(state, event)
    }
  })
  return { state, events }
}
const anySteps = fc.array(fc.tuple(fc.nat(people.length - 1), anyCommand), { maxLength: 60 })

test('whatever was asked, nobody handles what is about themselves, and whoever acted hears no appeal', () => {
  fc.assert(
    fc.property(anySteps, (steps) => {
      const { events } = run(steps)
      const subjects = new Map<string, string>()
      const hands = new Map<string, Set<string>>()
      for (const { type, data } of events) {
        if (type === 'CaseOpened') subjects.set(data.caseId, data.subject)
        const subject = subjects.get(data.caseId)
        if (type === 'AppealMade') assert.is(data.by.id, subject)
        else if (type !== 'CaseOpened' || data.by.id === subject) assert.is.not(data.by.id, subject)
        if (type === 'CaseActed')
          hands.set(data.caseId, (hands.get(data.caseId) ?? new Set()).add(data.by.id))
        if (type === 'AppealDecided') assert.not.ok(hands.get(data.caseId)?.has(data.by.id))
      }
    }),
    { numRuns: 200 },
  )
})
test('whatever was asked, a snapshot has the whole state, and one open case is about one target', () => {
  fc.assert(
    fc.property(anySteps, (steps) => {
      const { state, events } = run(steps)
      const back = fromSnapshot(JSON.parse(JSON.stringify(toSnapshot(state))))
      assert.equal(E.isRight(back) ? sorted(back.right) : back.left, sorted(state))
      assert.equal(sorted(fold(casesDecider, events)), sorted(state))
      const open = [...state.cases.values()].filter(({ status }) => status !== 'closed')
      assert.is(new Set(state.open.values()).size, open.length)
    }),
    { numRuns: 200 },
  )
})
const sorted = (state: CasesState) => ({
  ...state,
  reports: [...state.reports].sort(),
  open: [...state.open].sort(),
  cases: [...state.cases].map(([id, one]) => [id, { ...one, reporters: [...one.reporters].sort() }]).sort(),
  closed: [...state.closed],
})
test('given more closed cases than are kept, then the one closed the longest is forgotten, and no appeal against it is possible', () => {
  const done = (id: string): ReadonlyArray<CaseEvent> =>
    DONE.map((event): CaseEvent => {
      const about = { kind: 'person' } as const
      return {
        ...event,
        data: { ...event.data, caseId: id, ...(event.type === 'CaseOpened' ? { about } : {}) },
      } as CaseEvent
    })
  const all = Array.from({ length: MAX_CLOSED + 1 }, (_, n) => done(`case-${n}`)).flat()
  const state = fold(casesDecider, all)
  assert.is(state.cases.size, MAX_CLOSED)
  assert.not.ok(state.cases.has('case-0'))
})
test('an event of a case that is not known changes nothing but the revision', () => {
  const state = fold(casesDecider, [acted(), closed(), appealed, heard, filed(), taken()])
  assert.equal([state.length, state.cases.size, state.reports.size], [6, 0, 0])
})
test('a message whose id is written in capitals is the same one', () => {
  given(caseOpened(), filed())
    .when(ask(carol, report({ target: { kind: 'message', messageId: MESSAGE.toUpperCase() } })))
    .happens()
})

test.run()
