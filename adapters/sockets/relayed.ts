/** Messages between processes about what is not on the log. Redis is not trusted: only these forms are accepted, and
 *  the sender is whoever has that socket according to the log. */
import * as t from 'io-ts'
import type { RoomKey } from '../../domain/names.ts'
import type { Session } from '../../domain/space/session.ts'
import type { LiveFeed } from './feed.ts'

export const SIGNALS = {
  'webrtc-offer': 'offer',
  'webrtc-answer': 'answer',
  'webrtc-ice-candidate': 'candidate',
} as const
export type SignalEvent = keyof typeof SIGNALS

/** The largest scene update or signal, as JSON. */
export const MAX_AFRAME = 16_384
export const MAX_SIGNAL = 16_384
/** The largest whole room-data packet. */
export const MAX_DATA = 65_536

const jsonUpTo = (max: number) => (value: unknown) => {
  const text = JSON.stringify(value)
  return text !== undefined && Buffer.byteLength(text) <= max
}
const Signalled = t.refinement(t.unknown, jsonUpTo(MAX_SIGNAL), 'a signal')
const Moved = t.refinement(t.UnknownRecord, jsonUpTo(MAX_AFRAME), 'a scene update')

/** `from` and `to` are ids of sockets. */
export const Relayed = t.union([
  t.type({
    kind: t.literal('signal'),
    from: t.string,
    to: t.string,
    event: t.keyof(SIGNALS),
    value: Signalled,
  }),
  t.type({ kind: t.literal('aframe'), from: t.string, data: Moved }),
  t.type({
    kind: t.literal('data'),
    from: t.string,
    to: t.union([t.string, t.null]),
    type: t.string,
    data: t.refinement(t.unknown, jsonUpTo(MAX_DATA), 'room-data'),
  }),
])
export type Relayed = t.TypeOf<typeof Relayed>

/** The session of a socket in a room, as far as this process knows; null for none. */
export const sessionIn = (feed: Pick<LiveFeed, 'live'>, room: RoomKey, socketId: string): Session | null => {
  const cut = room.lastIndexOf(':')
  const state = feed.live(room.slice(0, cut))?.state
  const sessionId = state?.sockets.get(socketId)
  const session = sessionId === undefined ? undefined : state?.sessions.get(sessionId)
  return session?.subspace === room.slice(cut + 1) ? session : null
}

/** Messages that came before the news that their sender is in the room: Redis is faster than the log. */
export type Early = {
  readonly add: (room: RoomKey, message: Relayed) => void
  /** Tries the waiting messages again, before anything that comes after them. */
  readonly look: () => void
  readonly stop: () => void
}
const EARLY_MS = 2_000
const LOOK_MS = 50
const MAX_EARLY = 500

/** `act` returns whether it could handle the message. */
export const createEarly = (act: (room: RoomKey, message: Relayed) => boolean): Early => {
  let waiting: Array<{ readonly room: RoomKey; readonly message: Relayed; readonly until: number }> = []
  let timer: NodeJS.Timeout | undefined
  const look = (): void => {
    if (waiting.length === 0) return
    clearTimeout(timer)
    timer = undefined
    const now = performance.now()
    waiting = waiting.filter(({ room, message, until }) => !act(room, message) && until > now)
    if (waiting.length > 0) timer = setTimeout(look, LOOK_MS).unref()
  }
  return {
    add: (room, message) => {
      if (waiting.length >= MAX_EARLY) return
      // Of movements, only the newest is kept.
      if (message.kind === 'aframe')
        waiting = waiting.filter(
          (one) => one.room !== room || one.message.kind !== 'aframe' || one.message.from !== message.from,
        )
      waiting.push({ room, message, until: performance.now() + EARLY_MS })
      timer ??= setTimeout(look, LOOK_MS).unref()
    },
    look,
    stop: () => clearTimeout(timer),
  }
}
