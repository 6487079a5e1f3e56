/** The commands of a space, one entry each: its fields, who may send it, its rate class, its words, and how it is rebuilt
 *  from its events. The server makes session ids; targets come from the caller. `decide.ts` decides them. */
import * as t from 'io-ts'
import {
  type AnyFields,
  account,
  anotherSession,
  avatar,
  type CommandWith,
  field,
  inner,
  network,
  ownOrAnotherSession,
  ownSession,
  position,
  reason,
  subject,
  subspace,
  until,
  type ValuesOf,
} from '../fields.ts'
import type { Caller } from '../identity.ts'
import { type SettingName, SettingsChanges } from '../settings.ts'
import { BanListSource, ListedBan } from './ban-list.ts'
import type { SpaceEvent, SpaceEventOf } from './events.ts'
import { FilterAct } from './filter.ts'
import { MotionBlock } from './motion-block.ts'
import { Ownership } from './pin.ts'
import { Permission, type Role } from './roles.ts'
import type { SpaceState } from './state.ts'

/** Classes of commands that share a rate limit (`apps/commands/limits.ts`). */
export type RateClass = 'presence' | 'moderation' | 'chat' | 'chat-change' | 'report'

/** What a decision looks at, in the order in which an explanation states it. A setting is stated by its name and value;
 *  the others have their own words. */
export type LooksAt =
  | SettingName
  | 'guests'
  | 'seats'
  | 'line'
  | 'voice'
  | 'word'
  | 'mute'
  | 'session'
  | 'chat'
  | 'slow mode'
  | 'filters'
  | 'filtered'
  | 'message'
  | 'author'
  | 'target'
  | 'standing ban'
  | 'standing mute'
  | 'target’s session'

/** How to reach a command whose fields are exactly what is sent. `rest`: the path below the space, which may name a
 *  field; the other fields are in the body. */
export type Wire = {
  readonly socket: string
  readonly rest: { readonly method: 'PUT' | 'POST' | 'DELETE'; readonly path: string } | null
}

type Entry<F extends AnyFields> = {
  readonly fields: F
  /** Who may, in words; the rule itself is in the decider. */
  readonly who: string
  /** What it does, in words. */
  readonly says: string
  readonly rate: RateClass
  /** Whether its decision needs to know what the content says. */
  readonly asksContent: boolean
  readonly looksAt: ReadonlyArray<LooksAt>
  /** Null if each edge has its own code for it, or if only the system sends it. */
  readonly wire: Wire | null
  /** The command's fields, rebuilt from its events; null if they don't contain them. */
  readonly again: (of: Events, before: SpaceState) => ValuesOf<F> | null
}
const command = <F extends AnyFields>(
  entry: Omit<Entry<F>, 'asksContent' | 'wire'> & Partial<Pick<Entry<F>, 'asksContent' | 'wire'>>,
): Entry<F> => ({ asksContent: true, wire: null, ...entry })

/** The events of one accepted command: the data of the first of a type, null for none. */
export type Events = {
  readonly one: <T extends SpaceEvent['type']>(type: T) => SpaceEventOf<T>['data'] | null
  readonly all: <T extends SpaceEvent['type']>(type: T) => ReadonlyArray<SpaceEventOf<T>['data']>
}
const whose = (sessionId: string | undefined, before: SpaceState): string | null => {
  const session = sessionId === undefined ? undefined : before.sessions.get(sessionId)
  return session?.account ?? session?.guest ?? null
}

/** A join into a full room that got a place instead: the log has nothing about the session that it asked for. */
const waitedInstead = (taken: SpaceEventOf<'PlaceTaken'>['data'] | null) =>
  taken && {
    sessionId: '',
    socketId: '',
    subspace: taken.subspace,
    position: null,
    avatarData: null,
    boot: '',
    ...(taken.network === undefined ? {} : { network: taken.network }),
  }

const entityId = field(t.string, 'an entity')
const components = field<Readonly<Record<string, unknown>>>(
  t.UnknownRecord,
  {},
  { isPersonal: true, isInner: true },
)
const numberOrNull = t.union([t.number, t.null])
const filterId = field(t.string, 'a-filter', { isPersonal: true })
const hidden = { isPersonal: true, isInner: true } as const
const listId = field(t.string, 'a-list', { isPersonal: true })
const listEntries = field<ReadonlyArray<ListedBan>>(t.readonlyArray(ListedBan), [], hidden)
/** All entries of the list after a change. */
const entriesAfter = (
  before: SpaceState,
  id: string,
  changed: SpaceEventOf<'BanListChanged'>['data'] | null,
): ReadonlyArray<ListedBan> => {
  const { added = [], removed = [] } = changed ?? {}
  const gone = new Set([...removed, ...added.map(({ entity }) => entity)])
  const kept = (before.lists.get(id)?.entries ?? []).filter(({ entity }) => !gone.has(entity))
  return [...kept.map(({ entity, reason: why, from }) => ({ entity, reason: why, from })), ...added]
}
const permission = field(Permission, 'access', { named: 'permission', asks: 'the permission' })
const left = t.union([
  t.literal('left'),
  t.literal('disconnected'),
  t.literal('expired'),
  t.literal('node-lost'),
])

export const SPACE_COMMANDS = {
  EnterSpace: command({
    fields: { subspace, network },
    who: 'whoever may enter',
    says: 'Asks to be let in: holds a seat for a minute, in which the socket should connect.',
    rate: 'presence',
    looksAt: ['guests', 'seats', 'line'],
    again: ({ one }) => {
      const granted = one('PlaceTaken') ?? one('EntryGranted')
      if (granted === null) return null
      const { subspace: entered, network: from } = granted
      return from === undefined ? { subspace: entered } : { subspace: entered, network: from }
    },
  }),
  JoinSpace: command({
    fields: {
      sessionId: field(t.string, 'a new session'),
      socketId: inner('a new socket'),
      subspace,
      network,
      position,
      avatarData: avatar,
      boot: inner(''),
      /** Sessions that this one replaces: the client's own from before its connection was lost. Sessions of another
       *  subject stay. */
      replaces: field(t.union([t.readonlyArray(t.string), t.undefined]), undefined, { isInner: true }),
      /** The client says that it was here before. In a full room it gets its place back. */
      returns: field(t.union([t.boolean, t.undefined]), undefined, { isInner: true }),
    },
    who: 'whoever may enter',
    says: 'Comes in: the held seat is used up, and the socket’s previous session ends.',
    rate: 'presence',
    looksAt: ['guests', 'seats', 'line'],
    again: ({ one, all }) => {
      const joined = one('SessionJoined')
      if (joined === null) return waitedInstead(one('PlaceTaken'))
      const { sessionId, socketId, boot, network: from } = joined
      // The sessions that it replaced, as far as the log shows: those that it ended.
      const replaces = all('SessionLeft').flatMap(({ reason: why, sessionId: ended }) =>
        why === 'disconnected' ? [ended] : [],
      )
      return {
        sessionId,
        socketId,
        subspace: joined.subspace,
        position: joined.position,
        avatarData: joined.avatarData,
        boot,
        ...(from === undefined ? {} : { network: from }),
        ...(replaces.length === 0 ? {} : { replaces }),
      }
    },
  }),
  /** The server sets `reason`: `left`, `disconnected` or `expired`, or `node-lost` by the system. */
  LeaveSpace: command({
    fields: { sessionId: ownSession, reason: field(left, 'left') },
    who: 'the session’s own, the system; always allowed',
    says: 'Leaves.',
    rate: 'presence',
    asksContent: false,
    looksAt: ['session', 'line'],
    again: ({ one }) => {
      const gone = one('SessionLeft')
      if (gone === null || gone.reason === 'kicked' || gone.reason === 'banned') return null
      return { sessionId: gone.sessionId, reason: gone.reason }
    },
  }),
  MoveSession: command({
    fields: { sessionId: ownSession, subspace: { ...subspace, blank: 'main-elsewhere' }, position },
    who: 'the session’s own',
    says: 'Goes to another room of the space.',
    rate: 'presence',
    looksAt: ['session'],
    again: ({ one }) => {
      const moved = one('SessionMoved')
      return moved && { sessionId: moved.sessionId, subspace: moved.to, position: moved.position }
    },
  }),
  SetVoice: command({
    fields: { sessionId: ownSession, enabled: field(t.boolean, true, { named: 'switch' }) },
    who: 'the session’s own, not muted, if voice is on; on a stage, whoever has the word, and moderators',
    says: 'Switches the caller’s voice on or off.',
    rate: 'presence',
    looksAt: ['voice', 'mute', 'session', 'stage', 'word'],
    wire: { socket: 'voice-state', rest: null },
    again: ({ one }) => {
      const started = one('VoiceStarted')
      const changed = started ?? one('VoiceStopped')
      return changed && { sessionId: changed.sessionId, enabled: started !== null }
    },
  }),
  RaiseHand: command({
    fields: { sessionId: ownSession },
    who: 'the session’s own',
    says: 'Raises the caller’s hand.',
    rate: 'presence',
    looksAt: ['session'],
    wire: { socket: 'hand-raise', rest: { method: 'PUT', path: 'hands/:session_id' } },
    again: ({ one }) => {
      const raised = one('HandRaised')
      return raised && { sessionId: raised.sessionId }
    },
  }),
  LowerHand: command({
    fields: { sessionId: ownOrAnotherSession },
    who: 'the session’s own, or a moderator above them',
    says: 'Lowers the caller’s hand or, for a moderator, that of somebody below.',
    rate: 'presence',
    looksAt: ['session', 'target’s session'],
    wire: { socket: 'hand-lower', rest: { method: 'DELETE', path: 'hands/:session_id' } },
    again: ({ one }) => {
      const lowered = one('HandLowered')
      return lowered && { sessionId: lowered.sessionId }
    },
  }),
  GrantSpeak: command({
    fields: { sessionId: anotherSession },
    who: 'moderator',
    says: 'Gives somebody the word on the stage; their hand is lowered.',
    rate: 'moderation',
    looksAt: [],
    wire: { socket: 'speak-grant', rest: { method: 'PUT', path: 'speakers/:session_id' } },
    again: ({ one }) => {
      const granted = one('SpeakGranted')
      return granted && { sessionId: granted.sessionId }
    },
  }),
  HandOnSpeak: command({
    fields: { sessionId: anotherSession },
    who: 'whoever has the word',
    says: 'Hands the word on the stage on to somebody else.',
    rate: 'presence',
    looksAt: ['word'],
    wire: { socket: 'speak-hand-on', rest: { method: 'POST', path: 'speakers' } },
    again: ({ one }) => {
      const granted = one('SpeakGranted')
      return granted && { sessionId: granted.sessionId }
    },
  }),
  TakeSpeak: command({
    fields: { sessionId: ownOrAnotherSession },
    who: 'the session’s own, or a moderator above them',
    says: 'Gives the word on the stage back or, for a moderator, takes it from somebody below.',
    rate: 'presence',
    looksAt: ['session', 'target’s session'],
    wire: { socket: 'speak-take', rest: { method: 'DELETE', path: 'speakers/:session_id' } },
    again: ({ one }) => {
      const taken = one('SpeakTaken')
      return taken && { sessionId: taken.sessionId }
    },
  }),
  GrantPermission: command({
    fields: { account, permission, reason },
    who: 'admin up to moderate; owner up to admin',
    says: 'Grants an account a permission. Admins may grant up to moderate, owners also admin.',
    rate: 'moderation',
    looksAt: ['target'],
    wire: { socket: 'permission-grant', rest: { method: 'PUT', path: 'permissions/:account' } },
    again: ({ one }) => {
      const granted = one('PermissionGranted')
      return granted && { account: granted.account, permission: granted.permission, reason: granted.reason }
    },
  }),
  RevokePermission: command({
    fields: { account, reason },
    who: 'admin',
    says: 'Revokes an account’s permission.',
    rate: 'moderation',
    looksAt: ['target'],
    wire: { socket: 'permission-revoke', rest: { method: 'DELETE', path: 'permissions/:account' } },
    again: ({ one }) => {
      const revoked = one('PermissionRevoked')
      return revoked && { account: revoked.account, reason: revoked.reason }
    },
  }),
  Ban: command({
    fields: { subject, reason, until },
    who: 'moderator',
    says: 'Bans an account or a guest, until a given time or for good.',
    rate: 'moderation',
    looksAt: ['target', 'standing ban', 'line'],
    wire: { socket: 'ban', rest: { method: 'PUT', path: 'bans/:subject' } },
    again: ({ one }, before) => {
      const banned = one('AccountBanned')
      if (banned !== null) return { subject: banned.subject, reason: banned.reason, until: banned.until }
      // The ban was in force already; this only removed people who had come in all the same.
      const gone = one('SessionLeft')
      const shownOut = whose(gone?.sessionId, before) ?? one('SeatExpired')?.subject ?? null
      if (shownOut === null) return null
      const standing = before.bans.get(shownOut)
      const { note = standing?.reason ?? null, until: end = standing?.until ?? null } = gone ?? {}
      return { subject: shownOut, reason: note, until: end }
    },
  }),
  Unban: command({
    fields: { subject, reason },
    who: 'moderator',
    says: 'Lifts a ban.',
    rate: 'moderation',
    looksAt: ['target', 'standing ban'],
    wire: { socket: 'unban', rest: { method: 'DELETE', path: 'bans/:subject' } },
    again: ({ one }) => {
      const lifted = one('AccountUnbanned')
      return lifted && { subject: lifted.subject, reason: lifted.reason }
    },
  }),
  Mute: command({
    fields: { subject, reason, until },
    who: 'moderator',
    says: 'Mutes an account or a guest, until a given time or for good.',
    rate: 'moderation',
    looksAt: ['target', 'standing mute'],
    wire: { socket: 'mute', rest: { method: 'PUT', path: 'mutes/:subject' } },
    again: ({ one }, before) => {
      const muted = one('AccountMuted')
      if (muted !== null) return { subject: muted.subject, reason: muted.reason, until: muted.until }
      const silenced = whose(one('VoiceStopped')?.sessionId, before)
      if (silenced === null) return null
      const standing = before.mutes.get(silenced)
      return { subject: silenced, reason: standing?.reason ?? null, until: standing?.until ?? null }
    },
  }),
  Unmute: command({
    fields: { subject, reason },
    who: 'moderator',
    says: 'Lifts a mute.',
    rate: 'moderation',
    looksAt: ['target', 'standing mute'],
    wire: { socket: 'unmute', rest: { method: 'DELETE', path: 'mutes/:subject' } },
    again: ({ one }) => {
      const lifted = one('AccountUnmuted')
      return lifted && { subject: lifted.subject, reason: lifted.reason }
    },
  }),
  Kick: command({
    fields: { sessionId: anotherSession, reason },
    who: 'moderator',
    says: 'Sends a session out of the room; it may come back.',
    rate: 'moderation',
    looksAt: ['target’s session', 'line'],
    wire: { socket: 'kick', rest: { method: 'POST', path: 'kick' } },
    again: ({ one }) => {
      const gone = one('SessionLeft')
      return gone && { sessionId: gone.sessionId, reason: gone.note }
    },
  }),
  ChangeSettings: command({
    fields: { changes: field(SettingsChanges, {}, { named: 'changes', isPersonal: true }) },
    who: 'admin',
    says: 'Changes the settings that are given. For admins.',
    rate: 'moderation',
    looksAt: ['line'],
    // REST answers with the settings after the change: `adapters/http/routes/settings.ts`.
    wire: { socket: 'settings-change', rest: null },
    again: ({ one }) => {
      const changed = one('SettingsChanged')
      return changed && { changes: changed.changes }
    },
  }),
  /** The filter looks for `words`, or for more than `count` messages in `seconds`; the others are null. */
  SetFilter: command({
    fields: {
      filterId,
      words: field(t.union([t.readonlyArray(t.string), t.null]), null, { isPersonal: true }),
      count: field(numberOrNull, 1, { isPersonal: true }),
      seconds: field(numberOrNull, 1, { isPersonal: true }),
      acts: field(t.readonlyArray(FilterAct), ['hold'], { isPersonal: true }),
      muteSeconds: field(numberOrNull, null, { isPersonal: true }),
    },
    who: 'admin',
    says: 'Sets a filter: a rule that holds messages for moderators, mutes their writers for a while or reports them, by itself.',
    rate: 'moderation',
    looksAt: [],
    again: ({ one }) => {
      const set = one('FilterSet')
      if (set === null) return null
      const { filterId: id, looksFor, acts, muteSeconds } = set
      const looks =
        looksFor.kind === 'words'
          ? { words: looksFor.words, count: null, seconds: null }
          : { words: null, count: looksFor.count, seconds: looksFor.seconds }
      return { filterId: id, ...looks, acts, muteSeconds }
    },
  }),
  RemoveFilter: command({
    fields: { filterId },
    who: 'admin',
    says: 'Removes a filter.',
    rate: 'moderation',
    looksAt: [],
    again: ({ one }) => {
      const removed = one('FilterRemoved')
      return removed && { filterId: removed.filterId }
    },
  }),
  FollowBanList: command({
    fields: {
      listId,
      source: field(BanListSource, { kind: 'given', name: null }, hidden),
      entries: listEntries,
    },
    who: 'admin; for the bans of all spaces of the owner, the owner',
    says: 'Follows a list of bans: whom it names may not enter, unless they have a role in the space.',
    rate: 'moderation',
    looksAt: ['line'],
    again: ({ one }, before) => {
      const followed = one('BanListFollowed')
      const changed = one('BanListChanged')
      const id = followed?.listId ?? changed?.listId
      if (id === undefined) return null
      const source = followed?.source ?? before.lists.get(id)?.source
      return source === undefined ? null : { listId: id, source, entries: entriesAfter(before, id, changed) }
    },
  }),
  /** The system's command, for a list whose entries are the bans of other spaces. */
  FillBanList: command({
    fields: { listId, entries: listEntries },
    who: 'the system',
    says: 'Brings a list of bans up to date with the bans that it is made of.',
    rate: 'moderation',
    looksAt: ['line'],
    again: ({ one }, before) => {
      const changed = one('BanListChanged')
      return changed && { listId: changed.listId, entries: entriesAfter(before, changed.listId, changed) }
    },
  }),
  LeaveBanList: command({
    fields: { listId },
    who: 'admin',
    says: 'Follows a list of bans no longer.',
    rate: 'moderation',
    looksAt: [],
    again: ({ one }) => {
      const ended = one('BanListLeft')
      return ended && { listId: ended.listId }
    },
  }),
  PinEntity: command({
    fields: {
      subspace,
      entityId,
      template: field(t.union([t.string, t.null]), null, { isPersonal: true }),
      ownership: field(t.union([Ownership, t.null]), null),
      components,
    },
    who: 'as scene_pin says',
    says: 'Pins an entity of the room’s scene, so that it lasts.',
    rate: 'presence',
    looksAt: ['scene_pin'],
    again: ({ one }) => {
      const pinned = one('EntityPinned')
      if (pinned === null) return null
      const { subspace: room, entityId: id, template, ownership, components: has } = pinned
      return { subspace: room, entityId: id, template, ownership, components: has }
    },
  }),
  /** Sent by the server, in the name of whoever moved it last. */
  ChangeEntity: command({
    fields: { subspace, entityId, components },
    who: 'whoever may change the entity',
    says: 'Stores the state of a pinned entity once it has come to rest.',
    rate: 'presence',
    looksAt: [],
    again: ({ one }) => {
      const changed = one('EntityChanged')
      return (
        changed && {
          subspace: changed.subspace,
          entityId: changed.entityId,
          components: changed.components,
        }
      )
    },
  }),
  UnpinEntity: command({
    fields: { subspace, entityId },
    who: 'whoever pinned it, or as scene_pin says',
    says: 'Unpins an entity, so that it goes when its owner goes.',
    rate: 'presence',
    looksAt: ['scene_pin'],
    again: ({ one }) => {
      const unpinned = one('EntityUnpinned')
      return unpinned && { subspace: unpinned.subspace, entityId: unpinned.entityId }
    },
  }),
  LeaveQueue: command({
    fields: { subject, reason },
    who: 'whose place it is, or a moderator above them',
    says: 'Gives up the caller’s place in the queue or, for a moderator, takes away that of somebody below.',
    rate: 'presence',
    looksAt: ['target', 'line'],
    wire: { socket: 'queue-leave', rest: { method: 'DELETE', path: 'queue/:subject' } },
    again: ({ one }) => {
      const gone = one('PlaceGivenUp')
      return gone && { subject: gone.subject, reason: gone.note }
    },
  }),
  /** Sent by the system for each block of a room's motion. */
  KeepMotion: command({
    fields: {
      subspace,
      block: field(MotionBlock.block, ''),
      track: field(MotionBlock.track, ''),
      number: field(MotionBlock.number, 0),
      isLast: field(MotionBlock.isLast, false),
      boot: inner(''),
      from: field(MotionBlock.from, ''),
      to: field(MotionBlock.to, ''),
      movers: field(MotionBlock.movers, 0),
      ticks: field(MotionBlock.ticks, 0),
      bytes: field(MotionBlock.bytes, 0),
      root: field(MotionBlock.root, ''),
      keptUntil: field(MotionBlock.keptUntil, ''),
    },
    who: 'the system',
    says: 'Puts the hash of some seconds of a room’s motion on the log, where the room keeps it.',
    rate: 'presence',
    asksContent: false,
    looksAt: ['motion_tracks'],
    again: ({ one }) => {
      const kept = one('MotionKept')
      if (kept === null) return null
      const { at: _, ...block } = kept
      return block
    },
  }),
  /** Sent by the system when people or voices of a room become many or few, and when the SFU comes or goes. */
  RouteVoice: command({
    fields: { subspace, hasSfu: field(t.boolean, true) },
    who: 'the system',
    says: 'Sends a room’s voice through the SFU where speakers or listeners are many, and from browser to browser where they are few.',
    rate: 'presence',
    asksContent: false,
    looksAt: [],
    again: ({ one }) => {
      const routed = one('VoiceRouted')
      return routed && { subspace: routed.subspace, hasSfu: routed.why !== 'sfu-lost' }
    },
  }),
  /** Sent by the system for what the SFU reports. */
  NoteVoice: command({
    fields: { sessionId: ownSession, carried: field(t.boolean, true) },
    who: 'the system',
    says: 'Notes that the SFU carries a session’s voice, or carries it no longer.',
    rate: 'presence',
    asksContent: false,
    looksAt: ['session'],
    again: ({ one }) => {
      const carried = one('VoiceCarried')
      const noted = carried ?? one('VoiceNotCarried')
      return noted && { sessionId: noted.sessionId, carried: carried !== null }
    },
  }),
  /** Sent by the system: appends `SeatExpired` for every held seat that has run out. */
  ExpireSeats: command({
    fields: {},
    who: 'the system',
    says: 'Frees the held seats that ran out, and ends whatever was too much to end at once.',
    rate: 'moderation',
    asksContent: false,
    looksAt: ['line'],
    again: () => ({}),
  }),
} as const

type Entries = typeof SPACE_COMMANDS
export type SpaceCommandName = keyof Entries
export type SpaceCommandOf<Name extends SpaceCommandName> = CommandWith<Name, Entries[Name]['fields']>
export type SpaceCommand = { [Name in SpaceCommandName]: SpaceCommandOf<Name> }[SpaceCommandName]

export type EnterSpace = SpaceCommandOf<'EnterSpace'>
export type JoinSpace = SpaceCommandOf<'JoinSpace'>
export type LeaveSpace = SpaceCommandOf<'LeaveSpace'>
export type MoveSession = SpaceCommandOf<'MoveSession'>
export type SetVoice = SpaceCommandOf<'SetVoice'>
export type GrantPermission = SpaceCommandOf<'GrantPermission'>
export type RevokePermission = SpaceCommandOf<'RevokePermission'>
export type Ban = SpaceCommandOf<'Ban'>
export type Unban = SpaceCommandOf<'Unban'>
export type Mute = SpaceCommandOf<'Mute'>
export type Unmute = SpaceCommandOf<'Unmute'>
export type Kick = SpaceCommandOf<'Kick'>
export type ChangeSettings = SpaceCommandOf<'ChangeSettings'>
export type FollowBanList = SpaceCommandOf<'FollowBanList'>
export type FillBanList = SpaceCommandOf<'FillBanList'>
export type LeaveBanList = SpaceCommandOf<'LeaveBanList'>
export type SetFilter = SpaceCommandOf<'SetFilter'>
export type RemoveFilter = SpaceCommandOf<'RemoveFilter'>

/** What the content behind a space says, looked up when the command comes in. `private` with `role: null` means that
 *  the caller may not know of the space, unless the space's own permissions say otherwise. */
export type ContentFacts = {
  readonly exists: boolean
  readonly title: string
  readonly owner: string | null
  /** Everyone who owns it, if that is more than `owner` (the lobby's `SYSTEM_ADMINS`). */
  readonly owners?: ReadonlyArray<string>
  readonly visibility: 'public' | 'private'
  /** Accounts to whom the content itself gives a role (a community's team). */
  readonly team?: Readonly<Record<string, 'admin' | 'moderate'>>
  /** The caller's role by the content alone. */
  readonly role: Role | null
}

/** Everything that a decision needs from outside: who, when, and what the content says. */
export type DecisionInput<Command> = {
  /** Two commands with the same id are one command. */
  readonly id: string
  readonly by: Caller | { readonly kind: 'system'; readonly id: string }
  /** ISO 8601, the server's clock. */
  readonly at: string
  readonly content: ContentFacts
  readonly command: Command
  /** For a decision that is made again: the rules by which it was made (`rules.ts`). Default: today's. */
  readonly rules?: number
}
