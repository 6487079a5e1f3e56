/** Folds which ban lists each space follows, and where their entries come from; the entries themselves are in the space's own state. */
import * as E from 'fp-ts/lib/Either.js'
import { parseSpaceKey } from '../../domain/names.ts'
import { type Latest, type Projection, spaceMapKey, writeLatest } from '../projection.ts'

const TABLE = { name: 'presence_ban_lists', key: ['space_type', 'space_id', 'list_id'] }
const KEY = { space_type: 'text', space_id: 'text', list_id: 'text' } as const
const COLUMNS = {
  ...KEY,
  source_kind: 'text',
  source_type: 'text',
  source_id: 'text',
  followed_by: 'text',
} as const

export const banLists: Projection<Latest> = {
  name: 'ban-lists',
  tables: [TABLE],
  start: () => new Map(),
  fold: (latest, { event, space }) => {
    if (event.type !== 'BanListFollowed' && event.type !== 'BanListLeft') return
    const { listId, by } = event.data
    const key = { space_type: space.type, space_id: space.id, list_id: listId }
    if (event.type === 'BanListLeft') {
      latest.set(spaceMapKey(space, listId), { key, row: null })
      return
    }
    const { source } = event.data
    const from = source.kind === 'space' ? parseSpaceKey(source.space) : null
    const of = from !== null && E.isRight(from) ? from.right : null
    const row = {
      ...key,
      source_kind: source.kind,
      source_type: of?.type ?? null,
      source_id: of?.id ?? null,
      followed_by: by.id,
    }
    latest.set(spaceMapKey(space, listId), { key, row })
  },
  write: (latest) => writeLatest(TABLE, KEY, COLUMNS, latest),
}
