/** Tells live subscriptions of each commit, from memory. */
import type { StoredEvent } from '../protocol/record.ts'

export type CommitListener = (events: ReadonlyArray<StoredEvent>) => void
export type Hub = ReturnType<typeof createHub>

export const createHub = () => {
  const listeners = new Set<CommitListener>()
  let clients = 0
  return {
    publish: (events: ReadonlyArray<StoredEvent>): void => {
      for (const listener of listeners) listener(events)
    },
    /** Returns the function that stops it. */
    listen: (listener: CommitListener): (() => void) => {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    /** The same for a client's subscription, which is counted. */
    subscribe: (listener: CommitListener): (() => void) => {
      listeners.add(listener)
      clients++
      return () => {
        if (listeners.delete(listener)) clients--
      }
    },
    subscriptions: (): number => clients,
  }
}
