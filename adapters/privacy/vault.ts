/** Where the keys of subjects are. */

import type { KeyObject } from 'node:crypto'
import type { Subject } from '../../domain/identity.ts'
import type { SubjectKey } from './seal.ts'

export type KeyRef = { readonly subject: Subject; readonly generation: number }
/** A key that was destroyed, and the request that asked for it. */
export type Erased = { readonly erased: string }

export const refOf = ({ subject, generation }: KeyRef): string => `${subject}#${generation}`

export interface Vault {
  /** The key under which each subject's data is sealed now; one is made if there is none. */
  readonly sealing: (subjects: ReadonlyArray<Subject>) => Promise<ReadonlyMap<Subject, SubjectKey>>
  /** Keys by `refOf`. An erased key says so; one that is missing was never made here. */
  readonly opening: (refs: ReadonlyArray<KeyRef>) => Promise<ReadonlyMap<string, KeyObject | Erased>>
  /** The same for one subject, at once, if its key is known here; undefined if it must be fetched. */
  readonly sealingNow?: (subject: Subject) => SubjectKey | undefined
  readonly openingNow?: (ref: KeyRef) => KeyObject | Erased | undefined
}
