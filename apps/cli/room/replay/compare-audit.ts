/** Compares the audit log, entry by entry, with what the file implies. */
import type { ExpectedEntry, ExpectedRoom } from './expect.ts'
import type { Journal } from './journal.ts'
import type { ReadAuditRow } from './reading.ts'

/** What the audit log should hold, and who reads it. */
type Implied = { readonly expected: ExpectedRoom; readonly journal: Journal; readonly owner: string }
type Differ = (table: string, what: string) => void
type Rows = ReadonlyArray<ReadAuditRow>

const detailOf = (row: ReadAuditRow): string | null => {
  const text = (name: string) =>
    typeof row.details[name] === 'string' ? (row.details[name] as string) : null
  switch (row.action) {
    case 'SessionLeft':
    case 'CommandRefused':
      return text('reason')
    case 'PermissionGranted':
    case 'PermissionRevoked':
      return text('permission')
    case 'MessagePosted':
      return text('content')
    default:
      return null
  }
}

const sessionOf = (row: ReadAuditRow): string => String(row.details.sessionId ?? '')

/** The account of each session, by its id. */
const accountsIn = (rows: Rows): ReadonlyMap<string, string> =>
  new Map(
    rows
      .filter((row) => row.action === 'SessionJoined')
      .map((row) => [sessionOf(row), row.user_account ?? '']),
  )

/** Checks that each event is there once, and that no event of a stream is missing. */
const compareOrder = (rows: Rows, differ: Differ): void => {
  const ids = new Set<string>()
  const revisions = new Map<string, bigint>()
  for (const row of rows) {
    if (ids.has(row.event_id)) differ('audit', `event ${row.event_id} is there twice`)
    ids.add(row.event_id)
    const last = revisions.get(row.stream) ?? -1n
    if (BigInt(row.revision) !== last + 1n)
      differ('audit', `${row.stream} goes from revision ${last} to ${row.revision}`)
    revisions.set(row.stream, BigInt(row.revision))
  }
}

/** Whether an entry that the file does not imply is right all the same. */
const isExtra = (
  row: ReadAuditRow,
  { journal, owner }: Implied,
  accountOf: ReadonlyMap<string, string>,
): boolean => {
  if (['SpaceOpened', 'SettingsChanged', 'EntryGranted', 'SeatExpired', 'AuditRead'].includes(row.action))
    return true
  // The replay is faster than the real people were: commands that had to wait were sent again, and are compared as such.
  if (row.action === 'CommandRefused' && row.details.reason === 'slow_down') return journal.slowDowns > 0
  if (row.action === 'SessionJoined' || row.action === 'SessionLeft') {
    if (journal.own.has(sessionOf(row)) && accountOf.get(sessionOf(row)) === owner) return true
    // After an interruption everybody's session ends and begins again: only the file's own comings and goings count.
    if (journal.interruptions > 0) return true
  }
  return false
}

const entryOf = (row: ReadAuditRow, accountOf: ReadonlyMap<string, string>): ExpectedEntry => {
  const left = row.action === 'SessionLeft'
  const who = left ? (accountOf.get(sessionOf(row)) ?? '') : null
  const kicked = left && row.details.reason === 'kicked'
  return {
    seq: -1,
    action: row.action,
    actor: left && !kicked ? who! : (row.user_account ?? ''),
    target: left ? (kicked ? who : null) : row.target,
    detail: detailOf(row),
  }
}

const isSame = (a: ExpectedEntry, b: ExpectedEntry): boolean =>
  a.action === b.action &&
  a.actor === b.actor &&
  a.detail === b.detail &&
  (['SessionJoined', 'MessagePosted'].includes(a.action) || a.target === b.target)

const inWords = (entry: ExpectedEntry | undefined): string =>
  entry
    ? `${entry.action} by ${entry.actor}${entry.target ? ` on ${entry.target}` : ''} (${entry.detail})`
    : 'nothing'

const compareEntries = (rows: Rows, implied: Implied, differ: Differ): void => {
  const { expected, journal } = implied
  const accountOf = accountsIn(rows)
  const got = rows.filter((row) => !isExtra(row, implied, accountOf)).map((row) => entryOf(row, accountOf))
  const wanted = expected.audit.filter(
    ({ action }) => journal.interruptions === 0 || (action !== 'SessionJoined' && action !== 'SessionLeft'),
  )
  for (let index = 0; index < Math.max(wanted.length, got.length); index++) {
    const want = wanted[index]
    const have = got[index]
    if (want && have && isSame(want, have)) continue
    const where = `entry ${index + 1}${want ? `, line ${want.seq},` : ''}`
    differ('audit', `${where} should be ${inWords(want)} and is ${inWords(have)}`)
    if (want && have && index > 50) break
  }
}

/** After an interruption, checks that every acknowledged session is on the log: joined once, and left once unless its
 *  account is present. */
const compareSessions = (rows: Rows, { expected, journal, owner }: Implied, differ: Differ): void => {
  const accountOf = accountsIn(rows)
  const joins = new Map<string, number>()
  const leaves = new Map<string, number>()
  for (const row of rows) {
    if (row.action === 'SessionJoined') joins.set(sessionOf(row), (joins.get(sessionOf(row)) ?? 0) + 1)
    if (row.action === 'SessionLeft') leaves.set(sessionOf(row), (leaves.get(sessionOf(row)) ?? 0) + 1)
  }
  for (const id of [...new Set(journal.sessions.values()), ...journal.own])
    if (joins.get(id) !== 1)
      differ('audit', `session ${id} was acknowledged and joined ${joins.get(id) ?? 0} times`)
  for (const [id, count] of joins) if (count > 1) differ('audit', `session ${id} joined ${count} times`)
  for (const [id, count] of leaves) if (count > 1) differ('audit', `session ${id} left ${count} times`)
  const still = [...joins.keys()].filter((id) => !leaves.has(id) && accountOf.get(id) !== owner)
  if (still.length !== expected.present.size)
    differ(
      'audit',
      `${still.length} sessions joined and never left; ${expected.present.size} should be present`,
    )
}

export const compareAudit = (rows: Rows, implied: Implied, differ: Differ): void => {
  compareOrder(rows, differ)
  compareEntries(rows, implied, differ)
  if (implied.journal.interruptions > 0) compareSessions(rows, implied, differ)
}
