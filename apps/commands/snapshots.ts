/** Snapshots of a stream's state in a stream beside it, `snapshot-<stream>`: a shortcut, never the truth. A snapshot of
 *  another version, one that can't be decoded, a half-written one or one of another history is ignored. */

import { promisify } from 'node:util'
import { gunzip, gunzipSync, gzip } from 'node:zlib'
import * as E from 'fp-ts/lib/Either.js'
import type { EventLog, Ids, RecordedEvent } from '../../domain/ports.ts'
import type { Trouble } from './model.ts'

const SNAPSHOT_VERSION = 1
export const snapshotStream = (stream: string): string => `snapshot-${stream}`
/** A stream's state when its beginning was archived: not a shortcut, since the events that it was made from are no longer on the log. */
export const standingStream = (stream: string): string => `standing-${stream}`

export type StoredSnapshot = {
  /** The revision of the last event folded in, and that event's id: what ties a snapshot to its stream. */
  readonly revision: number
  readonly lastId: string
  /** The result of `Recent.pack`. */
  readonly recent: string
  readonly state: unknown
}

/** `bytes`: how many it takes on the log. */
export type FoundSnapshot = { readonly snapshot: StoredSnapshot; readonly bytes: number }

export type Snapshots = {
  /** The newest complete one, or null. Left only if the log can't be reached. */
  readonly read: (stream: string) => Promise<E.Either<Trouble, FoundSnapshot | null>>
  /** Never throws; returns how many bytes were written to the log, or null if nothing was. */
  readonly write: (stream: string, snapshot: StoredSnapshot) => Promise<number | null>
}

/** A body larger than this (in characters of JSON) is compressed. */
const PLAIN = 2_000
/** A compressed body has at least two parts, by which it is known, and none longer than this: an append may have 1 MiB at most. */
const PART = 600_000
const MAX_PARTS = 64
/** A snapshot is at most so long (in bytes of JSON), so that nothing on the log unpacks into all of the memory. */
const LONGEST = 256 * 1024 * 1024
/** How many parts the log was once asked to keep of every snapshot. */
const KEPT_ONCE = 2 * MAX_PARTS

type Part = {
  readonly v: number
  readonly id: string
  readonly part: number
  readonly of: number
  readonly body: unknown
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const partOf = (event: RecordedEvent | undefined): Part | null => {
  const data = event?.data
  if (!isRecord(data) || data.v !== SNAPSHOT_VERSION || typeof data.id !== 'string') return null
  const { part, of } = data
  if (!Number.isInteger(part) || !Number.isInteger(of)) return null
  return data as Part
}

const snapshotOf = (body: unknown): StoredSnapshot | null => {
  if (!isRecord(body)) return null
  const { revision, lastId, recent } = body
  if (!Number.isSafeInteger(revision) || typeof lastId !== 'string' || typeof recent !== 'string') return null
  return body as StoredSnapshot
}

const bytesIn = (bodies: ReadonlyArray<unknown>): number =>
  bodies.reduce<number>(
    (bytes, body) => bytes + (typeof body === 'string' ? body : JSON.stringify(body)).length,
    0,
  )

/** A packed body of at most so many bytes is unpacked at once: that takes a third of a millisecond less than on another
 *  thread, which a room's first command would wait for. */
const UNPACKED_AT_ONCE = 16_384
const SHORT = 262_144

/** Rejects what is not packed, or too long. */
const unpacked = async (packed: Buffer): Promise<Buffer> => {
  if (packed.length <= UNPACKED_AT_ONCE)
    try {
      return gunzipSync(packed, { maxOutputLength: SHORT })
    } catch {
      // It is longer than it seemed, or broken.
    }
  return promisify(gunzip)(packed, { maxOutputLength: LONGEST })
}

/** The snapshot whose last part is the first of these (newest first), or null if any of it is missing. */
const completeAt = async (parts: ReadonlyArray<Part | null>): Promise<FoundSnapshot | null> => {
  const [end] = parts
  if (!end || end.part !== end.of - 1) return null
  if (end.of === 1) {
    const snapshot = snapshotOf(end.body)
    return snapshot && { snapshot, bytes: bytesIn([end.body]) }
  }
  let text = ''
  for (let i = 0; i < end.of; i++) {
    const part = parts[end.part - i]
    if (!part || part.id !== end.id || part.part !== i || typeof part.body !== 'string') return null
    text += part.body
  }
  try {
    const json = await unpacked(Buffer.from(text, 'base64'))
    const snapshot = snapshotOf(JSON.parse(json.toString('utf8')))
    return snapshot && { snapshot, bytes: text.length }
  } catch {
    return null
  }
}

/** Of these parts (newest first), the newest complete snapshot. */
const newestOf = async (parts: ReadonlyArray<Part | null>): Promise<FoundSnapshot | null> => {
  for (let at = 0; at < parts.length; at++) {
    const found = await completeAt(parts.slice(at, at + MAX_PARTS))
    if (found !== null) return found
  }
  return null
}

/** The body of each part: the snapshot itself if it is small, else pieces of it compressed; none if it is too long. */
const bodiesOf = async (snapshot: StoredSnapshot): Promise<ReadonlyArray<unknown>> => {
  // Before anything is awaited: the state goes on changing.
  const text = JSON.stringify(snapshot)
  if (text.length <= PLAIN) return [JSON.parse(text)]
  const bytes = Buffer.from(text)
  if (bytes.length > LONGEST) return []
  const packed = (await promisify(gzip)(bytes)).toString('base64')
  const of = Math.max(2, Math.ceil(packed.length / PART))
  const size = Math.ceil(packed.length / of)
  return Array.from({ length: of }, (_, i) => packed.slice(i * size, (i + 1) * size))
}
/** `nameOf`: the name of the stream that contains them. */
export const createSnapshots = (
  log: Pick<EventLog, 'append' | 'readStream'>,
  ids: Ids,
  nameOf: (stream: string) => string = snapshotStream,
): Snapshots => {
  /** How many parts the log was asked to keep, by stream. */
  const kept = new Map<string, number>()

  /** Superseded snapshots are useless: asks the log to keep this many parts, or as many as another process needs. It does
   *  not matter if it fails. */
  const bound = async (name: string, keep: number): Promise<void> => {
    if ((kept.get(name) ?? 0) >= keep) return
    if (kept.size > 10_000) kept.clear()
    kept.set(name, keep)
    const last = await log.readStream(`$$${name}`, { direction: 'backwards', limit: 1 })()
    if (E.isLeft(last)) return
    const [event] = last.right
    const metadata = isRecord(event?.data) ? event.data : {}
    const now = Number(metadata.$maxCount ?? KEPT_ONCE)
    if (now >= keep && now < KEPT_ONCE) return
    const data = { ...metadata, $maxCount: keep }
    await log.append(`$$${name}`, event?.revision ?? 'none', [
      { id: ids.uuid(), type: '$metadata', data, metadata: {} },
    ])()
  }

  const readParts = async (name: string, limit: number) => {
    const events = await log.readStream(name, { direction: 'backwards', limit })()
    if (E.isRight(events)) return E.right(events.right.map(partOf))
    return events.left._tag === 'StreamDeleted'
      ? E.right([])
      : E.left<Trouble>({ _tag: 'Trouble', cause: events.left.cause })
  }

  return {
    read: async (stream) => {
      const name = nameOf(stream)
      // Few have more than two parts.
      const last = await readParts(name, 2)
      if (E.isLeft(last) || last.right.length === 0) return E.isLeft(last) ? last : E.right(null)
      const found = await completeAt(last.right)
      if (found !== null) return E.right(found)
      // It has more parts, or its writer ended before the last one.
      const parts = await readParts(name, 2 * MAX_PARTS)
      return E.isLeft(parts) ? parts : E.right(await newestOf(parts.right))
    },

    write: async (stream, snapshot) => {
      const name = nameOf(stream)
      const id = ids.uuid()
      try {
        const bodies = await bodiesOf(snapshot)
        const of = bodies.length
        if (of === 0 || of > MAX_PARTS) return null
        const bytes = bytesIn(bodies)
        const isOneAppend = bytes <= PART
        // While parts are being written one by one, the snapshot before them still counts.
        await bound(name, isOneAppend ? 2 : 2 * of)
        const parts = bodies.map((body, part) => ({
          id: ids.uuid(),
          type: 'Snapshot',
          data: { v: SNAPSHOT_VERSION, id, part, of, body } satisfies Part,
          metadata: {},
        }))
        let at: bigint | 'any' = 'any'
        for (const group of isOneAppend ? [parts] : parts.map((part) => [part])) {
          // Each part must come directly after the one before: another node's parts in between would spoil both.
          const written: Awaited<ReturnType<ReturnType<EventLog['append']>>> = await log.append(
            name,
            at,
            group,
          )()
          if (E.isLeft(written)) return null
          at = written.right.revision
        }
        return bytes
      } catch {
        return null
      }
    },
  }
}
