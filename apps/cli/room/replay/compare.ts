/** What the server's tables say, over REST as any reader gets it, against what the file implies. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Expected, ExpectedEntry } from './expect.ts'
import type { Person } from './people.ts'
import type { Journal, Target, Watch } from './perform.ts'

export type RoomDifference = { readonly table: string; readonly what: string }
export type ComparedRoom = {
  readonly counts: Readonly<Record<string, number>>
  readonly differences: ReadonlyArray<RoomDifference>
}

const LEASE_PATIENCE_MS = 60_000
/** How long a read is asked again where a part is not there, or not caught up. */
const READ_PATIENCE_MS = 60_000

type AuditRow = {
  position: string
  event_id: string
  action: string
  user_account: string | null
  target: string | null
  command_id: string
  stream: string
  revision: string
  details: Record<string, unknown>
}
type MessageRow = { message_id: string; user_account: string; content: string }

export const compare = async (
  target: Target,
  owner: Person,
  expected: Expected,
  journal: Journal,
  watch: Watch,
): Promise<ComparedRoom> => {
  const differences: Array<RoomDifference> = []
  const differ = (table: string, what: string) => differences.push({ table, what })
  const get = async <T>(path: string): Promise<T> => {
    const end = Date.now() + READ_PATIENCE_MS
    for (;;) {
      const response = await fetch(`${target.url}${path}`, { headers: { ...owner.headers } })
      // What is behind, busy or coming back is asked again when it says.
      const isPassing = [429, 503, 504].includes(response.status)
      if (isPassing && (response.status === 429 || Date.now() < end)) {
        await response.body?.cancel()
        await new Promise((resolve) =>
          setTimeout(resolve, 1000 * Number(response.headers.get('retry-after') ?? 0.2)),
        )
        continue
      }
      if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`)
      return (await response.json()) as T
    }
  }
  const space = `${target.space.type}/${target.space.id}`
  const key = `${target.space.type}:${target.space.id}`
  const fresh = `min_position=${journal.position}`

  /* sessions */
  const present = async (): Promise<ReadonlyArray<string>> => {
    const { space: shown } = await get<{ space: { connected_users: Array<{ user_account: string }> } }>(
      `/api/spaces/${space}?${fresh}`,
    )
    return shown.connected_users
      .map((user) => user.user_account)
      .filter((account) => account !== target.owner)
  }
  let here = await present()
  // The sessions of a process that was killed end once its lease has run out.
  const until = Date.now() + LEASE_PATIENCE_MS
  while (journal.interruptions > 0 && here.length > expected.present.size && Date.now() < until) {
    await delay(250)
    here = await present()
  }
  for (const account of expected.present)
    if (!here.includes(account)) differ('sessions', `${account} should be present and is not`)
  for (const account of here)
    if (!expected.present.has(account)) differ('sessions', `${account} is present and should not be`)
  if (new Set(here).size !== here.length) differ('sessions', 'an account is present twice')

  /* permissions */
  const permissions = new Map<string, string>()
  let cursor: string | null = ''
  while (cursor !== null) {
    const page: {
      permissions: Array<{ user_account: string; permission: string }>
      next_cursor: string | null
    } = await get(
      `/api/spaces/${space}/permissions?limit=100&${fresh}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
    )
    for (const row of page.permissions) permissions.set(row.user_account, row.permission)
    cursor = page.next_cursor
  }
  for (const [account, permission] of expected.permissions)
    if (permissions.get(account) !== permission)
      differ(
        'permissions',
        `${account} should have ${permission} and has ${permissions.get(account) ?? 'none'}`,
      )
  for (const account of permissions.keys())
    if (!expected.permissions.has(account))
      differ('permissions', `${account} should have none and has ${permissions.get(account)}`)

  /* chat */
  const messages: Array<MessageRow> = []
  let before: string | null = null
  for (;;) {
    const page: { messages: Array<MessageRow>; has_more: boolean } = await get(
      `/api/chat/${space}/messages?limit=100&${fresh}${before ? `&before=${before}` : ''}`,
    )
    messages.unshift(...page.messages)
    if (!page.has_more || page.messages.length === 0) break
    before = page.messages[0]!.message_id
  }
  expected.chat.forEach((line, index) => {
    const row = messages[index]
    if (!row) differ('chat', `line ${line.seq} is missing`)
    else if (
      row.message_id !== journal.messageIds.get(line.seq) ||
      row.user_account !== line.account ||
      row.content !== line.content
    )
      differ(
        'chat',
        `message ${index + 1} should be line ${line.seq} of ${line.account} and is ${row.message_id} of ${row.user_account}`,
      )
  })
  if (messages.length > expected.chat.length)
    differ('chat', `${messages.length - expected.chat.length} messages too many`)

  /* audit log */
  const rows: Array<AuditRow> = []
  cursor = ''
  while (cursor !== null) {
    const page: { entries: Array<AuditRow>; next_cursor: string | null } = await get(
      `/api/audit?space=${encodeURIComponent(key)}&limit=100&${fresh}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
    )
    rows.unshift(...[...page.entries].reverse())
    cursor = page.next_cursor
  }
  compareAudit(rows, expected, journal, target.owner, differ)

  /* what the owner saw live: each stream's news once and in order */
  const doubled = { space: new Set<string>(), chat: new Set<string>() }
  let lastSpace = -1n
  let lastChat = -1n
  for (const { event, revision } of watch.seen) {
    const chat = event === 'chat-message'
    const now = BigInt(revision)
    // A space's one event may be several pieces of news (a move is a leave and a join), so equal is in order there.
    if (chat ? now <= lastChat : now < lastSpace)
      differ('live', `${event} ${revision} came after ${chat ? lastChat : lastSpace}`)
    if (chat) lastChat = now
    else lastSpace = now
    const seen = chat ? doubled.chat : doubled.space
    const name = `${event}:${revision}`
    if (seen.has(name)) differ('live', `${name} came twice`)
    seen.add(name)
  }
  const chatSeen = doubled.chat.size
  if (journal.interruptions === 0 && chatSeen !== expected.chat.length)
    differ('live', `the watcher was sent ${chatSeen} messages of ${expected.chat.length}`)

  return {
    counts: {
      sessions: expected.present.size,
      permissions: expected.permissions.size,
      messages: expected.chat.length,
      'audit entries': expected.audit.length,
      'live events': watch.seen.length,
    },
    differences,
  }
}

const detailOf = (row: AuditRow): string | null => {
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

const compareAudit = (
  rows: ReadonlyArray<AuditRow>,
  expected: Expected,
  journal: Journal,
  owner: string,
  differ: (table: string, what: string) => void,
): void => {
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

  const sessionOf = (row: AuditRow) => String(row.details.sessionId ?? '')
  const ofTheFile = new Set(journal.sessions.values())
  const accountOf = new Map(
    rows
      .filter((row) => row.action === 'SessionJoined')
      .map((row) => [sessionOf(row), row.user_account ?? '']),
  )
  const interrupted = journal.interruptions > 0
  /** Entries that the file does not imply and that are right all the same. */
  const isExtra = (row: AuditRow): boolean => {
    if (['SpaceOpened', 'SettingsChanged', 'EntryGranted', 'SeatExpired', 'AuditRead'].includes(row.action))
      return true
    // Faster than the real people were: what was asked to wait was sent again, and is compared as that.
    if (row.action === 'CommandRefused' && row.details.reason === 'slow_down') return journal.slowDowns > 0
    if (row.action === 'SessionJoined' || row.action === 'SessionLeft') {
      if (journal.own.has(sessionOf(row)) && accountOf.get(sessionOf(row)) === owner) return true
      // After an interruption everyone's session ends and begins anew: only the file's own comings and goings count.
      if (interrupted) return true
    }
    return false
  }
  const got: Array<ExpectedEntry> = rows
    .filter((row) => !isExtra(row))
    .map((row) => {
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
    })
  const wanted = expected.audit.filter(
    (entry) => !interrupted || (entry.action !== 'SessionJoined' && entry.action !== 'SessionLeft'),
  )
  const same = (a: ExpectedEntry, b: ExpectedEntry) =>
    a.action === b.action &&
    a.actor === b.actor &&
    a.detail === b.detail &&
    (['SessionJoined', 'MessagePosted'].includes(a.action) || a.target === b.target)
  for (let index = 0; index < Math.max(wanted.length, got.length); index++) {
    const want = wanted[index]
    const have = got[index]
    if (want && have && same(want, have)) continue
    const words = (entry: ExpectedEntry | undefined) =>
      entry
        ? `${entry.action} by ${entry.actor}${entry.target ? ` on ${entry.target}` : ''} (${entry.detail})`
        : 'nothing'
    differ(
      'audit',
      `entry ${index + 1}${want ? `, line ${want.seq},` : ''} should be ${words(want)} and is ${words(have)}`,
    )
    if (want && have && index > 50) break
  }

  if (interrupted) {
    // Every session that was acknowledged is on the log, joined once, and left once unless its account is present.
    const joins = new Map<string, number>()
    const leaves = new Map<string, number>()
    for (const row of rows) {
      if (row.action === 'SessionJoined') joins.set(sessionOf(row), (joins.get(sessionOf(row)) ?? 0) + 1)
      if (row.action === 'SessionLeft') leaves.set(sessionOf(row), (leaves.get(sessionOf(row)) ?? 0) + 1)
    }
    for (const id of [...ofTheFile, ...journal.own])
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
}
