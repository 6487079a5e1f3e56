/** Stream metadata: what is in the last event of `$$stream`, and what it does to reads. */

import type { Storage, Stream } from '../log/storage.ts'
import {
  type Acl,
  isMetastream,
  metastreamOf,
  NO_METADATA,
  originalOf,
  type StreamMetadata,
} from '../log/stream-metadata.ts'
import { decodeBody, type StoredEvent, TOMBSTONE_REVISION } from '../protocol/record.ts'

export { type Acl, isMetastream, metastreamOf, originalOf }

/** `$tb` of a deleted stream, as it is written. */
export const DELETED_MARK = '9223372036854775807'

/** A known field has the wrong kind: then none of the metadata counts. */
class Wrong extends Error {}

const wholeNumber = (value: unknown): number | undefined => {
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isInteger(value)) throw new Wrong()
  return value > 0 ? value : undefined
}

const roles = (value: unknown): ReadonlyArray<string> | undefined => {
  if (value === undefined) return undefined
  if (typeof value === 'string') return [value]
  if (!Array.isArray(value) || value.some((role) => typeof role !== 'string')) throw new Wrong()
  return value
}

const LISTS = ['$r', '$w', '$d', '$mr', '$mw']
const listOf = (value: unknown): Acl | undefined => {
  if (value === undefined) return undefined
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Wrong()
  const acl = value as Record<string, unknown>
  if (Object.keys(acl).some((name) => !LISTS.includes(name))) throw new Wrong()
  return { $r: roles(acl.$r), $w: roles(acl.$w), $d: roles(acl.$d), $mr: roles(acl.$mr), $mw: roles(acl.$mw) }
}

/** A list in its written form; undefined if it is not a list. */
export const parseAcl = (value: unknown): Acl | undefined => {
  try {
    return listOf(value)
  } catch {
    return undefined
  }
}

const NUMBERS = new Set(['$maxAge', '$maxCount', '$tb', '$cacheControl'])
const GREATEST = BigInt(DELETED_MARK)
/** Numbers in their written form: a decimal point makes it not a whole number, and numbers beyond 64 bits don't count. */
const asWritten = (key: string, value: unknown, context?: { readonly source?: string }): unknown => {
  const source = context?.source
  if (typeof value !== 'number' || source === undefined || !NUMBERS.has(key)) return value
  return /^-?\d+$/.test(source) && BigInt(source) <= GREATEST ? value : null
}

/** Malformed metadata counts for nothing: not JSON, not an object, or a known field of the wrong kind. A number
 *  below its minimum counts as missing. */
export const parseMetadata = (data: string): StreamMetadata => {
  try {
    const json: unknown = JSON.parse(data, asWritten)
    if (typeof json !== 'object' || json === null || Array.isArray(json)) return NO_METADATA
    const { $maxAge, $maxCount, $tb, $acl, $tempStream, $cacheControl } = json as Record<string, unknown>
    wholeNumber($cacheControl)
    if ($tempStream !== undefined && typeof $tempStream !== 'boolean') return NO_METADATA
    const truncateBefore = wholeNumber($tb) ?? 0
    return {
      maxAge: wholeNumber($maxAge),
      maxCount: wholeNumber($maxCount),
      truncateBefore: truncateBefore > Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : truncateBefore,
      acl: listOf($acl),
    }
  } catch {
    return NO_METADATA
  }
}

/** The same metadata with another `$tb` (in decimal, since it may exceed what a number holds). */
export const withTruncateBefore = (data: string, truncateBefore: string): string => {
  let fields: Array<[string, string]> = []
  try {
    const json: unknown = JSON.parse(data)
    if (typeof json === 'object' && json !== null && !Array.isArray(json))
      fields = Object.entries(json).map(([key, value]) => [key, JSON.stringify(value)])
  } catch {
    // Unreadable metadata can't be carried over.
  }
  return `{${[...fields.filter(([key]) => key !== '$tb'), ['$tb', truncateBefore] as const]
    .map(([key, value]) => `${JSON.stringify(key)}:${value}`)
    .join(',')}}`
}

/** The stream's raw metadata, empty if it has none. */
export const rawMetadata = (storage: Storage, name: string): string => {
  const metastream = storage.stream(metastreamOf(name))
  if (metastream.last < 0) return ''
  const [event] = storage.streamBackwards(metastream.id, metastream.last, 1)
  return event === undefined ? '' : decodeBody(event.body).data.toString('utf8')
}

/** The metadata that holds now, kept with the known stream until it changes. */
export const metadataOf = (storage: Storage, stream: Stream): StreamMetadata => {
  if (stream.metadata === undefined) {
    // A metastream keeps only its last event, and has no metadata of its own.
    stream.metadata = isMetastream(stream.name)
      ? { ...NO_METADATA, maxCount: 1 }
      : parseMetadata(rawMetadata(storage, stream.name))
  }
  return stream.metadata
}

export const isSoftDeleted = (metadata: StreamMetadata): boolean =>
  metadata.truncateBefore === Number.POSITIVE_INFINITY

/** The first revision that may be read of a stream whose last is `last`. */
export const firstReadable = (metadata: StreamMetadata, last: number): number =>
  Math.max(metadata.truncateBefore, metadata.maxCount === undefined ? 0 : last - metadata.maxCount + 1)

/** Whether the event is too old to be read. */
export const isExpired = (metadata: StreamMetadata, event: StoredEvent, now: number): boolean =>
  metadata.maxAge !== undefined &&
  Number(decodeBody(event.body).created / 10_000n) < now - metadata.maxAge * 1000

/** The first revision from `first` to `last` that is not too old to be read, or `last + 1`. Events of a stream are in the
 *  order of their time, so it is looked for by halves: however many have expired, some twenty are read. Where a clock was
 *  set back they are not, and each is looked at by whoever reads. */
export const firstUnexpired = (
  storage: Storage,
  { stream, metadata, first, last, now }: ReadableRange & { readonly now: number },
): number => {
  if (metadata.maxAge === undefined || !storage.isInOrder()) return first
  let [low, high] = [first, last + 1]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const [event] = storage.streamForwards(stream, middle, 1)
    // A scavenge leaves gaps: the next event that exists stands for them.
    if (event === undefined || event.revision > last) high = middle
    else if (isExpired(metadata, event, now)) low = event.revision + 1
    else high = middle
  }
  return low
}

export type ReadableRange = {
  /** The stream's number. */
  readonly stream: number
  readonly metadata: StreamMetadata
  readonly first: number
  readonly last: number
}

/** A stream that was deleted for good, or the metadata of one. */
export const isTombstoned = (storage: Storage, name: string): boolean =>
  storage.stream(name).last === TOMBSTONE_REVISION ||
  (isMetastream(name) && storage.stream(originalOf(name)).last === TOMBSTONE_REVISION)
