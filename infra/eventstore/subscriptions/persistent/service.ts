/** The PersistentSubscriptions service. */
import type {
  CreateReq,
  DeleteReq,
  GetInfoReq,
  ListReq,
  ReadReq,
  ReplayParkedReq,
  UpdateReq,
} from '@eventstore/db-client/generated/persistent_pb.js'
import type { StreamIdentifier } from '@eventstore/db-client/generated/shared_pb.js'
import type { Guard } from '../../auth/guard.ts'
import type { Storage } from '../../log/storage.ts'
import * as errors from '../../protocol/errors.ts'
import { type IdForm, readEvent } from '../../protocol/frames.ts'
import { PersistentSubscriptionsService, persistent, shared } from '../../protocol/stubs.ts'
import { fromHalves, parseUuid } from '../../protocol/uuid.ts'
import { delimited, varintField } from '../../protocol/wire.ts'
import type { Call } from '../../server/grpc.ts'
import { compileFilter, type FilterSpec } from '../../streams/filters.ts'
import type { Consumer } from './consumers.ts'
import type { Group, NackAction } from './group.ts'
import { infoOf } from './info.ts'
import type { Registry } from './registry.ts'
import { faultOf, type GroupSettings, readSettings, startFaultOf, unknownStrategyOf } from './settings.ts'
import { createTimings } from './timings.ts'

const ACTIONS: ReadonlyArray<NackAction> = ['retry', 'park', 'retry', 'skip', 'stop']
const EMPTY = Buffer.alloc(0)

const nameOf = (identifier: StreamIdentifier | undefined): string =>
  Buffer.from(identifier?.getStreamName_asU8() ?? []).toString('utf8')

const uuidOf = (uuid: InstanceType<typeof shared.UUID>): string => {
  const structured = uuid.getStructured()
  if (structured !== undefined)
    return fromHalves(
      BigInt(structured.getMostSignificantBits()),
      BigInt(structured.getLeastSignificantBits()),
    )
  const id = parseUuid(uuid.getString())
  if (id === undefined) throw errors.invalidArgument(`Not a UUID: "${uuid.getString().slice(0, 64)}"`)
  return id
}

const sourceOfSettings = (options: CreateReq.Options | UpdateReq.Options): string =>
  options.getAll() !== undefined
    ? '$all'
    : nameOf(options.getStream()?.getStreamIdentifier() ?? options.getStreamIdentifier())

/** The settings that the call asks for. Throws if they are not valid. */
const checkedSettings = (
  storage: Storage,
  options: CreateReq.Options | UpdateReq.Options,
  keepFilter: FilterSpec | null,
): GroupSettings => {
  const source = sourceOfSettings(options)
  const name = options.getGroupName()
  const settings = readSettings(options, keepFilter)
  if (settings === undefined || name === '' || source === '')
    throw errors.invalidArgument('A persistent subscription needs a source, a group and settings')
  const fault = faultOf(settings) ?? startFaultOf(options, storage.lastPosition())
  if (fault !== undefined) throw errors.groupFailed(source, name, fault)
  try {
    if (settings.filter !== null) compileFilter(settings.filter)
  } catch (error) {
    throw errors.groupFailed(source, name, error instanceof Error ? error.message : 'Bad filter')
  }
  return settings
}

const sourceOf = (options: {
  hasAll: () => boolean
  getStreamIdentifier: () => StreamIdentifier | undefined
}): string => (options.hasAll() ? '$all' : nameOf(options.getStreamIdentifier()))

/** The service's handlers, by their names in the stubs. */
export const persistentService = (storage: Storage, registry: Registry, guard: Guard) => {
  const find = (source: string, name: string): Group => {
    const group = registry.get(source, name)
    if (group === undefined) throw errors.groupDoesNotExist(source, name)
    return group
  }

  const connect = (options: ReadReq.Options, call: Call): { group: Group; consumer: Consumer } => {
    const source = sourceOf(options)
    const name = options.getGroupName()
    guard.check(call, 'read', source)
    const group = find(source, name)
    if (group.isFull()) throw errors.maximumSubscribers(source, name)
    const ids: IdForm = options.getUuidOption()?.hasStructured() ? 'structured' : 'string'
    const consumer: Consumer = {
      slots: Math.max(1, options.getBufferSize()),
      inFlight: new Map(),
      sent: 0,
      from: call.peer,
      name: String(call.headers['connection-name'] ?? ''),
      user: guard.user(call)?.login ?? 'anonymous',
      timings: group.settings.extraStatistics ? createTimings() : undefined,
      send: ({ event, link, retries }) => {
        const count = retries > 0 ? varintField(5, retries) : delimited(6, EMPTY)
        call.write(delimited(1, Buffer.concat([readEvent(event, ids, link), count])))
      },
      drop: (reason) => (reason === 'dropped' ? call.fail(errors.groupDropped(source, name)) : call.end()),
    }
    call.write(delimited(2, delimited(1, Buffer.from(`${source}::${name}`))))
    if (!group.canStart) throw errors.groupDropped(source, name)
    group.add(consumer)
    return { group, consumer }
  }

  return {
    read: (call: Call): void => {
      let connected: { group: Group; consumer: Consumer } | undefined
      call.onMessage = (bytes) => {
        try {
          const request = PersistentSubscriptionsService.read.requestDeserialize(bytes)
          const options = request.getOptions()
          if (options !== undefined) {
            if (connected !== undefined) throw errors.invalidArgument('Already subscribed')
            connected = connect(options, call)
            return
          }
          if (connected === undefined) throw errors.invalidArgument('The first message has no options')
          const { group, consumer } = connected
          const ack = request.getAck()
          if (ack !== undefined) group.ack(consumer, ack.getIdsList().map(uuidOf))
          const nack = request.getNack()
          if (nack !== undefined)
            group.nack(consumer, nack.getIdsList().map(uuidOf), {
              action: ACTIONS[Number(nack.getAction())] ?? 'retry',
              reason: nack.getReason(),
            })
        } catch (error) {
          call.fail(error)
        }
      }
      call.onClose = () => connected?.group.remove(connected.consumer)
      call.onEnd = () => call.end()
    },

    create: (request: CreateReq, call: Call) => {
      guard.checkAdmin(call)
      const options = request.getOptions()
      if (options === undefined) throw errors.invalidArgument('No options')
      const source = sourceOfSettings(options)
      const name = options.getGroupName()
      const unknown = unknownStrategyOf(options)
      if (unknown !== undefined)
        throw errors.groupFailed(source, name, `Consumer strategy ${unknown} does not exist.`)
      const settings = checkedSettings(storage, options, null)
      if (registry.get(source, name) !== undefined) throw errors.groupExists(source, name)
      registry.create(source, name, settings)
      return new persistent.CreateResp()
    },

    update: (request: UpdateReq, call: Call) => {
      guard.checkAdmin(call)
      const options = request.getOptions()
      if (options === undefined) throw errors.invalidArgument('No options')
      const source = sourceOfSettings(options)
      const name = options.getGroupName()
      const group = find(source, name)
      registry.update(group, checkedSettings(storage, options, group.settings.filter))
      return new persistent.UpdateResp()
    },

    delete: (request: DeleteReq, call: Call) => {
      guard.checkAdmin(call)
      const options = request.getOptions()
      if (options === undefined) throw errors.invalidArgument('No options')
      registry.remove(find(sourceOf(options), options.getGroupName()))
      return new persistent.DeleteResp()
    },

    getInfo: (request: GetInfoReq, call: Call) => {
      guard.user(call)
      const options = request.getOptions()
      if (options === undefined) throw errors.invalidArgument('No options')
      const response = new persistent.GetInfoResp()
      response.setSubscriptionInfo(infoOf(storage, find(sourceOf(options), options.getGroupName())))
      return response
    },

    replayParked: (request: ReplayParkedReq, call: Call) => {
      guard.checkAdmin(call)
      const options = request.getOptions()
      if (options === undefined) throw errors.invalidArgument('No options')
      const stopAt = options.hasStopAt() ? Number(options.getStopAt()) : Number.MAX_SAFE_INTEGER
      find(sourceOf(options), options.getGroupName()).replayParked(stopAt)
      return new persistent.ReplayParkedResp()
    },

    list: (request: ListReq, call: Call) => {
      guard.user(call)
      const forStream = request.getOptions()?.getListForStream()
      let groups = registry.list()
      if (forStream !== undefined) {
        const source = forStream.hasAll() ? '$all' : nameOf(forStream.getStream())
        groups = groups.filter((group) => group.source === source)
        if (groups.length === 0) throw errors.groupDoesNotExist(source, '')
      }
      const response = new persistent.ListResp()
      response.setSubscriptionsList(groups.map((group) => infoOf(storage, group)))
      return response
    },

    restartSubsystem: (_request: unknown, call: Call) => {
      guard.checkAdmin(call)
      registry.restart()
      return new shared.Empty()
    },
  }
}
