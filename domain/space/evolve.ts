/** The fold of a space's events. It never fails, and it consumes the state it is given (see `Decider`). */
import { DEFAULT_SETTINGS, type SpaceSettings } from '../settings.ts'
import { isOver } from '../text.ts'
import type { SpaceEvent } from './events.ts'
import type { Restriction, Session, SpaceState } from './state.ts'

export const initialSpace = (): SpaceState => ({
  opened: null,
  sessions: new Map(),
  sockets: new Map(),
  held: new Map(),
  grants: new Map(),
  bans: new Map(),
  mutes: new Map(),
  settings: DEFAULT_SETTINGS,
})

/** A copy that shares nothing that `evolve` writes to. */
export const forkSpace = (state: SpaceState): SpaceState => ({
  ...state,
  sessions: new Map(state.sessions),
  sockets: new Map(state.sockets),
  held: new Map(state.held),
  grants: new Map(state.grants),
  bans: new Map(state.bans),
  mutes: new Map(state.mutes),
})

const writable = <K, V>(map: ReadonlyMap<K, V>): Map<K, V> => map as Map<K, V>

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

const leave = (state: SpaceState, sessionId: string): void => {
  const session = state.sessions.get(sessionId)
  if (session === undefined) return
  writable(state.sessions).delete(sessionId)
  if (state.sockets.get(session.socketId) === sessionId) writable(state.sockets).delete(session.socketId)
}

const change = (state: SpaceState, sessionId: string, to: Partial<Session>): void => {
  const session = state.sessions.get(sessionId)
  if (session !== undefined) writable(state.sessions).set(sessionId, { ...session, ...to })
}

/** Those that have ended are dropped now and then, so that the state holds what is true and not what was. */
const restrict = (
  restrictions: ReadonlyMap<string, Restriction>,
  data: Restriction & { readonly subject: string },
): void => {
  const map = writable(restrictions)
  map.set(data.subject, { by: data.by, reason: data.reason, until: data.until, at: data.at })
  if (map.size % 64 !== 0) return
  for (const [subject, { until }] of map) if (isOver(until, data.at)) map.delete(subject)
}

export const evolveSpace = (state: SpaceState, event: SpaceEvent): SpaceState => {
  const { type, data } = event
  switch (type) {
    case 'SpaceOpened':
      return {
        ...state,
        opened: { title: data.title, owner: data.owner, visibility: data.visibility, at: data.at },
      }
    case 'EntryGranted': {
      const held = writable(state.held)
      held.delete(data.subject)
      held.set(data.subject, { subject: data.subject, subspace: data.subspace, expiresAt: data.expiresAt })
      return state
    }
    case 'SeatExpired':
      writable(state.held).delete(data.subject)
      return state
    case 'SessionJoined': {
      const { sessionId, socketId, account, guest, claimed, subspace, position, avatarData, boot } = data
      leave(state, sessionId)
      writable(state.sessions).set(sessionId, {
        sessionId,
        socketId,
        account,
        guest,
        claimed,
        subspace,
        position,
        avatarData,
        voice: false,
        boot,
        joinedAt: data.at,
      })
      writable(state.sockets).set(socketId, sessionId)
      writable(state.held).delete(account ?? guest ?? '')
      return state
    }
    case 'SessionMoved':
      change(state, data.sessionId, { subspace: data.to, position: data.position })
      return state
    case 'SessionLeft':
      leave(state, data.sessionId)
      return state
    case 'VoiceStarted':
      change(state, data.sessionId, { voice: true })
      return state
    case 'VoiceStopped':
      change(state, data.sessionId, { voice: false })
      return state
    case 'PermissionGranted': {
      const { permission, by, reason, at } = data
      writable(state.grants).set(data.account, { permission, by, reason, at })
      return state
    }
    case 'PermissionRevoked': {
      const { account, by, reason: note } = data
      writable(state.grants).delete(account)
      if (data.inRounds === true)
        for (const session of state.sessions.values())
          if (session.account === account) change(state, session.sessionId, { revoked: { by, note } })
      return state
    }
    case 'AccountBanned':
      restrict(state.bans, data)
      return state
    case 'AccountUnbanned':
      writable(state.bans).delete(data.subject)
      return state
    case 'AccountMuted':
      restrict(state.mutes, data)
      return state
    case 'AccountUnmuted':
      writable(state.mutes).delete(data.subject)
      return state
    case 'SettingsChanged':
      return { ...state, settings: mergeSettings(state.settings, data.changes) }
    default: {
      const never: never = type
      return never
    }
  }
}
