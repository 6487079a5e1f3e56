/** Compares the kept blocks of motion with the hashes on the log: names each that is missing, altered, or unknown to
 *  the log. Blocks that need not be kept any longer may be gone, and so may a mover's track whose key was destroyed. */
import { sql } from 'slonik'
import { faultOf, type Section } from '../../../adapters/motion/sections.ts'
import type { DatabaseSession } from '../../../adapters/postgres/session.ts'

export type MotionCheck = { readonly blocks: number; readonly faults: ReadonlyArray<string> }

const PAGE = 200
const NAMED = 100
/** Blocks are written before they are recorded on the log: one as new as this (ms) may be about to be. */
const GRACE_MS = 60_000

type Row = Readonly<Record<string, unknown>>
const sectionOf = (row: Row): Section => ({
  section: Number(row.section),
  subject: row.subject === null ? null : String(row.subject),
  generation: row.generation === null ? null : Number(row.generation),
  bytes: row.bytes === null ? null : (row.bytes as Buffer),
  hash: String(row.hash),
})

/** A track whose bytes are gone although the person's key is not. Of a block that is over and still kept, because of a legal hold on
 *  somebody, the others' tracks may be gone. */
const missingTrack = (rows: ReadonlyArray<Row>, isOver: boolean): Row | undefined =>
  rows.find(
    ({ bytes, section, is_erased }) =>
      bytes === null && (Number(section) === 0 || (is_erased !== true && !isOver)),
  )

const faultIn = (rows: ReadonlyArray<Row>, root: string, isOver: boolean): string | null => {
  if (rows.length === 0 && isOver) return null
  const fault = faultOf(rows.map(sectionOf), root)
  if (fault !== null) return fault
  const gone = missingTrack(rows, isOver)
  return gone === undefined ? null : `section ${gone.section} is gone, and nobody asked for that`
}

/** `presence_motion` in the session’s schema must have been made from the log. */
export const holdMotion = async (session: DatabaseSession, now: number): Promise<MotionCheck> => {
  const faults: string[] = []
  let blocks = 0
  let after = ''
  for (;;) {
    const page =
      await session.run(sql.unsafe`SELECT block, root, starts_at::text AS starts, kept_until < ${new Date(now).toISOString()}::timestamptz AS is_over
      FROM presence_motion WHERE block > ${after} ORDER BY block LIMIT ${PAGE}`)
    for (const { block, root, is_over } of page) {
      const rows = await session.run(sql.unsafe`SELECT s.section, s.subject, s.generation, s.bytes, s.hash,
          k.erased_by IS NOT NULL AS is_erased
        FROM public.motion_sections s LEFT JOIN public.privacy_keys k USING (subject, generation)
        WHERE s.block = ${String(block)} ORDER BY s.section`)
      const fault = faultIn(rows, String(root), is_over === true)
      if (fault !== null) faults.push(`The block of motion ${block}: ${fault}.`)
    }
    blocks += page.length
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) break
    after = String(last.block)
  }
  faults.push(...(await strangers(session, now)))
  const more = faults.length - NAMED
  return { blocks, faults: more > 0 ? [...faults.slice(0, NAMED), `… and ${more} more blocks`] : faults }
}

/** Blocks that are unknown to the log. */
const strangers = async (session: DatabaseSession, now: number): Promise<ReadonlyArray<string>> => {
  const rows = await session.run(sql.unsafe`SELECT DISTINCT s.block FROM public.motion_sections s
    WHERE s.written_at < ${new Date(now - GRACE_MS).toISOString()}::timestamptz
      AND NOT EXISTS (SELECT FROM presence_motion m WHERE m.block = s.block) ORDER BY s.block LIMIT ${NAMED + 1}`)
  return rows.map(({ block }) => `The block of motion ${block}: the log says nothing of it.`)
}
