import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { codeOf } from '../refused.ts'
import { spaceDecider } from '../space/decider.ts'
import type { SpaceEvent } from '../space/events.ts'
import { account, asked, at, type ContentKind, guest, opened, system } from '../testing/people.ts'
import { fold, scenario } from '../testing/scenario.ts'
import { banned, granted, joined, muted, settled } from '../testing/space-events.ts'
import type { ChatCommand } from './commands.ts'
import { chatDecider } from './decider.ts'
import type { ChatEvent, ChatEventOf } from './events.ts'
import type { ChatAsked, Found } from './state.ts'
import { MAX_REACTIONS, MAX_REACTIONS_OF_ALL } from './text.ts'

const given = scenario(chatDecider, assert.equal)
const test = suite('chat')
const alice = account('alice')
const bob = account('bob')
const dave = account('dave')
const seven = guest(7)
const M1 = '00000000-0000-4000-8000-000000000001'
const M2 = '00000000-0000-4000-8000-000000000002'
const M3 = '00000000-0000-4000-8000-000000000003'

/** A chat command in a space with this history. */
const ask = (
  by: ChatAsked['by'],
  command: ChatCommand,
  options: { seconds?: number; place?: ContentKind; space?: ReadonlyArray<SpaceEvent>; found?: Found } = {},
): ChatAsked => ({
  ...asked(by, command, options),
  space: fold(spaceDecider, [opened(options.place), ...(options.space ?? [])]),
  ...(options.found === undefined ? {} : { found: options.found }),
})
const post = (messageId: string, over: Partial<Extract<ChatCommand, { type: 'PostMessage' }>> = {}) =>
  ({
    type: 'PostMessage',
    messageId,
    subspace: 'main',
    content: 'Hello',
    messageType: 'text',
    parentMessageId: null,
    ...over,
  }) as const
const edit = (messageId: string, content: string) => ({ type: 'EditMessage', messageId, content }) as const
const remove = (messageId: string) => ({ type: 'DeleteMessage', messageId }) as const
const react = (messageId: string, emoji: string) => ({ type: 'AddReaction', messageId, emoji }) as const
const unreact = (messageId: string, emoji: string) => ({ type: 'RemoveReaction', messageId, emoji }) as const

const posted = (
  messageId: string,
  author = 'alice',
  over: Partial<ChatEventOf<'MessagePosted'>['data']> = {},
): ChatEventOf<'MessagePosted'> => ({
  type: 'MessagePosted',
  data: {
    messageId,
    account: author.startsWith('guest:') ? null : author,
    guest: author.startsWith('guest:') ? author : null,
    displayName: author,
    subspace: 'main',
    messageType: 'text',
    content: 'Hello',
    parentMessageId: null,
    threadRootId: null,
    at: at(),
    ...over,
  },
})
const change = (messageId: string, by = 'alice') => ({
  messageId,
  subspace: 'main',
  by: account(by),
  at: at(),
})
const edited = (messageId: string, content: string) =>
  ({ type: 'MessageEdited', data: { ...change(messageId), content } }) as const
const deleted = (messageId: string, by = 'alice') =>
  ({ type: 'MessageDeleted', data: change(messageId, by) }) as const
const reacted = (messageId: string, emoji: string, by = 'alice') =>
  ({ type: 'ReactionAdded', data: { ...change(messageId, by), emoji } }) as const

test('when someone posts, then the message is posted; a guest’s under a name made by the server', () => {
  given()
    .when(ask(alice, post(M1)))
    .happens(posted(M1))
  given()
    .when(ask({ ...seven, claimed: 'alice' }, post(M1)))
    .happens(posted(M1, seven.id, { displayName: 'Guest 000000' }))
})
test('given a message, when the same comes again, then nothing; with other words or from somebody else, MessageIdTaken', () => {
  given(posted(M1))
    .when(ask(alice, post(M1)))
    .happens()
  given(posted(M1))
    .when(ask(alice, post(M1.toUpperCase())))
    .happens()
  given(posted(M1), edited(M1, 'Hi'))
    .when(ask(alice, post(M1)))
    .happens()
  given(posted(M1))
    .when(ask(alice, post(M1, { content: 'Hi' })))
    .refuses({ _tag: 'MessageIdTaken' })
  given(posted(M1))
    .when(ask(dave, post(M1)))
    .refuses({ _tag: 'MessageIdTaken' })
})
test('given a thread, when someone replies to a reply, then its root is the first message', () => {
  given(posted(M1), posted(M2, 'dave', { parentMessageId: M1, threadRootId: M1 }))
    .when(ask(alice, post(M3, { parentMessageId: M2 })))
    .happens(posted(M3, 'alice', { parentMessageId: M2, threadRootId: M1 }))
})
test('when a parent does not exist, is in another room, or is the message itself, then MessageNotFound', () => {
  const history = [posted(M1, 'alice', { subspace: 'main-chess' })]
  for (const parentMessageId of [M1, M2, M3, 'nonsense'])
    given(...history)
      .when(ask(alice, post(M3, { parentMessageId })))
      .refuses({ _tag: 'MessageNotFound' })
})
test('when a message can’t be kept or read, then Invalid', () => {
  const cases: ReadonlyArray<[object, string]> = [
    [{ content: '' }, 'content'],
    [{ content: ' \n\u3000' }, 'content'],
    [{ content: 'x'.repeat(2_001) }, 'content'],
    [{ content: '😀'.repeat(2_001) }, 'content'],
    [{ content: 'a\0b' }, 'content'],
    [{ content: '\ud83d' }, 'content'],
    [{ messageType: 'Text' }, 'message_type'],
    [{ messageType: '' }, 'message_type'],
    [{ messageId: 'one' }, 'message_id'],
    [{ subspace: 'attic' }, 'space'],
  ]
  for (const [over, field] of cases) {
    const { decision } = given().when(ask(alice, { ...post(M1), ...over }))
    assert.is(decision._tag === 'Left' && decision.left._tag === 'Invalid' && decision.left.field, field)
  }
  for (const content of ['x'.repeat(2_000), '😀'.repeat(2_000), '⠓⠑⠇⠇⠕', 'line\nline'])
    given()
      .when(ask(alice, post(M1, { content })))
      .types('MessagePosted')
})
test('when anyone posts what would pass for the system’s own message, then Invalid, whatever their role', () => {
  for (const messageType of ['system', 'system-notice', 'system_message'])
    for (const by of [seven, alice, bob]) {
      const { decision } = given().when(ask(by, post(M1, { messageType })))
      assert.is(
        decision._tag === 'Left' && decision.left._tag === 'Invalid' && decision.left.field,
        'message_type',
      )
    }
  for (const messageType of ['text', 'emote', 'systematic', 'ecosystem'])
    given()
      .when(ask(seven, post(M1, { messageType })))
      .types('MessagePosted')
})
test('given a closed chat, a mute or a ban, when someone posts or edits, then they are told so', () => {
  for (const command of [post(M2), edit(M1, 'Hi'), react(M1, '👍')]) {
    const when = (space: ReadonlyArray<SpaceEvent>, seconds = 0) =>
      given(posted(M1)).when(ask(alice, command, { space, seconds }))
    when([settled({ chat_enabled: false })]).refuses({ _tag: 'ChatDisabled' })
    when([muted('alice', at(60))]).refuses({ _tag: 'Muted', until: at(60) })
    when([banned('alice')]).refuses({ _tag: 'Banned', until: null })
    assert.ok(E.isRight(when([muted('alice', at(60)), banned('alice', at(60))], 60).decision))
  }
  given()
    .when(ask(seven, post(M1), { space: [settled({ guests_allowed: false })] }))
    .refuses({ _tag: 'GuestsNotAllowed' })
})
test('given a private space, when a stranger does anything with it, then SpaceNotFound, whether the message exists or not', () => {
  for (const command of [
    post(M2),
    edit(M1, 'Hi'),
    remove(M1),
    remove(M2),
    react(M1, '👍'),
    unreact(M1, '👍'),
  ])
    given(posted(M1, 'carol'))
      .when(ask(dave, command, { place: 'private' }))
      .refuses({ _tag: 'SpaceNotFound' })
  given()
    .when(ask(account('carol'), post(M1), { place: 'private' }))
    .types('MessagePosted')
})
test('given a chat without reactions, when someone reacts, then only moderators and above may; anyone may remove their own', () => {
  const space = [settled({ reactions_enabled: false }), granted('maria', 'moderate')]
  const on = given(posted(M1), reacted(M1, '👍', 'dave'))
  on.when(ask(alice, react(M1, '👍'), { space })).refuses({ _tag: 'Forbidden', needs: 'moderate' })
  on.when(ask(account('maria'), react(M1, '👍'), { space })).types('ReactionAdded')
  on.when(ask(dave, unreact(M1, '👍'), { space })).types('ReactionRemoved')
  on.when(ask(dave, react(M1, '👍'), { space: [] })).happens()
})
test('given slow mode, when someone posts too soon, then SlowDown with the seconds left; moderators may', () => {
  const space = [settled({ slow_mode_seconds: 30 }), granted('maria', 'moderate')]
  const history = [posted(M1), posted(M3, 'maria')]
  given(...history)
    .when(ask(alice, post(M2), { space, seconds: 10.5 }))
    .refuses({ _tag: 'SlowDown', retryAfterSeconds: 20 })
  given(...history)
    .when(ask(alice, post(M2), { space, seconds: 30 }))
    .types('MessagePosted')
  given(...history, posted(M2, 'alice', { at: at(30) }))
    .when(ask(alice, post('00000000-0000-4000-8000-000000000004'), { space, seconds: 31 }))
    .refuses({ _tag: 'SlowDown', retryAfterSeconds: 29 })
  given(...history)
    .when(ask(alice, post(M1), { space, seconds: 1 }))
    .happens()
  given(...history)
    .when(ask(account('maria'), post(M2), { space }))
    .types('MessagePosted')
  given(...history)
    .when(ask(dave, post(M2), { space }))
    .types('MessagePosted')
})
test('given a clock that went back, when someone posts in slow mode, then they wait for no more than twice its time', () => {
  const space = [settled({ slow_mode_seconds: 30 })]
  const later = posted(M1, 'alice', { at: at(3_600) })
  given(later)
    .when(ask(alice, post(M2), { space }))
    .types('MessagePosted')
  given(later)
    .when(ask(alice, post(M2), { space, seconds: 3_570 }))
    .refuses({ _tag: 'SlowDown', retryAfterSeconds: 60 })
  given(later, posted(M2))
    .when(ask(alice, post(M3), { space, seconds: 10 }))
    .refuses({ _tag: 'SlowDown', retryAfterSeconds: 20 })
})
test('given a message, when its author edits it, then it is edited; with the same words, nothing; somebody else’s, Forbidden', () => {
  given(posted(M1))
    .when(ask(alice, edit(M1, 'Hi')))
    .happens(edited(M1, 'Hi'))
  given(posted(M1))
    .when(ask(alice, edit(M1, 'Hello')))
    .happens()
  given(posted(M1), edited(M1, 'Hi'))
    .when(ask(alice, edit(M1, 'Hi')))
    .happens()
  given(posted(M1), edited(M1, 'Hi'))
    .when(ask(alice, edit(M1, 'Hello')))
    .happens(edited(M1, 'Hello'))
  given(posted(M1))
    .when(ask(bob, edit(M1, 'Hi')))
    .refuses({ _tag: 'Forbidden', needs: 'self' })
  given()
    .when(ask(alice, edit(M1, 'Hi')))
    .refuses({ _tag: 'MessageNotFound' })
})
test('given messages by people of all ranks, when each is deleted, then only by its author or somebody above', () => {
  const space = [granted('maria', 'moderate'), granted('nadia', 'moderate'), granted('oscar', 'admin')]
  const may = (by: ChatAsked['by'], author: string) =>
    E.isRight(given(posted(M1, author)).when(ask(by, remove(M1), { space })).decision)
  assert.ok(may(alice, 'alice'))
  assert.ok(may(account('maria'), 'alice') && may(account('maria'), seven.id))
  assert.ok(may(account('oscar'), 'maria') && may(bob, 'oscar') && may(system, 'bob'))
  assert.not(may(alice, 'dave') || may(seven, 'alice') || may(account('maria'), 'nadia'))
  assert.not(may(account('maria'), 'oscar') || may(account('oscar'), 'bob'))
})
test('given a deleted message, when it is deleted again, then nothing; edited or reacted to, MessageNotFound', () => {
  const history = [posted(M1), deleted(M1)]
  given(...history)
    .when(ask(alice, remove(M1)))
    .happens()
  given(...history)
    .when(ask(bob, remove(M1)))
    .happens()
  for (const command of [edit(M1, 'Hi'), react(M1, '👍'), unreact(M1, '👍')])
    given(...history)
      .when(ask(alice, command))
      .refuses({ _tag: 'MessageNotFound' })
  given(...history)
    .when(ask(alice, post(M1)))
    .happens()
  given(...history)
    .when(ask(dave, post(M2, { parentMessageId: M1 })))
    .types('MessagePosted')
})
test('given a muted author in a closed chat, when they take back their own, then they may', () => {
  const space = [muted('alice'), settled({ chat_enabled: false })]
  given(posted(M1), reacted(M1, '👍'))
    .when(ask(alice, remove(M1), { space }))
    .types('MessageDeleted')
  given(posted(M1), reacted(M1, '👍'))
    .when(ask(alice, unreact(M1, '👍'), { space }))
    .types('ReactionRemoved')
})
test('given a reaction, when it is added again, then nothing; each subject has its own', () => {
  given(posted(M1))
    .when(ask(alice, react(M1, '👍')))
    .happens(reacted(M1, '👍'))
  given(posted(M1), reacted(M1, '👍'))
    .when(ask(alice, react(M1, '👍')))
    .happens()
  given(posted(M1), reacted(M1, '👍'))
    .when(ask(dave, react(M1, '👍')))
    .happens(reacted(M1, '👍', 'dave'))
  given(posted(M1), reacted(M1, '👍'))
    .when(ask(alice, unreact(M1, '👍')))
    .types('ReactionRemoved')
  given(posted(M1), reacted(M1, '👍'))
    .when(ask(dave, unreact(M1, '👍')))
    .happens()
})
test('given the most reactions of one person on a message, when they add another, then Invalid; others may, and they may elsewhere', () => {
  const emojis = Array.from({ length: MAX_REACTIONS + 1 }, (_, i) => String.fromCodePoint(0x1f600 + i))
  const [one, ...twenty] = emojis as [string, ...string[]]
  const history = [posted(M1), posted(M2), ...twenty.map((emoji) => reacted(M1, emoji))]
  const may = (by: ChatAsked['by'], messageId: string, ...more: ReadonlyArray<ChatEvent>) =>
    E.isRight(given(...history, ...more).when(ask(by, react(messageId, one))).decision)
  assert.not(may(alice, M1))
  assert.ok(may(dave, M1) && may(alice, M2))
  const back = { type: 'ReactionRemoved', data: { ...change(M1), emoji: twenty[0]! } } as const
  assert.ok(may(alice, M1, back))
  assert.not(may(alice, M1, back, reacted(M1, twenty[0]!)))
  given(...history)
    .when(ask(alice, react(M1, twenty[0]!)))
    .happens()
})
test('when a reaction is not a single emoji, then Invalid', () => {
  for (const emoji of [
    '',
    '👍👍',
    'ok',
    ' ',
    '\n',
    '\0',
    '\ud83d',
    '👩‍👩‍👧‍👦'.repeat(3),
    'e\u0301'.repeat(2),
  ])
    assert.is(
      given(posted(M1)).when(ask(alice, react(M1, emoji))).decision._tag,
      'Left',
      JSON.stringify(emoji),
    )
  for (const emoji of ['👍', '👍🏽', '👩‍👩‍👧‍👦', '🇦🇹', '1️⃣', '❤️', '+'])
    given(posted(M1))
      .when(ask(alice, react(M1, emoji)))
      .types('ReactionAdded')
})
test('given one emoji written with and without U+FE0F, or in both forms of Unicode, then it is one reaction', () => {
  for (const [written, otherwise] of [
    ['❤', '❤️'],
    ['👁‍🗨', '👁️‍🗨️'],
    ['1⃣', '1️⃣'],
    ['☝\ufe0e', '☝️'],
    ['e\u0301', '\u00e9'],
  ] as const) {
    const [added] = E.getOrElse(() => [] as ReadonlyArray<ChatEvent>)(
      given(posted(M1)).when(ask(alice, react(M1, written))).decision,
    )
    assert.equal(added, reacted(M1, otherwise), written)
    // It was written before reactions had one normal form, and counts as the same all the same.
    given(posted(M1), reacted(M1, written))
      .when(ask(alice, react(M1, otherwise)))
      .happens()
    given(posted(M1), reacted(M1, otherwise))
      .when(ask(alice, unreact(M1, written)))
      .types('ReactionRemoved')
  }
})
test('when a message or a reaction has nothing to see in it, then Invalid', () => {
  for (const words of [
    '\u2800',
    '\u3164 \uffa0',
    '\u200b\u2060',
    '\ufe0f',
    '\u00ad\u034f',
    '\u0301',
    '\u{e0041}',
  ]) {
    const refused = given().when(ask(alice, post(M1, { content: words }))).decision
    assert.is(E.isLeft(refused) && codeOf(refused.left), 'invalid_content', JSON.stringify(words))
    assert.is(given(posted(M1)).when(ask(alice, react(M1, words))).decision._tag, 'Left')
  }
  for (const words of ['.', '⠁', 'ㅤa', '👻', 'ا'])
    given()
      .when(ask(alice, post(M1, { content: words })))
      .types('MessagePosted')
})
test('given the most reactions on a message, when anybody adds one, then Invalid; with one fewer, they may', () => {
  const fans = Array.from({ length: MAX_REACTIONS_OF_ALL }, (_, n) => reacted(M1, '👍', `fan-${n}`))
  const may = (...history: ReadonlyArray<ChatEvent>) =>
    E.isRight(given(posted(M1), ...history).when(ask(dave, react(M1, '👍'))).decision)
  assert.not(may(...fans))
  assert.ok(may(...fans.slice(1)))
  assert.ok(may(...fans, { type: 'ReactionRemoved', data: { ...change(M1, 'fan-7'), emoji: '👍' } }))
  // The rule is newer than some messages: a decision of that time comes out as it did then.
  const asked = { ...ask(dave, react(M1, '👍')), rules: 1 }
  given(posted(M1), ...fans)
    .when(asked)
    .types('ReactionAdded')
})
test('given slow mode, when new guests come from one network, then they take turns; guests who have been there for long do not', () => {
  const space = [settled({ slow_mode_seconds: 30 })]
  const eight = guest(8)
  const from = (
    by: typeof seven,
    network: string | undefined,
    seconds: number,
    ...history: ReadonlyArray<SpaceEvent>
  ) =>
    ask(
      by,
      { ...post(M2), ...(network === undefined ? {} : { network }) },
      { seconds, space: [...space, ...history] },
    )
  const first = posted(M1, eight.id, { network: 'a1b2' })
  given(first)
    .when(from(seven, 'a1b2', 10))
    .refuses({ _tag: 'SlowDown', retryAfterSeconds: 20 })
  given(first)
    .when(from(seven, 'a1b2', 10, joined(seven.id)))
    .refuses({ _tag: 'SlowDown', retryAfterSeconds: 20 })
  given(first)
    .when(from(seven, 'a1b2', 30))
    .types('MessagePosted')
  given(first)
    .when(from(seven, 'ffff', 10))
    .types('MessagePosted')
  given(first)
    .when(from(seven, 'a1b2', 10, joined(seven.id, 1, 'main', -20)))
    .types('MessagePosted')
  // Without slow mode, nothing says where it came from.
  given()
    .when(ask(seven, { ...post(M1), network: 'a1b2' }))
    .happens(posted(M1, seven.id, { displayName: 'Guest 000000' }))
})
test('when the system posts or reacts, then Forbidden', () => {
  given(posted(M1))
    .when(ask(system, post(M2)))
    .refuses({ _tag: 'Forbidden', needs: 'self' })
  given(posted(M1))
    .when(ask(system, react(M1, '👍')))
    .refuses({ _tag: 'Forbidden', needs: 'self' })
})
test.run()
