/** The append calls of the Streams service. */
import type { Appender } from './append.ts'
import type { Guard } from './auth/guard.ts'
import * as errors from './errors.ts'
import type { Call } from './grpc.ts'
import type { ProposedEvent } from './record.ts'
import {
  type AppendOptions,
  BadRequest,
  type BatchRequest,
  correlationOf,
  parseAppendRequest,
  parseBatchRequest,
  sizeOf,
} from './requests.ts'
import { appendResponse, type BatchOutcome, batchResponse } from './responses.ts'

type Deps = { readonly appender: Appender; readonly guard: Guard; readonly maxAppendSize: number }

/** A batch of which not all messages have come. `refused`: answered already, the rest of it is ignored. */
type Pending = { options: AppendOptions; events: ProposedEvent[]; bytes: number; refused: boolean }

/** BatchAppend: one long call carries many appends, each answered by its correlation id. */
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

    const submit = (correlation: Buffer, { options, events, bytes }: Pending) => {
      if (!guard.may(call, 'write', options.stream)) {
        answer(correlation, options, { tag: 'access-denied' })
        return
      }
      open++
      appender.append({
        ...options,
        change: { kind: 'append', events },
        bytes,
        done: (outcome) => {
          answer(correlation, options, outcome)
          open--
          finish()
        },
      })
      if (appender.full(() => call.resume())) call.pause()
    }

    const take = ({ correlation, options, events, final }: BatchRequest) => {
      // Most come in one piece, and need no key to be put together by.
      const isWhole = final && options !== undefined && pending.size === 0
      const key = isWhole ? '' : correlation.toString('latin1')
      let batch = isWhole ? undefined : pending.get(key)
      if (batch === undefined) {
        if (options === undefined) {
          answer(correlation, undefined, { tag: 'bad-request', cause: 'The first message has no options' })
          return
        }
        batch = { options, events, bytes: 0, refused: false }
        if (!final) pending.set(key, batch)
      } else if (!batch.refused) for (const event of events) batch.events.push(event)
      if (final && !isWhole) pending.delete(key)
      if (batch.refused) return
      for (const event of events) batch.bytes += sizeOf(event)
      if (batch.bytes > maxAppendSize) {
        batch.refused = true
        batch.events = []
        answer(correlation, batch.options, { tag: 'too-large', max: maxAppendSize })
        return
      }
      if (final) submit(correlation, batch)
    }

    call.onMessage = (bytes) => {
      try {
        take(parseBatchRequest(bytes, Date.now()))
      } catch (error) {
        const details =
          error instanceof BadRequest || error instanceof RangeError ? error.message : 'Bad request'
        const correlation = correlationOf(bytes)
        if (correlation.length > 0) {
          // The other appends of this call are none the worse.
          pending.delete(correlation.toString('latin1'))
          answer(correlation, undefined, { tag: 'bad-request', cause: details })
          return
        }
        call.fail(errors.invalidArgument(details))
      }
    }
    call.onEnd = () => {
      ended = true
      finish()
    }
    call.onClose = () => pending.clear()
  }

/** Append: one call, one append. */
export const append =
  ({ appender, guard, maxAppendSize }: Deps) =>
  (call: Call): void => {
    let options: AppendOptions | undefined
    const events: ProposedEvent[] = []
    let bytes = 0
    call.onMessage = (message) => {
      if (!call.open()) return
      try {
        const part = parseAppendRequest(message, Date.now())
        if (part === undefined) return
        if ('stream' in part) options = part
        else {
          events.push(part)
          bytes += sizeOf(part)
          if (bytes > maxAppendSize) call.fail(errors.maxAppendSizeExceeded(maxAppendSize))
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
        bytes,
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
