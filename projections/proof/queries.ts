/** Queries of the log's tree. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import type { Statement } from '../projection.ts'
import { count, decimal, iso, nullable, type Query, query } from '../query.ts'
import { EMPTY_EDGE, extend, type Hash, rootOf } from './merkle.ts'
import { TILE_LEAVES, TILE_LEVEL } from './tree.ts'

type Place = { readonly level: number; readonly index: number }

/** What the hash of each full subtree is made of, in hex as `hash`, in the order asked: its own 32 bytes, or those of the
 *  tile's leaves under it; null if it is missing. */
export const hashesAt = (places: ReadonlyArray<Place>): Statement =>
  sql.unsafe`SELECT encode(coalesce(
      (SELECT substr(p.hashes, 32 * r.level + 1, 32) FROM proof_leaves p WHERE p.leaf = r.leaf),
      (SELECT CASE WHEN r.level >= ${TILE_LEVEL} THEN substr(t.upper, 32 * (r.level - ${TILE_LEVEL}) + 1, 32)
        ELSE substr(t.hashes, 32 * (r.leaf - ${TILE_LEAVES} * t.tile + 1 - (1 << r.level))::int4 + 1, 32 << r.level) END
        FROM proof_tiles t WHERE t.tile = r.leaf / ${TILE_LEAVES})), 'hex') AS hash
    FROM unnest(${sql.array(
      places.map(({ level, index }) => String((index + 1) * 2 ** level - 1)),
      'int8',
    )}, ${sql.array(
      places.map(({ level }) => level),
      'int4',
    )}) WITH ORDINALITY AS r (leaf, level, nth) ORDER BY r.nth`

export const hashRow = t.type({ hash: nullable(t.string) })

/** The hashes from the rows of `hashesAt`; null if one is missing. */
export const hashesFrom = (
  places: ReadonlyArray<Place>,
  rows: ReadonlyArray<{ readonly hash?: unknown }>,
): ReadonlyArray<Hash> | null => {
  const hashes: Hash[] = []
  for (const [i, { level }] of places.entries()) {
    const bytes = Buffer.from(String(rows[i]?.hash ?? ''), 'hex')
    if (bytes.length === 32) hashes.push(bytes)
    else if (level < TILE_LEVEL && bytes.length === 32 * 2 ** level) hashes.push(rootOfLeaves(bytes))
    else return null
  }
  return hashes
}
const rootOfLeaves = (bytes: Buffer): Hash => {
  const leaves: Hash[] = []
  for (let at = 0; at < bytes.length; at += 32) leaves.push(bytes.subarray(at, at + 32))
  return rootOf(extend(EMPTY_EDGE, leaves).edge)
}

/** The last leaf: `leaf` and `position`, or no row. */
export const lastLeaf = (): Statement =>
  sql.unsafe`SELECT leaf, position FROM (
      (SELECT leaf, position FROM proof_leaves ORDER BY leaf DESC LIMIT 1)
      UNION ALL (SELECT ${TILE_LEAVES} * tile + ${TILE_LEAVES - 1}, position FROM proof_tiles ORDER BY tile DESC LIMIT 1)
    ) AS ends ORDER BY leaf DESC LIMIT 1`

/** The leaves after the last whole tile, in order: `leaf`, `position` and `hashes` in hex. */
export const tailOfTree = (): Statement =>
  sql.unsafe`SELECT leaf, position, encode(hashes, 'hex') AS hashes FROM proof_leaves ORDER BY leaf`

/** A leaf's `position`, null if there is no such leaf. */
export const positionAt = (leaf: number): Statement =>
  sql.unsafe`SELECT coalesce((SELECT position FROM proof_leaves WHERE leaf = ${String(leaf)}::int8),
    (SELECT positions[${leaf % TILE_LEAVES} + 1] FROM proof_tiles
      WHERE tile = ${String(Math.floor(leaf / TILE_LEAVES))}::int8)) AS position`

/** The leaf `p` at the position of `a`. */
const LEAF_AT = sql.fragment`LATERAL (
    SELECT leaf FROM proof_leaves WHERE position = a.position
    UNION ALL SELECT ${TILE_LEAVES} * tile + array_position(positions, a.position) - 1 FROM (
        SELECT tile, positions FROM proof_tiles WHERE position >= a.position ORDER BY position LIMIT 1) AS t
      WHERE array_position(positions, a.position) IS NOT NULL) AS p`

/** The leaves at these positions: rows of `position` and `leaf`. */
export const leavesAt = (positions: ReadonlyArray<bigint>): Statement =>
  sql.unsafe`SELECT a.position, p.leaf FROM unnest(${sql.array(positions.map(String), 'int8')}) AS a (position)
    CROSS JOIN ${LEAF_AT}`

export const leafRow = t.type({ leaf: decimal, position: decimal })

/** An audited event, by position or by id: where it is in the tree, and whom it concerns. */
export type Audited = t.TypeOf<typeof audited>
const audited = t.type({
  position: decimal,
  event_id: t.string,
  space_type: t.string,
  space_id: t.string,
  user_account: nullable(t.string),
  guest_id: nullable(t.string),
  target: nullable(t.string),
  stream: t.string,
  leaf: decimal,
  /** True for the event that a filter reported its author, which only moderators may know of. */
  reports: t.boolean,
})
export const auditedBy = (by: { readonly position: string } | { readonly event: string }): Query<Audited> =>
  query(
    sql.unsafe`SELECT a.position, a.event_id, a.space_type, a.space_id, a.user_account, a.guest_id, a.target, a.stream, p.leaf,
        (a.action = 'FilterActed' AND a.details ->> 'act' = 'report') AS reports
      FROM presence_audit_log a CROSS JOIN ${LEAF_AT}
      WHERE ${
        'position' in by
          ? sql.fragment`a.position = ${by.position}::int8`
          : sql.fragment`hashtextextended(a.event_id, 0) = hashtextextended(${by.event}, 0)
            AND a.event_id = ${by.event}`
      } ORDER BY a.position LIMIT 1`,
    audited as t.Type<Audited, Audited, unknown>,
  )

/** A checkpoint that was issued. `root` in base64; `note` is the signed text. */
export type IssuedCheckpoint = t.TypeOf<typeof issued>
const issued = t.type({
  number: decimal,
  size: decimal,
  root: t.string,
  note: t.string,
  vkey: t.string,
  at: nullable(iso),
})
const asIssued = issued as t.Type<IssuedCheckpoint, IssuedCheckpoint, unknown>
const COLUMNS = sql.fragment`number, size, root, note, vkey, issued_at AS at`

export const newestCheckpoint = (vkey: string): Query<IssuedCheckpoint> =>
  query(
    sql.unsafe`SELECT ${COLUMNS} FROM proof_checkpoints WHERE vkey = ${vkey} ORDER BY number DESC LIMIT 1`,
    asIssued,
  )

/** A key's newest checkpoint that has at most so many events and a smaller number. */
export const checkpointUpTo = (vkey: string, size: number, number: number): Query<IssuedCheckpoint> =>
  query(
    sql.unsafe`SELECT ${COLUMNS} FROM proof_checkpoints WHERE vkey = ${vkey} AND size <= ${String(size)}::int8
      AND number < ${String(number)}::int8 ORDER BY number DESC LIMIT 1`,
    asIssued,
  )

/** The signed notes that say that the log went back (went-back.ts). */
export const wentBackNotes = (): Query<{ readonly note: string }> =>
  query(
    sql.unsafe`SELECT note FROM proof_went_back ORDER BY note LIMIT 1000`,
    t.type({ note: t.string }) as t.Type<{ readonly note: string }, { readonly note: string }, unknown>,
  )
export const keepWentBack = (note: string): Statement =>
  sql.unsafe`INSERT INTO proof_went_back (note) VALUES (${note}) ON CONFLICT DO NOTHING`

/** The checkpoint of this number that the key signed. */
export const numberedCheckpoint = (vkey: string, number: number): Query<IssuedCheckpoint> =>
  query(
    sql.unsafe`SELECT ${COLUMNS} FROM proof_checkpoints WHERE vkey = ${vkey} AND number = ${String(number)}::int8`,
    asIssued,
  )

/** A key's checkpoints from a number on, in order. */
export const checkpointsFrom = (vkey: string, number: number, limit: number): Query<IssuedCheckpoint> =>
  query(
    sql.unsafe`SELECT ${COLUMNS} FROM proof_checkpoints WHERE vkey = ${vkey} AND number >= ${String(number)}::int8
      ORDER BY number LIMIT ${limit}`,
    asIssued,
  )

/** How many checkpoints a key has. */
export const checkpointCount = (vkey: string): Query<{ readonly count: number }> =>
  query(
    sql.unsafe`SELECT count(*) AS count FROM proof_checkpoints WHERE vkey = ${vkey}`,
    t.type({ count }) as t.Type<{ readonly count: number }, { readonly count: number }, unknown>,
  )

/** A place among all checkpoints. */
export type CheckpointPlace = { readonly size: string; readonly vkey: string; readonly number: string }
/** The checkpoints after a place, the smaller first. Rows of `size`, `vkey`, `number`, `root`, `note`, `at`. */
export const checkpointsAfter = ({ size, vkey, number }: CheckpointPlace, limit: number): Statement =>
  sql.unsafe`SELECT ${COLUMNS} FROM proof_checkpoints
    WHERE (size, vkey, number) > (${size}::int8, ${vkey}, ${number}::int8)
    ORDER BY size, vkey, number LIMIT ${limit}`

/** The same in the order of their numbers. */
export const numberedAfter = ({ vkey, number }: Omit<CheckpointPlace, 'size'>, limit: number): Statement =>
  sql.unsafe`SELECT ${COLUMNS} FROM proof_checkpoints
    WHERE (vkey, number) > (${vkey}, ${number}::int8) ORDER BY vkey, number LIMIT ${limit}`

/** Each key's newest checkpoint. */
export const newestOfEach = (): Statement =>
  sql.unsafe`SELECT DISTINCT ON (vkey) ${COLUMNS} FROM proof_checkpoints ORDER BY vkey, number DESC`

export type NewCheckpoint = {
  readonly number: number
  readonly size: number
  readonly vkey: string
  readonly root: string
  readonly note: string
  /** ISO 8601. */
  readonly at: string
}
/** An existing one stays as it is: then there is no row. */
export const keepCheckpoint = ({ number, size, vkey, root, note, at }: NewCheckpoint): Statement =>
  sql.unsafe`INSERT INTO proof_checkpoints (number, size, vkey, root, note, issued_at)
    VALUES (${String(number)}::int8, ${String(size)}::int8, ${vkey}, ${root}, ${note}, ${at}::timestamptz)
    ON CONFLICT DO NOTHING RETURNING number`
