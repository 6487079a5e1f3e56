/** The log's tree as tables: one row for each tile of 256 leaves, never changed, and one for each leaf after the last
 *  whole tile. */
import { hash } from 'node:crypto'
import { sql } from 'slonik'
import { type Copy, CopyRows } from '../copy.ts'
import type { Statement, Table } from '../projection.ts'
import { type Edge, EMPTY_EDGE } from './merkle.ts'

export const TILES_TABLE: Table = { name: 'proof_tiles', key: ['tile'] }
export const LEAVES_TABLE: Table = { name: 'proof_leaves', key: ['leaf'] }
export const PROOF_TABLES: ReadonlyArray<Table> = [TILES_TABLE, LEAVES_TABLE]

/** Leaves in a tile, and the level of its root. */
export const TILE_LEAVES = 256
export const TILE_LEVEL = 8
const HEX = 64

/** `hashes`, in hex: the leaf's own, then those of the full subtrees that it completed, the smallest first. */
export type ProofLine = { readonly leaf: number; readonly position: bigint; readonly hashes: string }

/** A tree that leaves can be added to: its right edge, and the leaves after its last whole tile. */
export type Tree = { readonly edge: Edge; readonly tail: ReadonlyArray<ProofLine> }
export const EMPTY_TREE: Tree = { edge: EMPTY_EDGE, tail: [] }

/** A tile's leaves, in order. */
type TileOfLines = { readonly tile: number; readonly lines: ReadonlyArray<ProofLine> }
/** A tree that has grown: the tiles that were completed, the new ones of the leaves after the last, and whether leaves
 *  that had rows of their own are in a tile now. */
export type Grown = {
  readonly tree: Tree
  readonly tiles: ReadonlyArray<TileOfLines>
  readonly lines: ReadonlyArray<ProofLine>
  readonly isTiled: boolean
}

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
  { edge, tail }: Tree,
  leaves: ReadonlyArray<{ readonly position: bigint; readonly hash: string }>,
): Grown => {
  const right = edge.hashes.map((one) => one.toString('hex'))
  const added = leaves.map(({ position, hash: leaf }, i): ProofLine => {
    let top = leaf
    let hashes = leaf
    for (let index = edge.size + i; index % 2 === 1; index = (index - 1) / 2) {
      top = over(right.pop()!, top)
      hashes += top
    }
    right.push(top)
    return { leaf: edge.size + i, position, hashes }
  })
  const size = edge.size + leaves.length
  const all = [...tail, ...added]
  const tiles: TileOfLines[] = []
  let at = 0
  for (; all.length - at >= TILE_LEAVES; at += TILE_LEAVES)
    tiles.push({ tile: all[at]!.leaf / TILE_LEAVES, lines: all.slice(at, at + TILE_LEAVES) })
  return {
    tree: { edge: { size, hashes: right.map((one) => Buffer.from(one, 'hex')) }, tail: all.slice(at) },
    tiles,
    lines: tiles.length > 0 ? all.slice(at) : added,
    isTiled: tiles.length > 0 && tail.length > 0,
  }
}

/** Copies tiles to the end of their table. */
export const copyTiles = (tiles: ReadonlyArray<TileOfLines>): ReadonlyArray<Copy> => {
  if (tiles.length === 0) return []
  const rows = new CopyRows(
    TILES_TABLE.name,
    ['tile', 'position', 'positions', 'hashes', 'upper'],
    12_000 * tiles.length,
  )
  for (const { tile, lines } of tiles) {
    rows.row()
    rows.int8(tile)
    rows.int8(lines.at(-1)!.position)
    rows.int8s(lines.map(({ position }) => position))
    rows.hex(lines.map(({ hashes }) => hashes.slice(0, HEX)).join(''))
    rows.hex(lines.at(-1)!.hashes.slice(TILE_LEVEL * HEX))
  }
  return [rows.finish()]
}

/** Copies the rows of leaves after the last whole tile. */
export const copyLeaves = (lines: ReadonlyArray<ProofLine>): ReadonlyArray<Copy> => {
  if (lines.length === 0) return []
  const rows = new CopyRows(LEAVES_TABLE.name, ['leaf', 'position', 'hashes'], 120 * lines.length)
  for (const { leaf, position, hashes } of lines) {
    rows.row()
    rows.int8(leaf)
    rows.int8(position)
    rows.hex(hashes)
  }
  return [rows.finish()]
}

/** Removes the rows of leaves that are in a tile now. */
export const dropTiled = ({ tree, isTiled }: Grown): ReadonlyArray<Statement> =>
  isTiled
    ? [sql.unsafe`DELETE FROM proof_leaves WHERE leaf < ${String(tree.edge.size - tree.tail.length)}::int8`]
    : []
