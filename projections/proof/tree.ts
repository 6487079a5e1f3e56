/** The log's tree as a table: one row a leaf, never changed. */
import { sql } from 'slonik'
import type { Copy } from '../copy.ts'
import { recordset, type Statement, type Table } from '../projection.ts'
import { type Edge, extend, type Hash } from './merkle.ts'

export const PROOF_TABLE: Table = { name: 'proof_leaves', key: ['leaf'] }

/** `hashes`, in hex: the leaf's own, then those of the full subtrees that it completed, the smallest first. */
export type ProofLine = { readonly leaf: number; readonly position: bigint; readonly hashes: string }

/** Adds the leaves at these positions on the right of a tree. */
export const grow = (
  edge: Edge,
  leaves: ReadonlyArray<{ readonly position: bigint; readonly hash: Hash }>,
): { readonly edge: Edge; readonly lines: ReadonlyArray<ProofLine> } => {
  const grown = extend(
    edge,
    leaves.map(({ hash }) => hash),
  )
  const lines: Array<{ leaf: number; position: bigint; hashes: string }> = []
  for (const { level, hash } of grown.nodes) {
    const text = hash.toString('hex')
    if (level > 0) lines[lines.length - 1]!.hashes += text
    else
      lines.push({ leaf: edge.size + lines.length, position: leaves[lines.length]!.position, hashes: text })
  }
  return { edge: grown.edge, lines }
}

/** The statement that appends the rows. */
export const writeTree = (lines: ReadonlyArray<ProofLine>): Statement =>
  sql.unsafe`INSERT INTO proof_leaves (leaf, position, hashes)
    SELECT leaf, position, decode(hashes, 'hex') FROM ${recordset(
      lines.map((line) => ({ ...line, position: String(line.position) })),
      { leaf: 'int8', position: 'int8', hashes: 'text' },
    )}`

/** The same for many rows at once. */
export const copyTree = (lines: ReadonlyArray<ProofLine>): Copy => {
  let data = ''
  for (const { leaf, position, hashes } of lines) data += `${leaf}\t${position}\t\\\\x${hashes}\n`
  return { into: 'proof_leaves (leaf, position, hashes)', data }
}
