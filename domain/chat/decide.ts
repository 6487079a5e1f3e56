/** Who may say what, to the space's rules and the chat's own. */
import * as E from 'fp-ts/lib/Either.js'
import { type Subject, writerOf } from '../identity.ts'
import { MAIN } from '../names.ts'
import { isSince2 } from '../rules.ts'
import { accessOf, mayActOn, mayAs, rank } from '../space/access.ts'
import { actorOf, type DecisionContext } from '../space/decision-context.ts'
import { readSubspace } from '../space/seats.ts'
import { invalid } from '../text.ts'
import type { AddReaction, DeleteMessage, EditMessage, PostMessage, RemoveReaction } from './commands.ts'
import type { ChatEvent } from './events.ts'
import { type Known, knownMessage } from './messages.ts'
import type { ChatRefusal } from './refusals.ts'
import { type ChatAsked, type ChatState, networkKey } from './state.ts'
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
}

const NOT_FOUND: E.Either<ChatRefusal, never> = E.left({ _tag: 'MessageNotFound' })
const NOT_YOURS: E.Either<ChatRefusal, never> = E.left({ _tag: 'Forbidden', needs: 'self' })

/** May be in the space, and the chat is open to them. */
const maySpeak = ({ access, state }: Talk): E.Either<ChatRefusal, void> => {
  if (E.isLeft(access.mayEnter)) return access.mayEnter
  if (!state.settings.chat_enabled) return E.left({ _tag: 'ChatDisabled' })
  if (access.mute !== null) return E.left({ _tag: 'Muted', until: access.mute.until })
  return E.right(undefined)
}

/** Seconds until the author may post again; 0 means now. Moderators and above need not wait. A last post that lies in the
 *  future (the clock was set back) makes nobody wait. */
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

/** A guest's name is the server's: what a guest merely claims is never shown as a name. */
const displayName = ({ by }: Talk): string =>
  by.kind === 'guest' ? `Guest ${by.id.slice('guest:'.length, 'guest:'.length + 6)}` : by.id

const post = (talk: Talk, command: PostMessage): Decision => {
  const { by, at } = talk
  if (by.kind === 'system') return NOT_YOURS
  const may = maySpeak(talk)
  if (E.isLeft(may)) return may
  const messageId = parseMessageId('message_id', canonicalId(command.messageId))
  if (E.isLeft(messageId)) return messageId
  const content = parseContent(command.content, talk.rules)
  if (E.isLeft(content)) return content
  const messageType = parseMessageType(command.messageType)
  if (E.isLeft(messageType)) return messageType
  const subspace = readSubspace(command.subspace ?? MAIN)
  if (E.isLeft(subspace)) return subspace

  const parentMessageId = command.parentMessageId === null ? null : canonicalId(command.parentMessageId)
  const same = talk.find(messageId.right)
  if (same !== null) {
    const again = { ...command, subspace: subspace.right, parentMessageId }
    const isRepeat = same.author === by.id && same.wasPostedAs(again)
    return isRepeat ? E.right([]) : E.left({ _tag: 'MessageIdTaken' })
  }
  let threadRootId: string | null = null
  if (parentMessageId !== null) {
    const parent = talk.find(parentMessageId)
    if (parent === null || parent.subspace !== subspace.right) return NOT_FOUND
    threadRootId = parent.threadRootId ?? parentMessageId
  }
  const turn = turnOf(talk, command.network)
  const retryAfterSeconds = Math.max(wait(talk), turn === null ? 0 : wait(talk, networkKey(turn)))
  if (retryAfterSeconds > 0) return E.left({ _tag: 'SlowDown', retryAfterSeconds })
  return E.right([
    {
      type: 'MessagePosted',
      data: {
        messageId: messageId.right,
        account: writerOf(by),
        guest: by.kind === 'guest' ? by.id : null,
        displayName: displayName(talk),
        subspace: subspace.right,
        messageType: messageType.right,
        content: content.right,
        parentMessageId,
        threadRootId,
        at,
        ...(turn === null ? {} : { network: turn }),
      },
    },
  ])
}

const edit = (talk: Talk, command: EditMessage): Decision => {
  const may = maySpeak(talk)
  if (E.isLeft(may)) return may
  const messageId = canonicalId(command.messageId)
  const content = parseContent(command.content, talk.rules)
  if (E.isLeft(content)) return content
  const message = talk.find(messageId)
  if (message === null || message.deleted) return NOT_FOUND
  if (message.author !== talk.by.id) return NOT_YOURS
  if (message.readsAs(content.right)) return E.right([])
  const { by, at } = talk
  const data = { messageId, subspace: message.subspace, by: actorOf(by), at, content: content.right }
  return E.right([{ type: 'MessageEdited', data }])
}

/** Authors may delete their own messages, even while muted or where chat is off; moderators may delete those of people
 *  below them. */
const remove = (talk: Talk, command: DeleteMessage): Decision => {
  const messageId = canonicalId(command.messageId)
  const { access, state, content, by, at } = talk
  if (E.isLeft(access.mayEnter)) return access.mayEnter
  const message = talk.find(messageId)
  if (message === null) return NOT_FOUND
  if (message.author !== by.id) {
    const may = mayAs(access, 'moderate')
    if (E.isLeft(may)) return may
    const mayOn = mayActOn(state, content, access, message.author)
    if (E.isLeft(mayOn)) return mayOn
  }
  if (message.deleted) return E.right([])
  const data = { messageId, subspace: message.subspace, by: actorOf(by), at }
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
  }
  switch (command.type) {
    case 'PostMessage':
      return post(talk, command)
    case 'EditMessage':
      return edit(talk, command)
    case 'DeleteMessage':
      return remove(talk, command)
    case 'AddReaction':
    case 'RemoveReaction':
      return react(talk, command)
    default: {
      const never: never = command
      return never
    }
  }
}
