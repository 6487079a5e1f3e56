/** Who is in a space: live sessions only. `last_activity` is the time of the session's own last event: joining, moving, voice. */
import { sql } from 'slonik'
import { isSpaceEvent, spaceEntry } from '../../domain/space/events.ts'
import { isMark, MARKS, type SetsOnSession, setBy } from '../../domain/space/session.ts'
import { type PlacedEvent, type Projection, type Row, recordset, remove, upsert } from '../projection.ts'

const TABLE = { name: 'presence_sessions', key: ['session_id'] }
const COLUMNS = {
  session_id: 'text',
  socket_id: 'text',
  user_account: 'text',
  guest_id: 'text',
  claimed: 'text',
  space_type: 'text',
  space_id: 'text',
  subspace: 'text',
  connected_at: 'timestamptz',
  last_activity: 'timestamptz',
  position: 'jsonb',
  avatar_data: 'jsonb',
  voice_enabled: 'bool',
  /** The marks that have no column of their own. */
  marks: 'jsonb',
  node: 'text',
  boot: 'text',
  revision: 'int8',
} as const

type SessionRow = { -readonly [column in keyof typeof COLUMNS]: unknown }
/** What events set on a session: columns, and the marks that have none of their own. */
type Patch = {
  readonly columns: Readonly<Record<string, unknown>>
  readonly marks: Readonly<Record<string, unknown>>
}
type Change =
  | { readonly kind: 'put'; readonly row: SessionRow }
  /** A change to a row that an earlier batch wrote. */
  | { readonly kind: 'patch'; readonly patch: Patch }
  | { readonly kind: 'gone' }
type Changes = Map<string, Change>

const patch = (changes: Changes, sessionId: string, { columns, marks }: Patch): void => {
  const before = changes.get(sessionId)
  if (before === undefined) {
    changes.set(sessionId, { kind: 'patch', patch: { columns, marks } })
    return
  }
  switch (before.kind) {
    case 'put':
      Object.assign(before.row, columns, { marks: { ...(before.row.marks as object), ...marks } })
      return
    case 'patch': {
      const { patch: first } = before
      const both = { columns: { ...first.columns, ...columns }, marks: { ...first.marks, ...marks } }
      changes.set(sessionId, { kind: 'patch', patch: both })
      return
    }
    case 'gone':
      return
    default:
      before satisfies never
  }
}

/** `moved`: null is a position too. */
const patchOf = (sets: SetsOnSession, data: Readonly<Record<string, unknown>>): Patch => {
  const columns: Record<string, unknown> = { last_activity: data.at }
  const marks: Record<string, unknown> = {}
  for (const [field, value] of Object.entries(setBy(sets, data))) {
    if (!isMark(field)) Object.assign(columns, { [field]: value, moved: true })
    else if (MARKS[field].column !== null) columns[MARKS[field].column] = value
    else marks[field] = value
  }
  return { columns, marks }
}

const fold = (changes: Changes, { event, metadata, space, revision }: PlacedEvent): void => {
  if (event.type === 'SessionJoined') {
    const { data } = event
    const row: SessionRow = {
      session_id: data.sessionId,
      socket_id: data.socketId,
      user_account: data.account,
      guest_id: data.guest,
      claimed: data.claimed,
      space_type: space.type,
      space_id: space.id,
      subspace: data.subspace,
      connected_at: data.at,
      last_activity: data.at,
      position: data.position,
      avatar_data: data.avatarData,
      voice_enabled: MARKS.voice.initial,
      marks: {},
      node: metadata.node,
      boot: data.boot,
      revision: String(revision),
    }
    changes.set(data.sessionId, { kind: 'put', row })
    return
  }
  if (event.type === 'SessionLeft') {
    changes.set(event.data.sessionId, { kind: 'gone' })
    return
  }
  const sets = isSpaceEvent(event) ? spaceEntry(event.type).sets : null
  if (sets !== null && 'sessionId' in event.data)
    patch(changes, event.data.sessionId, patchOf(sets, event.data))
}

export const sessions: Projection<Changes> = {
  name: 'sessions',
  tables: [TABLE],
  start: () => new Map(),
  fold,
  write: (changes) => {
    const put: Row[] = []
    const patched: Row[] = []
    const gone: Row[] = []
    for (const [session_id, change] of changes)
      switch (change.kind) {
        case 'put': {
          const { moved, ...row } = change.row as SessionRow & { moved?: true }
          put.push(row)
          break
        }
        case 'patch':
          patched.push({ session_id, moved: false, ...change.patch.columns, marks: change.patch.marks })
          break
        case 'gone':
          gone.push({ session_id })
          break
        default:
          change satisfies never
      }
    return [
      ...(gone.length > 0 ? [remove(TABLE, { session_id: 'text' }, gone)] : []),
      ...(put.length > 0 ? [upsert(TABLE, COLUMNS, put)] : []),
      ...(patched.length > 0
        ? [
            sql.unsafe`UPDATE presence_sessions AS t SET
                last_activity = r.last_activity,
                subspace = CASE WHEN r.moved THEN r.subspace ELSE t.subspace END,
                position = CASE WHEN r.moved THEN r.position ELSE t.position END,
                voice_enabled = coalesce(r.voice_enabled, t.voice_enabled),
                marks = t.marks || r.marks
              FROM ${recordset(patched, {
                session_id: 'text',
                last_activity: 'timestamptz',
                moved: 'bool',
                subspace: 'text',
                position: 'jsonb',
                voice_enabled: 'bool',
                marks: 'jsonb',
              })}
              WHERE t.session_id = r.session_id`,
          ]
        : []),
    ]
  },
}
