/** The types of the rows about one person: what is held on them, and who looked at it. */
import type { SpaceType } from '../../domain/names.ts'
import type { Decimal, Iso, Page, PageRequest, ReadResult } from '../asking.ts'

/** What the audit log contains of a person's acts in one space. */
export type HeldRoom = {
  readonly space_type: SpaceType
  readonly space_id: string
  readonly sessions: number
  readonly messages: number
  /** The number of their other acts there. */
  readonly others: number
  readonly first_at: Iso
  readonly last_at: Iso
}
/** A key under which the person's data was sealed; once it is erased, nobody can read that data. */
export type HeldKey = {
  readonly generation: number
  readonly created_at: Iso
  /** The request for which the key was destroyed, and when; null while the key exists. */
  readonly erased_by: string | null
  readonly erased_at: Iso | null
}
export type Held = {
  /** The rooms with the latest acts come first. */
  readonly rooms: ReadonlyArray<HeldRoom>
  /** False if the person did so much that only the latest acts were counted. */
  readonly is_whole: boolean
  readonly keys: ReadonlyArray<HeldKey>
  readonly reports: number
  /** Cases in which somebody acted on the person, and appeals of theirs that nobody has decided yet. */
  readonly receipts: number
  readonly appeals: number
  readonly permissions: number
  /** Blocks of recorded motion that contain theirs. */
  readonly motion_blocks: number
}
/** Somebody's look at a part of the audit log that contains the person's rows. */
export type LookRow = {
  readonly position: Decimal
  readonly at: Iso
  readonly by: string
  /** `*` for a look at all spaces. */
  readonly space_type: string
  readonly space_id: string
  readonly call: string
  /** Whether they asked for this person by name. */
  readonly by_name: boolean
  /** How many looks this row stands for. */
  readonly times: number
}

export interface PersonModels {
  readonly held: (subject: string) => ReadResult<Held>
  /** The newest first, without the person's own looks. Only so many looks are searched for a page: one with a `next_cursor` may be short,
   *  even empty. */
  readonly looksAt: (subject: string, page: PageRequest) => ReadResult<Page<LookRow>>
}
