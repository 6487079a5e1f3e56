/** A moment as REST, files and the terminal show it: JSON values only. */
import { canonicalEmoji } from '../../domain/chat/text.ts'
import { inForce } from '../../domain/space/access.ts'
import type { RoomFilter } from '../../domain/space/filter.ts'
import { lineOf } from '../../domain/space/queue.ts'
import { MARK_NAMES, type MarkName, shownMarks } from '../../domain/space/session.ts'
import type { Restriction } from '../../domain/space/state.ts'
import { isOver } from '../../domain/text.ts'
import type { MomentMessage } from './moment-messages.ts'
import type { Moment } from './moments.ts'
import { whoIs } from './names.ts'
import type { Ref } from './refs.ts'

export type RefView = { readonly event_id: string; readonly revision: string; readonly position: string }
export const refView = (ref: Ref | null | undefined): RefView | null =>
  ref === null || ref === undefined
    ? null
    : { event_id: ref.id, revision: String(ref.revision), position: ref.position }

/** A filter: what it looks for, what it does, and who set it. */
export const filterView = ({ filterId, looksFor, acts, muteSeconds, by, at }: RoomFilter) => ({
  filter_id: filterId,
  words: looksFor.kind === 'words' ? looksFor.words : null,
  count: looksFor.kind === 'rate' ? looksFor.count : null,
  seconds: looksFor.kind === 'rate' ? looksFor.seconds : null,
  acts,
  mute_seconds: muteSeconds,
  set_by: whoIs(by),
  set_at: at,
})

const messageView = (message: MomentMessage) => ({
  message_id: message.messageId,
  user_account: message.account,
  guest_id: message.guest,
  display_name: message.displayName,
  subspace: message.subspace,
  message_type: message.messageType,
  content: message.content,
  parent_message_id: message.parentMessageId,
  thread_root_id: message.threadRootId,
  created_at: message.createdAt,
  edited_at: message.editedAt,
  is_deleted: message.deleted !== null,
  deleted_by: message.deleted === null ? null : whoIs(message.deleted.by),
  deleted_at: message.deleted?.at ?? null,
  ...(message.erased === null ? {} : { erased_by_request: message.erased }),
  reactions: message.reactions.map(({ emoji, by }) => ({ emoji: canonicalEmoji(emoji), by })),
  event: refView(message.posted),
  edited_event: refView(message.edited),
})

/** Which event set each mark, as `voice_event`. */
const eventsOfMarks = (marks: Partial<Record<MarkName, Ref>> | undefined) =>
  Object.fromEntries(MARK_NAMES.map((name) => [`${name}_event`, refView(marks?.[name])]))

/** Leaves out whatever had run out by then, even if no event says so yet. */
export const momentView = (moment: Moment) => {
  const { standing, time } = moment
  const { state, refs } = standing
  const at = time ?? '1970-01-01T00:00:00.000Z'
  const restrictions = (
    of: ReadonlyMap<string, Restriction>,
    set: ReadonlyMap<string, Ref>,
    by: 'banned_by' | 'muted_by',
  ) =>
    [...of.keys()].flatMap((subject) => {
      const restriction = inForce(of, subject, at)
      if (restriction === null) return []
      const { reason, until, at: created_at } = restriction
      return [
        { subject, [by]: whoIs(restriction.by), reason, until, created_at, event: refView(set.get(subject)) },
      ]
    })
  const { settings: free, ...named } = state.settings
  return {
    space_type: moment.space.type,
    space_id: moment.space.id,
    time,
    position: moment.position === null ? null : String(moment.position),
    revision: moment.revision < 0 ? null : String(moment.revision),
    chat_revision: moment.chatRevision < 0 ? null : String(moment.chatRevision),
    ...(moment.unread === 0 ? {} : { unread_events: moment.unread }),
    opened:
      state.opened === null
        ? null
        : {
            title: state.opened.title,
            owner: state.opened.owner,
            visibility: state.opened.visibility,
            at: state.opened.at,
            event: refView(refs.opened),
          },
    present: [...state.sessions.values()].map((session) => {
      const ref = refs.sessions.get(session.sessionId)
      return {
        session_id: session.sessionId,
        user_account: session.account,
        guest_id: session.guest,
        subspace: session.subspace,
        position: session.position,
        ...shownMarks(session),
        since: session.joinedAt,
        event: refView(ref?.joined),
        moved_event: refView(ref?.moved),
        ...eventsOfMarks(ref?.marks),
      }
    }),
    seats_held: [...state.held.values()]
      .filter(({ expiresAt }) => !isOver(expiresAt, at))
      .map(({ subject, subspace, expiresAt }) => ({
        subject,
        subspace,
        until: expiresAt,
        event: refView(refs.held.get(subject)),
      })),
    /** Who waits for a seat, in the order of the turns. */
    queue: lineOf(state, at).map(({ place, position }) => ({
      subject: place.subject,
      subspace: place.subspace,
      position,
      ahead: place.ahead,
      since: place.since,
      until: place.until,
      event: refView(refs.queue.get(place.subject)),
    })),
    /** The rooms whose voice went through an SFU, and since when; in all others it went from browser to browser. */
    voice_routes: [...state.routes].map(([subspace, { since }]) => ({ subspace, voice_route: 'sfu', since })),
    permissions: [...state.grants].map(([user_account, grant]) => ({
      user_account,
      permission: grant.permission,
      granted_by: whoIs(grant.by),
      reason: grant.reason,
      created_at: grant.at,
      event: refView(refs.grants.get(user_account)),
    })),
    bans: restrictions(state.bans, refs.bans, 'banned_by'),
    mutes: restrictions(state.mutes, refs.mutes, 'muted_by'),
    /** The lasting entities of the rooms' scenes; the components of each are in its event. */
    entities: [...state.pinned].map(([key, pin]) => ({
      subspace: pin.subspace,
      entity_id: pin.entityId,
      template: pin.template,
      ownership: pin.ownership,
      pinned_by: whoIs(pin.by),
      pinned_at: pin.at,
      changed_at: pin.changedAt,
      event: refView(refs.pinned.get(key)),
    })),
    /** The ban lists that the space followed; their entries are in the events. */
    ban_lists: [...state.lists.values()].map(({ listId, source, entries, by, at: since }) => ({
      list_id: listId,
      source,
      entries: entries.length,
      followed_by: whoIs(by),
      followed_at: since,
      event: refView(refs.lists.get(listId)),
    })),
    filters: [...state.filters.values()].map((filter) => ({
      ...filterView(filter),
      event: refView(refs.filters.get(filter.filterId)),
    })),
    settings: { ...named, settings: free },
    /** By setting; one that is missing has its default. */
    settings_set_by: Object.fromEntries([...refs.settings].map(([name, ref]) => [name, refView(ref)])),
    messages: moment.messages.map(messageView),
  }
}
