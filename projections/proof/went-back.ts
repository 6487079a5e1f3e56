/** The statement, by the holder of the log's key, that the log went back to an earlier state: earlier checkpoints of
 *  more events are about what was lost, and no sign of a second history. Every later checkpoint says so too. */
import { issuedAt } from './issued.ts'
import { type Checkpoint, openNote, type Signer, signNote, type Verifier } from './note.ts'

export type WentBack = {
  /** How many events the log had after that. */
  readonly events: number
  /** ISO 8601. Checkpoints from before this time, of more events, are void if they don't hold. */
  readonly at: string
}

const LINE = /^went-back (0|[1-9]\d{0,14}) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)$/
const lineOf = ({ events, at }: WentBack): string => `went-back ${events} ${at}`
const readLine = (line: string): ReadonlyArray<WentBack> => {
  const [, events, at] = LINE.exec(line) ?? []
  if (events === undefined || at === undefined || Number.isNaN(Date.parse(at))) return []
  return [{ events: Number(events), at }]
}

/** All of them, the oldest first. One that is followed by one that goes back further says nothing more, and is left out. */
export const together = (...all: ReadonlyArray<ReadonlyArray<WentBack>>): ReadonlyArray<WentBack> => {
  const sorted = all.flat().sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.events - b.events))
  return sorted.filter((one, nth) => sorted.slice(nth + 1).every(({ events }) => events > one.events))
}

export const wentBackLines = (all: ReadonlyArray<WentBack>): ReadonlyArray<string> => all.map(lineOf)
export const wentBackIn = ({ extensions }: Checkpoint): ReadonlyArray<WentBack> =>
  extensions.flatMap(readLine)

/** The statement by which a checkpoint is about what was lost; null if there is none. Checkpoints that don't say their
 *  time count as older than any statement. */
export const lostBy = (all: ReadonlyArray<WentBack>, checkpoint: Checkpoint): WentBack | null => {
  const issued = issuedAt(checkpoint) ?? Number.NEGATIVE_INFINITY
  return all.find(({ events, at }) => checkpoint.size > events && issued < Date.parse(at)) ?? null
}

const HEAD = 'dlux-presence-went-back v1'
/** A note for the table `proof_went_back`. */
export const signWentBack = (one: WentBack, signer: Signer): string =>
  signNote(`${HEAD}\n${signer.name}\n${lineOf(one)}\n`, signer)

/** Null if this key did not sign it, or if it says something else. */
export const openWentBack = (note: string, verifier: Verifier): WentBack | null => {
  const [head, name, line, end, ...rest] = (openNote(note, verifier) ?? '').split('\n')
  if (head !== HEAD || name !== verifier.name || end !== '' || rest.length > 0) return null
  return readLine(line ?? '')[0] ?? null
}
