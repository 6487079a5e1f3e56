/** What the log's tree is asked. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import type { Statement } from '../projection.ts'
import { decimal, iso, nullable, type Query, query } from '../query.ts'

type Place = { readonly level: number; readonly index: number }

/** The hashes of full subtrees, in hex as `hash`, in the order asked; fewer rows where some are not there. */
export const hashesAt = (places: ReadonlyArray<Place>): Statement =>
  sql.unsafe`SELECT encode(substr(p.hashes, 32 * r.level + 1, 32), 'hex') AS hash
    FROM unnest(${sql.array(
      places.map(({ level, index }) => String((index + 1) * 2 ** level - 1)),
      'int8',
    )}, ${sql.array(
      places.map(({ level }) => level),
      'int4',
    )}) WITH ORDINALITY AS r (leaf, level, nth)
    JOIN proof_leaves p ON p.leaf = r.leaf ORDER BY r.nth`

/** The same as one row, `hashes` being their bytes one after the other; shorter where some are not there. */
export const joinedHashesAt = (places: ReadonlyArray<Place>): Statement =>
  sql.unsafe`SELECT string_agg(substr(p.hashes, 32 * r.level + 1, 32), '' ORDER BY r.nth) AS hashes
    FROM unnest(${sql.array(
      places.map(({ level, index }) => String((index + 1) * 2 ** level - 1)),
      'int8',
    )}, ${sql.array(
      places.map(({ level }) => level),
      'int4',
    )}) WITH ORDINALITY AS r (leaf, level, nth)
    JOIN proof_leaves p ON p.leaf = r.leaf`

export const hashRow = t.type({ hash: t.string })

/** The last leaf: `leaf` and `position`, or no row. */
export const lastLeaf = (): Statement =>
  sql.unsafe`SELECT leaf, position FROM proof_leaves ORDER BY leaf DESC LIMIT 1`

export const leafAt = (position: string): Statement =>
  sql.unsafe`SELECT leaf, position FROM proof_leaves WHERE position = ${position}::int8`

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
  leaf: decimal,
})
export const auditedBy = (by: { readonly position: string } | { readonly event: string }): Query<Audited> =>
  query(
    sql.unsafe`SELECT a.position, a.event_id, a.space_type, a.space_id, a.user_account, a.guest_id, a.target, p.leaf
      FROM presence_audit_log a JOIN proof_leaves p USING (position)
      WHERE ${
        'position' in by
          ? sql.fragment`a.position = ${by.position}::int8`
          : sql.fragment`a.event_id = ${by.event}`
      } ORDER BY a.position LIMIT 1`,
    audited as t.Type<Audited, Audited, unknown>,
  )

/** A checkpoint that was issued. `root` in base64; `note` is the signed text. */
export type Issued = t.TypeOf<typeof issued>
const issued = t.type({ size: decimal, root: t.string, note: t.string, vkey: t.string, at: nullable(iso) })
const asIssued = issued as t.Type<Issued, Issued, unknown>

export const newestCheckpoint = (vkey: string): Query<Issued> =>
  query(
    sql.unsafe`SELECT size, root, note, vkey, issued_at AS at FROM proof_checkpoints WHERE vkey = ${vkey}
      ORDER BY size DESC LIMIT 1`,
    asIssued,
  )

/** Of a size, whoever signed it. */
export const checkpointOf = (size: string): Query<Issued> =>
  query(
    sql.unsafe`SELECT size, root, note, vkey, issued_at AS at FROM proof_checkpoints WHERE size = ${size}::int8 LIMIT 1`,
    asIssued,
  )

/** Those after a size, the smaller first. Answers `size`, `vkey`, `root`, `note`. */
export const checkpointsAfter = (size: bigint, vkey: string, limit: number): Statement =>
  sql.unsafe`SELECT size, vkey, root, note FROM proof_checkpoints
    WHERE (size, vkey) > (${String(size)}::int8, ${vkey}) ORDER BY size, vkey LIMIT ${limit}`

/** One that is there stays as it is. */
export const keepCheckpoint = (size: number, vkey: string, root: string, note: string): Statement =>
  sql.unsafe`INSERT INTO proof_checkpoints (size, vkey, root, note)
    VALUES (${String(size)}::int8, ${vkey}, ${root}, ${note}) ON CONFLICT DO NOTHING`
