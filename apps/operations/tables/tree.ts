/** The log's tree in the tables: its end, and the leaves that are missing. */
import * as E from 'fp-ts/lib/Either.js'
import type { DatabaseSession } from '../../../adapters/postgres/session.ts'
import { STREAM_PREFIXES } from '../../../domain/names.ts'
import type { EventLog } from '../../../domain/ports.ts'
import { leafOf } from '../../../projections/audit/canonical.ts'
import { type Edge, EMPTY_EDGE, edgeAt, type Nodes } from '../../../projections/proof/merkle.ts'
import { hashesAt, lastLeaf } from '../../../projections/proof/queries.ts'
import { copyTree, grow } from '../../../projections/proof/tree.ts'
import { readErrorInWords } from '../read-error.ts'

const PAGE = 2_000

/** Reads the tree's nodes in the session's schema (its search path). Throws if one is missing. */
export const nodesOf =
  (session: DatabaseSession): Nodes =>
  async (wanted) => {
    const rows = await session.run(hashesAt(wanted))
    const hashes = rows.map(({ hash }) => Buffer.from(String(hash), 'hex'))
    if (hashes.length !== wanted.length || hashes.some(({ length }) => length !== 32))
      throw new TornTree('Hashes of the log’s tree are missing from proof_leaves.')
    return hashes
  }

class TornTree extends Error {
  override readonly name = 'TornTree'
}

/** The right edge of the tree, after adding the leaves that it lacks up to `upTo`: all of them if the tables were made
 *  by a version without a tree, or if some are missing (then `onTorn` is called). */
export const treeUpTo = async (
  session: DatabaseSession,
  log: EventLog,
  upTo: bigint | null,
  onTorn: (error: TornTree) => void,
): Promise<Edge> => {
  const [last] = await session.run(lastLeaf())
  let after = (last?.position as bigint | undefined) ?? null
  let edge: Edge = EMPTY_EDGE
  let torn = false
  try {
    edge = await edgeAt(last === undefined ? 0 : Number(last.leaf) + 1, nodesOf(session))
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
    if (torn) await session.exec('DELETE FROM proof_leaves')
    torn = false
    const events = page.right.filter(({ position }) => position <= upTo)
    if (events.length === 0) break
    const grown = grow(
      edge,
      events.map((event) => ({ position: event.position, hash: leafOf(event).toString('hex') })),
    )
    await session.copy(copyTree(grown.lines))
    edge = grown.edge
    after = events.at(-1)!.position
  }
  return edge
}
