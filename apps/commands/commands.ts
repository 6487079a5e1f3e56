/** The command path: from a caller's command to its events on the log, or to a refusal. See `mailbox.ts` for how a
 *  stream's commands are carried out, `space-rules.ts` and `chat-rules.ts` for how they are decided, `stream-state.ts` for
 *  what is kept in memory, `refusal-log.ts` for refusals. */

import * as E from 'fp-ts/lib/Either.js'
import { roomStreamOf } from '../../adapters/eventstore/soft-deletion.ts'
import type { Logger, Metrics } from '../../adapters/observing.ts'
import type { CaseCommand } from '../../domain/cases/commands.ts'
import type { CaseEvent } from '../../domain/cases/events.ts'
import type { CaseRefusal } from '../../domain/cases/refusals.ts'
import type { CasesState } from '../../domain/cases/state.ts'
import type { ChatCommand } from '../../domain/chat/commands.ts'
import { windowStart } from '../../domain/chat/decider.ts'
import type { ChatEvent } from '../../domain/chat/events.ts'
import { nothingFiltered } from '../../domain/chat/filtered.ts'
import type { ChatRefusal } from '../../domain/chat/refusals.ts'
import type { ChatState } from '../../domain/chat/state.ts'
import { type SpaceRef, streamName } from '../../domain/names.ts'
import type {
  Accepted,
  Clock,
  CommandError,
  CommandRequest,
  Commands,
  Content,
  EventLog,
  Ids,
  OnAccepted,
} from '../../domain/ports.ts'
import type { SpaceCommand } from '../../domain/space/commands.ts'
import type { SpaceEvent } from '../../domain/space/events.ts'
import type { SpaceRefusal } from '../../domain/space/refusals.ts'
import type { SpaceState } from '../../domain/space/state.ts'
import { createBackgroundWork } from './background-work.ts'
import { caseRules } from './case-rules.ts'
import { chatRules } from './chat-rules.ts'
import { createFollowed } from './followed-position.ts'
import { type Rules, troubled } from './jobs.ts'
import { heldMessage, letThrough, withEditId } from './let-through.ts'
import { type CommandLimits, createLimiter, DEFAULT_LIMITS } from './limits.ts'
import { createMailbox, type Mailbox, type MailboxOptions } from './mailbox.ts'
import type { MessageLookup } from './message-lookup.ts'
import type { Model } from './model.ts'
import { casesModel, chatModel, spaceModel } from './models.ts'
import { createRecording } from './recording.ts'
import { createRefusalLog, DEFAULT_REFUSALS, type RefusalLogOptions } from './refusal-log.ts'
import { createSnapshots, type Snapshots, standingStream } from './snapshots.ts'
import { spaceRules } from './space-rules.ts'
import { createStreamState } from './stream-state.ts'
import { allIdle, createStreams, type HeldMailbox, snapshotLatest } from './streams.ts'
import { createSubmit, type NetworkTag, type PersonalKeys } from './submit.ts'

export type CommandsOptions = {
  readonly log: EventLog
  readonly content: Content
  readonly clock: Clock
  readonly ids: Ids
  /** The process: `id` goes into every event's metadata. */
  readonly node: { readonly id: string; readonly boot: string }
  readonly messageLookup: MessageLookup
  readonly logger: Logger
  /** `off` for benchmarks. */
  readonly limits?: Partial<CommandLimits> | 'off'
  readonly snapshots?: Snapshots
  readonly metrics?: Metrics
  readonly tuning?: Partial<Tuning>
  readonly refusals?: Partial<RefusalLogOptions>
  /** The keys that a caller must have before their command may join a group, so that nobody else waits for them. */
  readonly keys?: PersonalKeys
  /** Default: nobody's network is known. */
  readonly networkTag?: NetworkTag
  readonly onAccepted?: OnAccepted
}

export type Tuning = Omit<MailboxOptions, 'now' | 'wait' | 'background'> & {
  readonly wait: (ms: number) => Promise<void>
  /** How many commands may wait for one stream; beyond that, the answer is SlowDown. */
  readonly maxQueue: number
  /** How many streams' states are kept, and roughly how many bytes of them. The least recently used are dropped first. */
  readonly maxStreams: number
  readonly maxBytes: number
  /** A chat's decision looks at the space's state; if that was not known to be current for this long, it is read again. */
  readonly maxStaleMs: number
  /** How many commands are remembered for each stream, and how many of them a snapshot contains. */
  readonly recentCommands: number
  readonly recentInSnapshot: number
  readonly pageSize: number
}

const DEFAULT_TUNING: Tuning = {
  batchCommands: 500,
  batchEvents: 2_000,
  // An append may have 1 MiB.
  batchBytes: 800_000,
  rounds: 20,
  unavailableMs: 2_000,
  unknownMs: 10_000,
  queueMs: 10_000,
  snapshotEvery: 128,
  snapshotIdleEvents: 25,
  idleMs: 2_000,
  maxQueue: 5_000,
  maxStreams: 20_000,
  maxBytes: 256 * 1024 * 1024,
  maxStaleMs: 5_000,
  recentCommands: 10_000,
  recentInSnapshot: 500,
  pageSize: 1_000,
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
}

export type CommandsStats = {
  readonly streams: number
  readonly busy: number
  readonly queued: number
  /** Roughly how many bytes the cached states have. */
  readonly bytes: number
  readonly buckets: number
  readonly refusalsLost: number
}

type SpaceMailbox = Mailbox<SpaceState, SpaceCommand, SpaceEvent, SpaceRefusal>
type ChatMailbox = Mailbox<ChatState, ChatCommand, ChatEvent, ChatRefusal>
type CasesMailbox = Mailbox<CasesState, CaseCommand, CaseEvent, CaseRefusal>
type AnyMailbox = SpaceMailbox | ChatMailbox | CasesMailbox

const NOBODY: OnAccepted = () => {}

/** The mailboxes of spaces, chats and cases, each made when first asked for. */
const createMailboxes = (options: CommandsOptions, tuning: Tuning) => {
  const { log, clock, ids, node, messageLookup, logger, metrics = {}, onAccepted = NOBODY } = options
  const now = (): number => performance.now()
  const followed = createFollowed(now)
  const background = createBackgroundWork({ now, wait: tuning.wait, rest: 4, longestRestMs: 1_000 })
  const snapshots = options.snapshots ?? createSnapshots(log, ids)
  const standings = createSnapshots(log, ids, standingStream)
  const refusals = createRefusalLog(
    { log, clock, metrics, logger },
    { ...DEFAULT_REFUSALS, wait: tuning.wait, ...options.refusals },
  )
  const recording = createRecording(ids, node)
  const { maxStreams, maxBytes } = tuning
  const streams = createStreams<AnyMailbox & HeldMailbox>({ maxStreams, maxBytes, metrics })
  const weigh = (mailbox: unknown): void => streams.weigh(mailbox as AnyMailbox)

  const create = <State, Command, Event, Refusal, Beside>(
    stream: string,
    model: Model<State, Event>,
    rules: Rules<State, Command, Event, Refusal, Beside>,
  ): Mailbox<State, Command, Event, Refusal> => {
    const state = createStreamState(
      { stream, model, log, snapshots, standings },
      {
        now,
        recentCommands: tuning.recentCommands,
        recentInSnapshot: tuning.recentInSnapshot,
        pageSize: tuning.pageSize,
        followedTo: followed.to,
        onCommitted: followed.appended,
        onUndecodable: (recorded, detail) => {
          metrics.count?.('commands_undecodable', 1)
          logger.error(
            { stream, revision: String(recorded.revision), detail },
            'an event can’t be read: commands on its stream are held off',
          )
        },
        onSnapshot: (size, ms) => {
          metrics.observe?.('commands_snapshot_ms', ms, { kind: model.kind })
          if (size === null) logger.warn({ stream }, 'a snapshot was not written')
        },
      },
    )
    const mailbox = createMailbox({
      stream,
      model,
      state,
      rules,
      log,
      clock,
      metrics,
      options: { ...tuning, now, background },
      settled: () => {
        weigh(mailbox)
        streams.evict()
      },
    })
    return mailbox
  }

  const parts = { recording, refusals, metrics, onAccepted }
  const rulesOfSpaces = spaceRules(parts)
  const ofSpace = (space: SpaceRef): SpaceMailbox => {
    const stream = streamName('space', space)
    return streams.use(stream, () => create(stream, spaceModel, rulesOfSpaces))
  }
  const ofChat = (space: SpaceRef): ChatMailbox => {
    const stream = streamName('chat', space)
    const mailbox: ChatMailbox = streams.use(stream, () =>
      create(
        stream,
        chatModel,
        chatRules({
          ...parts,
          log,
          messageLookup,
          now,
          maxStaleMs: tuning.maxStaleMs,
          space,
          stream,
          spaceState: () => ofSpace(space).state,
          chatState: () => mailbox.state,
        }),
      ),
    )
    return mailbox
  }
  const ofCases = (space: SpaceRef): CasesMailbox => {
    const stream = streamName('cases', space)
    return streams.use(stream, () =>
      create(
        stream,
        casesModel,
        caseRules({
          ...parts,
          log,
          messageLookup,
          now,
          maxStaleMs: tuning.maxStaleMs,
          space,
          chatStream: streamName('chat', space),
          beside: () => ({ space: ofSpace(space).state, chat: ofChat(space).state }),
        }),
      ),
    )
  }
  return { streams, ofSpace, ofChat, ofCases, weigh, now, followed, refusals, recording }
}
type Mailboxes = ReturnType<typeof createMailboxes>

/** A mailbox's stream, up to date; null if it has no events. */
const lookInto = async <State, Event>(
  { weigh, now }: Mailboxes,
  mailbox: Pick<Mailbox<State, never, Event, never>, 'state' | 'pin' | 'unpin'>,
  fork: (state: State) => State,
) => {
  const { state } = mailbox
  mailbox.pin()
  try {
    const asked = now()
    const loaded = await state.load()
    const read = E.isLeft(loaded) || state.freshAt() > asked ? loaded : await state.refresh()
    const held = state.held()
    if (E.isLeft(read) || held === null) {
      const cause = 'the space’s state was let go while it was read'
      return troubled(E.isLeft(read) ? read.left : { _tag: 'Trouble', cause })
    }
    if (held.revision < 0) return E.right(null)
    return E.right({ state: fork(held.state), revision: BigInt(held.revision), position: held.position })
  } finally {
    mailbox.unpin()
    weigh(mailbox)
  }
}

/** The cases of a space; empty if it has none. */
const lookAtCases = async (mailboxes: Mailboxes, space: SpaceRef) => {
  const looked = await lookInto(mailboxes, mailboxes.ofCases(space), casesModel.fork)
  return E.map((found: { state: CasesState; position: bigint } | null) => ({
    state: found?.state ?? casesModel.initial(),
    position: found?.position ?? 0n,
  }))(looked)
}

/** What a space's filters have caught; empty if it has no chat. */
const lookAtFiltered = async (mailboxes: Mailboxes, space: SpaceRef) => {
  const looked = await lookInto(mailboxes, mailboxes.ofChat(space), chatModel.fork)
  return E.map((found: { state: ChatState } | null) => found?.state.filtered ?? nothingFiltered())(looked)
}

export const createCommands = (
  options: CommandsOptions,
): Commands & { readonly drain: () => Promise<void>; readonly stats: () => CommandsStats } => {
  const { content, clock, metrics = {} } = options
  const tuning: Tuning = { ...DEFAULT_TUNING, ...options.tuning }
  const limiter =
    options.limits === 'off' ? null : createLimiter(clock.now, { ...DEFAULT_LIMITS, ...options.limits })
  const mailboxes = createMailboxes(options, tuning)
  const { streams, ofSpace, ofChat, ofCases, weigh, now, followed, refusals, recording } = mailboxes

  const submit = createSubmit({
    limiter,
    content,
    clock,
    now,
    metrics,
    keys: options.keys,
    networkTag: options.networkTag,
    maxQueue: tuning.maxQueue,
    onLimited: (request, refusal, basis) => {
      const known = streams.get(streamName('space', request.space)) as SpaceMailbox | undefined
      const opened = known?.state.held()?.state.opened ?? null
      refusals.summarise(recording.refusalOf(request, refusal, { ...basis, opened }))
    },
  })

  const chat = (
    request: CommandRequest<ChatCommand>,
  ): Promise<E.Either<CommandError<ChatRefusal>, Accepted<ChatEvent>>> => submit(withEditId(request), ofChat)
  const filtered = (space: SpaceRef) => lookAtFiltered(mailboxes, space)
  const letting = { log: options.log, filtered, chat }
  return {
    space: (request) => (): Promise<E.Either<CommandError<SpaceRefusal>, Accepted<SpaceEvent>>> =>
      submit(request, ofSpace),
    chat: (request) => () => chat(request),
    cases: (request) => (): Promise<E.Either<CommandError<CaseRefusal>, Accepted<CaseEvent>>> =>
      submit(request, ofCases),
    look: (space) => () => lookInto(mailboxes, ofSpace(space), spaceModel.fork),
    lookFiltered: (space) => () => filtered(space),
    heldMessage: (space, messageId) => () => heldMessage(letting, space, messageId),
    letThrough: (request) => () => letThrough(letting, request),
    lookCases: (space) => () => lookAtCases(mailboxes, space),
    warm: (space) => {
      const mailbox = ofChat(space)
      mailbox.pin()
      const rest = () => {
        const held = mailbox.state.held()
        if (held !== null && windowStart(held.state) > 0) options.messageLookup.warm?.(space)
        mailbox.unpin()
        weigh(mailbox)
      }
      // If this fails, the first message tries again and reports it.
      void mailbox.state.load().then(rest, rest)
    },
    observe: (event) => {
      // Some or all of its events may be gone, so the state is read again.
      const cut = roomStreamOf(event.stream)
      if (cut !== null) streams.get(cut)?.state.drop()
      options.messageLookup.observe?.(event)
      streams.get(event.stream)?.state.observe(event)
      followed.passed(event.position)
    },
    wants: (stream) => streams.get(stream) !== undefined || options.messageLookup.wants?.(stream) === true,
    passed: (event) => {
      options.messageLookup.passed?.(event)
      streams.get(event.stream)?.state.passed(event.revision)
      followed.passed(event.position)
    },
    forget: () => {
      for (const mailbox of streams.all()) mailbox.state.drop()
    },
    drain: async () => {
      await allIdle(streams)
      await refusals.flush()
      refusals.stop()
      await snapshotLatest(streams)
    },
    stats: () => {
      const all = streams.all()
      return {
        streams: all.length,
        busy: all.filter((mailbox) => mailbox.isBusy()).length,
        queued: all.reduce((sum, mailbox) => sum + mailbox.queued(), 0),
        bytes: streams.bytes(),
        buckets: limiter?.size() ?? 0,
        refusalsLost: refusals.lost(),
      }
    },
  }
}
