/** Forms of the values in URLs and bodies, as io-ts codecs. The name of each is the sentence that callers get. */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { isSubject } from '../../domain/identity.ts'
import {
  isAccount,
  isGuest,
  parseSpaceKey,
  parseSubspace,
  SPACE_TYPES,
  type SpaceRef,
  type SpaceType,
} from '../../domain/names.ts'
import { isText } from '../../domain/text.ts'
import { readEnd, readTime } from '../../domain/time.ts'
import { PURPOSES, type Purpose } from '../auth/challenges.ts'
import { FORMATS } from './download.ts'
import {
  account,
  guest,
  type JsonSchema,
  position,
  spaceType,
  subject,
  subspace,
  text,
  time,
  uuid,
  whole,
} from './shapes.ts'

const shapes = new WeakMap<object, JsonSchema>()
/** The JSON schema of what a codec accepts, for the documentation. */
export const shapeOf = (codec: object): JsonSchema => shapes.get(codec) ?? text()

/** A text that decodes to something else; the name completes “… must be”, the shape is for the documentation. */
export const from = <A>(
  name: string,
  read: (value: unknown) => A | undefined,
  shape: JsonSchema = text(),
): t.Type<A, unknown, unknown> => {
  const codec = new t.Type<A, unknown, unknown>(
    name,
    (_value): _value is A => true,
    (value, context) => {
      const got = read(value)
      return got === undefined ? t.failure(value, context) : t.success(got)
    },
    (value) => value,
  )
  shapes.set(codec, shape)
  return codec
}

const digits = (value: unknown, max: bigint): bigint | undefined => {
  if (typeof value !== 'string' || !/^\d{1,20}$/.test(value)) return undefined
  const number = BigInt(value)
  return number <= max ? number : undefined
}

export const Text = from('text', (value) => (isText(value) ? value : undefined))
export const Limit = from(
  'a whole number from 1 to 100',
  (value) => {
    const number = digits(value, 100n)
    return number === undefined || number === 0n ? undefined : Number(number)
  },
  whole({ minimum: 1, maximum: 100 }),
)
export const Position = from(
  'a position: a decimal number',
  (value) => digits(value, 2n ** 63n - 1n),
  position,
)
export const SpaceTypeCodec = from(
  `one of ${SPACE_TYPES.join(', ')}`,
  (value) => SPACE_TYPES.find((one) => one === value),
  spaceType,
)
export const isSpaceType = (value: string): value is SpaceType =>
  (SPACE_TYPES as ReadonlyArray<string>).includes(value)
/** The kinds of post that DLUX's own clients ask for. */
const CONTENT_TYPES = [
  '360',
  'aframe',
  'app',
  'art',
  'audio',
  'blog',
  'dapp',
  'game',
  'remix',
  'video',
  'vr',
  'vrml',
]
export const AnyTypeCodec = from(
  `one of ${[...SPACE_TYPES, ...CONTENT_TYPES, 'all'].join(', ')}`,
  (value) => [...SPACE_TYPES, ...CONTENT_TYPES, 'all'].find((one) => one === value),
  text({ enum: [...SPACE_TYPES, ...CONTENT_TYPES, 'all'], description: 'A space’s type, or its content’s.' }),
)
export const Offset = from(
  'a whole number from 0 to 10,000',
  (value) => {
    const number = digits(value, 10_000n)
    return number === undefined ? undefined : Number(number)
  },
  whole({ minimum: 0, maximum: 10_000 }),
)
export const Search = from(
  'text of at most 200 characters',
  (value) => (isText(value) && value.length <= 200 ? value : undefined),
  text({ maxLength: 200 }),
)
export const Account = from(
  'a Hive account name',
  (value) => (typeof value === 'string' && isAccount(value) ? value : undefined),
  account,
)
export const Subject = from(
  'a Hive account name, a guest id or a service',
  (value) => (typeof value === 'string' && isSubject(value) ? value : undefined),
  subject,
)
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
/** Accepted in upper and lower case, as on sockets; in lower case from here on. */
const uuidOf = (value: unknown): string | undefined => {
  const folded = typeof value === 'string' ? value.toLowerCase() : ''
  return UUID.test(folded) ? folded : undefined
}
export const Uuid = from('a UUID', uuidOf, uuid)
export const MessagePlace = from(
  'a message id or a revision',
  (value) => uuidOf(value) ?? digits(value, 2n ** 63n - 1n)?.toString(),
  text({ description: 'A message id or a revision.' }),
)
export const SpaceKeyCodec = from<SpaceRef>(
  'a space: type:id',
  (value) => {
    const space = typeof value === 'string' ? parseSpaceKey(value) : E.left(null)
    return E.isRight(space) ? space.right : undefined
  },
  text({ description: 'type:id' }),
)
/** A space from its key, as this project wrote it; null for none. */
export const spaceFrom = (key: string | null): SpaceRef | null => {
  const space = key === null ? E.left(null) : parseSpaceKey(key)
  return E.isRight(space) ? space.right : null
}
const timeBy = (read: (text: string) => Date | null) =>
  from(
    'a time such as 2026-01-31T12:00:00Z',
    (value) => {
      // A time in a URL has no blank, and the database has no times outside these years.
      const found = typeof value === 'string' && !value.includes(' ') ? read(value) : null
      const year = found?.getUTCFullYear() ?? 0
      return found !== null && year >= 1 && year <= 9_999 ? found : undefined
    },
    time,
  )
export const Time = timeBy(readTime)
/** The end of a range: of a day alone, its last moment. */
export const EndTime = timeBy(readEnd)
export const Action = from(
  'an event’s type, such as SessionJoined',
  (value) => (typeof value === 'string' && /^[A-Za-z]{1,64}$/.test(value) ? value : undefined),
  text({ description: 'An event’s type, such as SessionJoined.' }),
)
export const SubspaceCodec = from(
  'a room: main, or main- and a name',
  (value) => {
    const subspace = typeof value === 'string' && value !== '' ? parseSubspace(value) : E.left(null)
    return E.isRight(subspace) ? subspace.right : undefined
  },
  subspace,
)
export const GuestCodec = from(
  'a guest id',
  (value) => (typeof value === 'string' && isGuest(value) ? value : undefined),
  guest,
)
/** An account, a guest or a message. */
export const Target = from('an account, a guest id or a message id', (value) =>
  typeof value === 'string' && (isAccount(value) || isGuest(value)) ? value : uuidOf(value),
)
export const RefusalCode = from('the code of a refusal, such as space_full', (value) =>
  typeof value === 'string' && /^[a-z_]{1,64}$/.test(value) ? value : undefined,
)
export const SearchText = from(
  'text of 1 to 200 characters',
  (value) => (isText(value) && value.length >= 1 && value.length <= 200 ? value : undefined),
  text({ minLength: 1, maxLength: 200 }),
)
export const Correlation = from('a request id', (value) =>
  typeof value === 'string' && /^[A-Za-z0-9._:-]{1,128}$/.test(value) ? value : undefined,
)
export const Order = from(
  'newest or oldest',
  (value) => (value === 'newest' || value === 'oldest' ? value : undefined),
  text({ enum: ['newest', 'oldest'] }),
)
export const FormatCodec = from(
  'json, ndjson or csv',
  (value) => FORMATS.find((one) => one === value),
  text({ enum: [...FORMATS] }),
)
export const PurposeCodec = from<Purpose>(
  `one of ${PURPOSES.join(', ')}`,
  (value) => PURPOSES.find((one) => one === value),
  text({ enum: [...PURPOSES] }),
)
/** A message's words; the domain checks their length. */
export const Content = from(
  'text',
  (value) => (typeof value === 'string' ? value : undefined),
  text({ minLength: 1, maxLength: 2_000 }),
)
/** Passed on unchanged, for another part to check. */
const asItCame = (name: string, shape: JsonSchema): t.Type<unknown, unknown, unknown> =>
  from<unknown>(name, (value) => value, shape)
/** Checked by `parseSubspace`. */
export const AnySubspace = asItCame('a subspace', subspace)
/** Checked with the proof. */
const AnyChallenge = asItCame(
  'a challenge',
  text({ description: 'What was signed, beside `Bearer <signature>:<account>`.' }),
)
/** A proof in a body. */
export const PROOF = {
  account: asItCame('an account', text({ description: 'Who signed.' })),
  challenge: AnyChallenge,
  signature: asItCame('a signature', text({ description: 'Of the challenge.' })),
  pubkey: asItCame('a key', text({ description: 'The key that signed, where it is named.' })),
}
export const PermissionCodec = t.union(
  [t.literal('access'), t.literal('moderate'), t.literal('admin')],
  'access, moderate or admin',
)
export const Switch = from('true or false', (value) => (typeof value === 'boolean' ? value : undefined), {
  type: 'boolean',
})
const leftOut = new WeakSet<object>()
/** Whether a codec accepts a missing value, for the documentation. */
export const isOptional = (codec: object): boolean => leftOut.has(codec)

/** Null if it is left out. */
export const optional = <A>(codec: t.Type<A, unknown, unknown>): t.Type<A | null, unknown, unknown> => {
  const made = new t.Type<A | null, unknown, unknown>(
    codec.name,
    (_value): _value is A | null => true,
    (value, context) =>
      value === undefined || value === null ? t.success(null) : codec.validate(value, context),
    (value) => value,
  )
  leftOut.add(made)
  shapes.set(made, shapeOf(codec))
  return made
}
