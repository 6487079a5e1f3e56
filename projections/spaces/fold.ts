/** Every space in which anything happened, and the ends of its two streams. */

import { sql } from 'slonik'
import { isCaseEvent } from '../../domain/cases/events.ts'
import { isChatEvent } from '../../domain/chat/events.ts'
import type { Projection, Row } from '../projection.ts'
import { recordset, spaceMapKey } from '../projection.ts'

type Known = {
  space_type: string
  space_id: string
  title?: string
  owner?: string | null
  visibility?: string
  opened_at?: string
  revision?: bigint
  chat_revision?: bigint
  position: bigint
}
type Changes = Map<string, Known>

export const spaces: Projection<Changes> = {
  name: 'spaces',
  tables: [{ name: 'presence_spaces', key: ['space_type', 'space_id'] }],
  start: () => new Map(),
  fold: (changes, { event, space, position, revision }) => {
    // A refusal may be about a space that does not exist, and nobody in the space is to notice a report.
    if (event.type === 'CommandRefused' || isCaseEvent(event)) return
    const key = spaceMapKey(space)
    let known = changes.get(key)
    if (known === undefined) {
      known = { space_type: space.type, space_id: space.id, position }
      changes.set(key, known)
    }
    known.position = position
    if (isChatEvent(event)) known.chat_revision = revision
    else known.revision = revision
    if (event.type === 'SpaceOpened') {
      known.title = event.data.title
      known.owner = event.data.owner
      known.visibility = event.data.visibility
      known.opened_at = event.data.at
    }
  },
  write: (changes) => {
    if (changes.size === 0) return []
    const told = [...changes.values()].map(
      ({ revision, chat_revision, position, ...known }): Row => ({
        ...known,
        ...(revision === undefined ? {} : { revision: String(revision) }),
        ...(chat_revision === undefined ? {} : { chat_revision: String(chat_revision) }),
        position: String(position),
      }),
    )
    const rows = recordset(told, {
      space_type: 'text',
      space_id: 'text',
      title: 'text',
      owner: 'text',
      visibility: 'text',
      opened_at: 'timestamptz',
      revision: 'int8',
      chat_revision: 'int8',
      position: 'int8',
    })
    return [
      sql.unsafe`INSERT INTO presence_spaces AS t
          (space_type, space_id, title, owner, visibility, opened_at, revision, chat_revision, position)
        SELECT space_type, space_id, title, owner, visibility, opened_at, revision, chat_revision, position
        FROM ${rows}
        ON CONFLICT (space_type, space_id) DO UPDATE SET
          title = coalesce(excluded.title, t.title),
          owner = CASE WHEN excluded.opened_at IS NULL THEN t.owner ELSE excluded.owner END,
          visibility = coalesce(excluded.visibility, t.visibility),
          opened_at = coalesce(excluded.opened_at, t.opened_at),
          revision = greatest(t.revision, excluded.revision),
          chat_revision = greatest(t.chat_revision, excluded.chat_revision),
          position = greatest(t.position, excluded.position)`,
    ]
  },
}
