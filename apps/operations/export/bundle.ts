/** Writes a room's record as a bundle (docs/proof.md): from the log as it is, without opening anything. */
import * as E from 'fp-ts/lib/Either.js'
import { createPostgresPool } from '../../../adapters/postgres/pool.ts'
import { createProofs } from '../../../adapters/postgres/proofs.ts'
import { connectSession } from '../../../adapters/postgres/session.ts'
import { createWitnesses } from '../../../adapters/postgres/witnesses.ts'
import type { SpaceRef } from '../../../domain/names.ts'
import type { EventLog } from '../../../domain/ports.ts'
import { openCheckpoint, type Signer, verifierOf } from '../../../projections/proof/note.ts'
import type { WitnessPlace } from '../../../projections/proof/witnesses.ts'
import { keptStates } from './kept-states.ts'
import { type BundleSource, ExportError, exportRoom, type RoomOptions } from './room.ts'

type Where = {
  /** The log as it is, with seals unopened. */
  readonly log: EventLog
  readonly databaseUrl: string
  readonly signer: Signer
  /** The witnesses to ask for a cosignature of the checkpoint; those that can't be reached are left out. Default: none. */
  readonly witnesses?: ReadonlyArray<WitnessPlace>
}
export type BundleExportOptions = Where &
  Omit<RoomOptions, 'from' | 'to' | 'onEvent'> & {
    readonly space: SpaceRef
    readonly from: Date | null
    readonly to: Date | null
  }
export type Exported = { readonly events: number; readonly size: number; readonly bytes: number }

/** Provides what bundles are made from, with the newest checkpoint, while `work` runs. Throws `ExportError` with a sentence. */
export const withSource = async <A>(
  { log, databaseUrl, signer, witnesses: places = [] }: Where,
  work: (source: BundleSource) => Promise<A>,
): Promise<A> => {
  const pool = await createPostgresPool(databaseUrl, { maxConnections: 2 })
  const session = await connectSession(databaseUrl, 'presence audit export')
  try {
    const clock = { now: () => Date.now() }
    const issue = await createProofs({ pool, signer, clock, everyMs: 0, log }).checkpoint()()
    if (E.isLeft(issue)) throw new ExportError(`Postgres can't be asked: ${issue.left.cause}`)
    if (issue.right.kind === 'altered')
      throw new ExportError('The log’s tree is not the one that was signed: run presence audit verify.')
    const cosigning = createWitnesses({ pool, log: verifierOf(signer), places })
    const note = await cosigning.cosign(issue.right.checkpoint.note)
    const { size, root, extensions } = openCheckpoint(note, verifierOf(signer))!
    const upTo = BigInt(extensions.find((one) => one.startsWith('position '))?.slice(9) ?? -1)
    const kept = keptStates(session, log, signer)
    return await work({ log, session, signer, kept, checkpoint: { note, size, root, upTo } })
  } finally {
    await session.close()
    await pool.end()
  }
}

/** Throws `ExportError` with a sentence. */
export const exportBundleTo = (options: BundleExportOptions): Promise<Exported> =>
  withSource(options, async (source) => {
    const [from, to] = [options.from?.toISOString() ?? null, options.to?.toISOString() ?? null]
    const { events, bytes } = await exportRoom(source, { ...options, from, to })
    return { events, bytes, size: source.checkpoint.size }
  })
