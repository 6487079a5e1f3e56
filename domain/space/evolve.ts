/** The fold of a space's events. It never fails, and consumes the state that it is given (see `Decider`). */
import { DEFAULT_SETTINGS } from '../settings.ts'
import { type SpaceEvent, spaceEntry } from './events.ts'
import type { SpaceState } from './state.ts'

export const initialSpace = (): SpaceState => ({
  opened: null,
  sessions: new Map(),
  own: new Map(),
  sockets: new Map(),
  held: new Map(),
  left: new Map(),
  grants: new Map(),
  bans: new Map(),
  mutes: new Map(),
  pinned: new Map(),
  queue: new Map(),
  turns: null,
  filters: new Map(),
  lists: new Map(),
  routes: new Map(),
  settings: DEFAULT_SETTINGS,
})

/** A copy that shares nothing that `evolve` writes to. */
export const forkSpace = (state: SpaceState): SpaceState => ({
  ...state,
  sessions: new Map(state.sessions),
  own: new Map(state.own),
  sockets: new Map(state.sockets),
  held: new Map(state.held),
  left: new Map(state.left),
  grants: new Map(state.grants),
  bans: new Map(state.bans),
  mutes: new Map(state.mutes),
  pinned: new Map(state.pinned),
  queue: new Map(state.queue),
  filters: new Map(state.filters),
  routes: new Map(state.routes),
})

export const evolveSpace = (state: SpaceState, event: SpaceEvent): SpaceState =>
  spaceEntry(event.type).fold(state, event.data)
