/** A space's settings. No row: the defaults are in force. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import type { SpaceRef } from '../../domain/names.ts'
import { SettingsChanges, settingsIn } from '../../domain/settings.ts'
import { names } from '../projection.ts'
import { iso, nullable, type Query, query } from '../query.ts'
import type { SettingsRow } from '../read-models.ts'
import { OWN_COLUMNS } from './fold.ts'

const codec = t.intersection([
  SettingsChanges,
  t.type({ others: SettingsChanges, updated_by: nullable(t.string), updated_at: nullable(iso) }),
])

export const settingsOf = (space: SpaceRef): Query<t.TypeOf<typeof codec>> =>
  query(
    sql.unsafe`SELECT settings, others, ${names(OWN_COLUMNS)}, updated_by, updated_at
      FROM presence_space_settings WHERE space_type = ${space.type} AND space_id = ${space.id}`,
    codec,
  )

export const settingsRow = (space: SpaceRef, row: t.TypeOf<typeof codec> | undefined): SettingsRow => ({
  space_type: space.type,
  space_id: space.id,
  ...settingsIn({ ...row?.others, ...row }),
  updated_by: row?.updated_by ?? null,
  updated_at: row?.updated_at ?? null,
})
