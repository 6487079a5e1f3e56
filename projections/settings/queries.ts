/** A space's settings. No row: the defaults are in force. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import type { SpaceRef } from '../../domain/names.ts'
import { DEFAULT_SETTINGS } from '../../domain/space/state.ts'
import { iso, nullable, type Query, query } from '../query.ts'
import type { SettingsRow } from '../read-models.ts'

export const settingsProps = {
  settings: t.UnknownRecord,
  chat_enabled: t.boolean,
  voice_enabled: t.boolean,
  guests_allowed: t.boolean,
  max_users: t.number,
  slow_mode_seconds: t.number,
  updated_by: nullable(t.string),
  updated_at: nullable(iso),
}
const codec = t.type(settingsProps)

export const settingsOf = (space: SpaceRef): Query<t.TypeOf<typeof codec>> =>
  query(
    sql.unsafe`SELECT settings, chat_enabled, voice_enabled, guests_allowed, max_users, slow_mode_seconds,
        updated_by, updated_at
      FROM presence_space_settings WHERE space_type = ${space.type} AND space_id = ${space.id}`,
    codec,
  )

export const settingsRow = (space: SpaceRef, row: t.TypeOf<typeof codec> | undefined): SettingsRow => ({
  space_type: space.type,
  space_id: space.id,
  ...DEFAULT_SETTINGS,
  updated_by: null,
  updated_at: null,
  ...row,
})
