/** Blocks of motion in Postgres: their sections are in a table of their own; the read model has which blocks exist. */
import * as t from 'io-ts'
import { type DatabasePool, sql } from 'slonik'
import { motionBetween, motionLast } from '../../projections/motion/queries.ts'
import { query } from '../../projections/query.ts'
import { faultOf, openSections, rootOf, type Section, sealSections } from '../motion/sections.ts'
import type { MotionReader, MotionStore } from '../motion/store.ts'
import type { Vault } from '../privacy/vault.ts'
import { rowsOf } from './query.ts'

const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null])
const Bytes = new t.Type<Buffer, Buffer, unknown>(
  'bytes',
  (value): value is Buffer => Buffer.isBuffer(value),
  (value, context) => (Buffer.isBuffer(value) ? t.success(value) : t.failure(value, context)),
  t.identity,
)
const Row = t.type({
  section: t.number,
  subject: nullable(t.string),
  generation: nullable(t.number),
  bytes: nullable(Bytes),
  hash: t.string,
})

const insert = (block: string, sections: ReadonlyArray<Section>, keptUntil: Date) => {
  const rows = sections.map(({ section, subject, generation, bytes, hash }) => [
    section,
    subject,
    generation,
    bytes,
    hash,
  ])
  return sql.unsafe`INSERT INTO motion_sections (block, section, subject, generation, bytes, hash, kept_until)
    SELECT ${block}, s.section, s.subject, s.generation,
      CASE WHEN s.subject IS NULL OR EXISTS (SELECT FROM privacy_keys k
        WHERE k.subject = s.subject AND k.generation = s.generation AND k.erased_by IS NULL) THEN s.bytes END,
      s.hash, ${keptUntil.toISOString()}::timestamptz
    FROM ${sql.unnest(rows as never, ['int4', 'text', 'int4', 'bytea', 'text'])} AS s (section, subject, generation, bytes, hash)`
}

const sectionsOf = (block: string) =>
  query(
    sql.unsafe`SELECT section, subject, generation, bytes, hash FROM motion_sections
      WHERE block = ${block} ORDER BY section`,
    Row,
  )

/** Blocks of people under a legal hold keep what is theirs, and the head, without which it can't be read; what is others' goes, as
 *  by an erasure. The other blocks go whole. */
const overAt = (now: Date, held: ReadonlyArray<string>) => {
  const isOver = sql.fragment`m.kept_until < ${now.toISOString()}::timestamptz`
  const people = sql.array([...held], 'text')
  return {
    blocks: sql.unsafe`DELETE FROM motion_sections m WHERE ${isOver}
      AND NOT EXISTS (SELECT FROM motion_sections h WHERE h.block = m.block AND h.subject = ANY(${people}))`,
    others: sql.unsafe`UPDATE motion_sections m SET bytes = NULL WHERE ${isOver}
      AND m.subject IS NOT NULL AND m.subject <> ALL(${people}) AND m.bytes IS NOT NULL`,
  }
}

/** The caller ends the pool and the vault. `held`: who is under a legal hold; null while that is not known, and then nothing is
 *  removed by its age. */
export const createMotionStore = (
  pool: DatabasePool,
  vault: Vault,
  held: () => ReadonlyArray<string> | null = () => [],
): MotionStore & MotionReader => ({
  key: async (subject) => {
    const key = vault.sealingNow?.(subject) ?? (await vault.sealing([subject])).get(subject)
    if (key === undefined) throw new Error('no key')
    return key
  },
  put: async ({ block, head, tracks, keptUntil }) => {
    const sections = await sealSections(block, head, tracks)
    await pool.query(insert(block, sections, keptUntil))
    return {
      root: rootOf(sections),
      bytes: sections.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0),
    }
  },
  remove: async (block) => {
    await pool.query(sql.unsafe`DELETE FROM motion_sections WHERE block = ${block}`)
  },
  expire: async (now) => {
    const people = held()
    if (people === null) return 0
    const { blocks, others } = overAt(now, people)
    const { rowCount } = await pool.query(blocks)
    if (people.length > 0) await pool.query(others)
    return rowCount
  },
  between: (...of) => rowsOf(pool, motionBetween(...of)),
  last: async (...of) => (await rowsOf(pool, motionLast(...of)))[0] ?? null,
  open: async ({ block, root }) => {
    const sections = await rowsOf(pool, sectionsOf(block))
    const fault = faultOf(sections, root)
    if (fault !== null) return { fault }
    return { fault: null, opened: await openSections(block, sections, vault) }
  },
})
