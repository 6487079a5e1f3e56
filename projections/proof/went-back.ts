/** That the log went back to an earlier state, said by who has its key: checkpoints of before then, of more events, are of what was
 *  lost, and no sign of a second history. Every later checkpoint says so too. */
import { issuedAt } from './issued.ts'
import { type Checkpoint, openNote, type Signer, signNote, type Verifier } from './note.ts'

export type WentBack = {
  /** So many events it had again. */
  readonly events: number
  /** ISO 8601: checkpoints of before then, of more events, are void where they don't hold. */
  readonly at: string
}

const LINE = /^went-back (0|[1-9]\d{0,14}) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)$/
const lineOf = ({ events, at }: WentBack): string => `went-back ${events} ${at}`
const readLine = (line: string): ReadonlyArray<WentBack> => {
  const [, events, at] = LINE.exec(line) ?? []
  if (events === undefined || at === undefined || Number.isNaN(Date.parse(at))) return []
  return [{ events: Number(events), at }]
}

/** The oldest first. One that a later one goes further back than says nothing more. */
export const together = (...all: ReadonlyArray<ReadonlyArray<WentBack>>): ReadonlyArray<WentBack> => {
  const sorted = all.flat().sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.events - b.events))
  return sorted.filter((one, nth) => sorted.slice(nth + 1).every(({ events }) => events > one.events))
}

export const wentBackLines = (all: ReadonlyArray<WentBack>): ReadonlyArray<string> => all.map(lineOf)
export const wentBackIn = ({ extensions }: Checkpoint): ReadonlyArray<WentBack> =>
  extensions.flatMap(readLine)

/** The one by which a checkpoint is of what was lost; null where there is none. Those from before they said their time are older
 *  than any. */
export const lostBy = (all: ReadonlyArray<WentBack>, checkpoint: Checkpoint): WentBack | null => {
  const issued = issuedAt(checkpoint) ?? Number.NEGATIVE_INFINITY
  return all.find(({ events, at }) => checkpoint.size > events && issued < Date.parse(at)) ?? null
}

const HEAD = 'dlux-presence-went-back v1'
/** A note for the table `proof_went_back`. */
export const signWentBack = (one: WentBack, signer: Signer): string =>
  signNote(`${HEAD}\n${signer.name}\n${lineOf(one)}\n`, signer)

/** Null where this key did not sign it, or it says something else. */
export const openWentBack = (note: string, verifier: Verifier): WentBack | null => {
  const [head, name, line, end, ...rest] = (openNote(note, verifier) ?? '').split('\n')
  if (head !== HEAD || name !== verifier.name || end !== '' || rest.length > 0) return null
  return readLine(line ?? '')[0] ?? null
}
