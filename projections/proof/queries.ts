/** Queries of the log's tree. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import type { Statement } from '../projection.ts'
import { count, decimal, iso, nullable, type Query, query } from '../query.ts'

type Place = { readonly level: number; readonly index: number }

/** The leaf `p` at which each place's hash `r` is kept, and the hash's 32 bytes in it. */
const HASH = sql.fragment`substr(p.hashes, 32 * r.level + 1, 32)`
const joined = (places: ReadonlyArray<Place>) =>
  sql.fragment`unnest(${sql.array(
    places.map(({ level, index }) => String((index + 1) * 2 ** level - 1)),
    'int8',
  )}, ${sql.array(
    places.map(({ level }) => level),
    'int4',
  )}) WITH ORDINALITY AS r (leaf, level, nth) JOIN proof_leaves p ON p.leaf = r.leaf`

/** The hashes of full subtrees, in hex as `hash`, in the order asked; fewer rows if some are missing. */
export const hashesAt = (places: ReadonlyArray<Place>): Statement =>
  sql.unsafe`SELECT encode(${HASH}, 'hex') AS hash FROM ${joined(places)} ORDER BY r.nth`

/** The same as one row, with their bytes one after the other as `hashes`; shorter if some are missing. */
export const joinedHashesAt = (places: ReadonlyArray<Place>): Statement =>
  sql.unsafe`SELECT string_agg(${HASH}, '' ORDER BY r.nth) AS hashes FROM ${joined(places)}`

export const hashRow = t.type({ hash: t.string })

/** The last leaf: `leaf` and `position`, or no row. */
export const lastLeaf = (): Statement =>
  sql.unsafe`SELECT leaf, position FROM proof_leaves ORDER BY leaf DESC LIMIT 1`

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
      FROM presence_audit_log a JOIN proof_leaves p USING (position)
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
