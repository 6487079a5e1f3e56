/** The system projections: links by category (`$ce-`), by type (`$et-`) and to each stream's first event (`$streams`).
 *  They follow the log in the background. A batch of links and how far it came are one transaction, so each event is
 *  linked once, whatever happens to the process. */
import type { Appender } from './append.ts'
import type { Hub } from './hub.ts'
import { isLink, targetOf } from './links.ts'
import { isMetastream, isSoftDeleted, originalOf, parseMetadata } from './metadata.ts'
import {
  decodeBody,
  idOf,
  locateNames,
  type Names,
  type ProposedEvent,
  type StoredEvent,
  TOMBSTONE_REVISION,
  WIRE_TOMBSTONE_REVISION,
} from './record.ts'
import type { Storage } from './storage.ts'

export type Projections = ReturnType<typeof startProjections>
type Link = { readonly stream: string; readonly event: ProposedEvent }

const CHECKPOINT = 'projections/checkpoint'
const BATCH = 500
/** After a commit that failed (a full disk, say). */
const RETRY_MS = 1000
const names: Names = { nameStart: 0, nameEnd: 0, typeStart: 0, typeEnd: 0 }

/** What comes before the first dash; undefined for system streams and where there is none. */
const categoryOf = (stream: string): string | undefined => {
  const dash = stream.startsWith('$') ? -1 : stream.indexOf('-')
  return dash > 0 ? stream.slice(0, dash) : undefined
}

/** The links that an event gives, in the order `$ce-`, `$et-`, `$streams`. A deletion counts as an event of the deleted
 *  stream's category and of the type `$deleted`, as on a real node. */
export const linksOf = (event: StoredEvent): Link[] => {
  const { body, revision, position } = event
  locateNames(body, names)
  const stream = body.toString('utf8', names.nameStart, names.nameEnd)
  const type = body.toString('utf8', names.typeStart, names.typeEnd)
  const number = revision === TOMBSTONE_REVISION ? `${WIRE_TOMBSTONE_REVISION}` : `${revision}`
  const self = `${number}@${stream}`
  const meta = isMetastream(stream)
  const owner = meta ? originalOf(stream) : stream
  const deleted = meta
    ? type === '$metadata' && isSoftDeleted(parseMetadata(decodeBody(body).data.toString('utf8')))
    : type === '$streamDeleted'
  const links: Link[] = []
  const add = (to: string, target: string, marks: object): void => {
    const metadata = { $c: position, $p: position, ...marks, $causedBy: idOf(body) }
    links.push({
      stream: to,
      event: {
        id: crypto.randomUUID(),
        type: '$>',
        contentType: 'application/octet-stream',
        data: Buffer.from(target),
        metadata: Buffer.from(JSON.stringify(metadata)),
      },
    })
  }
  const marks = deleted ? { $deleted: -1 } : {}
  const category = categoryOf(owner)
  const link = isLink(body)
  if (category !== undefined)
    add(`$ce-${category}`, link ? (targetOf(body) ?? self) : self, { $o: owner, ...marks })
  // By the owner's name even for its metadata: so a real node writes it.
  if (!link) add(`$et-${deleted ? '$deleted' : type}`, `${number}@${owner}`, marks)
  if (revision === 0) add('$streams', self, {})
  return links
}

/** Links what is not linked yet, and from then on what is appended. */
export const startProjections = (storage: Storage, appender: Appender, hub: Hub) => {
  const { db } = storage
  const put = db.prepare('INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)')
  const kept = db.prepare('SELECT value FROM state WHERE name = ?').get(CHECKPOINT)
  let checkpoint = kept === undefined ? -1 : Number(kept.value)
  let busy = false
  let closed = false
  let retry: NodeJS.Timeout | undefined

  const step = (): void => {
    if (busy || closed) return
    const events = storage.allForwards(checkpoint + 1, BATCH)
    const last = events.at(-1)
    if (last === undefined) return
    busy = true
    const links = events.flatMap(linksOf)
    appender.alongside({
      write: (insert) => {
        for (const { stream, event } of links) insert(stream, event)
        put.run(CHECKPOINT, `${last.position}`)
      },
      done: (committed) => {
        busy = false
        if (committed) {
          checkpoint = last.position
          setImmediate(step)
        } else if (!closed) retry = setTimeout(step, RETRY_MS)
      },
    })
  }

  const unlisten = hub.listen(step)
  setImmediate(step)
  return {
    /** The last position whose event is linked, or -1. */
    position: (): number => checkpoint,
    close: (): void => {
      closed = true
      clearTimeout(retry)
      unlisten()
    },
  }
}
