/** The row with the state of following: the follower writes it, health reads it. */
import type pg from 'pg'

/** `asking`: DLUX's API and Hive are asked, because there is no primary. */
export type FollowWay = 'replication' | 'polling' | 'asking' | 'none'
export type FollowState = 'connecting' | 'copying' | 'following' | 'waiting'

/** What the follower needs to continue where it was. */
export type Bookmark = {
  readonly primaryId: string | null
  readonly slot: string | null
  readonly appliedLsn: string | null
  readonly copied: boolean
  readonly marks: Readonly<Record<string, string>>
  readonly sweptAt: Date | null
}

export const readBookmark = async (client: pg.Client): Promise<Bookmark> => {
  await client.query('INSERT INTO content_follow DEFAULT VALUES ON CONFLICT DO NOTHING')
  const { rows } = await client.query<Bookmark>(
    `SELECT primary_id AS "primaryId", slot, applied_lsn::text AS "appliedLsn", copied, marks, swept_at AS "sweptAt"
     FROM content_follow`,
  )
  return rows[0]!
}

const COLUMNS = {
  way: 'way',
  state: 'state',
  reason: 'reason',
  primaryId: 'primary_id',
  slot: 'slot',
  appliedLsn: 'applied_lsn',
  copied: 'copied',
  marks: 'marks',
  sweptAt: 'swept_at',
  heardAt: 'heard_at',
  lagMs: 'lag_ms',
  lastError: 'last_error',
  failedAt: 'failed_at',
} as const
export type Noted = Readonly<
  Partial<Record<keyof typeof COLUMNS, string | number | boolean | Date | null | object>>
>

/** Writes the given fields, and that the follower is alive. `taken` is added to the counts. */
export const note = async (
  client: pg.Client,
  noted: Noted,
  taken: { readonly changed: number; readonly skipped: ReadonlyArray<string> } = { changed: 0, skipped: [] },
): Promise<void> => {
  const values: unknown[] = []
  const sets = Object.entries(noted).map(([name, value]) => {
    values.push(name === 'marks' ? JSON.stringify(value) : value)
    return `${COLUMNS[name as keyof typeof COLUMNS]} = $${values.length}`
  })
  if (taken.changed > 0) {
    values.push(taken.changed)
    sets.push(`rows_applied = rows_applied + $${values.length}`, 'changed_at = now()')
  }
  if (taken.skipped.length > 0) {
    values.push(taken.skipped.length, taken.skipped.at(-1)?.slice(0, 500))
    sets.push(`rows_skipped = rows_skipped + $${values.length - 1}`, `last_skipped = $${values.length}`)
  }
  await client.query(`UPDATE content_follow SET ${['seen_at = now()', ...sets].join(', ')}`, values)
}

/** The state in the form that health shows. Times are milliseconds ago; null means never. */
export type FollowHealth = {
  readonly way: FollowWay
  readonly state: FollowState
  readonly reason: string | null
  readonly seenMs: number | null
  readonly heardMs: number | null
  readonly changedMs: number | null
  readonly lagMs: number
  readonly rowsApplied: number
  readonly rowsSkipped: number
  readonly lastSkipped: string | null
  readonly lastError: string | null
}

const AGO = (column: string) => `(extract(epoch FROM now() - ${column}) * 1000)::float8`
const FOLLOWING_SQL = `SELECT way, state, reason, ${AGO('seen_at')} AS "seenMs", ${AGO('heard_at')} AS "heardMs",
    ${AGO('changed_at')} AS "changedMs", lag_ms AS "lagMs", rows_applied::float8 AS "rowsApplied",
    rows_skipped::float8 AS "rowsSkipped", last_skipped AS "lastSkipped", last_error AS "lastError"
  FROM content_follow`

/** Null if nobody ever followed. Throws Postgres' errors. */
export const readFollowing = async (client: Pick<pg.Pool, 'query'>): Promise<FollowHealth | null> => {
  const { rows } = await client.query<FollowHealth>(FOLLOWING_SQL)
  return rows[0] ?? null
}
