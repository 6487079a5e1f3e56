/** Where the keys of subjects are. */

import type { KeyObject } from 'node:crypto'
import type { Subject } from '../../domain/identity.ts'
import type { SubjectKey } from './seal.ts'

export type KeyRef = { readonly subject: Subject; readonly generation: number }
/** A key that was destroyed, and the request that asked for it. */
export type Erased = { readonly erased: string }

export const refOf = ({ subject, generation }: KeyRef): string => `${subject}#${generation}`

export interface Vault {
  /** The key that each subject's data is sealed under now, made where there is none. */
  readonly sealing: (subjects: ReadonlyArray<Subject>) => Promise<ReadonlyMap<Subject, SubjectKey>>
  /** By `refOf`. Those that were erased say so; one that is missing was never made here. */
  readonly opening: (refs: ReadonlyArray<KeyRef>) => Promise<ReadonlyMap<string, KeyObject | Erased>>
  /** The same of one, at once, where it is known here; undefined where it must be asked for. */
  readonly sealingNow?: (subject: Subject) => SubjectKey | undefined
  readonly openingNow?: (ref: KeyRef) => KeyObject | Erased | undefined
}
