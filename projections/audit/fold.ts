/** The audit log: one row an event, whatever it is. It reads the envelope and the recorded data leniently, so that an
 *  event which no projection can apply is still audited, in its place in the chain, with the same bytes for ever. */

import * as E from 'fp-ts/lib/Either.js'
import { sql } from 'slonik'
import { erasedBy } from '../../domain/erasure.ts'
import { ACCESS_PREFIX, isAccessStream, parseSpaceKey, parseStreamName } from '../../domain/names.ts'
import type { RecordedEvent } from '../../domain/ports.ts'
import { type Copy, copyJson, copyText } from '../copy.ts'
import { type Columns, names, recordsetOf, type Statement } from '../projection.ts'
import { type Edge, EMPTY_EDGE } from '../proof/merkle.ts'
import { canonicalJson, chain, cleanText, GENESIS, leafOf } from './canonical.ts'

export const AUDIT_TABLE = { name: 'presence_audit_log', key: ['position'] }
export const AUDIT_COLUMNS = {
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
const COLUMN_NAMES = Object.keys(AUDIT_COLUMNS)

/** What goes from one batch to the next: the last row's hash, the right edge of the log's tree, and who each live
 *  session is. */
export type AuditMemory = { hash: string; edge: Edge; readonly sessions: Map<string, string> }
/** `end`: where the chain and the tree stand; null for before the first event. */
export const auditMemory = (end: { readonly hash: string; readonly edge: Edge } | null): AuditMemory => ({
  hash: end?.hash ?? GENESIS,
  edge: end?.edge ?? EMPTY_EDGE,
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
const json = (value: string | null): string => (value === null ? 'null' : JSON.stringify(value))
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/
const time = (value: unknown, recorded: Date): string => {
  if (typeof value === 'string') {
    if (TIME.test(value) && !Number.isNaN(Date.parse(value))) return value
    const ms = Date.parse(value)
    if (!Number.isNaN(ms) && ms > 0) return new Date(ms).toISOString()
  }
  return recorded.toISOString()
}

const sessionOf = (event: RecordedEvent): string | null => text(loose(event.data).sessionId)

/** The sessions that these events name and that nobody here knows: look them up before the fold. */
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

/** Whom it was done to: the account, guest or message that it names, or whose session it names; null where that is
 *  who acted. */
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

/** A row's columns in the order of `AUDIT_COLUMNS`, each as JSON text. */
export type AuditLine = ReadonlyArray<string>

const spaceOf = (stream: string): { readonly type: string; readonly id: string } => {
  const unknown = { type: 'unknown', id: stream }
  if (isAccessStream(stream)) {
    const space = parseSpaceKey(stream.slice(ACCESS_PREFIX.length))
    return E.isRight(space) ? space.right : unknown
  }
  const named = parseStreamName(stream)
  return E.isRight(named) ? named.right.space : unknown
}

/** One event's row. Moves the memory's hash on. */
export const auditRow = (
  event: RecordedEvent,
  memory: AuditMemory,
  leaf: Uint8Array = leafOf(event),
): AuditLine => {
  const data = loose(event.data)
  const metadata = loose(event.metadata)
  const actor = loose(metadata.actor)
  const client = loose(metadata.client)
  const actorId = name(actor.id)
  const space = spaceOf(event.stream)
  const columns = [
    `"${event.position}"`,
    json(name(event.id)),
    json(time(metadata.at, event.created)),
    json(name(event.type)),
    json(actor.kind === 'account' ? actorId : null),
    json(actor.kind === 'guest' ? actorId : null),
    json(targetOf(event, data, actorId, memory)),
    json(space.type),
    json(name(space.id)),
    json(name(data.subspace) ?? name(data.to)),
    canonicalJson(event.data ?? null),
    json(text(client.ip)),
    json(text(client.userAgent)),
    json(text(loose(metadata.command).id) ?? ''),
    json(text(metadata.$correlationId) ?? ''),
    json(text(metadata.$causationId) ?? ''),
    json(name(event.stream)),
    `"${event.revision}"`,
    json(event.stored === undefined ? null : (erasedBy(data) ?? erasedBy(metadata))),
  ]
  const before = memory.hash
  memory.hash = chain(before, event.position, leaf)
  columns.push(`"${before}"`, `"${memory.hash}"`)
  return columns
}

/** A batch's rows. Sessions that left are forgotten at its end, so that how events fall into batches changes nothing. */
export const auditRows = (
  events: ReadonlyArray<RecordedEvent>,
  memory: AuditMemory,
  leaves: ReadonlyArray<Uint8Array> = events.map(leafOf),
): ReadonlyArray<AuditLine> => {
  const rows = events.map((event, i) => auditRow(event, memory, leaves[i]))
  for (const event of events) if (event.type === 'SessionLeft') memory.sessions.delete(sessionOf(event) ?? '')
  return rows
}

/** What `sessionSubjects` found, as the memory has it. */
export const remember = (memory: AuditMemory, session: unknown, subject: unknown): void => {
  const found = name(subject)
  if (typeof session === 'string' && found !== null) memory.sessions.set(session, found)
}

const asObject = (line: AuditLine): string => {
  let row = ''
  for (let i = 0; i < line.length; i += 1) row += `${i === 0 ? '{' : ','}"${COLUMN_NAMES[i]}":${line[i]}`
  return `${row}}`
}

/** The statement that appends the rows. */
export const writeAudit = (rows: ReadonlyArray<AuditLine>): Statement =>
  sql.unsafe`INSERT INTO presence_audit_log (${names(COLUMN_NAMES)})
    SELECT ${names(COLUMN_NAMES, 'r')} FROM ${recordsetOf(`[${rows.map(asObject).join(',')}]`, AUDIT_COLUMNS)}`

const DETAILS = COLUMN_NAMES.indexOf('details')

/** The same for many rows at once. */
export const copyAudit = (rows: ReadonlyArray<AuditLine>): Copy => {
  let data = ''
  for (const line of rows)
    for (let i = 0; i < line.length; i += 1) {
      const value = i === DETAILS ? copyText(line[i]!) : copyJson(line[i]!)
      data += value + (i === line.length - 1 ? '\n' : '\t')
    }
  return { into: `presence_audit_log (${COLUMN_NAMES.join(', ')})`, data }
}
