/** Socket.IO's handshake: finds out who connects, and lets them in, refuses them, or sends them away to try again. */
import * as E from 'fp-ts/lib/Either.js'
import type { Socket } from 'socket.io'
import type { WebSocket } from 'ws'
import { proofOfHandshake } from '../../auth/proof.ts'
import { type Logger, reasonOf } from '../../observing.ts'
import { type Described, describeError, invalid } from '../../refusals.ts'
import { told } from '../answers.ts'
import { type Carrier, type createArriving, newMember } from '../arriving.ts'
import { UNCOUNTED, type Visit } from '../crowding.ts'
import { answers } from '../gateway/json.ts'
import { TranslatedLine } from '../gateway/translated.ts'
import { sendLater } from '../sending/closing.ts'
import type { Sending } from '../sending.ts'
import { SocketLine } from '../socket-line.ts'
import { CROWDED, type Gate } from './gate.ts'

/** The most namespaces of one connection. */
const NAMESPACES = 4
/** How long (ms) a client is kept waiting, on average, before it is sent away because a part of ours can't be reached. */
const TURNED_AWAY_MS = 1_000
const passes = ({ status }: Described): boolean => status === 503 || status === 429
/** The ticket in the address; older clients send that of a namespace's address in `auth`. */
const ticketOf = ({ query, auth }: Socket['handshake']): unknown =>
  query.ticket ?? (auth as Record<string, unknown> | undefined)?.ticket

/** The key of `presence load`, whose guests all come from one place. */
const loadKeyOf = ({ auth }: Socket['handshake']): unknown =>
  (auth as Record<string, unknown> | undefined)?.load
const THIS_MACHINE = '127.0.0.1'
const NO_LOAD: Described = {
  status: 403,
  code: 'forbidden',
  error: 'This key may bring no crowd: an admin of the system makes one that may (load).',
}

const refuse = (described: Described): Error =>
  Object.assign(new Error(described.error), { data: told(described) })

/** A class, since there are thousands of them: their methods exist once. */
class ConnectionCarrier implements Carrier {
  readonly #connection: Socket['conn']
  constructor(connection: Socket['conn']) {
    this.#connection = connection
  }
  isThere(): Promise<boolean> {
    return answers((this.#connection as unknown as { transport: { socket?: WebSocket } }).transport.socket)
  }
  end(): void {
    this.#connection.close(true)
  }
  onClose(listener: () => void): void {
    if (this.#connection.readyState === 'closed') listener()
    else this.#connection.once('close', listener)
  }
}

const carriers = new WeakMap<Socket['conn'], Carrier>()
const carrierOf = (connection: Socket['conn']): Carrier => {
  const known = carriers.get(connection)
  if (known !== undefined) return known
  const carrier = new ConnectionCarrier(connection)
  carriers.set(connection, carrier)
  return carrier
}

/** As a property of the connection, it takes a tenth of the memory that it would in a map. */
const VISIT = Symbol('visit')
type Visiting = Socket['conn'] & { [VISIT]?: Visit }
function endVisit(this: Visiting): void {
  this[VISIT]?.gone()
}

export type Handshake = {
  /** To be called when a connection is made, before any of its sockets. */
  readonly connected: (connection: Socket['conn']) => void
  /** As a middleware: its member is the socket's `data`. */
  readonly letIn: (socket: Socket, next: (error?: Error) => void) => void
}

export const createHandshake = (deps: {
  readonly gate: Gate
  readonly arriving: ReturnType<typeof createArriving>
  readonly sending: Sending
  readonly pace: Parameters<typeof newMember>[2]
  /** The service whose key it is, if the key allows test crowds for load measurements. */
  readonly crowdBringer: (key: unknown) => string | null
  readonly logger: Logger
}): Handshake => {
  const { gate, arriving, sending, pace, crowdBringer, logger } = deps

  /** Temporary trouble must not be answered with a CONNECT_ERROR, after which Socket.IO's client never tries again.
   *  Instead the connection is cut after a while, so that a crowd does not come back all at once. */
  const turnAway = async (socket: Socket, described: Described): Promise<Error | undefined> => {
    if (!passes(described)) return refuse(described)
    gate.countRefused(described)
    if (described.status === 503) await later(TURNED_AWAY_MS * (0.5 + Math.random()))
    sendLater(socket, described.code)
    return undefined
  }

  const arrive = async (socket: Socket): Promise<Error | undefined> => {
    const { handshake, client: connected } = socket
    const load = loadKeyOf(handshake)
    const bringer = load === undefined ? null : crowdBringer(load)
    if (load !== undefined && bringer === null) return refuse(NO_LOAD)
    // The limits per network do not apply to whoever may measure, as for this machine itself.
    const client =
      bringer === null
        ? gate.clientOf(socket.request, handshake.address)
        : { ip: THIS_MACHINE, userAgent: `presence load (${bringer})` }
    if ((connected.conn as Visiting)[VISIT]?.admit() === false) {
      gate.tellCrowded()
      return turnAway(socket, CROWDED)
    }
    if ((connected as unknown as { sockets: Map<string, Socket> }).sockets.size > NAMESPACES)
      return refuse(invalid('namespace', `One connection may be in ${NAMESPACES} namespaces.`))
    const arrived = await arriving({
      ticket: ticketOf(handshake),
      proof: proofOfHandshake(handshake.auth),
      client,
      carrier: () => carrierOf(connected.conn),
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

  return {
    connected: (connection) => {
      const visit = gate.came(gate.clientOf(connection.request, connection.remoteAddress))
      if (visit === UNCOUNTED) return
      ;(connection as Visiting)[VISIT] = visit
      connection.on('close', endVisit)
    },
    letIn,
  }
}

const later = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
