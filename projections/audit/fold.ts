/** The audit log: one row per event, whatever the event is. It reads the envelope and the recorded data leniently, so
 *  that even an event that no projection can apply is audited, in its place in the chain, with the same bytes for ever. */

import * as E from 'fp-ts/lib/Either.js'
import { sql } from 'slonik'
import { erasedBy } from '../../domain/erasure.ts'
import {
  ACCESS_PREFIX,
  isAccessStream,
  OUTSIDE_STREAM,
  parseSpaceKey,
  parseStreamName,
} from '../../domain/names.ts'
import type { RecordedEvent } from '../../domain/ports.ts'
import { type Copy, CopyRows, msOf } from '../copy.ts'
import type { Columns, Statement } from '../projection.ts'
import { EMPTY_TREE, type Tree } from '../proof/tree.ts'
import { chain, cleanText, GENESIS } from './canonical.ts'
import { written } from './written.ts'

export const AUDIT_TABLE = { name: 'presence_audit_log', key: ['position'] }
const AUDIT_COLUMNS = {
  position: 'int8',
  event_id: 'text',
  created_at: 'timestamptz',
  action: 'text',
  user_account: 'text',
  guest_id: 'text',
  target: 'text',
  space_type: 'text',
  space_id: 'text',
  subspace: 'text',
  details: 'jsonb',
  ip_address: 'text',
  user_agent: 'text',
  command_id: 'text',
  correlation_id: 'text',
  causation_id: 'text',
  stream: 'text',
  revision: 'int8',
  /** The request by which something of the event was erased. */
  erased_by: 'text',
  prev_hash: 'text',
  hash: 'text',
} as const satisfies Columns
/** How the same columns are stored where PostgreSQL computes them as they are read (the migration 1331). */
const STORED_AS = {
  event_id: ['event_uuid', 'event_text'],
  command_id: ['command_uuid', 'command_text'],
  correlation_id: ['correlation_uuid', 'correlation_text'],
  causation_id: ['causation_text'],
  stream: ['stream_text'],
  prev_hash: ['prev_hash_head', 'prev_hash_tail', 'prev_hash_text'],
  hash: ['hash_head', 'hash_tail'],
} as const
/** The columns of both forms that only say how a row is stored: rows that read the same may differ in them. */
export const STORAGE_COLUMNS: ReadonlyArray<string> = [...Object.values(STORED_AS).flat(), 'hash_text']
export const WIDE_COLUMNS = Object.keys(AUDIT_COLUMNS)
export const NARROW_COLUMNS = WIDE_COLUMNS.flatMap(
  (name) => (STORED_AS as Readonly<Record<string, ReadonlyArray<string>>>)[name] ?? [name],
)

/** Written as null: the migration left it for the rows that were there. */
export const LEFT_COLUMN = 'hash_text'

/** Whether the table stores its rows in the narrow form: one row, `is_narrow`. */
export const isNarrow = (): Statement =>
  sql.unsafe`SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(${AUDIT_TABLE.name})
    AND attname = 'hash_head' AND NOT attisdropped) AS is_narrow`

/** What is carried from one batch to the next: the last row's hash, the end of the log's tree, and whose session
 *  each live session is. */
export type AuditMemory = { hash: string; tree: Tree; readonly sessions: Map<string, string> }
/** `end`: the current end of the chain and of the tree; null before the first event. */
export const auditMemory = (end: { readonly hash: string; readonly tree: Tree } | null): AuditMemory => ({
  hash: end?.hash ?? GENESIS,
  tree: end?.tree ?? EMPTY_TREE,
  sessions: new Map(),
})

/** Indexed columns hold 255 characters, more than any name has. */
const MAX_NAME = 255
type Loose = Readonly<Record<string, unknown>>
const loose = (value: unknown): Loose => (typeof value === 'object' && value !== null ? (value as Loose) : {})
const text = (value: unknown): string | null => (typeof value === 'string' ? cleanText(value) : null)
const name = (value: unknown): string | null => {
  const found = text(value)
  return found !== null && found.length > MAX_NAME ? cleanText(found.slice(0, MAX_NAME)) : found
}
/** A day that does not exist is read as `Date` reads it. */
const time = (value: unknown, recorded: Date): number => {
  if (typeof value === 'string') {
    const exact = msOf(value)
    if (!Number.isNaN(exact)) return exact
    const ms = Date.parse(value)
    if (!Number.isNaN(ms) && (ms > 0 || TIME.test(value))) return ms
  }
  return recorded.getTime()
}
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/

const sessionOf = (event: RecordedEvent): string | null => text(loose(event.data).sessionId)

/** The sessions that these events name and that are not in memory: look them up before the fold. */
export const unknownSessions = (
  events: ReadonlyArray<RecordedEvent>,
  { sessions }: AuditMemory,
): ReadonlyArray<string> => {
  const joined = new Set<string>()
  const unknown = new Set<string>()
  for (const event of events) {
    const session = sessionOf(event)
    if (session === null) continue
    if (event.type === 'SessionJoined') joined.add(session)
    else if (!sessions.has(session) && !joined.has(session)) unknown.add(session)
  }
  return [...unknown]
}

/** The target of an event: the account, guest or message that it names, or the subject of the session that it names;
 *  null if that is the actor. */
const targetOf = (event: RecordedEvent, data: Loose, actor: string | null, { sessions }: AuditMemory) => {
  const session = sessionOf(event)
  if (session !== null) {
    if (event.type === 'SessionJoined') {
      const subject = name(data.account) ?? name(data.guest)
      if (subject !== null) sessions.set(session, subject)
      return subject === actor ? null : subject
    }
    const subject = sessions.get(session) ?? null
    return subject === actor ? null : subject
  }
  const target =
    event.type === 'MessagePosted'
      ? name(data.parentMessageId)
      : (name(data.target) ?? name(data.subject) ?? name(data.account) ?? name(data.messageId))
  return target === actor ? null : target
}

const spaceOf = (stream: string): { readonly type: string; readonly id: string } => {
  const unknown = { type: 'unknown', id: stream }
  if (isAccessStream(stream)) {
    const space = parseSpaceKey(stream.slice(ACCESS_PREFIX.length))
    return E.isRight(space) ? space.right : unknown
  }
  const named = parseStreamName(stream)
  return E.isRight(named) ? named.right.space : unknown
}

/** Events about keys and subscriptions name their space in their data; those that name none are about every space. */
const outsidePlace = ({ data }: RecordedEvent): string => {
  const { space } = loose(data)
  return `${ACCESS_PREFIX}${typeof space === 'string' ? space : 'global:*'}`
}

/** Streams repeat by the thousand, so what their names say is remembered. */
const MEMO = 10_000
type Place = { readonly type: string; readonly id: string }
const spaces = new Map<string, Place>()
const placeOf = (event: RecordedEvent): Place => {
  const { stream } = event.stream === OUTSIDE_STREAM ? { stream: outsidePlace(event) } : event
  let known = spaces.get(stream)
  if (known === undefined) {
    const { type, id } = spaceOf(stream)
    known = { type: cleanText(type), id: name(id) ?? '' }
    if (spaces.size >= MEMO) spaces.clear()
    spaces.set(stream, known)
  }
  return known
}

/** As two columns. */
const putHash = (rows: CopyRows, hash: string | null): void => {
  if (hash === null) {
    rows.null()
    rows.null()
  } else {
    rows.hex(hash.slice(0, 32))
    rows.hex(hash.slice(32))
  }
}
const HASH = /^[0-9a-f]{64}$/
/** The hash that was made last, which need not be looked at. */
let made = ''
const KINDS = { space: 's', chat: 'c', refusal: 'r' } as const
/** The letter that stands for a stream of this place, or the stream itself. */
const letterOrStream = (stream: string, { type, id }: Place): string => {
  const kind = stream.slice(0, stream.indexOf('-'))
  const letter = (KINDS as Readonly<Record<string, string>>)[kind]
  const { length } = stream
  return letter !== undefined &&
    length === kind.length + type.length + id.length + 2 &&
    stream.startsWith(type, kind.length + 1) &&
    stream[kind.length + 1 + type.length] === ':' &&
    stream.endsWith(id)
    ? letter
    : stream
}
const storedStreams = new Map<string, { readonly place: Place; readonly stored: string }>()
const storedStream = (stream: string, place: Place): string => {
  const known = storedStreams.get(stream)
  // The place of some streams is in their events.
  if (known?.place === place) return known.stored
  const stored = letterOrStream(stream, place)
  if (storedStreams.size >= MEMO) storedStreams.clear()
  storedStreams.set(stream, { place, stored })
  return stored
}

/** Writes one event's row, its columns in the order of `NARROW_COLUMNS` or `WIDE_COLUMNS`, and updates the memory's hash.
 *  Returns its leaf in hex. */
export const auditRow = (
  rows: CopyRows,
  event: RecordedEvent,
  memory: AuditMemory,
  { narrow, asPostgres = false }: { readonly narrow: boolean; readonly asPostgres?: boolean },
): string => {
  const { leaf, details } = written(event, asPostgres)
  const data = loose(event.data)
  const metadata = loose(event.metadata)
  const actor = loose(metadata.actor)
  const client = loose(metadata.client)
  const actorId = name(actor.id)
  const before = memory.hash
  memory.hash = chain(before, event.position, leaf)
  const place = placeOf(event)
  rows.row()
  rows.int8(event.position)
  const id = name(event.id) ?? ''
  if (narrow) rows.uuidOrText(id)
  else rows.text(id)
  rows.time(time(metadata.at, event.created))
  rows.text(name(event.type) ?? '')
  rows.textOrNull(actor.kind === 'account' || actor.kind === 'service' ? actorId : null)
  rows.textOrNull(actor.kind === 'guest' ? actorId : null)
  rows.textOrNull(targetOf(event, data, actorId, memory))
  rows.text(place.type)
  rows.text(place.id)
  rows.textOrNull(name(typeof data.subspace === 'string' ? data.subspace : data.to))
  rows.jsonb(details)
  rows.textOrNull(text(client.ip))
  rows.textOrNull(text(client.userAgent))
  const command = text(loose(metadata.command).id) ?? ''
  const correlation = text(metadata.$correlationId) ?? ''
  const causation = text(metadata.$causationId) ?? ''
  const stream = name(event.stream) ?? ''
  const erased = event.stored === undefined ? null : text(erasedBy(data) ?? erasedBy(metadata))
  if (narrow) {
    rows.uuidOrText(command)
    rows.uuidOrText(correlation === command ? null : correlation)
    rows.textOrNull(causation === command ? null : causation)
    rows.text(storedStream(stream, place))
    rows.int8(event.revision)
    rows.textOrNull(erased)
    // What somebody put there in place of a hash is kept as it is.
    const isHash = before === made || HASH.test(before)
    putHash(rows, isHash ? before : null)
    rows.textOrNull(isHash ? null : before)
    putHash(rows, memory.hash)
    made = memory.hash
    return leaf
  }
  rows.text(command)
  rows.text(correlation)
  rows.text(causation)
  rows.text(stream)
  rows.int8(event.revision)
  rows.textOrNull(erased)
  rows.text(before)
  rows.text(memory.hash)
  return leaf
}

/** What appends a batch's rows, and the events' leaves in hex. Sessions that left are forgotten only at its end, so
 *  that the result does not depend on how events are divided into batches. `narrow`: the form of the table (`isNarrow`). */
export const copyAudit = (
  events: ReadonlyArray<RecordedEvent>,
  memory: AuditMemory,
  narrow: boolean,
): { readonly copy: Copy; readonly leaves: ReadonlyArray<string> } => {
  const rows = new CopyRows(AUDIT_TABLE.name, narrow ? NARROW_COLUMNS : WIDE_COLUMNS, 1_200 * events.length)
  const leaves = events.map((event) => auditRow(rows, event, memory, { narrow }))
  forgetLeft(events, memory)
  return { copy: rows.finish(), leaves }
}

export const forgetLeft = (events: ReadonlyArray<RecordedEvent>, { sessions }: AuditMemory): void => {
  for (const event of events) if (event.type === 'SessionLeft') sessions.delete(sessionOf(event) ?? '')
}

/** Puts what `sessionSubjects` found into the memory. */
export const remember = (memory: AuditMemory, session: unknown, subject: unknown): void => {
  const found = name(subject)
  if (typeof session === 'string' && found !== null) memory.sessions.set(session, found)
}
