/** How a chat's commands are decided: on the chat's state, on its space's, and on older messages that are looked up. */
import * as E from 'fp-ts/lib/Either.js'
import type { ChatCommand } from '../../domain/chat/commands.ts'
import { chatDecider, messagesNeeded, windowStart, wordsNeeded } from '../../domain/chat/decider.ts'
import type { ChatEvent } from '../../domain/chat/events.ts'
import type { ChatRefusal } from '../../domain/chat/refusals.ts'
import { type ChatState, type MessageFacts, WINDOW } from '../../domain/chat/state.ts'
import { canonicalId } from '../../domain/chat/text.ts'
import type { SpaceRef } from '../../domain/names.ts'
import type { ContentError, EventLog } from '../../domain/ports.ts'
import { groundsFor } from '../../domain/space/access.ts'
import type { SpaceEvent } from '../../domain/space/events.ts'
import type { SpaceState } from '../../domain/space/state.ts'
import type { DecidedOn, LookedUp, Ready, Rules } from './jobs.ts'
import { type MessageLookup, readPosting } from './message-lookup.ts'
import type { Trouble } from './model.ts'
import type { Basis } from './recording.ts'
import { askedOf, commonRules, onRefused, type RulesParts } from './rules.ts'
import type { StreamState } from './stream-state.ts'

/** The space that the chat belongs to. */
type Space = StreamState<SpaceState, SpaceEvent>

/** An old message may be looked up while the chat goes on: the result is valid until the window has moved this far. */
const LOOKED_UP_FOR = WINDOW / 2

export type ChatRulesParts = RulesParts & {
  readonly log: EventLog
  readonly messageLookup: MessageLookup
  readonly now: () => number
  /** If the space's state was not known to be current for this long, it is read again. */
  readonly maxStaleMs: number
  readonly space: SpaceRef
  readonly stream: string
  /** The space's and the chat's state, fetched each time, since either may be dropped. */
  readonly spaceState: () => Space
  readonly chatState: () => StreamState<ChatState, ChatEvent>
}

type LookUpParts = Pick<ChatRulesParts, 'log' | 'messageLookup' | 'space' | 'stream' | 'chatState'>
/** Looks up the messages and the words that a decision needs but the chat's state does not have. `stream` is the chat's. */
export const lookUp = async (
  parts: LookUpParts,
  needed: ReadonlyArray<string>,
  words: number | null,
  state: ChatState,
): Promise<E.Either<Trouble | ContentError, LookedUp>> => {
  const until = Math.min(state.length, windowStart(state) + LOOKED_UP_FOR)
  const position = parts.chatState().positionBefore(until)
  const found = new Map<string, MessageFacts | null>()
  if (needed.length > 0) {
    const result = await parts
      .messageLookup(parts.space, needed, position)()
      .catch((error) => E.left({ _tag: 'LookupUnavailable' as const, cause: String(error) }))
    if (E.isLeft(result)) return E.left({ _tag: 'ContentUnavailable', cause: result.left.cause })
    for (const [id, facts] of result.right) found.set(id, facts)
  }
  if (words !== null) {
    const posting = await readPosting(parts.log, parts.stream, words)
    if (E.isLeft(posting)) return posting
    if (posting.right === null)
      return E.left({
        _tag: 'Trouble',
        cause: `event ${words} of ${parts.stream} is not on the log any more`,
        broken: 'unreadable',
      })
    found.set(...posting.right)
  }
  return E.right({ found, until })
}

/** The decision's basis, without what only a refusal has. */
const basisOf = (
  ready: Ready<ChatCommand, ChatEvent, ChatRefusal>,
  { at, beside }: DecidedOn<ChatState, Space>,
  seen: Basis['seen'],
) => {
  const { state } = beside.held()!
  return {
    at,
    grounds: groundsFor(state, askedOf(ready, at)),
    facts: ready.content,
    opened: state.opened,
    isOpening: false,
    seen,
  }
}

export const chatRules = (
  parts: ChatRulesParts,
): Rules<ChatState, ChatCommand, ChatEvent, ChatRefusal, Space> => {
  const { recording, onAccepted, now, maxStaleMs, spaceState } = parts
  return {
    ...commonRules(parts),
    prepare: async () => {
      const space = spaceState()
      const loaded = await space.load()
      if (E.isLeft(loaded)) return loaded
      if (now() - space.freshAt() <= maxStaleMs) return E.right(space)
      const refreshed = await space.refresh()
      return E.isLeft(refreshed) ? refreshed : E.right(space)
    },
    besideRevision: (space) => space.held()?.revision ?? null,
    decide: (ready, { state, at, beside }) => {
      const { command, by } = ready.job.request
      const { lookedUp } = ready.job
      const needed = messagesNeeded(command, state)
      const words = wordsNeeded(command, by.id, state)
      if (needed.length > 0 || words !== null) {
        const isKnown = lookedUp !== undefined && windowStart(state) <= lookedUp.until
        const all = words === null ? needed : [...needed, canonicalId(command.messageId)]
        if (!isKnown || !all.every((id) => lookedUp.found.has(id)))
          return { _tag: 'Aside', until: () => lookUp(parts, needed, words, state) }
      }
      const found = lookedUp?.found ?? new Map()
      return chatDecider.decide({ ...askedOf(ready, at), space: beside.held()!.state, found }, state)
    },
    encode: (ready, events, on) =>
      recording.eventsOf('chat', ready.job.request, events, basisOf(ready, on, { space: on.besideRevision })),
    refreshBeside: async (space, revision, asked) => {
      if (space.freshAt() <= asked) {
        const refreshed = await space.refresh()
        if (E.isLeft(refreshed)) return refreshed
      }
      return E.right(space.held()?.revision !== revision)
    },
    refused: (ready, refusal, on) =>
      onRefused(
        parts,
        ready.job.request,
        refusal,
        basisOf(ready, on, { space: on.besideRevision, chat: on.revision }),
      ),
    accepted: (ready, accepted) => onAccepted('chat', ready.job.request.space, accepted),
  }
}
