/** The settings of spaces in which they were ever changed. A change contains only what it changes. */
import { sql } from 'slonik'
import { DEFAULT_SETTINGS, SETTING_NAMES, SETTINGS, type SettingName } from '../../domain/settings.ts'
import { type Columns, names, type Projection, type Row, recordset, spaceMapKey } from '../projection.ts'

/** The settings that have a column of their own. Every other one but the free part is in `others`. */
export const OWN_COLUMNS: ReadonlyArray<SettingName> = SETTING_NAMES.filter(
  (name) => SETTINGS[name].column !== null,
)
const OWN: ReadonlySet<string> = new Set(OWN_COLUMNS)
const COLUMNS: Columns = {
  space_type: 'text',
  space_id: 'text',
  free: 'jsonb',
  removed: 'text[]',
  others: 'jsonb',
  ...Object.fromEntries(OWN_COLUMNS.map((name) => [name, SETTINGS[name].column!])),
  updated_by: 'text',
  updated_at: 'timestamptz',
}
const column = (of: string, name: string) => sql.identifier([of, name])

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
    for (const { values, free, removed, ...rest } of changes.values()) {
      const entries = Object.entries(values)
      const own = entries.filter(([name]) => OWN.has(name))
      const others = entries.filter(([name]) => !OWN.has(name))
      rows.push({
        ...rest,
        ...Object.fromEntries(own),
        others: Object.fromEntries(others),
        free,
        removed: [...removed],
      })
    }
    const r = recordset(rows, COLUMNS)
    const changed = OWN_COLUMNS.map(
      (name) =>
        sql.fragment`${sql.identifier([name])} = coalesce(${column('r', name)}, ${column('t', name)})`,
    )
    const begun = OWN_COLUMNS.map(
      (name) => sql.fragment`coalesce(${column('r', name)}, ${DEFAULT_SETTINGS[name] as boolean | number})`,
    )
    const comma = sql.fragment`, `
    return [
      sql.unsafe`MERGE INTO presence_space_settings AS t USING (SELECT * FROM ${r}) AS r
        ON t.space_type = r.space_type AND t.space_id = r.space_id
        WHEN MATCHED THEN UPDATE SET
          settings = (t.settings - r.removed) || r.free,
          others = t.others || r.others,
          ${sql.join(changed, comma)},
          updated_by = r.updated_by,
          updated_at = r.updated_at
        WHEN NOT MATCHED THEN INSERT (space_type, space_id, settings, others, ${names(OWN_COLUMNS)}, updated_by,
            updated_at)
          VALUES (r.space_type, r.space_id, r.free, r.others, ${sql.join(begun, comma)}, r.updated_by,
            r.updated_at)`,
    ]
  },
}
