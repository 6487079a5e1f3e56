import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spaceDecider } from '../space/decider.ts'
import { account, asked, at, opened } from '../testing/people.ts'
import { fold } from '../testing/scenario.ts'
import type { ChatCommand } from './commands.ts'
import { chatDecider, messagesNeeded, windowStart } from './decider.ts'
import type { ChatEvent } from './events.ts'
import { fromSnapshot, toSnapshot } from './snapshot.ts'
import { AUTHORS, type ChatAsked, type ChatState, type Found, type MessageFacts, WINDOW } from './state.ts'
import { MAX_REACTIONS } from './text.ts'

const test = suite('the window of a chat')
const space = fold(spaceDecider, [opened()])
const id = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
const alice = account('alice')

const posted = (n: number, author = 'alice', seconds = 0): ChatEvent => ({
  type: 'MessagePosted',
  data: {
    messageId: id(n),
    account: author,
    guest: null,
    displayName: author,
    subspace: 'main',
    messageType: 'text',
    content: `Message ${n}`,
    parentMessageId: null,
    threadRootId: null,
    at: at(seconds),
  },
})
const facts = (n: number, over: Partial<MessageFacts> = {}): MessageFacts => ({
  author: 'alice',
  subspace: 'main',
  messageType: 'text',
  content: `Message ${n}`,
  parentMessageId: null,
  threadRootId: null,
  edited: false,
  deleted: false,
  reactions: [],
  ...over,
})
const post = (n: number, over: object = {}): ChatCommand => ({
  type: 'PostMessage',
  messageId: id(n),
  subspace: 'main',
  content: `Message ${n}`,
  messageType: 'text',
  parentMessageId: null,
  ...over,
})
const decide = (state: ChatState, command: ChatCommand, found: Found = new Map()) =>
  chatDecider.decide({ ...asked(alice, command), space, found } satisfies ChatAsked, state)
const types = (decision: ReturnType<typeof decide>): unknown =>
  E.isRight(decision) ? decision.right.map(({ type }) => type) : decision.left._tag

/** Message 0, and then so many more that the window no longer contains it. */
const long = (): ChatState =>
  fold(
    chatDecider,
    Array.from({ length: WINDOW + 1 }, (_, n) => posted(n)),
  )

test('given a chat as long as the window, then nothing need be looked up', () => {
  const state = fold(
    chatDecider,
    Array.from({ length: WINDOW }, (_, n) => posted(n)),
  )
  assert.is(windowStart(state), 0)
  for (const command of [post(9_999), post(9_999, { parentMessageId: id(8_888) })])
    assert.equal(messagesNeeded(command, state), [])
})
test('given a longer chat, then the ids to look up are those that the window does not cover, once each, and only valid ones', () => {
  const state = long()
  assert.is(windowStart(state), 1)
  const needed = (command: ChatCommand) => messagesNeeded(command, state)
  assert.equal(needed(post(9_999)), [id(9_999)])
  assert.equal(needed(post(9_999, { fresh: true })), [])
  assert.equal(needed(post(9_999, { parentMessageId: id(0) })), [id(0), id(9_999)])
  assert.equal(needed(post(9_999, { parentMessageId: id(9_999) })), [id(9_999)])
  assert.equal(needed(post(9_999, { parentMessageId: id(1), fresh: true })), [])
  assert.equal(needed(post(1, { messageId: 'drop table' })), [])
  assert.equal(needed({ type: 'EditMessage', messageId: id(0), content: 'x' }), [id(0)])
  assert.equal(needed({ type: 'DeleteMessage', messageId: id(1) }), [])
  assert.equal(needed({ type: 'AddReaction', messageId: id(0).toUpperCase(), emoji: '👍' }), [id(0)])
})
test('given an old message that was looked up, then the same rules apply as in the window', () => {
  const state = long()
  const found = (over: Partial<MessageFacts> = {}): Found => new Map([[id(0), facts(0, over)]])
  const edit: ChatCommand = { type: 'EditMessage', messageId: id(0), content: 'New' }
  const react: ChatCommand = { type: 'AddReaction', messageId: id(0), emoji: '👍' }
  const remove: ChatCommand = { type: 'DeleteMessage', messageId: id(0) }
  assert.equal(types(decide(state, edit, found())), ['MessageEdited'])
  assert.equal(types(decide(state, edit, found({ content: 'New', edited: true }))), [])
  assert.is(types(decide(state, edit, found({ author: 'dave' }))), 'Forbidden')
  assert.is(types(decide(state, edit, found({ deleted: true }))), 'MessageNotFound')
  assert.is(types(decide(state, edit, new Map([[id(0), null]]))), 'MessageNotFound')
  assert.equal(types(decide(state, react, found())), ['ReactionAdded'])
  assert.equal(types(decide(state, react, found({ reactions: [{ subject: 'alice', emoji: '👍' }] }))), [])
  assert.equal(types(decide(state, remove, found({ deleted: true }))), [])
  assert.equal(types(decide(state, post(0), found())), [])
  assert.equal(types(decide(state, post(0), found({ content: 'x', edited: true }))), [])
  assert.is(types(decide(state, post(0, { content: 'x' }), found())), 'MessageIdTaken')
  assert.is(types(decide(state, post(0), found({ author: 'dave' }))), 'MessageIdTaken')
})
test('given an old message that was changed within the window, then the change counts and not what was looked up', () => {
  const change = { messageId: id(0), subspace: 'main', by: alice, at: at() }
  const react: ChatCommand = { type: 'AddReaction', messageId: id(0), emoji: '👍' }
  const found: Found = new Map([[id(0), facts(0)]])
  const after = (event: ChatEvent) => chatDecider.evolve(long(), event)
  const added = after({ type: 'ReactionAdded', data: { ...change, emoji: '👍' } })
  assert.equal(types(decide(added, react, found)), [])
  const removed = after({ type: 'ReactionRemoved', data: { ...change, emoji: '👍' } })
  const had: Found = new Map([[id(0), facts(0, { reactions: [{ subject: 'alice', emoji: '👍' }] })]])
  assert.equal(types(decide(removed, react, had)), ['ReactionAdded'])
  const reactions = Array.from({ length: MAX_REACTIONS }, (_, n) => ({ subject: 'alice', emoji: `${n}` }))
  const many: Found = new Map([[id(0), facts(0, { reactions })]])
  assert.is(types(decide(long(), react, many)), 'Invalid')
  const one = after({ type: 'ReactionRemoved', data: { ...change, emoji: '7' } })
  assert.equal(types(decide(one, react, many)), ['ReactionAdded'])
  const gone = after({ type: 'MessageDeleted', data: change })
  assert.is(types(decide(gone, react, found)), 'MessageNotFound')
  const edited = after({ type: 'MessageEdited', data: { ...change, content: 'New' } })
  assert.equal(types(decide(edited, { type: 'EditMessage', messageId: id(0), content: 'New' }, found)), [])
  assert.equal(types(decide(edited, post(0), found)), [])
})
test('given a message kept in the window by edits, when someone reacts, then its old reactions are looked up', () => {
  const change = { messageId: id(0), subspace: 'main', by: alice, at: at() }
  const edited: ChatEvent = { type: 'MessageEdited', data: { ...change, content: 'New' } }
  const others = (from: number) => Array.from({ length: WINDOW - 10 }, (_, n) => posted(from + n))
  const state = fold(chatDecider, [posted(0), ...others(1), edited, ...others(WINDOW)])
  assert.is(state.messages.get(id(0))?.posted?.author, 'alice')
  assert.equal(messagesNeeded({ type: 'AddReaction', messageId: id(0), emoji: '👍' }, state), [id(0)])
  assert.equal(messagesNeeded({ type: 'DeleteMessage', messageId: id(0) }, state), [])
})
test('given a reaction at the very beginning of the window, then it is still known', () => {
  const change = { messageId: id(WINDOW), subspace: 'main', by: alice, at: at() }
  const added: ChatEvent = { type: 'ReactionAdded', data: { ...change, emoji: '👍' } }
  const before = Array.from({ length: WINDOW + 1 }, (_, n) => posted(n))
  const after = Array.from({ length: WINDOW - 2 }, (_, n) => posted(WINDOW + 1 + n))
  const state = fold(chatDecider, [...before, added, ...after])
  const again: ChatCommand = { type: 'AddReaction', messageId: id(WINDOW), emoji: '👍' }
  assert.equal(messagesNeeded(again, state), [])
  assert.equal(types(decide(state, again)), [])
})
test('given ten thousand events of every kind, then the state is no larger than the window', () => {
  let state = chatDecider.initial()
  for (let n = 0; n < 10_000; n += 1) {
    const change = { messageId: id(n % 700), subspace: 'main', by: account(`user${n % 6_000}`), at: at(n) }
    const events: ReadonlyArray<ChatEvent> = [
      posted(n, `user${n}`, n),
      { type: 'ReactionAdded', data: { ...change, emoji: '👍' } },
      { type: 'MessageEdited', data: { ...change, content: 'x'.repeat(2_000) } },
    ]
    for (const event of events) state = chatDecider.evolve(state, event)
  }
  assert.is(state.length, 30_000)
  assert.ok(state.messages.size + state.reactions.size <= WINDOW)
  assert.ok(state.lastPosts.size <= AUTHORS)
  assert.ok(JSON.stringify(toSnapshot(state)).length < 700_000)
})
test('given a state, when it goes through JSON, then it is the same; anything that is not a snapshot is refused', () => {
  const state = long()
  assert.equal(fromSnapshot(JSON.parse(JSON.stringify(toSnapshot(state)))), E.right(state))
  for (const json of [
    null,
    {},
    { ...toSnapshot(state), version: 0 },
    { ...toSnapshot(state), messages: [1] },
  ])
    assert.ok(E.isLeft(fromSnapshot(json)))
})
test.run()
