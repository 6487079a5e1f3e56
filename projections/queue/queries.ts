/** The rooms in which somebody waits for a seat. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import type { Subject } from '../../domain/identity.ts'
import { type Query, query, spaceType } from '../query.ts'
import type { PlaceRow } from '../read-models.ts'

/** The most that are listed: whoever waits in more rooms wants none of them. */
const MOST = 100

export const placesOf = (subject: Subject): Query<PlaceRow> =>
  query(
    sql.unsafe`SELECT space_type, space_id FROM presence_queue
      WHERE subject = ${subject} AND until > now() ORDER BY space_type, space_id LIMIT ${MOST}`,
    t.type({ space_type: spaceType, space_id: t.string }),
  )
