/** The system projections: links by category (`$ce-`), by type (`$et-`), by correlation (`$bc-`) and to each stream's first
 *  event (`$streams`), and the names of a category's streams (`$category-`). Each follows the log in the background. A batch of links and how far it came are one transaction, so
 *  each event is linked once, whatever happens to the process. */

import type { Storage } from '../log/storage.ts'
import {
  decodeBody,
  idOf,
  locateNames,
  type Names,
  type ProposedEvent,
  type StoredEvent,
  TOMBSTONE_REVISION,
  WIRE_TOMBSTONE_REVISION,
} from '../protocol/record.ts'
import type { Appender } from '../streams/append.ts'
import { isLink, targetOf } from '../streams/links.ts'
import { isMetastream, isSoftDeleted, originalOf, parseMetadata } from '../streams/metadata.ts'
import type { Hub } from '../subscriptions/hub.ts'

export type Projections = ReturnType<typeof createProjections>
type Link = { readonly stream: string; readonly event: ProposedEvent }

const BATCH = 500
/** After a commit that failed (a full disk, say). */
const RETRY_MS = 1000
const names: Names = { nameStart: 0, nameEnd: 0, typeStart: 0, typeEnd: 0 }

/** Whether a projection of all streams sees a stream's events: those of system streams, and of their metadata, it does not. */
export const isSeenByAll = (stream: string): boolean =>
  !(isMetastream(stream) ? originalOf(stream) : stream).startsWith('$')

/** The part before the first dash; undefined for system streams and for names without a dash. */
const categoryOf = (stream: string): string | undefined => {
  const dash = stream.startsWith('$') ? -1 : stream.indexOf('-')
  return dash > 0 ? stream.slice(0, dash) : undefined
}

/** The system projections of this node, by the names that a real one gives them. */
const PROJECTIONS = [
  '$by_category',
  '$by_event_type',
  '$by_correlation_id',
  '$stream_by_category',
  '$streams',
] as const
type ProjectionName = (typeof PROJECTIONS)[number]

/** Older logs have one checkpoint for these three. */
const FORMER: ReadonlySet<ProjectionName> = new Set(['$by_category', '$by_event_type', '$streams'])
const FORMER_CHECKPOINT = 'projections/checkpoint'

const correlationOf = (metadata: Buffer): string | undefined => {
  if (!metadata.includes('"$correlationId"')) return undefined
  try {
    const { $correlationId } = JSON.parse(metadata.toString('utf8')) as Record<string, unknown>
    return typeof $correlationId === 'string' && $correlationId !== '' ? $correlationId : undefined
  } catch {
    return undefined
  }
}

/** The time in the form that a correlation's links have, to the microsecond. `ticks`: units of 100 ns. */
const timestampOf = (ticks: bigint): string =>
  `${new Date(Number(ticks / 10_000n)).toISOString().slice(0, -4)}${`${(ticks / 10n) % 1_000_000n}`.padStart(6, '0')}Z`

/** The link that a projection gives for an event, undefined where none. A deletion counts as an event of the deleted stream's
 *  category and of the type `$deleted`, as on a real node. */
const linkOf = (projection: ProjectionName, event: StoredEvent): Link | undefined => {
  const { body, revision, position } = event
  if ((projection === '$streams' || projection === '$stream_by_category') && revision !== 0) return undefined
  locateNames(body, names)
  const stream = body.toString('utf8', names.nameStart, names.nameEnd)
  if (!isSeenByAll(stream)) return undefined
  const type = body.toString('utf8', names.typeStart, names.typeEnd)
  const number = revision === TOMBSTONE_REVISION ? `${WIRE_TOMBSTONE_REVISION}` : `${revision}`
  const self = `${number}@${stream}`
  const meta = isMetastream(stream)
  const owner = meta ? originalOf(stream) : stream
  const deleted = meta
    ? type === '$metadata' && isSoftDeleted(parseMetadata(decodeBody(body).data.toString('utf8')))
    : type === '$streamDeleted'
  const to = (stream: string, target: string, marks: object, linkType = '$>'): Link => {
    const metadata = { $c: position, $p: position, ...marks, $causedBy: idOf(body) }
    return {
      stream,
      event: {
        id: crypto.randomUUID(),
        type: linkType,
        contentType: 'application/octet-stream',
        data: Buffer.from(target),
        metadata: Buffer.from(JSON.stringify(metadata)),
      },
    }
  }
  const marks = deleted ? { $deleted: -1 } : {}
  const link = isLink(body)
  switch (projection) {
    case '$by_category': {
      // Of a stream's metadata, only the event that deletes the stream counts.
      const named = deleted ? owner : stream
      const category = categoryOf(named)
      return category === undefined
        ? undefined
        : to(`$ce-${category}`, link ? (targetOf(body) ?? self) : self, { $o: named, ...marks })
    }
    case '$by_event_type':
      // A real node uses the owner's name even for its metadata.
      return link ? undefined : to(`$et-${deleted ? '$deleted' : type}`, `${number}@${owner}`, marks)
    case '$by_correlation_id': {
      if (link) return undefined
      const { metadata, created } = decodeBody(body)
      const correlation = correlationOf(metadata)
      return correlation === undefined
        ? undefined
        : to(`$bc-${correlation}`, self, { $eventTimestamp: timestampOf(created) })
    }
    case '$stream_by_category': {
      // This is a reference to a stream; no read resolves it.
      const category = categoryOf(stream)
      return category === undefined ? undefined : to(`$category-${category}`, stream, {}, '$@')
    }
    case '$streams':
      return to('$streams', self, {})
    default:
      return projection satisfies never
  }
}

/** One system projection: while it is on, it links the events that are not linked yet, and then each that is appended. */
const createProjection = (
  { storage, appender, hub }: { readonly storage: Storage; readonly appender: Appender; readonly hub: Hub },
  name: ProjectionName,
  startOn: boolean,
) => {
  const { db } = storage
  const put = db.prepare('INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)')
  const find = db.prepare('SELECT value FROM state WHERE name = ?')
  const [checkpointKey, onKey] = [`projections/${name}`, `projections/${name}/on`]
  const kept = find.get(checkpointKey) ?? (FORMER.has(name) ? find.get(FORMER_CHECKPOINT) : undefined)
  let checkpoint = kept === undefined ? -1 : Number(kept.value)
  let on = startOn || find.get(onKey)?.value === 'true'
  let processed = 0
  let busy = false
  let closed = false
  let retry: NodeJS.Timeout | undefined

  const step = (): void => {
    if (busy || closed || !on) return
    const events = storage.allForwards(checkpoint + 1, BATCH)
    const last = events.at(-1)
    if (last === undefined) return
    busy = true
    const links = events.flatMap((event) => linkOf(name, event) ?? [])
    appender.alongside({
      write: (insert) => {
        for (const { stream, event } of links) insert(stream, event)
        put.run(checkpointKey, `${last.position}`)
      },
      done: (committed) => {
        busy = false
        if (committed) {
          checkpoint = last.position
          processed += events.length
          setImmediate(step)
        } else if (!closed) retry = setTimeout(step, RETRY_MS)
      },
    })
  }

  const unlisten = hub.listen(step)
  setImmediate(step)
  return {
    name,
    isOn: (): boolean => on,
    /** The last position whose event is linked, or -1. */
    position: (): number => checkpoint,
    /** Events looked at since the node started. */
    processed: (): number => processed,
    /** Switches it on or off; it goes on where it stopped. The choice survives a restart. */
    turn: (to: boolean): void => {
      on = to
      put.run(onKey, `${to}`)
      storage.syncNow()
      setImmediate(step)
    },
    close: (): void => {
      closed = true
      clearTimeout(retry)
      unlisten()
    },
  }
}

/** `startOn`: all of them run, whatever was chosen before. */
export const createProjections = (storage: Storage, appender: Appender, hub: Hub, startOn: boolean) => {
  const all = PROJECTIONS.map((name) => createProjection({ storage, appender, hub }, name, startOn))
  return {
    all,
    get: (name: string) => all.find((projection) => projection.name === name),
    /** The last position that all active projections have linked; undefined if none is active. */
    position: (): number | undefined => {
      const positions = all.filter((one) => one.isOn()).map((one) => one.position())
      return positions.length === 0 ? undefined : Math.min(...positions)
    },
    close: (): void => {
      for (const projection of all) projection.close()
    },
  }
}
