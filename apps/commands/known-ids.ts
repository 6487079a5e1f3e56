/** Which message ids a room has certainly never had, so that a new message needs no database. A Bloom filter with a few
 *  bits per id, filled once from the tables and then from the log. */
import { hash } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { LRUCache } from 'lru-cache'
import type { MessageFacts } from '../../domain/chat/state.ts'
import { type SpaceRef, streamName } from '../../domain/names.ts'
import type { PassedEvent, RecordedEvent } from '../../domain/ports.ts'
import type { ReadModels } from '../../projections/read-models.ts'
import type { MessageLookup } from './message-lookup.ts'

/** With 16 bits per id, 8 of them set, one in 1,700 new ids is looked up unnecessarily. */
const BITS_EACH = 16
const SET_EACH = 8
const UUID_LENGTH = 36
const LEAST = 4_096
/** If a room has more messages than this, they are looked up. */
const MOST_IDS = 1_000_000
const ALL_BYTES = 32 * 1024 * 1024
const PAGE = 10_000
const PATIENCE_MS = 2_000

type Ids = { readonly bits: Uint8Array; readonly room: number; count: number }

/** Spreads what is alike, as ids that somebody made up may be (the last step of MurmurHash3). */
const mixed = (bits: number): number => {
  const once = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35)
  return (twice ^ (twice >>> 16)) >>> 0
}
/** Two numbers of 32 bits. An id is nearly always a UUID, whose own digits are random: a room that wakes has many of them. */
const numbersOf = (id: string): readonly [number, number] => {
  const [first, last] = [Number.parseInt(id.slice(0, 8), 16), Number.parseInt(id.slice(-8), 16)]
  if (id.length === UUID_LENGTH && first >= 0 && last >= 0) return [mixed(first), mixed(last ^ 0x9e3779b9)]
  const digest = hash('sha256', id, 'buffer')
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)]
}
/** From two numbers as many as are needed (Kirsch and Mitzenmacher, Less Hashing, Same Performance). */
const placesOf = (id: string, size: number): ReadonlyArray<number> => {
  const [first, step] = numbersOf(id)
  const places: number[] = []
  for (let i = 0; i < SET_EACH; i += 1) places.push((first + i * step) % size)
  return places
}
const put = (ids: Ids, id: string): void => {
  for (const place of placesOf(id, 8 * ids.bits.length)) ids.bits[place >> 3]! |= 1 << (place & 7)
  ids.count += 1
}
const has = (ids: Ids, id: string): boolean =>
  placesOf(id, 8 * ids.bits.length).every((place) => (ids.bits[place >> 3]! & (1 << (place & 7))) !== 0)

const postedId = ({ type, data }: RecordedEvent): string | null => {
  if (type !== 'MessagePosted' || typeof data !== 'object' || data === null) return null
  const { messageId } = data as { messageId?: unknown }
  return typeof messageId === 'string' ? messageId : null
}

/** Wraps the lookup, so that it asks only for messages that may exist. */
export const withKnownIds = (
  lookup: MessageLookup,
  models: Pick<ReadModels, 'waitFor' | 'messageIds'>,
): MessageLookup => {
  const rooms = new LRUCache<string, Ids>({
    maxSize: ALL_BYTES,
    sizeCalculation: ({ bits }) => bits.length,
  })
  /** By stream, the ids that came while the stream's ids are read. */
  const making = new Map<string, Array<string>>()
  /** The last event of the log that was seen here. */
  let seen: bigint | null = null

  const read = async (space: SpaceRef): Promise<ReadonlyArray<string> | null> => {
    const all: string[] = []
    for (let after = -1n; ; ) {
      const page = await models.messageIds(space, after, PAGE)()
      if (E.isLeft(page)) return null
      for (const { message_id } of page.right) all.push(message_id)
      const last = page.right.at(-1)
      if (last === undefined || page.right.length < PAGE) return all
      if (all.length > MOST_IDS) return null
      after = last.revision
    }
  }
  const make = async (space: SpaceRef): Promise<void> => {
    const stream = streamName('chat', space)
    if (seen === null || making.has(stream) || rooms.has(stream)) return
    const since: string[] = []
    making.set(stream, since)
    try {
      const isThere = await models.waitFor(seen, PATIENCE_MS)()
      if (E.isLeft(isThere) || !isThere.right) return
      const all = await read(space)
      // An event came unread meanwhile: its id is missing.
      if (all === null || making.get(stream) !== since) return
      const room = Math.max(LEAST, 2 * (all.length + since.length))
      const ids: Ids = { bits: new Uint8Array(Math.ceil((room * BITS_EACH) / 8)), room, count: 0 }
      for (const id of all) put(ids, id)
      for (const id of since) put(ids, id)
      rooms.set(stream, ids)
    } finally {
      if (making.get(stream) === since) making.delete(stream)
    }
  }
  const makeBehind = (space: SpaceRef): void => void make(space).catch(() => {})

  const find: MessageLookup = (space, messageIds, position) => async () => {
    const ids = rooms.get(streamName('chat', space))
    const isKnown = ids !== undefined && seen !== null && seen >= position
    const asked = isKnown ? messageIds.filter((id) => has(ids, id)) : messageIds
    const found = new Map<string, MessageFacts | null>(messageIds.map((id) => [id, null]))
    if (asked.length > 0) {
      const told = await lookup(space, asked, position)()
      if (E.isLeft(told)) return told
      for (const [id, facts] of told.right) found.set(id, facts)
    }
    if (!isKnown) makeBehind(space)
    return E.right(found)
  }
  return Object.assign(find, {
    warm: makeBehind,
    observe: (event: RecordedEvent): void => {
      if (seen === null || event.position > seen) seen = event.position
      if (!event.stream.startsWith('chat-')) return
      const id = postedId(event)
      if (id === null) return
      making.get(event.stream)?.push(id)
      const ids = rooms.peek(event.stream)
      if (ids === undefined) return
      put(ids, id)
      // The filter is fuller than planned: the next caller makes a new one.
      if (ids.count > ids.room) rooms.delete(event.stream)
    },
    wants: (stream: string) => rooms.peek(stream) !== undefined || making.has(stream),
    passed: ({ stream, position }: PassedEvent): void => {
      if (seen === null || position > seen) seen = position
      // It came before anybody asked for the room, and is taken only now: it may have brought an id.
      rooms.delete(stream)
      making.delete(stream)
    },
  })
}
