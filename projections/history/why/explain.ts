/** Why an act was accepted or refused. The command is rebuilt from what it left on the log, the room is taken back to
 *  the moment of the decision, and the same code decides again. `agrees` says whether the answer is what happened. */
import * as E from 'fp-ts/lib/Either.js'
import type { ChatCommand } from '../../../domain/chat/commands.ts'
import { chatDecider, messagesNeeded } from '../../../domain/chat/decider.ts'
import type { ChatEvent } from '../../../domain/chat/events.ts'
import type { ChatRefusal } from '../../../domain/chat/refusals.ts'
import type { ChatState, Found } from '../../../domain/chat/state.ts'
import type { Decoded } from '../../../domain/codec.ts'
import { commandEntry } from '../../../domain/commands.ts'
import { SOME_WORDS } from '../../../domain/fields.ts'
import type { Actor, Caller } from '../../../domain/identity.ts'
import { type SpaceRef, streamName } from '../../../domain/names.ts'
import { codeOf } from '../../../domain/refused.ts'
import type { ContentFacts, SpaceCommand } from '../../../domain/space/commands.ts'
import { spaceDecider } from '../../../domain/space/decider.ts'
import type { SpaceEvent } from '../../../domain/space/events.ts'
import { factsOf, withoutExcessSeats } from '../../../domain/space/facts.ts'
import { Failed, readEvents } from '../errors.ts'
import type { Moments } from '../moments.ts'
import { readable } from '../point.ts'
import { says as inWords } from '../sentences.ts'
import type { Standing } from '../space-standing.ts'
import type { Explanation, Verdict } from './explanation.ts'
import type { PastStates } from './past.ts'
import {
  type AnyCommand,
  chatCommandOf,
  isChatCommand,
  refusedCommandOf,
  spaceCommandOf,
} from './rebuilt-command.ts'
import { createRights, eventView } from './right.ts'
import { rulesFor } from './rules.ts'
import { wordsFor } from './words.ts'

/* ── deciding again ─────────────────────────────────────────────────────────────────────────────────────── */

type Replayed = {
  readonly id: string
  readonly by: Caller | { readonly kind: 'system'; readonly id: string }
  readonly at: string
  readonly facts: ContentFacts
  readonly command: AnyCommand
  readonly standing: Standing
  readonly chat: ChatState | null
  readonly found: Found
  readonly rules: number | undefined
}

/** Decides with the domain's own deciders. */
const decide = (replayed: Replayed): Verdict => {
  const { id, by, at, facts: content, command, standing, chat, found, rules } = replayed
  const decision: E.Either<ChatRefusal, ReadonlyArray<SpaceEvent | ChatEvent>> = isChatCommand(command)
    ? chatDecider.decide(
        { id, by, at, content, command, rules, space: standing.state, found },
        chat ?? chatDecider.initial(),
      )
    : E.map(withoutExcessSeats)(
        spaceDecider.decide({ id, by, at, content, rules, command: command as SpaceCommand }, standing.state),
      )
  if (E.isLeft(decision))
    return { outcome: 'refused', code: codeOf(decision.left), refusal: decision.left, events: [] }
  const events = decision.right
  return { outcome: events.length === 0 ? 'nothing' : 'accepted', code: null, refusal: null, events }
}

/** Fields that are not compared: what is personal may have been erased, and avatars are in no moment. */
const PERSONAL = new Set(['content', 'avatarData', 'components', 'weight', 'erased', 'sealed'])
const isSame = (a: unknown, b: unknown): boolean => {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const names = (value: object) => Object.keys(value).filter((name) => !PERSONAL.has(name))
  const left = names(a)
  if (left.length !== names(b).length) return false
  return left.every((name) =>
    isSame((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]),
  )
}

/* ── explaining ─────────────────────────────────────────────────────────────────────────────────────────── */

const callerOf = (actor: Actor, group: ReadonlyArray<Decoded>): Replayed['by'] => {
  if (actor.kind !== 'guest') return actor
  const joined = group.find(({ event }) => event.type === 'SessionJoined')?.event.data as
    | { readonly claimed?: string | null }
    | undefined
  const claimed = joined?.claimed ?? null
  return claimed === null ? { kind: 'guest', id: actor.id } : { kind: 'guest', id: actor.id, claimed }
}

type Explained = {
  readonly past: PastStates
  readonly space: SpaceRef
  readonly group: ReadonlyArray<Decoded>
  readonly actor: Actor
  readonly at: string
  readonly command: AnyCommand | null
  readonly type: string
  readonly standing: Standing
  readonly facts: ContentFacts
  readonly chatRevision: number | null
  readonly happened: Explanation['happened']
  readonly gaps: Array<string>
}

const fieldsOf = (command: AnyCommand | null): Readonly<Record<string, unknown>> => {
  if (command === null) return {}
  const { fields } = commandEntry(command.type)
  return Object.fromEntries(Object.entries(command).filter(([name]) => fields[name]?.isInner === false))
}

/** The chat as the decision saw it, and the time of the actor's last message before that. */
const chatFor = async ({ past, space, actor, at, command, standing, chatRevision }: Explained) => {
  if (command === null || !isChatCommand(command) || chatRevision === null)
    return { chat: null, lastPost: null }
  const chat = await past.chatAt(space, chatRevision)
  const known = chat.lastPosts.get(actor.id) ?? null
  const slow = standing.state.settings.slow_mode_seconds
  if (command.type !== 'PostMessage' || slow === 0 || known !== null || chat.length === 0)
    return { chat, lastPost: known }
  const lastPost = await past.lastPost(space, actor.id, chatRevision, Date.parse(at) - slow * 1_000)
  if (lastPost === null) return { chat, lastPost }
  return { chat: { ...chat, lastPosts: new Map([...chat.lastPosts, [actor.id, lastPost]]) }, lastPost }
}

const ERASED_WORDS =
  'The words were erased, so whether a filter would catch them can’t be told again; what it did is on the log.'

/** Filters look at words, and those of an erased message, or of one that was refused for its words, are no longer there. */
const lacksWords = ({ command, group, happened }: Explained): boolean => {
  if (command === null || !('content' in command) || command.content !== SOME_WORDS) return false
  const isFilters = ({ event: { type } }: Decoded) => type === 'MessageHeld' || type === 'FilterActed'
  return happened?.code === 'words_held' || group.some(isFilters)
}

/** Whether a verdict agrees with what happened. */
const agreesWith = ({ happened, group }: Explained, verdict: Verdict): boolean => {
  if (happened === null) return true
  if (happened.outcome === 'refused') return verdict.outcome === 'refused' && verdict.code === happened.code
  return (
    verdict.outcome === 'accepted' &&
    isSame(
      verdict.events.map(({ type, data }) => ({ type, data })),
      group.map(({ event: { type, data } }) => ({ type, data })),
    )
  )
}

/** Decides the command again. `found`: messages beyond the window, looked up only if they matter, since that is a walk
 *  back through the chat. */
const decideAgain = async (
  told: Explained,
  command: AnyCommand,
  chat: ChatState | null,
): Promise<{ readonly verdict: Verdict; readonly found: Found }> => {
  const { past, space, group, actor, at, standing, facts, happened, chatRevision } = told
  const asking = {
    id: group[0]?.metadata.command.id ?? '',
    by: callerOf(actor, group),
    at,
    facts,
    command,
    standing,
    chat,
    // A question about what could have been is decided by today's rules.
    rules: happened === null ? undefined : (group[0]?.metadata.rules ?? 1),
  }
  const none: Found = new Map()
  const verdict = decide({ ...asking, found: none })
  const needed = chat !== null && isChatCommand(command) ? messagesNeeded(command as ChatCommand, chat) : []
  if (needed.length === 0 || (agreesWith(told, verdict) && verdict.refusal?._tag !== 'MessageNotFound'))
    return { verdict, found: none }
  const found = await past.find(space, needed, chatRevision ?? -1)
  return { verdict: decide({ ...asking, found }), found }
}

const explain = async (told: Explained): Promise<Explanation> => {
  const { past, space, actor, at, command, standing, facts, happened, gaps } = told
  const { chat, lastPost } = await chatFor(told)
  const again = command === null ? null : await decideAgain(told, command, chat)
  if (again === null)
    gaps.push(`What ${told.type} asked for can’t be put together again from what is on the log.`)
  const isUnsure = lacksWords(told)
  if (isUnsure) gaps.push(ERASED_WORDS)
  const verdict = again?.verdict ?? null
  const rights = createRights(past, space)
  const acting = { actor, facts, standing, at }
  const right = await rights.of(acting)
  const rules =
    command === null || again === null
      ? []
      : await rulesFor({ ...acting, command, chat, found: again.found, lastPost }, rights)
  const explanation = {
    command: { type: told.type, fields: fieldsOf(command) },
    actor,
    at,
    happened,
    verdict,
    agrees: verdict === null || happened === null || isUnsure ? null : agreesWith(told, verdict),
    right,
    rules,
    gaps,
  }
  return { ...explanation, says: wordsFor(explanation) }
}

const explainSpace = async (past: PastStates, decoded: Decoded): Promise<Explanation> => {
  const group = await past.commandOf(decoded)
  const first = group[0]!
  const { space, metadata } = first
  const standing = await past.standingAt(space, Number(first.revision) - 1)
  const events = group.map(({ event }) => event as SpaceEvent)
  const opening = events.find((event) => event.type === 'SpaceOpened')
  const opened = opening?.data ?? standing.state.opened
  const { type } = metadata.command
  return explain({
    past,
    space,
    group,
    actor: metadata.actor,
    at: metadata.at,
    command: spaceCommandOf(type, events, standing.state),
    type,
    standing,
    facts: factsOf({ type: type as 'Ban' }, metadata.content, opened, metadata.grounds),
    chatRevision: null,
    happened: { outcome: 'accepted', code: null, events: group.map(eventView) },
    gaps: [],
  })
}

/** The last revision of a space before a place in the log. */
const revisionBefore = async (moments: Moments, space: SpaceRef, position: bigint): Promise<number> =>
  (await moments.spaces.to(space, (where) => where.position >= position)).revision
const chatRevisionBefore = async (moments: Moments, space: SpaceRef, position: bigint): Promise<number> =>
  (await moments.chats.to(space, (where) => where.position >= position)).revision

const OLD_SEEN =
  'The log does not say which state of the space this was decided on: it is taken to be the one just before it.'

const explainChat = async (moments: Moments, past: PastStates, decoded: Decoded): Promise<Explanation> => {
  const { space, metadata } = decoded
  const gaps: string[] = []
  const group = await past.commandOf(decoded)
  const first = group[0]!
  let seen = metadata.seen?.space
  if (seen === undefined) {
    gaps.push(OLD_SEEN)
    seen = await revisionBefore(moments, space, first.position)
  }
  const standing = await past.standingAt(space, seen)
  const event = first.event as ChatEvent
  const { type } = metadata.command
  return explain({
    past,
    space,
    group,
    actor: metadata.actor,
    at: metadata.at,
    command: chatCommandOf(type, event),
    type,
    standing,
    facts: factsOf({ type: type as 'Ban' }, metadata.content, standing.state.opened, metadata.grounds),
    chatRevision: Number(first.revision) - 1,
    happened: { outcome: 'accepted', code: null, events: group.map(eventView) },
    gaps,
  })
}

const explainRefusal = async (moments: Moments, past: PastStates, decoded: Decoded): Promise<Explanation> => {
  const { space, metadata, position } = decoded
  if (decoded.kind !== 'refusal') throw new Failed({ _tag: 'NoSuchEvent' })
  const { data } = decoded.event
  const gaps: string[] = []
  const { command, isWhole } = refusedCommandOf(decoded.event)
  const isLimit = data.reason === 'slow_down' && metadata.seen === undefined
  if (!isWhole)
    gaps.push('The refusal is from before refusals kept what was asked for: some of it is guessed.')
  if (metadata.seen === undefined && !isLimit) gaps.push(OLD_SEEN)
  const seenSpace = metadata.seen?.space ?? (await revisionBefore(moments, space, position))
  const isOfChat = command !== null && isChatCommand(command)
  const seenChat = !isOfChat
    ? null
    : (metadata.seen?.chat ?? (await chatRevisionBefore(moments, space, position)))
  const standing = await past.standingAt(space, seenSpace)
  const explanation = await explain({
    past,
    space,
    group: [decoded],
    actor: metadata.actor,
    at: data.at,
    command: isLimit ? null : command,
    type: data.command,
    standing,
    facts: factsOf(
      { type: data.command as 'Ban' },
      metadata.content,
      standing.state.opened,
      metadata.grounds,
    ),
    chatRevision: seenChat,
    happened: { outcome: 'refused', code: data.reason, events: [eventView(decoded)] },
    gaps: isLimit ? [] : gaps,
  })
  if (!isLimit) return explanation
  // The limits on how much a caller may send are checked before every rule of the space.
  const limited = `${inWords(decoded, standing.state)}: more was sent than one caller may send, so no rule was asked.`
  return { ...explanation, agrees: true, says: [limited, ...explanation.says.slice(1)], gaps: [] }
}

/** Why what this event records was accepted or refused. Throws `Failed`. */
export const explainEvent = (moments: Moments, past: PastStates, decoded: Decoded): Promise<Explanation> =>
  decoded.kind === 'space'
    ? explainSpace(past, decoded)
    : decoded.kind === 'chat'
      ? explainChat(moments, past, decoded)
      : explainRefusal(moments, past, decoded)

/** Whether `subject` could have done it at a moment, and why or why not. `facts` is what the content says about them
 *  now: what it said then is on the log only for those who acted. Throws `Failed`. */
export const explainQuestion = async (
  past: PastStates,
  question: {
    readonly space: SpaceRef
    readonly subject: Actor
    readonly command: AnyCommand
    readonly standing: Standing
    readonly chatRevision: number
    readonly at: string
    readonly facts: ContentFacts
  },
): Promise<Explanation> =>
  explain({
    past,
    space: question.space,
    group: [],
    actor: question.subject,
    at: question.at,
    command: question.command,
    type: question.command.type,
    standing: question.standing,
    facts: question.facts,
    chatRevision: question.chatRevision,
    happened: null,
    gaps: ['What the content said of them is read now: the log keeps it for those who acted alone.'],
  })

/** The room's event with that id, searched backwards from the newest through all three streams, up to a limit. */
export const findEvent = async (
  moments: Moments,
  space: SpaceRef,
  id: string,
  most = 50_000,
): Promise<Decoded> => {
  const found = await Promise.all(
    (['space', 'chat', 'refusal'] as const).map(async (kind) => {
      const stream = streamName(kind, space)
      let from: bigint | undefined
      for (let looked = 0; looked < most; looked += 1_000) {
        const page = await readEvents(moments.log, stream, {
          direction: 'backwards',
          limit: 1_000,
          ...(from === undefined ? {} : { from }),
        })
        const event = page.find((one) => one.id === id)
        if (event !== undefined) return readable(event)
        const last = page.at(-1)
        if (last === undefined || last.revision === 0n) return null
        from = last.revision - 1n
      }
      return null
    }),
  )
  const event = found.find((one) => one !== null)
  if (event === undefined || event === null) throw new Failed({ _tag: 'NoSuchEvent' })
  return event
}
