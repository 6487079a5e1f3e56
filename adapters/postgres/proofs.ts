/** Proofs from the tree in the tables, and the signing of what it was. */
import type * as t from 'io-ts'
import type { DatabasePool } from 'slonik'
import type { Clock } from '../../domain/ports.ts'
import { consistencyProof, inclusionProof, type Nodes, rootAt } from '../../projections/proof/merkle.ts'
import { type Signer, signCheckpoint, verifierOf } from '../../projections/proof/note.ts'
import type { Issue, Proofs } from '../../projections/proof/proofs.ts'
import {
  auditedBy,
  checkpointOf,
  hashesAt,
  hashRow,
  keepCheckpoint,
  lastLeaf,
  leafRow,
  newestCheckpoint,
} from '../../projections/proof/queries.ts'
import { query } from '../../projections/query.ts'
import { asking, rowsOf } from './query.ts'

export type ProofOptions = {
  readonly pool: DatabasePool
  readonly signer: Signer
  readonly clock: Clock
  /** A newer checkpoint is signed at most this often. Default 5,000. */
  readonly everyMs?: number
  /** Told once each time that the tree is found not to go on from what was signed. */
  readonly onAltered?: (size: number) => void
}

const leafRowOf = leafRow as t.Type<
  { leaf: string; position: string },
  { leaf: string; position: string },
  unknown
>

export const createProofs = ({ pool, signer, clock, everyMs = 5_000, onAltered }: ProofOptions): Proofs => {
  const { vkey } = verifierOf(signer)
  const nodes: Nodes = async (wanted) => {
    const rows = await rowsOf(pool, query(hashesAt(wanted), hashRow as t.Type<{ hash: string }>))
    if (rows.length !== wanted.length)
      throw new Error('Hashes of the log’s tree are missing from proof_leaves.')
    return rows.map(({ hash }) => Buffer.from(hash, 'hex'))
  }
  const last = async (): Promise<{ readonly size: number; readonly position: string } | null> => {
    const [row] = await rowsOf(pool, query(lastLeaf(), leafRowOf))
    return row === undefined ? null : { size: Number(row.leaf) + 1, position: row.position }
  }

  let signedAt = Number.NEGATIVE_INFINITY
  const issue = async (atLeast: number): Promise<Issue> => {
    const [before] = await rowsOf(pool, newestCheckpoint(vkey))
    const now = await last()
    const size = now?.size ?? 0
    if (before !== undefined) {
      const signed = Number(before.size)
      const altered = size < signed || (await rootAt(signed, nodes)).toString('base64') !== before.root
      if (altered) {
        onAltered?.(signed)
        return { kind: 'altered' }
      }
      const isFresh = signed >= atLeast && clock.now() - signedAt < everyMs
      if (size === signed || isFresh)
        return { kind: 'issued', checkpoint: { size: signed, note: before.note } }
    }
    const root = await rootAt(size, nodes)
    const extensions = now === null ? [] : [`position ${now.position}`]
    const note = signCheckpoint({ origin: signer.name, size, root, extensions }, signer)
    signedAt = clock.now()
    await pool.query(keepCheckpoint(size, vkey, root.toString('base64'), note))
    return { kind: 'issued', checkpoint: { size, note } }
  }

  return {
    vkey,
    checkpoint: (atLeast = 0) => asking(() => issue(atLeast)),
    isIssued: (size) => asking(async () => (await rowsOf(pool, checkpointOf(String(size)))).length > 0),
    size: () => asking(async () => (await last())?.size ?? 0),
    find: (by) => asking(async () => (await rowsOf(pool, auditedBy(by)))[0] ?? null),
    inclusion: (leaf, size) =>
      asking(async () => {
        const [hash] = await nodes([{ level: 0, index: leaf }])
        return { leaf: hash!, proof: await inclusionProof(leaf, size, nodes) }
      }),
    consistency: (from, to) => asking(() => consistencyProof(from, to, nodes)),
  }
}
