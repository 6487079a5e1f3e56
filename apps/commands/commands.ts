/**
 * The command path: from a command of a caller to its events on the log, or to why not. See `mailbox.ts` for how a
 * stream's commands are carried out, `stream-state.ts` for what is kept in memory, `refusal-log.ts` for refusals.
 */
import { hash } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { isLoopback, networkOf } from '../../adapters/addresses.ts'
import type { ChatCommand } from '../../domain/chat/commands.ts'
import { chatDecider, messagesNeeded, windowStart, wordsNeeded } from '../../domain/chat/decider.ts'
import type { ChatEvent } from '../../domain/chat/events.ts'
import type { ChatRefusal } from '../../domain/chat/refusals.ts'
import { type ChatState, type Found, type MessageFacts, WINDOW } from '../../domain/chat/state.ts'
import { canonicalId } from '../../domain/chat/text.ts'
import { type AnyEvent, encodeEvent } from '../../domain/codec.ts'
import type { Subject } from '../../domain/identity.ts'
import { eventId } from '../../domain/ids.ts'
import { type Grounds, type Metadata, SCHEMA } from '../../domain/metadata.ts'
import { type SpaceRef, type StreamKind, streamName } from '../../domain/names.ts'
import type {
  Accepted,
  Clock,
  CommandError,
  Commands,
  Content,
  ContentError,
  EventLog,
  Ids,
  NewEvent,
  RecordedEvent,
  Request,
} from '../../domain/ports.ts'
import { codeOf } from '../../domain/refused.ts'
import { RULES } from '../../domain/rules.ts'
import { groundsFor } from '../../domain/space/access.ts'
import type { ContentFacts, SpaceCommand } from '../../domain/space/commands.ts'
import { spaceDecider } from '../../domain/space/decider.ts'
import type { SpaceEvent } from '../../domain/space/events.ts'
import {
  askedFor,
  asksContent,
  factsToKeep,
  NO_FACTS,
  type Seen,
  withoutExcessSeats,
} from '../../domain/space/facts.ts'
import type { SpaceRefusal } from '../../domain/space/refusals.ts'
import type { SpaceState } from '../../domain/space/state.ts'
import { isText } from '../../domain/text.ts'
import { createPace } from './background-work.ts'
import { createFollowed } from './followed-position.ts'
import { createLimiter, DEFAULT_LIMITS, type Limits } from './limits.ts'
import { type Answer, createMailbox, type Mailbox, type MailboxOptions, type Rules } from './mailbox.ts'
import { type MessageLookup, readPosting } from './message-lookup.ts'
import type { Logger, Metrics, Model, Trouble } from './model.ts'
import { chatModel, spaceModel } from './models.ts'
import { keyOf } from './recent-commands.ts'
import {
  createRefusalLog,
  DEFAULT_REFUSALS,
  type RefusalLogOptions,
  type RefusalNote,
} from './refusal-log.ts'
import { isSame, keptDigest, wholeDigest } from './same-command.ts'
import { createSnapshots, type Snapshots } from './snapshots.ts'
import { createStreamState } from './stream-state.ts'

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
  readonly limits?: Partial<Limits> | 'off'
  readonly snapshots?: Snapshots
  readonly metrics?: Metrics
  readonly tuning?: Partial<Tuning>
  readonly refusals?: Partial<RefusalLogOptions>
  /** What a caller must have before their command may join the others', so that nobody else waits for it. */
  readonly keys?: {
    readonly has: (subject: Subject) => boolean
    readonly ask: (subject: Subject) => Promise<E.Either<ContentError, void>>
  }
  /** Told of each accepted space command's events, after they are on the log. */
  readonly onAccepted?: (space: SpaceRef, events: ReadonlyArray<SpaceEvent>) => void
}

export type Tuning = Omit<MailboxOptions, 'now' | 'wait' | 'pace'> & {
  readonly wait: (ms: number) => Promise<void>
  /** Commands that may wait for one stream; past it the answer is SlowDown. */
  readonly maxQueue: number
  /** Streams whose state is kept, and roughly how many bytes of it. The least recently used go first. */
  readonly maxStreams: number
  readonly maxBytes: number
  /** A chat's decision looks at the space's state; one that was not known to be current for this long is read anew. */
  readonly maxStaleMs: number
  /** Commands remembered by stream, and how many of them a snapshot carries. */
  readonly recentCommands: number
  readonly recentInSnapshot: number
  readonly pageSize: number
}

export const DEFAULT_TUNING: Tuning = {
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
  /** Roughly, of the cached states. */
  readonly bytes: number
  readonly buckets: number
  readonly refusalsLost: number
}

const digest = (text: string): string => hash('sha1', text, 'hex')
const idOf = eventId(digest)

/** What the server does for one who is gone must not wait for their allowance. */
const isServers = (command: SpaceCommand | ChatCommand): boolean =>
  command.type === 'LeaveSpace' && command.reason !== 'left'

/** What a refused command names may be anything: what is no name is not kept. */
const MAX_NAME = 255
const nameIn = (value: unknown): string | undefined =>
  isText(value) && value.length <= MAX_NAME ? value : undefined

/** An old message may be looked up while the chat goes on: what was found holds until the window has moved so far. */
const LOOKED_UP_FOR = WINDOW / 2

const targetOf = (command: SpaceCommand | ChatCommand): string | undefined => {
  if ('account' in command) return command.account
  if ('subject' in command) return command.subject
  if ('sessionId' in command) return command.sessionId
  if ('messageId' in command) return command.messageId
  return undefined
}

export const createCommands = (
  options: CommandsOptions,
): Commands & { readonly drain: () => Promise<void>; readonly stats: () => CommandsStats } => {
  const { log, content, clock, ids, node, messageLookup, logger, metrics = {} } = options
  const tuning: Tuning = { ...DEFAULT_TUNING, ...options.tuning }
  const now = (): number => performance.now()
  const followed = createFollowed()
  const pace = createPace({ now, wait: tuning.wait, rest: 4, longestRestMs: 1_000 })
  const limiter =
    options.limits === 'off' ? null : createLimiter(clock.now, { ...DEFAULT_LIMITS, ...options.limits })
  const snapshots = options.snapshots ?? createSnapshots(log, ids)
  const refusals = createRefusalLog(log, clock, metrics, logger, {
    ...DEFAULT_REFUSALS,
    wait: tuning.wait,
    ...options.refusals,
  })

  /* ── events ─────────────────────────────────────────────────────────────────────────────────────────── */

  type Any = Request<SpaceCommand | ChatCommand>

  const scopeOf = ({ by }: Any, stream: string): string => `${by.kind}:${by.id} ${stream}`

  /** Ids of what was decided, not of the command alone: the log takes a repeated id for the very same event, so where
   *  two processes carry out one command at once, only the one whose events are there may believe so. */
  const decisionOf = (request: Any, stream: string, at: string): string =>
    `${scopeOf(request, stream)} ${node.boot} ${at}`

  /** `facts` null: none were asked for. */
  const metadataOf = (
    request: Any,
    at: string,
    grounds: Grounds,
    facts: ContentFacts | null,
    opened: SpaceState['opened'],
    isOpening: boolean,
    seen: Seen | null,
  ): Metadata => {
    const { by, client, correlationId, id, command } = request
    const content = facts === null ? null : factsToKeep(command, facts, opened, isOpening)
    const metadata = {
      $correlationId: correlationId ?? id,
      $causationId: id,
      command: { id, type: command.type },
      actor: { kind: by.kind, id: by.id },
      node: node.id,
      at,
      schema: SCHEMA,
      rules: RULES,
      grounds,
      ...(content === null ? {} : { content }),
      ...(seen === null ? {} : { seen }),
      ...(request.isIdChosen === true ? { asked: keptDigest(command) } : {}),
    }
    if (client === undefined || (client.ip === undefined && client.userAgent === undefined)) return metadata
    const { ip, userAgent } = client
    return {
      ...metadata,
      client: { ...(ip === undefined ? {} : { ip }), ...(userAgent === undefined ? {} : { userAgent }) },
    }
  }

  const encodeAll = (
    kind: StreamKind,
    request: Any,
    events: ReadonlyArray<AnyEvent>,
    metadata: Metadata,
  ): ReadonlyArray<NewEvent> => {
    const scope = decisionOf(request, streamName(kind, request.space), metadata.at)
    return events.map((event, i) => ({ id: idOf(request.id, i, scope), ...encodeEvent(event, metadata) }))
  }

  /* ── refusals ───────────────────────────────────────────────────────────────────────────────────────── */

  const whoOf = ({ by, client }: Any): string =>
    by.kind === 'guest' && client?.ip !== undefined && !isLoopback(client.ip)
      ? `ip ${networkOf(client.ip)}`
      : by.id

  const noteOf = (
    request: Any,
    refusal: ChatRefusal,
    grounds: Grounds,
    at: string,
    facts: ContentFacts | null = null,
    opened: SpaceState['opened'] = null,
    seen: Seen | null = null,
  ): RefusalNote => {
    const { space, id, command } = request
    const stream = streamName('refusal', space)
    const reason = codeOf(refusal)
    const target = nameIn(targetOf(command))
    const subspace = 'subspace' in command ? nameIn(command.subspace) : undefined
    return {
      stream,
      who: whoOf(request),
      command: command.type,
      reason,
      event: (detail, isSummary = false) => ({
        id: isSummary ? ids.uuid() : idOf(id, 0, scopeOf(request, stream)),
        ...encodeEvent(
          {
            type: 'CommandRefused',
            data: {
              command: command.type,
              reason,
              at,
              ...(subspace === undefined ? {} : { subspace }),
              ...(target === undefined ? {} : { target }),
              ...(detail === undefined ? {} : { detail }),
              asked: askedFor(command),
            },
          },
          metadataOf(request, at, grounds, facts, opened, false, seen),
        ),
      }),
    }
  }

  /** What becomes of a refusal beside its answer. */
  const onRefused = (
    request: Any,
    refusal: ChatRefusal,
    facts: ContentFacts,
    grounds: Grounds,
    at: string,
    opened: SpaceState['opened'],
    seen: Seen,
  ): (() => Promise<void> | null) => {
    const note = () => noteOf(request, refusal, grounds, at, facts, opened, seen)
    metrics.count?.('commands_refused', 1, { reason: codeOf(refusal) })
    switch (refusal._tag) {
      // The caller's own malformed request is no act in the space.
      case 'Invalid':
        return () => null
      case 'SpaceNotFound':
        if (!facts.exists) return () => null
        // A private space: nothing in the answer, nor the time it takes, may tell it from none.
        return () => {
          void refusals.record(note())
          return null
        }
      case 'SlowDown':
        return () => {
          refusals.summarise(note())
          return null
        }
      default:
        return () => refusals.record(note())
    }
  }

  /* ── the streams at hand ────────────────────────────────────────────────────────────────────────────── */

  type SpaceMailbox = Mailbox<SpaceState, SpaceCommand, SpaceEvent, SpaceRefusal>
  type ChatMailbox = Mailbox<ChatState, ChatCommand, ChatEvent, ChatRefusal>
  type AnyMailbox = SpaceMailbox | ChatMailbox

  /** Least recently used first. */
  const mailboxes = new Map<string, AnyMailbox>()
  const weights = new Map<string, number>()
  let bytes = 0

  const weigh = (mailbox: AnyMailbox): void => {
    if (!mailboxes.has(mailbox.stream)) return
    const weight = mailbox.state.weight()
    bytes += weight - (weights.get(mailbox.stream) ?? 0)
    weights.set(mailbox.stream, weight)
  }

  const evict = (): void => {
    if (mailboxes.size <= tuning.maxStreams && bytes <= tuning.maxBytes) return
    for (const [stream, mailbox] of mailboxes) {
      if (mailboxes.size <= tuning.maxStreams && bytes <= tuning.maxBytes) return
      if (mailbox.isBusy()) continue
      mailbox.rest()
      void mailbox.snapshotIfWorth()
      mailboxes.delete(stream)
      bytes -= weights.get(stream) ?? 0
      weights.delete(stream)
      metrics.count?.('commands_evicted', 1)
    }
  }

  const mailboxOf = <M extends AnyMailbox>(stream: string, create: () => M): M => {
    const known = mailboxes.get(stream) as M | undefined
    if (known !== undefined) {
      mailboxes.delete(stream)
      mailboxes.set(stream, known)
      return known
    }
    const made = create()
    mailboxes.set(stream, made)
    evict()
    return made
  }

  const create = <State, Command, Event, Refusal>(
    stream: string,
    model: Model<State, Event>,
    rules: Rules<State, Command, Event, Refusal>,
  ): Mailbox<State, Command, Event, Refusal> => {
    const state = createStreamState(stream, model, log, snapshots, {
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
    })
    const mailbox = createMailbox(
      stream,
      model,
      state,
      rules,
      log,
      clock,
      metrics,
      { ...tuning, now, pace },
      () => {
        weigh(mailbox as unknown as AnyMailbox)
        evict()
      },
    )
    return mailbox
  }

  /* ── spaces ─────────────────────────────────────────────────────────────────────────────────────────── */

  type Named<Command> = {
    readonly job: { readonly request: Request<Command> }
    readonly content: ContentFacts
  }
  const askedOf = <Command>({ job, content: facts }: Named<Command>, at: string) => ({
    id: job.request.id,
    by: job.request.by,
    at,
    content: facts,
    command: job.request.command,
  })

  const chosenIds = {
    isSame: ({ command }: Any, happened: ReadonlyArray<RecordedEvent>): boolean => isSame(command, happened),
    digest: ({ command }: Any): string => wholeDigest(command),
    idReused: (): SpaceRefusal => {
      metrics.count?.('commands_refused', 1, { reason: 'invalid_idempotency_key' })
      return {
        _tag: 'Invalid',
        field: 'idempotency_key',
        detail: 'This Idempotency-Key was used for another call: take a new one.',
      }
    },
  }

  const spaceRules: Rules<SpaceState, SpaceCommand, SpaceEvent, SpaceRefusal> = {
    prepare: async () => E.right(undefined),
    decide: (ready, state, at) => E.map(withoutExcessSeats)(spaceDecider.decide(askedOf(ready, at), state)),
    encode: (ready, events, state, at) =>
      encodeAll(
        'space',
        ready.job.request,
        events,
        metadataOf(
          ready.job.request,
          at,
          groundsFor(state, askedOf(ready, at)),
          ready.content,
          state.opened,
          state.opened === null,
          null,
        ),
      ),
    refreshAround: async () => E.right(false),
    refused: (ready, refusal, state, at, revision) =>
      onRefused(
        ready.job.request,
        refusal,
        ready.content,
        groundsFor(state, askedOf(ready, at)),
        at,
        state.opened,
        { space: revision },
      ),
    tooLarge: (maxBytes) => ({
      _tag: 'Invalid',
      field: 'request',
      detail: `What this would write is larger than the ${maxBytes} bytes that the log takes at once.`,
    }),
    ...chosenIds,
    accepted: (ready, events) => options.onAccepted?.(ready.job.request.space, events),
  }

  const spaceMailbox = (space: SpaceRef): SpaceMailbox => {
    const stream = streamName('space', space)
    return mailboxOf(stream, () => create(stream, spaceModel, spaceRules))
  }

  /* ── chats ──────────────────────────────────────────────────────────────────────────────────────────── */

  const chatRules = (
    space: SpaceRef,
    chat: () => ChatMailbox,
  ): Rules<ChatState, ChatCommand, ChatEvent, ChatRefusal> => {
    let around = spaceMailbox(space).state
    let seen = -1
    const looked = new WeakMap<object, { readonly found: Found; readonly until: number }>()

    const lookUp = async (
      job: object,
      needed: ReadonlyArray<string>,
      words: number | null,
      state: ChatState,
    ): Promise<E.Either<Trouble | ContentError, void>> => {
      const until = Math.min(state.length, windowStart(state) + LOOKED_UP_FOR)
      const position = chat().state.positionBefore(until)
      const found = new Map<string, MessageFacts | null>()
      if (needed.length > 0) {
        const result = await messageLookup(space, needed, position)().catch((error) =>
          E.left({ _tag: 'LookupUnavailable' as const, cause: String(error) }),
        )
        if (E.isLeft(result)) return E.left({ _tag: 'ContentUnavailable', cause: result.left.cause })
        for (const [id, facts] of result.right) found.set(id, facts)
      }
      if (words !== null) {
        const posting = await readPosting(log, chat().stream, words)
        if (E.isLeft(posting)) return posting
        found.set(...posting.right)
      }
      looked.set(job, { found, until })
      return E.right(undefined)
    }

    return {
      prepare: async () => {
        around = spaceMailbox(space).state
        const loaded = await around.load()
        if (E.isLeft(loaded) || now() - around.freshAt() <= tuning.maxStaleMs) return loaded
        const refreshed = await around.refresh()
        return E.isLeft(refreshed) ? refreshed : E.right(undefined)
      },
      decide: (ready, state, at) => {
        const held = around.held()
        if (held === null) return 'NeedsMore'
        seen = held.revision
        const { job } = ready
        const { command, by } = job.request
        const known = looked.get(job)
        const needed = messagesNeeded(command, state)
        const words = wordsNeeded(command, by.id, state)
        if (needed.length > 0 || words !== null) {
          const isKnown = known !== undefined && windowStart(state) <= known.until
          const all = words === null ? needed : [...needed, canonicalId(command.messageId)]
          if (!isKnown || !all.every((id) => known.found.has(id)))
            return { _tag: 'Aside', until: () => lookUp(job, needed, words, state) }
        }
        const found = known?.found ?? new Map()
        return chatDecider.decide({ ...askedOf(ready, at), space: held.state, found }, state)
      },
      encode: (ready, events, _, at) =>
        encodeAll(
          'chat',
          ready.job.request,
          events,
          metadataOf(
            ready.job.request,
            at,
            groundsFor(around.held()!.state, askedOf(ready, at)),
            ready.content,
            around.held()!.state.opened,
            false,
            { space: seen },
          ),
        ),
      refreshAround: async (asked) => {
        if (around.freshAt() <= asked) {
          const refreshed = await around.refresh()
          if (E.isLeft(refreshed)) return refreshed
        }
        return E.right(around.held()?.revision !== seen)
      },
      refused: (ready, refusal, _, at, revision) =>
        onRefused(
          ready.job.request,
          refusal,
          ready.content,
          groundsFor(around.held()!.state, askedOf(ready, at)),
          at,
          around.held()!.state.opened,
          { space: seen, chat: revision },
        ),
      tooLarge: spaceRules.tooLarge,
      ...chosenIds,
      accepted: () => {},
    }
  }

  const chatMailbox = (space: SpaceRef): ChatMailbox => {
    const stream = streamName('chat', space)
    const mailbox: ChatMailbox = mailboxOf(stream, () =>
      create(
        stream,
        chatModel,
        chatRules(space, () => mailbox),
      ),
    )
    return mailbox
  }

  /* ── the door ───────────────────────────────────────────────────────────────────────────────────────── */

  const slowDown = (seconds: number): E.Either<CommandError<SpaceRefusal>, never> =>
    E.left({
      _tag: 'Refused',
      refusal: { _tag: 'SlowDown', retryAfterSeconds: Math.max(1, Math.ceil(seconds)) },
    })

  /** Counts what the limits held off, for spaces that this process knows to exist. */
  const heldOff = (request: Any, retryAfterSeconds: number): void => {
    metrics.count?.('commands_limited', 1, { command: request.command.type })
    const known = mailboxes.get(streamName('space', request.space)) as SpaceMailbox | undefined
    if ((known?.state.held()?.state.opened ?? null) === null) return
    refusals.summarise(
      noteOf(
        request,
        { _tag: 'SlowDown', retryAfterSeconds },
        { role: 'none', via: 'none' },
        new Date(clock.now()).toISOString(),
      ),
    )
  }

  const submit = <State, Command extends SpaceCommand | ChatCommand, Event, Refusal>(
    request: Request<Command>,
    mailboxFor: (space: SpaceRef) => Mailbox<State, Command, Event, Refusal>,
  ): Promise<Answer<Event, Refusal | SpaceRefusal>> => {
    const { command, space, by } = request
    if (limiter !== null && !isServers(command)) {
      const seconds = limiter.take(request, command.type)
      if (seconds > 0) {
        heldOff(request, seconds)
        return Promise.resolve(slowDown(seconds))
      }
    }
    const mailbox = mailboxFor(space)
    if (mailbox.queued() >= tuning.maxQueue && by.kind !== 'system' && !isServers(command)) {
      metrics.count?.('commands_shed', 1)
      return Promise.resolve(slowDown(1))
    }
    const facts: Promise<E.Either<ContentError, ContentFacts>> = asksContent(command)
      ? content
          .factsFor(space, by.kind === 'system' ? null : by)()
          .catch((error) => E.left({ _tag: 'ContentUnavailable' as const, cause: String(error) }))
      : Promise.resolve(E.right(NO_FACTS))
    metrics.count?.('commands', 1, { command: command.type })
    const put = (to: Mailbox<State, Command, Event, Refusal>) =>
      new Promise<Answer<Event, Refusal | SpaceRefusal>>((answer) => {
        to.put({
          request,
          key: keyOf(by, request.id),
          facts,
          queuedAt: now(),
          answer,
        })
      })
    if (options.keys === undefined || by.kind === 'system' || options.keys.has(by.id)) return put(mailbox)
    return withKey(options.keys, by.id, facts).then((has) => {
      if (E.isRight(has)) return put(mailboxFor(space))
      return E.left({ _tag: 'Unavailable', what: 'postgres', cause: has.left.cause })
    })
  }

  /** Only for who may be there by the content alone: to others no space may take longer than one that is not there. */
  const withKey = async (
    keys: NonNullable<CommandsOptions['keys']>,
    subject: Subject,
    facts: Promise<E.Either<ContentError, ContentFacts>>,
  ): Promise<E.Either<ContentError, void>> => {
    const known = await facts
    if (E.isLeft(known)) return known
    const { exists, visibility, role } = known.right
    return exists && (visibility === 'public' || role !== null) ? keys.ask(subject) : E.right(undefined)
  }

  return {
    space: (request) => (): Promise<E.Either<CommandError<SpaceRefusal>, Accepted<SpaceEvent>>> =>
      submit(request, spaceMailbox),
    chat: (request) => (): Promise<E.Either<CommandError<ChatRefusal>, Accepted<ChatEvent>>> =>
      submit(request, chatMailbox),
    look: (space) => async () => {
      const mailbox = spaceMailbox(space)
      const { state } = mailbox
      mailbox.pin()
      try {
        const asked = now()
        const loaded = await state.load()
        const read = E.isLeft(loaded) || state.freshAt() > asked ? loaded : await state.refresh()
        const held = state.held()
        if (E.isLeft(read) || held === null) {
          const cause = E.isLeft(read) ? read.left.cause : 'the space’s state was let go while it was read'
          return E.left({ _tag: 'Unavailable', what: 'eventstore', cause })
        }
        if (held.revision < 0) return E.right(null)
        return E.right({ state: spaceModel.fork(held.state), revision: BigInt(held.revision) })
      } finally {
        mailbox.unpin()
        weigh(mailbox)
      }
    },
    warm: (space) => {
      const mailbox = chatMailbox(space)
      mailbox.pin()
      const rest = () => {
        mailbox.unpin()
        weigh(mailbox as unknown as AnyMailbox)
      }
      // What fails here is tried again, and told, by the first message.
      void mailbox.state.load().then(rest, rest)
    },
    observe: (event) => {
      mailboxes.get(event.stream)?.state.observe(event)
      followed.passed(event.position)
    },
    drain: async () => {
      for (let busy = [...mailboxes.values()].filter((mailbox) => mailbox.isBusy()); busy.length > 0; ) {
        await Promise.all(busy.map((mailbox) => mailbox.idle()))
        busy = [...mailboxes.values()].filter((mailbox) => mailbox.queued() > 0)
      }
      await refusals.flush()
      refusals.stop()
      // The next one to wake these is spared their tails. A few at a time, the latest used first.
      const worth = [...mailboxes.values()].reverse().slice(0, 500)
      const workers = Array.from({ length: 8 }, async () => {
        for (let mailbox = worth.shift(); mailbox !== undefined; mailbox = worth.shift()) {
          mailbox.rest()
          await mailbox.snapshotIfWorth()
        }
      })
      await Promise.all(workers)
      for (const mailbox of mailboxes.values()) mailbox.rest()
    },
    stats: () => {
      let busy = 0
      let queued = 0
      for (const mailbox of mailboxes.values()) {
        if (mailbox.isBusy()) busy++
        queued += mailbox.queued()
      }
      return {
        streams: mailboxes.size,
        busy,
        queued,
        bytes,
        buckets: limiter?.size() ?? 0,
        refusalsLost: refusals.lost(),
      }
    },
  }
}
