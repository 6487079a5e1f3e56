/** The embedded node: a small durable EventStoreDB in this process. */
import { randomUUID } from 'node:crypto'
import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { createAppender } from './append.ts'
import { append, batchAppend } from './appends.ts'
import { gossipRead, supportedMethods } from './cluster.ts'
import { createHub } from './hub.ts'
import { read } from './read.ts'
import { openStorage } from './storage.ts'
import { GossipService, ServerFeaturesService, StreamsService } from './stubs.ts'

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

const MIB = 1024 * 1024
const bytes = (buffer: Buffer): Buffer => buffer

/** The Streams service with its hot paths given and taken as bytes (see requests.ts, frames.ts). */
const rawStreams = (): ServiceDefinition => {
  const { read, append, batchAppend } = StreamsService
  return {
    read: { ...read, responseSerialize: bytes },
    append: { ...append, requestDeserialize: bytes, responseSerialize: bytes },
    batchAppend: { ...batchAppend, requestDeserialize: bytes, responseSerialize: bytes },
  } as unknown as ServiceDefinition
}

const listen = (server: Server, host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound)
      else reject(error)
    })
  })

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
  const server = new Server({
    'grpc.max_receive_message_length': 16 * MIB,
    'grpc.max_send_message_length': -1,
  })
  const services: Array<[ServiceDefinition, UntypedServiceImplementation]> = []
  let bound = port

  services.push([
    rawStreams(),
    {
      read: read({ storage, hub }),
      append: append({ appender, maxAppendSize }),
      batchAppend: batchAppend({ appender, maxAppendSize }),
    } as unknown as UntypedServiceImplementation,
  ])
  services.push([
    GossipService as unknown as ServiceDefinition,
    {
      read: gossipRead(randomUUID(), () => ({ host, port: bound })),
    } as unknown as UntypedServiceImplementation,
  ])
  const methods = services.flatMap(([definition]) =>
    Object.values(definition).map(({ path }) => {
      const [, service, method] = path.split('/')
      return { service: service!, method: method!.toLowerCase() }
    }),
  )
  services.push([
    ServerFeaturesService as unknown as ServiceDefinition,
    { getSupportedMethods: supportedMethods(methods) } as unknown as UntypedServiceImplementation,
  ])
  for (const [definition, implementation] of services) server.addService(definition, implementation)

  try {
    bound = await listen(server, host, port)
  } catch (error) {
    storage.close()
    throw error
  }

  return {
    url: `esdb://${host}:${bound}?tls=false`,
    port: bound,
    close: async () => {
      server.forceShutdown()
      appender.drain()
      storage.close()
    },
  }
}
