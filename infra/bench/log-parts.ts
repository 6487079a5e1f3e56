/** What the file of an embedded node's log consists of: bytes of events by kind of stream. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { LOG_FILE } from '../eventstore/log/tables.ts'

export type LogPart = { readonly kind: string; readonly events: number; readonly bytes: number }

/** `snapshot-chat-document-room-1` is of the kind `snapshot-chat`, and so is its metadata, `$$snapshot-chat-…`, of `$$snapshot-chat`. */
const kindOf = (stream: string): string =>
  /^\$*(?:(?:snapshot|standing|standingmoment|moments|marks|momentparts)-)?[^-]*/.exec(stream)?.[0] ?? stream

/** Of the events from position `from` on and before `to`, the largest first. The node may be running. */
export const logParts = (
  dataDir: string,
  { from = 0, to = Number.MAX_SAFE_INTEGER }: { readonly from?: number; readonly to?: number } = {},
): ReadonlyArray<LogPart> => {
  const db = new DatabaseSync(join(dataDir, LOG_FILE), { readOnly: true })
  try {
    const rows = db
      .prepare(
        `SELECT name, count(*) AS events, sum(length(body)) AS bytes FROM events JOIN streams ON streams.id = stream
         WHERE position >= ? AND position < ? GROUP BY name`,
      )
      .all(from, to)
    const parts = new Map<string, LogPart>()
    for (const { name, events, bytes } of rows) {
      const kind = kindOf(String(name))
      const before = parts.get(kind) ?? { kind, events: 0, bytes: 0 }
      parts.set(kind, {
        kind,
        events: before.events + Number(events),
        bytes: before.bytes + Number(bytes),
      })
    }
    return [...parts.values()].sort((a, b) => b.bytes - a.bytes)
  } finally {
    db.close()
  }
}
