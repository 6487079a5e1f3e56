/** The Projections service, for the system projections: listed, switched on and off. There are no others here. */
import type {
  DeleteReq,
  DisableReq,
  EnableReq,
  ResetReq,
  ResultReq,
  StateReq,
  StatisticsReq,
  UpdateReq,
} from '@eventstore/db-client/generated/projections_pb.js'
import type { Guard } from '../auth/guard.ts'
import type { Storage } from '../log/storage.ts'
import * as errors from '../protocol/errors.ts'
import { ProjectionsService, projections as pb, shared, struct } from '../protocol/stubs.ts'
import type { Call } from '../server/grpc.ts'
import { PROJECTIONS, type Projections } from './projections.ts'

type Projection = Projections['all'][number]

const NONE_OF_ONES_OWN = `This node runs the system projections alone: ${PROJECTIONS.join(', ')}`

export const projectionsService = (storage: Storage, projections: Projections, guard: Guard) => {
  const named = (name: string): Projection => {
    const projection = projections.get(name)
    if (projection === undefined) throw errors.projectionNotFound(name)
    return projection
  }
  const details = (projection: Projection) => {
    const [at, end] = [projection.position(), storage.lastPosition()]
    const position = at < 0 ? 'C:0/P:-1' : `C:${at}/P:${at}`
    const out = new pb.StatisticsResp.Details()
    out.setName(projection.name)
    out.setEffectivename(projection.name)
    out.setMode('Continuous')
    out.setStatus(projection.isOn() ? 'Running' : 'Stopped')
    out.setVersion('0')
    out.setEpoch('0')
    out.setCoreprocessingtime('0')
    out.setPosition(position)
    out.setLastcheckpoint(position)
    out.setProgress(end < 0 ? 100 : Math.min(100, Math.max(0, (100 * at) / end)))
    out.setEventsprocessedafterrestart(`${projection.processed()}`)
    out.setBufferedevents('0')
    return new pb.StatisticsResp().setDetails(out)
  }
  const turn = (call: Call, name: string, on: boolean): void => {
    guard.checkAdmin(call)
    named(name).turn(on)
  }
  const create = (_request: unknown, call: Call): never => {
    guard.checkAdmin(call)
    throw errors.unimplemented(NONE_OF_ONES_OWN)
  }
  /** A system projection stays as it is; there are no others. */
  const changed = (request: UpdateReq | DeleteReq | ResetReq, call: Call): never => {
    guard.checkAdmin(call)
    named(request.getOptions()?.getName() ?? '')
    throw errors.unimplemented(NONE_OF_ONES_OWN)
  }
  /** They keep nothing but their place. */
  const empty = () => new struct.Value().setStructValue(new struct.Struct())
  return {
    /** All of them are continuous: asked for those that are not, there is none. */
    statistics: async (request: StatisticsReq, call: Call): Promise<void> => {
      const options = request.getOptions()
      const name = options?.getName() ?? ''
      const some =
        options?.hasTransient() || options?.hasOneTime() ? [] : name === '' ? projections.all : [named(name)]
      for (const projection of some)
        call.write(Buffer.from(ProjectionsService.statistics.responseSerialize(details(projection))))
      call.end()
    },
    enable: (request: EnableReq, call: Call) => {
      turn(call, request.getOptions()?.getName() ?? '', true)
      return new pb.EnableResp()
    },
    disable: (request: DisableReq, call: Call) => {
      turn(call, request.getOptions()?.getName() ?? '', false)
      return new pb.DisableResp()
    },
    state: (request: StateReq) => {
      named(request.getOptions()?.getName() ?? '')
      return new pb.StateResp().setState(empty())
    },
    result: (request: ResultReq) => {
      named(request.getOptions()?.getName() ?? '')
      return new pb.ResultResp().setResult(empty())
    },
    /** They hold nothing in memory that would have to start anew. */
    restartSubsystem: (_request: unknown, call: Call) => {
      guard.checkAdmin(call)
      return new shared.Empty()
    },
    create,
    changed,
  }
}
