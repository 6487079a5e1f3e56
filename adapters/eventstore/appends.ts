/** Appends over one connection: they share a few BatchAppend calls; each has its own answer and timeout. */

import * as grpc from '@grpc/grpc-js'
import { type Either, left, right } from 'fp-ts/lib/Either.js'
import type { AppendError, ExpectedRevision, NewEvent } from '../../domain/ports.ts'
import { causeOf, exceptionOf, type LogLine, leaderOf } from './line.ts'
import { type AppendAnswer, BATCH_APPEND, decodeAppend, encodeAppend } from './wire.ts'

/** `position` is null if the server did not send it. */
type Answered = { readonly revision: bigint; readonly position: bigint | null }
export type AppendOutcome = Either<AppendError, Answered>

type Pending = {
  readonly settle: (outcome: AppendOutcome) => void
  readonly tick: number
  readonly order: string
  readonly lane: Lane
}

/** One BatchAppend call; null until it is needed, and after it failed. */
type Lane = { call: grpc.ClientDuplexStream<Buffer, Buffer> | null }

/** gRPC sends one message of a call in each turn of the event loop, and the next in the next. A turn that has much to do brings
 *  several appends, and takes long, so they would queue up behind each other: those of one turn go over several calls, together. */
export const APPEND_CALLS = 16

/** What follows the category in a stream's name. A room's streams differ in their category only, so what one room appends, such as
 *  a person's last words and that they left, stays in its order. */
const orderOf = (stream: string): string => stream.slice(stream.indexOf('-') + 1)

const unknown = (cause: string): AppendOutcome => left({ _tag: 'OutcomeUnknown', cause })

const MAX_POSITION = 2n ** 63n

const outcomeOf = (result: AppendAnswer['result']): AppendOutcome => {
  if (result.ok) {
    if (result.revision === null) return unknown('the server did not say at which revision')
    const commit = result.place?.commit ?? MAX_POSITION
    return right({ revision: result.revision, position: commit < MAX_POSITION ? commit : null })
  }
  switch (result.detail) {
    case 'WrongExpectedVersion':
      return left({ _tag: 'WrongExpectedRevision', actual: result.actual })
    case 'StreamDeleted':
      return left({ _tag: 'StreamDeleted' })
    case 'MaximumAppendSizeExceeded':
      return left({ _tag: 'AppendTooLarge', maxBytes: result.maxBytes })
    case 'AccessDenied':
      return left({ _tag: 'LogUnavailable', cause: 'access denied' })
    // Rolled back.
    case 'InvalidTransaction':
      return left({ _tag: 'LogUnavailable', cause: result.message || 'the append was rolled back' })
    // A timeout of the server, or an error that it has no name for: the events may have been written.
    default:
      return unknown(`${result.detail} ${result.message}`.trim())
  }
}

/** Refusals of the call itself, before it carried anything. */
const REFUSED = new Set([
  grpc.status.PERMISSION_DENIED,
  grpc.status.UNAUTHENTICATED,
  grpc.status.UNIMPLEMENTED,
])

/** No server accepts a larger message: it would end the call, and with it every append that is under way. */
const MAX_MESSAGE = 16 * 1024 * 1024

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export class Appends {
  private readonly line: LogLine
  private readonly timeoutTicks: number
  private readonly lanes: ReadonlyArray<Lane>
  /** How many were sent in this turn of the event loop. */
  private turn = 0
  private readonly endTurn = (): void => {
    this.turn = 0
  }
  /** The call that appends without an answer are on, by what keeps them in their order. */
  private readonly laneOf = new Map<string, { readonly lane: Lane; count: number }>()
  /** In the order of sending, so the oldest is first. */
  private readonly pending = new Map<number, Pending>()
  private number = 0

  /** Over one call, all appends stay in their order. */
  constructor(line: LogLine, timeoutMs: number, calls: number) {
    this.line = line
    this.lanes = Array.from({ length: calls }, () => ({ call: null }))
    this.timeoutTicks = line.ticks(timeoutMs)
    line.watch(
      () => this.expire(),
      (cause) => this.abandon(cause),
    )
  }

  append(
    stream: string,
    expected: ExpectedRevision,
    events: ReadonlyArray<NewEvent>,
  ): Promise<AppendOutcome> {
    return new Promise((settle) => {
      const number = ++this.number
      let requests: ReadonlyArray<Buffer>
      try {
        const odd = events.find((event) => !UUID.test(event.id))
        if (odd !== undefined) throw new Error(`${odd.id} is not a UUID`)
        requests = encodeAppend({ line: this.line.id, number }, stream, expected, events)
      } catch (error) {
        return settle(left({ _tag: 'LogUnavailable', cause: `can't be written: ${causeOf(error)}` }))
      }
      if (requests.some(({ length }) => length > MAX_MESSAGE))
        return settle(left({ _tag: 'AppendTooLarge', maxBytes: MAX_MESSAGE }))
      if (this.line.isClosed)
        return settle(left({ _tag: 'LogUnavailable', cause: 'the connection was lost' }))
      const order = orderOf(stream)
      const known = this.laneOf.get(order)
      const lane = known?.lane ?? this.nextLane()
      let call: grpc.ClientDuplexStream<Buffer, Buffer>
      try {
        call = lane.call ?? this.open(lane)
      } catch (error) {
        return settle(left({ _tag: 'LogUnavailable', cause: causeOf(error) }))
      }
      if (known === undefined) this.laneOf.set(order, { lane, count: 1 })
      else known.count += 1
      this.pending.set(number, { settle, tick: this.line.tick, order, lane })
      for (const request of requests) call.write(request)
    })
  }

  /** The first, while there is one append a turn. */
  private nextLane(): Lane {
    if (this.turn === 0) setImmediate(this.endTurn)
    return this.lanes[this.turn++ % this.lanes.length]!
  }

  private take(number: number): Pending | undefined {
    const pending = this.pending.get(number)
    if (pending === undefined) return undefined
    this.pending.delete(number)
    const known = this.laneOf.get(pending.order)!
    known.count -= 1
    if (known.count === 0) this.laneOf.delete(pending.order)
    return pending
  }

  private open(lane: Lane): grpc.ClientDuplexStream<Buffer, Buffer> {
    const call = this.line.duplex(BATCH_APPEND)
    lane.call = call
    let answered = false
    call.on('data', (bytes: Buffer) => {
      this.line.heard()
      answered = true
      try {
        this.answer(decodeAppend(bytes, this.line.id))
      } catch (error) {
        this.line.close(causeOf(error))
      }
    })
    call.on('end', () => this.fail(lane, call, unknown('the server ended the call')))
    call.on('error', (error) => {
      const cause = causeOf(error)
      const refused =
        !answered &&
        (REFUSED.has((error as grpc.ServiceError).code) || exceptionOf(error) === 'access-denied')
      this.fail(lane, call, refused ? left({ _tag: 'LogUnavailable', cause }) : unknown(cause))
      const leader = leaderOf(error)
      if (leader !== null) this.line.close(cause, leader)
    })
    return call
  }

  private answer(answer: AppendAnswer): void {
    if (answer.number === null) return
    // An answer that comes after its append has timed out is ignored.
    this.take(answer.number)?.settle(outcomeOf(answer.result))
  }

  /** Every append on this call gets this outcome; the next append opens another call. */
  private fail(lane: Lane, call: grpc.ClientDuplexStream<Buffer, Buffer>, outcome: AppendOutcome): void {
    if (lane.call !== call) return
    lane.call = null
    call.cancel()
    const carried = [...this.pending].filter(([, pending]) => pending.lane === lane)
    for (const [number] of carried) this.take(number)
    for (const [, { settle }] of carried) settle(outcome)
  }

  private expire(): void {
    for (const [number, pending] of this.pending) {
      if (this.line.tick - pending.tick < this.timeoutTicks) return
      // Nothing has arrived since it was sent: the connection is dead, and so are the other appends on it.
      if (this.line.lastHeard <= pending.tick) {
        this.line.close('the server went silent')
        return
      }
      this.take(number)
      pending.settle(unknown('no answer in time'))
    }
  }

  private abandon(cause: string): void {
    for (const lane of this.lanes) if (lane.call !== null) this.fail(lane, lane.call, unknown(cause))
  }
}
