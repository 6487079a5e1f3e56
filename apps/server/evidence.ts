/** Files of evidence, made one at a time, because each is held in memory completely while it is made. What makes them is loaded with the
 *  first. */
import * as E from 'fp-ts/lib/Either.js'
import type { HttpDeps, NoEvidence } from '../../adapters/http/deps.ts'
import type { Proofs } from '../../projections/proof/proofs.ts'
import type { EvidenceSources } from './evidence-file.ts'

type Make = NonNullable<HttpDeps['evidence']>

/** How many callers may wait for theirs, and how long one may take (ms): with 20,000 events it takes some ten seconds. */
const MOST_WAITING = 8
const PATIENCE_MS = 60_000

/** The result within this time, else `late`: if Postgres becomes silent, the next one still gets its turn. */
const inTime = <A>(work: Promise<A>, late: A): Promise<A> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(late), PATIENCE_MS)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })

/** `proofs` is asked first, because it answers in time even if Postgres does not. */
export const evidenceFrom = (of: EvidenceSources & { readonly proofs: Pick<Proofs, 'size'> }): Make => {
  let waiting = 0
  let last: Promise<unknown> = Promise.resolve()
  const make: Make = async (asked) => {
    const { makeEvidence } = await import('./evidence-file.ts')
    return makeEvidence(of, asked)
  }
  const unavailable = (cause: string) => E.left<NoEvidence, string>({ why: 'unavailable', cause })
  return async (asked) => {
    const size = await of.proofs.size()()
    if (E.isLeft(size)) return unavailable(size.left.cause)
    if (waiting >= MOST_WAITING) return unavailable(`${waiting} others wait for theirs`)
    waiting += 1
    const made = last.then(() => inTime(make(asked), unavailable('it took too long')))
    last = made.catch(() => {}).finally(() => (waiting -= 1))
    return made
  }
}
