/** Reads a room over REST, like any reader, after everything was performed. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Journal, ReplayTarget } from './journal.ts'
import type { Person } from './people.ts'

/** How long a read is repeated if a part is away, or has not caught up. */
const READ_PATIENCE_MS = 60_000

export type ReadAuditRow = {
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
export type ReadMessageRow = { message_id: string; user_account: string; content: string }

export type RoomReading = ReturnType<typeof createReading>

const getter =
  (url: string, reader: Person) =>
  async <T>(path: string): Promise<T> => {
    const end = Date.now() + READ_PATIENCE_MS
    for (;;) {
      const response = await fetch(`${url}${path}`, { headers: { ...reader.headers } })
      // A part that is behind, busy or coming back is asked again when it says so.
      const isPassing = [429, 503, 504].includes(response.status)
      if (isPassing && (response.status === 429 || Date.now() < end)) {
        await response.body?.cancel()
        await delay(1000 * Number(response.headers.get('retry-after') ?? 0.2))
        continue
      }
      if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`)
      return (await response.json()) as T
    }
  }

export const createReading = (target: ReplayTarget, reader: Person, journal: Journal) => {
  const get = getter(target.url, reader)
  const { type, id } = target.space
  const space = `${type}/${id}`
  const fresh = `min_position=${journal.position}`

  /** Every page of a list, as it comes. */
  async function* pages<Page extends { readonly next_cursor: string | null }>(path: string) {
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: Page = await get(`${path}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`)
      yield page
      cursor = page.next_cursor
    }
  }

  return {
    /** The accounts that are in. */
    present: async (): Promise<ReadonlyArray<string>> => {
      const { space: shown } = await get<{ space: { connected_users: Array<{ user_account: string }> } }>(
        `/api/spaces/${space}?${fresh}`,
      )
      return shown.connected_users.map((user) => user.user_account)
    },

    /** Permissions by account. */
    permissions: async (): Promise<ReadonlyMap<string, string>> => {
      type Page = {
        permissions: Array<{ user_account: string; permission: string }>
        next_cursor: string | null
      }
      const found = new Map<string, string>()
      for await (const page of pages<Page>(`/api/spaces/${space}/permissions?limit=100&${fresh}`))
        for (const row of page.permissions) found.set(row.user_account, row.permission)
      return found
    },

    /** Oldest first. */
    messages: async (): Promise<ReadonlyArray<ReadMessageRow>> => {
      const found: ReadMessageRow[] = []
      for (let before: string | null = null; ; before = found[0]!.message_id) {
        const page: { messages: Array<ReadMessageRow>; has_more: boolean } = await get(
          `/api/chat/${space}/messages?limit=100&${fresh}${before ? `&before=${before}` : ''}`,
        )
        found.unshift(...page.messages)
        if (!page.has_more || page.messages.length === 0) return found
      }
    },

    /** Oldest first. */
    audit: async (): Promise<ReadonlyArray<ReadAuditRow>> => {
      type Page = { entries: Array<ReadAuditRow>; next_cursor: string | null }
      const key = encodeURIComponent(`${type}:${id}`)
      const found: ReadAuditRow[] = []
      for await (const page of pages<Page>(`/api/audit?space=${key}&limit=100&${fresh}`))
        found.unshift(...[...page.entries].reverse())
      return found
    },
  }
}
