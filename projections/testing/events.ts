/** Events for tests of what follows the log: plain ones, and arbitrary sequences that need not make sense. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { type AnyEvent, encodeEvent } from '../../domain/codec.ts'
import { eventEntry } from '../../domain/events.ts'
import { derivedUuid } from '../../domain/ids.ts'
import type { Metadata } from '../../domain/metadata.ts'
import { type SpaceRef, type StreamKind, streamName } from '../../domain/names.ts'
import type { NewEvent } from '../../domain/ports.ts'

export const at = (second: number): string => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString()
const uuid = (text: string): string =>
  derivedUuid((it) => createHash('sha256').update(it).digest('hex'), text)

type Actor = Metadata['actor']
export const alice: Actor = { kind: 'account', id: 'alice' }
export const bob: Actor = { kind: 'account', id: 'bob' }
export const guest: Actor = { kind: 'guest', id: 'guest:9f2c04ab17de' }
export const system: Actor = { kind: 'system', id: 'node-1' }

const kindOf = (type: AnyEvent['type']): StreamKind => eventEntry(type).stream

let made = 0
const nextId = (): string => {
  made += 1
  return String(made)
}
/** The stream that an event belongs in, and the event in the log's form. */
export const recorded = (
  space: SpaceRef,
  event: AnyEvent,
  actor: Actor = alice,
  id: string = nextId(),
): { readonly stream: string; readonly event: NewEvent } => {
  const metadata: Metadata = {
    $correlationId: uuid(`correlation ${id}`),
    $causationId: uuid(`cause ${id}`),
    command: { id: uuid(`command ${id}`), type: 'Test' },
    actor,
    node: 'node-1',
    at: event.data.at,
    schema: 1,
    ...(actor.kind === 'system' ? {} : { client: { ip: '192.0.2.7', userAgent: 'tests' } }),
  }
  return {
    stream: streamName(kindOf(event.type), space),
    event: { id: uuid(`event ${id}`), ...encodeEvent(event, metadata) },
  }
}

export const joined = (
  sessionId: string,
  who: Actor,
  second: number,
  more: Readonly<Record<string, unknown>> = {},
): AnyEvent => ({
  type: 'SessionJoined',
  data: {
    sessionId,
    socketId: `socket-${sessionId}`,
    account: who.kind === 'account' ? who.id : null,
    guest: who.kind === 'guest' ? who.id : null,
    claimed: null,
    subspace: 'main',
    position: { x: 1, y: 0, z: -2.5 },
    avatarData: { colour: 'red' },
    boot: 'boot-1',
    at: at(second),
    ...more,
  },
})
export const posted = (
  messageId: string,
  content: string,
  second: number,
  more: Readonly<Record<string, unknown>> = {},
): AnyEvent => ({
  type: 'MessagePosted',
  data: {
    messageId,
    account: 'alice',
    guest: null,
    displayName: 'alice',
    subspace: 'main',
    messageType: 'text',
    content,
    parentMessageId: null,
    threadRootId: null,
    at: at(second),
    ...more,
  },
})

const SPACES: ReadonlyArray<SpaceRef> = [
  { type: 'post', id: 'alice/my-post' },
  { type: 'document', id: '123' },
]
const actors = fc.constantFrom(alice, bob, guest, system)
const people = fc.constantFrom(alice, bob, guest)
const text = fc
  .string({ unit: 'grapheme', maxLength: 12 })
  .filter((s) => s.isWellFormed() && !s.includes('\0'))
const nullableText = fc.option(text, { nil: null })
const json = fc.oneof(
  fc.constant(null),
  fc.record({ x: fc.double({ noNaN: true, noDefaultInfinity: true }), name: text }),
  fc.dictionary(
    text.filter((key) => key !== '__proto__'),
    fc.integer(),
    { maxKeys: 3 },
  ),
)
const session = fc.constantFrom('s1', 's2', 's3')
const message = fc.constantFrom('m1', 'm2', 'm3')
const subject = fc.constantFrom('alice', 'bob', 'guest:9f2c04ab17de')
const account = fc.constantFrom('alice', 'bob')
const subspace = fc.constantFrom('main', 'main-chess')
const until = fc.constantFrom(null, at(500), at(5_000))
const emoji = fc.constantFrom('👍', '🎉')

type Draft = (second: number, actor: Actor) => AnyEvent
const aboutFilters = (
  ids: fc.Arbitrary<string>,
  subjects: fc.Arbitrary<string>,
  words: fc.Arbitrary<string>,
): ReadonlyArray<fc.Arbitrary<Draft>> => [
  fc.boolean().map(
    (counts) => (s, by) =>
      ({
        type: 'FilterSet',
        data: {
          filterId: counts ? 'often' : 'rude',
          looksFor: counts ? { kind: 'rate', count: 5, seconds: 10 } : { kind: 'words', words: ['darn'] },
          acts: ['hold'],
          muteSeconds: null,
          by,
          at: at(s),
        },
      }) as const,
  ),
  fc.constant(
    (s: number, by: Actor) => ({ type: 'FilterRemoved', data: { filterId: 'rude', by, at: at(s) } }) as const,
  ),
  fc.tuple(ids, words).map(([messageId, content]) => (s, by) => {
    const { data } = posted(messageId, content, s) as Extract<AnyEvent, { type: 'MessagePosted' }>
    const guestId = by.kind === 'guest' ? by.id : null
    const account = by.kind === 'account' ? by.id : null
    return { type: 'MessageHeld', data: { ...data, account, guest: guestId, filterId: 'rude' } } as const
  }),
  fc.tuple(ids, subjects).map(
    ([messageId, who]) =>
      (s) =>
        ({
          type: 'FilterActed',
          data: {
            messageId,
            subspace: 'main',
            subject: who,
            filterId: 'often',
            act: 'mute',
            until: at(s + 60),
            at: at(s),
          },
        }) as const,
  ),
  fc.tuple(ids, subjects, fc.boolean()).map(([messageId, who, passes]) => (s, by): AnyEvent => {
    const data = { messageId, subspace: 'main', subject: who, by, at: at(s) }
    return passes
      ? { type: 'MessageApproved', data }
      : { type: 'MessageDropped', data: { ...data, reason: null } }
  }),
]
const aboutLists = (
  subjects: fc.Arbitrary<string>,
  reasons: fc.Arbitrary<string | null>,
): ReadonlyArray<fc.Arbitrary<Draft>> => {
  const of = (by: Actor, s: number) => ({ listId: 'a-list', by, at: at(s) })
  const sources = fc.constantFrom(
    { kind: 'owner' } as const,
    { kind: 'space', space: 'document:123' } as const,
    { kind: 'given', name: null } as const,
  )
  return [
    sources.map(
      (source) => (s, by) => ({ type: 'BanListFollowed', data: { ...of(by, s), source } }) as const,
    ),
    fc.tuple(subjects, reasons).map(
      ([entity, reason]) =>
        (s, by) =>
          ({
            type: 'BanListChanged',
            data: { ...of(by, s), added: [{ entity, reason, from: null }], removed: [] },
          }) as const,
    ),
    fc.constant((s: number, by: Actor) => ({ type: 'BanListLeft', data: of(by, s) }) as const),
  ]
}
/** Each case is opened at most once, as in the domain: its id is made from the time. */
const aboutCases = (
  subjects: fc.Arbitrary<string>,
  words: fc.Arbitrary<string>,
): ReadonlyArray<fc.Arbitrary<Draft>> => {
  const moment = { space: 3, chat: -1 }
  const of = (n: number, by: Actor, s: number) => ({ caseId: `case-${n}`, by, at: at(s) })
  return [
    fc.tuple(subjects, fc.boolean()).map(
      ([about, isPerson]) =>
        (s, by) =>
          ({
            type: 'CaseOpened',
            data: {
              ...of(s, by, s),
              subject: about,
              about: isPerson ? { kind: 'person' } : { kind: 'message', messageId: 'm1', subspace: 'main' },
              moment,
            },
          }) as const,
    ),
    fc.tuple(fc.nat(40), fc.nat(5), words).map(
      ([n, which, said]) =>
        (s, by) =>
          [
            { type: 'ReportFiled', data: { ...of(n, by, s), reportId: `report-${s}`, words: said, moment } },
            { type: 'CaseTaken', data: of(n, by, s) },
            {
              type: 'CaseActed',
              data: {
                ...of(n, by, s),
                act: which > 2 ? 'mute' : 'unmute',
                until: null,
                rule: said,
                reason: null,
                in: 'space',
                revision: 5,
              },
            },
            { type: 'CaseClosed', data: { ...of(n, by, s), outcome: 'acted', rule: said, reason: said } },
            { type: 'AppealMade', data: { ...of(n, by, s), words: said } },
            { type: 'AppealDecided', data: { ...of(n, by, s), outcome: 'lifted', reason: said } },
          ][which] as AnyEvent,
    ),
  ]
}
const drafts: ReadonlyArray<fc.Arbitrary<Draft>> = [
  fc.tuple(nullableText, text).map(
    ([owner, title]) =>
      (s) =>
        ({ type: 'SpaceOpened', data: { title, owner, visibility: 'public', at: at(s) } }) as const,
  ),
  fc.tuple(subject, subspace).map(
    ([it, room]) =>
      (s) =>
        ({
          type: 'EntryGranted',
          data: { subject: it, subspace: room, expiresAt: at(s + 60), at: at(s) },
        }) as const,
  ),
  fc.tuple(subject, subspace, fc.constantFrom('moderators', 'others'), fc.boolean()).map(
    ([it, room, ahead, comes]) =>
      (s) =>
        (comes
          ? {
              type: 'PlaceTaken',
              data: { subject: it, subspace: room, ahead, until: at(s + 300), at: at(s) },
            }
          : {
              type: 'PlaceGivenUp',
              data: { subject: it, why: 'left', by: null, note: null, at: at(s) },
            }) as AnyEvent,
  ),
  fc.tuple(session, people, subspace, json, json).map(
    ([id, who, room, position, avatarData]) =>
      (s) =>
        joined(id, who, s, { subspace: room, position, avatarData }),
  ),
  fc.tuple(session, subspace, subspace, json).map(
    ([sessionId, from, to, position]) =>
      (s) =>
        ({ type: 'SessionMoved', data: { sessionId, from, to, position, at: at(s) } }) as const,
  ),
  fc.tuple(session, fc.constantFrom('left', 'kicked', 'node-lost'), nullableText).map(
    ([sessionId, reason, note]) =>
      (s, by) =>
        ({
          type: 'SessionLeft',
          data: { sessionId, reason: reason as 'left', by, note, until: null, at: at(s) },
        }) as const,
  ),
  fc.tuple(session, fc.boolean()).map(
    ([sessionId, on]) =>
      (s) =>
        ({ type: on ? 'VoiceStarted' : 'VoiceStopped', data: { sessionId, at: at(s) } }) as AnyEvent,
  ),
  fc.tuple(account, fc.constantFrom('access', 'moderate', 'admin'), fc.boolean(), nullableText).map(
    ([it, permission, on, reason]) =>
      (s, by) =>
        ({
          type: on ? 'PermissionGranted' : 'PermissionRevoked',
          data: { account: it, permission, by, reason, at: at(s) },
        }) as AnyEvent,
  ),
  fc.tuple(subject, fc.boolean(), fc.boolean(), until, nullableText).map(
    ([it, on, ban, end, reason]) =>
      (s, by) =>
        ({
          type: on ? (ban ? 'AccountBanned' : 'AccountMuted') : ban ? 'AccountUnbanned' : 'AccountUnmuted',
          data: { subject: it, by, reason, ...(on ? { until: end } : {}), at: at(s) },
        }) as AnyEvent,
  ),
  fc
    .record(
      {
        chat_enabled: fc.boolean(),
        voice_enabled: fc.boolean(),
        guests_allowed: fc.boolean(),
        queue: fc.boolean(),
        max_users: fc.integer({ min: 1, max: 1000 }),
        slow_mode_seconds: fc.integer({ min: 0, max: 60 }),
        settings: fc.dictionary(fc.constantFrom('sky', 'floor', 'music'), fc.option(json, { nil: null }), {
          maxKeys: 3,
        }),
      },
      { requiredKeys: [] },
    )
    .map((changes) => (s, by) => ({ type: 'SettingsChanged', data: { changes, by, at: at(s) } }) as AnyEvent),
  fc.tuple(message, text, subspace).map(
    ([id, content, room]) =>
      (s) =>
        posted(id, content, s, { subspace: room }),
  ),
  fc.tuple(message, text, subspace).map(
    ([messageId, content, room]) =>
      (s, by) =>
        ({ type: 'MessageEdited', data: { messageId, subspace: room, by, content, at: at(s) } }) as const,
  ),
  fc.tuple(message, subspace).map(
    ([messageId, room]) =>
      (s, by) =>
        ({ type: 'MessageDeleted', data: { messageId, subspace: room, by, at: at(s) } }) as const,
  ),
  fc.tuple(message, emoji, fc.boolean()).map(
    ([messageId, it, on]) =>
      (s, by) =>
        ({
          type: on ? 'ReactionAdded' : 'ReactionRemoved',
          data: { messageId, subspace: 'main', by, emoji: it, at: at(s) },
        }) as AnyEvent,
  ),
  ...aboutFilters(message, subject, text),
  ...aboutLists(subject, nullableText),
  ...aboutCases(subject, text),
  fc.tuple(text, nullableText).map(
    ([reason, target]) =>
      (s) =>
        ({
          type: 'CommandRefused',
          data: { command: 'Kick', reason, at: at(s), ...(target === null ? {} : { target }) },
        }) as const,
  ),
]

/** The server makes session ids, so that no two spaces share one; message ids come from clients. */
const ofSpace = (event: AnyEvent, space: SpaceRef): AnyEvent =>
  'sessionId' in event.data
    ? ({ ...event, data: { ...event.data, sessionId: `${event.data.sessionId}-${space.type}` } } as AnyEvent)
    : event

/** Gives the cases and reports of each draw ids of their own: several draws may be in one log, and no case is opened twice. */
const ofDraw = (event: AnyEvent, draw: number): AnyEvent => {
  if (!('caseId' in event.data)) return event
  const reportId = 'reportId' in event.data ? { reportId: `${event.data.reportId}-${draw}` } : {}
  return {
    ...event,
    data: { ...event.data, caseId: `${event.data.caseId}-${draw}`, ...reportId },
  } as AnyEvent
}
let draws = 0

/** Any events, in any order, in two spaces that share message ids. */
export const anyEvents = (maxLength = 40) =>
  fc.array(fc.tuple(fc.oneof(...drafts), actors, fc.constantFrom(...SPACES)), { maxLength }).map((all) => {
    draws += 1
    return all.map(([draft, actor, space], i) =>
      recorded(space, ofDraw(ofSpace(draft(i, actor), space), draws), actor, `any ${i}`),
    )
  })

const filler = { kind: 'account', id: 'alice' } as const
const step = { caseId: 'a-case', by: filler, at: at(1) }
const moment = { space: 0, chat: -1 }
const pinned = {
  subspace: 'main',
  entityId: 'e1',
  template: null,
  ownership: null,
  components: {},
  weight: 2,
}
const FILLERS: ReadonlyArray<AnyEvent> = [
  {
    type: 'PermissionGranted',
    data: { account: 'bob', permission: 'access', by: filler, reason: null, at: at(1) },
  },
  {
    type: 'ReactionAdded',
    data: { messageId: 'm1', subspace: 'main', by: filler, emoji: '👍', at: at(1) },
  },
  { type: 'AccountBanned', data: { subject: 'bob', by: filler, reason: null, until: null, at: at(1) } },
  { type: 'AccountMuted', data: { subject: 'bob', by: filler, reason: null, until: null, at: at(1) } },
  { type: 'EntityPinned', data: { ...pinned, by: filler, at: at(1) } },
  {
    type: 'BanListFollowed',
    data: { listId: 'a-list', source: { kind: 'owner' }, by: filler, at: at(1) },
  },
  {
    type: 'PlaceTaken',
    data: { subject: 'bob', subspace: 'main', ahead: 'others', until: at(300), at: at(1) },
  },
  {
    type: 'MotionKept',
    data: {
      subspace: 'main',
      block: 'a-block',
      track: 'a-track',
      number: 0,
      isLast: true,
      boot: 'a-boot',
      from: at(0),
      to: at(1),
      movers: 1,
      ticks: 1,
      bytes: 1,
      root: 'a-root',
      keptUntil: at(2),
      at: at(1),
    },
  },
  { type: 'CaseOpened', data: { ...step, subject: 'bob', about: { kind: 'person' }, moment } },
  { type: 'ReportFiled', data: { ...step, reportId: 'a-report', words: '', moment } },
]
/** Events for tables that randomly drawn events may leave empty: each has rows, whatever is drawn. */
export const FILLING = FILLERS.map((event) => recorded({ type: 'global', id: 'lobby' }, event))
