/** The embedded node: a small durable EventStoreDB in this process. */
import { randomUUID } from 'node:crypto'
import { createAppender } from './append.ts'
import { append, batchAppend } from './appends.ts'
import { gossipRead, supportedMethods } from './cluster.ts'
import { deleteStream, tombstoneStream } from './deletes.ts'
import { createGrpcServer, type Definition, type Handler, streaming, unary } from './grpc.ts'
import { httpHandler } from './http.ts'
import { createHub } from './hub.ts'
import { listen } from './listener.ts'
import { createRegistry } from './persistent/registry.ts'
import { persistentService } from './persistent/service.ts'
import { read } from './read.ts'
import { openStorage } from './storage.ts'
import {
  GossipService,
  PersistentSubscriptionsService,
  ServerFeaturesService,
  StreamsService,
} from './stubs.ts'

export type NodeOptions = {
  /** Where the log is kept; made if it is not there. */
  readonly dataDir: string
  readonly host?: string
  /** 0 for any that is free. */
  readonly port?: number
  /** Bytes of one append. */
  readonly maxAppendSize?: number
}

export type EmbeddedNode = {
  /** A connection string for the official clients. */
  readonly url: string
  readonly port: number
  /** Ends calls, commits what is queued and closes the file. */
  readonly close: () => Promise<void>
}

/** As a real node has it by default. */
const MIB = 1024 * 1024

/** Starts a node. Rejects where the port is taken, the directory is another node's, or the file can't be read. */
export const startNode = async ({
  dataDir,
  host = '127.0.0.1',
  port = 0,
  maxAppendSize = MIB,
}: NodeOptions): Promise<EmbeddedNode> => {
  const storage = openStorage(dataDir)
  const hub = createHub()
  const appender = createAppender(storage, hub.publish)
  const handlers = new Map<string, Handler>()
  let bound = port

  const add = <Request, Response>(
    definition: Definition<Request, Response>,
    answer: Parameters<typeof unary<Request, Response>>[1],
  ) => handlers.set(definition.path, unary(definition, answer))

  handlers.set(StreamsService.read.path, streaming(StreamsService.read, read({ storage, hub })))
  handlers.set(StreamsService.append.path, append({ appender, maxAppendSize }))
  handlers.set(StreamsService.batchAppend.path, batchAppend({ appender, maxAppendSize }))
  add(StreamsService.delete, deleteStream(appender))
  add(StreamsService.tombstone, tombstoneStream(appender))
  const registry = createRegistry(storage, appender, hub)
  const persistent = persistentService(storage, registry)
  handlers.set(PersistentSubscriptionsService.read.path, persistent.read)
  add(PersistentSubscriptionsService.create, persistent.create)
  add(PersistentSubscriptionsService.update, persistent.update)
  add(PersistentSubscriptionsService.delete, persistent.delete)
  add(PersistentSubscriptionsService.getInfo, persistent.getInfo)
  add(PersistentSubscriptionsService.replayParked, persistent.replayParked)
  add(PersistentSubscriptionsService.list, persistent.list)
  add(PersistentSubscriptionsService.restartSubsystem, persistent.restartSubsystem)
  add(
    GossipService.read,
    gossipRead(randomUUID(), () => ({ host, port: bound })),
  )
  add(ServerFeaturesService.getSupportedMethods, supportedMethods([...handlers.keys()]))

  const grpc = createGrpcServer(handlers)
  try {
    const listener = await listen(
      { host, port },
      grpc.http2,
      httpHandler({
        storage,
        subscriptions: hub.size,
        connections: grpc.connections,
        authentication: false,
        startedAt: Date.now(),
      }),
    )
    bound = listener.port
    return {
      url: `esdb://${host}:${bound}?tls=false`,
      port: bound,
      close: async () => {
        registry.close()
        appender.drain()
        grpc.close()
        await listener.close()
        storage.close()
      },
    }
  } catch (error) {
    storage.close()
    throw error
  }
}
