/** Files of evidence, made one at a time, because each is held in memory completely while it is made. */
import * as E from 'fp-ts/lib/Either.js'
import type { HttpDeps, NoEvidence } from '../../adapters/http/deps.ts'
import { reasonOf } from '../../adapters/observing.ts'
import type { SealedLog } from '../../adapters/privacy/sealed-log.ts'
import type { Clock, EventLog } from '../../domain/ports.ts'
import type { Signer } from '../../projections/proof/note.ts'
import type { Proofs } from '../../projections/proof/proofs.ts'
import type { WitnessPlace } from '../../projections/proof/witnesses.ts'
import { exportBundleTo } from '../operations/export/bundle.ts'
import { evidenceOf } from '../operations/export/evidence/evidence.ts'
import { NothingToExport } from '../operations/export/room.ts'

/** How many events one file may have; the command line has no such limit. */
const MOST = 20_000

/** How many callers may wait for theirs, and how long one may take (ms): with 20,000 events it takes some ten seconds. */
const MOST_WAITING = 8
const PATIENCE_MS = 60_000

class TooMany extends Error {}

const whyNone = (error: unknown): NoEvidence => {
  if (error instanceof TooMany) return { why: 'too many', most: MOST }
  if (error instanceof NothingToExport) return { why: 'none' }
  return { why: 'unavailable', cause: reasonOf(error) }
}

/** The result within this time, else `late`: if Postgres becomes silent, the next one still gets its turn. */
const inTime = <A>(work: Promise<A>, late: A): Promise<A> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(late), PATIENCE_MS)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })

export const evidenceFrom = (of: {
  /** The log as it is, with seals unopened. */
  readonly stored: EventLog
  readonly log: Pick<SealedLog<EventLog>, 'open'>
  readonly databaseUrl: string
  readonly signer: Signer
  readonly witnesses?: ReadonlyArray<WitnessPlace>
  readonly clock: Clock
  /** Asked first, because it answers in time even if Postgres does not. */
  readonly proofs: Pick<Proofs, 'size'>
}): NonNullable<HttpDeps['evidence']> => {
  const { stored, log, databaseUrl, signer, witnesses = [], clock, proofs } = of
  let waiting = 0
  let last: Promise<unknown> = Promise.resolve()
  const make = async ({
    space,
    from,
    to,
    wordsOf,
  }: Parameters<NonNullable<HttpDeps['evidence']>>[0]): Promise<E.Either<NoEvidence, string>> => {
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
      madeAt: new Date(clock.now()).toISOString(),
    })
    return E.right(html)
  }
  const unavailable = (cause: string) => E.left<NoEvidence, string>({ why: 'unavailable', cause })
  return async (asked) => {
    const size = await proofs.size()()
    if (E.isLeft(size)) return unavailable(size.left.cause)
    if (waiting >= MOST_WAITING) return unavailable(`${waiting} others wait for theirs`)
    waiting += 1
    const made = last.then(() => inTime(make(asked), unavailable('it took too long')))
    last = made.catch(() => {}).finally(() => (waiting -= 1))
    return made
  }
}
