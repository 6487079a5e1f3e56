/** The witnesses of this log, as a port: which checkpoint they cosigned, and what they said of it. */
import type { ReadResult } from '../read-models.ts'
import type { Verifier } from './note.ts'

/** Whom to ask. `url` has no slash at its end. */
export type WitnessPlace = { readonly url: string; readonly key: Verifier }

/** Why a checkpoint was not cosigned. `ahead`: it cosigned a longer log before, so this one went back; `refused`: it holds this to be
 *  another log than it saw. */
export type CosigningFault = 'unreachable' | 'refused' | 'ahead'

export type WitnessState = {
  readonly name: string
  /** As verifiers write it. */
  readonly key: string
  readonly url: string
  /** How many events it cosigned last; 0 before the first. */
  readonly size: number
  /** ISO 8601; null before the first. */
  readonly cosigned_at: string | null
  readonly asked_at: string | null
  readonly fault: CosigningFault | null
  readonly why: string | null
}

export interface Witnesses {
  /** The newest checkpoint of which every witness was asked, with the signatures of those who cosigned it; null before there is one,
   *  and where there are no witnesses. */
  readonly cosigned: () => ReadResult<string | null>
  /** In the order of the settings. */
  readonly states: () => ReadResult<ReadonlyArray<WitnessState>>
}
