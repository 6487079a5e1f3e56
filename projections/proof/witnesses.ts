/** The port to this log's witnesses: which checkpoint each cosigned, and what it answered. */
import type { ReadResult } from '../read-models.ts'
import type { Verifier } from './note.ts'

/** A witness's address and key. `url` has no slash at its end. */
export type WitnessPlace = { readonly url: string; readonly key: Verifier }

/** Why a checkpoint was not cosigned. `ahead`: the witness cosigned a longer log before, so this log went back;
 *  `refused`: it takes this for another log than the one that it saw. */
export type CosigningFault = 'unreachable' | 'refused' | 'ahead'

export type WitnessState = {
  readonly name: string
  /** The key as verifiers write it. */
  readonly key: string
  readonly url: string
  /** The size of the checkpoint that it cosigned last; 0 before the first. */
  readonly size: number
  /** ISO 8601; null before the first. */
  readonly cosigned_at: string | null
  readonly asked_at: string | null
  readonly fault: CosigningFault | null
  readonly why: string | null
}

export interface Witnesses {
  /** The newest checkpoint about which every witness was asked, with the signatures of those that cosigned it; null
   *  before there is one, and if there are no witnesses. */
  readonly cosigned: () => ReadResult<string | null>
  /** In the order in which the settings name them. */
  readonly states: () => ReadResult<ReadonlyArray<WitnessState>>
}
