/** The lasting entities of a space's rooms. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import type { SpaceRef } from '../../domain/names.ts'
import { type Query, query } from '../query.ts'
import type { EntityRow } from '../read-models.ts'

export const entitiesOf = (space: SpaceRef): Query<EntityRow> =>
  query(
    sql.unsafe`SELECT subspace, entity_id, components FROM presence_entities
      WHERE space_type = ${space.type} AND space_id = ${space.id} ORDER BY subspace, entity_id`,
    t.type({ subspace: t.string, entity_id: t.string, components: t.UnknownRecord }),
  )
