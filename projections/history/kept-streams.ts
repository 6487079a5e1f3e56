/**
 * What is kept beside a room's stream, and where.
 *
 * After every `EVERY` events the fold's result is kept in a stream beside it, `moments-<stream>`: its event number k holds
 * how things stood after revision (k + 1) · EVERY - 1, so whoever knows a revision knows where to look, with no index.
 * `marks-<stream>` is numbered alike, four to each, and says in a few bytes where on the log, and when, that was: times and
 * positions are found in it by halving. Both are made of the room's own events and nothing else, so it is no matter who
 * writes them, or whether two do at once: they write the same, and whatever is missing is made when first asked for.
 */
import * as t from 'io-ts'

export const EVERY = 256
/** How many marks there are to one kept moment: a read past the moment ends at a mark. */
export const MARKS_EACH = 4
/** An append may have 1 MiB; a kept moment larger than this is divided into parts. */
export const MAX_BYTES = 700_000

/** The prefixes of the streams that are kept beside the room's. They hold positions of this very log, and are of no use in another. */
export const KEPT_PREFIXES: ReadonlyArray<string> = ['moments-', 'marks-', 'momentparts-']
export const momentsOf = (stream: string): string => `moments-${stream}`
export const marksOf = (stream: string): string => `marks-${stream}`
export const partsOf = (stream: string, k: number): string => `momentparts-${stream}@${k}`

/** The version of what is kept. An addition (a setting, a mark) needs no new version: it is written only if it differs
 *  from its initial value, so that an older program's moments and this one's are the same to the byte. A change of the
 *  form needs one: then the version before gets a step here, and a golden file (`golden/kept-N.json`). */
export const KEPT_VERSION = 1
/** Converts the state of one version to the next, by the version that is left behind. */
const KEPT_STEPS: Readonly<Record<number, (state: unknown) => unknown>> = {}

/** The state in this version's form; null if a newer program wrote it. */
export const broughtUp = (
  v: number,
  state: unknown,
  steps: typeof KEPT_STEPS = KEPT_STEPS,
  to = KEPT_VERSION,
): unknown => {
  if (!Number.isInteger(v) || v < 1 || v > to) return null
  let now = state
  for (let at = v; at < to; at += 1) now = steps[at]?.(now) ?? now
  return now
}

export const Mark = t.type({ v: t.literal(1), position: t.string, latest: t.number })
/** `back`: the number of the nearest earlier moment that is kept whole; `parts`: in how many parts it is. */
export const KeptMoment = t.intersection([
  t.type({ v: t.number, position: t.string, latest: t.number, id: t.string, at: t.string }),
  t.partial({ state: t.unknown, back: t.number, parts: t.number }),
])
export type KeptMoment = t.TypeOf<typeof KeptMoment>
