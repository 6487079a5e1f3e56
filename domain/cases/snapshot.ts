/** A space's cases as JSON and back. */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { About } from './events.ts'
import { type Case, type CasesState, initialCases, keyOfAbout, keyOfNetwork } from './state.ts'

/** The version of the shape below: a snapshot of another version is not read, and the cases are folded again. */
const CASES_SNAPSHOT = 1

const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null])
const KeptCase = t.type({
  id: t.string,
  subject: t.string,
  about: About,
  status: t.union([t.literal('open'), t.literal('taken'), t.literal('closed')]),
  takenBy: nullable(t.string),
  hands: t.array(t.string),
  acts: t.number,
  appeal: t.union([t.literal('none'), t.literal('made'), t.literal('decided')]),
  appealUntil: nullable(t.number),
  /** Reporter, network. */
  reporters: t.array(t.tuple([t.string, nullable(t.string)])),
})
const CasesSnapshot = t.type({
  version: t.literal(CASES_SNAPSHOT),
  length: t.number,
  cases: t.array(KeptCase),
  /** Ids, those closed the longest first. */
  closed: t.array(t.string),
})

export const toSnapshot = (state: CasesState): t.TypeOf<typeof CasesSnapshot> => ({
  version: CASES_SNAPSHOT,
  length: state.length,
  cases: [...state.cases.values()].map((one) => ({
    ...one,
    hands: [...one.hands],
    reporters: [...one.reporters].map(([reporter, network]): [string, string | null] => [reporter, network]),
  })),
  closed: [...state.closed],
})

/** The state from the result of `toSnapshot`, or why it can't be read. */
export const fromSnapshot = (json: unknown): E.Either<string, CasesState> => {
  if (!CasesSnapshot.is(json)) return E.left(`Not a snapshot of cases of version ${CASES_SNAPSHOT}.`)
  const cases = new Map<string, Case>()
  const open = new Map<string, string>()
  const reports = new Map<string, number>()
  const count = (key: string) => reports.set(key, (reports.get(key) ?? 0) + 1)
  for (const kept of json.cases) {
    cases.set(kept.id, { ...kept, reporters: new Map(kept.reporters) })
    if (kept.status === 'closed') continue
    open.set(keyOfAbout(kept.about, kept.subject), kept.id)
    for (const [reporter, network] of kept.reporters) {
      count(reporter)
      if (network !== null) count(keyOfNetwork(network))
    }
  }
  return E.right({
    ...initialCases(),
    length: json.length,
    cases,
    open,
    reports,
    closed: new Set(json.closed),
  })
}
