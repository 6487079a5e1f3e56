/** Codecs of what clients send. Forms and types are checked here; the domain checks the values of words and numbers. */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { OWNERSHIP } from '../../domain/scene/entity.ts'
import { type Described, invalid } from '../refusals.ts'
import { isOwnEventName } from './own-event-names.ts'
import { optional, Text } from './payload-parts.ts'

/** A revision as this service writes it, -1 if there was nothing yet; a whole number is accepted, too. */
const Revision = new t.Type<bigint, string, unknown>(
  'Revision',
  (u): u is bigint => typeof u === 'bigint',
  (u, context) => {
    const text = typeof u === 'number' && Number.isSafeInteger(u) ? String(u) : u
    return typeof text === 'string' && /^(-1|0|[1-9]\d{0,18})$/.test(text)
      ? t.success(BigInt(text))
      : t.failure(u, context)
  },
  String,
)
const JsonObject = new t.Type<Record<string, unknown>, Record<string, unknown>, unknown>(
  'JsonObject',
  (u): u is Record<string, unknown> => typeof u === 'object' && u !== null && !Array.isArray(u),
  (u, context) =>
    typeof u === 'object' && u !== null && !Array.isArray(u)
      ? t.success(u as Record<string, unknown>)
      : t.failure(u, context),
  t.identity,
)

export const JoinSpacePayload = t.type({
  spaceType: Text,
  spaceId: Text,
  subspace: optional(Text),
  position: t.unknown,
  avatar_data: t.unknown,
  since: optional(t.type({ space: Revision, chat: Revision })),
  /** The client's own session from before its connection was lost. */
  replaces: optional(Text),
  /** The wire on which the client wants positions. */
  scene: optional(t.keyof({ json: null, packed: null })),
  /** Whether the client is told of everybody, or of people in pages and counts. */
  users: optional(t.keyof({ all: null, paged: null })),
})
export type JoinSpacePayload = t.TypeOf<typeof JoinSpacePayload>
export const UsersPage = t.type({ after: optional(Text) })
export const Nothing = t.union([t.UnknownRecord, t.undefined, t.null])
export const ChatMessage = t.type({
  content: Text,
  message_type: optional(Text),
  parent_message_id: optional(Text),
  message_id: optional(Text),
})
export const ChatEdit = t.type({ message_id: Text, content: Text })
export const ChatDelete = t.type({ message_id: Text })
export const ChatReaction = t.type({ message_id: Text, emoji: Text, remove: optional(t.boolean) })
/** The offer, the answer or the candidate comes with it, for the receiving browser to interpret. */
export const Signal = t.intersection([t.type({ targetSocketId: Text }), t.UnknownRecord])
/** What the SFU's client module sends to it through us. */
export const VoiceSignal = t.type({ signal: JsonObject })
export const AframeUpdate = JsonObject
const MAX_NAME = 64
/** The type of a client's message to the others. Types of the server's own events are refused. */
const DataType = new t.Type<string, string, unknown>(
  'DataType',
  (u): u is string => typeof u === 'string',
  (u, context) =>
    typeof u === 'string' && u.length > 0 && u.length <= MAX_NAME && !isOwnEventName(u)
      ? t.success(u)
      : t.failure(u, context),
  t.identity,
)
export const RoomData = t.type({ to: optional(Text), type: DataType, data: t.unknown })
export type RoomData = t.TypeOf<typeof RoomData>

/** An entity by its id. */
export const Entity = t.type({ id: Text })
export const Spawn = t.type({
  id: optional(Text),
  template: optional(Text),
  ownership: optional(
    t.keyof({ free: null, ask: null, locked: null } satisfies Record<(typeof OWNERSHIP)[number], null>),
  ),
  stays: optional(t.boolean),
  components: optional(t.UnknownRecord),
})
export const Give = t.type({ id: Text, to: optional(Text) })

const MAX_DEPTH = 64
/** Whether it is nothing but JSON: no binary attachments, and not nested so deep that walking it is dangerous. */
const isJson = (value: unknown, depth = 0): boolean => {
  if (typeof value !== 'object' || value === null) return true
  if (depth > MAX_DEPTH) return false
  if (Array.isArray(value)) return value.every((item) => isJson(item, depth + 1))
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return false
  for (const key of Object.keys(value)) {
    if (key === '__proto__') return false
    if (!isJson((value as Record<string, unknown>)[key], depth + 1)) return false
  }
  return true
}

/** An error in any of these is an error in the space. */
const SPACE_FIELDS: ReadonlySet<string> = new Set(['spaceType', 'spaceId', 'subspace'])

/** The name on the wire of the field that is wrong, and what is wrong with it. */
const complaint = (errors: t.Errors): Described => {
  const deepest = errors.reduce((a, b) => (b.context.length > a.context.length ? b : a))
  const field = deepest.context.find(({ key }) => key !== '' && !/^\d+$/.test(key))?.key
  if (field !== undefined && SPACE_FIELDS.has(field))
    return invalid('space', `${field} is missing or not of its form.`)
  return field === undefined
    ? invalid('payload', 'The payload is not an object of the form that this event takes.')
    : invalid(field, `${field} is missing or not of its form.`)
}

export const decodePayload = <A>(
  codec: t.Type<A, unknown, unknown>,
  payload: unknown,
): E.Either<Described, A> => {
  if (!isJson(payload)) return E.left(invalid('payload', 'The payload is not plain JSON, or too deep.'))
  if (Array.isArray(payload)) return E.left(invalid('payload', 'The payload is not an object.'))
  const decoded = codec.decode(payload)
  return E.isLeft(decoded) ? E.left(complaint(decoded.left)) : E.right(decoded.right)
}
