/** The fold of one of a room's streams, up to some event of it. */
import * as E from 'fp-ts/lib/Either.js'
import { type Decoded, decodeRecorded } from '../../domain/codec.ts'
import type { RecordedEvent } from '../../domain/ports.ts'
import { Failed } from './errors.ts'
import type { Folding } from './folding.ts'
import type { Ref } from './refs.ts'

/** The fold after some event. `latest` (ms) is the newest time of any event so far: with several clocks, an event may
 *  say an earlier time than the one before it. */
export type Point<S> = {
  readonly state: S
  /** The revision of the last event in it (-1 for none); then its position, id and time. */
  readonly revision: number
  readonly position: bigint | null
  readonly id: string
  readonly at: string | null
  readonly latest: number
}

export type EventPlace = { readonly revision: number; readonly position: bigint; readonly latest: number }
/** Whether a moment ends before this event. Once true, true of all that follow. */
export type IsPast = (where: EventPlace) => boolean

export const readable = (recorded: RecordedEvent): Decoded => {
  const decoded = decodeRecorded(recorded)
  if (E.isRight(decoded)) return decoded.right
  const { stream, revision } = recorded
  throw new Failed({ _tag: 'Unreadable', cause: `event ${revision} of ${stream}: ${decoded.left.reason}` })
}
export const refOf = ({
  revision,
  position,
  id,
}: Pick<RecordedEvent, 'revision' | 'position' | 'id'>): Ref => ({
  revision: Number(revision),
  position: String(position),
  id,
})

type Placed = Pick<RecordedEvent, 'revision' | 'position' | 'metadata'>

/** The time in an event's metadata, even if the event can't be read; null if there is none. */
const saidAt = (metadata: unknown): string | null => {
  const at = typeof metadata === 'object' && metadata !== null && 'at' in metadata ? metadata.at : null
  return typeof at === 'string' && !Number.isNaN(Date.parse(at)) ? at : null
}
/** The same, or the time when it was written. */
export const timeOf = ({ metadata, created }: Pick<RecordedEvent, 'metadata' | 'created'>): string =>
  saidAt(metadata) ?? created.toISOString()
/** The newest time so far; an invalid date is ignored. */
const later = (latest: number, metadata: unknown): number => {
  const at = saidAt(metadata)
  return at === null ? latest : Math.max(latest, Date.parse(at))
}
/** Works for an event that can't be read, too. */
export const whereOf = (latest: number, { revision, position, metadata }: Placed): EventPlace => ({
  revision: Number(revision),
  position,
  latest: later(latest, metadata),
})

export const nothing = <S>(folding: Folding<S>): Point<S> => ({
  state: folding.initial(),
  revision: -1,
  position: null,
  id: '',
  at: null,
  latest: 0,
})

/** Consumes the point. */
export const after = <S>(
  folding: Folding<S>,
  point: Point<S>,
  decoded: Decoded,
  { revision, position, latest }: EventPlace = whereOf(point.latest, decoded),
): Point<S> => ({
  state: folding.apply(point.state, decoded, refOf(decoded)),
  revision,
  position,
  id: decoded.id,
  at: decoded.metadata.at,
  latest,
})

/** The same after an event that can't be read: its change is missing. */
export const passed = <S>(point: Point<S>, recorded: RecordedEvent, where: EventPlace): Point<S> => ({
  ...point,
  ...where,
  id: recorded.id,
  at: timeOf(recorded),
})
