/** The one place that turns events into what the log holds, and back. */
import * as E from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import type { CaseEvent } from './cases/events.ts'
import type { ChatEvent } from './chat/events.ts'
import { type AnyEvent, EVENT_NAMES, eventEntry, isEventName } from './events.ts'
import { Metadata } from './metadata.ts'
import { parseStreamName, type SpaceRef, type StreamKind } from './names.ts'
import type { NewEvent, RecordedEvent } from './ports.ts'
import type { CommandRefused } from './refused.ts'
import type { SpaceEvent } from './space/events.ts'
import { upcast } from './upcast.ts'

export type { AnyEvent } from './events.ts'

type Recorded = {
  readonly space: SpaceRef
  readonly metadata: Metadata
  readonly stream: string
  readonly revision: bigint
  readonly position: bigint
  readonly id: string
  readonly created: Date
}
/** An event of the log in today's shape, with its place and time there. */
export type Decoded = Recorded &
  (
    | { readonly kind: 'space'; readonly event: SpaceEvent }
    | { readonly kind: 'chat'; readonly event: ChatEvent }
    | { readonly kind: 'refusal'; readonly event: CommandRefused }
    | { readonly kind: 'cases'; readonly event: CaseEvent }
  )

/** `field` is the path of what is wrong, for example `data.sessionId`. */
export type Undecodable = { readonly reason: string; readonly field?: string }

/** Every event type that the log may hold. */
export const EVENT_TYPES: ReadonlyArray<string> = EVENT_NAMES

/** An event as it is appended, except for its id. Undefined members are not written; `schema` is the event's own. */
export const encodeEvent = (event: AnyEvent, metadata: Metadata): Omit<NewEvent, 'id'> => {
  const { schema } = eventEntry(event.type)
  return {
    type: event.type,
    data: event.data,
    metadata: metadata.schema === schema ? metadata : { ...metadata, schema },
  }
}

type Stream = { readonly kind: StreamKind; readonly space: SpaceRef }
const MEMO = 10_000
const streams = new Map<string, Stream>()

/** Stream names repeat by the thousand, so their parts are remembered. */
const readStream = (name: string): E.Either<Undecodable, Stream> => {
  const known = streams.get(name)
  if (known !== undefined) return E.right(known)
  const parsed = parseStreamName(name)
  if (E.isLeft(parsed)) return E.left({ reason: parsed.left.detail, field: 'stream' })
  if (streams.size >= MEMO) streams.clear()
  streams.set(name, parsed.right)
  return parsed
}

/** The first of a codec's complaints at the deepest place. Slow, so it is only asked for after the quick check has failed. */
const complaint = (codec: t.Mixed, value: unknown, root: string): Undecodable => {
  const decoded = codec.decode(value)
  if (E.isRight(decoded)) return { reason: `The ${root} is not of its form.`, field: root }
  const deepest = decoded.left.reduce((a, b) => (b.context.length > a.context.length ? b : a))
  // Members of unions and intersections have numbers for keys, which say nothing of the value's path.
  const keys = deepest.context.filter((_, i, all) => {
    const above = all[i - 1]?.type as { readonly _tag?: string } | undefined
    return i > 0 && above?._tag !== 'UnionType' && above?._tag !== 'IntersectionType'
  })
  const field = [root, ...keys.map(({ key }) => key)].join('.')
  return { reason: `${field} is not of its form.`, field }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Reads an event of a `space-`, `chat-`, `refusal-` or `cases-` stream. Strict about the fields that are needed; other
 *  fields are kept. Cheap: it copies nothing, and works out what is wrong only if something is. */
export const decodeRecorded = (recorded: RecordedEvent): E.Either<Undecodable, Decoded> => {
  const { type, stream, revision, position, id, created } = recorded
  const named = readStream(stream)
  if (E.isLeft(named)) return named
  if (!isEventName(type)) return E.left({ reason: `There is no event of type ${type}.`, field: 'type' })
  const { kind, space } = named.right
  const entry = eventEntry(type)
  if (entry.stream !== kind)
    return E.left({ reason: `A ${type} does not belong in a ${kind} stream.`, field: 'type' })
  const metadata = recorded.metadata
  if (!isObject(metadata)) return E.left({ reason: 'There is no metadata.', field: 'metadata' })
  if (!Metadata.is(metadata)) return E.left(complaint(Metadata, metadata, 'metadata'))
  let data = recorded.data
  if (metadata.schema !== entry.schema) {
    const today = upcast({ type, data, schema: metadata.schema }, entry.schema)
    if (E.isLeft(today)) return E.left({ reason: today.left, field: 'metadata.schema' })
    data = today.right
  }
  if (!entry.data.is(data)) return E.left(complaint(entry.data, data, 'data'))
  // The entry was picked by type and has checked the data: this is the event that `kind` promises.
  const event = { type, data } as never
  return E.right({ kind, event, space, metadata, stream, revision, position, id, created })
}
