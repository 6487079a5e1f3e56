/** The pinned entities of rooms' scenes, one row each. */
import { sql } from 'slonik'
import { type Latest, type Projection, type Row, recordset, spaceMapKey, writeLatest } from '../projection.ts'

const TABLE = { name: 'presence_entities', key: ['space_type', 'space_id', 'subspace', 'entity_id'] }
const KEY = { space_type: 'text', space_id: 'text', subspace: 'text', entity_id: 'text' } as const
const CHANGING = { components: 'jsonb', content_by: 'text', changed_at: 'timestamptz' } as const
const COLUMNS = {
  ...KEY,
  template: 'text',
  ownership: 'text',
  pinned_by: 'text',
  pinned_at: 'timestamptz',
  ...CHANGING,
} as const

/** `changed`: changes to entities whose row is from before this batch. */
type Changes = { readonly rows: Latest; readonly changed: Map<string, Row> }

export const entities: Projection<Changes> = {
  name: 'entities',
  tables: [TABLE],
  start: () => ({ rows: new Map(), changed: new Map() }),
  fold: ({ rows, changed }, { event, space }) => {
    switch (event.type) {
      case 'EntityPinned':
      case 'EntityChanged':
      case 'EntityUnpinned': {
        const { subspace, entityId, by, at } = event.data
        const key = { space_type: space.type, space_id: space.id, subspace, entity_id: entityId }
        const name = spaceMapKey(space, subspace, entityId)
        if (event.type === 'EntityUnpinned') {
          changed.delete(name)
          rows.set(name, { key, row: null })
          return
        }
        const content = { components: event.data.components, content_by: by.id, changed_at: at }
        if (event.type === 'EntityPinned') {
          const { template, ownership } = event.data
          changed.delete(name)
          rows.set(name, {
            key,
            row: { ...key, template, ownership, pinned_by: by.id, pinned_at: at, ...content },
          })
          return
        }
        const known = rows.get(name)
        if (known === undefined) changed.set(name, { ...key, ...content })
        else if (known.row !== null) rows.set(name, { key, row: { ...known.row, ...content } })
        return
      }
      default:
        return
    }
  },
  write: ({ rows, changed }) => [
    ...writeLatest(TABLE, KEY, COLUMNS, rows),
    ...(changed.size === 0
      ? []
      : [
          sql.unsafe`UPDATE presence_entities AS e
            SET components = r.components, content_by = r.content_by, changed_at = r.changed_at
            FROM ${recordset(changed.values(), { ...KEY, ...CHANGING })}
            WHERE e.space_type = r.space_type AND e.space_id = r.space_id
              AND e.subspace = r.subspace AND e.entity_id = r.entity_id`,
        ]),
  ],
}
