/** What carries news that is not in the log between the processes that share a room, and the one that carries nothing, since
 *  there is a single process. */
import type { RoomKey } from '../../domain/names.ts'

export type RelayState = {
  readonly state: 'connecting' | 'up' | 'down' | 'local'
  readonly since: Date
  readonly lastError: string | null
}
export type RelayHandler = (room: RoomKey, message: unknown) => void

export interface Relay {
  /** Publishes to the other processes that have `join`ed the room; never back to this one. Never throws. */
  readonly publish: (room: RoomKey, message: unknown) => void
  readonly join: (room: RoomKey) => void
  readonly leave: (room: RoomKey) => void
  /** One handler per process; its arguments came over the network, so nothing in them may be trusted. */
  readonly onMessage: (handler: RelayHandler) => void
  readonly state: () => RelayState
  readonly close: () => Promise<void>
}

/** For a single process: there is nobody else to tell. */
export const localRelay = (): Relay => {
  const since = new Date()
  return {
    publish: () => {},
    join: () => {},
    leave: () => {},
    onMessage: () => {},
    state: () => ({ state: 'local', since, lastError: null }),
    close: async () => {},
  }
}
