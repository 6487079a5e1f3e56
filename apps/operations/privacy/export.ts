/** Exports everything that is stored about a person: rows of every table and opened events of the log, as one JSON object each. */
import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { sql } from 'slonik'
import { openSections, type Section } from '../../../adapters/motion/sections.ts'
import { connectSession, type DatabaseSession } from '../../../adapters/postgres/session.ts'
import type { Vault } from '../../../adapters/privacy/vault.ts'
import { CASES_PREFIX, STREAM_PREFIXES } from '../../../domain/names.ts'
import type { EventLog, RecordedEvent } from '../../../domain/ports.ts'
import { type MotionPlace, placesIn } from '../../../domain/scene/motion/places.ts'
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
  presence_cases: ['subject', 'taken_by', 'acted_by', 'closed_by', 'decided_by'],
  presence_reports: ['reporter'],
  presence_audit_log: ['user_account', 'guest_id', 'target'],
  posts: ['author'],
  collaboration_documents: ['creator'],
  collaboration_permissions: ['user_account'],
  privacy_requests: ['subject'],
}
const PAGE = 1_000

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
    const is = sql.join(
      columns.map((column) => sql.fragment`t.${sql.identifier([column])} = ${subject}`),
      sql.fragment` OR `,
    )
    // A reported person must not learn who reported them.
    const shown =
      table === 'presence_audit_log'
        ? sql.fragment`(${is}) AND NOT (starts_with(t.stream, ${CASES_PREFIX}) AND t.target = ${subject}
            AND t.user_account IS DISTINCT FROM ${subject} AND t.guest_id IS DISTINCT FROM ${subject})`
        : is
    // By the rows' physical order, so that this need not know each table's key.
    await session.exec('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY')
    try {
      await session.run(
        sql.unsafe`DECLARE held CURSOR FOR SELECT to_jsonb(t) AS row FROM ${sql.identifier([table])} AS t WHERE ${shown}`,
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

/** Whether they did it or it was done to them. Adds their own sessions to `sessions`. */
const concerns = (event: RecordedEvent, subject: string, sessions: Set<string>): boolean => {
  const data = loose(event.data)
  const session = typeof data.sessionId === 'string' ? data.sessionId : null
  const isBy = loose(loose(event.metadata).actor).id === subject
  if (event.stream.startsWith(CASES_PREFIX)) return isBy
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
      const { id, type, stream, revision, position, created, data, metadata } = recorded
      const event = {
        position: String(position),
        stream,
        revision: String(revision),
        id,
        type,
        created: created.toISOString(),
        data,
        metadata,
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
