/** An event as readers outside the rooms get it: a line of the feed, and the body of a delivery. */
import * as E from 'fp-ts/lib/Either.js'
import { type Decoded, decodeRecorded } from '../../domain/codec.ts'
import { parseStreamName, type SpaceRef, spaceKey, streamName } from '../../domain/names.ts'
import type { RecordedEvent } from '../../domain/ports.ts'
import { timeOf } from '../../projections/history/point.ts'

/** A room's three streams: who is in, what is said, what was refused. */
const KINDS = ['space', 'chat', 'refusal'] as const
const PREFIXES = KINDS.map((kind) => `${kind}-`)

/** Which events are wanted: of one space or of all, of some types or of all. */
export type Wanted = { readonly space: SpaceRef | null; readonly types: ReadonlyArray<string> | null }

/** Prefixes of the streams: a space's prefix also matches longer names, which `isWanted` excludes. */
export const prefixesOf = ({ space }: Wanted): ReadonlyArray<string> =>
  space === null ? PREFIXES : KINDS.map((kind) => streamName(kind, space))

export const isWanted = ({ space, types }: Wanted, event: RecordedEvent): boolean =>
  (space === null || KINDS.some((kind) => event.stream === streamName(kind, space))) &&
  (types === null || types.includes(event.type))

/** The space of a room's event; null if the stream's name contains none. */
const spaceOfEvent = (event: Pick<RecordedEvent, 'stream'>): SpaceRef | null => {
  const named = parseStreamName(event.stream)
  return E.isRight(named) ? named.right.space : null
}

export type Item = {
  readonly id: string
  readonly type: string
  readonly space_type: string
  readonly space_id: string
  readonly stream: string
  readonly position: string
  /** The position of the previous event of the same space; null for the first. */
  readonly previous: string | null
  readonly revision: string
  readonly at: string
} & Readonly<Record<string, unknown>>

const said = ({ metadata, event }: Decoded, showsClient: boolean) => ({
  actor: metadata.actor,
  command: metadata.command,
  ...(showsClient && metadata.client !== undefined ? { client: metadata.client } : {}),
  data: event.data,
})

/** `showsClient`: includes address and user agent. For an event that this version can't read, it has only the event's place. */
export const itemOf = (event: RecordedEvent, previous: bigint | null, showsClient: boolean): Item => {
  const decoded = decodeRecorded(event)
  const space = spaceOfEvent(event)
  return {
    id: event.id,
    type: event.type,
    space_type: space?.type ?? 'unknown',
    space_id: space?.id ?? '',
    stream: event.stream.slice(0, event.stream.indexOf('-')),
    position: String(event.position),
    previous: previous === null ? null : String(previous),
    revision: String(event.revision),
    at: timeOf(event),
    ...(E.isRight(decoded)
      ? said(decoded.right, showsClient)
      : { unreadable: decoded.left.reason, data: null }),
  }
}

/** The position of a space's last event before `position`, from the tables. Rejects if they can't say. */
export type PositionBefore = (space: SpaceRef, position: bigint, wanted: Wanted) => Promise<bigint | null>

const REMEMBERED = 10_000

/** Finds the previous event of the same space for each event, given in the log's order; the tables are asked for a space's first. */
export const createPrevious = (wanted: Wanted, before: PositionBefore) => {
  const last = new Map<string, bigint>()
  return async (event: RecordedEvent): Promise<bigint | null> => {
    const space = spaceOfEvent(event)
    if (space === null) return null
    const key = spaceKey(space)
    const known = last.get(key) ?? (await before(space, event.position, wanted))
    last.delete(key)
    last.set(key, event.position)
    if (last.size > REMEMBERED) last.delete(last.keys().next().value ?? '')
    return known
  }
}
