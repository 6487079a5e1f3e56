/** The types of what can be asked about one person: what is held on them, and who looked at it. */
import type { SpaceType } from '../../domain/names.ts'
import type { Decimal, Iso, Page, PageRequest, ReadResult } from '../asking.ts'

/** What the audit log has of somebody's in one space. */
export type HeldRoom = {
  readonly space_type: SpaceType
  readonly space_id: string
  readonly sessions: number
  readonly messages: number
  /** Whatever else they did there. */
  readonly others: number
  readonly first_at: Iso
  readonly last_at: Iso
}
/** A key that the person's data was sealed under; without it, once it is erased, nobody can read that. */
export type HeldKey = {
  readonly generation: number
  readonly created_at: Iso
  /** The request it was destroyed for, and when; null while it is there. */
  readonly erased_by: string | null
  readonly erased_at: Iso | null
}
export type Held = {
  /** Those with the latest acts first. */
  readonly rooms: ReadonlyArray<HeldRoom>
  /** False where somebody did so much that only the latest was counted. */
  readonly is_whole: boolean
  readonly keys: ReadonlyArray<HeldKey>
  readonly reports: number
  /** Cases in which somebody acted on them, and those of their appeals that nobody decided yet. */
  readonly receipts: number
  readonly appeals: number
  readonly permissions: number
  /** Blocks of kept motion with theirs in it. */
  readonly motion_blocks: number
}
/** Somebody looked at a part of the audit log with the person's rows in it. */
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
  /** How many looks this stands for. */
  readonly times: number
}

export interface PersonModels {
  readonly held: (subject: string) => ReadResult<Held>
  /** The newest first; not the person's own. */
  readonly looksAt: (subject: string, page: PageRequest) => ReadResult<Page<LookRow>>
}
