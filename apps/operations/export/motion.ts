/** The kept motion of a bundle's blocks, in a file beside it: sealed as it is, one block per line, proved by the events of the bundle. */
import { sql } from 'slonik'
import { faultOf, type Section } from '../../../adapters/motion/sections.ts'
import { connectSession } from '../../../adapters/postgres/session.ts'

export type KeptBlock = { readonly block: string; readonly root: string }

/** The block in a bundle's line; null if it mentions none. */
export const blockIn = (line: string): KeptBlock | null => {
  if (!line.startsWith('{"event":') || !line.includes('"type":"MotionKept"')) return null
  const { event } = JSON.parse(line) as { event: { type: string; data: KeptBlock } }
  return event.type === 'MotionKept' ? { block: event.data.block, root: event.data.root } : null
}

/** The lines of the blocks of which something still exists. */
export const motionLines = async (
  databaseUrl: string,
  blocks: ReadonlyArray<KeptBlock>,
  write: (line: string) => Promise<void> | void,
): Promise<number> => {
  const session = await connectSession(databaseUrl, 'presence audit export')
  let written = 0
  try {
    for (const { block } of blocks) {
      const rows = await session.run(sql.unsafe`SELECT section, subject, generation, bytes, hash
        FROM motion_sections WHERE block = ${block} ORDER BY section`)
      if (rows.length === 0) continue
      const sections = rows.map(({ bytes, ...rest }) => ({
        ...rest,
        bytes: bytes === null ? null : (bytes as Buffer).toString('base64'),
      }))
      await write(`${JSON.stringify({ block, sections })}\n`)
      written += 1
    }
    return written
  } finally {
    await session.close()
  }
}

const isSection = (value: unknown): value is Omit<Section, 'bytes'> & { readonly bytes: string | null } =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as Section).section === 'number' &&
  typeof (value as Section).hash === 'string' &&
  ['string', 'object'].includes(typeof (value as { bytes?: unknown }).bytes)

type Line = { readonly block: string; readonly sections: ReadonlyArray<unknown> }
const lineOf = (text: string): Line | null => {
  try {
    const line = JSON.parse(text) as Line
    return typeof line.block === 'string' && Array.isArray(line.sections) ? line : null
  } catch {
    return null
  }
}

export type MotionFileCheck = {
  readonly blocks: number
  /** How many blocks of the bundle are not in the file. */
  readonly absent: number
  readonly faults: ReadonlyArray<string>
}
/** Compares a file of `motionLines` with a bundle's blocks, by the hashes on the log. */
export const checkMotion = async (
  blocks: ReadonlyArray<KeptBlock>,
  lines: AsyncIterable<string> | Iterable<string>,
): Promise<MotionFileCheck> => {
  const roots = new Map(blocks.map(({ block, root }) => [block, root]))
  const faults: string[] = []
  const seen = new Set<string>()
  for await (const text of lines) {
    const line = lineOf(text)
    if (line === null || !line.sections.every(isSection)) {
      faults.push('A line is no block of motion.')
      continue
    }
    const root = roots.get(line.block)
    const sections = line.sections.map((one) => ({
      ...one,
      bytes: one.bytes === null ? null : Buffer.from(one.bytes, 'base64'),
    }))
    const twice = seen.has(line.block) ? 'it is there twice' : null
    const fault = root === undefined ? 'the bundle has no such block' : (twice ?? faultOf(sections, root))
    if (fault !== null) faults.push(`The block of motion ${line.block}: ${fault}.`)
    seen.add(line.block)
  }
  const absent = blocks.filter(({ block }) => !seen.has(block)).length
  return { blocks: seen.size, absent, faults }
}
