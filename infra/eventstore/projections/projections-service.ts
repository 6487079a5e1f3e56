/** The Projections service: lists the system projections, switches them on and off, and manages clients' own. */
import type {
  CreateReq,
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
import type { OwnProjection } from './own-projection.ts'
import type { OwnProjections } from './own-projections.ts'
import type { Projections } from './projections.ts'

type SystemProjection = Projections['all'][number]
type Projection = SystemProjection | OwnProjection
const isOwn = (projection: Projection): projection is OwnProjection => 'settings' in projection

const AS_IT_IS = 'A system projection stays as it is.'

/** What the statistics say of a projection. */
const detailsOf = (storage: Storage, projection: Projection) => {
  const [at, end] = [projection.position(), storage.lastPosition()]
  const position = at < 0 ? 'C:0/P:-1' : `C:${at}/P:${at}`
  const out = new pb.StatisticsResp.Details()
  out.setName(projection.name)
  out.setEffectivename(projection.name)
  out.setMode(isOwn(projection) ? projection.settings.mode : 'Continuous')
  out.setStatus(isOwn(projection) ? projection.status() : projection.isOn() ? 'Running' : 'Stopped')
  out.setStatereason(isOwn(projection) ? projection.reason() : '')
  out.setVersion(isOwn(projection) ? `${projection.settings.version}` : '0')
  out.setEpoch('0')
  out.setCoreprocessingtime('0')
  out.setPosition(position)
  out.setLastcheckpoint(position)
  out.setProgress(end < 0 ? 100 : Math.min(100, Math.max(0, (100 * at) / end)))
  out.setEventsprocessedafterrestart(`${projection.processed()}`)
  out.setBufferedevents('0')
  return new pb.StatisticsResp().setDetails(out)
}

const modeOf = (options: CreateReq.Options) => {
  const [continuous, transient] = [options.getContinuous(), options.getTransient()]
  if (continuous !== undefined)
    return {
      ...{ mode: 'Continuous' as const, name: continuous.getName() },
      ...{ isEmitting: continuous.getEmitEnabled(), isTracking: continuous.getTrackEmittedStreams() },
    }
  const silent = { isEmitting: false, isTracking: false }
  return transient === undefined
    ? { mode: 'OneTime' as const, name: null, ...silent }
    : { mode: 'Transient' as const, name: transient.getName(), ...silent }
}

export const projectionsService = (
  storage: Storage,
  { system, own }: { readonly system: Projections; readonly own: OwnProjections },
  guard: Guard,
) => {
  const named = (name: string): Projection => {
    const projection = system.get(name) ?? own.get(name)
    if (projection === undefined) throw errors.projectionNotFound(name)
    return projection
  }
  /** Only clients' own projections have states: the system projections keep nothing but their position. */
  const value = async (name: string, of: () => string | undefined) => {
    const projection = named(name)
    if (isOwn(projection)) await projection.read()
    const json = isOwn(projection) ? of() : undefined
    if (json === undefined && isOwn(projection) && projection.status() === 'Faulted')
      throw errors.projectionHasNoState(name, projection.reason())
    return struct.Value.fromJavaScript(json === undefined ? {} : JSON.parse(json))
  }
  const some = (options: StatisticsReq.Options | undefined): ReadonlyArray<Projection> => {
    const all: ReadonlyArray<Projection> = [...system.all, ...own.all()]
    const of = (mode: string) => all.filter((one) => (isOwn(one) ? one.settings.mode : 'Continuous') === mode)
    if (options?.hasTransient()) return of('Transient')
    if (options?.hasOneTime()) return of('OneTime')
    if (options?.hasContinuous()) return of('Continuous')
    const name = options?.getName() ?? ''
    return name === '' ? all : [named(name)]
  }
  /** A system projection is not changed by clients. */
  const changeable = (request: UpdateReq | DeleteReq, call: Call): string => {
    guard.checkAdmin(call)
    const name = request.getOptions()?.getName() ?? ''
    if (!isOwn(named(name))) throw errors.unimplemented(AS_IT_IS)
    return name
  }
  return {
    statistics: async (request: StatisticsReq, call: Call): Promise<void> => {
      guard.user(call)
      for (const projection of some(request.getOptions()))
        call.write(
          Buffer.from(ProjectionsService.statistics.responseSerialize(detailsOf(storage, projection))),
        )
      call.end()
    },
    enable: (request: EnableReq, call: Call) => {
      guard.checkAdmin(call)
      const projection = named(request.getOptions()?.getName() ?? '')
      if (isOwn(projection)) own.enable(projection.name)
      else projection.turn(true)
      return new pb.EnableResp()
    },
    /** Without a checkpoint, it is aborted. */
    disable: (request: DisableReq, call: Call) => {
      guard.checkAdmin(call)
      const projection = named(request.getOptions()?.getName() ?? '')
      if (isOwn(projection) && !request.getOptions()?.getWriteCheckpoint()) projection.abort()
      else projection.turn(false)
      return new pb.DisableResp()
    },
    state: async (request: StateReq, call: Call) => {
      guard.user(call)
      const [name, partition] = [
        request.getOptions()?.getName() ?? '',
        request.getOptions()?.getPartition() ?? '',
      ]
      return new pb.StateResp().setState(await value(name, () => own.state(name, partition)))
    },
    result: async (request: ResultReq, call: Call) => {
      guard.user(call)
      const [name, partition] = [
        request.getOptions()?.getName() ?? '',
        request.getOptions()?.getPartition() ?? '',
      ]
      return new pb.ResultResp().setResult(await value(name, () => own.result(name, partition)))
    },
    /** System projections hold nothing in memory, so nothing has to start anew. */
    restartSubsystem: (_request: unknown, call: Call) => {
      guard.checkAdmin(call)
      return new shared.Empty()
    },
    create: (request: CreateReq, call: Call) => {
      guard.checkAdmin(call)
      const options = request.getOptions()
      if (options === undefined) throw errors.invalidArgument('The projection has no options')
      own.create({ ...modeOf(options), query: options.getQuery() })
      return new pb.CreateResp()
    },
    update: (request: UpdateReq, call: Call) => {
      const name = changeable(request, call)
      const options = request.getOptions()!
      const emitting = options.hasEmitEnabled() ? { isEmitting: options.getEmitEnabled() } : {}
      own.update(name, { query: options.getQuery(), ...emitting })
      return new pb.UpdateResp()
    },
    delete: async (request: DeleteReq, call: Call) => {
      const name = changeable(request, call)
      await own.delete(name, request.getOptions()?.getDeleteEmittedStreams() ?? false)
      return new pb.DeleteResp()
    },
    /** A system projection's links exist already, each once. */
    reset: (request: ResetReq, call: Call) => {
      guard.checkAdmin(call)
      const name = request.getOptions()?.getName() ?? ''
      if (isOwn(named(name))) own.reset(name)
      return new pb.ResetResp()
    },
  }
}
