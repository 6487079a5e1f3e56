/** Whether somebody may connect at all: by the origin of their page, by how many of their network are here, and only
 *  while this server is not closing. */
import type { IncomingMessage } from 'node:http'
import type { ServerOptions } from 'socket.io'
import type { Clock } from '../../../domain/ports.ts'
import { addressesIn, clientAddress } from '../../addresses.ts'
import type { Logger, Metrics } from '../../observing.ts'
import { createOriginCheck } from '../../origins.ts'
import type { Described } from '../../refusals.ts'
import { createCrowding, type Visit } from '../crowding.ts'
import type { Member } from '../member.ts'

export type Gate = {
  readonly clientAt: (request: IncomingMessage) => Member['client']
  readonly clientOf: (request: IncomingMessage | null | undefined, address: string) => Member['client']
  /** Somebody of this client's network has come. */
  readonly came: (client: Member['client']) => Visit
  /** For Socket.IO's handshakes. */
  readonly allowRequest: NonNullable<ServerOptions['allowRequest']>
  /** For other connections; null if it may connect. */
  readonly refuses: (request: IncomingMessage) => Described | null
  readonly countRefused: (why: Described) => void
  readonly tellCrowded: () => void
  /** From now on nobody may connect. */
  readonly close: () => void
  readonly isClosing: () => boolean
}

export const CROWDED: Described = {
  status: 429,
  code: 'slow_down',
  error: 'Too many connections from your address: close others first, or try again in 30 s.',
  retry_after: 30,
}
const FOREIGN: Described = { status: 403, code: 'forbidden', error: 'This origin is not allowed.' }
export const GOING: Described = {
  status: 503,
  code: 'server_unavailable',
  error: 'This server can’t keep your session: connect again, and join with since.',
  retry_after: 1,
}
/** Milliseconds between two log lines about crowded addresses. */
const TELL_EVERY = 60_000

const createOriginAllowed = (origins: ReadonlyArray<string> | '*') => {
  const isMeant = origins === '*' ? () => true : createOriginCheck(origins)
  return (origin: string | undefined, host: string | undefined): boolean => {
    // Only browsers send an origin, and only they act for people who did not ask them to.
    if (origin === undefined || isMeant(origin)) return true
    return URL.canParse(origin) && new URL(origin).host === host
  }
}

const clientOf = (
  request: IncomingMessage | null,
  address: string,
  isOurs: (ip: string) => boolean,
): Member['client'] => {
  const forwarded = request?.headers['x-forwarded-for']
  const ip = clientAddress(address, Array.isArray(forwarded) ? forwarded.join(',') : forwarded, isOurs)
  const userAgent = request?.headers['user-agent']?.slice(0, 512)
  return { ...(ip ? { ip } : {}), ...(userAgent === undefined ? {} : { userAgent }) }
}

/** Remembers whose each request is: a handshake asks three times. */
const createClientOf = (isOurs: (ip: string) => boolean) => {
  const known = new WeakMap<IncomingMessage, Member['client']>()
  return (request: IncomingMessage | null | undefined, address: string): Member['client'] => {
    // Forgotten, once the connection's first namespace has let its client in.
    if (request == null) return clientOf(null, address, isOurs)
    const before = known.get(request)
    if (before !== undefined) return before
    const client = clientOf(request, address, isOurs)
    known.set(request, client)
    return client
  }
}

export const createGate = (deps: {
  /** How many sockets one network may have, 0 for any number. */
  readonly perAddress: number
  readonly origins: ReadonlyArray<string> | '*'
  readonly trustProxy: ReadonlyArray<string>
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}): Gate => {
  const { perAddress, origins, clock, logger, metrics } = deps
  const whose = createClientOf(addressesIn(deps.trustProxy))
  const crowding = createCrowding(perAddress)
  let closing = false
  const clientAt = (request: IncomingMessage) => whose(request, request.socket.remoteAddress ?? '')
  const originAllowed = createOriginAllowed(origins)
  const isAllowed = ({ headers }: IncomingMessage) => originAllowed(headers.origin, headers.host)

  let toldCrowded = Number.NEGATIVE_INFINITY
  const countRefused = (why: Described): void =>
    metrics.count?.('presence_sockets_refused', 1, { reason: why === CROWDED ? 'address' : why.code })
  const tellCrowded = (): void => {
    const now = clock.now()
    if (now - toldCrowded < TELL_EVERY) return
    toldCrowded = now
    // The address is left out, because it would be personal data.
    logger.warn(
      { limit: perAddress },
      'an address has all its sockets, and more are refused; a proxy of ours belongs in TRUST_PROXY',
    )
  }

  return {
    clientAt,
    clientOf: whose,
    came: (client) => crowding.came(client?.ip),
    allowRequest: (request, decide) => {
      const allowed = !closing && isAllowed(request)
      if (allowed && crowding.isFlood(clientAt(request)?.ip)) {
        countRefused(CROWDED)
        tellCrowded()
        return decide(CROWDED.error, false)
      }
      decide(allowed ? null : closing ? 'This server is stopping.' : 'This origin is not allowed.', allowed)
    },
    refuses: (request) => {
      if (closing) return GOING
      if (!isAllowed(request)) return FOREIGN
      if (!crowding.isFlood(clientAt(request)?.ip)) return null
      tellCrowded()
      return CROWDED
    },
    countRefused,
    tellCrowded,
    close: () => {
      closing = true
    },
    isClosing: () => closing,
  }
}
