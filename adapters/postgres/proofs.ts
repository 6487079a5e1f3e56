/** Proofs from the tree in the tables, and signed checkpoints of it. */
import type * as t from 'io-ts'
import type { DatabasePool } from 'slonik'
import type { Clock, EventLog } from '../../domain/ports.ts'
import { extensionsFor, issuedAt } from '../../projections/proof/issued.ts'
import { consistencyProof, inclusionProof, type Nodes, rootAt } from '../../projections/proof/merkle.ts'
import { openCheckpoint, type Signer, signCheckpoint, verifierOf } from '../../projections/proof/note.ts'
import type { Issue, Proofs, SignedCheckpoint } from '../../projections/proof/proofs.ts'
import {
  auditedBy,
  checkpointOf,
  hashesAt,
  hashRow,
  keepCheckpoint,
  lastLeaf,
  leafRow,
  type NewCheckpoint,
  newestCheckpoint,
} from '../../projections/proof/queries.ts'
import { query } from '../../projections/query.ts'
import { within } from '../within.ts'
import { createRegister } from './checkpoint-register.ts'
import { askingOf, rowsOf } from './query.ts'

export type ProofOptions = {
  readonly pool: DatabasePool
  readonly signer: Signer
  readonly clock: Clock
  /** A newer checkpoint is signed at most this often. Default 5,000. */
  readonly everyMs?: number
  /** How long to wait for the next checkpoint if the last one would do. Default 2,000. */
  readonly patienceMs?: number
  /** Called each time the tree turns out not to continue what was signed. */
  readonly onAltered?: (size: number) => void
  /** Where checkpoints are written besides their table, so that one that is removed from it is missed. */
  readonly log?: Pick<EventLog, 'append' | 'readStream' | 'health'>
  /** Told how many rows were gone from the table, and were put back. */
  readonly onLost?: (rows: number) => void
}

/** So often others may be first, with each their next number. */
const ATTEMPTS = 20

const leafRowOf = leafRow as t.Type<
  { leaf: string; position: string },
  { leaf: string; position: string },
  unknown
>

export const createProofs = (options: ProofOptions): Proofs => {
  const { pool, signer, clock, everyMs = 5_000, patienceMs = 2_000, onAltered } = options
  const { vkey } = verifierOf(signer)
  const asking = askingOf(pool)
  const register = createRegister(options)
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
  /** The last that was issued here: gone from the table, it is still known. */
  let mine: NewCheckpoint | null = null
  const verifier = verifierOf(signer)
  const altered = (size: number): Issue => {
    onAltered?.(size)
    return { kind: 'altered' }
  }

  const issue = async (atLeast: number): Promise<Issue> => {
    for (let attempt = 0; ; attempt += 1) {
      await register.agree(mine)
      const [before] = await rowsOf(pool, newestCheckpoint(vkey))
      const now = await last()
      const size = now?.size ?? 0
      let latest = Number.NEGATIVE_INFINITY
      if (before !== undefined) {
        // The signed text counts, not the row's columns.
        const signed = openCheckpoint(before.note, verifier)
        const holds = signed !== null && size >= signed.size && signed.size === Number(before.size)
        if (!holds || !(await rootAt(signed.size, nodes)).equals(signed.root))
          return altered(Number(before.size))
        const isFresh = signed.size >= atLeast && clock.now() - signedAt < everyMs
        if (size === signed.size || isFresh)
          return { kind: 'issued', checkpoint: { size: signed.size, note: before.note } }
        latest = issuedAt(signed) ?? latest
      }
      const number = Number(before?.number ?? 0) + 1
      // Where servers' clocks differ, the later number still says no earlier time.
      const at = new Date(Math.max(clock.now(), latest)).toISOString()
      const root = await rootAt(size, nodes)
      const extensions = extensionsFor(number, at, now?.position ?? null)
      const note = signCheckpoint({ origin: signer.name, size, root, extensions }, signer)
      const made = { number, size, vkey, root: root.toString('base64'), note, at }
      const { rows } = await pool.query(keepCheckpoint(made))
      // Another process was first: its checkpoint is used, and nobody ever saw this one.
      if (rows.length === 0 && attempt < ATTEMPTS) continue
      if (rows.length === 0) return altered(size)
      mine = made
      signedAt = clock.now()
      await register.tell(made)
      return { kind: 'issued', checkpoint: { size, note } }
    }
  }

  /** The last that was told here, and the one that is made just now: whoever comes meanwhile waits for that. */
  let told: SignedCheckpoint | null = null
  let making: Promise<Issue> | null = null
  const make = (atLeast: number): Promise<Issue> => {
    const made = issue(atLeast)
      .then((issued) => {
        if (issued.kind === 'issued') told = issued.checkpoint
        return issued
      })
      .finally(() => {
        making = null
      })
    making = made
    // If nobody waits any more, the next caller gets it.
    made.catch(() => {})
    return made
  }
  /** A disk that others keep busy can hold up the next one for long. What was signed stays true, so it is told instead. */
  const checkpoint = async (atLeast: number): Promise<Issue> => {
    for (;;) {
      const others = making
      const next = others ?? make(atLeast)
      if (told !== null && told.size >= atLeast) {
        await within(patienceMs, next)
        if (making === next) return { kind: 'issued', checkpoint: told }
      }
      const issued = await next
      if (others === null || issued.kind === 'altered' || issued.checkpoint.size >= atLeast) return issued
    }
  }

  return {
    vkey,
    checkpoint: (atLeast = 0) => asking(() => checkpoint(atLeast)),
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
