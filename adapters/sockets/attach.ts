/** Socket.IO on an HTTP server: who connects, what each packet becomes, and how it all stops. */
import type { Server as HttpServer, IncomingMessage } from 'node:http'
import * as E from 'fp-ts/lib/Either.js'
import { Server, type Socket } from 'socket.io'
import type { WebSocket } from 'ws'
import { type SpaceRef, spaceKey } from '../../domain/names.ts'
import type {
  Clock,
  Commands,
  Content,
  EventLog,
  Ids,
  OnAccepted,
  SubscriptionItem,
  SubscriptionState,
} from '../../domain/ports.ts'
import { addressesIn, clientAddress } from '../addresses.ts'
import type { Auth } from '../auth/authenticate.ts'
import { proofOfHandshake, proofOfRequest } from '../auth/proof.ts'
import { createOriginCheck, originRules } from '../origins.ts'
import type { Positions, SharedPositions } from '../redis/positions.ts'
import { localRelay, type Relay, type RelayState } from '../redis/relay.ts'
import { type Described, describeError, invalid } from '../refusals.ts'
import { type Ack, told } from './answers.ts'
import { type ArrivalAuth, type Carrier, createArriving, newMember } from './arriving.ts'
import { connectionOf } from './connection.ts'
import { createCrowding, type Visit } from './crowding.ts'
import { createDepartures } from './departures.ts'
import { createEphemeral } from './ephemeral.ts'
import { createExpiring } from './expiring.ts'
import { startFeed } from './feed.ts'
import { easyrtcAnswer } from './gateway/easyrtc.ts'
import { answers, createJsonSockets, jsonRequests } from './gateway/json.ts'
import { createLanguages, isEasyrtcEvent } from './gateway/languages.ts'
import { TranslatedLine } from './gateway/translated.ts'
import { takeUpgrades } from './gateway/upgrades.ts'
import type { Member } from './member.ts'
import { createMembership } from './membership.ts'
import { type Logger, type Metrics, reasonOf } from './observing.ts'
import { isTooLarge, READ_AT_ALL, shortenOversized, withOversized } from './oversized.ts'
import { createReceive } from './receiving.ts'
import { createRequests } from './requests.ts'
import { sendElsewhere, sendLater } from './sending/closing.ts'
import { createSending } from './sending.ts'
import { SocketLine } from './socket-line.ts'
import type { Pace } from './token-bucket.ts'
import { createTurns } from './turns.ts'
import { createWhereabouts } from './whereabouts.ts'

export type SocketsDeps = {
  readonly commands: Commands
  readonly auth: ArrivalAuth & Pick<Auth, 'onEnded' | 'issue'>
  readonly content: Content
  /** For the live feed, and for what a client missed. */
  readonly log: EventLog
  readonly node: { readonly id: string; readonly boot: string }
  readonly clock: Clock
  readonly ids: Ids
  /** Default: none, for a process that is alone. */
  readonly relay?: Relay
  /** Where people stand, for several processes. Default: this one remembers its own. */
  readonly positions?: SharedPositions
  /** ICE servers for one who is called so. Default: none. */
  readonly iceServers?: (id: string) => ReadonlyArray<unknown>
  readonly logger: Logger
  readonly metrics?: Metrics
  /** Origins and patterns of them that a browser may come from, besides the server's own; `*` for any. */
  readonly origins: ReadonlyArray<string> | '*'
  /** Proxies of ours, whose X-Forwarded-For says who the client is: addresses and networks. Default: none. */
  readonly trustProxy?: ReadonlyArray<string>
  readonly limits?: Partial<Limits>
}

export type Limits = {
  /** Packets of one socket, of any kind. */
  readonly packets: Pace
  /** aframe-updates of one socket that are passed on; past it the newest waits for its turn. */
  readonly aframe: Pace
  /** Bytes of one packet: a larger one is `too_large`, and one of four times as much closes the connection. */
  readonly maxPacket: number
  /** Bytes that may wait for a socket that does not read. */
  readonly maxWaiting: number
  /** How often a silent socket is asked whether it is there, and how long it has to say so (ms). */
  readonly pingInterval: number
  readonly pingTimeout: number
  /** Sockets of one network of clients (an IPv4 address, 64 bits of IPv6), 0 for any number. */
  readonly perAddress: number
}
const DEFAULT_LIMITS: Limits = {
  packets: { perSecond: 200, burst: 400 },
  aframe: { perSecond: 60, burst: 60 },
  maxPacket: 262_144,
  maxWaiting: 4 << 20,
  pingInterval: 25_000,
  pingTimeout: 20_000,
  perAddress: 0,
}

export type Sockets = {
  readonly io: Server
  /** News from the log that another than the own subscription brings. What was told already is left out. */
  readonly deliver: (items: ReadonlyArray<SubscriptionItem>) => void
  /** What the command path of this process has just appended, so that rooms here need not wait for it to come round. */
  readonly tellAccepted: OnAccepted
  readonly state: () => {
    readonly sockets: number
    /** Spaces with sockets here. */
    readonly spaces: number
    /** Sessions whose end is not in the log yet. */
    readonly departing: number
    readonly feed: SubscriptionState
    readonly relay: RelayState
  }
  /** The sessions that this process answers for: from before they are in the log until their end is. */
  readonly sessions: () => ReadonlyArray<{ readonly space: SpaceRef; readonly sessionId: string }>
  /** Where those in a space stood last, by session id. */
  readonly positions: (space: SpaceRef) => Promise<Positions>
  /** Every socket's session ends, and its client connects again. */
  readonly sendAllElsewhere: () => void
  /** Every session here ends in the log (within `ms`, default 5,000), and the clients connect again, elsewhere. The HTTP
   *  server is its owner's to close. */
  readonly close: (ms?: number) => Promise<void>
}

const CROWDED: Described = {
  status: 429,
  code: 'slow_down',
  error: 'Too many connections from your address: close others first, or try again in 30 s.',
  retry_after: 30,
}
const FOREIGN: Described = { status: 403, code: 'forbidden', error: 'This origin is not allowed.' }
/** Of one connection, and how long the name of one may be. */
const NAMESPACES = 4
const LONGEST_NAMESPACE = 128
const GOING: Described = {
  status: 503,
  code: 'server_unavailable',
  error: 'This server can’t keep your session: connect again, and join with since.',
  retry_after: 1,
}
/** How long one is held, on average, before it is sent away for something of ours that is out of reach (ms). */
const TURNED_AWAY_MS = 1_000
const passes = ({ status }: Described): boolean => status === 503 || status === 429
/** Milliseconds between two lines of the log about crowded addresses. */
const TELL_EVERY = 60_000
/** As it came in the address; older clients bring that of a namespace's address as what they show. */
const ticketOf = ({ query, auth }: Socket['handshake']): unknown =>
  query.ticket ?? (auth as Record<string, unknown> | undefined)?.ticket

const createOriginAllowed = (origins: SocketsDeps['origins']) => {
  const isMeant = origins === '*' ? () => true : createOriginCheck(origins)
  return (origin: string | undefined, host: string | undefined): boolean => {
    // Only browsers say where a page is from, and only they act for somebody who did not ask them to.
    if (origin === undefined || isMeant(origin)) return true
    return URL.canParse(origin) && new URL(origin).host === host
  }
}

const clientOf = (
  request: IncomingMessage | undefined,
  address: string,
  isOurs: (ip: string) => boolean,
): Member['client'] => {
  const forwarded = request?.headers['x-forwarded-for']
  const ip = clientAddress(address, Array.isArray(forwarded) ? forwarded.join(',') : forwarded, isOurs)
  const userAgent = request?.headers['user-agent']?.slice(0, 512)
  return { ...(ip ? { ip } : {}), ...(userAgent === undefined ? {} : { userAgent }) }
}

/** What was needed of the first request has been read; the rest of it would stay in memory as long as the socket.
 *  Source: Socket.IO's page on memory usage. */
const forgetHandshake = (socket: Socket): void => {
  const { address, issued, secure, xdomain } = socket.handshake
  const slim = { address, time: '', issued, secure, xdomain, headers: {}, query: {}, url: '', auth: {} }
  Object.assign(socket, { handshake: slim })
  Object.assign(socket.client.conn, { request: null })
}

export const attachSockets = (httpServer: HttpServer, deps: SocketsDeps): Sockets => {
  const { commands, auth, content, log, node, clock, ids, logger, origins } = deps
  const originAllowed = createOriginAllowed(origins)
  const metrics = deps.metrics ?? {}
  const relay = deps.relay ?? localRelay()
  const limits = { ...DEFAULT_LIMITS, ...deps.limits }
  const isOurs = addressesIn(deps.trustProxy ?? [])
  const members = new Map<string, Member>()
  const crowding = createCrowding(limits.perAddress)
  const turns = createTurns()
  let closing = false
  const clientAt = (request: IncomingMessage) => clientOf(request, request.socket.remoteAddress ?? '', isOurs)

  let toldCrowded = Number.NEGATIVE_INFINITY
  const countRefused = (why: Described): void =>
    metrics.count?.('presence_sockets_refused', 1, { reason: why === CROWDED ? 'address' : why.code })
  const tellCrowded = (): void => {
    const now = clock.now()
    if (now - toldCrowded < TELL_EVERY) return
    toldCrowded = now
    // Whose it is would be personal.
    logger.warn(
      { limit: limits.perAddress },
      'an address has all its sockets, and more are refused; a proxy of ours belongs in TRUST_PROXY',
    )
  }

  const io = new Server(httpServer, {
    transports: ['polling', 'websocket'],
    perMessageDeflate: false,
    httpCompression: false,
    maxHttpBufferSize: READ_AT_ALL * limits.maxPacket,
    pingInterval: limits.pingInterval,
    pingTimeout: limits.pingTimeout,
    connectTimeout: 10_000,
    // Clients of networked-aframe 0.11 bring a Socket.IO of that age.
    allowEIO3: true,
    // What is neither Socket.IO's nor a JSON socket is answered by the gateway.
    destroyUpgrade: false,
    cleanupEmptyChildNamespaces: true,
    cors: { origin: origins === '*' ? true : originRules(origins), credentials: true },
    allowRequest: (request, decide) => {
      const allowed = !closing && originAllowed(request.headers.origin, request.headers.host)
      const ip = clientAt(request)?.ip
      if (allowed && crowding.isFlood(ip)) {
        countRefused(CROWDED)
        tellCrowded()
        return decide(CROWDED.error, false)
      }
      decide(allowed ? null : closing ? 'This server is stopping.' : 'This origin is not allowed.', allowed)
    },
  })
  const visits = new WeakMap<Socket['conn'], Visit>()
  io.engine.on('connection', (connection: Socket['conn']) => {
    const visit = crowding.came(clientOf(connection.request, connection.remoteAddress, isOurs)?.ip)
    visits.set(connection, visit)
    shortenOversized(connection, limits.maxPacket)
    connection.once('close', visit.gone)
  })

  const sending = createSending({
    io,
    metrics,
    maxWaiting: limits.maxWaiting,
    onSlow: (socket) => logger.warn({ socket: socket.id }, 'a socket that does not read was closed'),
  })
  const feed = startFeed({
    log,
    commands,
    outlet: sending,
    logger,
    metrics,
    // They come back by themselves, as sessions of the log that there is.
    onOtherLog: () => sendAllElsewhere(),
  })
  const departures = createDepartures({ commands, ids, logger })
  /** With which a guest that came with none stays that guest; null where there is no need. */
  const tokenFor = (member: Member): string | null => {
    if (member.caller.kind !== 'guest' || member.token !== null) return null
    const { token, sid, expiresAt } = auth.issue(member.caller)
    member.token = { sid, expiresAt }
    expiring.watch(expiresAt)
    return token
  }
  const whereabouts = createWhereabouts(deps.positions ?? null)
  const membership = createMembership({
    whereabouts,
    tokenFor,
    commands,
    content,
    log,
    feed,
    sending,
    departures,
    node,
    clock,
    ids,
    logger,
    metrics,
  })
  const ephemeral = createEphemeral({
    members,
    feed,
    sending,
    relay,
    clock,
    whereabouts,
    aframePace: limits.aframe,
    maxWaiting: limits.maxWaiting,
  })
  const own = createRequests({ commands, membership, ephemeral, ids })
  const places = { content, clock }
  const requests = new Map([
    ...own,
    ...createLanguages({
      ...places,
      members,
      membership,
      ephemeral,
      sending,
      iceServers: deps.iceServers ?? (() => []),
    }),
  ])
  const jsonOnes = jsonRequests(own, places)
  const paced = { packets: limits.packets, clock, logger, metrics }
  const receive = createReceive({ ...paced, requests: withOversized(requests, limits.maxPacket) })

  // ── who connects ───────────────────────────────────────────────────────────────────────────────────────

  const refuse = (described: Described): Error =>
    Object.assign(new Error(described.error), { data: told(described) })

  /** What passes must not be told with a CONNECT_ERROR: Socket.IO's client would never try again by itself. Its line is
   *  cut instead, after a while, so that a crowd that comes back does not do so in step. */
  const turnAway = async (socket: Socket, described: Described): Promise<Error | undefined> => {
    if (!passes(described)) return refuse(described)
    countRefused(described)
    if (described.status === 503) await later(TURNED_AWAY_MS * (0.5 + Math.random()))
    sendLater(socket, described.code)
    return undefined
  }

  const arriving = createArriving({ auth, boot: node.boot })
  const pace = { packets: limits.packets, clock }

  const carriers = new WeakMap<Socket['conn'], Carrier>()
  const carrierOf = (connection: Socket['conn']): Carrier => {
    const known = carriers.get(connection)
    if (known !== undefined) return known
    const transport = () => (connection as unknown as { transport: { socket?: WebSocket } }).transport.socket
    const carrier: Carrier = {
      isThere: () => answers(transport()),
      end: () => connection.close(true),
      onClose: (listener) => {
        if (connection.readyState === 'closed') listener()
        else connection.once('close', listener)
      },
    }
    carriers.set(connection, carrier)
    return carrier
  }

  const arrive = async (socket: Socket): Promise<Error | undefined> => {
    const { handshake, client: connected } = socket
    const client = clientOf(socket.request, handshake.address, isOurs)
    if (visits.get(connected.conn)?.admit() === false) {
      tellCrowded()
      return turnAway(socket, CROWDED)
    }
    if ((connected as unknown as { sockets: Map<string, Socket> }).sockets.size > NAMESPACES)
      return refuse(invalid('namespace', `One connection may be in ${NAMESPACES} namespaces.`))
    const arrived = await arriving({
      ticket: ticketOf(handshake),
      proof: proofOfHandshake(handshake.auth),
      client,
      carrier: carrierOf(connected.conn),
    })
    if (E.isLeft(arrived)) return turnAway(socket, arrived.left)
    const Kind = socket.nsp.name === '/' ? SocketLine : TranslatedLine
    socket.data = newMember(new Kind(socket, sending), arrived.right, pace)
    return undefined
  }
  const letIn = (socket: Socket, next: (error?: Error) => void): void => {
    arrive(socket)
      .catch((error) => {
        logger.error({ error: reasonOf(error) }, 'a handshake failed')
        return turnAway(socket, describeError({ _tag: 'AuthStoreUnavailable', cause: reasonOf(error) }))
      })
      .then(next)
  }

  // ── what each packet becomes ───────────────────────────────────────────────────────────────────────────

  const receivePacket = (member: Member, socket: Socket, packet: ReadonlyArray<unknown>): void => {
    turns.took(member.turn, connectionOf(socket))
    const last = packet.length > 1 ? packet[packet.length - 1] : undefined
    const ack = typeof last === 'function' ? (last as Ack) : null
    const payload = packet[1] === last && ack !== null ? undefined : packet[1]
    const name = typeof packet[0] === 'string' ? packet[0] : ''
    const asked = isTooLarge(name) ? String(payload) : name
    const isEasyrtc = ack !== null && isEasyrtcEvent(asked)
    receive(member, name, payload, isEasyrtc ? (given) => ack(easyrtcAnswer(given) as never) : ack)
  }

  const depart = (member: Member, reason: string): void => {
    // One who was sent away is gone already.
    if (!members.delete(member.line.id)) return
    ephemeral.forget(member)
    membership
      .gone(member, reason === 'ping timeout' ? 'expired' : 'disconnected')
      .catch((error) => logger.error({ error: reasonOf(error) }, 'a departure failed'))
  }
  function onDisconnect(this: Socket, reason: string): void {
    depart(this.data as Member, reason)
  }

  const onConnection = (socket: Socket): void => {
    const member = socket.data as Member
    members.set(member.line.id, member)
    if (member.token !== null) expiring.watch(member.token.expiresAt)
    forgetHandshake(socket)
    sending.connected(socket)
    // As a middleware that never passes on: no event emitter, and no spreading of what a client may make as long
    // as it likes into arguments.
    socket.use((packet) => receivePacket(member, socket, packet))
    socket.on('disconnect', onDisconnect)
    if (closing) sendElsewhere(socket)
  }
  // Clients take the path of the address that they are given for a namespace: in each, a member is a member.
  const namespaces = io.of((name, _auth, next) => next(null, name.length <= LONGEST_NAMESPACE))
  for (const namespace of [io, namespaces]) {
    namespace.use(letIn)
    namespace.on('connection', onConnection)
  }

  const jsonSockets = createJsonSockets({
    sending,
    receive: createReceive({ ...paced, requests: withOversized(jsonOnes, limits.maxPacket) }),
    requests: jsonOnes,
    logger,
    maxWaiting: limits.maxWaiting,
    maxPacket: limits.maxPacket,
    pingInterval: limits.pingInterval,
    arrive: async (line, request, carrier) => {
      const visit = crowding.came(clientAt(request)?.ip)
      carrier.onClose(visit.gone)
      if (!visit.admit()) {
        tellCrowded()
        return E.left(told(CROWDED))
      }
      const query = new URLSearchParams((request.url ?? '').split('?')[1]).getAll('ticket')
      const shown = {
        ticket: query.length < 2 ? query[0] : query,
        proof: proofOfRequest(request.headers),
        client: clientAt(request),
        carrier,
      }
      const arrived = await arriving(shown)
      if (E.isLeft(arrived)) return E.left(told(arrived.left))
      const member = newMember(line, arrived.right, pace)
      members.set(line.id, member)
      if (member.token !== null) expiring.watch(member.token.expiresAt)
      if (closing) line.sendElsewhere()
      return E.right(member)
    },
    depart,
    took: turns.took,
  })
  const upgrades = takeUpgrades(httpServer, {
    maxPacket: READ_AT_ALL * limits.maxPacket,
    refuses: (request) => {
      if (closing) return GOING
      if (!originAllowed(request.headers.origin, request.headers.host)) return FOREIGN
      if (!crowding.isFlood(clientAt(request)?.ip)) return null
      tellCrowded()
      return CROWDED
    },
    onSocket: jsonSockets.onSocket,
  })

  const sendAllElsewhere = (): void => {
    for (const member of [...members.values()]) {
      member.line.tell('space-error', told(GOING))
      // A connection on polling is closed with its next request, but its session is over now.
      depart(member, 'sent elsewhere')
      member.line.sendElsewhere()
    }
  }

  const endToken = ({ line }: Member): void => {
    line.tell('space-error', told(describeError({ _tag: 'TokenExpired' })))
    line.close()
  }
  const stopHearing = auth.onEnded((sid) => {
    for (const member of [...members.values()]) if (member.token?.sid === sid) endToken(member)
  })
  const expiring = createExpiring(clock, (now) => {
    let earliest = Number.POSITIVE_INFINITY
    for (const member of [...members.values()]) {
      const end = member.token?.expiresAt ?? Number.POSITIVE_INFINITY
      if (end <= now) endToken(member)
      else earliest = Math.min(earliest, end)
    }
    return earliest
  })

  const stopWatching = content.onChange?.((space) => {
    const key = space === null ? null : spaceKey(space)
    for (const member of members.values()) {
      const isIn = member.place !== null && (key === null || member.place.hold.live.key === key)
      // One that is on its way in is asked about once it is in.
      if (isIn || member.busy !== null)
        membership
          .recheck(member)
          .catch((error) => logger.error({ error: reasonOf(error) }, 'access could not be looked at again'))
    }
  })

  return {
    io,
    deliver: feed.deliver,
    tellAccepted: feed.offerAccepted,
    state: () => ({
      sockets: members.size,
      spaces: feed.spaces(),
      departing: departures.waiting(),
      feed: feed.state(),
      relay: relay.state(),
    }),
    sessions: membership.sessions,
    positions: async (space) => {
      const key = spaceKey(space)
      const shared = (await deps.positions?.of(key)) ?? []
      return new Map([...shared, ...(feed.live(key)?.positions ?? [])])
    },
    sendAllElsewhere,
    close: async (ms = 5_000) => {
      closing = true
      stopHearing()
      stopWatching?.()
      expiring.stop()
      upgrades.close()
      jsonSockets.stop()
      ephemeral.stop()
      sending.stop()
      const here = [...members.values()]
      sendAllElsewhere()
      // Departures are asked for as the sockets go, each after what its socket was doing.
      const settled = Promise.allSettled(here.map((member) => member.busy))
      const late = new Promise((resolve) => setTimeout(resolve, ms).unref())
      const started = Date.now()
      await Promise.race([settled, late])
      await departures.close(Math.max(0, ms - (Date.now() - started)))
      await feed.close()
      io.engine.close()
    },
  }
}

const later = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
