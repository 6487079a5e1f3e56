/** Which event set each thing that is in force: kept beside the space's state, folded from the same events. */
import * as t from 'io-ts'
import {
  type OtherSpaceEvent,
  type SpaceEvent,
  type SpaceEventName,
  type SpaceEventOf,
  spaceEntry,
} from '../../domain/space/events.ts'
import { pinKey } from '../../domain/space/pin.ts'
import { isMark, MARKS, type MarkName, type SetsOnSession, setBy } from '../../domain/space/session.ts'
import type { SpaceState } from '../../domain/space/state.ts'

/** An event's place: its revision in its stream, its position in `$all` (decimal), its id. */
export const Ref = t.type({ revision: t.number, position: t.string, id: t.string })
export type Ref = t.TypeOf<typeof Ref>

/** By name: how the session joined, its last move and its marks, who holds which seat since when, and so on. */
export type Refs = {
  opened: Ref | null
  readonly sessions: Map<
    string,
    { readonly joined: Ref; readonly moved: Ref | null; readonly marks: Partial<Record<MarkName, Ref>> }
  >
  readonly held: Map<string, Ref>
  readonly queue: Map<string, Ref>
  readonly grants: Map<string, Ref>
  readonly bans: Map<string, Ref>
  readonly mutes: Map<string, Ref>
  /** The event that set each lasting entity as it is: its pinning, or its last change. */
  readonly pinned: Map<string, Ref>
  readonly filters: Map<string, Ref>
  /** For each entry of the ban lists (key: `listKey`), the event that put it there in its present form; for each list,
   *  the event by which it is followed. */
  readonly lists: Map<string, Ref>
  /** By setting; a free one as `settings.<key>`. */
  readonly settings: Map<string, Ref>
}

export const listKey = (listId: string, entity: string): string => `${listId} ${entity}`

export const noRefs = (): Refs => ({
  opened: null,
  sessions: new Map(),
  held: new Map(),
  queue: new Map(),
  grants: new Map(),
  bans: new Map(),
  mutes: new Map(),
  pinned: new Map(),
  filters: new Map(),
  lists: new Map(),
  settings: new Map(),
})

export const forkRefs = (refs: Refs): Refs => ({
  opened: refs.opened,
  sessions: new Map(refs.sessions),
  held: new Map(refs.held),
  queue: new Map(refs.queue),
  grants: new Map(refs.grants),
  bans: new Map(refs.bans),
  mutes: new Map(refs.mutes),
  pinned: new Map(refs.pinned),
  filters: new Map(refs.filters),
  lists: new Map(refs.lists),
  settings: new Map(refs.settings),
})

/** The state drops restrictions that have ended from time to time, and so does this. */
const follow = (refs: Map<string, Ref>, state: ReadonlyMap<string, unknown>): void => {
  if (refs.size === state.size) return
  for (const subject of refs.keys()) if (!state.has(subject)) refs.delete(subject)
}

type Note<Name extends SpaceEventName> = (
  refs: Refs,
  data: SpaceEventOf<Name>['data'],
  ref: Ref,
  after: SpaceState,
) => void
const NOTE: { readonly [Name in OtherSpaceEvent]: Note<Name> } = {
  SpaceOpened: (refs, _, ref) => {
    refs.opened = ref
  },
  EntryGranted: ({ held, queue }, { subject }, ref) => {
    queue.delete(subject)
    held.delete(subject)
    held.set(subject, ref)
  },
  SeatExpired: ({ held }, { subject }) => {
    held.delete(subject)
  },
  PlaceTaken: ({ queue }, { subject }, ref) => {
    queue.set(subject, ref)
  },
  PlaceGivenUp: ({ queue }, { subject }) => {
    queue.delete(subject)
  },
  SessionJoined: ({ sessions, held, queue }, { sessionId, account, guest }, ref) => {
    sessions.delete(sessionId)
    sessions.set(sessionId, { joined: ref, moved: null, marks: {} })
    held.delete(account ?? guest ?? '')
    queue.delete(account ?? guest ?? '')
  },
  SessionLeft: ({ sessions }, { sessionId }) => {
    sessions.delete(sessionId)
  },
  PermissionGranted: ({ grants }, { account }, ref) => {
    grants.set(account, ref)
  },
  PermissionRevoked: ({ grants }, { account }) => {
    grants.delete(account)
  },
  AccountBanned: ({ bans }, { subject }, ref, after) => {
    bans.set(subject, ref)
    follow(bans, after.bans)
  },
  AccountUnbanned: ({ bans }, { subject }) => {
    bans.delete(subject)
  },
  AccountMuted: ({ mutes }, { subject }, ref, after) => {
    mutes.set(subject, ref)
    follow(mutes, after.mutes)
  },
  AccountUnmuted: ({ mutes }, { subject }) => {
    mutes.delete(subject)
  },
  EntityPinned: ({ pinned }, { subspace, entityId }, ref) => {
    pinned.set(pinKey(subspace, entityId), ref)
  },
  EntityChanged: ({ pinned }, { subspace, entityId }, ref) => {
    if (pinned.has(pinKey(subspace, entityId))) pinned.set(pinKey(subspace, entityId), ref)
  },
  EntityUnpinned: ({ pinned }, { subspace, entityId }) => {
    pinned.delete(pinKey(subspace, entityId))
  },
  FilterSet: ({ filters }, { filterId }, ref) => {
    filters.set(filterId, ref)
  },
  FilterRemoved: ({ filters }, { filterId }) => {
    filters.delete(filterId)
  },
  BanListFollowed: ({ lists }, { listId }, ref) => {
    lists.set(listId, ref)
  },
  BanListChanged: ({ lists }, { listId, added, removed }, ref) => {
    for (const entity of removed) lists.delete(listKey(listId, entity))
    for (const { entity } of added) lists.set(listKey(listId, entity), ref)
  },
  BanListLeft: ({ lists }, { listId }) => {
    for (const key of lists.keys()) if (key === listId || key.startsWith(`${listId} `)) lists.delete(key)
  },
  MotionKept: () => {},
  VoiceRouted: () => {},
  SettingsChanged: ({ settings, queue }, { changes }, ref) => {
    if (changes.queue === false) queue.clear()
    for (const [name, value] of Object.entries(changes)) {
      if (name !== 'settings') settings.set(name, ref)
      else
        for (const [key, free] of Object.entries(value as Record<string, unknown>))
          if (free === null) settings.delete(`settings.${key}`)
          else settings.set(`settings.${key}`, ref)
    }
  },
}

/** Notes the event that set a mark or moved the session. A mark with its initial value was set by nothing. */
const noteSets = (refs: Refs, sets: SetsOnSession, data: object, ref: Ref): void => {
  const sessionId = 'sessionId' in data ? String(data.sessionId) : ''
  const known = refs.sessions.get(sessionId)
  if (known === undefined) return
  const marks = { ...known.marks }
  let { moved } = known
  for (const [field, value] of Object.entries(setBy(sets, data as Readonly<Record<string, unknown>>))) {
    if (!isMark(field)) moved = ref
    else if (value === MARKS[field].initial) delete marks[field]
    else marks[field] = ref
  }
  refs.sessions.set(sessionId, { joined: known.joined, moved, marks })
}

/** Writes to `refs`. `after` is the state with the event in it. */
export const noteRef = (refs: Refs, event: SpaceEvent, ref: Ref, after: SpaceState): void => {
  const { sets } = spaceEntry(event.type)
  if (sets !== null) noteSets(refs, sets, event.data, ref)
  else (NOTE[event.type as OtherSpaceEvent] as Note<SpaceEventName>)(refs, event.data, ref, after)
}

/* ── as JSON: rows of [name, revision, position, id] ────────────────────────────────────────────────────── */

const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null])
const Packed = t.tuple([t.number, t.string, t.string])
const Rows = t.array(t.tuple([t.string, Packed]))
/** Session, joined, moved, voice; and the marks that were added later, if there are any. */
const Session = t.tuple([t.string, Packed, nullable(Packed), nullable(Packed)])
const SessionWithMarks = t.tuple([t.string, Packed, nullable(Packed), nullable(Packed), Rows])
const FirstRefs = t.type({
  opened: nullable(Packed),
  sessions: t.array(t.union([Session, SessionWithMarks])),
  held: Rows,
  grants: Rows,
  bans: Rows,
  mutes: Rows,
  settings: Rows,
})
/** Later additions are left out if they are empty. */
export const PackedRefs = t.intersection([
  FirstRefs,
  t.partial({ pinned: Rows, queue: Rows, filters: Rows, lists: Rows }),
])
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
  sessions: [...refs.sessions].map(([id, { joined, moved, marks }]) => {
    const { voice, ...later }: Partial<Record<string, Ref>> = marks
    const rows = Object.entries(later).map(([name, ref]): [string, Packed] => [name, pack(ref!)])
    const packed: t.TypeOf<typeof Session> = [id, pack(joined), packMaybe(moved), packMaybe(voice ?? null)]
    return rows.length === 0 ? packed : [...packed, rows]
  }),
  held: packRows(refs.held),
  grants: packRows(refs.grants),
  bans: packRows(refs.bans),
  mutes: packRows(refs.mutes),
  ...(refs.pinned.size === 0 ? {} : { pinned: packRows(refs.pinned) }),
  ...(refs.queue.size === 0 ? {} : { queue: packRows(refs.queue) }),
  ...(refs.lists.size === 0 ? {} : { lists: packRows(refs.lists) }),
  ...(refs.filters.size === 0 ? {} : { filters: packRows(refs.filters) }),
  settings: packRows(refs.settings),
})

export const unpackRefs = (packed: PackedRefs): Refs => ({
  opened: unpackMaybe(packed.opened),
  sessions: new Map(
    packed.sessions.map(([id, joined, moved, voice, later]) => [
      id,
      {
        joined: unpack(joined),
        moved: unpackMaybe(moved),
        marks: {
          ...(voice === null ? {} : { voice: unpack(voice) }),
          ...Object.fromEntries((later ?? []).map(([name, ref]) => [name, unpack(ref)])),
        },
      },
    ]),
  ),
  held: unpackRows(packed.held),
  grants: unpackRows(packed.grants),
  bans: unpackRows(packed.bans),
  mutes: unpackRows(packed.mutes),
  pinned: unpackRows(packed.pinned ?? []),
  queue: unpackRows(packed.queue ?? []),
  filters: unpackRows(packed.filters ?? []),
  lists: unpackRows(packed.lists ?? []),
  settings: unpackRows(packed.settings),
})
