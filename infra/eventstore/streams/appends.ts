/** The append calls of the Streams service. */

import type { Guard } from '../auth/guard.ts'
import * as errors from '../protocol/errors.ts'
import type { ProposedEvent } from '../protocol/record.ts'
import {
  type AppendOptions,
  BadRequest,
  type BatchRequest,
  correlationOf,
  isLast,
  parseAppendRequest,
  parseBatchRequest,
  sizeOf,
} from '../protocol/requests.ts'
import { appendResponse, type BatchOutcome, batchResponse } from '../protocol/responses.ts'
import type { Call } from '../server/grpc.ts'
import type { Appender } from './append.ts'

type Deps = { readonly appender: Appender; readonly guard: Guard; readonly maxAppendSize: number }

/** The largest append in bytes, types and metadata included. */
const MOST_BYTES = 32 * 1024 * 1024

/** The size of an append. As on a real server its limit is one of data: types and metadata do not count. */
type Size = { data: number; bytes: number }

const addTo = (size: Size, event: ProposedEvent): void => {
  size.data += event.data.length
  size.bytes += sizeOf(event)
}
const isTooLarge = ({ data, bytes }: Size, maxAppendSize: number): boolean =>
  data > maxAppendSize || bytes > MOST_BYTES

/** A batch as it is submitted. */
type Whole = {
  readonly options: AppendOptions
  readonly events: ReadonlyArray<ProposedEvent>
  readonly size: Size
}
/** A batch of which not all messages have come. `answered`: refused, the rest of it is ignored. */
type Pending =
  | { readonly answered: true }
  | {
      readonly answered: false
      readonly options: AppendOptions
      readonly events: ProposedEvent[]
      readonly size: Size
      timer: NodeJS.Timeout | undefined
    }
const ANSWERED: Pending = { answered: true }

/** Timers can't count any further. */
const LONGEST_TIMER_MS = 0x7fff_ffff

/** BatchAppend: one long call carries many appends. Each is answered once, by its correlation id, because clients
 *  forget an id once it was answered. */
export const batchAppend =
  ({ appender, guard, maxAppendSize }: Deps) =>
  (call: Call): void => {
    const pending = new Map<string, Pending>()
    let open = 0
    let ended = false
    const finish = () => {
      if (ended && open === 0) call.end()
    }
    const answer = (correlation: Buffer, options: AppendOptions | undefined, outcome: BatchOutcome) => {
      call.write(batchResponse(correlation, options, outcome))
    }

    const submit = (correlation: Buffer, { options, events, size }: Whole) => {
      if (!guard.may(call, 'write', options.stream)) {
        answer(correlation, options, { tag: 'access-denied' })
        return
      }
      open++
      appender.append({
        ...options,
        change: { kind: 'append', events },
        bytes: size.bytes,
        done: (outcome) => {
          answer(correlation, options, outcome)
          open--
          finish()
        },
      })
      if (appender.full(() => call.resume())) call.pause()
    }

    /** Refuses a batch of which more messages may come. */
    const refuse = (correlation: Buffer, key: string, final: boolean, outcome: BatchOutcome) => {
      const batch = pending.get(key)
      if (final) pending.delete(key)
      else pending.set(key, ANSWERED)
      if (batch?.answered) return
      clearTimeout(batch?.timer)
      answer(correlation, batch?.options, outcome)
    }

    /** An append that comes in pieces may never be finished; its deadline answers it then. */
    const begin = (correlation: Buffer, key: string, options: AppendOptions) => {
      const left = options.deadline - Date.now()
      const late = () => refuse(correlation, key, false, { tag: 'timeout' })
      const timer = left < LONGEST_TIMER_MS ? setTimeout(late, Math.max(0, left)) : undefined
      const batch = { answered: false as const, options, events: [], size: { data: 0, bytes: 0 }, timer }
      pending.set(key, batch)
      return batch
    }

    const takePart = ({ correlation, options, events, final }: BatchRequest) => {
      const key = correlation.toString('latin1')
      const known = pending.get(key)
      if (known?.answered) {
        if (final) pending.delete(key)
        return
      }
      // For a batch that is under way the first options count; a part of an unknown batch belongs to nobody.
      const batch = known ?? (options === undefined ? undefined : begin(correlation, key, options))
      if (batch === undefined) return
      for (const event of events) {
        batch.events.push(event)
        addTo(batch.size, event)
      }
      if (isTooLarge(batch.size, maxAppendSize))
        refuse(correlation, key, final, { tag: 'too-large', max: maxAppendSize })
      else if (final) {
        clearTimeout(batch.timer)
        pending.delete(key)
        submit(correlation, batch)
      }
    }

    const take = (request: BatchRequest) => {
      const { correlation, options, events, final } = request
      if (!final || options === undefined || pending.size > 0) {
        takePart(request)
        return
      }
      // Most come in one piece, and need not be put together.
      const size = { data: 0, bytes: 0 }
      for (const event of events) addTo(size, event)
      if (isTooLarge(size, maxAppendSize))
        answer(correlation, options, { tag: 'too-large', max: maxAppendSize })
      else submit(correlation, { options, events, size })
    }

    /** An append that can't be read does not harm the others of the call. */
    const takeBad = (bytes: Buffer, cause: string) => {
      const correlation = correlationOf(bytes)
      if (correlation.length === 0) call.fail(errors.invalidArgument(cause))
      else refuse(correlation, correlation.toString('latin1'), isLast(bytes), { tag: 'bad-request', cause })
    }

    call.onMessage = (bytes) => {
      try {
        take(parseBatchRequest(bytes, Date.now()))
      } catch (error) {
        takeBad(
          bytes,
          error instanceof BadRequest || error instanceof RangeError ? error.message : 'Bad request',
        )
      }
    }
    call.onEnd = () => {
      ended = true
      finish()
    }
    call.onClose = () => {
      for (const batch of pending.values()) if (!batch.answered) clearTimeout(batch.timer)
      pending.clear()
    }
  }

/** Append: one call, one append. */
export const append =
  ({ appender, guard, maxAppendSize }: Deps) =>
  (call: Call): void => {
    let options: AppendOptions | undefined
    const events: ProposedEvent[] = []
    const size = { data: 0, bytes: 0 }
    call.onMessage = (message) => {
      if (!call.open()) return
      try {
        const part = parseAppendRequest(message, Date.now())
        if (part === undefined) return
        if ('stream' in part) options = part
        else {
          events.push(part)
          addTo(size, part)
          if (isTooLarge(size, maxAppendSize)) call.fail(errors.maxAppendSizeExceeded(maxAppendSize))
        }
      } catch (error) {
        call.fail(errors.invalidArgument(error instanceof Error ? error.message : 'Bad request'))
      }
    }
    call.onEnd = () => {
      if (options === undefined) return call.fail(errors.invalidArgument('The first message has no options'))
      const { stream, expected } = options
      try {
        guard.check(call, 'write', stream)
      } catch (error) {
        return call.fail(error)
      }
      appender.append({
        stream,
        expected,
        deadline: call.deadline,
        change: { kind: 'append', events },
        bytes: size.bytes,
        done: (outcome) => {
          switch (outcome.tag) {
            case 'appended':
            case 'wrong-expected':
              call.write(appendResponse(outcome, expected))
              return call.end()
            case 'deleted':
              return call.fail(errors.streamDeleted(stream))
            case 'timeout':
              return call.fail(errors.deadlineExceeded())
            case 'full':
              return call.fail(errors.diskFull())
            case 'failed':
              return call.fail(errors.unavailable(outcome.cause))
            default:
              return outcome satisfies never
          }
        },
      })
    }
  }
