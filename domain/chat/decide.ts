/** Who may say what, by the space's rules and the chat's own. */
import * as E from 'fp-ts/lib/Either.js'
import { type Subject, writerOf } from '../identity.ts'
import { MAIN } from '../names.ts'
import { isSince2, isSince5 } from '../rules.ts'
import { accessOf, mayActOn, mayAs, rank } from '../space/access.ts'
import { actorOf, type DecisionContext } from '../space/decision-context.ts'
import { readSubspace } from '../space/seats.ts'
import { invalid, parseReason } from '../text.ts'
import type {
  AddReaction,
  ApproveMessage,
  DeleteMessage,
  DropMessage,
  EditMessage,
  PostMessage,
  RemoveReaction,
} from './commands.ts'
import type { ChatEvent } from './events.ts'
import type { Caught } from './filtered.ts'
import { actsOn, filtersFor, heldOf, holding, mayWait, quietOf } from './filtering.ts'
import { isSamePost, type Known, knownMessage } from './messages.ts'
import type { ChatRefusal } from './refusals.ts'
import { type ChatAsked, type ChatState, type MessageFacts, networkKey } from './state.ts'
import {
  canonicalId,
  MAX_REACTIONS,
  MAX_REACTIONS_OF_ALL,
  parseContent,
  parseEmoji,
  parseMessageId,
  parseMessageType,
} from './text.ts'

type Decision = E.Either<ChatRefusal, ReadonlyArray<ChatEvent>>
type Talk = DecisionContext & {
  readonly chat: ChatState
  readonly find: (id: string) => Known | null
  /** The facts of a message, if they were looked up. */
  readonly lookedUp: (id: string) => MessageFacts | null
}

const NOT_FOUND: E.Either<ChatRefusal, never> = E.left({ _tag: 'MessageNotFound' })
const NOT_YOURS: E.Either<ChatRefusal, never> = E.left({ _tag: 'Forbidden', needs: 'self' })

/** Whether they may be in the space, the chat is open to them, and no filter has muted them. Filters never keep
 *  moderators and people above them from speaking, whenever they were muted. */
const maySpeak = (talk: Talk): E.Either<ChatRefusal, void> => {
  const may = mayWrite(talk)
  if (E.isLeft(may)) return may
  const { access, chat, by, at } = talk
  const quiet = rank(access.role) >= rank('moderate') ? null : quietOf(chat, by.id, at)
  return quiet === null ? may : E.left({ _tag: 'Muted', until: quiet.until })
}

/** The same, apart from filters. */
const mayWrite = ({ access, state }: Talk): E.Either<ChatRefusal, void> => {
  if (E.isLeft(access.mayEnter)) return access.mayEnter
  if (!state.settings.chat_enabled) return E.left({ _tag: 'ChatDisabled' })
  if (access.mute !== null) return E.left({ _tag: 'Muted', until: access.mute.until })
  return E.right(undefined)
}

/** Seconds until the author may post again; 0 means now. Moderators and people above them need not wait. A last post in
 *  the future (the clock was set back) makes nobody wait. */
const wait = ({ state, access, chat, by, at }: Talk, turn: Subject = by.id): number => {
  const seconds = state.settings.slow_mode_seconds
  const last = chat.lastPosts.get(turn)
  if (seconds === 0 || last === undefined || rank(access.role) >= rank('moderate')) return 0
  const left = Math.ceil((last - Date.parse(at)) / 1_000 + seconds)
  return left > 2 * seconds ? 0 : Math.max(0, left)
}

/** In slow mode a new guest also uses up the turn of its network, until it has been in the room for one waiting time.
 *  Otherwise anybody could post as a new guest each time. */
const turnOf = ({ state, by, at }: Talk, network: string | undefined): string | null => {
  const seconds = state.settings.slow_mode_seconds
  if (seconds === 0 || by.kind !== 'guest' || network === undefined) return null
  const first = state.sessions.get(state.own.get(by.id)?.[0] ?? '')
  const isSettled = first !== undefined && Date.parse(at) - Date.parse(first.joinedAt) >= seconds * 1_000
  return isSettled ? null : network
}

/** A guest's name is made by the server: a name that a guest merely claims is never shown as such. */
const displayName = ({ by }: Talk): string =>
  by.kind === 'guest' ? `Guest ${by.id.slice('guest:'.length, 'guest:'.length + 6)}` : by.id

type Sending = Omit<PostMessage, 'parentMessageId'> & {
  readonly subspace: string
  readonly parentMessageId: string | null
}

/** What was sent, in the forms in which it is kept. */
const readPost = (talk: Talk, command: PostMessage): E.Either<ChatRefusal, Sending> => {
  const messageId = parseMessageId('message_id', canonicalId(command.messageId))
  if (E.isLeft(messageId)) return messageId
  const content = parseContent(command.content, talk.rules)
  if (E.isLeft(content)) return content
  const messageType = parseMessageType(command.messageType)
  if (E.isLeft(messageType)) return messageType
  const subspace = readSubspace(command.subspace ?? MAIN)
  if (E.isLeft(subspace)) return subspace
  return E.right({
    ...command,
    messageId: messageId.right,
    content: content.right,
    messageType: messageType.right,
    subspace: subspace.right,
    parentMessageId: command.parentMessageId === null ? null : canonicalId(command.parentMessageId),
  })
}

/** The root of the thread that the message joins; null if it is not a reply. */
const rootOf = (talk: Talk, { parentMessageId, subspace }: Sending): E.Either<ChatRefusal, string | null> => {
  if (parentMessageId === null) return E.right(null)
  const parent = talk.find(parentMessageId)
  if (parent === null || parent.subspace !== subspace) return NOT_FOUND
  return E.right(parent.threadRootId ?? parentMessageId)
}

const messageOf = (talk: Talk, sending: Omit<Sending, 'type'>, threadRootId: string | null) => ({
  messageId: sending.messageId,
  account: writerOf(talk.by),
  guest: talk.by.kind === 'guest' ? talk.by.id : null,
  displayName: displayName(talk),
  subspace: sending.subspace,
  messageType: sending.messageType,
  content: sending.content,
  parentMessageId: sending.parentMessageId,
  threadRootId,
  at: talk.at,
})

/** A message that a filter holds is sent again: by its author, or by the server after a moderator let it through. Slow
 *  mode was waited out when it was first sent. */
const postHeld = (talk: Talk, sending: Sending, held: Caught): Decision => {
  const facts = talk.lookedUp(sending.messageId)
  const isSame = facts === null || isSamePost(sending, facts)
  const isRepeat = held.edits === undefined && held.author === talk.by.id && isSame
  if (!isRepeat) return E.left({ _tag: 'MessageIdTaken' })
  if (held.approvedBy === null) return E.right([])
  const root = rootOf(talk, sending)
  if (E.isLeft(root)) return root
  const data = { ...messageOf(talk, sending, root.right), heldAt: held.at }
  return E.right([{ type: 'MessagePosted', data }])
}

const post = (talk: Talk, command: PostMessage): Decision => {
  const { by, chat } = talk
  if (by.kind === 'system') return NOT_YOURS
  const held = heldOf(chat, canonicalId(command.messageId))
  const may = held === null ? maySpeak(talk) : mayWrite(talk)
  if (E.isLeft(may)) return may
  const read = readPost(talk, command)
  if (E.isLeft(read)) return read
  const sending = read.right
  if (held !== null) return postHeld(talk, sending, held)
  const same = talk.find(sending.messageId)
  if (same !== null) {
    const isRepeat = same.author === by.id && same.wasPostedAs(sending)
    return isRepeat ? E.right([]) : E.left({ _tag: 'MessageIdTaken' })
  }
  const root = rootOf(talk, sending)
  if (E.isLeft(root)) return root
  const turn = turnOf(talk, command.network)
  const retryAfterSeconds = Math.max(wait(talk), turn === null ? 0 : wait(talk, networkKey(turn)))
  if (retryAfterSeconds > 0) return E.left({ _tag: 'SlowDown', retryAfterSeconds })
  const data = { ...messageOf(talk, sending, root.right), ...(turn === null ? {} : { network: turn }) }
  const filters = filtersFor(talk, sending.content, true)
  const holds = holding(filters)
  if (holds === undefined)
    return E.right([{ type: 'MessagePosted', data }, ...actsOn(talk, sendingOf(data), filters)])
  const room = mayWait(talk)
  if (E.isLeft(room)) return room
  return E.right([
    { type: 'MessageHeld', data: { ...data, filterId: holds.filterId } },
    ...actsOn(talk, sendingOf(data), filters),
  ])
}
const sendingOf = ({ messageId, subspace }: { readonly messageId: string; readonly subspace: string }) => ({
  messageId,
  subspace,
})

/** What waits if a filter holds an edit: the message as it would read, under an id of its own. */
const heldEdit = (talk: Talk, { messageId, content, editId }: EditMessage, message: Known) => {
  const { subspace, messageType, parentMessageId, threadRootId } = message
  const edits = canonicalId(messageId)
  const sending = { messageId: editId ?? edits, subspace, messageType, content, parentMessageId }
  return { ...messageOf(talk, sending, threadRootId), edits }
}

/** An edit that waited and that a moderator let through: no filter looks at it again. */
const letThrough = ({ chat, by }: Talk, { heldAs, messageId }: EditMessage): Caught | null => {
  const held = heldAs === undefined ? null : heldOf(chat, heldAs)
  const isOfThis = held?.edits === canonicalId(messageId) && held.author === by.id
  return isOfThis && held.approvedBy !== null ? held : null
}

const edit = (talk: Talk, command: EditMessage): Decision => {
  const waited = letThrough(talk, command)
  const may = waited === null ? maySpeak(talk) : mayWrite(talk)
  if (E.isLeft(may)) return may
  const messageId = canonicalId(command.messageId)
  const content = parseContent(command.content, talk.rules)
  if (E.isLeft(content)) return content
  const message = talk.find(messageId)
  if (message === null || message.deleted) return NOT_FOUND
  if (message.author !== talk.by.id) return NOT_YOURS
  const { by, at } = talk
  const data = { messageId, subspace: message.subspace, by: actorOf(by), at, content: content.right }
  if (waited !== null)
    return E.right([{ type: 'MessageEdited', data: { ...data, heldAs: waited.messageId } }])
  if (message.readsAs(content.right)) return E.right([])
  const filters = filtersFor(talk, content.right, false)
  const holds = holding(filters)
  if (holds === undefined)
    return E.right([{ type: 'MessageEdited', data }, ...actsOn(talk, sendingOf(data), filters)])
  if (!isSince5(talk.rules)) return E.left({ _tag: 'WordsHeld', of: 'edit' })
  const held = heldEdit(talk, { ...command, content: content.right }, message)
  const room = mayWait(talk, held.edits)
  if (E.isLeft(room)) return room
  return E.right([
    { type: 'MessageHeld', data: { ...held, filterId: holds.filterId } },
    ...actsOn(talk, sendingOf(held), filters),
  ])
}

/** Checks whether the caller may settle what a filter caught: a moderator above the author may. Null if nothing was caught. */
const settled = (talk: Talk, messageId: string): E.Either<ChatRefusal, Caught | null> => {
  const { access, state, content, chat } = talk
  const may = mayAs(access, 'moderate')
  if (E.isLeft(may)) return may
  const caught = chat.filtered.caught.get(messageId) ?? null
  if (caught === null) return E.right(null)
  const mayOn = mayActOn(state, content, access, caught.author)
  return E.isLeft(mayOn) ? mayOn : E.right(caught)
}

const approve = (talk: Talk, command: ApproveMessage): Decision => {
  const messageId = canonicalId(command.messageId)
  const of = settled(talk, messageId)
  if (E.isLeft(of)) return of
  if (of.right === null) return talk.find(messageId) === null ? NOT_FOUND : E.right([])
  const { subspace, author: subject, approvedBy } = of.right
  if (approvedBy !== null) return E.right([])
  const data = { messageId, subspace, subject, by: actorOf(talk.by), at: talk.at }
  return E.right([{ type: 'MessageApproved', data }])
}

/** If the message was posted all the same, it is deleted, too. */
const drop = (talk: Talk, command: DropMessage): Decision => {
  const messageId = canonicalId(command.messageId)
  const of = settled(talk, messageId)
  if (E.isLeft(of)) return of
  if (of.right === null) return NOT_FOUND
  const reason = parseReason(command.reason)
  if (E.isLeft(reason)) return reason
  const { subspace, author: subject, held } = of.right
  const change = { messageId, subspace, by: actorOf(talk.by), at: talk.at }
  const posted = held ? null : talk.find(messageId)
  return E.right([
    { type: 'MessageDropped', data: { ...change, subject, reason: reason.right } },
    ...(posted === null || posted.deleted ? [] : [{ type: 'MessageDeleted' as const, data: change }]),
  ])
}

/** Authors may delete their own messages, even while muted or if chat is off, and take back one that a filter holds;
 *  moderators may delete those of people below them. */
const remove = (talk: Talk, command: DeleteMessage): Decision => {
  const messageId = canonicalId(command.messageId)
  const { access, state, content, by, at } = talk
  if (E.isLeft(access.mayEnter)) return access.mayEnter
  const held = heldOf(talk.chat, messageId)
  const message = held ?? talk.find(messageId)
  if (message === null) return NOT_FOUND
  if (message.author !== by.id) {
    const may = mayAs(access, 'moderate')
    if (E.isLeft(may)) return may
    const mayOn = mayActOn(state, content, access, message.author)
    if (E.isLeft(mayOn)) return mayOn
  }
  const data = { messageId, subspace: message.subspace, by: actorOf(by), at }
  if (held !== null)
    return E.right([{ type: 'MessageDropped', data: { ...data, subject: held.author, reason: null } }])
  if ('deleted' in message && message.deleted) return E.right([])
  return E.right([{ type: 'MessageDeleted', data }])
}

const react = (talk: Talk, command: AddReaction | RemoveReaction): Decision => {
  const { by, at, access } = talk
  if (by.kind === 'system') return NOT_YOURS
  const isAdding = command.type === 'AddReaction'
  const may = isAdding ? maySpeak(talk) : access.mayEnter
  if (E.isLeft(may)) return may
  if (isAdding && !talk.state.settings.reactions_enabled && rank(access.role) < rank('moderate'))
    return E.left({ _tag: 'Forbidden', needs: 'moderate' })
  const emoji = parseEmoji(command.emoji, talk.rules)
  if (E.isLeft(emoji)) return emoji
  const messageId = canonicalId(command.messageId)
  const message = talk.find(messageId)
  if (message === null || message.deleted) return NOT_FOUND
  if (message.hasReaction(by.id, emoji.right) === isAdding) return E.right([])
  if (isAdding && message.reactionsOf(by.id) >= MAX_REACTIONS)
    return invalid('emoji', `There are ${MAX_REACTIONS} reactions of yours on this message already.`)
  if (isAdding && isSince2(talk.rules) && message.reactions() >= MAX_REACTIONS_OF_ALL)
    return invalid('emoji', `There are ${MAX_REACTIONS_OF_ALL} reactions on this message already.`)
  const data = { messageId, subspace: message.subspace, by: actorOf(by), at, emoji: emoji.right }
  return E.right([{ type: isAdding ? 'ReactionAdded' : 'ReactionRemoved', data }])
}

export const decideChat = (asked: ChatAsked, chat: ChatState): Decision => {
  const { space: state, by, at, content, command } = asked
  const talk: Talk = {
    state,
    by,
    at,
    content,
    rules: asked.rules,
    access: accessOf(state, by, content, at),
    chat,
    find: (id) => knownMessage(chat, asked.found, id),
    lookedUp: (id) => asked.found?.get(id) ?? null,
  }
  switch (command.type) {
    case 'PostMessage':
      return post(talk, command)
    case 'EditMessage':
      return edit(talk, command)
    case 'DeleteMessage':
      return remove(talk, command)
    case 'ApproveMessage':
      return approve(talk, command)
    case 'DropMessage':
      return drop(talk, command)
    case 'AddReaction':
    case 'RemoveReaction':
      return react(talk, command)
    default: {
      const never: never = command
      return never
    }
  }
}
