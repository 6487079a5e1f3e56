/** The types of what the tables can be asked. `adapters/postgres` answers; every row has the shape that goes out as
 *  JSON: times as ISO 8601, positions and revisions as decimal strings, names in snake_case. */

import type { Caller, Subject } from '../domain/identity.ts'
import type { SpaceRef, SpaceType } from '../domain/names.ts'
import type { SpaceSettings } from '../domain/settings.ts'
import type { Permission } from '../domain/space/events.ts'
import type { Decimal, Iso, Page, PageRequest, ReadResult } from './asking.ts'
import type { CaseModels } from './cases/rows.ts'
import type { ParkedCounts } from './parked.ts'
import type { PersonModels } from './people/rows.ts'
import type { LogPlace } from './same-log.ts'

export type { Page, PageRequest, PostgresUnavailable, ReadResult } from './asking.ts'

export type SpaceListRow = {
  readonly space_type: SpaceType
  readonly space_id: string
  readonly display_name: string
  readonly description: string
  /** The content's own type: a post's (`vr`, `360`, …), else the space type. */
  readonly type: string
  readonly active_users: number
  readonly max_users: number
  readonly created_at: Iso | null
  readonly creator: string | null
}
export type SpaceList = {
  readonly spaces: ReadonlyArray<SpaceListRow>
  readonly total: number
  readonly next_cursor: string | null
}

export type SettingsRow = SpaceSettings & {
  readonly space_type: SpaceType
  readonly space_id: string
  /** Null if nothing was ever changed: the defaults are in force. */
  readonly updated_by: string | null
  readonly updated_at: Iso | null
}

/** A space as the tables know it, by its content or by its history. The caller decides who may see it. */
export type SpaceRow = SettingsRow & {
  readonly title: string
  readonly description: string
  readonly type: string
  readonly owner: string | null
  readonly visibility: 'public' | 'private'
  readonly active_users: number
  readonly created_at: Iso | null
  /** The revision of the space's stream and the position of the last event applied of it; null if nothing ever happened in it. */
  readonly revision: Decimal | null
  readonly chat_revision: Decimal | null
  readonly position: Decimal | null
}

export type SessionRow = {
  readonly session_id: string
  readonly socket_id: string
  readonly user_account: string | null
  readonly guest_id: string | null
  readonly subspace: string
  readonly connected_at: Iso
  readonly last_activity: Iso
  readonly position: unknown
  readonly avatar_data: unknown
  readonly voice_enabled: boolean
  /** The other marks, by name; a missing one has its initial value. */
  readonly marks: Readonly<Record<string, unknown>>
  readonly node: string
}
export type BootSessionRow = SessionRow & { readonly space: SpaceRef; readonly boot: string }

export type EntityRow = {
  readonly subspace: string
  readonly entity_id: string
  readonly components: Readonly<Record<string, unknown>>
}

export type SubroomRow = { readonly subspace: string; readonly active_users: number }

export type PermissionRow = {
  readonly user_account: string
  readonly permission: Permission
  readonly granted_by: string
  readonly reason: string | null
  readonly created_at: Iso
}
/** A space in whose queue somebody has a place. */
export type PlaceRow = { readonly space_type: SpaceType; readonly space_id: string }

export type BanRow = {
  /** An account or a guest. */
  readonly subject: string
  readonly banned_by: string
  readonly reason: string | null
  /** Null is for good. A ban whose `until` has passed stays in the table and is not listed. */
  readonly until: Iso | null
  readonly created_at: Iso
}
export type MuteRow = {
  readonly subject: string
  readonly muted_by: string
  readonly reason: string | null
  readonly until: Iso | null
  readonly created_at: Iso
}

export type ReactionRow = {
  readonly emoji: string
  readonly count: number
  readonly by: ReadonlyArray<string>
}
/** A deleted message keeps its place, with empty `content`. */
export type MessageRow = {
  readonly message_id: string
  readonly user_account: string | null
  readonly guest_id: string | null
  readonly display_name: string
  readonly message_type: string
  readonly content: string
  readonly parent_message_id: string | null
  readonly thread_root_id: string | null
  readonly subspace: string
  readonly is_deleted: boolean
  readonly deleted_by: string | null
  readonly deleted_at: Iso | null
  readonly edited_at: Iso | null
  readonly created_at: Iso
  /** The request by which its words were erased; `content` is then empty. */
  readonly erased_by: string | null
  /** The same as `created_at`, under the name that the socket event uses. */
  readonly timestamp: Iso
  readonly position: Decimal
  readonly revision: Decimal
  readonly reactions: ReadonlyArray<ReactionRow>
}
export type MessagesRequest = {
  readonly space: SpaceRef
  readonly subspace: string
  readonly limit: number
  /** A message id or a revision, exclusive. Neither: the newest. `after` gives the oldest after it. */
  readonly before?: string
  readonly after?: string
}
/** Oldest to newest. `has_more`: whether there are more in the direction asked (older ones, unless `after` was given). */
export type Messages = { readonly messages: ReadonlyArray<MessageRow>; readonly has_more: boolean }

/** What a decision about an existing message needs. */
export type MessageRecord = {
  readonly messageId: string
  readonly space: SpaceRef
  readonly account: string | null
  readonly guest: string | null
  readonly displayName: string
  readonly subspace: string
  readonly messageType: string
  readonly content: string
  readonly edited: boolean
  readonly deleted: boolean
  readonly parentMessageId: string | null
  readonly threadRootId: string | null
  readonly createdAt: Iso
  /** The revision of its MessagePosted in the chat stream. */
  readonly revision: bigint
  readonly reactions: ReadonlyArray<{ readonly emoji: string; readonly by: string }>
}

export type AuditRow = {
  readonly position: Decimal
  readonly event_id: string
  readonly created_at: Iso
  /** The event's type. */
  readonly action: string
  readonly user_account: string | null
  readonly guest_id: string | null
  readonly target: string | null
  readonly space_type: string
  readonly space_id: string
  readonly subspace: string | null
  /** The event's data. */
  readonly details: unknown
  readonly ip_address: string | null
  readonly user_agent: string | null
  readonly command_id: string
  readonly correlation_id: string
  readonly causation_id: string
  readonly stream: string
  readonly revision: Decimal
  /** The request by which something of it was erased. */
  readonly erased_by: string | null
  readonly hash: string
  readonly prev_hash: string
}
/** How far a subscription has been delivered. */
export type DeliveryRow = {
  readonly subscription: string
  /** Which of the subscription's starts this is. */
  readonly start: number
  readonly position: Decimal | null
  readonly delivered: number
  readonly failures: number
  readonly failing_since: Iso | null
  readonly last_error: string | null
  readonly delivered_at: Iso | null
  readonly failed_at: Iso | null
}
export type AuditFilters = {
  readonly space?: SpaceRef
  readonly subspace?: string
  /** An account or guest, as the actor or as the target. */
  readonly account?: string
  /** A second one, to find what one did to the other. */
  readonly guest?: string
  /** An account, a guest or a message, as the target. */
  readonly target?: string
  readonly action?: string
  /** The code of a refusal. */
  readonly refusal?: string
  /** Both inclusive, on `created_at`. */
  readonly from?: Date
  readonly to?: Date
  /** Text anywhere in a message's words, whatever the case. Without an account, a target or a short span, so many rows are searched for
   *  a page that it may be short, or empty, although more pages follow. */
  readonly text?: string
  readonly correlation?: string
  /** Leaves out refusals that say the space is not there: they are on the log only if it is. */
  readonly knownOnly?: boolean
  /** Leaves out rows about reports and cases: whoever may handle a case sees them elsewhere. */
  readonly withoutCases?: boolean
  /** Inclusive: nothing after this position. */
  readonly upTo?: bigint
}
export type AuditOrder = 'newest' | 'oldest'
/** `limit` may be up to 1,000 here. Default order: newest. */
export type AuditRequest = PageRequest & AuditFilters & { readonly order?: AuditOrder }

/** Times in milliseconds since the epoch, inclusive; null means the room's first and last event. `buckets`: how many at most. */
export type AuditCountsRequest = {
  readonly space: SpaceRef
  readonly from: number | null
  readonly to: number | null
  readonly buckets: number
}
/** How many events of each type fall into each of the spans of `width_ms` after `from`; empty spans are left out. */
export type AuditCounts = {
  readonly from: Iso | null
  readonly to: Iso | null
  readonly width_ms: number
  readonly buckets: ReadonlyArray<{
    readonly bucket: number
    readonly counts: Readonly<Record<string, number>>
  }>
}

export type SpacesRequest = PageRequest & {
  /** The content's own type: a post's `vr`, `360`, … */
  readonly contentType?: string
  /** How many to leave out, for clients without a cursor. */
  readonly offset?: number
  readonly type?: SpaceType
  /** Matches the name, the id or the owner, whatever the case. */
  readonly q?: string
  readonly viewer: Caller | null
}

/** How far the tables are. `position` is the last commit position applied, null before the first. */
export type TablesCheckpoint = {
  readonly position: bigint | null
  readonly epoch: bigint
  readonly at: Iso | null
}

/** A ban list that is made of other spaces' bans. `print` changes whenever those change. */
export type FollowedListRow = {
  readonly space_type: SpaceRef['type']
  readonly space_id: string
  readonly list_id: string
  readonly source_kind: string
  /** The space whose bans it contains; null if they are those of an owner's spaces. */
  readonly source_type: SpaceRef['type'] | null
  readonly source_id: string | null
  readonly followed_by: string
  /** Whether that space publishes its bans. */
  readonly published: boolean
  readonly print: string
}
export type SourceBanRow = {
  readonly subject: string
  readonly reason: string | null
  readonly space_type: SpaceRef['type']
  readonly space_id: string
  /** Whether a list may name that space: of an owner's list, not everybody who reads it may know of all the spaces. */
  readonly named: boolean
}

export interface ReadModels extends CaseModels, PersonModels {
  /** True as soon as the tables have everything up to `position`; false if they don't within `timeoutMs`. */
  readonly waitFor: (position: bigint, timeoutMs: number) => ReadResult<boolean>
  readonly checkpoint: () => ReadResult<TablesCheckpoint>
  /** The last events that the tables have, the newest first, to compare with a log. */
  readonly lastPlaces: () => ReadResult<ReadonlyArray<LogPlace>>
  /** Events that wait because they could not be applied (`presence parked`). */
  readonly parked: () => ReadResult<ParkedCounts>
  /** The spaces that the viewer may know of, the lobby first, then newest first. */
  readonly listSpaces: (request: SpacesRequest) => ReadResult<SpaceList>
  /** Null if neither content nor history knows it. */
  readonly space: (space: SpaceRef) => ReadResult<SpaceRow | null>
  readonly connectedUsers: (space: SpaceRef) => ReadResult<ReadonlyArray<SessionRow>>
  /** A page of the ban lists that are made of other spaces' bans, in the order of their keys, beginning after the last
   *  one of the page before. */
  readonly followedLists: (
    after: readonly [string, string, string] | null,
    limit: number,
  ) => ReadResult<ReadonlyArray<FollowedListRow>>
  /** The bans that such a list is made of. */
  readonly bansOfSource: (
    source: Omit<FollowedListRow, 'print' | 'published' | 'list_id'>,
    limit: number,
  ) => ReadResult<ReadonlyArray<SourceBanRow>>
  /** Where somebody waits for a seat. */
  readonly placesOf: (subject: Subject) => ReadResult<ReadonlyArray<PlaceRow>>
  /** The pinned entities in the scenes of its rooms. */
  readonly entities: (space: SpaceRef) => ReadResult<ReadonlyArray<EntityRow>>
  /** `main` first, even when it is empty. */
  readonly subrooms: (space: SpaceRef) => ReadResult<ReadonlyArray<SubroomRow>>
  readonly settings: (space: SpaceRef) => ReadResult<SettingsRow>
  readonly permissions: (space: SpaceRef, page: PageRequest) => ReadResult<Page<PermissionRow>>
  readonly bans: (space: SpaceRef, page: PageRequest) => ReadResult<Page<BanRow>>
  readonly mutes: (space: SpaceRef, page: PageRequest) => ReadResult<Page<MuteRow>>
  readonly messages: (request: MessagesRequest) => ReadResult<Messages>
  /** A message of this space: another space may have one under the same id. */
  readonly message: (space: SpaceRef, messageId: string) => ReadResult<MessageRecord | null>
  /** The ids of a space's messages, deleted ones too, in order from after a revision (-1 for all). */
  readonly messageIds: (
    space: SpaceRef,
    after: bigint,
    limit: number,
  ) => ReadResult<ReadonlyArray<{ readonly message_id: string; readonly revision: bigint }>>
  readonly sessionsOfBoot: (boot: string) => ReadResult<ReadonlyArray<BootSessionRow>>
  /** The boots that have live sessions, with how many. */
  readonly boots: () => ReadResult<ReadonlyArray<{ readonly boot: string; readonly sessions: number }>>
  /** Newest first, unless asked otherwise. A cursor stays where it is whatever is added. */
  readonly audit: (request: AuditRequest) => ReadResult<Page<AuditRow>>
  /** The position of the last of a space's events before `position`, of these types or of all, without looks at its audit log. */
  readonly positionBefore: (
    space: SpaceRef,
    position: bigint,
    types: ReadonlyArray<string> | null,
  ) => ReadResult<bigint | null>
  readonly deliveries: (subscriptions: ReadonlyArray<string>) => ReadResult<ReadonlyArray<DeliveryRow>>
  /** Counts of a room's events over time, without looks at its audit log. */
  readonly auditCounts: (request: AuditCountsRequest) => ReadResult<AuditCounts>
}
