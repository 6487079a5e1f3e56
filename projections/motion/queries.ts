/** Queries of a room's blocks of motion. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import type { SpaceRef } from '../../domain/names.ts'
import { type Query, query } from '../query.ts'

/** `starts` and `ends` in ms. */
export const MotionRow = t.type({
  block: t.string,
  subspace: t.string,
  track: t.string,
  number: t.number,
  is_last: t.boolean,
  boot: t.string,
  starts: t.number,
  ends: t.number,
  movers: t.number,
  root: t.string,
  kept_until: t.number,
  position: t.string,
})
export type MotionRow = t.TypeOf<typeof MotionRow>

const COLUMNS = sql.fragment`block, subspace, track, number, is_last, boot, movers, root, position::text AS position,
  (extract(epoch FROM starts_at) * 1000)::float8 AS starts, (extract(epoch FROM ends_at) * 1000)::float8 AS ends,
  (extract(epoch FROM kept_until) * 1000)::float8 AS kept_until`
type Room = { readonly space: SpaceRef; readonly subspace: string }
const inRoom = ({ space, subspace }: Room) =>
  sql.fragment`space_type = ${space.type} AND space_id = ${space.id} AND subspace = ${subspace}`

/** The blocks in this span of time, in the order in which they begin; `after`: the last one of the page before. */
export const motionBetween = (
  room: Room,
  { from, to }: { readonly from: number; readonly to: number },
  after: Pick<MotionRow, 'starts' | 'block'> | null,
  limit: number,
): Query<MotionRow> =>
  query(
    sql.unsafe`SELECT ${COLUMNS} FROM presence_motion
      WHERE ${inRoom(room)} AND ends_at >= ${new Date(from).toISOString()}::timestamptz
        AND starts_at <= ${new Date(to).toISOString()}::timestamptz
        AND (starts_at, block) > (${new Date(after?.starts ?? 0).toISOString()}::timestamptz, ${after?.block ?? ''})
      ORDER BY starts_at, block LIMIT ${limit}`,
    MotionRow,
  )

/** The last block of a room that a server kept up to that time. */
export const motionLast = (room: Room, boot: string, until: number): Query<MotionRow> =>
  query(
    sql.unsafe`SELECT ${COLUMNS} FROM presence_motion
      WHERE ${inRoom(room)} AND boot = ${boot} AND starts_at <= ${new Date(until).toISOString()}::timestamptz
      ORDER BY starts_at DESC LIMIT 1`,
    MotionRow,
  )
