/** One file of evidence, of a limited size. */
import * as E from 'fp-ts/lib/Either.js'
import type { HttpDeps, NoEvidence } from '../../adapters/http/deps.ts'
import { reasonOf } from '../../adapters/observing.ts'
import type { SealedLog } from '../../adapters/privacy/sealed-log.ts'
import type { Clock, EventLog } from '../../domain/ports.ts'
import type { Signer } from '../../projections/proof/note.ts'
import type { WitnessPlace } from '../../projections/proof/witnesses.ts'
import { exportBundleTo } from '../operations/export/bundle.ts'
import { evidenceOf } from '../operations/export/evidence/evidence.ts'
import { NothingToExport } from '../operations/export/room.ts'

/** How many events one file may have; the command line has no such limit. */
const MOST = 20_000

class TooMany extends Error {}

const whyNone = (error: unknown): NoEvidence => {
  if (error instanceof TooMany) return { why: 'too many', most: MOST }
  if (error instanceof NothingToExport) return { why: 'none' }
  return { why: 'unavailable', cause: reasonOf(error) }
}

export type EvidenceSources = {
  /** The log as it is, with seals unopened. */
  readonly stored: EventLog
  readonly log: Pick<SealedLog<EventLog>, 'open'>
  readonly databaseUrl: string
  readonly signer: Signer
  readonly witnesses?: ReadonlyArray<WitnessPlace>
  readonly clock: Clock
}

type Make = (
  sources: EvidenceSources,
  asked: Parameters<NonNullable<HttpDeps['evidence']>>[0],
) => Promise<E.Either<NoEvidence, string>>

/** Tried a second time if it could not be proved: a file is made by many queries, between two of which a rebuild may put new tables
 *  in place of the old, or Postgres be silent for a moment. */
export const makeEvidence: Make = async (sources, asked) => {
  const first = await make(sources, asked)
  return E.isLeft(first) && first.left.why === 'unavailable' ? make(sources, asked) : first
}

const make: Make = async (
  { stored, log, databaseUrl, signer, witnesses = [], clock }: EvidenceSources,
  { space, from, to, wordsOf },
) => {
  const parts: string[] = []
  try {
    await exportBundleTo({
      log: stored,
      databaseUrl,
      signer,
      witnesses,
      space,
      from,
      // Nothing can be said about the future.
      to: to !== null && to.getTime() > clock.now() ? null : to,
      write: async (line) => {
        if (parts.length > MOST + 10) throw new TooMany()
        parts.push(line)
      },
    })
  } catch (error) {
    return E.left(whyNone(error))
  }
  const { html } = await evidenceOf(parts.join(''), {
    signer,
    open: log.open,
    shows: (author) => wordsOf?.includes(author) ?? true,
    witnesses,
    madeAt: new Date(clock.now()).toISOString(),
  })
  return E.right(html)
}
