/** A witness of one log: it cosigns a checkpoint if the log's key signed it and the log has only grown since the last, and remembers. */
import { cosign, cosignedAt } from '../../../projections/proof/cosignature.ts'
import type { Hash } from '../../../projections/proof/merkle.ts'
import {
  type Checkpoint,
  checkpointIn,
  isBy,
  openCheckpoint,
  partsOf,
  type Verifier,
  verifierOf,
} from '../../../projections/proof/note.ts'
import { type CosigningAsked, faultOf, type LogFault } from '../../../projections/proof/witnessing.ts'
import type { WitnessFolder } from './state.ts'

/** `moved`: the last cosigned checkpoint is another one, of this many events. */
export type Considered =
  | { readonly kind: 'cosigned'; readonly line: string; readonly checkpoint: Checkpoint }
  | { readonly kind: 'another log' }
  | { readonly kind: 'older than asked' }
  | { readonly kind: 'moved'; readonly size: number }
  | { readonly kind: 'refused'; readonly fault: LogFault; readonly why: string }

export type LogWitness = {
  /** The one key that the log signs with; its name is the log's. */
  readonly log: Verifier
  readonly key: Verifier
  /** The last cosigned checkpoint as it is kept, with the log's signature and the cosignature; null before the first. */
  readonly last: () => string | null
  readonly lastCheckpoint: () => Checkpoint | null
  readonly consider: (asked: CosigningAsked) => Considered
  /** Keeps a checkpoint of the log that shows that the log misbehaved. */
  readonly catchAt: (shown: string, fault: LogFault, why: string) => void
}

export const createWitness = (
  folder: WitnessFolder,
  log: Verifier,
  clock: { readonly now: () => number },
): LogWitness => {
  const { cosigner } = folder
  const key = verifierOf(cosigner)
  const last = (): string | null => folder.cosigned(log.name)
  const lastCheckpoint = (): Checkpoint | null => {
    const kept = last()
    return kept === null ? null : checkpointIn(kept)
  }
  const catchAt = (shown: string, fault: LogFault, why: string): void =>
    folder.caught(log.name, { fault, why, cosigned: last(), shown, at: new Date(clock.now()).toISOString() })

  const refused = (fault: LogFault, why: string): Considered => ({ kind: 'refused', fault, why })
  const judged = (
    { note, old }: CosigningAsked,
    shown: Checkpoint,
    proof: ReadonlyArray<Hash>,
  ): Considered | null => {
    if (old > shown.size) return { kind: 'older than asked' }
    const before = lastCheckpoint()
    if (old !== (before?.size ?? 0)) return { kind: 'moved', size: before?.size ?? 0 }
    const found = faultOf(before, shown, proof)
    if (found === null) return null
    // Whoever asks may send a wrong proof, which shows nothing about the log, except where no proof could help.
    const isOfLog =
      found.fault === 'forked' && before !== null && (shown.size === before.size || shown.size === 0)
    if (isOfLog) catchAt(note, found.fault, found.why)
    return refused(found.fault, found.why)
  }

  return {
    log,
    key,
    last,
    lastCheckpoint,
    catchAt,
    // There is no await in it, so that simultaneous requests are decided one after the other.
    consider: (asked) => {
      const { note, proof } = asked
      if (checkpointIn(note)?.origin !== log.name) return { kind: 'another log' }
      const shown = openCheckpoint(note, log)
      if (shown === null) return refused('unsigned', 'Its checkpoint is not signed by the log’s key.')
      const against = judged(asked, shown, proof)
      if (against !== null) return against
      const { text, lines } = partsOf(note)!
      // Cosignatures of one log never go back in time.
      const kept = last()
      const before = kept === null ? null : cosignedAt(kept, key)
      const now = Math.floor(clock.now() / 1_000)
      const line = cosign(text, cosigner, Math.max(now, before?.seconds ?? 0))
      // Everybody has the log's checkpoints and may send them again and again, and storing one waits for the disk. If both the tree
      // and the time are stored already, nothing new is said.
      const stored = lastCheckpoint()
      const isStored = stored?.size === shown.size && stored.root.equals(shown.root)
      if (isStored && before !== null && now <= before.seconds)
        return { kind: 'cosigned', line, checkpoint: shown }
      const own = lines.filter((one) => isBy(one, log)).map((one) => `${one.line}\n`)
      folder.keep(log.name, `${text}\n${own.join('')}${line}`)
      return { kind: 'cosigned', line, checkpoint: shown }
    },
  }
}
