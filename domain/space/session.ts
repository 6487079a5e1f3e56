/** What a session is, and its marks, one entry each: what its own events set while it lasts. */
import * as t from 'io-ts'
import { Actor } from '../identity.ts'
import { Time } from '../time.ts'

export const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null])

export const LeaveReason = t.union([
  t.literal('left'),
  t.literal('disconnected'),
  t.literal('expired'),
  t.literal('kicked'),
  t.literal('banned'),
  t.literal('node-lost'),
])
export type LeaveReason = t.TypeOf<typeof LeaveReason>

type Mark<A, Shown extends string = string> = {
  readonly codec: t.Type<A>
  /** Its value for a session that has just joined. */
  readonly initial: A
  /** Its own column in `presence_sessions`; a mark without one is in that table's `marks`. */
  readonly column: 'voice_enabled' | null
  /** A sign in front of a name, for places without room for more. */
  readonly sign: string
  /** What callers see of it, by the names that they see. */
  readonly shown: Readonly<
    Record<Shown, { readonly kind: 'yes-no' | 'time or null'; readonly of: (value: A) => unknown }>
  >
}
const mark =
  <A>() =>
  <Shown extends string>(entry: Mark<A, Shown>): Mark<A, Shown> =>
    entry

export const MARKS = {
  voice: mark<boolean>()({
    codec: t.boolean,
    initial: false,
    column: 'voice_enabled',
    sign: '♪',
    shown: { voice_enabled: { kind: 'yes-no', of: (voice) => voice } },
  }),
  /** Since when it is up; null while it is not. */
  hand: mark<string | null>()({
    codec: nullable(Time),
    initial: null,
    column: null,
    sign: '↑',
    shown: {
      hand_raised: { kind: 'yes-no', of: (since) => since !== null },
      hand_raised_since: { kind: 'time or null', of: (since) => since },
    },
  }),
  /** Since when it may speak on the stage; null while it may not. */
  stage: mark<string | null>()({
    codec: nullable(Time),
    initial: null,
    column: null,
    sign: '*',
    shown: {
      on_stage: { kind: 'yes-no', of: (since) => since !== null },
      on_stage_since: { kind: 'time or null', of: (since) => since },
    },
  }),
  /** Since when an SFU reports that it carries the session's voice; null while it does not. */
  carried: mark<string | null>()({
    codec: nullable(Time),
    initial: null,
    column: null,
    sign: '~',
    shown: {},
  }),
} as const

type Marks = typeof MARKS
export type MarkName = keyof Marks
export type SessionMarks = { readonly [Name in MarkName]: t.TypeOf<Marks[Name]['codec']> }
export const MARK_NAMES = Object.keys(MARKS) as ReadonlyArray<MarkName>

export const isMark = (name: string): name is MarkName => Object.hasOwn(MARKS, name)

/** A record with the result of `of` for each mark. */
export const eachMark = <A>(of: (name: MarkName, entry: Mark<unknown>) => A) =>
  Object.fromEntries(
    MARK_NAMES.map((name) => [name, of(name, MARKS[name] as unknown as Mark<unknown>)]),
  ) as Record<MarkName, A>

const INITIAL = eachMark((_, { initial }) => initial) as unknown as SessionMarks
/** A mark that is newer than the stored state gets its initial value. */
export const marksIn = (from: Readonly<Partial<Record<MarkName, unknown>>>): SessionMarks =>
  eachMark((name, { initial }) => from[name] ?? initial) as unknown as SessionMarks

type Shown = { [Name in MarkName]: keyof Marks[Name]['shown'] }[MarkName]
export type ShownMarks = { readonly [Name in Shown]: unknown }
/** A session's marks as callers see them. */
export const shownMarks = (marks: SessionMarks): ShownMarks => {
  const shown: Record<string, unknown> = {}
  for (const name of MARK_NAMES) {
    const entry = MARKS[name] as unknown as Mark<unknown>
    for (const [as, { of }] of Object.entries(entry.shown)) shown[as] = of(marks[name])
  }
  return shown as ShownMarks
}

const came = {
  sessionId: t.string,
  socketId: t.string,
  account: nullable(t.string),
  guest: nullable(t.string),
  claimed: nullable(t.string),
  subspace: t.string,
  /** The avatar's position: `{ x, y, z }` as clients send it. */
  position: t.unknown,
  avatarData: t.unknown,
  /** The process boot that holds this session's lease. */
  boot: t.string,
}
/** The data of the event of its joining. */
export const Joining = t.intersection([
  t.type({ ...came, at: Time }),
  // For a guest: its network (`networkTag`), by which the sessions that give way in a full room are counted.
  t.partial({ network: t.string }),
])

const codecs = eachMark((_, { codec }) => codec) as unknown as { [Name in MarkName]: Marks[Name]['codec'] }
const lasting = t.intersection([
  t.type({ ...came, joinedAt: Time }),
  t.partial({
    /** Set if it will end because the permission that let it in was revoked: by whom, and with which words. */
    revoked: t.type({ by: Actor, note: nullable(t.string) }),
    network: t.string,
  }),
])
/** A session in a snapshot: a mark that is newer than the snapshot is missing. */
export const StoredSession = t.intersection([lasting, t.partial(codecs)])
export type Session = Readonly<t.TypeOf<typeof lasting>> & SessionMarks

export const sessionOf = (joining: t.TypeOf<typeof Joining>): Session => {
  const session: Session = {
    sessionId: joining.sessionId,
    socketId: joining.socketId,
    account: joining.account,
    guest: joining.guest,
    claimed: joining.claimed,
    subspace: joining.subspace,
    position: joining.position,
    avatarData: joining.avatarData,
    ...INITIAL,
    boot: joining.boot,
    joinedAt: joining.at,
  }
  return joining.network === undefined ? session : { ...session, network: joining.network }
}

/** Marks that a session of an older program does not have. */
const LATER = MARK_NAMES.filter((name) => MARKS[name].column === null)

/** Leaves out later marks that have their initial value, so that the stored form of such a session stays what it was. */
export const storedSession = (session: Session): t.TypeOf<typeof StoredSession> => {
  // Named one by one: a room's snapshot copies thousands of these, and copies member by member are slow.
  const { sessionId, socketId, account, guest, claimed, subspace, position, avatarData, boot, joinedAt } =
    session
  const stored: Record<string, unknown> = {
    ...{ sessionId, socketId, account, guest, claimed, subspace, position, avatarData },
    voice: session.voice,
    ...{ boot, joinedAt },
  }
  for (const name of LATER) if (session[name] !== INITIAL[name]) stored[name] = session[name]
  if (session.revoked !== undefined) stored.revoked = session.revoked
  if (session.network !== undefined) stored.network = session.network
  return stored as t.TypeOf<typeof StoredSession>
}

/** What an event sets on its session, by field: the value of a member of its data, or a constant. */
export type SetsOnSession = Readonly<
  Partial<
    Record<
      MarkName | 'subspace' | 'position',
      { readonly of: string } | { readonly is: boolean | string | null }
    >
  >
>
/** The values that an event with this data sets. */
export const setBy = (
  sets: SetsOnSession,
  data: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> => {
  const values: Record<string, unknown> = {}
  for (const [field, value] of Object.entries(sets))
    values[field] = 'of' in value ? (data[value.of] ?? null) : value.is
  return values
}
