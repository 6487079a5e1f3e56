/** Who is in: live sessions only. `last_activity` is the session's own last event: joining, moving, voice. */
import { sql } from 'slonik'
import { type Projection, type Row, recordset, remove, type Told, upsert } from '../projection.ts'

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
  node: 'text',
  boot: 'text',
  revision: 'int8',
} as const

type SessionRow = { -readonly [column in keyof typeof COLUMNS]: unknown }
type Patch = { last_activity: string; moved: boolean } & Partial<
  Pick<SessionRow, 'subspace' | 'position' | 'voice_enabled'>
>
type Change =
  | { readonly kind: 'put'; readonly row: SessionRow }
  /** A change to a row that an earlier batch wrote. */
  | { readonly kind: 'patch'; readonly patch: Patch }
  | { readonly kind: 'gone' }
type Changes = Map<string, Change>

const patch = (changes: Changes, sessionId: string, patched: Patch): void => {
  const before = changes.get(sessionId)
  if (before === undefined) {
    changes.set(sessionId, { kind: 'patch', patch: patched })
    return
  }
  switch (before.kind) {
    case 'put': {
      const { moved, ...values } = patched
      Object.assign(before.row, values)
      return
    }
    case 'patch':
      Object.assign(before.patch, { ...patched, moved: before.patch.moved || patched.moved })
      return
    case 'gone':
      return
    default:
      before satisfies never
  }
}

const fold = (changes: Changes, { event, metadata, space, revision }: Told): void => {
  switch (event.type) {
    case 'SessionJoined': {
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
        voice_enabled: false,
        node: metadata.node,
        boot: data.boot,
        revision: String(revision),
      }
      changes.set(data.sessionId, { kind: 'put', row })
      return
    }
    case 'SessionMoved': {
      const { sessionId, to, position, at } = event.data
      patch(changes, sessionId, { subspace: to, position, last_activity: at, moved: true })
      return
    }
    case 'VoiceStarted':
    case 'VoiceStopped': {
      const { sessionId, at } = event.data
      patch(changes, sessionId, {
        voice_enabled: event.type === 'VoiceStarted',
        last_activity: at,
        moved: false,
      })
      return
    }
    case 'SessionLeft':
      changes.set(event.data.sessionId, { kind: 'gone' })
      return
    default:
      return
  }
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
        case 'put':
          put.push(change.row)
          break
        case 'patch':
          patched.push({ session_id, ...change.patch })
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
                voice_enabled = coalesce(r.voice_enabled, t.voice_enabled)
              FROM ${recordset(patched, {
                session_id: 'text',
                last_activity: 'timestamptz',
                moved: 'bool',
                subspace: 'text',
                position: 'jsonb',
                voice_enabled: 'bool',
              })}
              WHERE t.session_id = r.session_id`,
          ]
        : []),
    ]
  },
}
