/** Socket.IO on an HTTP server: who connects, what each packet becomes, and how it all stops. */
import type { Server as HttpServer } from 'node:http'
import type { Server, Socket } from 'socket.io'
import { type SpaceRef, spaceKey } from '../../domain/names.ts'
import type {
  Clock,
  Commands,
  Content,
  EventLog,
  GivenLately,
  Ids,
  OnAccepted,
  SubscriptionItem,
  SubscriptionState,
} from '../../domain/ports.ts'
import type { Auth } from '../auth/authenticate.ts'
import { type LatePart, latePart } from '../late-part.ts'
import type { MotionStore } from '../motion/store.ts'
import type { Logger, Metrics } from '../observing.ts'
import type { Positions, SharedPositions } from '../redis/position.ts'
import { localRelay, type Relay, type RelayState } from '../redis/relay.ts'
import type { Sfu } from '../sfu/sfu.ts'
import { type ArrivalAuth, createArriving } from './arriving.ts'
import { closing } from './attach/closing.ts'
import { acceptConnections } from './attach/connections.ts'
import { createGate } from './attach/gate.ts'
import { createGoing, type Going } from './attach/going.ts'
import { createHandshake } from './attach/handshake.ts'
import { jsonArrival } from './attach/json-arrival.ts'
import { DEFAULT_LIMITS, type SocketLimits } from './attach/limits.ts'
import { socketServer } from './attach/socket-server.ts'
import { createTokens } from './attach/tokens.ts'
import type { SocketConnection } from './connection.ts'
import { createDepartures } from './departures.ts'
import { createEphemeral } from './ephemeral.ts'
import { type FeedDeps, type LiveFeed, startFeed } from './feed.ts'
import { createJsonSockets, jsonRequests } from './gateway/json.ts'
import { createLanguages } from './gateway/languages.ts'
import { takeUpgrades } from './gateway/upgrades.ts'
import { createGathering } from './gathering.ts'
import type { Member } from './member.ts'
import { createMemberPositions } from './member-positions.ts'
import { createMembership } from './membership.ts'
import { createNetworkBuckets } from './network-paces.ts'
import { createShortening, READ_AT_ALL, withOversized } from './oversized.ts'
import { createReceive } from './receiving.ts'
import { createRequests } from './requests.ts'
import { Motion } from './scene/motion.ts'
import { createPinnedEntities } from './scene/pinned-entities.ts'
import { Scenes } from './scene/scenes.ts'
import { createSending } from './sending.ts'
import { createTurns } from './turns.ts'
import { createVoices, type Voices } from './voice/voices.ts'
import { createWaiting } from './waiting.ts'

export type SocketsDeps = {
  readonly commands: Commands
  readonly auth: ArrivalAuth & Pick<Auth, 'onEnded' | 'issue'>
  readonly content: Content
  /** The log for the live feed, and for what a client missed. */
  readonly log: EventLog
  /** Returns what this process appended itself, so that the feed need not read that. Default: it reads everything. */
  readonly given?: GivenLately
  readonly node: { readonly id: string; readonly boot: string }
  readonly clock: Clock
  readonly ids: Ids
  /** Default: none, for a process that is alone. */
  readonly relay?: Relay
  /** Positions of people, shared by several processes. Default: this process remembers its own. */
  readonly positions?: SharedPositions
  /** ICE servers for the caller with that id. Default: none. */
  readonly iceServers?: (id: string) => ReadonlyArray<unknown>
  readonly logger: Logger
  readonly metrics?: Metrics
  /** Origins and patterns of them from which a browser may come, besides the server's own; `*` for any. */
  readonly origins: ReadonlyArray<string> | '*'
  /** Our proxies, whose X-Forwarded-For says who the client is: addresses and networks. Default: none. */
  readonly trustProxy?: ReadonlyArray<string>
  readonly limits?: Partial<SocketLimits>
  /** The service whose key it is, if the key allows test crowds for load measurements. Default: nobody's does. */
  readonly crowdBringer?: (key: unknown) => string | null
  /** The media server for the voice of large rooms. Default: none, and every room is a mesh. */
  readonly sfu?: Sfu
  /** Where the motion of rooms that ask for it is kept, and for how many days at most. Default: it is not kept. */
  readonly motion?: { readonly store: MotionStore; readonly days: number; readonly blockMs?: number }
}

export type Sockets = {
  readonly io: Server
  /** Delivers news from the log that does not come through its own subscription. What was sent already is left out. */
  readonly deliver: (items: ReadonlyArray<SubscriptionItem>) => void
  /** Delivers what this process has just appended, so that rooms here need not wait for the subscription. */
  readonly tellAccepted: OnAccepted
  readonly state: () => {
    readonly sockets: number
    /** How many spaces have sockets here. */
    readonly spaces: number
    /** How many sessions have ended but are not ended on the log yet. */
    readonly departing: number
    readonly feed: SubscriptionState
    readonly relay: RelayState
  }
  /** The sessions that this process is responsible for: from before they are on the log until their end is. */
  readonly sessions: () => ReadonlyArray<{ readonly space: SpaceRef; readonly sessionId: string }>
  /** The latest positions of people in a space, by session id. */
  readonly positions: (space: SpaceRef) => Promise<Positions>
  /** Ends every socket's session; the clients connect again. */
  readonly sendAllElsewhere: () => void
  /** Ends every session here on the log (within `ms`, default 5,000); the clients connect again, elsewhere. The HTTP
   *  server's owner closes it. */
  readonly close: (ms?: number) => Promise<void>
}

/** The feed calls the scenes and the leaving of sockets, which use the feed and are created after it. */
const feedOf = (
  parts: Omit<FeedDeps, 'outlet' | 'onOtherLog'>,
  sending: ReturnType<typeof createSending>,
  { scenes, voices }: { readonly scenes: LatePart<Scenes>; readonly voices: LatePart<Voices> },
  going: LatePart<Going>,
): LiveFeed =>
  startFeed({
    ...parts,
    outlet: {
      emit: (room, news, paged) => {
        sending.emit(room, news, paged)
        if (news.length === 0) return
        scenes.get().heard(room, news)
        voices.get().heard(room, news)
      },
    },
    // The clients come back by themselves, as sessions of the current log.
    onOtherLog: () => going.get().sendAllElsewhere(),
  })

export const attachSockets = (httpServer: HttpServer, deps: SocketsDeps): Sockets => {
  const { commands, auth, content, log, node, clock, ids, logger, origins } = deps
  const metrics = deps.metrics ?? {}
  const relay = deps.relay ?? localRelay()
  const limits = { ...DEFAULT_LIMITS, ...deps.limits }
  const trustProxy = deps.trustProxy ?? []
  const gate = createGate({ perAddress: limits.perAddress, origins, trustProxy, clock, logger, metrics })
  const members = new Map<string, Member>()
  const turns = createTurns()
  const gathering = createGathering()
  const tokens = createTokens({ members, auth, clock })

  const io = socketServer(httpServer, limits, origins, gate)
  const sending = createSending({
    io,
    metrics,
    maxWaiting: limits.maxWaiting,
    onSlow: (socket) => logger.warn({ socket: socket.id }, 'a socket that does not read was closed'),
  })
  const laterScenes = latePart<Scenes>('scenes')
  const laterVoices = latePart<Voices>('voices')
  const laterGoing = latePart<Going>('going of sockets')
  const followers = { scenes: laterScenes, voices: laterVoices }
  const feed = feedOf({ log, given: deps.given, commands, logger, metrics }, sending, followers, laterGoing)
  const sfu = deps.sfu ?? null
  const voices = createVoices({ sfu, members, feed, commands, clock, ids, logger })
  laterVoices.is(voices)
  const pinnedEntities = createPinnedEntities({ commands, ids, logger })
  const motion =
    deps.motion === undefined
      ? null
      : new Motion({ ...deps.motion, commands, clock, ids, logger, boot: node.boot })
  const scenes = new Scenes({ members, feed, sending, relay, clock, pinnedEntities, motion, node: node.boot })
  laterScenes.is(scenes)
  const departures = createDepartures({ commands, ids, logger })
  const memberPositions = createMemberPositions(deps.positions ?? null)
  const waiting = createWaiting({ commands, feed, clock, ids, tokenToWait: tokens.tokenToWait })
  const membership = createMembership({
    waiting,
    memberPositions,
    scenes,
    tokenFor: tokens.tokenFor,
    commands,
    content,
    log,
    hasSfu: sfu !== null,
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
    memberPositions,
    scenes,
    aframePace: limits.aframe,
    maxWaiting: limits.maxWaiting,
  })
  const own = createRequests({ commands, membership, ephemeral, scenes, pinnedEntities, voices, clock, ids })
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
  const jsonOnes = jsonRequests(own, { ...places, placed: ephemeral.placed })
  const ofNetwork = limits.packetsOfNetwork
  const sharedBy = createNetworkBuckets(ofNetwork, clock)
  const paced = { packets: limits.packets, ofNetwork, sharedBy, clock, logger, metrics }
  const receive = createReceive({ ...paced, requests: withOversized(requests, limits.maxPacket) })

  const arriving = createArriving({ auth, boot: node.boot })
  const pace = { packets: limits.packets, clock }
  const handshake = createHandshake({
    ...{ gate, arriving, sending, pace, logger },
    crowdBringer: deps.crowdBringer ?? (() => null),
  })
  const shortenOversized = createShortening(limits.maxPacket)
  io.engine.on('connection', (connection: Socket['conn']) => {
    handshake.connected(connection)
    sending.connected(connection as unknown as SocketConnection)
    shortenOversized(connection)
  })
  const going = createGoing({ members, membership, ephemeral, logger })
  laterGoing.is(going)

  acceptConnections({ io, members, receive, turns, gathering, tokens, gate, going, handshake })

  const jsonSockets = createJsonSockets({
    sending,
    receive: createReceive({ ...paced, requests: withOversized(jsonOnes, limits.maxPacket) }),
    requests: jsonOnes,
    logger,
    maxWaiting: limits.maxWaiting,
    maxPacket: limits.maxPacket,
    pingInterval: limits.pingInterval,
    arrive: jsonArrival({ gate, arriving, pace, members, tokens }),
    depart: going.depart,
    took: turns.took,
    gathering,
  })
  const upgrades = takeUpgrades(httpServer, {
    maxPacket: READ_AT_ALL * limits.maxPacket,
    refuses: gate.refuses,
    onSocket: jsonSockets.onSocket,
  })

  const stopWatching = going.watchContent(content)

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
    sendAllElsewhere: going.sendAllElsewhere,
    close: (ms = 5_000) =>
      closing({ members, going, pinnedEntities, motion, departures, feed, io }, ms, () => {
        gate.close()
        waiting.stop()
        voices.stop()
        tokens.stop()
        stopWatching?.()
        upgrades.close()
        jsonSockets.stop()
        ephemeral.stop()
        sending.stop()
      }),
  }
}
