/** How events change a space's state. Everything here changes the state that it is given (see `Decider`). */
import type { SpaceSettings } from '../settings.ts'
import { isOver } from '../text.ts'
import type { BanList, BanLists, ListedBan } from './ban-list.ts'
import type { LeaveReason } from './session.ts'
import type { Restriction, Session, SpaceState } from './state.ts'

export const writable = <K, V>(map: ReadonlyMap<K, V>): Map<K, V> => map as Map<K, V>

/** The settings after a change. A null value in the free part removes its key. */
export const mergeSettings = (settings: SpaceSettings, changes: Partial<SpaceSettings>): SpaceSettings => ({
  ...settings,
  ...changes,
  settings:
    changes.settings === undefined
      ? settings.settings
      : Object.fromEntries(
          Object.entries({ ...settings.settings, ...changes.settings }).filter(([, value]) => value !== null),
        ),
})

export const leave = (state: SpaceState, sessionId: string): void => {
  const session = state.sessions.get(sessionId)
  if (session === undefined) return
  writable(state.sessions).delete(sessionId)
  const subject = session.account ?? session.guest ?? ''
  const others = (state.own.get(subject) ?? []).filter((one) => one !== sessionId)
  if (others.length > 0) writable(state.own).set(subject, others)
  else writable(state.own).delete(subject)
  if (state.sockets.get(session.socketId) === sessionId) writable(state.sockets).delete(session.socketId)
}

export const join = (state: SpaceState, session: Session): void => {
  const { sessionId, socketId, account, guest } = session
  const subject = account ?? guest ?? ''
  writable(state.sessions).set(sessionId, session)
  const others = state.own.get(subject)
  writable(state.own).set(subject, others === undefined ? [sessionId] : [...others, sessionId])
  writable(state.sockets).set(socketId, sessionId)
}

export const change = (state: SpaceState, sessionId: string, to: Partial<Session>): void => {
  const session = state.sessions.get(sessionId)
  if (session !== undefined) writable(state.sessions).set(sessionId, { ...session, ...to })
}

/** Adds a restriction. Those that have ended are dropped at intervals, so that the state stays bounded by what is true now. */
export const restrict = (
  restrictions: ReadonlyMap<string, Restriction>,
  data: Restriction & { readonly subject: string },
): void => {
  const map = writable(restrictions)
  map.set(data.subject, { by: data.by, reason: data.reason, until: data.until, at: data.at })
  if (map.size % 64 !== 0) return
  for (const [subject, { until }] of map) if (isOver(until, data.at)) map.delete(subject)
}

/** How many people who were just here are remembered. */
const MAX_LEFT = 500

/** Remembers that somebody whose connection was lost was just here; somebody who was removed is not remembered. */
export const remember = (
  left: SpaceState['left'],
  { account, guest }: Session,
  {
    reason,
    returnBy,
    at,
  }: { readonly reason: LeaveReason; readonly returnBy: string | undefined; readonly at: string },
): void => {
  const map = writable(left)
  const subject = account ?? guest ?? ''
  if (reason === 'kicked' || reason === 'banned') map.delete(subject)
  if (returnBy === undefined) return
  map.delete(subject)
  map.set(subject, returnBy)
  for (const [oldest, until] of map) {
    if (map.size <= MAX_LEFT && !isOver(until, at)) return
    map.delete(oldest)
  }
}

/** An event about ban lists, with the fields that change them. */
type ListEvent =
  | { readonly type: 'BanListFollowed'; readonly data: Omit<BanList, 'entries'> }
  | {
      readonly type: 'BanListChanged'
      readonly data: {
        readonly listId: string
        readonly added: ReadonlyArray<ListedBan>
        readonly removed: ReadonlyArray<string>
        readonly at: string
      }
    }
  | { readonly type: 'BanListLeft'; readonly data: { readonly listId: string } }

/** The lists after an event about them. It returns a new value each time, because an index is kept per value. */
export const changedLists = (lists: BanLists, event: ListEvent): BanLists => {
  const after = new Map(lists)
  switch (event.type) {
    case 'BanListFollowed': {
      const entries = lists.get(event.data.listId)?.entries ?? []
      after.set(event.data.listId, { ...event.data, entries })
      return after
    }
    case 'BanListChanged': {
      const { listId, added, removed, at } = event.data
      const list = lists.get(listId)
      if (list === undefined) return lists
      const gone = new Set([...removed, ...added.map(({ entity }) => entity)])
      const kept = list.entries.filter(({ entity }) => !gone.has(entity))
      after.set(listId, { ...list, entries: [...kept, ...added.map((entry) => ({ ...entry, at }))] })
      return after
    }
    case 'BanListLeft':
      after.delete(event.data.listId)
      return after
    default:
      return event satisfies never
  }
}
