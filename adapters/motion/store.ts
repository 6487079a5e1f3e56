/** Where blocks of motion are kept and read. */
import type { Subject } from '../../domain/identity.ts'
import type { MotionHead } from '../../domain/scene/motion/form.ts'
import type { MotionRow, motionBetween, motionLast } from '../../projections/motion/queries.ts'
import type { SubjectKey } from '../privacy/seal.ts'
import type { OpenedBlock } from './sections.ts'

export type NewBlock = {
  readonly block: string
  readonly head: MotionHead
  readonly tracks: ReadonlyMap<Subject, { readonly bytes: Uint8Array; readonly key: SubjectKey }>
  readonly keptUntil: Date
}
export type MotionStore = {
  /** The key that a mover's track is sealed under from now on. */
  readonly key: (subject: Subject) => Promise<SubjectKey>
  /** Rejects if Postgres can't be asked. For somebody who was erased meanwhile it stores only the hash. */
  readonly put: (block: NewBlock) => Promise<{ readonly root: string; readonly bytes: number }>
  readonly remove: (block: string) => Promise<void>
  /** Deletes what need not be kept any longer. */
  readonly expire: (now: Date) => Promise<number>
}
/** `fault`: what is wrong with a block, in a sentence, if it is not what the log says. */
export type ReadBlock = { readonly fault: string } | { readonly fault: null; readonly opened: OpenedBlock }
export type MotionReader = {
  readonly between: (...of: Parameters<typeof motionBetween>) => Promise<ReadonlyArray<MotionRow>>
  readonly last: (...of: Parameters<typeof motionLast>) => Promise<MotionRow | null>
  readonly open: (row: Pick<MotionRow, 'block' | 'root'>) => Promise<ReadBlock>
}
