/** The embedded node: a small durable EventStoreDB in this process. */
import { randomUUID } from 'node:crypto'
import { announceFirst, announceLog, announceUser } from './auth/announce.ts'
import { authenticated, createGuard, type Guard, OPEN_GUARD } from './auth/guard.ts'
import { usersService } from './auth/service.ts'
import { createUsers, type Users } from './auth/users.ts'
import { createScavenger, type Scavenger } from './log/scavenge.ts'
import { openStorage, type Storage } from './log/storage.ts'
import { createOwnProjections, type OwnProjections } from './projections/own-projections.ts'
import { createProjections, type Projections } from './projections/projections.ts'
import { projectionsService } from './projections/projections-service.ts'
import {
  GossipService,
  OperationsService,
  PersistentSubscriptionsService,
  ProjectionsService,
  ServerFeaturesService,
  StreamsService,
  UsersService,
} from './protocol/stubs.ts'
import { gossipRead, supportedMethods } from './server/cluster.ts'
import { createGrpcServer, type Definition, type Handler, streaming, unary } from './server/grpc.ts'
import { httpAnswers, overHttp1, overHttp2 } from './server/http.ts'
import { listen } from './server/listener.ts'
import { operationsService } from './server/operations.ts'
import { type Appender, createAppender } from './streams/append.ts'
import { append, batchAppend } from './streams/appends.ts'
import { deleteStream, tombstoneStream } from './streams/deletes.ts'
import { read } from './streams/read.ts'
import { createHub, type Hub } from './subscriptions/hub.ts'
import { createRegistry, type Registry } from './subscriptions/persistent/registry.ts'
import { persistentService } from './subscriptions/persistent/service.ts'

export type NodeOptions = {
  /** The log's directory; made if it does not exist. */
  readonly dataDir: string
  readonly host?: string
  /** 0 for any free port. */
  readonly port?: number
  /** Bytes of one append. */
  readonly maxAppendSize?: number
  /** Certificate and key in PEM. Required, with `authentication`, to listen on more than loopback. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer }
  /** Basic authentication and access lists. `adminPassword` is needed only at the first start. */
  readonly authentication?: { readonly adminPassword?: string | undefined }
  /** Start the system projections. Default: those that a client has enabled; none on a fresh node. */
  readonly projections?: boolean
  /** How many pages in the write-ahead log make it worthwhile to copy them into the file. */
  readonly checkpointFrames?: number | undefined
  /** How many events the index by stream lags before it is written. */
  readonly indexBehind?: number | undefined
  /** Milliseconds for which refusals count what is not acknowledged and read yet, as a real server's do. Default 0. */
  readonly lagMs?: number | undefined
  /** Called when a client asks the node to shut down. Default: nothing. */
  readonly onShutdown?: () => void
}

export type EmbeddedNode = {
  /** A connection string for the official clients. */
  readonly url: string
  readonly port: number
  /** Ends calls, commits what is queued and closes the file. */
  readonly close: () => Promise<void>
}

/** The default of a real node. */
const MIB = 1024 * 1024

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|localhost|::1)$/

const openUsers = async (storage: Storage, adminPassword: string | undefined): Promise<Users> => {
  try {
    return await createUsers(storage, adminPassword)
  } catch (error) {
    storage.close()
    throw error
  }
}

/** The parts that the services share. */
type Parts = {
  readonly storage: Storage
  readonly appender: Appender
  readonly hub: Hub
  readonly guard: Guard
  readonly users: Users | undefined
  readonly registry: Registry
  readonly scavenger: Scavenger
  readonly projected: Projections
  readonly own: OwnProjections
  readonly maxAppendSize: number
  readonly onShutdown: () => void
}

/** The handlers of all calls, by path. */
const createHandlers = (parts: Parts) => {
  const handlers = new Map<string, Handler>()
  const add = <Request, Response>(
    definition: Definition<Request, Response>,
    answer: Parameters<typeof unary<Request, Response>>[1],
  ) => handlers.set(definition.path, unary(definition, answer))
  addStreams(handlers, add, parts)
  addPersistent(handlers, add, parts)
  addOperations(add, parts)
  addProjections(handlers, add, parts)
  if (parts.users !== undefined) addUsers(handlers, add, { ...parts, users: parts.users })
  return { handlers, add }
}

type Handlers = Map<string, Handler>
type Add = <Request, Response>(
  definition: Definition<Request, Response>,
  answer: Parameters<typeof unary<Request, Response>>[1],
) => unknown

const addStreams = (
  handlers: Handlers,
  add: Add,
  { storage, hub, guard, appender, maxAppendSize }: Parts,
): void => {
  handlers.set(StreamsService.read.path, streaming(StreamsService.read, read({ storage, hub, guard })))
  handlers.set(StreamsService.append.path, append({ appender, guard, maxAppendSize }))
  handlers.set(StreamsService.batchAppend.path, batchAppend({ appender, guard, maxAppendSize }))
  add(StreamsService.delete, deleteStream(appender, guard))
  add(StreamsService.tombstone, tombstoneStream(appender, guard))
}

const addPersistent = (handlers: Handlers, add: Add, { storage, registry, guard }: Parts): void => {
  const persistent = persistentService(storage, registry, guard)
  handlers.set(PersistentSubscriptionsService.read.path, persistent.read)
  add(PersistentSubscriptionsService.create, persistent.create)
  add(PersistentSubscriptionsService.update, persistent.update)
  add(PersistentSubscriptionsService.delete, persistent.delete)
  add(PersistentSubscriptionsService.getInfo, persistent.getInfo)
  add(PersistentSubscriptionsService.replayParked, persistent.replayParked)
  add(PersistentSubscriptionsService.list, persistent.list)
  add(PersistentSubscriptionsService.restartSubsystem, persistent.restartSubsystem)
}

const addOperations = (add: Add, { guard, scavenger, registry, onShutdown }: Parts): void => {
  const operations = operationsService(guard, scavenger, registry.restart, onShutdown)
  add(OperationsService.startScavenge, operations.startScavenge)
  add(OperationsService.stopScavenge, operations.stopScavenge)
  add(OperationsService.shutdown, operations.shutdown)
  add(OperationsService.mergeIndexes, operations.nothing)
  add(OperationsService.resignNode, operations.nothing)
  add(OperationsService.setNodePriority, operations.nothing)
  add(OperationsService.restartPersistentSubscriptions, operations.restartPersistentSubscriptions)
}

const addProjections = (handlers: Handlers, add: Add, { storage, projected, own, guard }: Parts): void => {
  const service = projectionsService(storage, { system: projected, own }, guard)
  handlers.set(
    ProjectionsService.statistics.path,
    streaming(ProjectionsService.statistics, service.statistics),
  )
  add(ProjectionsService.enable, service.enable)
  add(ProjectionsService.disable, service.disable)
  add(ProjectionsService.state, service.state)
  add(ProjectionsService.result, service.result)
  add(ProjectionsService.restartSubsystem, service.restartSubsystem)
  add(ProjectionsService.create, service.create)
  add(ProjectionsService.update, service.update)
  add(ProjectionsService.delete, service.delete)
  add(ProjectionsService.reset, service.reset)
}

const addUsers = (
  handlers: Handlers,
  add: Add,
  { users, guard, appender }: Parts & { readonly users: Users },
): void => {
  const service = usersService(users, guard, (user) => announceUser(appender, user))
  add(UsersService.create, service.create)
  add(UsersService.update, service.update)
  add(UsersService.delete, service.delete)
  add(UsersService.disable, service.disable)
  add(UsersService.enable, service.enable)
  add(UsersService.changePassword, service.changePassword)
  add(UsersService.resetPassword, service.resetPassword)
  handlers.set(UsersService.details.path, streaming(UsersService.details, service.details))
}

/** Starts a node. Rejects if the port is taken, the directory belongs to another node, or the file can't be read. */
export const startNode = async ({
  dataDir,
  host = '127.0.0.1',
  port = 0,
  maxAppendSize = MIB,
  tls,
  authentication,
  projections = false,
  checkpointFrames,
  indexBehind,
  lagMs = 0,
  onShutdown = () => {},
}: NodeOptions): Promise<EmbeddedNode> => {
  if (!LOOPBACK.test(host) && (tls === undefined || authentication === undefined))
    throw new Error(
      `To listen on ${host}, a certificate and authentication must be configured: without them the node listens on 127.0.0.1 alone.`,
    )
  const storage = openStorage(dataDir, { checkpointFrames, indexBehind })
  const users =
    authentication === undefined ? undefined : await openUsers(storage, authentication.adminPassword)
  const guard = users === undefined ? OPEN_GUARD : createGuard(storage, users)
  const scavenger = createScavenger(storage)
  const hub = createHub()
  const appender = createAppender(storage, hub.publish, { lagMs })
  const projected = createProjections(storage, appender, hub, projections)
  const own = createOwnProjections({ storage, appender, hub }, (name) => projected.get(name) !== undefined)
  const registry = createRegistry(storage, appender, hub)
  announceLog(storage, appender)
  if (users !== undefined) announceFirst(storage, appender, users.list())
  const parts = {
    storage,
    appender,
    hub,
    guard,
    users,
    registry,
    scavenger,
    projected,
    own,
    maxAppendSize,
    onShutdown,
  }
  const { handlers, add } = createHandlers(parts)
  let bound = port
  const address = () => ({ host, port: bound })
  const instanceId = randomUUID()
  add(GossipService.read, gossipRead(instanceId, address))
  add(ServerFeaturesService.getSupportedMethods, supportedMethods([...handlers.keys()]))
  if (users !== undefined)
    for (const [path, handler] of handlers) handlers.set(path, authenticated(users, handler))

  const answers = httpAnswers({
    storage,
    scavenger,
    guard,
    users,
    subscriptions: () => hub.subscriptions() + registry.consumers(),
    connections: () => grpc.connections(),
    linked: projected.position,
    instanceId,
    address,
    startedAt: Date.now(),
  })
  const grpc = createGrpcServer(handlers, overHttp2(answers))
  try {
    const where = { host, port, ...(tls === undefined ? {} : { tls }) }
    const listener = await listen(where, grpc.http2, overHttp1(answers))
    bound = listener.port
    return {
      url: `esdb://${host}:${bound}?tls=${tls !== undefined}`,
      port: bound,
      close: async () => {
        scavenger.close()
        registry.close()
        projected.close()
        own.close()
        appender.drain()
        grpc.close()
        await listener.close()
        appender.drain()
        storage.close()
      },
    }
  } catch (error) {
    storage.close()
    throw error
  }
}
