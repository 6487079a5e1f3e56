/** A line is one connection to the event store, used until its first sign of trouble and then thrown away. The client
 *  is used for what it does well: connection strings, TLS, credentials, finding a cluster's leader, the channel. Its
 *  calls are not used (README.md says why), and nothing that it caches outlives the line. */
import { randomBytes } from 'node:crypto'
import { Client } from '@eventstore/db-client/dist/Client/index.js'
import * as grpc from '@grpc/grpc-js'
import { SERVER_FEATURES } from './wire.ts'

export type EndPoint = { readonly host: string; readonly port: number }

/** The `protected` members of the client that are used here. `line.test.ts` checks that they exist. */
type ClientInside = {
  readonly getChannel: () => Promise<grpc.Channel>
  readonly callArguments: (
    options: { requiresLeader?: boolean },
    callOptions: grpc.CallOptions,
  ) => [grpc.Metadata, grpc.CallOptions]
}

export const inside = (client: Client): ClientInside => client as unknown as ClientInside

const GATHER_HEADER = 'dlux-gather-ms'

/** How much the server may send before this side has taken any of it, in bytes: more than a page of events. With HTTP/2's
 *  64 KiB, the server would stand still after 80 events for as long as the page before is worked on. */
const WINDOW = 2 * 1024 * 1024

/** The client has no option for the window, and the channel reads its own when it connects, at the first call. */
const widen = (channel: grpc.Channel): void => {
  const { options } = (channel as unknown as { internalChannel: { options: grpc.ChannelOptions } })
    .internalChannel
  options['grpc-node.flow_control_window'] = WINDOW
}

const identity = (bytes: Buffer): Buffer => bytes

export type LineOptions = {
  readonly connectTimeoutMs: number
  /** A line that carried nothing for this long is asked for a sign of life, and given as long to answer. */
  readonly heartbeatMs: number
  readonly tickMs: number
}

/** Why a call failed, from gRPC's error. */
export const causeOf = (error: unknown): string => {
  if (typeof error === 'object' && error !== null && 'details' in error && 'code' in error) {
    const { code, details } = error as { code: number; details: string }
    return `${grpc.status[code] ?? code}${details === '' ? '' : `: ${details}`}`
  }
  return error instanceof Error ? error.message : String(error)
}

/** The server's name for the error, such as `not-leader`; empty if there is none. */
export const exceptionOf = (error: unknown): string =>
  error instanceof Object && 'metadata' in error && error.metadata instanceof grpc.Metadata
    ? String(error.metadata.get('exception')[0] ?? '')
    : ''

/** Where the leader is, if the error says so. */
export const leaderOf = (error: unknown): EndPoint | null => {
  if (exceptionOf(error) !== 'not-leader') return null
  const { metadata } = error as grpc.ServiceError
  const host = String(metadata.get('leader-endpoint-host')[0] ?? '')
  const port = Number(metadata.get('leader-endpoint-port')[0])
  return host !== '' && Number.isInteger(port) ? { host, port } : null
}

export class LogLine {
  /** Tells this line's requests from another's. */
  readonly id: bigint = randomBytes(8).readBigUInt64BE() >> 1n
  readonly openedAt = performance.now()
  /** Resolves with the reason when the line is closed; `leader` is set if the server named another node to go to. */
  readonly ended: Promise<{ readonly cause: string; readonly leader: EndPoint | null }>
  /** Counts each `tickMs` in which this process really ran. Timeouts are counted in ticks, so that a process that was
   *  held up (a long computation, a suspended laptop) does not mistake its own pause for the server's silence. */
  tick = 0
  private heardAt = 0
  private probing = false
  private cause: string | null = null
  private readonly client: ClientInside
  private readonly channel: grpc.Channel
  private readonly rpc: grpc.Client
  private readonly options: LineOptions
  private readonly timer: NodeJS.Timeout
  private readonly onTick = new Set<() => void>()
  private readonly onClose = new Set<(cause: string) => void>()
  private settle: (end: { cause: string; leader: EndPoint | null }) => void = () => {}

  constructor(client: ClientInside, channel: grpc.Channel, options: LineOptions) {
    this.client = client
    this.channel = channel
    this.options = options
    this.rpc = new grpc.Client('', grpc.credentials.createInsecure(), { channelOverride: channel })
    this.ended = new Promise((resolve) => {
      this.settle = resolve
    })
    this.timer = setInterval(() => this.beat(), options.tickMs)
    this.timer.unref()
  }

  get isClosed(): boolean {
    return this.cause !== null
  }

  /** How many ticks make up this many milliseconds, at least two (the first may be almost over). */
  ticks(ms: number): number {
    return Math.max(2, Math.ceil(ms / this.options.tickMs) + 1)
  }

  /** To be called for everything that arrives. */
  heard(): void {
    this.heardAt = this.tick
  }

  get lastHeard(): number {
    return this.heardAt
  }

  /** Calls `tick` every tick, and `closed` once when the line closes; returns a function that stops both. */
  watch(tick: () => void, closed: (cause: string) => void): () => void {
    if (this.cause !== null) {
      closed(this.cause)
      return () => {}
    }
    this.onTick.add(tick)
    this.onClose.add(closed)
    return () => {
      this.onTick.delete(tick)
      this.onClose.delete(closed)
    }
  }

  private arguments(requiresLeader: boolean): [grpc.Metadata, grpc.CallOptions] {
    return this.client.callArguments({ requiresLeader }, { deadline: Number.POSITIVE_INFINITY })
  }

  /** `gatherMs`: how long the embedded node may gather what comes after the end; other servers don't know the header. */
  read(
    path: string,
    request: Buffer,
    { requiresLeader, gatherMs = 0 }: { readonly requiresLeader: boolean; readonly gatherMs?: number },
  ): grpc.ClientReadableStream<Buffer> {
    const [metadata, options] = this.arguments(requiresLeader)
    if (gatherMs > 0) metadata.set(GATHER_HEADER, String(gatherMs))
    return this.rpc.makeServerStreamRequest(path, identity, identity, request, metadata, options)
  }

  duplex(path: string): grpc.ClientDuplexStream<Buffer, Buffer> {
    return this.rpc.makeBidiStreamRequest(path, identity, identity, ...this.arguments(true))
  }

  /** Asks the server for any answer. Rejects if there is none within `ms`. */
  ping(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const [metadata] = this.arguments(false)
      const call = this.rpc.makeUnaryRequest(
        SERVER_FEATURES,
        identity,
        identity,
        Buffer.alloc(0),
        metadata,
        { deadline: Number.POSITIVE_INFINITY },
        (error) => {
          clearTimeout(timer)
          // A server that is too old to know the call has answered, too.
          if (error !== null && error.code !== grpc.status.UNIMPLEMENTED) return reject(error)
          this.heard()
          resolve()
        },
      )
      const giveUp = () => {
        reject(new Error(`no answer in ${ms} ms`))
        call.cancel()
      }
      // First reads what has arrived in the meantime, since this process itself may have been held up.
      const timer = setTimeout(() => setImmediate(giveUp), ms)
    })
  }

  /** To be called once, when the line is open: closes it as soon as its channel is no longer ready. */
  guard(): void {
    if (this.channel.getConnectivityState(false) !== grpc.connectivityState.READY) {
      this.close('the connection was lost')
      return
    }
    this.channel.watchConnectivityState(grpc.connectivityState.READY, Number.POSITIVE_INFINITY, () =>
      this.close('the connection was lost'),
    )
  }

  private beat(): void {
    this.tick += 1
    for (const listener of this.onTick) listener()
    if (this.probing || this.tick - this.heardAt < this.ticks(this.options.heartbeatMs)) return
    this.probing = true
    this.ping(this.options.heartbeatMs).then(
      () => {
        this.probing = false
      },
      (error) => this.close(`the server went silent (${causeOf(error)})`),
    )
  }

  close(cause: string, leader: EndPoint | null = null): void {
    if (this.cause !== null) return
    this.cause = cause
    clearInterval(this.timer)
    const listeners = [...this.onClose]
    this.onTick.clear()
    this.onClose.clear()
    for (const listener of listeners) listener(cause)
    this.channel.close()
    this.settle({ cause, leader })
  }
}

let generation = 0

/**
 * The connection string of a line with a socket of its own. gRPC shares one socket between all channels of one address
 * with the same options, so a new channel would get the dead socket of the one before: an option that differs by a
 * millisecond separates them.
 */
export const urlOfGeneration = (url: string, number: number): string => {
  const given = /([?&]keepalivetimeout=)(-?\d+)/i.exec(url)
  const offset = number % 100_000
  if (given !== null)
    return url.replace(given[0], `${given[1]}${Math.max(10_000, Number(given[2])) + offset}`)
  return `${url}${url.includes('?') ? '&' : '?'}keepAliveTimeout=${10_000 + offset}`
}

/** The same connection string, for one node. */
export const urlOfNode = (url: string, { host, port }: EndPoint): string =>
  url
    .trim()
    .replace(
      /^([a-z]+)(?:\+discover)?:\/\/((?:[^:@/?]+:[^@/]+@)?)[^/?]+/i,
      (_, scheme: string, credentials: string) =>
        [
          scheme,
          '://',
          credentials,
          host.includes(':') && !host.startsWith('[') ? `[${host}]` : host,
          ':',
          port,
        ].join(''),
    )

const within = <A>(ms: number, what: string, promise: Promise<A>): Promise<A> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what} took over ${ms} ms`)), ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })

/** Rejects if no server answers within `connectTimeoutMs`. */
export const openLine = async (url: string, options: LineOptions): Promise<LogLine> => {
  generation += 1
  const client = inside(Client.connectionString(urlOfGeneration(url, generation)))
  const opening = client.getChannel()
  let channel: grpc.Channel
  try {
    channel = await within(options.connectTimeoutMs, 'finding the node', opening)
  } catch (error) {
    opening.then(
      (late) => late.close(),
      () => {},
    )
    throw error
  }
  widen(channel)
  const line = new LogLine(client, channel, options)
  try {
    await line.ping(options.connectTimeoutMs)
  } catch (error) {
    line.close(causeOf(error))
    throw new Error(causeOf(error))
  }
  line.guard()
  return line
}
