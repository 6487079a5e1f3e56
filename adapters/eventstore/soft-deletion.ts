/** Soft-deleted streams: their metadata say that everything is truncated, and a write would begin them anew. */
import type { RecordedEvent } from '../../domain/ports.ts'

const ROOM_STREAM = /^(?:space|chat)-/

/** Whether the stream's events are a room's history. */
export const isRoomStream = (stream: string): boolean => ROOM_STREAM.test(stream)

/** The stream that contains a stream's metadata. */
export const metastreamOf = (stream: string): string => `$$${stream}`

const METASTREAMS = '$$'
/** The room's stream to which this metadata stream belongs; null for any other stream. */
export const roomStreamOf = (stream: string): string | null => {
  const original = stream.startsWith(METASTREAMS) ? stream.slice(METASTREAMS.length) : ''
  return isRoomStream(original) ? original : null
}
/** The prefixes to subscribe to besides the rooms' streams, to learn that one of those was deleted or cut. */
export const ROOM_METASTREAMS = [metastreamOf('space-'), metastreamOf('chat-')]

/** The largest possible revision, as the number that results from parsing it as JSON. */
const ALL = Number(0x7fff_ffff_ffff_ffffn)

export const isSoftDeletion = ({ data }: RecordedEvent): boolean =>
  typeof data === 'object' && data !== null && (data as { $tb?: unknown }).$tb === ALL
