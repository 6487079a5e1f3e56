/** Soft-deleted streams: their metadata say that everything is truncated, and a write would begin them anew. */
import type { RecordedEvent } from '../../domain/ports.ts'

const ROOM_STREAM = /^(?:space|chat)-/

/** One whose events are a room's history. */
export const isRoomStream = (stream: string): boolean => ROOM_STREAM.test(stream)

/** Where the metadata of a stream stand. */
export const metastreamOf = (stream: string): string => `$$${stream}`

const METASTREAMS = '$$'
/** The room's stream whose metadata these are; null for any other stream. */
export const roomStreamOf = (stream: string): string | null => {
  const original = stream.startsWith(METASTREAMS) ? stream.slice(METASTREAMS.length) : ''
  return isRoomStream(original) ? original : null
}
/** The prefixes to subscribe to besides the rooms' streams, to hear that one of them was deleted or cut. */
export const ROOM_METASTREAMS = [metastreamOf('space-'), metastreamOf('chat-')]

/** The largest revision there is, as a number that JSON is read into. */
const ALL = Number(0x7fff_ffff_ffff_ffffn)

export const isSoftDeletion = ({ data }: RecordedEvent): boolean =>
  typeof data === 'object' && data !== null && (data as { $tb?: unknown }).$tb === ALL
