/** What one socket, and one address, may ask of this process. */
import type { TokenRate } from '../../token-bucket.ts'

export type SocketLimits = {
  /** Packets of one socket, of any kind. */
  readonly packets: TokenRate
  /** Packets of all sockets of one network of clients. */
  readonly packetsOfNetwork: TokenRate
  /** aframe-updates of one socket that are passed on; past it the newest waits for its turn. */
  readonly aframe: TokenRate
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

export const DEFAULT_LIMITS: SocketLimits = {
  packets: { perSecond: 200, burst: 400 },
  packetsOfNetwork: { perSecond: 10_000, burst: 20_000 },
  aframe: { perSecond: 60, burst: 60 },
  maxPacket: 262_144,
  maxWaiting: 4 << 20,
  pingInterval: 25_000,
  pingTimeout: 20_000,
  perAddress: 0,
}
