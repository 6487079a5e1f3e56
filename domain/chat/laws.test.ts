/** Laws that hold for a chat whatever is said, in whatever order; and its window forgets nothing that matters. */

import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spaceDecider } from '../space/decider.ts'
import { RUNS } from '../testing/any.ts'
import { account, asked, guest, OWNER, opened } from '../testing/people.ts'
import { deepFreeze, fold } from '../testing/scenario.ts'
import { banned, granted, muted, settled } from '../testing/space-events.ts'
import type { ChatCommand } from './commands.ts'
import { chatDecider, messagesNeeded } from './decider.ts'
import type { ChatEvent } from './events.ts'
import { fromSnapshot, toSnapshot } from './snapshot.ts'
import { type ChatAsked, type ChatState, type Found, inBase36, type MessageFacts, WINDOW } from './state.ts'

const { initial, decide, evolve, fork } = chatDecider
const test = suite('laws of a chat')
const id = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
const spaces = [
  fold(spaceDecider, [opened(), granted('maria', 'moderate'), granted('oscar', 'admin')]),
  fold(spaceDecider, [opened(), settled({ slow_mode_seconds: 20 }), granted('maria', 'moderate')]),
  fold(spaceDecider, [opened(), muted('alice'), banned('dave'), settled({ guests_allowed: false })]),
]

const anyId = fc.integer({ min: 0, max: 7 }).map(id)
const anyContent = fc.constantFrom('Hello', 'Hi', '👋', ' ', 'x'.repeat(2_001))
const anyEmoji = fc.constantFrom('👍', '❤️', 'no')
const anyCommand: fc.Arbitrary<ChatCommand> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('PostMessage' as const),
      messageId: anyId,
      subspace: fc.constantFrom('main', 'main-chess'),
      content: anyContent,
      messageType: fc.constant('text'),
      parentMessageId: fc.option(anyId),
    }),
  },
  fc.record({ type: fc.constant('EditMessage' as const), messageId: anyId, content: anyContent }),
  fc.record({ type: fc.constant('DeleteMessage' as const), messageId: anyId }),
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('AddReaction' as const), messageId: anyId, emoji: anyEmoji }),
  },
  fc.record({ type: fc.constant('RemoveReaction' as const), messageId: anyId, emoji: anyEmoji }),
)
const anyBy = fc.constantFrom(
  account(OWNER),
  account('alice'),
  account('dave'),
  account('maria'),
  account('oscar'),
  guest(1),
)
const anySteps = fc.array(fc.tuple(anyBy, fc.integer({ min: 0, max: 15 }), anyCommand), {
  maxLength: 80,
  size: 'max',
})
const anyChat = fc
  .tuple(fc.constantFrom(...spaces), anySteps)
  .map(([space, steps]): ReadonlyArray<ChatAsked> => {
    let seconds = 0
    return steps.map(([by, pause, command], n) => {
      seconds += pause
      return { ...asked(by, command, { seconds, id: `command-${n}` }), space }
    })
  })

/** The read model in its simplest form: every message that ever was. */
class Messages {
  readonly all = new Map<string, MessageFacts>()
  add({ type, data }: ChatEvent): void {
    if (type === 'MessagePosted') {
      const { subspace, messageType, content, parentMessageId, threadRootId } = data
      this.all.set(data.messageId, {
        author: data.account ?? data.guest ?? '',
        ...{ subspace, messageType, content, parentMessageId, threadRootId },
        edited: false,
        deleted: false,
        reactions: [],
      })
      return
    }
    if (
      type !== 'MessageEdited' &&
      type !== 'MessageDeleted' &&
      type !== 'ReactionAdded' &&
      type !== 'ReactionRemoved'
    )
      return
    const was = this.all.get(data.messageId)
    if (was === undefined) throw new Error(`${type} of no message`)
    if (type === 'MessageEdited')
      this.all.set(data.messageId, { ...was, content: data.content, edited: true })
    else if (type === 'MessageDeleted') this.all.set(data.messageId, { ...was, deleted: true })
    else {
      const { emoji, by } = data
      const others = was.reactions.filter((r) => r.subject !== by.id || r.emoji !== emoji)
      const reactions = type === 'ReactionAdded' ? [...others, { subject: by.id, emoji }] : others
      this.all.set(data.messageId, { ...was, reactions })
    }
  }
  find(ids: ReadonlyArray<string>): Found {
    return new Map(ids.map((each) => [each, this.all.get(each) ?? null]))
  }
}
type Done = {
  readonly ask: ChatAsked
  readonly before: ChatState
  readonly events: ReadonlyArray<ChatEvent>
  readonly after: ChatState
  readonly messages: Messages
}
const run = (asks: ReadonlyArray<ChatAsked>, check?: (done: Done) => void): ChatState => {
  let state = initial()
  const messages = new Messages()
  for (const ask of asks) {
    const decision = decide(ask, state)
    if (E.isLeft(decision)) continue
    const before = fork(state)
    for (const event of decision.right) {
      messages.add(event)
      state = evolve(state, event)
    }
    check?.({ ask, before, events: decision.right, after: state, messages })
  }
  return state
}
const always = (check: (done: Done) => void): void =>
  fc.assert(
    fc.property(anyChat, (asks) => void run(asks, check)),
    { numRuns: RUNS },
  )

test('an id is one message, by one author; what changes it comes after it', () => {
  fc.assert(
    fc.property(anyChat, (asks) => {
      const posted = new Set<string>()
      run(asks, ({ events }) => {
        for (const { type, data } of events) {
          assert.is(posted.has(data.messageId), type !== 'MessagePosted')
          posted.add(data.messageId)
        }
      })
    }),
    { numRuns: RUNS },
  )
})
test('a thread is all in one room and has one root', () =>
  always(({ events, messages }) => {
    for (const { type, data } of events) {
      if (type !== 'MessagePosted' || data.parentMessageId === null) continue
      const parent = messages.all.get(data.parentMessageId)!
      assert.is(parent.subspace, data.subspace)
      const root = messages.all.get(data.threadRootId ?? '')!
      assert.is(root.threadRootId, null)
      assert.is(data.threadRootId, parent.threadRootId ?? data.parentMessageId)
    }
  }))
test('a reaction is on or off, never on twice', () =>
  always(({ messages }) => {
    for (const { reactions } of messages.all.values())
      assert.is(new Set(reactions.map((r) => `${r.subject} ${r.emoji}`)).size, reactions.length)
  }))
test('nobody who is muted or banned is heard, nor a guest where none is allowed', () =>
  always(({ ask, events }) => {
    for (const { type } of events) {
      if (type === 'MessagePosted' || type === 'MessageEdited' || type === 'ReactionAdded')
        assert.not(ask.space.mutes.has(ask.by.id) && ask.by.id !== OWNER)
      assert.not(ask.space.bans.has(ask.by.id))
      assert.not(ask.by.kind === 'guest' && !ask.space.settings.guests_allowed)
    }
  }))
test('a command that was carried out changes nothing when it comes again', () =>
  always(({ ask, after }) => assert.equal(decide(ask, after), E.right([]))))
test('deciding writes nothing, and a fork goes its own way', () =>
  always(({ ask, before, events }) => {
    const written = JSON.stringify(toSnapshot(before))
    fold(chatDecider, events, fork(before))
    assert.is(JSON.stringify(toSnapshot(before)), written)
    decide(ask, deepFreeze(before))
  }))
test('a snapshot gives the state back', () =>
  always(({ after }) => {
    assert.equal(fromSnapshot(JSON.parse(JSON.stringify(toSnapshot(after)))), E.right(after))
  }))
test('the read model makes up for what the window has forgotten: the decisions are the same', () => {
  const filler = (n: number): ChatEvent => ({
    type: 'MessagePosted',
    data: {
      messageId: id(1_000_000 + n),
      account: 'filler',
      guest: null,
      displayName: 'filler',
      subspace: 'main',
      messageType: 'text',
      content: 'Hello',
      parentMessageId: null,
      threadRootId: null,
      at: '2026-03-01T11:00:00.000Z',
    },
  })
  fc.assert(
    fc.property(anyChat, fc.array(fc.nat(79), { maxLength: 4 }), (asks, gaps) => {
      // Gives the same commands to a chat that remembers all, and to one whose window other messages fill in between.
      let whole = initial()
      let short = initial()
      const messages = new Messages()
      asks.forEach((ask, n) => {
        if (gaps.includes(n)) for (let k = 0; k < WINDOW; k += 1) short = evolve(short, filler(k))
        const expected = decide(ask, whole)
        const found = messages.find(messagesNeeded(ask.command, short))
        const decision = decide({ ...ask, found }, short)
        const known = messages.all.get(ask.command.messageId)
        const lostItsWords = known?.edited === true || known?.deleted === true
        // The window forgets edited and deleted words, so only the id can show a repetition.
        if (!(ask.command.type === 'PostMessage' && lostItsWords)) assert.equal(decision, expected)
        if (E.isLeft(expected)) return
        for (const event of expected.right) {
          messages.add(event)
          whole = evolve(whole, event)
          short = evolve(short, event)
        }
      })
    }),
    { numRuns: Math.min(RUNS, 60) },
  )
})

test('given any whole number, then in base 36 it is what JavaScript says', () => {
  fc.assert(
    fc.property(fc.oneof(fc.maxSafeNat(), fc.nat({ max: 1_300 })), (number) => {
      assert.is(inBase36(number), number.toString(36))
    }),
    { numRuns: RUNS },
  )
})
test.run()
