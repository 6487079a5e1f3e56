/** A room's state in a bundle: folded from events as they stand on the log, by rules that docs/proof.md writes out, so that
 *  anyone can fold it again. It holds nothing that is sealed. */
import type { ChatEventName } from '../../domain/chat/events.ts'
import type { RoomStreamKind } from '../../domain/names.ts'
import { type OtherSpaceEvent, SPACE_EVENT_NAMES, spaceEntry } from '../../domain/space/events.ts'
import { type SetsOnSession, setBy } from '../../domain/space/session.ts'
import { aroundJson } from '../audit/canonical.ts'

export const STREAM_KINDS: ReadonlyArray<RoomStreamKind> = ['space', 'chat', 'refusal']
type Json = Readonly<Record<string, unknown>>

/** An event as it is in a bundle, and on the log. */
export type BundledEvent = {
  readonly data: unknown
  readonly id: string
  readonly metadata: unknown
  readonly revision: string
  readonly stream: string
  readonly type: string
}

/** How many of the last messages are known. */
const MESSAGES = 100

const NAMED = ['bans', 'grants', 'mutes', 'seats', 'sessions'] as const
type Message = Readonly<{
  author: unknown
  deleted: Json | null
  edited: string | null
  id: string
  reactions: ReadonlyArray<readonly [unknown, unknown]>
  revision: string
  subspace: unknown
}>

export type BundleState = {
  /** How many events of each stream are in it, and the latest time that any of them says. */
  readonly revisions: Record<RoomStreamKind, number>
  readonly latest: Record<RoomStreamKind, string | null>
  opened: Json | null
  settings: Json
  readonly named: Readonly<Record<(typeof NAMED)[number], Map<string, Json>>>
  readonly messages: Map<string, Message>
}

/** The settings of the format's version 1: one that was added later is in a bundle once it is set. */
const FIRST_SETTINGS: Json = {
  chat_enabled: true,
  voice_enabled: true,
  guests_allowed: true,
  max_users: 50,
  slow_mode_seconds: 0,
  settings: {},
}

export const emptyState = (): BundleState => ({
  revisions: { space: 0, chat: 0, refusal: 0 },
  latest: { space: null, chat: null, refusal: null },
  opened: null,
  settings: FIRST_SETTINGS,
  named: {
    bans: new Map(),
    grants: new Map(),
    mutes: new Map(),
    seats: new Map(),
    sessions: new Map(),
  },
  messages: new Map(),
})

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const object = (value: unknown): Json => (isObject(value) ? value : {})
/** These members; a missing one is null. */
const pick = (from: Json, ...names: ReadonlyArray<string>): Json =>
  Object.fromEntries(names.map((name) => [name, from[name] ?? null]))

export const kindOf = (stream: string): RoomStreamKind | null => {
  const kind = stream.slice(0, stream.indexOf('-'))
  return STREAM_KINDS.find((one) => one === kind) ?? null
}

/** Whether the two are equal as JSON. */
const isSame = (a: unknown, b: unknown): boolean =>
  a === b || (typeof a === 'object' && typeof b === 'object' && aroundJson(a) === aroundJson(b))

const merged = (settings: Json, changes: Json): Json => {
  const free = { ...object(settings.settings), ...object(changes.settings) }
  const kept = Object.entries(free).filter(([, value]) => value !== null)
  return { ...settings, ...changes, settings: Object.fromEntries(kept) }
}

/** What events set on their sessions, by type, besides those in version 1 of the format. A bundle's header contains it,
 *  so that whoever checks one need not know the types. */
export type Sets = Readonly<Record<string, SetsOnSession>>
const FIRST_SETS: Sets = {
  SessionMoved: { subspace: { of: 'to' }, position: { of: 'position' } },
  VoiceStarted: { voice: { is: true } },
  VoiceStopped: { voice: { is: false } },
}
export const LATER_SETS: Sets = Object.fromEntries(
  SPACE_EVENT_NAMES.flatMap((name): Array<[string, SetsOnSession]> => {
    const { sets } = spaceEntry(name)
    return sets === null || Object.hasOwn(FIRST_SETS, name) ? [] : [[name, sets]]
  }),
)

type Named = BundleState['named']
const keyIn = (data: Json, name: string): string | null =>
  typeof data[name] === 'string' ? data[name] : null
const put = (map: Map<string, Json>, data: Json, name: string, value: Json): void => {
  const key = keyIn(data, name)
  if (key !== null) map.set(key, value)
}
const take = (map: Map<string, Json>, data: Json, name: string): void => {
  map.delete(keyIn(data, name) ?? '')
}

/** How each event changes the state. The data are as on the log and must not be trusted. */
const APPLY: { readonly [Name in OtherSpaceEvent]: (state: BundleState, data: Json, named: Named) => void } =
  {
    SpaceOpened: (state, data) => {
      state.opened = pick(data, 'title', 'owner', 'visibility', 'at')
    },
    EntryGranted: (_, data, { seats }) => put(seats, data, 'subject', pick(data, 'subspace', 'expiresAt')),
    SeatExpired: (_, data, { seats }) => take(seats, data, 'subject'),
    SessionJoined: (_, data, { sessions, seats }) => {
      put(sessions, data, 'sessionId', {
        ...pick(data, 'account', 'guest', 'subspace', 'position'),
        joinedAt: data.at ?? null,
        voice: false,
      })
      seats.delete(keyIn(data, 'account') ?? keyIn(data, 'guest') ?? '')
    },
    SessionLeft: (_, data, { sessions }) => take(sessions, data, 'sessionId'),
    PermissionGranted: (_, data, { grants }) =>
      put(grants, data, 'account', pick(data, 'permission', 'by', 'reason', 'at')),
    PermissionRevoked: (_, data, { grants }) => take(grants, data, 'account'),
    AccountBanned: (_, data, { bans }) =>
      put(bans, data, 'subject', pick(data, 'by', 'reason', 'until', 'at')),
    AccountUnbanned: (_, data, { bans }) => take(bans, data, 'subject'),
    AccountMuted: (_, data, { mutes }) =>
      put(mutes, data, 'subject', pick(data, 'by', 'reason', 'until', 'at')),
    AccountUnmuted: (_, data, { mutes }) => take(mutes, data, 'subject'),
    // A bundle contains who waits, a scene's pinned entities, and filters as events only; version 1 of the format does
    // not fold them.
    PlaceTaken: () => {},
    PlaceGivenUp: () => {},
    EntityPinned: () => {},
    EntityChanged: () => {},
    EntityUnpinned: () => {},
    FilterSet: () => {},
    FilterRemoved: () => {},
    BanListFollowed: () => {},
    BanListChanged: () => {},
    BanListLeft: () => {},
    MotionKept: () => {},
    VoiceRouted: () => {},
    SettingsChanged: (state, data) => {
      state.settings = merged(state.settings, object(data.changes))
    },
  }

const applySpace = (state: BundleState, type: string, data: Json, later: Sets): void => {
  const sets = Object.hasOwn(FIRST_SETS, type)
    ? FIRST_SETS[type]
    : Object.hasOwn(later, type)
      ? later[type]
      : undefined
  if (sets !== undefined) {
    const session = keyIn(data, 'sessionId')
    const known = session === null ? undefined : state.named.sessions.get(session)
    if (known !== undefined) state.named.sessions.set(session!, { ...known, ...setBy(sets, data) })
  } else if (Object.hasOwn(APPLY, type)) APPLY[type as OtherSpaceEvent](state, data, state.named)
}

const withoutReaction = ({ reactions }: Message, data: Json): Message['reactions'] => {
  const [emoji, by] = reactionIn(data)
  return reactions.filter(([one, who]) => !isSame(one, emoji) || !isSame(who, by))
}
const reactionIn = (data: Json): readonly [unknown, unknown] => [
  data.emoji ?? null,
  object(data.by).id ?? null,
]
type ChangeOfMessage = Exclude<
  ChatEventName,
  'MessagePosted' | 'MessageHeld' | 'FilterActed' | 'MessageApproved' | 'MessageDropped'
>
const CHANGE: {
  readonly [Name in ChangeOfMessage]: (known: Message, data: Json, revision: string) => Message
} = {
  MessageEdited: (known, _, revision) => ({ ...known, edited: revision }),
  MessageDeleted: (known, data) => ({ ...known, deleted: pick(data, 'by', 'at') }),
  ReactionAdded: (known, data) => ({
    ...known,
    reactions: [...withoutReaction(known, data), reactionIn(data)],
  }),
  ReactionRemoved: (known, data) => ({ ...known, reactions: withoutReaction(known, data) }),
}

const applyChat = ({ messages }: BundleState, type: string, data: Json, revision: string): void => {
  const id = data.messageId
  if (typeof id !== 'string') return
  if (type === 'MessagePosted') {
    messages.delete(id)
    messages.set(id, {
      id,
      author: data.account ?? data.guest ?? null,
      subspace: data.subspace ?? null,
      revision,
      edited: null,
      deleted: null,
      reactions: [],
    })
    if (messages.size > MESSAGES)
      for (const oldest of messages.keys()) {
        messages.delete(oldest)
        break
      }
    return
  }
  const known = messages.get(id)
  if (known === undefined) return
  if (Object.hasOwn(CHANGE, type)) messages.set(id, CHANGE[type as ChangeOfMessage](known, data, revision))
}

/** Changes the state that it is given. `later`: what events of later versions set. An event of a stream that is not a
 *  room's changes nothing. */
export const applyEvent = (state: BundleState, event: BundledEvent, later: Sets = LATER_SETS): void => {
  const kind = kindOf(event.stream)
  if (kind === null) return
  state.revisions[kind] += 1
  const { at } = object(event.metadata)
  const latest = state.latest[kind]
  if (typeof at === 'string' && (latest === null || at > latest)) state.latest[kind] = at
  if (kind === 'space') applySpace(state, event.type, object(event.data), later)
  else if (kind === 'chat') applyChat(state, event.type, object(event.data), event.revision)
}

export const stateToJson = (state: BundleState): Json => ({
  ...Object.fromEntries(NAMED.map((name) => [name, Object.fromEntries(state.named[name])])),
  latest: state.latest,
  messages: [...state.messages.values()],
  opened: state.opened,
  revisions: state.revisions,
  settings: state.settings,
})

/** Reads the result of `stateToJson`; null for anything else. */
export const stateFromJson = (json: unknown): BundleState | null => {
  if (!isObject(json)) return null
  const state = emptyState()
  const { revisions, latest, messages, opened, settings } = json
  if (!isObject(revisions) || !isObject(latest) || !Array.isArray(messages) || !isObject(settings))
    return null
  for (const kind of STREAM_KINDS) {
    const [count, at] = [revisions[kind], latest[kind]]
    if (!Number.isSafeInteger(count) || !(at === null || typeof at === 'string')) return null
    state.revisions[kind] = Number(count)
    state.latest[kind] = at
  }
  for (const name of NAMED) {
    const rows = json[name]
    if (!isObject(rows)) return null
    for (const [key, row] of Object.entries(rows)) state.named[name].set(key, object(row))
  }
  for (const message of messages) {
    if (!isObject(message) || typeof message.id !== 'string' || !Array.isArray(message.reactions)) return null
    state.messages.set(message.id, message as Message)
  }
  state.opened = isObject(opened) ? opened : null
  state.settings = settings
  return state
}
