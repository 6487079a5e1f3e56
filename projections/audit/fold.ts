/** The audit log: one row an event, whatever it is. It reads the envelope and the recorded data leniently, so that an
 *  event which no projection can apply is still audited, in its place in the chain, with the same bytes for ever. */

import * as E from 'fp-ts/lib/Either.js'
import { erasedBy } from '../../domain/erasure.ts'
import { ACCESS_PREFIX, isAccessStream, parseSpaceKey, parseStreamName } from '../../domain/names.ts'
import type { RecordedEvent } from '../../domain/ports.ts'
import { type Copy, copyText } from '../copy.ts'
import type { Columns } from '../projection.ts'
import { type Edge, EMPTY_EDGE } from '../proof/merkle.ts'
import { chain, cleanText, GENESIS, type Written } from './canonical.ts'

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
/** Texts that COPY takes as they are: most, and asking is cheaper than looking for each that it does not. */
const PLAIN = /^[ -[\]-~]*$/
const copied = (value: unknown): string =>
  typeof value !== 'string' ? '\\N' : PLAIN.test(value) ? value : copyText(cleanText(value))
const copiedOrNothing = (value: unknown): string => (typeof value === 'string' ? copied(value) : '')
const copiedName = (value: unknown): string =>
  typeof value === 'string' && value.length > MAX_NAME ? copied(name(value)) : copied(value)
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

/** A row as COPY takes it, its columns in the order of `AUDIT_COLUMNS`. */
export type AuditLine = string

const spaceOf = (stream: string): { readonly type: string; readonly id: string } => {
  const unknown = { type: 'unknown', id: stream }
  if (isAccessStream(stream)) {
    const space = parseSpaceKey(stream.slice(ACCESS_PREFIX.length))
    return E.isRight(space) ? space.right : unknown
  }
  const named = parseStreamName(stream)
  return E.isRight(named) ? named.right.space : unknown
}

/** `space_type` and `space_id` as COPY takes them. Streams repeat by the thousand, so what they say is remembered. */
const MEMO = 10_000
const spaces = new Map<string, string>()
const copiedSpace = (stream: string): string => {
  let known = spaces.get(stream)
  if (known === undefined) {
    const { type, id } = spaceOf(stream)
    known = `${copied(type)}\t${copiedName(id)}`
    if (spaces.size >= MEMO) spaces.clear()
    spaces.set(stream, known)
  }
  return known
}

/** One event's row. Moves the memory's hash on. `written`: its leaf and its data, as `written` gives them. */
const auditRow = (event: RecordedEvent, memory: AuditMemory, { leaf, details }: Written): AuditLine => {
  const data = loose(event.data)
  const metadata = loose(event.metadata)
  const actor = loose(metadata.actor)
  const client = loose(metadata.client)
  const actorId = name(actor.id)
  const before = memory.hash
  memory.hash = chain(before, event.position, leaf)
  const columns = [
    event.position,
    copiedName(event.id),
    time(metadata.at, event.created),
    copiedName(event.type),
    copied(actor.kind === 'account' ? actorId : null),
    copied(actor.kind === 'guest' ? actorId : null),
    copied(targetOf(event, data, actorId, memory)),
    copiedSpace(event.stream),
    copiedName(typeof data.subspace === 'string' ? data.subspace : data.to),
    copyText(details),
    copied(client.ip),
    copied(client.userAgent),
    copiedOrNothing(loose(metadata.command).id),
    copiedOrNothing(metadata.$correlationId),
    copiedOrNothing(metadata.$causationId),
    copiedName(event.stream),
    event.revision,
    copied(event.stored === undefined ? null : (erasedBy(data) ?? erasedBy(metadata))),
    before,
    memory.hash,
  ]
  return `${columns.join('\t')}\n`
}

/** A batch's rows. Sessions that left are forgotten at its end, so that how events fall into batches changes nothing. */
export const auditRows = (
  events: ReadonlyArray<RecordedEvent>,
  memory: AuditMemory,
  writtens: ReadonlyArray<Written>,
): ReadonlyArray<AuditLine> => {
  const rows = events.map((event, i) => auditRow(event, memory, writtens[i]!))
  for (const event of events) if (event.type === 'SessionLeft') memory.sessions.delete(sessionOf(event) ?? '')
  return rows
}

/** What `sessionSubjects` found, as the memory has it. */
export const remember = (memory: AuditMemory, session: unknown, subject: unknown): void => {
  const found = name(subject)
  if (typeof session === 'string' && found !== null) memory.sessions.set(session, found)
}

/** What appends the rows. */
export const copyAudit = (rows: ReadonlyArray<AuditLine>): Copy => ({
  into: `presence_audit_log (${COLUMN_NAMES.join(', ')})`,
  data: rows.join(''),
})
