/** What the domain and the command path need from the outside world, as types. Adapters implement them. */
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { CaseCommand } from './cases/commands.ts'
import type { CaseEvent } from './cases/events.ts'
import type { CaseRefusal } from './cases/refusals.ts'
import type { CasesState } from './cases/state.ts'
import type { ApproveMessage, ChatCommand } from './chat/commands.ts'
import type { ChatEvent } from './chat/events.ts'
import type { Filtered } from './chat/filtered.ts'
import type { ChatRefusal } from './chat/refusals.ts'
import type { MessageFacts } from './chat/state.ts'
import type { Caller } from './identity.ts'
import type { SpaceRef } from './names.ts'
import type { ContentFacts, SpaceCommand } from './space/commands.ts'
import type { SpaceEvent } from './space/events.ts'
import type { SpaceRefusal } from './space/refusals.ts'
import type { SpaceState } from './space/state.ts'

/** An event to append. `id` is a UUID; data and metadata are JSON values. */
export type NewEvent = {
  readonly id: string
  readonly type: string
  readonly data: unknown
  readonly metadata: unknown
}

/** An event as the log holds it. `data` and `metadata` are not decoded yet and must not be trusted. */
export type RecordedEvent = NewEvent & {
  readonly stream: string
  /** Its number in its stream, from 0. */
  readonly revision: bigint
  /** Its commit position in `$all`. */
  readonly position: bigint
  readonly created: Date
  /** Data and metadata as they are on the log, set if they are sealed there and were opened here. Proofs (hashes,
   *  bundles) are always about what is on the log. */
  readonly stored?: {
    readonly data: unknown
    readonly metadata: unknown
    /** The salt of the log's commitment to the personal field; absent in events from before there were commitments. */
    readonly salt?: string
  }
}

/** The revision that the stream must be at: its last event's number, `none` for no stream, or `any`. */
export type ExpectedRevision = bigint | 'none' | 'any'

/** `revision` and `position` are those of the last event appended. */
export type Appended = { readonly revision: bigint; readonly position: bigint }

export type AppendError =
  /** Nothing was written. `actual` is null where there is no stream. */
  | { readonly _tag: 'WrongExpectedRevision'; readonly actual: bigint | null }
  /** It may have been written. To find out, retry with the same ids and expectation, or read the stream. */
  | { readonly _tag: 'OutcomeUnknown'; readonly cause: string }
  /** Nothing was written, and the log can't be reached. */
  | { readonly _tag: 'LogUnavailable'; readonly cause: string }
  | { readonly _tag: 'AppendTooLarge'; readonly maxBytes: number }
  | { readonly _tag: 'StreamDeleted' }

/** The archive to which a part of the log was moved. `before`: ISO 8601. */
export type Archived = {
  readonly name: string
  readonly place: string
  readonly before: string
  /** The position of the last event in it: everything after that is on the log. */
  readonly position?: string
}
export type ReadError =
  /** `archive`: what was asked for is in that archive, which is not at hand. */
  | { readonly _tag: 'LogUnavailable'; readonly cause: string; readonly archive?: Archived }
  | { readonly _tag: 'StreamDeleted' }

export type Direction = 'forwards' | 'backwards'

export type StreamRead = {
  readonly direction?: Direction
  /** Inclusive. Default: the start forwards, the end backwards. */
  readonly from?: bigint
  readonly limit: number
}
export type AllRead = {
  readonly direction?: Direction
  /** Exclusive forwards (the event at this position is not read); default: the start, or the end backwards. */
  readonly after?: bigint
  readonly limit: number
  readonly prefixes?: ReadonlyArray<string>
}

/** Where an event is, without what it says. */
export type PassedEvent = Pick<RecordedEvent, 'id' | 'stream' | 'revision' | 'position'>

/** What a subscription gives its consumer, in `$all` order. */
export type SubscriptionItem =
  | { readonly kind: 'event'; readonly event: RecordedEvent }
  /** An event of a stream that the consumer does not want: only where it is was read. */
  | { readonly kind: 'passed'; readonly event: PassedEvent }
  /** There was nothing of interest up to here: a place to resume from. */
  | { readonly kind: 'checkpoint'; readonly position: bigint }
  /** Everything that was on the log when it (re)subscribed has been delivered. */
  | { readonly kind: 'caught-up' }

export type SubscriptionState = {
  readonly state: 'connecting' | 'catching-up' | 'live' | 'stopped'
  readonly since: Date
  /** The last position delivered, null before the first. */
  readonly position: bigint | null
  readonly lastError: string | null
  readonly reconnects: number
  /** The newest position of the whole log when it was last looked at (while nothing comes in), null before that. */
  readonly head?: bigint | null
  /** How many items wait for the consumer. */
  readonly waiting?: number
}

/** Items come by async iteration, in batches of whatever is available (never empty), so that a slow consumer is waited
 *  for (bounded memory) and a fast one pays per batch. The subscription reconnects by itself, resumes at the exact next
 *  event, and ends only when stopped. */
export interface LogSubscription extends AsyncIterable<ReadonlyArray<SubscriptionItem>> {
  readonly state: () => SubscriptionState
  readonly stop: () => Promise<void>
}

/** What this process passed to `append` for the event with this id, if that was not long ago. It is returned once. */
export type GivenLately = (
  id: string,
  stream: string,
  type: string,
) => Pick<RecordedEvent, 'data' | 'metadata'> | undefined

/** The part of the log that folding a stream needs. */
export interface StreamReader {
  /** A stream that does not exist reads as no events. */
  readonly readStream: (
    stream: string,
    read: StreamRead,
  ) => TaskEither<ReadError, ReadonlyArray<RecordedEvent>>
}

export interface EventLog extends StreamReader {
  readonly append: (
    stream: string,
    expected: ExpectedRevision,
    events: ReadonlyArray<NewEvent>,
  ) => TaskEither<AppendError, Appended>
  readonly readAll: (read: AllRead) => TaskEither<ReadError, ReadonlyArray<RecordedEvent>>
  readonly subscribe: (options: {
    /** Exclusive; `start` for all that ever was, `end` for what comes from now on. */
    readonly after: bigint | 'start' | 'end'
    readonly prefixes: ReadonlyArray<string>
    /** Stop reading ahead when this many events wait for the consumer. Default 2,000. */
    readonly bufferSize?: number
    /** If given, an event that this process appended itself comes with what it passed to `append`, and is not parsed again. */
    readonly given?: GivenLately
    /** If given, events of streams for which it is false are only passed: neither parsed nor opened. */
    readonly wants?: (stream: string) => boolean
    /** While many events come, so many milliseconds lie between two batches, if the log supports that; what comes alone
     *  comes at once. Default 0. */
    readonly gatherMs?: number
  }) => LogSubscription
  readonly health: () => LogHealth
  readonly close: () => Promise<void>
}

export type LogHealth = {
  readonly state: 'connecting' | 'up' | 'down'
  readonly since: Date
  readonly lastError: string | null
}

/** Time, ids and randomness are passed in, so that tests can state them. */
export interface Clock {
  /** Milliseconds since the epoch. */
  readonly now: () => number
}
export interface Ids {
  /** A random UUID. */
  readonly uuid: () => string
}

export type ContentError = {
  readonly _tag: 'ContentUnavailable'
  readonly cause: string
  /** What does not answer, if it is not the database. */
  readonly what?: 'hive'
}
/** What the content says about its space and about this caller. */
export interface Content {
  readonly factsFor: (space: SpaceRef, by: Caller | null) => TaskEither<ContentError, ContentFacts>
  /** Calls the listener when the facts of a space may have changed; with null, those of any space. Returns a function that
   *  stops it. */
  readonly onChange?: (listener: (space: SpaceRef | null) => void) => () => void
}

/* ── The command path, as its callers (REST, sockets, the lease keeper) see it ─────────────────────────── */

/** Who sent a command and through what; it goes into the metadata of its events. */
export type Sender = {
  readonly by: Caller | { readonly kind: 'system'; readonly id: string }
  readonly client?: { readonly ip?: string; readonly userAgent?: string }
  /** Of the request or of the socket's packet. Default: the command's id. */
  readonly correlationId?: string
}

/** A command as it comes in. The command path adds the time and the content's facts. */
export type CommandRequest<Command> = Sender & {
  readonly space: SpaceRef
  /** A UUID. Two commands with the same id from the same sender are one command. */
  readonly id: string
  /** The caller chose the id. If it comes again with another command, that one is refused. */
  readonly isIdChosen?: boolean
  readonly command: Command
}

/** `revision` and `position` are those of the last event that the command caused; if it changed nothing (a repeat),
 *  those of the stream's end when it was decided. */
export type Accepted<Event> = Appended & {
  readonly events: ReadonlyArray<Event>
  /** Set if `position` is that of a later event of the same group append, of which only the end is known. Reading up to
   *  it includes this command's events too. */
  readonly isPositionLater?: true
}

/** Called for each accepted command once its events are on the log, whichever way the command came. */
export type OnAccepted = (
  kind: 'space' | 'chat',
  space: SpaceRef,
  accepted: Accepted<SpaceEvent | ChatEvent>,
) => void

export type CommandError<Refusal> =
  | { readonly _tag: 'Refused'; readonly refusal: Refusal }
  /** Not carried out, as far as can be known; safe to send again under the same id. */
  | {
      readonly _tag: 'Unavailable'
      readonly what: 'eventstore' | 'postgres' | 'hive'
      readonly cause: string
    }
  /** Too much contention: nothing was written. */
  | { readonly _tag: 'Conflict' }
  /** What happened in the space can't be read, and no other try will change that: nothing was written. */
  | { readonly _tag: 'Broken'; readonly why: Broken; readonly cause: string }

/** A space's history: `deleted` from the log, `cut` at its beginning, or with an event that this version can't read. */
export type Broken = 'deleted' | 'cut' | 'unreadable'

export interface Commands {
  readonly space: (
    request: CommandRequest<SpaceCommand>,
  ) => TaskEither<CommandError<SpaceRefusal>, Accepted<SpaceEvent>>
  readonly chat: (
    request: CommandRequest<ChatCommand>,
  ) => TaskEither<CommandError<ChatRefusal>, Accepted<ChatEvent>>
  /** About reports and cases. */
  readonly cases: (
    request: CommandRequest<CaseCommand>,
  ) => TaskEither<CommandError<CaseRefusal>, Accepted<CaseEvent>>
  /** The space's cases and the revision, up to date with the log. The state is a fork, the caller's to keep. */
  readonly lookCases: (
    space: SpaceRef,
  ) => TaskEither<CommandError<never>, { readonly state: CasesState; readonly position: bigint }>
  /** The messages that the space's filters caught and nobody has settled, according to the log's current end. The result is a fork. */
  readonly lookFiltered: (space: SpaceRef) => TaskEither<CommandError<never>, Filtered>
  /** A waiting message as it was sent; its words are empty if they were erased. Null if none waits under that id. */
  readonly heldMessage: (
    space: SpaceRef,
    messageId: string,
  ) => TaskEither<CommandError<never>, MessageFacts | null>
  /** Approves a message that a filter caught and, if it waits, posts it in its writer's name. If the same command is
   *  sent again, it continues where it stopped. */
  readonly letThrough: (
    request: CommandRequest<ApproveMessage>,
  ) => TaskEither<CommandError<ChatRefusal>, Accepted<ChatEvent>>
  /** The space, up to date with the log (the cached state, refreshed), for reads that must not lag. It is a fork, the
   *  caller's to keep. `null` if nothing was ever appended. */
  readonly look: (
    space: SpaceRef,
  ) => TaskEither<
    CommandError<never>,
    { readonly state: SpaceState; readonly revision: bigint | null } | null
  >
  /** Called when people are in the space: its chat is read beforehand, so that the first message need not wait for that. */
  readonly warm: (space: SpaceRef) => void
  /** Takes an event of the log, in `$all` order, whoever appended it, and so keeps the cached states up to date. */
  readonly observe: (event: RecordedEvent) => void
  /** Whether anything is cached of the stream, so that its events are to be observed: others may be passed. */
  readonly wants?: (stream: string) => boolean
  /** Takes the place of an event that nobody wanted when it came, in the same order. */
  readonly passed?: (event: PassedEvent) => void
  /** Called when the log was replaced or went back: everything cached of it is dropped. */
  readonly forget?: () => void
}
