/** Erases a person: destroys their keys and, in the same transaction, removes their data from every table, so that the
 *  tables are what a rebuild makes from the log, on which the data can't be opened any more. */
import { randomUUID } from 'node:crypto'
import { sql } from 'slonik'
import { LOCKS } from '../../../adapters/postgres/locks.ts'
import { connectSession, type DatabaseSession } from '../../../adapters/postgres/session.ts'
import { setLock, tryLock } from '../../../adapters/postgres/take-lock.ts'
import { ERASED_CHANNEL } from '../../../adapters/privacy/postgres-vault.ts'
import { PERSONAL } from '../../../adapters/privacy/seal.ts'
import type { EventLog } from '../../../domain/ports.ts'
import { CHECKPOINT } from '../../../projections/checkpoint.ts'
import { type ErasureRequest, erasureRequests, recordRequest, signed } from './requests.ts'

export type EraseOptions = {
  /** The log itself or a sealed one, since the request has nothing to seal. */
  readonly log: EventLog
  readonly databaseUrl: string
  /** An account or a guest. */
  readonly subject: string
  readonly reason?: string | null
  /** Who carries it out, for the record. */
  readonly by?: string
  readonly node?: string
  readonly now?: () => number
  /** Rewrites the tables afterwards, so that no old row is left in their files; they can't be read meanwhile. */
  readonly compact?: boolean
  /** Called if it must wait for a rebuild or a verification. */
  readonly onWait?: () => void
  /** Asked once it waits for nothing any more: if false, nothing is recorded or erased, and it throws `HeldUp`. */
  readonly mayErase?: () => boolean
  /** False if the caller vacuums the tables later (`tidyTables`), for several erasures at once. */
  readonly tidies?: boolean
  /** PRIVACY_MASTER_KEY, with which the request is signed, so that `reapply` recognises it as one that was made here. */
  readonly masterKey?: string
}
/** Something came up while the erasure waited, so nothing was erased. */
export class HeldUp extends Error {
  override readonly name = 'HeldUp'
}
export type Erasure = {
  readonly requestId: string
  /** False if there was nothing to erase: no key of theirs was ever made, or it is destroyed already. */
  readonly erased: boolean
  readonly messages: number
  readonly auditRows: number
  readonly sessions: number
  readonly parkedEvents: number
  /** Whether the tables still hold something, which only a rebuild corrects. Never set for a first request. */
  readonly needsRebuild?: boolean
}

/** Tables that contain personal data. */
const HOLDING = [
  'chat_messages',
  'presence_audit_log',
  'presence_sessions',
  'parked_events',
  'privacy_keys',
  'motion_sections',
]

const counted = async (session: DatabaseSession, statement: ReturnType<typeof sql.unsafe>): Promise<number> =>
  (await session.run(statement)).length

/** A parked event as it is read from the log now: its sealed parts are blank, with the request by which they were erased. */
const parkedWithout = async (
  session: DatabaseSession,
  subject: string,
  requestId: string,
): Promise<number> => {
  const rows = await session.run(
    sql.unsafe`SELECT position, type, data, metadata FROM parked_events WHERE metadata LIKE ${`%${JSON.stringify(subject)}%`}`,
  )
  let changed = 0
  for (const row of rows) {
    const data = JSON.parse(String(row.data))
    const metadata = JSON.parse(String(row.metadata))
    const actor = metadata?.actor
    if (actor?.id !== subject || actor?.kind === 'system') continue
    const personal = PERSONAL[String(row.type)]
    const inData =
      personal !== undefined &&
      data?.[personal.field] !== undefined &&
      data[personal.field] !== personal.blank
    if (!inData && metadata.client === undefined) continue
    const { client, ...rest } = metadata
    const newData = inData ? { ...data, [personal.field]: personal.blank, erased: requestId } : data
    const newMetadata = { ...rest, erased: requestId }
    await session.run(sql.unsafe`UPDATE parked_events SET data = ${JSON.stringify(newData)},
      metadata = ${JSON.stringify(newMetadata)} WHERE position = ${String(row.position)}::int8`)
    changed += 1
  }
  return changed
}

/** Does everything in one transaction. If there is something to erase, the writer of the tables waits, then starts over: what it
 *  had opened is void. */
const destroy = async (
  session: DatabaseSession,
  request: ErasureRequest,
): Promise<Omit<Erasure, 'requestId'>> =>
  session.transaction(async () => {
    const { subject, requestId, generation } = request
    const there = await counted(
      session,
      sql.unsafe`SELECT 1 FROM privacy_keys
        WHERE subject = ${subject} AND generation <= ${generation}::int4 AND erased_by IS NULL LIMIT 1`,
    )
    // Strangers can ask for any number of erasures of nothing: those make the writer of the tables start over for nothing.
    if (there > 0)
      await session.run(
        sql.unsafe`UPDATE projection_checkpoints SET epoch = epoch + 1 WHERE name = ${CHECKPOINT}`,
      )
    const keys = await counted(
      session,
      sql.unsafe`UPDATE privacy_keys SET wrapped = NULL, erased_by = ${requestId}, erased_at = ${request.at}::timestamptz
        WHERE subject = ${subject} AND generation <= ${generation}::int4 AND erased_by IS NULL RETURNING subject`,
    )
    await session.run(sql.unsafe`INSERT INTO privacy_requests
        (request_id, kind, subject, generation, reason, requested_by, requested_at)
      VALUES (${requestId}, 'erasure', ${subject}, ${generation}::int4, ${request.reason}, ${request.requestedBy},
        ${request.at}::timestamptz)
      ON CONFLICT (request_id) DO UPDATE SET completed_at = now()`)
    const none = { erased: keys > 0, messages: 0, auditRows: 0, sessions: 0, parkedEvents: 0 }
    if (keys === 0) return none
    await session.run(
      sql.unsafe`UPDATE motion_sections SET bytes = NULL
        WHERE subject = ${subject} AND generation <= ${generation}::int4 AND bytes IS NOT NULL`,
    )
    // There is a later key: which rows were under which key can't be told, and only a rebuild corrects them.
    const later = await counted(
      session,
      sql.unsafe`SELECT 1 FROM privacy_keys WHERE subject = ${subject} AND generation > ${generation}::int4`,
    )
    if (later > 0) {
      await session.run(sql.unsafe`SELECT pg_notify(${ERASED_CHANNEL}, ${subject})`)
      return { ...none, needsRebuild: true }
    }
    const messages = await counted(
      session,
      sql.unsafe`UPDATE chat_messages SET content = '', erased_by = ${requestId}
        WHERE (user_account = ${subject} OR guest_id = ${subject}) AND erased_by IS NULL RETURNING 1`,
    )
    const held = sql.join(
      Object.entries(PERSONAL).map(
        ([type, { field, blank }]) =>
          sql.fragment`(action = ${type} AND details -> ${field}::text <> ${JSON.stringify(blank)}::jsonb)`,
      ),
      sql.fragment` OR `,
    )
    const blanked = sql.join(
      Object.entries(PERSONAL).map(
        ([type, { field, blank }]) =>
          sql.fragment`WHEN action = ${type} AND details -> ${field}::text <> ${JSON.stringify(blank)}::jsonb
            THEN details || jsonb_build_object(${field}::text, ${JSON.stringify(blank)}::jsonb, 'erased', ${requestId}::text)`,
      ),
      sql.fragment` `,
    )
    const auditRows = await counted(
      session,
      sql.unsafe`UPDATE presence_audit_log SET ip_address = NULL, user_agent = NULL, erased_by = ${requestId},
          details = CASE ${blanked} ELSE details END
        WHERE (user_account = ${subject} OR guest_id = ${subject}) AND erased_by IS NULL
          AND (ip_address IS NOT NULL OR user_agent IS NOT NULL OR ${held}) RETURNING 1`,
    )
    const sessions = await counted(
      session,
      sql.unsafe`UPDATE presence_sessions SET avatar_data = NULL
        WHERE (user_account = ${subject} OR guest_id = ${subject}) AND avatar_data IS NOT NULL RETURNING 1`,
    )
    await session.run(
      sql.unsafe`UPDATE presence_entities SET components = '{}' WHERE content_by = ${subject} AND components <> '{}'`,
    )
    const parkedEvents = await parkedWithout(session, subject, requestId)
    await session.run(sql.unsafe`SELECT pg_notify(${ERASED_CHANNEL}, ${subject})`)
    return { erased: true, messages, auditRows, sessions, parkedEvents }
  })

const withSession = async <T>(
  databaseUrl: string,
  onWait: () => void,
  work: (session: DatabaseSession) => Promise<T>,
): Promise<T> => {
  const session = await connectSession(databaseUrl, 'presence privacy', { isOwn: true })
  try {
    // A running rebuild has keys in its memory: we wait for it, and the next one waits for us.
    const [lock] = await session.run(tryLock(LOCKS.rebuilding))
    if (lock?.got !== true) {
      onWait()
      await session.run(setLock(LOCKS.rebuilding))
    }
    return await work(session)
  } finally {
    await session.close()
  }
}

const tidy = async (session: DatabaseSession, compact: boolean): Promise<void> => {
  // Not every role may do this: then it happens later by itself.
  const ifAllowed = (text: string) => session.exec(text).catch(() => {})
  for (const table of HOLDING)
    await session.exec(`VACUUM ${compact ? '(FULL, ANALYZE)' : '(ANALYZE)'} ${table}`)
  if (!compact) return
  // The write-ahead log has the data, too, until it moves on to new files.
  await ifAllowed('SELECT pg_switch_wal()')
  await ifAllowed('CHECKPOINT')
}

/** Vacuums the tables that erasures have changed. */
export const tidyTables = (databaseUrl: string): Promise<void> =>
  withSession(
    databaseUrl,
    () => {},
    (session) => tidy(session, false),
  )

/** The request is put on the log first, so that there is no erasure without a request. If this is interrupted after
 *  that, nothing is erased yet: `reapply` or a second request does it. */
export const erase = ({
  log,
  databaseUrl,
  subject,
  reason = null,
  by = 'cli',
  node = 'cli',
  now = Date.now,
  compact = false,
  onWait = () => {},
  mayErase = () => true,
  tidies = true,
  masterKey,
}: EraseOptions): Promise<Erasure> =>
  withSession(databaseUrl, onWait, async (session) => {
    if (!mayErase()) throw new HeldUp('It was held up while it waited.')
    const [key] = await session.run(
      sql.unsafe`SELECT max(generation) AS generation FROM privacy_keys WHERE subject = ${subject}`,
    )
    const asked: ErasureRequest = {
      requestId: randomUUID(),
      subject,
      generation: Number(key?.generation ?? 0),
      reason,
      requestedBy: by,
      at: new Date(now()).toISOString(),
    }
    const request = masterKey === undefined ? asked : signed(asked, masterKey)
    await recordRequest(log, 'ErasureRequested', request, node)
    const done = await destroy(session, request)
    if (tidies) await tidy(session, compact)
    return { requestId: request.requestId, ...done }
  })

export type Reapplied = {
  /** Whether a request on the log was made here. A forged one must erase nobody. */
  readonly isOurs: (request: ErasureRequest) => boolean
  readonly onRefused?: (request: ErasureRequest) => void
}

/** Carries out again every request on the log: after Postgres was restored from a backup that still had the keys. */
export const reapply: (
  log: EventLog,
  databaseUrl: string,
  onWait: () => void,
  how: Reapplied,
) => Promise<ReadonlyArray<Erasure>> = (
  log,
  databaseUrl,
  onWait,
  // A caller who gets around the type erases nobody.
  { isOurs, onRefused = () => {} } = { isOurs: () => false },
) =>
  withSession(databaseUrl, onWait, async (session) => {
    const done: Erasure[] = []
    for (const request of await erasureRequests(log)) {
      if (!isOurs(request)) {
        onRefused(request)
        continue
      }
      const erasure = await destroy(session, request)
      if (erasure.erased) done.push({ requestId: request.requestId, ...erasure })
    }
    if (done.length > 0) await tidy(session, false)
    return done
  })
