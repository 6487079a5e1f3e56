/** The log's tree in the tables: its end, and the leaves that are missing. */
import * as E from 'fp-ts/lib/Either.js'
import type { DatabaseSession } from '../../../adapters/postgres/session.ts'
import { STREAM_PREFIXES } from '../../../domain/names.ts'
import type { EventLog } from '../../../domain/ports.ts'
import { leafOf } from '../../../projections/audit/canonical.ts'
import { edgeAt, type Nodes } from '../../../projections/proof/merkle.ts'
import { hashesAt, hashesFrom, lastLeaf, tailOfTree } from '../../../projections/proof/queries.ts'
import {
  copyLeaves,
  copyTiles,
  dropTiled,
  EMPTY_TREE,
  grow,
  TILE_LEAVES,
  type Tree,
} from '../../../projections/proof/tree.ts'
import { readErrorInWords } from '../read-error.ts'

const PAGE = 2_000
const MISSING = 'Hashes of the log’s tree are missing from proof_tiles or proof_leaves.'

/** Reads the tree's nodes in the session's schema (its search path). Throws if one is missing. */
export const nodesOf =
  (session: DatabaseSession): Nodes =>
  async (wanted) => {
    const hashes = wanted.length === 0 ? [] : hashesFrom(wanted, await session.run(hashesAt(wanted)))
    if (hashes === null) throw new TornTree(MISSING)
    return hashes
  }

class TornTree extends Error {
  override readonly name = 'TornTree'
}

/** The leaves after the last whole tile. Throws if one is missing. */
const tailOf = async (session: DatabaseSession, size: number): Promise<Tree['tail']> => {
  const tail = (await session.run(tailOfTree())).map(({ leaf, position, hashes }) => ({
    leaf: Number(leaf),
    position: position as bigint,
    hashes: String(hashes),
  }))
  const first = size - (size % TILE_LEAVES)
  if (tail.length !== size - first || tail.some(({ leaf }, i) => leaf !== first + i))
    throw new TornTree(MISSING)
  return tail
}

/** The end of the tree, after adding the leaves that it lacks up to `upTo`: all of them if the tables were made
 *  by a version without a tree, or if some are missing (then `onTorn` is called). */
export const treeUpTo = async (
  session: DatabaseSession,
  log: EventLog,
  upTo: bigint | null,
  onTorn: (error: TornTree) => void,
): Promise<Tree> => {
  const [last] = await session.run(lastLeaf())
  let after = (last?.position as bigint | undefined) ?? null
  let tree = EMPTY_TREE
  let torn = false
  try {
    const size = last === undefined ? 0 : Number(last.leaf) + 1
    tree = { edge: await edgeAt(size, nodesOf(session)), tail: await tailOf(session, size) }
  } catch (error) {
    if (!(error instanceof TornTree)) throw error
    onTorn(error)
    torn = true
    after = null
  }
  while (upTo !== null && (after ?? -1n) < upTo) {
    const page = await log.readAll({
      ...(after === null ? {} : { after }),
      limit: PAGE,
      prefixes: STREAM_PREFIXES,
    })()
    if (E.isLeft(page)) throw new Error(readErrorInWords(page.left))
    // Not before it is known that the log is there from its beginning.
    if (torn) await session.exec('DELETE FROM proof_tiles; DELETE FROM proof_leaves')
    torn = false
    const events = page.right.filter(({ position }) => position <= upTo)
    if (events.length === 0) break
    const grown = grow(
      tree,
      events.map((event) => ({ position: event.position, hash: leafOf(event).toString('hex') })),
    )
    await session.copy(...copyTiles(grown.tiles), ...copyLeaves(grown.lines))
    for (const statement of dropTiled(grown)) await session.run(statement)
    tree = grown.tree
    after = events.at(-1)!.position
  }
  return tree
}
