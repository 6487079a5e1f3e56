/** A space's settings, where they were ever changed. A change names only what it changes. */
import { sql } from 'slonik'
import { DEFAULT_SETTINGS } from '../../domain/space/state.ts'
import { type Projection, type Row, recordset, spaceMapKey } from '../projection.ts'

type Change = {
  readonly space_type: string
  readonly space_id: string
  /** Keys of the free part to set, and to remove. */
  readonly free: Record<string, unknown>
  readonly removed: Set<string>
  values: Record<string, unknown>
  updated_by: string
  updated_at: string
}
type Changes = Map<string, Change>

export const settings: Projection<Changes> = {
  name: 'settings',
  tables: [{ name: 'presence_space_settings', key: ['space_type', 'space_id'] }],
  start: () => new Map(),
  fold: (changes, { event, space }) => {
    if (event.type !== 'SettingsChanged') return
    const { changes: named, by, at } = event.data
    const key = spaceMapKey(space)
    let change = changes.get(key)
    if (change === undefined) {
      change = {
        space_type: space.type,
        space_id: space.id,
        free: {},
        removed: new Set(),
        values: {},
        updated_by: by.id,
        updated_at: at,
      }
      changes.set(key, change)
    }
    const { settings: free, ...values } = named
    change.values = { ...change.values, ...values }
    change.updated_by = by.id
    change.updated_at = at
    for (const [name, value] of Object.entries(free ?? {}))
      if (value === null) {
        delete change.free[name]
        change.removed.add(name)
      } else {
        change.free[name] = value
        change.removed.delete(name)
      }
  },
  write: (changes) => {
    if (changes.size === 0) return []
    const rows: Row[] = []
    for (const { values, free, removed, ...rest } of changes.values())
      rows.push({ ...rest, ...values, free, removed: [...removed] })
    const { chat_enabled, voice_enabled, guests_allowed, max_users, slow_mode_seconds } = DEFAULT_SETTINGS
    const r = recordset(rows, {
      space_type: 'text',
      space_id: 'text',
      free: 'jsonb',
      removed: 'text[]',
      chat_enabled: 'bool',
      voice_enabled: 'bool',
      guests_allowed: 'bool',
      max_users: 'int4',
      slow_mode_seconds: 'int4',
      updated_by: 'text',
      updated_at: 'timestamptz',
    })
    return [
      sql.unsafe`MERGE INTO presence_space_settings AS t USING (SELECT * FROM ${r}) AS r
        ON t.space_type = r.space_type AND t.space_id = r.space_id
        WHEN MATCHED THEN UPDATE SET
          settings = (t.settings - r.removed) || r.free,
          chat_enabled = coalesce(r.chat_enabled, t.chat_enabled),
          voice_enabled = coalesce(r.voice_enabled, t.voice_enabled),
          guests_allowed = coalesce(r.guests_allowed, t.guests_allowed),
          max_users = coalesce(r.max_users, t.max_users),
          slow_mode_seconds = coalesce(r.slow_mode_seconds, t.slow_mode_seconds),
          updated_by = r.updated_by,
          updated_at = r.updated_at
        WHEN NOT MATCHED THEN INSERT (space_type, space_id, settings, chat_enabled, voice_enabled, guests_allowed,
            max_users, slow_mode_seconds, updated_by, updated_at)
          VALUES (r.space_type, r.space_id, r.free, coalesce(r.chat_enabled, ${chat_enabled}),
            coalesce(r.voice_enabled, ${voice_enabled}), coalesce(r.guests_allowed, ${guests_allowed}),
            coalesce(r.max_users, ${max_users}), coalesce(r.slow_mode_seconds, ${slow_mode_seconds}),
            r.updated_by, r.updated_at)`,
    ]
  },
}
