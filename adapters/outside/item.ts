/** An event as readers outside the rooms get it: a line of the feed, and the body of a delivery. */
import * as E from 'fp-ts/lib/Either.js'
import { type Decoded, decodeRecorded } from '../../domain/codec.ts'
import { parseStreamName, type SpaceRef, spaceKey, streamName } from '../../domain/names.ts'
import type { RecordedEvent } from '../../domain/ports.ts'
import { timeOf } from '../../projections/history/point.ts'

/** A room's three streams: who is in, what is said, what was refused. */
const KINDS = ['space', 'chat', 'refusal'] as const
const PREFIXES = KINDS.map((kind) => `${kind}-`)

/** Which events are told: of one space or of all, of some types or of all. */
export type Wanted = { readonly space: SpaceRef | null; readonly types: ReadonlyArray<string> | null }

/** Prefixes of the streams: one of a space's fits longer names too, which `isWanted` tells apart. */
export const prefixesOf = ({ space }: Wanted): ReadonlyArray<string> =>
  space === null ? PREFIXES : KINDS.map((kind) => streamName(kind, space))

export const isWanted = ({ space, types }: Wanted, event: RecordedEvent): boolean =>
  (space === null || KINDS.some((kind) => event.stream === streamName(kind, space))) &&
  (types === null || types.includes(event.type))

/** The space of an event of a room; null for a stream whose name is none. */
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
  /** Of the one before it of the same space; null for the first. */
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

/** `showsClient`: with address and user agent. Of an event that this version can't read, only its place. */
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

/** The last place of a space before `position`, by the tables. Rejects where they can't say. */
export type PositionBefore = (space: SpaceRef, position: bigint, wanted: Wanted) => Promise<bigint | null>

const REMEMBERED = 10_000

/** Which event of its space came before each, told them in the log's order; the tables are asked for a space's first. */
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
