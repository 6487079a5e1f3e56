/** Which event set each thing that is in force: kept beside the space's state, folded from the same events. */
import * as t from 'io-ts'
import type { SpaceEvent } from '../../domain/space/events.ts'
import type { SpaceState } from '../../domain/space/state.ts'

/** Where an event stands: its revision in its stream, its position in `$all` (decimal), its id. */
export const Ref = t.type({ revision: t.number, position: t.string, id: t.string })
export type Ref = t.TypeOf<typeof Ref>

/** By name: the session's joining and last move, who holds which seat since when, and so on. */
export type Refs = {
  opened: Ref | null
  readonly sessions: Map<
    string,
    { readonly joined: Ref; readonly moved: Ref | null; readonly voice: Ref | null }
  >
  readonly held: Map<string, Ref>
  readonly grants: Map<string, Ref>
  readonly bans: Map<string, Ref>
  readonly mutes: Map<string, Ref>
  /** By setting; a free one as `settings.<key>`. */
  readonly settings: Map<string, Ref>
}

export const noRefs = (): Refs => ({
  opened: null,
  sessions: new Map(),
  held: new Map(),
  grants: new Map(),
  bans: new Map(),
  mutes: new Map(),
  settings: new Map(),
})

export const forkRefs = (refs: Refs): Refs => ({
  opened: refs.opened,
  sessions: new Map(refs.sessions),
  held: new Map(refs.held),
  grants: new Map(refs.grants),
  bans: new Map(refs.bans),
  mutes: new Map(refs.mutes),
  settings: new Map(refs.settings),
})

/** The state drops restrictions that ended, now and then: so do we. */
const follow = (refs: Map<string, Ref>, state: ReadonlyMap<string, unknown>): void => {
  if (refs.size === state.size) return
  for (const subject of refs.keys()) if (!state.has(subject)) refs.delete(subject)
}

/** Writes to `refs`. `after` is the state with the event in it. */
export const noteRef = (refs: Refs, event: SpaceEvent, ref: Ref, after: SpaceState): void => {
  const { type, data } = event
  switch (type) {
    case 'SpaceOpened':
      refs.opened = ref
      return
    case 'EntryGranted':
      refs.held.delete(data.subject)
      refs.held.set(data.subject, ref)
      return
    case 'SeatExpired':
      refs.held.delete(data.subject)
      return
    case 'SessionJoined':
      refs.sessions.delete(data.sessionId)
      refs.sessions.set(data.sessionId, { joined: ref, moved: null, voice: null })
      refs.held.delete(data.account ?? data.guest ?? '')
      return
    case 'SessionMoved':
    case 'VoiceStarted':
    case 'VoiceStopped': {
      const known = refs.sessions.get(data.sessionId)
      if (known === undefined) return
      const change =
        type === 'SessionMoved' ? { moved: ref } : { voice: type === 'VoiceStarted' ? ref : null }
      refs.sessions.set(data.sessionId, { ...known, ...change })
      return
    }
    case 'SessionLeft':
      refs.sessions.delete(data.sessionId)
      return
    case 'PermissionGranted':
      refs.grants.set(data.account, ref)
      return
    case 'PermissionRevoked':
      refs.grants.delete(data.account)
      return
    case 'AccountBanned':
      refs.bans.set(data.subject, ref)
      follow(refs.bans, after.bans)
      return
    case 'AccountUnbanned':
      refs.bans.delete(data.subject)
      return
    case 'AccountMuted':
      refs.mutes.set(data.subject, ref)
      follow(refs.mutes, after.mutes)
      return
    case 'AccountUnmuted':
      refs.mutes.delete(data.subject)
      return
    case 'SettingsChanged':
      for (const [name, value] of Object.entries(data.changes)) {
        if (name !== 'settings') refs.settings.set(name, ref)
        else
          for (const [key, free] of Object.entries(value as Record<string, unknown>))
            if (free === null) refs.settings.delete(`settings.${key}`)
            else refs.settings.set(`settings.${key}`, ref)
      }
      return
    default: {
      void (type satisfies never)
    }
  }
}

/* ── as JSON: rows of [name, revision, position, id] ────────────────────────────────────────────────────── */

const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null])
const Packed = t.tuple([t.number, t.string, t.string])
const Rows = t.array(t.tuple([t.string, Packed]))
export const PackedRefs = t.type({
  opened: nullable(Packed),
  /** Session, joined, moved, voice. */
  sessions: t.array(t.tuple([t.string, Packed, nullable(Packed), nullable(Packed)])),
  held: Rows,
  grants: Rows,
  bans: Rows,
  mutes: Rows,
  settings: Rows,
})
export type PackedRefs = t.TypeOf<typeof PackedRefs>
type Packed = t.TypeOf<typeof Packed>

const pack = ({ revision, position, id }: Ref): Packed => [revision, position, id]
const unpack = ([revision, position, id]: Packed): Ref => ({ revision, position, id })
const packMaybe = (ref: Ref | null): Packed | null => (ref === null ? null : pack(ref))
const unpackMaybe = (packed: Packed | null): Ref | null => (packed === null ? null : unpack(packed))
const packRows = (refs: Map<string, Ref>): Array<[string, Packed]> =>
  [...refs].map(([name, ref]) => [name, pack(ref)])
const unpackRows = (rows: t.TypeOf<typeof Rows>): Map<string, Ref> =>
  new Map(rows.map(([name, packed]) => [name, unpack(packed)]))

export const packRefs = (refs: Refs): PackedRefs => ({
  opened: packMaybe(refs.opened),
  sessions: [...refs.sessions].map(([id, { joined, moved, voice }]) => [
    id,
    pack(joined),
    packMaybe(moved),
    packMaybe(voice),
  ]),
  held: packRows(refs.held),
  grants: packRows(refs.grants),
  bans: packRows(refs.bans),
  mutes: packRows(refs.mutes),
  settings: packRows(refs.settings),
})

export const unpackRefs = (packed: PackedRefs): Refs => ({
  opened: unpackMaybe(packed.opened),
  sessions: new Map(
    packed.sessions.map(([id, joined, moved, voice]) => [
      id,
      { joined: unpack(joined), moved: unpackMaybe(moved), voice: unpackMaybe(voice) },
    ]),
  ),
  held: unpackRows(packed.held),
  grants: unpackRows(packed.grants),
  bans: unpackRows(packed.bans),
  mutes: unpackRows(packed.mutes),
  settings: unpackRows(packed.settings),
})
