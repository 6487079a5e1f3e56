/** Snapshots of a stream's state in a stream beside it, `snapshot-<stream>`: a shortcut, never the truth. A snapshot of
 *  another version, one that can't be decoded, a half-written one or one of another history is ignored. */

import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
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

export type Snapshots = {
  /** The newest complete one, or null. Left only if the log can't be reached. */
  readonly read: (stream: string) => Promise<E.Either<Trouble, StoredSnapshot | null>>
  /** Never throws; returns how many bytes were written, or null if nothing was. */
  readonly write: (stream: string, snapshot: StoredSnapshot) => Promise<number | null>
}

/** A body larger than this is compressed and divided, since an append may have 1 MiB at most. */
const PART = 600_000
const MAX_PARTS = 64
/** The log may drop a snapshot once this many later parts are there. */
const KEEP = 2 * MAX_PARTS

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

/** `nameOf`: the name of the stream that contains them. */
export const createSnapshots = (
  log: Pick<EventLog, 'append' | 'readStream'>,
  ids: Ids,
  nameOf: (stream: string) => string = snapshotStream,
): Snapshots => {
  const bounded = new Set<string>()

  /** Old snapshots are useless: asks the log to keep only a few. It does not matter if it fails. */
  const bound = async (name: string): Promise<void> => {
    if (bounded.has(name)) return
    if (bounded.size > 10_000) bounded.clear()
    bounded.add(name)
    await log.append(`$$${name}`, 'none', [
      { id: ids.uuid(), type: '$metadata', data: { $maxCount: KEEP }, metadata: {} },
    ])()
  }

  const joined = async (name: string, last: RecordedEvent, end: Part): Promise<StoredSnapshot | null> => {
    if (end.of === 1) return snapshotOf(end.body)
    if (end.of < 1 || end.of > MAX_PARTS || end.part !== end.of - 1 || last.revision < BigInt(end.part))
      return null
    const before = await log.readStream(name, {
      direction: 'backwards',
      from: last.revision - 1n,
      limit: end.part,
    })()
    if (E.isLeft(before)) return null
    const parts = [...before.right].reverse().map(partOf)
    let text = ''
    for (let i = 0; i < end.part; i++) {
      const part = parts[i]
      if (!part || part.id !== end.id || part.part !== i || typeof part.body !== 'string') return null
      text += part.body
    }
    const json = await promisify(gunzip)(Buffer.from(text + String(end.body), 'base64'))
    return snapshotOf(JSON.parse(json.toString('utf8')))
  }

  return {
    read: async (stream) => {
      const name = nameOf(stream)
      const last = await log.readStream(name, { direction: 'backwards', limit: 1 })()
      if (E.isLeft(last))
        return last.left._tag === 'StreamDeleted'
          ? E.right(null)
          : E.left({ _tag: 'Trouble', cause: last.left.cause })
      const event = last.right[0]
      const end = partOf(event)
      if (!event || !end) return E.right(null)
      try {
        return E.right(await joined(name, event, end))
      } catch {
        return E.right(null)
      }
    },

    write: async (stream, snapshot) => {
      const name = nameOf(stream)
      const id = ids.uuid()
      const part = (body: unknown, i: number, of: number) => ({
        id: ids.uuid(),
        type: 'Snapshot',
        data: { v: SNAPSHOT_VERSION, id, part: i, of, body } satisfies Part,
        metadata: {},
      })
      try {
        // Before anything is awaited: the state goes on changing.
        const text = JSON.stringify(snapshot)
        await bound(name)
        if (text.length <= PART) {
          const written = await log.append(name, 'any', [part(snapshot, 0, 1)])()
          return E.isRight(written) ? text.length : null
        }
        const packed = (await promisify(gzip)(text)).toString('base64')
        const of = Math.max(2, Math.ceil(packed.length / PART))
        if (of > MAX_PARTS) return null
        const size = Math.ceil(packed.length / of)
        let at: bigint | 'any' = 'any'
        for (let i = 0; i < of; i++) {
          // Each part must come directly after the one before: another node's parts in between would spoil both.
          const written: Awaited<ReturnType<ReturnType<EventLog['append']>>> = await log.append(name, at, [
            part(packed.slice(i * size, (i + 1) * size), i, of),
          ])()
          if (E.isLeft(written)) return null
          at = written.right.revision
        }
        return text.length
      } catch {
        return null
      }
    },
  }
}
