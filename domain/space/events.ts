/** The events of a space, one entry each: its data, how it folds, whom it concerns, and what clients are sent. An event
 *  has `at` (ISO 8601) and `by` (who did it) if the fold needs them. */
import * as t from 'io-ts'
import { Actor } from '../identity.ts'
import { SettingsChanges } from '../settings.ts'
import { Time } from '../time.ts'
import { BanListSource, ListDone, ListedBan } from './ban-list.ts'
import { type FilterLooksFor, FilterSetting } from './filter.ts'
import { change, changedLists, join, leave, mergeSettings, remember, restrict, writable } from './folding.ts'
import { MotionBlock } from './motion-block.ts'
import { Changing, Pinning, pinKey, Unpinning } from './pin.ts'
import { GivingUp, keptPlace, Taking, turnsAfter } from './place.ts'
import { Permission } from './roles.ts'
import {
  Joining,
  LeaveReason,
  nullable,
  type Session,
  type SetsOnSession,
  sessionOf,
  setBy,
} from './session.ts'
import type { SpaceState } from './state.ts'
import { Routing, WHY_ROUTED } from './voice-route.ts'

export { Permission, type Role } from './roles.ts'
export { LeaveReason } from './session.ts'

/** For putting an event into words: who acted, whose session it is, and what to call whoever acted (null: the actor). */
export type Words = {
  readonly actor: string
  readonly whose: (sessionId: string) => string
  readonly by: (actor: Actor | null) => string
}
/** Whom an event is about, and so which member of its data names them. */
const CONCERNS = {
  space: null,
  session: 'sessionId',
  subject: 'subject',
  account: 'account',
  message: 'messageId',
  entity: 'entityId',
} as const
export type Concerns = keyof typeof CONCERNS

/** Who gets it: `room`: everybody in the session's room; `subspace`: everybody in the subspace that the event names;
 *  `space`: every room. `with` is the payload, to which the session, its place on the log and the time are added. */
export type NewsRule<Data> = {
  readonly to: 'room' | 'subspace' | 'space'
  readonly as: string
  readonly with: (data: Data) => Readonly<Record<string, unknown>>
}
type Entry<Data, Told, Sets> = {
  readonly stream: 'space'
  /** The schema in which it is written (`upcast.ts` converts older ones). */
  readonly schema: number
  readonly data: t.Type<Data>
  readonly concerns: Concerns
  /** Never fails, and consumes the state. */
  readonly fold: (state: SpaceState, data: Data) => SpaceState
  /** What it sets on its session, if it does nothing else; its fold, tables and bundles derive from this. */
  readonly sets: Sets
  /** `coming`: a session comes or goes, which `projections/live/news.ts` handles; `nobody`: clients are sent nothing. */
  readonly told: Told
  readonly says: (data: Data, words: Words) => string
}
const event = <Data, Told extends NewsRule<Data> | 'coming' | 'nobody'>(
  data: t.Type<Data>,
  rest: Omit<Entry<Data, Told, null>, 'stream' | 'schema' | 'data' | 'sets'> & { readonly schema?: number },
): Entry<Data, Told, null> => ({ stream: 'space', schema: 1, data, sets: null, ...rest })

/** An event that only sets something on a session. */
const onSession = <
  Data extends { readonly sessionId: string },
  Told extends NewsRule<Data> | 'coming' | 'nobody',
>(
  data: t.Type<Data>,
  rest: Pick<Entry<Data, Told, SetsOnSession>, 'told' | 'says' | 'sets'> & { readonly schema?: number },
): Entry<Data, Told, SetsOnSession> => ({
  stream: 'space',
  schema: 1,
  data,
  concerns: 'session',
  fold: (state, said) => {
    change(state, said.sessionId, setBy(rest.sets, said) as Partial<Session>)
    return state
  },
  ...rest,
})

const because = (reason: string | null): string => (reason === null ? '' : `: ${reason}`)
const until = (end: string | null): string => (end === null ? '' : ` until ${end}`)
const placeOf = (subspace: string): string => (subspace === 'main' ? 'the main room' : subspace)
const CALLED = { access: 'access', moderate: 'moderator', admin: 'admin' } as const
const ENDED: Readonly<Record<string, string>> = {
  left: 'left',
  disconnected: 'lost the connection',
  expired: 'was away for too long',
  'node-lost': 'was lost with its server',
}

const voice = (enabled: boolean) => ({
  to: 'room' as const,
  as: 'voice-state',
  with: () => ({ enabled, voice_enabled: enabled }),
})
const whom = (subject: string) => ({
  user_account: subject.startsWith('guest:') ? null : subject,
  guest_id: subject.startsWith('guest:') ? subject : null,
})
const of = (by: Actor) => ({ kind: by.kind, id: by.id })
/** The words and ends of mutes are between the moderators and the muted: rooms are only sent that there is a mute. */
const rights = (change: string, subject: string, by: Actor, permission: string | null = null) => ({
  change,
  ...whom(subject),
  permission,
  by: of(by),
})

export const looksForInWords = (looksFor: FilterLooksFor): string =>
  looksFor.kind === 'words'
    ? `${looksFor.words.length} ${looksFor.words.length === 1 ? 'word or phrase' : 'words and phrases'}`
    : `more than ${looksFor.count} messages in ${looksFor.seconds} s`

export const sourceInWords = (source: BanListSource): string => {
  switch (source.kind) {
    case 'given':
      return source.name === null ? 'given as it is' : `from ${source.name}`
    case 'space':
      return `the bans of ${source.space}`
    case 'owner':
      return 'the bans of all other spaces of the owner'
    default:
      return source satisfies never
  }
}

const Moment = { sessionId: t.string, at: Time }
const Restricted = { subject: t.string, by: Actor, reason: nullable(t.string), at: Time }
const Granted = { account: t.string, permission: Permission, by: Actor, reason: nullable(t.string), at: Time }

export const SPACE_EVENTS = {
  /** The first event of a space's stream: what the content said when the space was first used. */
  SpaceOpened: event(
    t.type({
      title: t.string,
      owner: nullable(t.string),
      visibility: t.union([t.literal('public'), t.literal('private')]),
      at: Time,
    }),
    {
      concerns: 'space',
      fold: (state, { title, owner, visibility, at }) => ({
        ...state,
        opened: { title, owner, visibility, at },
      }),
      told: 'nobody',
      says: ({ owner }) => `the space was opened${owner === null ? '' : `, owned by ${owner}`}`,
    },
  ),
  /** A seat is held for `subject` until `expiresAt`. Clients see it only once it is taken. */
  EntryGranted: event(
    t.intersection([
      t.type({ subject: t.string, subspace: t.string, expiresAt: Time, at: Time }),
      // The network (`networkTag`), to count how many seats are held for people from there.
      t.partial({ network: t.string }),
    ]),
    {
      concerns: 'subject',
      fold: (state, { subject, subspace, expiresAt, network, at }) => {
        const held = writable(state.held)
        // It was their turn in the queue.
        const waited = writable(state.queue).delete(subject)
        const turn = waited || held.get(subject)?.turn === true
        held.delete(subject)
        held.set(subject, {
          ...{ subject, subspace, expiresAt },
          ...(network === undefined ? {} : { network }),
          ...(turn ? { turn } : {}),
        })
        if (!waited) return state
        return { ...state, turns: turnsAfter(state.turns, at) }
      },
      told: 'nobody',
      says: ({ subject, expiresAt }) => `${subject} was let in and holds a seat until ${expiresAt}`,
    },
  ),
  SeatExpired: event(t.type({ subject: t.string, at: Time }), {
    concerns: 'subject',
    fold: (state, { subject }) => {
      writable(state.held).delete(subject)
      return state
    },
    told: 'nobody',
    says: ({ subject }) => `the seat held for ${subject} was freed`,
  }),
  /** Somebody waits for a seat in a full room, or goes on waiting in the same place. */
  PlaceTaken: event(Taking, {
    concerns: 'subject',
    fold: (state, data) => {
      const { subject, at } = data
      const begins = state.queue.size === 0
      writable(state.queue).set(subject, keptPlace(data, state.queue.get(subject)))
      return begins ? { ...state, turns: { at, seconds: state.turns?.seconds ?? null } } : state
    },
    told: 'nobody',
    says: ({ subject, until: end }) => `${subject} waits for a seat, for now until ${end}`,
  }),
  PlaceGivenUp: event(GivingUp, {
    concerns: 'subject',
    fold: (state, { subject }) => {
      writable(state.queue).delete(subject)
      return state
    },
    told: 'nobody',
    says: ({ subject, why, by, note }, words) =>
      by === null
        ? `${subject} waits for a seat no longer${why === 'expired' ? ': they did not ask again' : ''}`
        : `${subject}’s place in the queue was taken away by ${words.by(by)}${because(note)}`,
  }),
  SessionJoined: event(Joining, {
    concerns: 'session',
    fold: (state, data) => {
      const { sessionId, account, guest } = data
      leave(state, sessionId)
      join(state, sessionOf(data))
      writable(state.held).delete(account ?? guest ?? '')
      writable(state.left).delete(account ?? guest ?? '')
      writable(state.queue).delete(account ?? guest ?? '')
      return state
    },
    told: 'coming',
    says: ({ account, guest, subspace }) => `${account ?? guest} joined ${placeOf(subspace)}`,
  }),
  /** The session moved to another subspace of the same space. */
  SessionMoved: onSession(t.type({ ...Moment, from: t.string, to: t.string, position: t.unknown }), {
    sets: { subspace: { of: 'to' }, position: { of: 'position' } },
    told: 'coming',
    says: ({ sessionId, from, to }, { whose }) =>
      `${whose(sessionId)} went from ${placeOf(from)} to ${placeOf(to)}`,
  }),
  SessionLeft: event(
    t.intersection([
      t.type({
        sessionId: t.string,
        reason: LeaveReason,
        by: nullable(Actor),
        /** The moderator's words, for a kick or a ban. */
        note: nullable(t.string),
        until: nullable(Time),
        at: Time,
      }),
      /** Set if the connection was lost: until then its subject counts as just here. */
      t.partial({ returnBy: Time }),
    ]),
    {
      concerns: 'session',
      fold: (state, { sessionId, reason, returnBy, at }) => {
        const session = state.sessions.get(sessionId)
        leave(state, sessionId)
        if (session !== undefined) remember(state.left, session, { reason, returnBy, at })
        return state
      },
      told: 'coming',
      says: ({ sessionId, reason, by, note, until: end }, words) => {
        const who = words.whose(sessionId)
        if (reason === 'kicked' && by === null) return `${who} was shown out${because(note)}`
        if (reason === 'kicked') return `${who} was kicked by ${words.by(by)}${because(note)}`
        if (reason === 'banned')
          return `${who} was put out, banned by ${words.by(by)}${until(end)}${because(note)}`
        return `${who} ${ENDED[reason] ?? 'left'}`
      },
    },
  ),
  VoiceStarted: onSession(t.type(Moment), {
    sets: { voice: { is: true } },
    told: voice(true),
    says: ({ sessionId }, { whose }) => `${whose(sessionId)} switched their voice on`,
  }),
  VoiceStopped: onSession(t.type(Moment), {
    sets: { voice: { is: false } },
    told: voice(false),
    says: ({ sessionId }, { whose }) => `the voice of ${whose(sessionId)} went off`,
  }),
  HandRaised: onSession(t.type(Moment), {
    sets: { hand: { of: 'at' } },
    told: {
      to: 'room',
      as: 'hand-state',
      with: ({ at }) => ({ hand_raised: true, hand_raised_since: at }),
    },
    says: ({ sessionId }, { whose }) => `${whose(sessionId)} raised their hand`,
  }),
  /** The hand was lowered by the session itself, or by a moderator. */
  HandLowered: onSession(t.type({ ...Moment, by: Actor }), {
    sets: { hand: { is: null } },
    told: {
      to: 'room',
      as: 'hand-state',
      with: ({ by }) => ({ hand_raised: false, hand_raised_since: null, by: of(by) }),
    },
    says: ({ sessionId, by }, words) =>
      `the hand of ${words.whose(sessionId)} was lowered by ${words.by(by)}`,
  }),
  /** The session may speak on the stage: a moderator allowed it, a speaker handed the word on, or a speaker is back.
   *  `from` is the session that had the word before. */
  SpeakGranted: onSession(t.intersection([t.type({ ...Moment, by: Actor }), t.partial({ from: t.string })]), {
    sets: { stage: { of: 'at' } },
    told: {
      to: 'room',
      as: 'stage-state',
      with: ({ at, by }) => ({ on_stage: true, on_stage_since: at, by: of(by) }),
    },
    says: ({ sessionId, by, from }, words) =>
      from === undefined
        ? `${words.whose(sessionId)} was given the word by ${words.by(by)}`
        : `${words.whose(sessionId)} has the word after ${words.whose(from)}`,
  }),
  /** The word was given up by the session that had it, or taken by a moderator. */
  SpeakTaken: onSession(t.type({ ...Moment, by: Actor }), {
    sets: { stage: { is: null } },
    told: {
      to: 'room',
      as: 'stage-state',
      // Only the browsers can end a call that runs between them.
      with: ({ by }) => ({ on_stage: false, on_stage_since: null, by: of(by), drop_audio: true }),
    },
    says: ({ sessionId, by }, words) =>
      `the word was taken from ${words.whose(sessionId)} by ${words.by(by)}`,
  }),
  /** The SFU carries the session's voice, or carries it no longer, by its own report. */
  VoiceCarried: onSession(t.type(Moment), {
    sets: { carried: { of: 'at' } },
    told: 'nobody',
    says: ({ sessionId }, { whose }) => `the SFU carries the voice of ${whose(sessionId)}`,
  }),
  VoiceNotCarried: onSession(t.type(Moment), {
    sets: { carried: { is: null } },
    told: 'nobody',
    says: ({ sessionId }, { whose }) => `the SFU no longer carries the voice of ${whose(sessionId)}`,
  }),
  /** From now on a room's voice goes through an SFU, or from browser to browser again. */
  VoiceRouted: event(Routing, {
    concerns: 'space',
    fold: (state, { subspace, via, at }) => {
      const routes = writable(state.routes)
      if (via === 'sfu') routes.set(subspace, { since: at })
      else routes.delete(subspace)
      return state
    },
    told: {
      to: 'subspace',
      as: 'voice-route',
      with: ({ via, why }) => ({ via, why }),
    },
    says: ({ subspace, via, why }) =>
      `voice in ${placeOf(subspace)} goes ${via === 'sfu' ? 'through the SFU' : 'from browser to browser'} now: ${WHY_ROUTED[why]}`,
  }),
  PermissionGranted: event(t.type(Granted), {
    concerns: 'account',
    fold: (state, { account, permission, by, reason, at }) => {
      writable(state.grants).set(account, { permission, by, reason, at })
      return state
    },
    told: {
      to: 'space',
      as: 'permission-changed',
      with: ({ account, by, permission }) => rights('granted', account, by, permission),
    },
    says: ({ account, permission, by, reason }, words) =>
      `${account} was made ${CALLED[permission]} by ${words.by(by)}${because(reason)}`,
  }),
  PermissionRevoked: event(
    t.intersection([
      t.type(Granted),
      // The account's sessions were too many to end at once: all that it has now will end, the rest in rounds.
      t.partial({ inRounds: t.literal(true) }),
    ]),
    {
      concerns: 'account',
      fold: (state, { account, by, reason: note, inRounds }) => {
        writable(state.grants).delete(account)
        if (inRounds === true)
          for (const session of state.sessions.values())
            if (session.account === account) change(state, session.sessionId, { revoked: { by, note } })
        return state
      },
      told: {
        to: 'space',
        as: 'permission-changed',
        with: ({ account, by, permission }) => rights('revoked', account, by, permission),
      },
      says: ({ account, permission, by, reason }, words) =>
        `${account} is no longer ${CALLED[permission]}, by ${words.by(by)}${because(reason)}`,
    },
  ),
  /** `until` null means that it never ends. The sessions that a ban ends are sent it. */
  AccountBanned: event(t.type({ ...Restricted, until: nullable(Time) }), {
    concerns: 'subject',
    fold: (state, data) => {
      restrict(state.bans, data)
      return state
    },
    told: 'nobody',
    says: ({ subject, by, until: end, reason }, words) =>
      `${subject} was banned by ${words.by(by)}${until(end)}${because(reason)}`,
  }),
  AccountUnbanned: event(t.type(Restricted), {
    concerns: 'subject',
    fold: (state, { subject }) => {
      writable(state.bans).delete(subject)
      return state
    },
    told: 'nobody',
    says: ({ subject, by, reason }, words) =>
      `the ban of ${subject} was lifted by ${words.by(by)}${because(reason)}`,
  }),
  AccountMuted: event(t.type({ ...Restricted, until: nullable(Time) }), {
    concerns: 'subject',
    fold: (state, data) => {
      restrict(state.mutes, data)
      return state
    },
    told: {
      to: 'space',
      as: 'permission-changed',
      // Only the browsers can end what already flows between them.
      with: ({ subject, by }) => ({ ...rights('muted', subject, by), drop_audio: true }),
    },
    says: ({ subject, by, until: end, reason }, words) =>
      `${subject} was muted by ${words.by(by)}${until(end)}${because(reason)}`,
  }),
  AccountUnmuted: event(t.type(Restricted), {
    concerns: 'subject',
    fold: (state, { subject }) => {
      writable(state.mutes).delete(subject)
      return state
    },
    told: {
      to: 'space',
      as: 'permission-changed',
      with: ({ subject, by }) => rights('unmuted', subject, by),
    },
    says: ({ subject, by, reason }, words) =>
      `the mute of ${subject} was lifted by ${words.by(by)}${because(reason)}`,
  }),
  SettingsChanged: event(t.type({ changes: SettingsChanges, by: Actor, at: Time }), {
    concerns: 'space',
    fold: (state, { changes }) => ({
      ...state,
      // Without a queue, nobody waits.
      ...(changes.queue === false ? { queue: new Map(), turns: null } : {}),
      settings: mergeSettings(state.settings, changes as Partial<SpaceState['settings']>),
    }),
    // `changes` is what the command named; null in its free part removes a key.
    told: {
      to: 'space',
      as: 'settings-changed',
      with: ({ changes, by }) => ({
        changes,
        by: of(by),
        ...(changes.voice_enabled === false ? { drop_audio: true } : {}),
      }),
    },
    says: ({ changes, by }, words) => {
      const named = Object.entries(changes).map(([name, value]) => `${name} to ${JSON.stringify(value)}`)
      return `${words.by(by)} set ${named.join(', ')}`
    },
  }),
  /** An entity of a room's scene is pinned from now on. */
  EntityPinned: event(Pinning, {
    concerns: 'entity',
    fold: (state, { at, ...pin }) => {
      writable(state.pinned).set(pinKey(pin.subspace, pin.entityId), { ...pin, at, changedAt: at })
      return state
    },
    told: {
      to: 'subspace',
      as: 'entity-pinned',
      with: ({ entityId, template, ownership, components, by }) => ({
        id: entityId,
        template,
        ownership,
        components,
        by: of(by),
      }),
    },
    says: ({ entityId, by, subspace }, words) =>
      `${words.by(by)} pinned the entity ${entityId} in ${placeOf(subspace)}`,
  }),
  /** A pinned entity has changed and is at rest now: all of its components. */
  EntityChanged: event(Changing, {
    concerns: 'entity',
    fold: (state, { subspace, entityId, components, weight, at }) => {
      const key = pinKey(subspace, entityId)
      const pin = state.pinned.get(key)
      if (pin !== undefined) writable(state.pinned).set(key, { ...pin, components, weight, changedAt: at })
      return state
    },
    told: {
      to: 'subspace',
      as: 'entity-changed',
      with: ({ entityId, components, by }) => ({ id: entityId, components, by: of(by) }),
    },
    says: ({ entityId, by }, words) => `${words.by(by)} changed the entity ${entityId}`,
  }),
  EntityUnpinned: event(Unpinning, {
    concerns: 'entity',
    fold: (state, { subspace, entityId }) => {
      writable(state.pinned).delete(pinKey(subspace, entityId))
      return state
    },
    told: {
      to: 'subspace',
      as: 'entity-unpinned',
      with: ({ entityId, by }) => ({ id: entityId, by: of(by) }),
    },
    says: ({ entityId, by, subspace }, words) =>
      `${words.by(by)} unpinned the entity ${entityId} in ${placeOf(subspace)}`,
  }),
  /** A rule that acts by itself on what people write; only people who may read the record see what it looks for. */
  FilterSet: event(FilterSetting, {
    concerns: 'space',
    fold: (state, filter) => {
      writable(state.filters).set(filter.filterId, filter)
      return state
    },
    told: 'nobody',
    says: ({ filterId, looksFor, acts, by }, words) =>
      `${words.by(by)} set the filter ${filterId} (${looksForInWords(looksFor)}: ${acts.join(', ')})`,
  }),
  FilterRemoved: event(t.type({ filterId: t.string, by: Actor, at: Time }), {
    concerns: 'space',
    fold: (state, { filterId }) => {
      writable(state.filters).delete(filterId)
      return state
    },
    told: 'nobody',
    says: ({ filterId, by }, words) => `${words.by(by)} removed the filter ${filterId}`,
  }),
  /** The space follows a ban list from now on, or follows it from another source. */
  BanListFollowed: event(t.type({ ...ListDone, source: BanListSource }), {
    concerns: 'space',
    fold: (state, data) => ({
      ...state,
      lists: changedLists(state.lists, { type: 'BanListFollowed', data }),
    }),
    told: 'nobody',
    says: ({ listId, source, by }, words) =>
      `${words.by(by)} followed the ban list ${listId} (${sourceInWords(source)})`,
  }),
  /** A list's entries changed: the new and changed ones, and the removed ones. */
  BanListChanged: event(
    t.type({ ...ListDone, added: t.readonlyArray(ListedBan), removed: t.readonlyArray(t.string) }),
    {
      concerns: 'space',
      fold: (state, data) => ({
        ...state,
        lists: changedLists(state.lists, { type: 'BanListChanged', data }),
      }),
      told: 'nobody',
      says: ({ listId, added, removed }, { actor }) =>
        `${actor} brought the ban list ${listId} up to date: ${added.length} entries more or other, ${removed.length} fewer`,
    },
  ),
  BanListLeft: event(t.type(ListDone), {
    concerns: 'space',
    fold: (state, data) => ({ ...state, lists: changedLists(state.lists, { type: 'BanListLeft', data }) }),
    told: 'nobody',
    says: ({ listId, by }, words) => `${words.by(by)} no longer follows the ban list ${listId}`,
  }),
  /** Some seconds of a room's motion are kept beside the log; this is their hash. */
  MotionKept: event(t.type({ ...MotionBlock, at: Time }), {
    concerns: 'space',
    fold: (state) => state,
    told: 'nobody',
    says: ({ from, to, subspace, movers }) =>
      `motion in ${placeOf(subspace)} was kept, from ${from} to ${to}, of ${movers} movers`,
  }),
} as const

type Entries = typeof SPACE_EVENTS
export type SpaceEventName = keyof Entries
export type SpaceEvent = {
  [Name in SpaceEventName]: { readonly type: Name; readonly data: t.TypeOf<Entries[Name]['data']> }
}[SpaceEventName]
/** Events that set something on a session and do nothing else, and all the others. */
export type SettingOnSession = {
  [Name in SpaceEventName]: Entries[Name]['sets'] extends null ? never : Name
}[SpaceEventName]
export type OtherSpaceEvent = Exclude<SpaceEventName, SettingOnSession>
export type SpaceEventOf<T extends SpaceEventName> = Extract<SpaceEvent, { type: T }>

export const SPACE_EVENT_NAMES = Object.keys(SPACE_EVENTS) as ReadonlyArray<SpaceEventName>

export const isSpaceEvent = (event: { readonly type: string }): event is SpaceEvent =>
  Object.hasOwn(SPACE_EVENTS, event.type)

/** The entry of any event, for what all entries have in common. */
export const spaceEntry = (name: SpaceEventName) =>
  SPACE_EVENTS[name] as unknown as Entry<
    SpaceEvent['data'],
    NewsRule<SpaceEvent['data']> | 'coming' | 'nobody',
    SetsOnSession | null
  >
