/** Credentials for coturn's `use-auth-secret`: a user name that contains its expiry, and its HMAC-SHA1. */
import { createHmac } from 'node:crypto'
import type { Clock } from '../../domain/ports.ts'
import { networkOf } from '../addresses.ts'
import { boundedCache } from '../bounded-cache.ts'

export type TurnCredentials = {
  /** `<expiry in Unix seconds>:<account or guest>` */
  readonly username: string
  readonly credential: string
  /** The same as `credential`, under the name that older clients use. */
  readonly password: string
  /** Seconds. */
  readonly ttl: number
  readonly uris: ReadonlyArray<string>
  readonly iceServers: ReadonlyArray<{
    readonly urls: ReadonlyArray<string>
    readonly username?: string
    readonly credential?: string
  }>
}

export type TurnService = {
  /** Returns the same user name again as long as half of its time is left: coturn's quotas are per user name. */
  readonly credentialsFor: (id: string) => TurnCredentials
  /** The name under which a guest without a token gets credentials: their network's, since each call makes another guest. */
  readonly guestOf: (ip: string) => string
  /** The URIs that are advertised now. */
  readonly uris: ReadonlyArray<string>
  /** Where each server is probed over UDP. */
  readonly servers: ReadonlyArray<TurnPlace>
  /** Where each may be reached over TLS, whether that is advertised or not. */
  readonly tlsServers: ReadonlyArray<TurnPlace>
}

export type TurnPlace = { readonly name: string; readonly port: number }

export type TurnOptions = {
  /** coturn's `static-auth-secret`. */
  readonly secret: string
  /** `host` or `host:port`; empty if there is no coturn. */
  readonly hosts: ReadonlyArray<string>
  /** Where it accepts TLS, `host` or `host:port`. Default: each of `hosts`, at port 5349. */
  readonly tlsHosts?: ReadonlyArray<string>
  readonly ttlSeconds: number
  readonly clock: Clock
  /** Whether TURN over TLS is reachable: only then it is advertised. Default: it is. */
  readonly speaksTls?: (place: TurnPlace) => boolean
}

const REMEMBERED = 50_000
const HOST = /^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9.-]+)(?::(\d{1,5}))?$/

const PLAIN_PORT = 3478
const TLS_PORT = 5349

const placeOf = (variable: string, host: string, otherwise: number): TurnPlace => {
  const parts = HOST.exec(host)
  if (parts === null) throw new Error(`${variable} must be host or host:port, and is “${host}”.`)
  const port = parts[2] === undefined ? otherwise : Number(parts[2])
  if (port < 1 || port > 65_535)
    throw new Error(`The port in ${variable} must be 1 to 65535, and is ${port}.`)
  return { name: parts[1]!, port }
}

/** Throws a sentence about what is wrong in the options. */
export const createTurn = (options: TurnOptions): TurnService => {
  const { secret, hosts, ttlSeconds, clock, speaksTls = () => true } = options
  if (secret.length === 0) throw new Error('TURN_SECRET is empty: credentials could be made by anyone.')
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1)
    throw new Error('TURN_TTL must be a whole number of seconds above zero.')
  const servers = hosts.map((host) => placeOf('TURN_HOST', host, PLAIN_PORT))
  const tlsServers =
    options.tlsHosts === undefined || options.tlsHosts.length === 0
      ? servers.map(({ name }) => ({ name, port: TLS_PORT }))
      : options.tlsHosts.map((host) => placeOf('TURN_TLS_HOST', host, TLS_PORT))
  const stun = servers.map(({ name, port }) => `stun:${name}:${port}`)
  const plain = servers.flatMap(({ name, port }) => [
    `turn:${name}:${port}?transport=udp`,
    `turn:${name}:${port}?transport=tcp`,
  ])
  const advertised = (): ReadonlyArray<string> => [
    ...plain,
    ...tlsServers.filter(speaksTls).map(({ name, port }) => `turns:${name}:${port}?transport=tcp`),
  ]
  /** When the credentials last issued to each end. */
  const ends = boundedCache<string, number>(REMEMBERED)
  return {
    get uris() {
      return advertised()
    },
    guestOf: (ip) =>
      `guest:${createHmac('sha256', secret)
        .update(`network ${networkOf(ip)}`)
        .digest('hex')
        .slice(0, 12)}`,
    servers,
    tlsServers,
    credentialsFor: (id) => {
      const now = Math.floor(clock.now() / 1_000)
      const before = ends.get(id)
      const end =
        before !== undefined && before - now > ttlSeconds / 2 && before - now <= ttlSeconds
          ? before
          : now + ttlSeconds
      if (end !== before) ends.set(id, end)
      const username = `${end}:${id}`
      const credential = createHmac('sha1', secret).update(username).digest('base64')
      const turn = advertised()
      return {
        username,
        credential,
        password: credential,
        ttl: end - now,
        uris: turn,
        // The first is the one with the credentials: DLUX's clients read no other.
        iceServers: servers.length === 0 ? [] : [{ urls: turn, username, credential }, { urls: stun }],
      }
    },
  }
}
