/** Exports everything that is stored about a person: rows of every table and opened events of the log, as one JSON object each. */
import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { sql } from 'slonik'
import { openSections, type Section } from '../../../adapters/motion/sections.ts'
import { connectSession, type DatabaseSession } from '../../../adapters/postgres/session.ts'
import type { Vault } from '../../../adapters/privacy/vault.ts'
import { CASE_COMMAND_NAMES } from '../../../domain/cases/commands.ts'
import { CASES_PREFIX, STREAM_PREFIXES } from '../../../domain/names.ts'
import type { EventLog, RecordedEvent } from '../../../domain/ports.ts'
import { type MotionPlace, placesIn } from '../../../domain/scene/motion/places.ts'
import { STORAGE_COLUMNS } from '../../../projections/audit/fold.ts'
import { readErrorInWords } from '../read-error.ts'
import { recordRequest } from './requests.ts'

/** The columns that say whose a table's rows are, or whom they are about. */
const TABLES: Readonly<Record<string, ReadonlyArray<string>>> = {
  presence_spaces: ['owner'],
  presence_sessions: ['user_account', 'guest_id'],
  presence_permissions: ['user_account', 'granted_by'],
  presence_bans: ['subject', 'banned_by'],
  presence_mutes: ['subject', 'muted_by'],
  presence_space_settings: ['updated_by'],
  presence_entities: ['pinned_by', 'content_by'],
  chat_messages: ['user_account', 'guest_id', 'deleted_by'],
  chat_reactions: ['subject'],
  presence_cases: ['subject'],
  presence_reports: ['reporter'],
  presence_audit_log: ['user_account', 'guest_id', 'target'],
  posts: ['author'],
  collaboration_documents: ['creator'],
  collaboration_permissions: ['user_account'],
  privacy_requests: ['subject'],
}
const PAGE = 1_000

type Fragment = ReturnType<typeof sql.fragment>
/** Which of a table's rows are given, and what of them, if that is not all: nobody is told here what they may not know. */
type Shown = {
  readonly where: (is: Fragment, isOwn: Fragment) => Fragment
  readonly row: (isOwn: Fragment) => Fragment
}
/** What a receipt says. Cases in which nothing was done, how many reported them and who took them are the moderators' to know. */
const RECEIPT = [
  'space_type',
  'space_id',
  'case_id',
  'about',
  'message_id',
  'entity_id',
  'subspace',
  'opened_position',
  'moment_space',
  'moment_chat',
  'rule',
  'reason',
  'did',
  'appeal',
  'appealed_at',
  'decided_at',
  'decision',
]
const SHOWN: Readonly<Record<string, Shown>> = {
  presence_cases: {
    where: (is) => sql.fragment`(${is}) AND t.acts > 0`,
    row: () =>
      sql.fragment`(SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(t)) WHERE key = ANY(${sql.array(RECEIPT, 'text')}))`,
  },
  presence_audit_log: {
    where: (
      is,
      isOwn,
    ) => sql.fragment`(${is}) AND NOT (t.action = 'FilterActed' AND t.details ->> 'act' = 'report')
      AND (${isOwn} OR NOT (starts_with(t.stream, ${CASES_PREFIX})
        OR t.action = 'CommandRefused' AND t.details ->> 'command' = ANY(${sql.array([...CASE_COMMAND_NAMES], 'text')})))`,
    // Other people's addresses and browsers are not given.
    row: (isOwn) =>
      sql.fragment`CASE WHEN ${isOwn} THEN to_jsonb(t) ELSE to_jsonb(t) || '{"ip_address": null, "user_agent": null}' END
        - ${sql.array([...STORAGE_COLUMNS], 'text')}`,
  },
  // Nor the words that a moderator deleted.
  chat_messages: {
    where: (is) => is,
    row: (isOwn) => sql.fragment`CASE WHEN ${isOwn} THEN to_jsonb(t) ELSE to_jsonb(t) - 'content' END`,
  },
}
const ALL: Shown = { where: (is) => is, row: () => sql.fragment`to_jsonb(t)` }

export type HeldItem =
  | { readonly kind: 'row'; readonly table: string; readonly row: unknown }
  | {
      readonly kind: 'key'
      readonly generation: number
      readonly created_at: string
      readonly erased_by: string | null
    }
  | { readonly kind: 'event'; readonly event: Readonly<Record<string, unknown>> }
  /** How they moved during some seconds, if that was kept. */
  | { readonly kind: 'motion'; readonly block: string; readonly places: ReadonlyArray<MotionPlace> }

export type PersonExportOptions = {
  /** A sealed log, which opens personal data. */
  readonly log: EventLog
  readonly databaseUrl: string
  readonly subject: string
  /** Opens their tracks; without it, no tracks are exported. */
  readonly vault?: Pick<Vault, 'opening'>
  readonly by?: string
  readonly node?: string
  readonly now?: () => number
  readonly onProgress?: (events: number) => void
}

async function* rowsOf(session: DatabaseSession, subject: string): AsyncGenerator<HeldItem> {
  for (const [table, columns] of Object.entries(TABLES)) {
    const any = columns.map((column) => sql.fragment`t.${sql.identifier([column])} = ${subject}`)
    const is = sql.fragment`${sql.join(any, sql.fragment` OR `)}`
    const isOwn = sql.fragment`(t.user_account IS NOT DISTINCT FROM ${subject} OR t.guest_id IS NOT DISTINCT FROM ${subject})`
    const { where, row: shown } = SHOWN[table] ?? ALL
    // By the rows' physical order, so that this need not know each table's key.
    await session.exec('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY')
    try {
      await session.run(
        sql.unsafe`DECLARE held CURSOR FOR SELECT ${shown(isOwn)} AS row FROM ${sql.identifier([table])} AS t WHERE ${where(is, isOwn)}`,
      )
      for (;;) {
        const rows = await session.run(sql.unsafe`FETCH 1000 FROM held`)
        for (const { row } of rows) yield { kind: 'row', table, row }
        if (rows.length < PAGE) break
      }
    } finally {
      await session.exec('ROLLBACK')
    }
  }
  const keys = await session.run(
    sql.unsafe`SELECT generation, created_at, erased_by FROM privacy_keys WHERE subject = ${subject} ORDER BY generation`,
  )
  for (const key of keys)
    yield {
      kind: 'key',
      generation: Number(key.generation),
      created_at: (key.created_at as Date).toISOString(),
      erased_by: (key.erased_by as string | null) ?? null,
    }
}

/** Their tracks in each block that is kept. */
async function* motionOf(
  session: DatabaseSession,
  subject: string,
  vault: Pick<Vault, 'opening'>,
): AsyncGenerator<HeldItem> {
  const blocks = await session.run(
    sql.unsafe`SELECT DISTINCT block FROM motion_sections WHERE subject = ${subject} AND bytes IS NOT NULL ORDER BY block`,
  )
  for (const row of blocks) {
    const block = String(row.block)
    const sections =
      await session.run(sql.unsafe`SELECT section, subject, generation, bytes, hash FROM motion_sections
      WHERE block = ${block} AND (section = 0 OR subject = ${subject}) ORDER BY section`)
    const opened = await openSections(block, sections as unknown as ReadonlyArray<Section>, vault)
    yield { kind: 'motion', block, places: placesIn(opened) }
  }
}

type Loose = Readonly<Record<string, unknown>>
const loose = (value: unknown): Loose => (typeof value === 'object' && value !== null ? (value as Loose) : {})

const isActor = ({ metadata }: RecordedEvent, subject: string): boolean =>
  loose(loose(metadata).actor).id === subject
const OF_CASES: ReadonlySet<string> = new Set(CASE_COMMAND_NAMES)
/** Without where others came from. */
const metadataFor = (event: RecordedEvent, subject: string): unknown => {
  if (isActor(event, subject)) return event.metadata
  const { client: _, ...rest } = loose(event.metadata)
  return rest
}

/** Whether they did it or it was done to them. Adds their own sessions to `sessions`. */
const concerns = (event: RecordedEvent, subject: string, sessions: Set<string>): boolean => {
  const data = loose(event.data)
  const session = typeof data.sessionId === 'string' ? data.sessionId : null
  const isBy = isActor(event, subject)
  // A reported person must not learn of it, whether people or a filter reported them.
  if (event.type === 'FilterActed' && data.act === 'report') return false
  const isRefused = event.type === 'CommandRefused'
  if (event.stream.startsWith(CASES_PREFIX) || (isRefused && OF_CASES.has(String(data.command)))) return isBy
  const named =
    isBy ||
    loose(data.by).id === subject ||
    [data.account, data.guest, data.subject, data.target].includes(subject)
  if (event.type === 'SessionJoined' && named && session !== null) sessions.add(session)
  return named || (session !== null && sessions.has(session))
}

async function* eventsOf({
  log,
  subject,
  onProgress = () => {},
}: PersonExportOptions): AsyncGenerator<HeldItem> {
  const sessions = new Set<string>()
  let after: bigint | undefined
  for (let seen = 0; ; ) {
    const read = await log.readAll({
      ...(after === undefined ? {} : { after }),
      limit: PAGE,
      prefixes: STREAM_PREFIXES,
    })()
    if (E.isLeft(read)) throw new Error(readErrorInWords(read.left))
    for (const recorded of read.right) {
      if (!concerns(recorded, subject, sessions)) continue
      const { id, type, stream, revision, position, created, data } = recorded
      const event = {
        position: String(position),
        stream,
        revision: String(revision),
        id,
        type,
        created: created.toISOString(),
        data,
        metadata: metadataFor(recorded, subject),
      }
      yield { kind: 'event', event }
    }
    seen += read.right.length
    onProgress(seen)
    const last = read.right.at(-1)
    if (last === undefined) return
    after = last.position
  }
}

/** The request is on the log before the first line is returned. */
export async function* exportPerson(options: PersonExportOptions): AsyncGenerator<HeldItem> {
  const { log, databaseUrl, subject, by = 'cli', node = 'cli', now = Date.now } = options
  const at = new Date(now()).toISOString()
  const request = { requestId: randomUUID(), subject, generation: 0, reason: null, requestedBy: by, at }
  await recordRequest(log, 'ExportRequested', request, node)
  const session = await connectSession(databaseUrl, 'presence privacy')
  try {
    yield* rowsOf(session, subject)
    if (options.vault !== undefined) yield* motionOf(session, subject, options.vault)
  } finally {
    await session.close()
  }
  yield* eventsOf(options)
}
