/** How much one socket, and one address, may demand of this process. */
import type { TokenRate } from '../../token-bucket.ts'

export type SocketLimits = {
  /** How many packets one socket may send, of any kind. */
  readonly packets: TokenRate
  /** How many packets all sockets of one network may send together. */
  readonly packetsOfNetwork: TokenRate
  /** How many of one socket's aframe-updates are passed on; beyond that, the newest waits for its turn. */
  readonly aframe: TokenRate
  /** The most bytes of one packet: a larger one is refused with `too_large`, and one four times as large closes the connection. */
  readonly maxPacket: number
  /** How many bytes may wait for a socket that does not read. */
  readonly maxWaiting: number
  /** How often (ms) a silent socket is asked whether it is there, and how long (ms) it has to answer. */
  readonly pingInterval: number
  readonly pingTimeout: number
  /** How many sockets one network (an IPv4 address, 64 bits of IPv6) may have, 0 for any number. */
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
