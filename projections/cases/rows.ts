/** The types of what can be asked about cases. */
import type { SpaceRef, SpaceType } from '../../domain/names.ts'
import type { Decimal, Iso, Page, PageRequest, ReadResult } from '../asking.ts'
import type { CaseList } from './lists.ts'

/** What was done to somebody in a case, or lifted. */
export type Did = {
  readonly act: string
  readonly by: string
  readonly at: Iso
  readonly until: Iso | null
  readonly reason: string | null
}
export type CaseRow = {
  readonly case_id: string
  /** The person whom it is about. */
  readonly subject: string
  readonly about: string
  readonly message_id: string | null
  readonly entity_id: string | null
  readonly subspace: string | null
  readonly opened_at: Iso
  /** The case's moment is the room just before this position. */
  readonly opened_position: Decimal
  readonly moment_space: Decimal
  readonly moment_chat: Decimal
  readonly status: string
  readonly taken_by: string | null
  readonly outcome: string | null
  readonly rule: string | null
  readonly reason: string | null
  readonly closed_by: string | null
  readonly closed_at: Iso | null
  readonly acted_by: string | null
  readonly acted_at: Iso | null
  /** `made`, then `stands` or `lifted`. */
  readonly appeal: string | null
  readonly appealed_at: Iso | null
  readonly decided_by: string | null
  readonly decided_at: Iso | null
  readonly decision: string | null
  readonly reports: number
  readonly acts: number
  /** In the order in which they were done. */
  readonly did: ReadonlyArray<Did>
}
type Placed = { readonly space_type: SpaceType; readonly space_id: string }
export type ReceiptRow = Placed & CaseRow
export type ReportRow = Placed & {
  readonly report_id: string
  readonly reported_at: Iso
  readonly position: Decimal
  readonly subject: string
  readonly about: string
  readonly message_id: string | null
  readonly entity_id: string | null
  readonly is_closed: boolean
}
/** An event of a case, as it is in the audit log. */
export type CaseStep = {
  readonly position: Decimal
  readonly created_at: Iso
  readonly action: string
  readonly user_account: string | null
  readonly guest_id: string | null
  readonly details: unknown
  readonly revision: Decimal
  readonly event_id: string
}
/** A row that a transparency report is made from. */
export type AccountedRow = {
  readonly position: bigint
  readonly stream: string
  readonly action: string
  readonly at: Iso
  readonly details: unknown
}

export interface CaseModels {
  /** Those open the longest come first. */
  readonly cases: (space: SpaceRef, list: CaseList | null, page: PageRequest) => ReadResult<Page<CaseRow>>
  readonly case: (space: SpaceRef, caseId: string) => ReadResult<CaseRow | null>
  readonly caseSteps: (space: SpaceRef, caseId: string) => ReadResult<ReadonlyArray<CaseStep>>
  /** Cases in which somebody was acted on, the newest first. */
  readonly receipts: (subject: string, page: PageRequest) => ReadResult<Page<ReceiptRow>>
  readonly reportsBy: (reporter: string, page: PageRequest) => ReadResult<Page<ReportRow>>
  /** A page of the rows that a transparency report is made from, in order, after position `past`. */
  readonly accounted: (
    space: SpaceRef,
    span: { readonly from: Iso; readonly to: Iso },
    past: bigint,
  ) => ReadResult<ReadonlyArray<AccountedRow>>
}
