/** JSON sockets, for the wallet's room API and for anybody who would rather not load a library. */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import * as E from 'fp-ts/lib/Either.js'
import type { WebSocket } from 'ws'
import { type PackedMove, readMove } from '../../../domain/scene/packed.ts'
import { type Logger, reasonOf } from '../../observing.ts'
import { invalid } from '../../refusals.ts'
import { type Ack, type Answer, told } from '../answers.ts'
import type { Carrier } from '../arriving.ts'
import type { SocketConnection } from '../connection.ts'
import type { MoveGathering } from '../gathering.ts'
import type { Member } from '../member.ts'
import { oversizedName } from '../oversized.ts'
import { isOwnEventName } from '../own-event-names.ts'
import type { Receive } from '../receiving.ts'
import type { Requests, SocketRequest } from '../requests.ts'
import type { Sending } from '../sending.ts'
import type { ReadTurn } from '../turns.ts'
import { JsonLine } from './json-line.ts'
import type { Room } from './places.ts'
import { roomFor } from './room-for.ts'
import { readSmallFrames } from './small-frames.ts'
import type { Payload } from './translated.ts'

/** How many milliseconds a client has to answer that it is there. */
const ASK_MS = 1_000

/** Whether the other end of a WebSocket answers: browsers do so by themselves. */
export const answers = (ws: Pick<WebSocket, 'ping' | 'once' | 'off'> | undefined): Promise<boolean> => {
  if (ws === undefined) return Promise.resolve(true)
  return new Promise((resolve) => {
    const end = (isThere: boolean) => {
      clearTimeout(timer)
      ws.off('pong', there)
      resolve(isThere)
    }
    const there = () => end(true)
    const timer = setTimeout(() => end(false), ASK_MS)
    ws.once('pong', there)
    ws.ping()
  })
}

/** Frames that are not an object with a type get a name that nobody can send. */
const MALFORMED = '\u0000'
/** The name for a packed place, which no JSON can have. */
const PLACED = '\u0000placed'
class Placed {
  readonly move: PackedMove
  constructor(move: PackedMove) {
    this.move = move
  }
}
/** Replaces a frame that is too large. */
const TOO_LARGE = Symbol('too large')
type Frame = string | Uint8Array | typeof TOO_LARGE
const read = (text: string): Payload | null => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Payload) : null
  } catch {
    return null
  }
}
const without = (payload: Payload, ...names: ReadonlyArray<string>): Payload =>
  Object.fromEntries(Object.entries(payload).filter(([name]) => !names.includes(name)))

export type JsonSockets = {
  readonly onSocket: (ws: WebSocket, request: IncomingMessage) => void
  readonly stop: () => void
}

/** Requests that are accepted besides our own events. */
export const jsonRequests = (
  requests: Requests,
  deps: Parameters<typeof roomFor>[2] & { readonly placed: (member: Member, move: PackedMove) => Answer },
): ReadonlyMap<string, SocketRequest> => {
  const join = requests.get('join-space') as SocketRequest
  const named: SocketRequest = {
    ...join,
    handle: async (member, payload) => {
      const asked = payload as Payload
      const { line, ticket } = member
      const name = typeof asked.room === 'string' && asked.room !== '' ? asked.room : null
      const isPlaced = asked.spaceType != null || asked.spaceId != null
      let place = isPlaced ? without(asked, 'room', 'type') : null
      if (place === null && name === null && ticket !== null) place = placeOf(ticket)
      if (name !== null && !(isPlaced && ticket === null)) {
        const room = await roomFor(member, name, deps)
        if (E.isLeft(room)) return told(room.left)
        place ??= { ...without(asked, 'room', 'type'), ...placeOf(room.right) }
      }
      if (place === null) return told(invalid('space', 'spaceType and spaceId, or room, are missing.'))
      const before = (line as JsonLine).room
      ;(line as JsonLine).room = name
      ;(line as JsonLine).asRoomData = asked.room_data === true
      const answer = await join.handle(member, place)
      if (!answer.ok) (line as JsonLine).room = before
      return answer
    },
  }
  return new Map([
    ...requests,
    ['join-space', named],
    [
      PLACED,
      {
        channel: 'space',
        waits: true,
        handle: (member, payload) =>
          payload instanceof Placed
            ? deps.placed(member, payload.move)
            : told(invalid('event', 'There is no such event.')),
      } satisfies SocketRequest,
    ],
    [
      MALFORMED,
      {
        channel: 'space',
        waits: false,
        handle: () => told(invalid('payload', 'A frame is one JSON object with a type.')),
      } satisfies SocketRequest,
    ],
  ])
}
/** Refusals after which the client goes on: it comes again in a moment, or waits for its turn. */
const STAYS: ReadonlySet<string> = new Set(['slow_down', 'queued'])

const placeOf = ({ space, subspace }: Room): Payload => ({
  spaceType: space.type,
  spaceId: space.id,
  subspace,
})

const carrierOf = (ws: WebSocket): Carrier => ({
  isThere: () => answers(ws),
  end: () => ws.terminate(),
  onClose: (listener) => {
    if (ws.readyState === ws.CLOSED) listener()
    else ws.once('close', listener)
  },
})

export const createJsonSockets = (deps: {
  readonly sending: Sending
  readonly receive: Receive
  readonly requests: Requests
  readonly logger: Logger
  readonly maxWaiting: number
  /** The most bytes of a frame. */
  readonly maxPacket: number
  /** How often a silent socket is asked whether it is there (ms). */
  readonly pingInterval: number
  /** Resolves with the member once it is let in; left says why not. */
  readonly arrive: (
    line: JsonLine,
    request: IncomingMessage,
    carrier: Carrier,
  ) => Promise<E.Either<Answer, Member>>
  readonly depart: (member: Member, reason: string) => void
  readonly took: (turn: ReadTurn, connection: SocketConnection) => void
  readonly gathering: MoveGathering
}): JsonSockets => {
  const { receive, requests, logger } = deps
  /** For each open socket, whether it has answered since it was last asked. */
  const open = new Map<WebSocket, { isThere: boolean }>()
  const silent = new WeakSet<WebSocket>()

  /** A binary frame is the position of the client's own avatar, packed. */
  const frameOf = (data: WebSocket.RawData, isBinary: boolean): Frame => {
    if ((data as Buffer).byteLength > deps.maxPacket) return TOO_LARGE
    return isBinary ? (data as Buffer) : String(data)
  }

  const asking = setInterval(() => {
    for (const [ws, answered] of open) {
      if (!answered.isThere) {
        silent.add(ws)
        ws.terminate()
      } else {
        answered.isThere = false
        ws.ping()
      }
    }
  }, deps.pingInterval)
  asking.unref()

  /** If there is a `request_id`, every answer is sent, otherwise only refusals. */
  const ackOf = (line: JsonLine, message: Payload, isJoin: boolean, member: Member): Ack | null => {
    const { request_id } = message
    const isAsked = typeof request_id === 'string' && request_id.length <= 64
    if (!isAsked && !isJoin) return null
    return (answer) => {
      if (isAsked) line.tell('answer', { request_id, ...answer })
      else if (!answer.ok) line.tell('space-error', answer)
      // Without a room, the connection has no purpose here.
      if (!answer.ok && isJoin && member.place === null && !STAYS.has(answer.code)) line.close()
    }
  }

  const onPlace = (member: Member, move: PackedMove | null): void => {
    if (move === null) receive(member, MALFORMED, undefined, null)
    else receive(member, PLACED, new Placed(move), null)
  }
  const onFrame = (member: Member, line: JsonLine, text: Frame): void => {
    if (text === TOO_LARGE) {
      receive(member, oversizedName(''), undefined, null)
      return
    }
    if (typeof text !== 'string') {
      onPlace(member, readMove(text))
      return
    }
    const message = read(text)
    const type = message?.type
    if (message === null || typeof type !== 'string') {
      receive(member, MALFORMED, undefined, null)
      return
    }
    const ack = ackOf(line, message, type === 'join-space', member)
    const { targetSocketId: to } = message
    if (type === 'join-space') receive(member, type, message, ack)
    else if (requests.has(type) && type !== 'room-data')
      receive(member, type, without(message, 'type', 'room', 'request_id'), ack)
    else if (type === 'room-data' && line.asRoomData) {
      const { data_type, data, to } = message
      receive(member, type, { type: data_type, data, to }, ack)
    }
    // Clients may not send each other events that only the server sends.
    else if (isOwnEventName(type)) receive(member, 'none', undefined, ack)
    else {
      const data = without(message, 'type', 'targetSocketId', 'request_id')
      receive(member, 'room-data', { type, to, data }, ack)
    }
  }

  const begin = async (
    ws: WebSocket,
    request: IncomingMessage,
    early: Frame[],
    answered: { isThere: boolean },
  ): Promise<void> => {
    const line = new JsonLine(randomBytes(12).toString('base64url'), ws, {
      sending: deps.sending,
      maxWaiting: deps.maxWaiting,
      onSlow: () => logger.warn({ socket: line.id }, 'a socket that does not read was closed'),
    })
    const arrived = await deps.arrive(line, request, carrierOf(ws))
    if (E.isLeft(arrived)) {
      line.tell('space-error', arrived.left)
      line.close()
      return
    }
    const member = arrived.right
    let isIn = true
    const gone = (): void => {
      if (!isIn) return
      isIn = false
      deps.depart(member, silent.has(ws) ? 'ping timeout' : 'closed')
      open.delete(ws)
    }
    if (ws.readyState === ws.CLOSED) return gone()
    ws.once('close', gone)
    const connection = { transport: { socket: ws } } as unknown as SocketConnection
    const took = (): void => {
      answered.isThere = true
      deps.took(member.turn, connection)
    }
    const hear = (text: Frame): void => {
      took()
      onFrame(member, line, text)
    }
    ws.removeAllListeners('message')
    ws.on('message', (data, isBinary) => {
      deps.gathering.asked()
      hear(frameOf(data, isBinary))
    })
    for (const text of early) hear(text)
    readSmallFrames(ws, (bytes, start, end) => {
      took()
      if (end - start > deps.maxPacket) onFrame(member, line, TOO_LARGE)
      else onPlace(member, readMove(bytes, start, end))
      deps.gathering.came()
    })
  }

  return {
    onSocket: (ws, request) => {
      const answered = { isThere: true }
      open.set(ws, answered)
      const early: Frame[] = []
      ws.on('error', () => ws.terminate())
      ws.on('pong', () => {
        answered.isThere = true
      })
      ws.once('close', () => setImmediate(() => open.delete(ws)))
      // Frames that come before the client is known wait, up to a limit.
      ws.on('message', (data, isBinary) => {
        early.push(frameOf(data, isBinary))
        if (early.length >= 8) ws.pause()
      })
      begin(ws, request, early, answered)
        .catch((error) => {
          logger.error({ error: reasonOf(error) }, 'a handshake failed')
          ws.terminate()
        })
        .finally(() => ws.resume())
    },
    stop: () => clearInterval(asking),
  }
}
