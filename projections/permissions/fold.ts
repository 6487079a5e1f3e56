/** Who was granted what in a space: by its own permissions, not by its content. */
import { type Latest, type Projection, spaceMapKey, writeLatest } from '../projection.ts'

const TABLE = { name: 'presence_permissions', key: ['space_type', 'space_id', 'user_account'] }
const KEY = { space_type: 'text', space_id: 'text', user_account: 'text' } as const
const COLUMNS = {
  ...KEY,
  permission: 'text',
  granted_by: 'text',
  reason: 'text',
  created_at: 'timestamptz',
} as const

export const permissions: Projection<Latest> = {
  name: 'permissions',
  tables: [TABLE],
  start: () => new Map(),
  fold: (latest, { event, space }) => {
    if (event.type !== 'PermissionGranted' && event.type !== 'PermissionRevoked') return
    const { account, permission, by, reason, at } = event.data
    const key = { space_type: space.type, space_id: space.id, user_account: account }
    const row =
      event.type === 'PermissionGranted'
        ? { ...key, permission, granted_by: by.id, reason, created_at: at }
        : null
    latest.set(spaceMapKey(space, account), { key, row })
  },
  write: (latest) => writeLatest(TABLE, KEY, COLUMNS, latest),
}
