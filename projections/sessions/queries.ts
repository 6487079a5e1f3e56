/** Who is where. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import type { SpaceRef } from '../../domain/names.ts'
import { count, iso, nullable, type Query, query, spaceType } from '../query.ts'
import type { SessionRow, SubroomRow } from '../read-models.ts'

const props = {
  session_id: t.string,
  socket_id: t.string,
  user_account: nullable(t.string),
  guest_id: nullable(t.string),
  subspace: t.string,
  connected_at: iso,
  last_activity: iso,
  position: t.unknown,
  avatar_data: t.unknown,
  voice_enabled: t.boolean,
  marks: t.UnknownRecord,
  node: t.string,
}
const columns = sql.fragment`session_id, socket_id, user_account, guest_id, subspace, connected_at, last_activity,
  position, avatar_data, voice_enabled, marks, node`

/** In the order in which they came. */
export const connectedUsers = (space: SpaceRef): Query<SessionRow> =>
  query(
    sql.unsafe`SELECT ${columns} FROM presence_sessions
      WHERE space_type = ${space.type} AND space_id = ${space.id} ORDER BY revision, session_id`,
    t.type(props),
  )

export const subrooms = (space: SpaceRef): Query<SubroomRow> =>
  query(
    sql.unsafe`SELECT subspace, count(session_id) AS active_users FROM (
        SELECT subspace, session_id FROM presence_sessions
        WHERE space_type = ${space.type} AND space_id = ${space.id}
        UNION ALL SELECT 'main', NULL
      ) AS rooms GROUP BY subspace ORDER BY subspace <> 'main', subspace`,
    t.type({ subspace: t.string, active_users: count }),
  )

const ofBoot = t.type({ ...props, space_type: spaceType, space_id: t.string, boot: t.string })
export const sessionsOfBoot = (boot: string): Query<t.TypeOf<typeof ofBoot>> =>
  query(
    sql.unsafe`SELECT ${columns}, space_type, space_id, boot FROM presence_sessions
      WHERE boot = ${boot} ORDER BY space_type, space_id, revision, session_id`,
    ofBoot,
  )

export const boots = (): Query<{ readonly boot: string; readonly sessions: number }> =>
  query(
    sql.unsafe`SELECT boot, count(*) AS sessions FROM presence_sessions GROUP BY boot ORDER BY boot`,
    t.type({ boot: t.string, sessions: count }),
  )
