/** How commands about a space's cases are decided: on the cases' own state, and on those of the space and its chat. */
import * as E from 'fp-ts/lib/Either.js'
import type { CaseCommand } from '../../domain/cases/commands.ts'
import { messageNeeded } from '../../domain/cases/decide.ts'
import { casesDecider } from '../../domain/cases/decider.ts'
import type { CaseEvent } from '../../domain/cases/events.ts'
import type { CaseRefusal } from '../../domain/cases/refusals.ts'
import type { CasesState } from '../../domain/cases/state.ts'
import { windowStart } from '../../domain/chat/decider.ts'
import type { ChatEvent } from '../../domain/chat/events.ts'
import type { ChatState } from '../../domain/chat/state.ts'
import type { SpaceRef } from '../../domain/names.ts'
import type { EventLog } from '../../domain/ports.ts'
import { groundsFor } from '../../domain/space/access.ts'
import type { SpaceEvent } from '../../domain/space/events.ts'
import type { SpaceState } from '../../domain/space/state.ts'
import { lookUp } from './chat-rules.ts'
import type { DecidedOn, Ready, Rules } from './jobs.ts'
import type { MessageLookup } from './message-lookup.ts'
import type { Trouble } from './model.ts'
import { askedOf, commonRules, onRefused, type RulesParts } from './rules.ts'
import type { StreamState } from './stream-state.ts'

type Beside = {
  readonly space: StreamState<SpaceState, SpaceEvent>
  readonly chat: StreamState<ChatState, ChatEvent>
}
type AReady = Ready<CaseCommand, CaseEvent, CaseRefusal>
type On = DecidedOn<CasesState, Beside>

export type CaseRulesParts = RulesParts & {
  readonly log: EventLog
  readonly messageLookup: MessageLookup
  readonly now: () => number
  /** If a state beside it was not known to be current for this long, it is read again. */
  readonly maxStaleMs: number
  readonly space: SpaceRef
  /** The chat's stream. */
  readonly chatStream: string
  /** Fetched each time, since either may be dropped. */
  readonly beside: () => Beside
}

const bothOf = ({ space, chat }: Beside) => [space, chat] as const
const revisionsOf = ({ space, chat }: Beside) => ({
  space: space.held()!.revision,
  chat: chat.held()!.revision,
})

/** Reads both, and reads them again if they are not known to be current since `asked`. */
const bringUp = async (beside: Beside, asked: number): Promise<E.Either<Trouble, void>> => {
  for (const one of bothOf(beside)) {
    const loaded = await one.load()
    if (E.isLeft(loaded)) return loaded
    if (one.freshAt() > asked) continue
    const refreshed = await one.refresh()
    if (E.isLeft(refreshed)) return refreshed
  }
  return E.right(undefined)
}

/** Each revision only increases, so their sum changes as soon as one of them does. */
const sumOf = (beside: Beside): number | null => {
  const [space, chat] = bothOf(beside).map((one) => one.held()?.revision)
  return space === undefined || chat === undefined ? null : space + chat
}

const basisOf = (ready: AReady, { at, beside }: On) => {
  const { state } = beside.space.held()!
  return {
    at,
    grounds: groundsFor(state, askedOf(ready, at)),
    facts: ready.content,
    opened: state.opened,
    isOpening: false,
    seen: revisionsOf(beside),
  }
}

const decide = (parts: CaseRulesParts, ready: AReady, { state, at, beside }: On) => {
  const chat = beside.chat.held()!.state
  const asked = askedOf(ready, at)
  const { lookedUp } = ready.job
  const needed = messageNeeded(asked)
  const isInWindow =
    windowStart(chat) === 0 || needed === null || (chat.messages.get(needed)?.posted ?? null) !== null
  if (!isInWindow && lookedUp?.found.has(needed) !== true) {
    const { chatStream: stream } = parts
    const lookUpParts = { ...parts, stream, chatState: () => beside.chat }
    return { _tag: 'Aside' as const, until: () => lookUp(lookUpParts, [needed], null, chat) }
  }
  const found = lookedUp?.found ?? new Map()
  const space = beside.space.held()!.state
  return casesDecider.decide({ ...asked, space, chat, found, moment: revisionsOf(beside) }, state)
}

export const caseRules = (
  parts: CaseRulesParts,
): Rules<CasesState, CaseCommand, CaseEvent, CaseRefusal, Beside> => {
  const { recording, now, maxStaleMs } = parts
  return {
    ...commonRules(parts),
    prepare: async () => {
      const beside = parts.beside()
      const brought = await bringUp(beside, now() - maxStaleMs)
      return E.isLeft(brought) ? brought : E.right(beside)
    },
    besideRevision: sumOf,
    decide: (ready, on) => decide(parts, ready, on),
    encode: (ready, events, on) => recording.eventsOf('cases', ready.job.request, events, basisOf(ready, on)),
    refreshBeside: async (beside, revision, asked) => {
      const brought = await bringUp(beside, asked)
      return E.isLeft(brought) ? brought : E.right(sumOf(beside) !== revision)
    },
    refused: (ready, refusal, on) => onRefused(parts, ready.job.request, refusal, basisOf(ready, on)),
    // Only the caller is told.
    accepted: () => {},
  }
}
