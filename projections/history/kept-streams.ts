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
/** Marks to a kept moment: what is read past it ends with the mark. */
export const MARKS_EACH = 4
/** An append takes 1 MiB; a kept moment above this goes into parts. */
export const MAX_BYTES = 700_000

/** Of the streams that are kept beside the room's. They hold places in this very log, and are of no use in another. */
export const KEPT_PREFIXES: ReadonlyArray<string> = ['moments-', 'marks-', 'momentparts-']
export const momentsOf = (stream: string): string => `moments-${stream}`
export const marksOf = (stream: string): string => `marks-${stream}`
export const partsOf = (stream: string, k: number): string => `momentparts-${stream}@${k}`

/** Of what is kept. What is only added (a setting, a mark) needs no other: it is written where it is not as every space
 *  begins, so that an older program's moments and this one's are the same to the byte. A change of the form does: then the
 *  one before gets a step to it here, and a golden file (`golden/kept-N.json`). */
export const KEPT_VERSION = 1
/** State of one version to that of the next, by the version that is left behind. */
const KEPT_STEPS: Readonly<Record<number, (state: unknown) => unknown>> = {}

/** As this version has it; null for a newer program's. */
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
/** `back`: the number of the moment that is kept whole and nearest before; `parts`: in how many it is. */
export const KeptMoment = t.intersection([
  t.type({ v: t.number, position: t.string, latest: t.number, id: t.string, at: t.string }),
  t.partial({ state: t.unknown, back: t.number, parts: t.number }),
])
export type KeptMoment = t.TypeOf<typeof KeptMoment>
