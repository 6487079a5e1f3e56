/** What filters do about messages: they hold them, mute their writers and report them; what moderators do then; and
 *  laws that hold for any text. */
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { folded, foldedWords } from '../folded.ts'
import { spaceDecider } from '../space/decider.ts'
import type { SpaceEvent } from '../space/events.ts'
import { type FilterAct, type FilterLooksFor, lengthOfFilter } from '../space/filter.ts'
import { readFilter } from '../space/filters.ts'
import { RUNS } from '../testing/any.ts'
import { account, asked, at, guest, OWNER, opened } from '../testing/people.ts'
import { deepFreeze, fold, scenario } from '../testing/scenario.ts'
import { banned, granted, settled } from '../testing/space-events.ts'
import type { ChatCommand } from './commands.ts'
import { chatDecider, wordsNeeded } from './decider.ts'
import type { ChatEvent } from './events.ts'
import { forkFiltered, MAX_HELD_OF_ONE } from './filtered.ts'
import { hasAny } from './matching.ts'
import { fromSnapshot, toSnapshot } from './snapshot.ts'
import { type ChatAsked, type ChatState, type Found, WINDOW } from './state.ts'

const given = scenario(chatDecider, assert.equal)
const test = suite('filters')

const alice = account('alice')
const maria = account('maria')
const id = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
const M1 = id(1)

const filter = (
  filterId: string,
  looksFor: FilterLooksFor,
  acts: ReadonlyArray<FilterAct> = ['hold'],
  muteSeconds: number | null = acts.includes('mute') ? 60 : null,
): SpaceEvent => ({
  type: 'FilterSet',
  data: { filterId, looksFor, acts, muteSeconds, by: account(OWNER), at: at() },
})
const words = (...list: ReadonlyArray<string>): FilterLooksFor => ({ kind: 'words', words: list })
const often = (count: number, seconds: number): FilterLooksFor => ({ kind: 'rate', count, seconds })
const MODERATED = granted('maria', 'moderate')

const ask = (
  by: ChatAsked['by'],
  command: ChatCommand,
  space: ReadonlyArray<SpaceEvent>,
  { seconds = 0, found }: { readonly seconds?: number; readonly found?: Found } = {},
): ChatAsked => ({
  ...asked(by, command, { seconds }),
  space: fold(spaceDecider, [opened(), MODERATED, ...space]),
  ...(found === undefined ? {} : { found }),
})
const post = (messageId: string, content: string): ChatCommand => ({
  type: 'PostMessage',
  messageId,
  subspace: 'main',
  content,
  messageType: 'text',
  parentMessageId: null,
})
const message = (messageId: string, content: string, author = 'alice', seconds = 0) => ({
  messageId,
  account: author.startsWith('guest:') ? null : author,
  guest: author.startsWith('guest:') ? author : null,
  displayName: author.startsWith('guest:') ? 'Guest 000000' : author,
  subspace: 'main',
  messageType: 'text',
  content,
  parentMessageId: null,
  threadRootId: null,
  at: at(seconds),
})
const posted = (messageId: string, content: string, author = 'alice', seconds = 0): ChatEvent => ({
  type: 'MessagePosted',
  data: message(messageId, content, author, seconds),
})
const held = (messageId: string, content: string, filterId: string, seconds = 0): ChatEvent => ({
  type: 'MessageHeld',
  data: { ...message(messageId, content, 'alice', seconds), filterId },
})
const acted = (
  messageId: string,
  filterId: string,
  act: FilterAct,
  until: string | null = null,
): ChatEvent => ({
  type: 'FilterActed',
  data: { messageId, subspace: 'main', subject: 'alice', filterId, act, until, at: at() },
})
const change = (messageId: string, by = 'maria') => ({
  messageId,
  subspace: 'main',
  subject: 'alice',
  by: account(by),
  at: at(),
})
const approved = (messageId: string, by = 'maria'): ChatEvent => ({
  type: 'MessageApproved',
  data: change(messageId, by),
})
const dropped = (messageId: string, reason: string | null = null, by = 'maria'): ChatEvent => ({
  type: 'MessageDropped',
  data: { ...change(messageId, by), reason },
})
const approve = (messageId: string): ChatCommand => ({ type: 'ApproveMessage', messageId })
const drop = (messageId: string, reason: string | null = null): ChatCommand => ({
  type: 'DropMessage',
  messageId,
  reason,
})

const RUDE = [filter('rude', words('darn', 'heck*', 'go away'))]

test('given a filter that holds words, when somebody writes one, in any case and form, then the message is held; a moderator’s is not', () => {
  for (const content of [
    'Darn it',
    'ｄａｒｎ',
    'DA\u00adRN!',
    'what the HECKLER',
    'go \u00a0 away',
    '(darn)',
  ])
    given()
      .when(ask(alice, post(M1, content), RUDE))
      .happens(held(M1, content, 'rude'))
  for (const content of ['darned', 'adarn', 'shucks', 'go a way', 'check'])
    given()
      .when(ask(alice, post(M1, content), RUDE))
      .happens(posted(M1, content))
  given()
    .when(ask(maria, post(M1, 'darn'), RUDE))
    .happens(posted(M1, 'darn', 'maria'))
})

test('given scripts without spaces, when a word stands among others, then it is found', () => {
  const filters = [filter('cjk', words('馬鹿'))]
  given()
    .when(ask(alice, post(M1, 'お前は馬鹿だ'), filters))
    .types('MessageHeld')
})

test('given a held message, when its author sends it again, then nothing happens; other words under its id are MessageIdTaken', () => {
  const history = [held(M1, 'darn', 'rude')]
  const facts = {
    author: 'alice',
    subspace: 'main',
    messageType: 'text',
    content: 'darn',
    parentMessageId: null,
    threadRootId: null,
    edited: false,
    deleted: false,
    reactions: [],
  }
  const found = new Map([[M1, facts]])
  assert.is(wordsNeeded(post(M1, 'darn'), 'alice', fold(chatDecider, history)), 0)
  given(...history)
    .when(ask(alice, post(M1, 'darn'), RUDE, { found }))
    .happens()
  given(...history)
    .when(ask(alice, post(M1, 'nicer'), RUDE, { found }))
    .refuses({ _tag: 'MessageIdTaken' })
  given(...history)
    .when(ask(account('dave'), post(M1, 'darn'), RUDE, { found }))
    .refuses({ _tag: 'MessageIdTaken' })
})

test('given a held message, when a moderator lets it through, then it may be posted once, under its author’s name', () => {
  const history = [held(M1, 'darn', 'rude')]
  given(...history)
    .when(ask(maria, approve(M1), RUDE))
    .happens(approved(M1))
  given(...history, approved(M1))
    .when(ask(alice, post(M1, 'darn'), RUDE, { seconds: 9 }))
    .happens({ type: 'MessagePosted', data: { ...message(M1, 'darn', 'alice', 9), heldAt: at() } })
  const done: ReadonlyArray<ChatEvent> = [
    ...history,
    approved(M1),
    { type: 'MessagePosted', data: { ...message(M1, 'darn'), heldAt: at() } },
  ]
  given(...done)
    .when(ask(alice, post(M1, 'darn'), RUDE))
    .happens()
  given(...done)
    .when(ask(maria, approve(M1), RUDE))
    .happens()
  assert.is(fold(chatDecider, done).filtered.caught.size, 0)
})

test('when somebody settles what a filter caught, then only a moderator above its author may; of what was never caught, MessageNotFound', () => {
  const history = [held(M1, 'darn', 'rude')]
  for (const command of [approve(M1), drop(M1)]) {
    given(...history)
      .when(ask(alice, command, RUDE))
      .refuses({ _tag: 'Forbidden', needs: 'moderate' })
    given(...history)
      .when(ask(maria, command, [...RUDE, granted('alice', 'admin')]))
      .refuses({ _tag: 'Forbidden', needs: 'owner' })
    given()
      .when(ask(maria, command, RUDE))
      .refuses({ _tag: 'MessageNotFound' })
  }
})

test('given a held message, when a moderator drops it or its author takes it back, then it is gone', () => {
  given(held(M1, 'darn', 'rude'))
    .when(ask(maria, drop(M1, 'not here'), RUDE))
    .happens(dropped(M1, 'not here'))
  given(held(M1, 'darn', 'rude'))
    .when(ask(alice, { type: 'DeleteMessage', messageId: M1 }, RUDE))
    .happens(dropped(M1, null, 'alice'))
  given(held(M1, 'darn', 'rude'), dropped(M1))
    .when(ask(maria, approve(M1), RUDE))
    .refuses({ _tag: 'MessageNotFound' })
})

test('given a filter that mutes and reports, when it catches somebody, then the message is posted, and they may not write until the mute ends', () => {
  const filters = [filter('loud', words('loud'), ['mute', 'report'])]
  const did = [posted(M1, 'LOUD'), acted(M1, 'loud', 'mute', at(60)), acted(M1, 'loud', 'report')]
  given()
    .when(ask(alice, post(M1, 'LOUD'), filters))
    .happens(...did)
  const after = given(...did)
  for (const command of [
    post(id(2), 'hello'),
    { type: 'EditMessage', messageId: M1, content: 'quiet' } as const,
    { type: 'AddReaction', messageId: M1, emoji: '👍' } as const,
  ])
    after.when(ask(alice, command, filters, { seconds: 59 })).refuses({ _tag: 'Muted', until: at(60) })
  after.when(ask(alice, post(id(2), 'hello'), filters, { seconds: 60 })).types('MessagePosted')
  after
    .when(ask(alice, post(id(2), 'hello'), [...filters, granted('alice', 'moderate')]))
    .types('MessagePosted')
  after.when(ask(maria, drop(M1), filters)).types('MessageDropped', 'MessageDeleted')
  given(...did, approved(M1))
    .when(ask(alice, post(id(2), 'hello'), filters, { seconds: 1 }))
    .types('MessagePosted')
})

test('given a filter that counts, when somebody writes more than its count, then it acts; messages of long ago do not count', () => {
  const filters = [filter('often', often(2, 10))]
  const two = [posted(M1, 'a', 'alice', 0), posted(id(2), 'b', 'alice', 5)]
  const third = (seconds: number, by = alice) =>
    given(...two).when(ask(by, post(id(3), 'c'), filters, { seconds }))
  third(9).types('MessageHeld')
  third(10).types('MessagePosted')
  third(5, account('dave')).types('MessagePosted')
  given(...two, held(id(3), 'c', 'often', 6), approved(id(3)), {
    type: 'MessagePosted',
    data: { ...message(id(3), 'c', 'alice', 100), heldAt: at(6) },
  })
    .when(ask(alice, post(id(4), 'd'), filters, { seconds: 101 }))
    .types('MessagePosted')
})

test('given as many held messages of one person as there may be, when they write another, then it is refused as WordsHeld', () => {
  const full = Array.from({ length: MAX_HELD_OF_ONE }, (_, n) => held(id(n + 10), 'darn', 'rude'))
  given(...full)
    .when(ask(alice, post(M1, 'darn'), RUDE))
    .refuses({ _tag: 'WordsHeld', of: 'too many' })
  given(...full)
    .when(ask(account('dave'), post(M1, 'darn'), RUDE))
    .types('MessageHeld')
  given(posted(M1, 'hello'), ...full)
    .when(ask(alice, EDIT, RUDE))
    .refuses({ _tag: 'WordsHeld', of: 'too many' })
})

const E1 = id(901)
const E2 = id(902)
const EDIT = { type: 'EditMessage', messageId: M1, content: 'darn', editId: E1 } as const
const heldEdit = (editId: string, content: string): ChatEvent => ({
  type: 'MessageHeld',
  data: { ...message(editId, content), filterId: 'rude', edits: M1 },
})
const DELETED: ChatEvent = {
  type: 'MessageDeleted',
  data: { messageId: M1, subspace: 'main', by: alice, at: at() },
}
const edited = (content: string, heldAs?: string): ChatEvent => ({
  type: 'MessageEdited',
  data: {
    ...{ messageId: M1, subspace: 'main', by: alice, at: at(), content },
    ...(heldAs === undefined ? {} : { heldAs }),
  },
})

test('given an edit with words that a filter holds, then it waits under an id of its own, and mutes and reports as a message would', () => {
  given(posted(M1, 'hello'))
    .when(ask(alice, EDIT, RUDE))
    .happens(heldEdit(E1, 'darn'))
  given(posted(M1, 'hello'))
    .when(ask(alice, EDIT, [filter('rude', words('darn'), ['hold', 'mute', 'report'])]))
    .types('MessageHeld', 'FilterActed', 'FilterActed')
  // By the rules of then it was refused.
  given(posted(M1, 'hello'))
    .when({ ...ask(alice, EDIT, RUDE), rules: 4 })
    .refuses({ _tag: 'WordsHeld', of: 'edit' })
  // It counts as no message.
  given(posted(M1, 'hello'), heldEdit(E1, 'darn'))
    .when(ask(alice, post(id(2), 'a'), [filter('often', often(2, 10))]))
    .types('MessagePosted')
})
test('given an edit that waits, when a moderator lets it through, then it alone is written; the words of another edit are not', () => {
  const through = { ...EDIT, heldAs: E1 }
  const waits = [posted(M1, 'hello'), heldEdit(E1, 'darn')]
  given(...waits)
    .when(ask(alice, through, RUDE))
    .types('MessageHeld')
  given(...waits, approved(E1))
    .when(ask(alice, through, RUDE))
    .happens(edited('darn', E1))
  given(...waits, approved(E1))
    .when(ask(alice, { ...EDIT, editId: E1 }, RUDE))
    .types('MessageHeld')
  given(...waits, approved(E1))
    .when(ask(alice, post(E1, 'darn'), RUDE))
    .refuses({ _tag: 'MessageIdTaken' })
  given(...waits, approved(E1), edited('darn', E1))
    .when(ask(maria, approve(E1), RUDE))
    .refuses({ _tag: 'MessageNotFound' })
  given(...waits)
    .when(ask(maria, drop(E1), RUDE))
    .types('MessageDropped')
})
test('given an edit that waits, when its author changes or deletes the message, then it waits no more', () => {
  const waits = [posted(M1, 'hello'), heldEdit(E1, 'darn')]
  for (const since of [edited('fine'), heldEdit(E2, 'heck'), DELETED])
    given(...waits, since)
      .when(ask(maria, approve(E1), RUDE))
      .refuses({ _tag: 'MessageNotFound' })
  given(...waits, heldEdit(E2, 'heck'))
    .when(ask(maria, approve(E2), RUDE))
    .types('MessageApproved')
  given(...waits)
    .when(ask(alice, { type: 'DeleteMessage', messageId: E1 }, RUDE))
    .types('MessageDropped')
})

test('given an approved message, when its author has been banned since, then it is not posted', () => {
  given(held(M1, 'darn', 'rude'), approved(M1))
    .when(ask(alice, post(M1, 'darn'), [...RUDE, banned('alice')]))
    .refuses({ _tag: 'Banned', until: null })
  given(held(M1, 'darn', 'rude'), approved(M1))
    .when(ask(alice, post(M1, 'darn'), [...RUDE, settled({ chat_enabled: false })]))
    .refuses({ _tag: 'ChatDisabled' })
})

// ── laws ───────────────────────────────────────────────────────────────────────────────────────────────────

const letters = fc.string({
  unit: fc.constantFrom('a', 'b', 'A', 'é', 'e', '\u0301', ' ', 'ß', 's', '.', '字', '😀', '\u00ad'),
  maxLength: 40,
})
const anyWord = fc.string({
  unit: fc.constantFrom('a', 'b', 'é', 's', 'ß', '字', '😀', ' '),
  minLength: 1,
  maxLength: 5,
})

/** The simplest way to search: every place in the text is tried. */
const plainly = (list: ReadonlyArray<string>, text: string): boolean => {
  const isWord = (point: string | undefined): boolean =>
    point !== undefined && /[\p{L}\p{N}\p{M}_]/u.test(point)
  const joins = (a: string | undefined, b: string | undefined): boolean =>
    isWord(a) && isWord(b) && !/\p{Script=Han}/u.test(a!) && !/\p{Script=Han}/u.test(b!)
  const points = [...text]
  return list.some((word) => {
    const phrase = [...foldedWords(word.replace(/^\*|\*$/g, '')).trim()]
    if (phrase.length === 0) return false
    return points.some((_, i) => {
      if (phrase.some((point, k) => points[i + k] !== point)) return false
      const end = i + phrase.length
      const begins = word.startsWith('*') || i === 0 || !joins(points[i - 1], points[i])
      return begins && (word.endsWith('*') || end === points.length || !joins(points[end - 1], points[end]))
    })
  })
}

test('the automaton finds what trying every place finds', () => {
  const anyPhrase = fc
    .tuple(fc.boolean(), anyWord, fc.boolean())
    .map(([start, word, end]) => `${start ? '*' : ''}${word}${end ? '*' : ''}`)
  fc.assert(
    fc.property(fc.array(anyPhrase, { minLength: 1, maxLength: 6 }), letters, (list, content) => {
      const text = foldedWords(content)
      assert.is(hasAny(list, text), plainly(list, text))
    }),
    { numRuns: RUNS * 5 },
  )
})

test('text is folded once and for all, and its case and form make no difference', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (content) => {
      if (!content.isWellFormed()) return
      assert.is(folded(folded(content)), folded(content))
      assert.is(folded(content.normalize('NFD')), folded(content))
    }),
    { numRuns: RUNS },
  )
})

test('given any character of Unicode, then it is folded once and for all, and its case and form make no difference', () => {
  const different: string[] = []
  for (let code = 0; code <= 0x10ffff; code += 1) {
    const one = String.fromCodePoint(code)
    if (!one.isWellFormed()) continue
    const fold = folded(one)
    // A character that folding leaves alone, and that has neither another case nor another form, need not be folded again.
    for (const other of new Set([fold, one.toUpperCase(), one.toLowerCase(), one.normalize('NFD')]))
      if (other !== one && folded(other) !== fold) different.push(one)
  }
  assert.equal(different, [])
})

test('given a word with a sharp s, then it is found in every way of writing it', () => {
  for (const written of ['straße', 'STRASSE', 'STRAẞE', 'Strasse', 'ſtraße'])
    assert.is(foldedWords(written), 'strasse', written)
})

test('plain text is folded like any other, only faster', () => {
  const plain = fc.string({ unit: fc.constantFrom(...'aA zZ 09.~!-'), maxLength: 30 })
  fc.assert(
    fc.property(plain, (text) => {
      // One sign that is not plain, which folds to nothing but itself, takes the other way.
      assert.is(`${foldedWords(text)}字`, foldedWords(`${text}字`))
      assert.is(`${folded(text)}字`, folded(`${text}字`))
    }),
    { numRuns: RUNS },
  )
})

test('the longest message is looked through for the most words in well under a second, whatever both are', () => {
  const list = Array.from({ length: 200 }, (_, n) => `*${'a'.repeat(1 + (n % 63))}b*`)
  const begun = performance.now()
  for (let n = 0; n < 20; n += 1)
    assert.not(hasAny([...list], foldedWords('\ufdfa'.repeat(1_000) + 'a'.repeat(1_000))))
  assert.ok(performance.now() - begun < 5_000)
})

test('given characters that each stand for many, when they are words of filters, then what they stand for is counted', () => {
  // It is read as 18 characters.
  const long = '\ufdfa'
  const setting = (list: ReadonlyArray<string>) =>
    readFilter({ filterId: 'f', words: list, count: null, seconds: null, acts: ['hold'], muteSeconds: null })
  assert.ok(E.isRight(setting([long.repeat(3)])))
  assert.ok(E.isLeft(setting([long.repeat(4)])))
  assert.is(lengthOfFilter({ looksFor: { kind: 'words', words: [long.repeat(3), 'ab'] } }), 56)
})

test('given phrases that all end at every place of a message, when it is looked through, then that takes no longer than for one phrase', () => {
  const cases = (length: number): ReadonlyArray<string> =>
    Array.from({ length: 2 ** length }, (_, n) =>
      Array.from({ length }, (_, bit) => ((n >> bit) % 2 === 0 ? 'i' : 'I')).join(''),
    )
  const list = [1, 2, 3, 4, 5, 6, 7].flatMap(cases).slice(0, 200)
  const text = foldedWords('ⅲ'.repeat(2_000))
  assert.is(text, 'i'.repeat(6_000))
  const begun = performance.now()
  for (let n = 0; n < 14; n += 1) assert.not(hasAny([...list], text))
  // Whoever tries each phrase at each place takes seconds.
  assert.ok(performance.now() - begun < 500)
})

const LISTS: ReadonlyArray<ReadonlyArray<SpaceEvent>> = [
  [filter('a', words('a')), filter('often', often(2, 20), ['mute', 'report'])],
  [filter('a', words('a'), ['hold', 'mute', 'report']), filter('b', words('b*'), ['report'])],
  [filter('often', often(1, 5), ['hold'])],
]
const SPACES = LISTS.map((list) => fold(spaceDecider, [opened(), MODERATED, ...list]))
const anyCommand: fc.Arbitrary<ChatCommand> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.nat(9), fc.constantFrom('a', 'b', 'c', 'bbb a'))
      .map(([n, content]) => post(id(n), content)),
  },
  fc.nat(9).map((n) => approve(id(n))),
  fc.nat(9).map((n) => drop(id(n))),
  fc.nat(9).map((n): ChatCommand => ({ type: 'DeleteMessage', messageId: id(n) })),
  fc
    .tuple(fc.nat(9), fc.constantFrom('a', 'c'))
    .map(([n, content]): ChatCommand => ({ type: 'EditMessage', messageId: id(n), content })),
)
const anySteps = fc.tuple(
  fc.constantFrom(...SPACES),
  fc.array(fc.tuple(fc.constantFrom(alice, guest(1), maria), fc.nat(8), anyCommand), {
    maxLength: 60,
    size: 'max',
  }),
)

type Seen = {
  readonly ask: ChatAsked
  readonly before: ChatState
  readonly events: ReadonlyArray<ChatEvent>
  readonly after: ChatState
}
const always = (check: (seen: Seen) => void): void =>
  fc.assert(
    fc.property(anySteps, ([space, steps]) => {
      let state = chatDecider.initial()
      let seconds = 0
      for (const [by, pause, command] of steps) {
        seconds += pause
        const asking: ChatAsked = { ...asked(by, command, { seconds }), space }
        const before = chatDecider.fork(state)
        const decision = chatDecider.decide(asking, deepFreeze(before))
        if (E.isLeft(decision)) continue
        for (const event of decision.right) state = chatDecider.evolve(state, event)
        check({ ask: asking, before, events: decision.right, after: state })
      }
    }),
    { numRuns: RUNS },
  )

test('a message that a holding filter catches is in the room only after a moderator let it through', () =>
  always(({ ask: { by }, before, events }) => {
    for (const { type, data } of events) {
      if (type !== 'MessagePosted' || by.id === 'maria') continue
      const was = before.filtered.caught.get(data.messageId)
      assert.is(data.heldAt !== undefined, was?.held === true)
      if (was?.held === true) assert.is.not(was.approvedBy, null)
    }
  }))

test('every act names a filter that is set, and acts only as that filter says', () =>
  always(({ ask: { space, by }, events }) => {
    for (const { type, data } of events) {
      if (type !== 'MessageHeld' && type !== 'FilterActed') continue
      const of = space.filters.get(data.filterId)
      assert.ok(of?.acts.includes(type === 'MessageHeld' ? 'hold' : data.act))
      assert.is.not(by.id, 'maria')
    }
  }))

test('a snapshot gives back what was caught', () =>
  always(({ after }) =>
    assert.equal(fromSnapshot(JSON.parse(JSON.stringify(toSnapshot(after)))), E.right(after)),
  ))

test('whatever the window has forgotten, a chat folded from it alone decides the same, given what was caught', () => {
  const filler = (n: number): ChatEvent => posted(id(1_000_000 + n), 'x', 'filler')
  fc.assert(
    fc.property(anySteps, ([space, steps]) => {
      const history: ChatEvent[] = []
      let whole = chatDecider.initial()
      let seconds = 0
      const add = (event: ChatEvent): void => {
        history.push(event)
        whole = chatDecider.evolve(whole, event)
      }
      steps.forEach(([by, pause, command], n) => {
        seconds += pause
        if (n === 20) for (let k = 0; k < WINDOW; k += 1) add(filler(k))
        const asking: ChatAsked = { ...asked(by, command, { seconds }), space, found: new Map() }
        const decision = chatDecider.decide(asking, whole)
        if (n > 20) {
          const from = Math.max(0, history.length - WINDOW)
          const before = fold(chatDecider, history.slice(0, from)).filtered
          let short: ChatState = { ...chatDecider.initial(), length: from, filtered: forkFiltered(before) }
          for (const event of history.slice(from)) short = chatDecider.evolve(short, event)
          assert.equal(chatDecider.decide(asking, short), decision)
        }
        if (E.isRight(decision)) decision.right.forEach(add)
      })
    }),
    { numRuns: Math.min(RUNS, 10) },
  )
})
test.run()
