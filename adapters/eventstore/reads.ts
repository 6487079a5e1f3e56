/** Reads over one line. */
import * as grpc from '@grpc/grpc-js'
import type { RecordedEvent } from '../../domain/ports.ts'
import { causeOf, exceptionOf, type LogLine, leaderOf } from './line.ts'
import { decodeRead, encodeRead, READ, type ReadRequest } from './wire.ts'

export type ReadFault = {
  readonly kind: 'missing' | 'deleted' | 'refused' | 'fault'
  readonly cause: string
}

const REFUSED = new Set([
  grpc.status.PERMISSION_DENIED,
  grpc.status.UNAUTHENTICATED,
  grpc.status.UNIMPLEMENTED,
  grpc.status.INVALID_ARGUMENT,
])

/** Rejects with a `ReadFault`. `missing`: the stream does not exist, never did, or is soft-deleted; `fault`: worth another try. */
export const readOver = (
  line: LogLine,
  request: ReadRequest & { readonly count: number },
  timeoutMs: number,
  requiresLeader: boolean,
): Promise<RecordedEvent[]> =>
  new Promise((resolve, reject) => {
    if (line.isClosed) {
      reject({ kind: 'fault', cause: 'the connection was lost' } satisfies ReadFault)
      return
    }
    const events: RecordedEvent[] = []
    const patience = line.ticks(timeoutMs)
    let progress = line.tick
    let done = false
    let forget = () => {}
    const finish = (fault: ReadFault | null) => {
      if (done) return
      done = true
      forget()
      if (fault === null) return resolve(events)
      call.cancel()
      reject(fault)
    }
    const call = line.read(READ, encodeRead(request), { requiresLeader })
    call.on('data', (bytes: Buffer) => {
      line.heard()
      progress = line.tick
      try {
        const reading = decodeRead(bytes)
        if (reading.kind === 'event') events.push(reading.event)
        else if (reading.kind === 'stream-not-found')
          finish({ kind: 'missing', cause: 'there is no such stream' })
      } catch (error) {
        finish({ kind: 'fault', cause: causeOf(error) })
      }
    })
    call.on('end', () => finish(null))
    call.on('error', (error: grpc.ServiceError) => {
      const exception = exceptionOf(error)
      const cause = causeOf(error)
      if (exception === 'stream-not-found') return finish({ kind: 'missing', cause })
      const leader = leaderOf(error)
      if (leader !== null) line.close(cause, leader)
      if (exception === 'stream-deleted') return finish({ kind: 'deleted', cause })
      const refused = exception === 'access-denied' || REFUSED.has(error.code)
      finish({ kind: refused ? 'refused' : 'fault', cause })
    })
    const unwatch = line.watch(
      () => {
        if (line.tick - progress < patience) return
        finish({ kind: 'fault', cause: 'no answer in time' })
        if (line.tick - line.lastHeard >= patience) line.close('the server went silent')
      },
      (cause) => finish({ kind: 'fault', cause }),
    )
    if (done) unwatch()
    else forget = unwatch
  })
