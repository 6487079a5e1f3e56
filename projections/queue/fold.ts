/** Who waits for a seat in a full room: one row per place. A place that is over stays in the table until it is given up
 *  or taken again: readers compare `until` with their clock. */
import { sql } from 'slonik'
import { type Latest, type Projection, type Row, recordset, spaceMapKey, writeLatest } from '../projection.ts'

const TABLE = { name: 'presence_queue', key: ['space_type', 'space_id', 'subject'] }
const SPACE = { space_type: 'text', space_id: 'text' } as const
const KEY = { ...SPACE, subject: 'text' } as const
const COLUMNS = { ...KEY, subspace: 'text', ahead: 'text', until: 'timestamptz' } as const

/** `emptied`: queues that were switched off; applied before `rows`. */
type Changes = { readonly emptied: Map<string, Row>; readonly rows: Latest }

export const queue: Projection<Changes> = {
  name: 'queue',
  tables: [TABLE],
  start: () => ({ emptied: new Map(), rows: new Map() }),
  fold: ({ emptied, rows }, { event, space }) => {
    const of = { space_type: space.type, space_id: space.id }
    const keyFor = (subject: string) => ({ key: { ...of, subject }, name: spaceMapKey(space, subject) })
    switch (event.type) {
      case 'PlaceTaken': {
        const { subject, subspace, ahead, until } = event.data
        const { key, name } = keyFor(subject)
        rows.set(name, { key, row: { ...key, subspace, ahead, until } })
        return
      }
      case 'PlaceGivenUp':
      case 'EntryGranted': {
        const { key, name } = keyFor(event.data.subject)
        rows.set(name, { key, row: null })
        return
      }
      case 'SessionJoined': {
        const { key, name } = keyFor(event.data.account ?? event.data.guest ?? '')
        rows.set(name, { key, row: null })
        return
      }
      case 'SettingsChanged': {
        if (event.data.changes.queue !== false) return
        const name = spaceMapKey(space)
        for (const key of rows.keys()) if (key.startsWith(`${name}\n`)) rows.delete(key)
        emptied.set(name, of)
        return
      }
      default:
        return
    }
  },
  write: ({ emptied, rows }) => [
    ...(emptied.size === 0
      ? []
      : [
          sql.unsafe`DELETE FROM presence_queue AS q USING ${recordset(emptied.values(), SPACE)}
            WHERE q.space_type = r.space_type AND q.space_id = r.space_id`,
        ]),
    ...writeLatest(TABLE, KEY, COLUMNS, rows),
  ],
}
