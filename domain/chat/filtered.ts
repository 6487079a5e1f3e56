/** What a room's filters have caught and moderators have not settled yet: messages that wait, people who may not write
 *  for a while, messages to look at. It is folded separately, since an explanation needs it as of any place of the
 *  chat. */
import * as t from 'io-ts'
import type { Subject } from '../identity.ts'
import type { ChatEvent } from './events.ts'

/** How many messages of a space may wait at once; of one writer; and of all guests together. */
export const MAX_HELD = 200
export const MAX_HELD_OF_ONE = 10
export const MAX_HELD_OF_GUESTS = 100
/** The most messages that are caught and not settled: beyond that, the oldest that does not wait is forgotten. */
const MAX_CAUGHT = 500
/** The most people who may not write for a while: beyond that, whoever was muted first may write again. */
const MAX_QUIET = 5_000

const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null])

export const Caught = t.intersection([
  t.type({
    messageId: t.string,
    author: t.string,
    subspace: t.string,
    /** The revision of the event that caught it. */
    revision: t.number,
    at: t.string,
    filterIds: t.readonlyArray(t.string),
    /** Whether it waits: then nobody in the room was sent it. */
    held: t.boolean,
    reported: t.boolean,
    /** Until when its writer may not write because of it (ISO 8601); null if they may. */
    mutedUntil: nullable(t.string),
    /** The moderator who let it through; it is posted next. */
    approvedBy: nullable(t.string),
  }),
  t.partial({
    /** The message that it would rewrite, if it is an edit. */
    edits: t.string,
  }),
])
export type Caught = t.TypeOf<typeof Caught>
/** A person whom a filter muted, until when, and for which message. */
export const Quiet = t.type({ subject: t.string, until: t.string, messageId: t.string, filterId: t.string })
export type Quiet = t.TypeOf<typeof Quiet>

export type Filtered = {
  /** By message id, those caught first come first. */
  readonly caught: ReadonlyMap<string, Caught>
  readonly quiet: ReadonlyMap<Subject, Quiet>
}

export const nothingFiltered = (): Filtered => ({ caught: new Map(), quiet: new Map() })
export const forkFiltered = ({ caught, quiet }: Filtered): Filtered => ({
  caught: new Map(caught),
  quiet: new Map(quiet),
})

export const StoredFiltered = t.type({ caught: t.readonlyArray(Caught), quiet: t.readonlyArray(Quiet) })
export const storedFiltered = ({ caught, quiet }: Filtered): t.TypeOf<typeof StoredFiltered> | undefined =>
  caught.size + quiet.size === 0 ? undefined : { caught: [...caught.values()], quiet: [...quiet.values()] }
export const filteredIn = (stored: t.TypeOf<typeof StoredFiltered> | undefined): Filtered => ({
  caught: new Map((stored?.caught ?? []).map((one) => [one.messageId, one])),
  quiet: new Map((stored?.quiet ?? []).map((one) => [one.subject, one])),
})

const writable = <K, V>(map: ReadonlyMap<K, V>): Map<K, V> => map as Map<K, V>

const noteQuiet = ({ quiet }: Filtered, one: Quiet, at: string): void => {
  const map = writable(quiet)
  const before = map.get(one.subject)
  if (before !== undefined && before.until >= one.until) return
  map.delete(one.subject)
  map.set(one.subject, one)
  for (const [subject, { until }] of map) {
    if (until > at && map.size <= MAX_QUIET) return
    map.delete(subject)
  }
}

const put = ({ caught }: Filtered, one: Caught): void => {
  const map = writable(caught)
  map.set(one.messageId, one)
  if (map.size <= MAX_CAUGHT) return
  for (const [id, { held }] of map)
    if (!held) {
      map.delete(id)
      return
    }
}

/** Forgets the edit of that message that waits: its author has changed the message since, or it is gone. */
const forgetEditsOf = ({ caught }: Filtered, messageId: string): void => {
  for (const [id, { edits }] of caught) if (edits === messageId) writable(caught).delete(id)
}

const withFilter = (filterIds: ReadonlyArray<string>, filterId: string): ReadonlyArray<string> =>
  filterIds.includes(filterId) ? filterIds : [...filterIds, filterId]

/** Changes `filtered`. `revision`: the event's, in the chat. */
export const evolveFiltered = (filtered: Filtered, event: ChatEvent, revision: number): void => {
  const { type, data } = event
  const known = filtered.caught.get(data.messageId)
  switch (type) {
    case 'MessageHeld': {
      const { messageId, account, guest, subspace, at, filterId, edits } = data
      const one = { messageId, author: account ?? guest ?? '', subspace, revision, at, filterIds: [filterId] }
      writable(filtered.caught).delete(messageId)
      if (edits !== undefined) forgetEditsOf(filtered, edits)
      put(filtered, {
        ...one,
        ...(edits === undefined ? {} : { edits }),
        held: true,
        reported: false,
        mutedUntil: null,
        approvedBy: null,
      })
      return
    }
    case 'FilterActed': {
      const { messageId, subject, subspace, at, filterId, act, until } = data
      const one: Caught = known ?? {
        messageId,
        author: subject,
        subspace,
        revision,
        at,
        filterIds: [],
        held: false,
        reported: false,
        mutedUntil: null,
        approvedBy: null,
      }
      put(filtered, {
        ...one,
        filterIds: withFilter(one.filterIds, filterId),
        reported: one.reported || act === 'report',
        mutedUntil: act === 'mute' ? until : one.mutedUntil,
      })
      if (act === 'mute' && until !== null) noteQuiet(filtered, { subject, until, messageId, filterId }, at)
      return
    }
    case 'MessageApproved': {
      if (filtered.quiet.get(data.subject)?.messageId === data.messageId)
        writable(filtered.quiet).delete(data.subject)
      if (known === undefined) return
      if (known.held) put(filtered, { ...known, mutedUntil: null, approvedBy: data.by.id })
      else writable(filtered.caught).delete(data.messageId)
      return
    }
    case 'MessagePosted':
      // The message waited until now.
      if (known?.held === true) writable(filtered.caught).delete(data.messageId)
      return
    case 'MessageEdited':
      forgetEditsOf(filtered, data.messageId)
      return
    case 'MessageDropped':
    case 'MessageDeleted':
      writable(filtered.caught).delete(data.messageId)
      forgetEditsOf(filtered, data.messageId)
      return
    default:
      return
  }
}
