/** Carries what is not in the log (aframe-update, webrtc-*) between the processes that share a room. Best effort:
 *  what can't be carried now is dropped, and nothing durable is lost with it. */
import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import type { RoomKey } from '../../domain/names.ts'
import type { Relay, RelayHandler, RelayState } from './relay.ts'

const CHANNEL = 'dlux:room:'
/** If more bytes than this wait for Redis, messages are dropped rather than kept. */
const MAX_WAITING = 1 << 20

/** One channel per room, on two connections (a subscriber may send nothing else). Reconnects by itself, and then
 *  subscribes to the rooms of that moment. `url`: `redis://[:password@]host:port[/db]`. */
export const createRelay = ({ url }: { readonly url: string }): Relay => {
  const self = randomUUID()
  const rooms = new Set<RoomKey>()
  let handler: RelayHandler = () => {}
  let state: RelayState = { state: 'connecting', since: new Date(), lastError: null }
  let closed = false
  const become = (next: RelayState['state'], lastError: string | null = state.lastError) => {
    state = { state: next, since: next === state.state ? state.since : new Date(), lastError }
  }

  const options = {
    // A queue kept while Redis is away would send old positions once it is back.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    connectTimeout: 5_000,
    retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000),
  }
  const publisher = new Redis(url, { ...options, enableAutoPipelining: true })
  const subscriber = new Redis(url, options)
  const judge = () => {
    if (publisher.status === 'ready' && subscriber.status === 'ready') become('up')
  }
  for (const connection of [publisher, subscriber]) {
    connection.on('error', (error: Error) => become('down', error.message))
    connection.on('close', () => {
      if (!closed) become('down')
    })
  }
  publisher.on('ready', judge)
  subscriber.on('ready', () => {
    if (rooms.size > 0) subscriber.subscribe(...[...rooms].map((room) => CHANNEL + room)).catch(() => {})
    judge()
  })
  subscriber.on('message', (channel: string, text: string) => {
    // The sender's own copy comes back, too: its first 36 characters say who sent it.
    if (text.startsWith(self)) return
    const room = channel.slice(CHANNEL.length)
    if (!rooms.has(room)) return
    try {
      handler(room, JSON.parse(text.slice(self.length)))
    } catch {
      // Not ours, or not JSON: an unreadable message is dropped like any other that is lost.
    }
  })

  return {
    publish: (room, message) => {
      const waiting = (publisher as unknown as { stream?: { writableLength?: number } }).stream
        ?.writableLength
      if (publisher.status !== 'ready' || (waiting ?? 0) > MAX_WAITING) return
      publisher.publish(CHANNEL + room, self + JSON.stringify(message)).catch(() => {})
    },
    join: (room) => {
      if (rooms.has(room)) return
      rooms.add(room)
      if (subscriber.status === 'ready') subscriber.subscribe(CHANNEL + room).catch(() => {})
    },
    leave: (room) => {
      if (!rooms.delete(room)) return
      if (subscriber.status === 'ready') subscriber.unsubscribe(CHANNEL + room).catch(() => {})
    },
    onMessage: (given) => {
      handler = given
    },
    state: () => state,
    close: async () => {
      closed = true
      publisher.disconnect()
      subscriber.disconnect()
    },
  }
}
