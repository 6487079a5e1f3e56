/** The Operations service: scavenges, and those other operations that make sense on a single node. */
import type { StopScavengeReq } from '@eventstore/db-client/generated/operations_pb.js'
import type { Guard } from '../auth/guard.ts'
import type { createScavenger } from '../log/scavenge.ts'
import * as errors from '../protocol/errors.ts'
import { operations, shared } from '../protocol/stubs.ts'
import type { Call } from './grpc.ts'

export const operationsService = (
  guard: Guard,
  scavenger: ReturnType<typeof createScavenger>,
  restartSubscriptions: () => void,
  shutdown: () => void,
) => {
  const answer = (id: string, result: 'STARTED' | 'INPROGRESS' | 'STOPPED') => {
    const response = new operations.ScavengeResp()
    response.setScavengeId(id)
    response.setScavengeResult(operations.ScavengeResp.ScavengeResult[result])
    return response
  }
  const nothing = (_request: unknown, call: Call) => {
    guard.checkAdmin(call)
    return new shared.Empty()
  }
  return {
    startScavenge: (_request: unknown, call: Call) => {
      guard.checkAdmin(call)
      const { id, started } = scavenger.start()
      return answer(id, started ? 'STARTED' : 'INPROGRESS')
    },
    stopScavenge: (request: StopScavengeReq, call: Call) => {
      guard.checkAdmin(call)
      const id = request.getOptions()?.getScavengeId() ?? ''
      if (!scavenger.stop(id)) throw errors.scavengeNotFound(id)
      return answer(id, 'STOPPED')
    },
    shutdown: (_request: unknown, call: Call) => {
      guard.checkAdmin(call)
      call.whenSent(() => setImmediate(shutdown))
      return new shared.Empty()
    },
    restartPersistentSubscriptions: (_request: unknown, call: Call) => {
      guard.checkAdmin(call)
      restartSubscriptions()
      return new shared.Empty()
    },
    /** With one file and one node there is nothing to merge, to resign from or to prefer. */
    nothing,
  }
}
