/** The log's tree as a table: one row per leaf, never changed. */
import { hash } from 'node:crypto'
import { type Copy, CopyRows } from '../copy.ts'
import type { Table } from '../projection.ts'
import type { Edge } from './merkle.ts'

export const PROOF_TABLE: Table = { name: 'proof_leaves', key: ['leaf'] }

/** `hashes`, in hex: the leaf's own, then those of the full subtrees that it completed, the smallest first. */
export type ProofLine = { readonly leaf: number; readonly position: bigint; readonly hashes: string }

const pair = Buffer.alloc(65)
pair[0] = 1
/** `nodeHash` of two hashes in hex: it costs half as much without a buffer of its own. */
const over = (left: string, right: string): string => {
  pair.write(left, 1, 'hex')
  pair.write(right, 33, 'hex')
  return hash('sha256', pair)
}

/** Adds the leaves at these positions on the right of a tree. `hash`: 32 bytes in hex. */
export const grow = (
  edge: Edge,
  leaves: ReadonlyArray<{ readonly position: bigint; readonly hash: string }>,
): { readonly edge: Edge; readonly lines: ReadonlyArray<ProofLine> } => {
  const right = edge.hashes.map((one) => one.toString('hex'))
  const lines = leaves.map(({ position, hash: leaf }, i): ProofLine => {
    let top = leaf
    let hashes = leaf
    for (let index = edge.size + i; index % 2 === 1; index = (index - 1) / 2) {
      top = over(right.pop()!, top)
      hashes += top
    }
    right.push(top)
    return { leaf: edge.size + i, position, hashes }
  })
  const hashes = right.map((one) => Buffer.from(one, 'hex'))
  return { edge: { size: edge.size + leaves.length, hashes }, lines }
}

/** Copies the rows to the end of the table. */
export const copyTree = (lines: ReadonlyArray<ProofLine>): Copy => {
  const rows = new CopyRows(PROOF_TABLE.name, ['leaf', 'position', 'hashes'], 100 * lines.length)
  for (const { leaf, position, hashes } of lines) {
    rows.row()
    rows.int8(leaf)
    rows.int8(position)
    rows.hex(hashes)
  }
  return rows.finish()
}
