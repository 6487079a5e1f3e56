/** Proofs from the tree in the tables, and signed checkpoints of it. */
import type * as t from 'io-ts'
import type { DatabasePool } from 'slonik'
import type { Clock, EventLog } from '../../domain/ports.ts'
import { extensionsFor, issuedAt } from '../../projections/proof/issued.ts'
import { consistencyProof, inclusionProof, type Nodes, rootAt } from '../../projections/proof/merkle.ts'
import {
  type Checkpoint,
  openCheckpoint,
  type Signer,
  signCheckpoint,
  verifierOf,
} from '../../projections/proof/note.ts'
import type { Issue, Proofs, SignedCheckpoint } from '../../projections/proof/proofs.ts'
import {
  auditedBy,
  checkpointUpTo,
  hashesAt,
  hashesFrom,
  hashRow,
  type IssuedCheckpoint,
  keepCheckpoint,
  lastLeaf,
  leafRow,
  type NewCheckpoint,
  newestCheckpoint,
  wentBackNotes,
} from '../../projections/proof/queries.ts'
import { isTileOf, placesOf } from '../../projections/proof/tiles.ts'
import {
  lostBy,
  openWentBack,
  together,
  type WentBack,
  wentBackIn,
  wentBackLines,
} from '../../projections/proof/went-back.ts'
import { query } from '../../projections/query.ts'
import { waitAtMost } from '../wait-at-most.ts'
import { createRegister } from './checkpoint-register.ts'
import { askingOf, rowsOf } from './query.ts'

export type ProofOptions = {
  readonly pool: DatabasePool
  readonly signer: Signer
  readonly clock: Clock
  /** Milliseconds between two signatures, at least. Default 5,000. */
  readonly everyMs?: number
  /** How long (ms) to wait for the next checkpoint if the last one would do. Default 2,000. */
  readonly patienceMs?: number
  /** Called each time the tree turns out not to continue what was signed. */
  readonly onAltered?: (size: number) => void
  /** The log to which checkpoints are also written, so that it is noticed if one is removed from their table. */
  readonly log?: Pick<EventLog, 'append' | 'readStream' | 'health'>
  /** Called with the number of rows that were missing from the table, and were put back. */
  readonly onLost?: (rows: number) => void
}

/** How many times others may be faster and take the next number. */
const ATTEMPTS = 20

const leafRowOf = leafRow as t.Type<
  { leaf: string; position: string },
  { leaf: string; position: string },
  unknown
>

/** The tree's nodes, read from the tables. Rejects if one is missing. */
export const nodesOf =
  (pool: DatabasePool): Nodes =>
  async (wanted) => {
    const rows = await rowsOf(pool, query(hashesAt(wanted), hashRow as t.Type<{ hash: string | null }>))
    const hashes = hashesFrom(wanted, rows)
    if (hashes === null)
      throw new Error('Hashes of the log’s tree are missing from proof_tiles or proof_leaves.')
    return hashes
  }
/** How many leaves the tree has, and the position of the last one; null if it has none. */
const endOf = async (
  pool: DatabasePool,
): Promise<{ readonly size: number; readonly position: string } | null> => {
  const [row] = await rowsOf(pool, query(lastLeaf(), leafRowOf))
  return row === undefined ? null : { size: Number(row.leaf) + 1, position: row.position }
}

export const createProofs = (options: ProofOptions): Proofs => {
  const { pool, signer, clock, everyMs = 5_000, patienceMs = 2_000, onAltered } = options
  const { vkey } = verifierOf(signer)
  const asking = askingOf(pool)
  const register = createRegister(options)
  const nodes = nodesOf(pool)

  let signedAt = Number.NEGATIVE_INFINITY
  /** The last one issued here: it is still known if it disappears from the table. */
  let mine: NewCheckpoint | null = null
  const verifier = verifierOf(signer)
  const altered = (size: number): Issue => {
    onAltered?.(size)
    return { kind: 'altered' }
  }

  /** The signed statements that the log went back. */
  const wentBackOf = async (newest: Checkpoint | null): Promise<ReadonlyArray<WentBack>> => {
    const notes = await rowsOf(pool, wentBackNotes())
    const said = notes.flatMap(({ note }) => openWentBack(note, verifier) ?? [])
    return together(newest === null ? [] : wentBackIn(newest), said)
  }
  const isOfTree = async (signed: Checkpoint, size: number): Promise<boolean> =>
    size >= signed.size && (await rootAt(signed.size, nodes)).equals(signed.root)

  /** Whether today's tree begins with what was signed last, except for what the log has lost since, according to its key. */
  const continues = async (
    newest: IssuedCheckpoint,
    size: number,
    wentBack: ReadonlyArray<WentBack>,
  ): Promise<boolean> => {
    for (let row: IssuedCheckpoint | undefined = newest; row !== undefined; ) {
      // The signed text counts, not the row's columns.
      const signed = openCheckpoint(row.note, verifier)
      if (signed === null || signed.size !== Number(row.size)) return false
      if (await isOfTree(signed, size)) return true
      const lost = lostBy(wentBack, signed)
      if (lost === null) return false
      row = (await rowsOf(pool, checkpointUpTo(vkey, lost.events, Number(row.number))))[0]
    }
    return true
  }

  /** What the next one must continue from: null before the first, and if the tree does not continue from it. */
  const standing = async (newest: IssuedCheckpoint | undefined, size: number) => {
    if (newest === undefined) return { signed: null, wentBack: await wentBackOf(null) }
    const signed = openCheckpoint(newest.note, verifier)
    if (signed === null) return null
    const wentBack = await wentBackOf(signed)
    return (await continues(newest, size, wentBack)) ? { signed, wentBack } : null
  }

  const signNext = async (
    number: number,
    { size, latest, wentBack }: { size: number; latest: number; wentBack: ReadonlyArray<WentBack> },
    position: string | null,
  ): Promise<NewCheckpoint> => {
    // If servers' clocks differ, a later number still has no earlier time.
    const at = new Date(Math.max(clock.now(), latest)).toISOString()
    const root = await rootAt(size, nodes)
    const extensions = [...extensionsFor(number, at, position), ...wentBackLines(wentBack)]
    const note = signCheckpoint({ origin: signer.name, size, root, extensions }, signer)
    return { number, size, vkey, root: root.toString('base64'), note, at }
  }

  const issue = async (atLeast: number): Promise<Issue> => {
    for (let attempt = 0; ; attempt += 1) {
      await register.agree(mine)
      const [before] = await rowsOf(pool, newestCheckpoint(vkey))
      const now = await endOf(pool)
      const size = now?.size ?? 0
      const stands = await standing(before, size)
      if (stands === null) return altered(Number(before?.size ?? 0))
      const { signed, wentBack } = stands
      const lines = wentBackLines(wentBack)
      const isSaid = signed !== null && String(wentBackLines(wentBackIn(signed))) === String(lines)
      if (before !== undefined && signed !== null && isSaid) {
        const isFresh = signed.size >= atLeast && clock.now() - signedAt < everyMs
        if (size === signed.size || isFresh)
          return { kind: 'issued', checkpoint: { size: signed.size, note: before.note } }
      }
      const latest = Math.max(
        signed === null ? Number.NEGATIVE_INFINITY : (issuedAt(signed) ?? Number.NEGATIVE_INFINITY),
        ...wentBack.map((one) => Date.parse(one.at)),
      )
      const number = Number(before?.number ?? 0) + 1
      const made = await signNext(number, { size, latest, wentBack }, now?.position ?? null)
      const { rows } = await pool.query(keepCheckpoint(made))
      // Another process was faster: its checkpoint is used, and nobody ever saw this one.
      if (rows.length === 0 && attempt < ATTEMPTS) continue
      if (rows.length === 0) return altered(size)
      mine = made
      signedAt = clock.now()
      await register.tell(made)
      return { kind: 'issued', checkpoint: { size, note: made.note } }
    }
  }

  /** The last one returned here, and the one that is being made now: whoever comes meanwhile waits for that. */
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
    // If nobody waits any more, the next caller gets the error.
    made.catch(() => {})
    return made
  }
  /** A disk that others keep busy can delay the next one for long. What was signed stays true, so it is returned instead. */
  const checkpoint = async (atLeast: number): Promise<Issue> => {
    for (;;) {
      const others = making
      const next = others ?? make(atLeast)
      if (told !== null && told.size >= atLeast) {
        await waitAtMost(patienceMs, next)
        if (making === next) return { kind: 'issued', checkpoint: told }
      }
      const issued = await next
      if (others === null || issued.kind === 'altered' || issued.checkpoint.size >= atLeast) return issued
    }
  }

  const covered = async (): Promise<number> =>
    Number((await rowsOf(pool, newestCheckpoint(vkey)))[0]?.size ?? 0)

  return {
    vkey,
    checkpoint: (atLeast = 0) => asking(() => checkpoint(atLeast)),
    covered: () => asking(covered),
    size: () => asking(async () => (await endOf(pool))?.size ?? 0),
    find: (by) => asking(async () => (await rowsOf(pool, auditedBy(by)))[0] ?? null),
    inclusion: (leaf, size) =>
      asking(async () => {
        const [hash] = await nodes([{ level: 0, index: leaf }])
        return { leaf: hash!, proof: await inclusionProof(leaf, size, nodes) }
      }),
    tile: (tile) =>
      asking(async () =>
        isTileOf(await covered(), tile) ? Buffer.concat(await nodes(placesOf(tile))) : null,
      ),
    consistency: (from, to) => asking(() => consistencyProof(from, to, nodes)),
  }
}
