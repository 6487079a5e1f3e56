/** The append calls of the Streams service. */
import type { ServerDuplexStream, ServerReadableStream, sendUnaryData } from '@grpc/grpc-js'
import type { Appender } from './append.ts'
import * as errors from './errors.ts'
import type { ProposedEvent } from './record.ts'
import {
  type AppendOptions,
  BadRequest,
  type BatchRequest,
  parseAppendRequest,
  parseBatchRequest,
  sizeOf,
} from './requests.ts'
import { appendResponse, type BatchOutcome, batchResponse } from './responses.ts'

type Deps = { readonly appender: Appender; readonly maxAppendSize: number }

/** A batch of which not all messages have come. `refused`: answered already, the rest of it is ignored. */
type Pending = { options: AppendOptions; events: ProposedEvent[]; bytes: number; refused: boolean }

/** BatchAppend: one long call carries many appends, each answered by its correlation id. */
export const batchAppend =
  ({ appender, maxAppendSize }: Deps) =>
  (call: ServerDuplexStream<Buffer, Buffer>): void => {
    const pending = new Map<string, Pending>()
    let open = 0
    let ended = false
    const finish = () => {
      if (ended && open === 0 && !call.cancelled) call.end()
    }
    const answer = (correlation: Buffer, options: AppendOptions | undefined, outcome: BatchOutcome) => {
      if (!call.cancelled) call.write(batchResponse(correlation, options, outcome))
    }

    const submit = (correlation: Buffer, { options, events, bytes }: Pending) => {
      open++
      appender.append({
        ...options,
        events,
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
      const key = correlation.toString('latin1')
      let batch = pending.get(key)
      if (batch === undefined) {
        if (options === undefined) {
          answer(correlation, undefined, { tag: 'bad-request', cause: 'The first message has no options' })
          return
        }
        batch = { options, events, bytes: 0, refused: false }
        if (!final) pending.set(key, batch)
      } else if (!batch.refused) for (const event of events) batch.events.push(event)
      if (final) pending.delete(key)
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

    call.on('data', (bytes: Buffer) => {
      try {
        take(parseBatchRequest(bytes, Date.now()))
      } catch (error) {
        // Without its correlation id nobody can be answered, so the call as a whole fails.
        const details =
          error instanceof BadRequest || error instanceof RangeError ? error.message : 'Bad request'
        call.emit('error', errors.invalidArgument(details))
      }
    })
    call.on('end', () => {
      ended = true
      finish()
    })
    call.on('error', () => pending.clear())
    call.on('cancelled', () => pending.clear())
  }

/** Append: one call, one append. */
export const append =
  ({ appender, maxAppendSize }: Deps) =>
  (call: ServerReadableStream<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void => {
    let options: AppendOptions | undefined
    const events: ProposedEvent[] = []
    let bytes = 0
    let answered = false
    const fail = (error: errors.GrpcError) => {
      if (answered) return
      answered = true
      callback(error)
    }
    call.on('data', (message: Buffer) => {
      if (answered) return
      try {
        const part = parseAppendRequest(message, Date.now())
        if (part === undefined) return
        if ('stream' in part) options = part
        else {
          events.push(part)
          bytes += sizeOf(part)
          if (bytes > maxAppendSize) fail(errors.maxAppendSizeExceeded(maxAppendSize))
        }
      } catch (error) {
        fail(errors.invalidArgument(error instanceof Error ? error.message : 'Bad request'))
      }
    })
    call.on('error', () => {
      answered = true
    })
    call.on('end', () => {
      if (answered) return
      if (options === undefined) return fail(errors.invalidArgument('The first message has no options'))
      const { stream, expected } = options
      const deadline = call.getDeadline()
      appender.append({
        stream,
        expected,
        deadline: typeof deadline === 'number' ? deadline : deadline.getTime(),
        events,
        bytes,
        done: (outcome) => {
          if (answered) return
          answered = true
          switch (outcome.tag) {
            case 'appended':
            case 'wrong-expected':
              return callback(null, appendResponse(outcome, expected))
            case 'deleted':
              return callback(errors.streamDeleted(stream))
            case 'timeout':
              return callback(errors.deadlineExceeded())
            case 'failed':
              return callback(errors.unavailable(outcome.cause))
            default:
              return outcome satisfies never
          }
        },
      })
    })
  }
