/** Credentials for coturn's `use-auth-secret`: a user name that says when it ends, and its HMAC-SHA1. */
import { createHmac } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../../domain/ports.ts'
import { networkOf } from '../addresses.ts'

export type TurnCredentials = {
  /** `<expiry in Unix seconds>:<account or guest>` */
  readonly username: string
  readonly credential: string
  /** The same as `credential`, as older clients name it. */
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
  /** The same user name again as long as half of its time is left: coturn's quotas are by user name. */
  readonly credentialsFor: (id: string) => TurnCredentials
  /** In whose name a guest without a token has them: its network's, since with each call it is another guest. */
  readonly guestOf: (ip: string) => string
  readonly uris: ReadonlyArray<string>
  /** Where each server is asked over UDP. */
  readonly servers: ReadonlyArray<{ readonly name: string; readonly port: number }>
}

export type TurnOptions = {
  /** coturn's `static-auth-secret`. */
  readonly secret: string
  /** `host` or `host:port`; none where there is no coturn. */
  readonly hosts: ReadonlyArray<string>
  readonly ttlSeconds: number
  readonly clock: Clock
}

const REMEMBERED = 50_000
const HOST = /^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9.-]+)(?::(\d{1,5}))?$/

const portsOf = (host: string): { readonly name: string; readonly plain: number; readonly tls: number } => {
  const parts = HOST.exec(host)
  if (parts === null) throw new Error(`TURN_HOST must be host or host:port, and is “${host}”.`)
  const plain = parts[2] === undefined ? 3478 : Number(parts[2])
  if (plain < 1 || plain > 65_535)
    throw new Error(`The port in TURN_HOST must be 1 to 65535, and is ${plain}.`)
  return { name: parts[1]!, plain, tls: 5349 }
}

/** Throws a sentence for what is wrong in the options. */
export const createTurn = ({ secret, hosts, ttlSeconds, clock }: TurnOptions): TurnService => {
  if (secret.length === 0) throw new Error('TURN_SECRET is empty: credentials could be made by anyone.')
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1)
    throw new Error('TURN_TTL must be a whole number of seconds above zero.')
  const servers = hosts.map(portsOf)
  const stun = servers.map(({ name, plain }) => `stun:${name}:${plain}`)
  const turn = servers.flatMap(({ name, plain, tls }) => [
    `turn:${name}:${plain}?transport=udp`,
    `turn:${name}:${plain}?transport=tcp`,
    `turns:${name}:${tls}?transport=tcp`,
  ])
  /** When the credentials of each end that were given last. */
  const ends = new LRUCache<string, number>({ max: REMEMBERED })
  return {
    uris: turn,
    guestOf: (ip) =>
      `guest:${createHmac('sha256', secret)
        .update(`network ${networkOf(ip)}`)
        .digest('hex')
        .slice(0, 12)}`,
    servers: servers.map(({ name, plain }) => ({ name, port: plain })),
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
      return {
        username,
        credential,
        password: credential,
        ttl: end - now,
        uris: turn,
        iceServers: servers.length === 0 ? [] : [{ urls: stun }, { urls: turn, username, credential }],
      }
    },
  }
}
