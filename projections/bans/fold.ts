/** Who is banned and who is muted. A restriction that has run out stays in the table until it is lifted or replaced:
 *  readers compare `until` with their clock. */
import { type Latest, type Projection, spaceMapKey, writeLatest } from '../projection.ts'

const BANS = { name: 'presence_bans', key: ['space_type', 'space_id', 'subject'] }
const MUTES = { name: 'presence_mutes', key: BANS.key }
const KEY = { space_type: 'text', space_id: 'text', subject: 'text' } as const
const VALUES = { reason: 'text', until: 'timestamptz', created_at: 'timestamptz' } as const
const BAN_COLUMNS = { ...KEY, banned_by: 'text', ...VALUES } as const
const MUTE_COLUMNS = { ...KEY, muted_by: 'text', ...VALUES } as const

type Changes = { readonly bans: Latest; readonly mutes: Latest }

export const bans: Projection<Changes> = {
  name: 'bans',
  tables: [BANS, MUTES],
  start: () => ({ bans: new Map(), mutes: new Map() }),
  fold: (changes, { event, space }) => {
    switch (event.type) {
      case 'AccountBanned':
      case 'AccountMuted': {
        const { subject, by, reason, until, at } = event.data
        const key = { space_type: space.type, space_id: space.id, subject }
        const values = { reason, until, created_at: at }
        if (event.type === 'AccountBanned')
          changes.bans.set(spaceMapKey(space, subject), { key, row: { ...key, banned_by: by.id, ...values } })
        else
          changes.mutes.set(spaceMapKey(space, subject), { key, row: { ...key, muted_by: by.id, ...values } })
        return
      }
      case 'AccountUnbanned':
      case 'AccountUnmuted': {
        const { subject } = event.data
        const key = { space_type: space.type, space_id: space.id, subject }
        const of = event.type === 'AccountUnbanned' ? changes.bans : changes.mutes
        of.set(spaceMapKey(space, subject), { key, row: null })
        return
      }
      default:
        return
    }
  },
  write: (changes) => [
    ...writeLatest(BANS, KEY, BAN_COLUMNS, changes.bans),
    ...writeLatest(MUTES, KEY, MUTE_COLUMNS, changes.mutes),
  ],
}
