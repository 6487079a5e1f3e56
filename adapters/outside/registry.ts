/** The keys and subscriptions in each process: read from their stream, and followed. What is written here is known here
 *  at once, and everywhere else as soon as the log delivers it. */
import * as E from 'fp-ts/lib/Either.js'
import type { Actor } from '../../domain/identity.ts'
import { OUTSIDE_PREFIX, OUTSIDE_STREAM } from '../../domain/names.ts'
import { decideOutside, type OutsideCommand, type OutsideRefusal } from '../../domain/outside/decide.ts'
import { OUTSIDE_EVENTS, type OutsideEvent, readOutside } from '../../domain/outside/events.ts'
import {
  evolveOutside,
  foldingOutside,
  NOTHING_OUTSIDE,
  type OutsideState,
} from '../../domain/outside/state.ts'
import type { CommandError, EventLog, Ids, NewEvent, RecordedEvent, Sender } from '../../domain/ports.ts'
import { appendSettled } from '../eventstore/settle.ts'

export type OutsideRequest = {
  readonly sender: Omit<Sender, 'by'> & { readonly by: Actor }
  /** The command's id. A UUID. */
  readonly id: string
  readonly command: OutsideCommand
}
export type OutsideDone = {
  readonly events: ReadonlyArray<OutsideEvent>
  readonly position: bigint
  readonly revision: bigint
  readonly state: OutsideState
}
export interface Outside {
  /** Null until the stream was read once. */
  readonly state: () => OutsideState | null
  readonly act: (request: OutsideRequest) => Promise<E.Either<CommandError<OutsideRefusal>, OutsideDone>>
  /** Called after each change, whoever made it. Returns how to stop. */
  readonly onChange: (listener: (state: OutsideState) => void) => () => void
  readonly stop: () => Promise<void>
}

type Deps = {
  readonly log: EventLog
  readonly clock: { readonly now: () => number }
  readonly ids: Ids
  readonly nodeId: string
}

const PAGE = 500
const ROUNDS = 8
const SETTLE_MS = 5_000
const unavailable = (cause: string) =>
  E.left({ _tag: 'Unavailable' as const, what: 'eventstore' as const, cause })

export const createOutside = ({ log, clock, ids, nodeId }: Deps): Outside => {
  let state: OutsideState = NOTHING_OUTSIDE
  /** What was there at the start, before anybody was given a state. */
  const first = foldingOutside()
  let last: { revision: bigint; position: bigint } = { revision: -1n, position: -1n }
  let isRead = false
  const listeners = new Set<(state: OutsideState) => void>()

  const fold = (recorded: RecordedEvent): void => {
    if (recorded.revision !== last.revision + 1n) return
    last = { revision: recorded.revision, position: recorded.position }
    const event = readOutside(recorded.type, recorded.data)
    if (event === null) return
    if (!isRead) {
      first.take(event)
      return
    }
    state = evolveOutside(state, event)
    for (const listener of listeners) listener(state)
  }
  /** Rejects if the log can't be read. */
  const readOn = async (): Promise<void> => {
    for (;;) {
      const page = await log.readStream(OUTSIDE_STREAM, { from: last.revision + 1n, limit: PAGE })()
      if (E.isLeft(page)) throw new Error(page.left._tag === 'LogUnavailable' ? page.left.cause : 'deleted')
      for (const event of page.right) fold(event)
      if (page.right.length < PAGE) break
    }
    if (isRead) return
    isRead = true
    state = first.state()
    for (const listener of listeners) listener(state)
  }
  let turn: Promise<void> = Promise.resolve()
  /** Runs one read after the other. */
  const catchUp = (): Promise<void> => {
    const mine = turn.then(readOn)
    turn = mine.catch(() => {})
    return mine
  }

  const subscription = log.subscribe({ after: 'end', prefixes: [OUTSIDE_PREFIX] })
  const follow = async (): Promise<void> => {
    for await (const batch of subscription)
      for (const item of batch) {
        const isNext = item.kind === 'event' && item.event.revision === last.revision + 1n
        if (isNext) fold(item.event)
        // Events from before it began to follow, or missing in between, are read.
        else if (item.kind === 'caught-up' || (item.kind === 'event' && item.event.revision > last.revision))
          await catchUp().catch(() => {})
      }
  }
  void follow().catch(() => {})

  const recorded = (request: OutsideRequest, event: OutsideEvent, at: string): NewEvent => ({
    id: ids.uuid(),
    type: event.type,
    data: event.data,
    metadata: {
      $correlationId: request.sender.correlationId ?? request.id,
      $causationId: request.id,
      command: { id: request.id, type: request.command.type },
      actor: { kind: request.sender.by.kind, id: request.sender.by.id },
      node: nodeId,
      at,
      schema: OUTSIDE_EVENTS[event.type].schema,
      ...(request.sender.client === undefined ? {} : { client: request.sender.client }),
    },
  })

  const act: Outside['act'] = async (request) => {
    const append = appendSettled(log, { deadlineMs: SETTLE_MS })
    for (let round = 0; round < ROUNDS; round += 1) {
      try {
        await catchUp()
      } catch (error) {
        return unavailable(String(error))
      }
      const at = new Date(clock.now()).toISOString()
      const decided = decideOutside(state, request.command, { by: request.sender.by, at })
      if (E.isLeft(decided)) return E.left({ _tag: 'Refused', refusal: decided.left })
      const events = decided.right
      if (events.length === 0) return E.right({ events, ...last, state })
      const expected = last.revision < 0n ? 'none' : last.revision
      const made = events.map((event) => recorded(request, event, at))
      const written = await append(OUTSIDE_STREAM, expected, made)()
      if (E.isRight(written)) {
        // It is written: if it can't be read back now, it comes with the subscription.
        await catchUp().catch(() => {})
        return E.right({ events, ...written.right, state })
      }
      if (written.left._tag !== 'WrongExpectedRevision') return unavailable(written.left._tag)
    }
    return E.left({ _tag: 'Conflict' })
  }

  return {
    state: () => (isRead ? state : null),
    act,
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    stop: () => subscription.stop(),
  }
}
