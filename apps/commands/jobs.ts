/** A command in a mailbox, its answer, and the rules by which a kind of stream decides. */
import * as E from 'fp-ts/lib/Either.js'
import type { Found } from '../../domain/chat/state.ts'
import type {
  Accepted,
  CommandError,
  CommandRequest,
  ContentError,
  NewEvent,
  RecordedEvent,
} from '../../domain/ports.ts'
import type { ContentFacts } from '../../domain/space/commands.ts'
import type { Trouble } from './model.ts'

export type CommandResult<Event, Refusal> = E.Either<CommandError<Refusal>, Accepted<Event>>

/** Messages that were looked up for one command. They are valid until the chat's window begins after `until`. */
export type LookedUp = { readonly found: Found; readonly until: number }

export type Job<Command, Event, Refusal> = {
  readonly request: CommandRequest<Command>
  /** Its sender and id (`recent-commands.ts`), by which a repeated command is recognised. */
  readonly key: string
  readonly facts: Promise<E.Either<ContentError, ContentFacts>>
  readonly queuedAt: number
  readonly answer: (answer: CommandResult<Event, Refusal>) => void
  readonly lookedUp?: LookedUp
}

/** A job whose facts are known. */
export type Ready<Command, Event, Refusal> = {
  readonly job: Job<Command, Event, Refusal>
  readonly content: ContentFacts
}

/** Set aside: the command needs something for which the others need not wait, and returns to the queue afterwards. */
export type Aside = {
  readonly _tag: 'Aside'
  readonly until: () => Promise<E.Either<Trouble | ContentError, LookedUp>>
}

/** What a group's commands are decided on. `state` advances with each accepted command. */
export type DecidedOn<State, Beside> = {
  readonly at: string
  /** What the rules prepared, and its revision (-1 if there is nothing beside the stream). */
  readonly beside: Beside
  readonly besideRevision: number
  readonly state: State
  /** The revision of the last event in `state`, -1 for none. */
  readonly revision: number
}

/** What the mailbox does not know: how this kind of stream decides, and what it needs for that. */
export type Rules<State, Command, Event, Refusal, Beside> = {
  /** Gets what the decisions need beside the stream itself; called before each round of deciding. */
  readonly prepare: () => Promise<E.Either<Trouble, Beside>>
  /** The revision of what is beside the stream; null if it was dropped and must be prepared again. */
  readonly besideRevision: (beside: Beside) => number | null
  readonly decide: (
    ready: Ready<Command, Event, Refusal>,
    on: DecidedOn<State, Beside>,
  ) => E.Either<Refusal, ReadonlyArray<Event>> | Aside
  readonly encode: (
    ready: Ready<Command, Event, Refusal>,
    events: ReadonlyArray<Event>,
    on: DecidedOn<State, Beside>,
  ) => ReadonlyArray<NewEvent>
  /** Refreshes what is beside the stream, so that it is as new as the log's end at `asked` (by `now`) or later; true if
   *  it is no longer at `revision`. */
  readonly refreshBeside: (
    beside: Beside,
    revision: number,
    asked: number,
  ) => Promise<E.Either<Trouble, boolean>>
  /** Takes a refusal as it was decided. The function that it returns is called once the refusal is final, and resolves
   *  when the caller may be told (the refusal may be on its way to the log); null: at once. */
  readonly refused: (
    ready: Ready<Command, Event, Refusal>,
    refusal: Refusal,
    on: DecidedOn<State, Beside>,
  ) => () => Promise<void> | null
  readonly tooLarge: (maxBytes: number) => Refusal
  /** The answer to callers who may not know of the space, whatever happened to it. */
  readonly unknown: () => Refusal
  /** For a request whose id the caller chose: whether these are the events of the same request. */
  readonly isSame: (request: CommandRequest<Command>, happened: ReadonlyArray<RecordedEvent>) => boolean
  /** A digest that is the same for equal requests. */
  readonly digest: (request: CommandRequest<Command>) => string
  readonly idReused: () => Refusal
  /** Called once for each command whose events are on the log, by whatever way the command came. */
  readonly accepted: (ready: Ready<Command, Event, Refusal>, accepted: Accepted<Event>) => void
}

export const unavailable = (cause: string): E.Either<CommandError<never>, never> =>
  E.left({ _tag: 'Unavailable', what: 'eventstore', cause })

export const troubled = (trouble: Trouble | ContentError): E.Either<CommandError<never>, never> =>
  trouble._tag === 'Trouble'
    ? trouble.broken === undefined
      ? unavailable(trouble.cause)
      : E.left({ _tag: 'Broken', why: trouble.broken, cause: trouble.cause })
    : E.left({ _tag: 'Unavailable', what: trouble.what ?? 'postgres', cause: trouble.cause })
