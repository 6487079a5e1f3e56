/** Files of evidence, made one at a time: each is held whole while it is made. */
import * as E from 'fp-ts/lib/Either.js'
import type { HttpDeps } from '../../adapters/http/deps.ts'
import type { SealedLog } from '../../adapters/privacy/sealed-log.ts'
import type { Clock, EventLog } from '../../domain/ports.ts'
import type { Signer } from '../../projections/proof/note.ts'
import { exportBundleTo } from '../operations/export/bundle.ts'
import { evidenceOf } from '../operations/export/evidence/evidence.ts'

/** Events of one file; the command line has no such bound. */
const MOST = 20_000

class TooMany extends Error {}

export const evidenceFrom = (of: {
  /** As it stands: sealed where it is sealed. */
  readonly stored: EventLog
  readonly log: Pick<SealedLog<EventLog>, 'open'>
  readonly databaseUrl: string
  readonly signer: Signer
  readonly clock: Clock
}): NonNullable<HttpDeps['evidence']> => {
  const { stored, log, databaseUrl, signer, clock } = of
  let last: Promise<unknown> = Promise.resolve()
  const make = async ({
    space,
    from,
    to,
    wordsOf,
  }: Parameters<NonNullable<HttpDeps['evidence']>>[0]): Promise<E.Either<{ most: number }, string>> => {
    const parts: string[] = []
    try {
      await exportBundleTo({
        log: stored,
        databaseUrl,
        signer,
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
      if (error instanceof TooMany) return E.left({ most: MOST })
      throw error
    }
    const { html } = await evidenceOf(parts.join(''), {
      signer,
      open: log.open,
      shows: (author) => wordsOf?.includes(author) ?? true,
      madeAt: new Date(clock.now()).toISOString(),
    })
    return E.right(html)
  }
  return (asked) => {
    const made = last.then(() => make(asked))
    last = made.catch(() => {})
    return made
  }
}
