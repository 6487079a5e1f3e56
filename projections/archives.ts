/** What the log says about its archives: what was moved out of it, and where that is. It is in a stream of its own,
 *  which is not part of the tree and is of no use in another log. */
import * as t from 'io-ts'

export const ARCHIVES = 'archives'
/** Streams that hold the state at the time a stream was cut, for commands and for reads of the past. */
export const STANDING_PREFIXES: ReadonlyArray<string> = ['standing-', 'standingmoment-']

const Made = t.type({
  number: t.number,
  /** The folder's name, and where it was put. */
  name: t.string,
  place: t.string,
  /** ISO 8601; null for the log's beginning. */
  from: t.union([t.string, t.null]),
  before: t.string,
  events: t.number,
  /** The position of the last event in it. */
  position: t.string,
  /** The manifest's SHA-256 in hex. */
  manifest: t.string,
})
/** An archive that was made and read back: from here on, what it contains may be cut from the log. */
export type ArchiveMade = t.TypeOf<typeof Made>
export const archiveMadeIn = (data: unknown): ArchiveMade | null => (Made.is(data) ? data : null)

const Cut = t.type({ number: t.number })
export const archiveCutIn = (data: unknown): t.TypeOf<typeof Cut> | null => (Cut.is(data) ? data : null)

export const MADE = 'ArchiveMade'
export const CUT = 'ArchiveCut'

export const archivedSentence = ({ name, place, before }: ArchiveMade): string =>
  `What was before ${before} is in the archive ${name} (${place}), which is not at hand.`
