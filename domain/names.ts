/** The forms of every name that crosses an edge: spaces, rooms, accounts, guests. Nothing here does IO. */
import * as E from 'fp-ts/lib/Either.js'

export const SPACE_TYPES = ['post', 'document', 'community', 'global'] as const
export type SpaceType = (typeof SPACE_TYPES)[number]

/** A space's name in its two parts. `id` is already decoded: `alice/my-post`, never `alice%2Fmy-post`. */
export type SpaceRef = { readonly type: SpaceType; readonly id: string }
/** `type:id`, for example `post:alice/my-360-photo`. */
export type SpaceKey = string
/** `type:id:subspace`, the unit that hears a broadcast. */
export type RoomKey = string

export type InvalidSpace = { readonly _tag: 'InvalidSpace'; readonly detail: string }

export const LOBBY: SpaceRef = { type: 'global', id: 'lobby' }
export const MAIN = 'main'
const MAX_ID = 255

const ACCOUNT_SEGMENT = '[a-z][a-z0-9-]+[a-z0-9]'
const ACCOUNT = new RegExp(`^${ACCOUNT_SEGMENT}(?:\\.${ACCOUNT_SEGMENT})*$`)
const GUEST = /^guest:[0-9a-f]{12}$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

/** Hive's grammar: 3 to 16 characters, dot-separated segments of at least 3, each of letters, digits and
 *  hyphens, with a letter first and no hyphen last. Source: hive's `is_valid_account_name`. */
export const isAccount = (s: string): boolean => s.length >= 3 && s.length <= 16 && ACCOUNT.test(s)

export const isGuest = (s: string): boolean => GUEST.test(s)

const SERVICE = /^service:[a-z][a-z0-9-]{0,30}[a-z0-9]-[0-9a-f]{8}$/
/** A bot or a backend: `service:`, its name and eight hex digits of its key’s id. */
export const isService = (s: string): boolean => SERVICE.test(s)

const invalid = (detail: string): E.Either<InvalidSpace, never> => E.left({ _tag: 'InvalidSpace', detail })

const isWellFormed = (s: string): boolean => (s as string & { isWellFormed(): boolean }).isWellFormed()

/** A space from its two parts, as they come from a URL (decoded) or a socket message. */
export const parseSpace = (type: unknown, id: unknown): E.Either<InvalidSpace, SpaceRef> => {
  if (typeof type !== 'string' || !(SPACE_TYPES as ReadonlyArray<string>).includes(type))
    return invalid(`The space type must be one of ${SPACE_TYPES.join(', ')}.`)
  if (typeof id !== 'string' || id.length === 0) return invalid('The space id is missing.')
  if (id.length > MAX_ID) return invalid(`The space id is longer than ${MAX_ID} characters.`)
  if (FORBIDDEN.test(id) || !isWellFormed(id) || id.trim() !== id)
    return invalid('The space id has characters that a space id may not have.')
  if (type === 'post') {
    const parts = id.split('/')
    if (parts.length !== 2) return invalid('A post id is author/permlink, with exactly one slash.')
    const [author, permlink] = parts as [string, string]
    if (!isAccount(author)) return invalid('The author in the post id is not a Hive account name.')
    // Hive allows hyphens anywhere in it, also at the beginning.
    if (!/^[a-z0-9-]+$/.test(permlink)) return invalid('The permlink in the post id is not of Hive’s form.')
  } else if (id.includes('/')) return invalid(`A ${type} id has no slash.`)
  return E.right({ type: type as SpaceType, id })
}

/** `main`, or `main-` and a name: letters, digits, hyphens, dots and underscores, 64 characters at most. */
export const parseSubspace = (subspace: unknown): E.Either<InvalidSpace, string> => {
  if (subspace === undefined || subspace === null || subspace === '') return E.right(MAIN)
  if (
    typeof subspace !== 'string' ||
    subspace.length > 64 ||
    !/^main(-[a-zA-Z0-9][a-zA-Z0-9._-]*)?$/.test(subspace)
  )
    return invalid(
      'A subspace is main, or main- and a name of letters, digits, dots, hyphens and underscores.',
    )
  return E.right(subspace)
}

export const spaceKey = (space: SpaceRef): SpaceKey => `${space.type}:${space.id}`
export const roomKey = (space: SpaceRef, subspace: string): RoomKey => `${space.type}:${space.id}:${subspace}`

/** The reverse of `spaceKey`, for names that this project wrote itself (streams, rows). */
export const parseSpaceKey = (key: SpaceKey): E.Either<InvalidSpace, SpaceRef> => {
  const colon = key.indexOf(':')
  return colon < 0 ? invalid('A space is type:id.') : parseSpace(key.slice(0, colon), key.slice(colon + 1))
}

export type StreamKind = 'space' | 'chat' | 'refusal' | 'cases'
/** The kinds of stream that a room's history is made from; what is done about cases is not part of it. */
export type RoomStreamKind = Exclude<StreamKind, 'cases'>
/** The stream of looks at the audit log: `access-<space>`, or `access-global:*` for a look at all spaces. Looks are
 *  audited, and in no other table. */
export const ACCESS_PREFIX = 'access-'
/** The one stream of keys and subscriptions (`domain/outside`). They are audited, and in no table. */
export const OUTSIDE_PREFIX = 'outside-'
export const OUTSIDE_STREAM = `${OUTSIDE_PREFIX}global:*`
/** Streams of reports, cases and appeals: only auditors see them in the audit log, and no room, bundle or feed contains them. */
export const CASES_PREFIX = 'cases-'
/** The prefix of every stream that is in the audit log. */
export const STREAM_PREFIXES = [
  'space-',
  'chat-',
  'refusal-',
  CASES_PREFIX,
  ACCESS_PREFIX,
  OUTSIDE_PREFIX,
] as const
const EVERYWHERE: SpaceRef = { type: 'global', id: '*' }
export const accessStream = (space: SpaceRef | null): string =>
  `${ACCESS_PREFIX}${spaceKey(space ?? EVERYWHERE)}`
export const isAccessStream = (stream: string): boolean => stream.startsWith(ACCESS_PREFIX)
/** Whether the stream is audited and used for nothing else. */
export const isOnlyAudited = (stream: string): boolean =>
  isAccessStream(stream) || stream.startsWith(OUTSIDE_PREFIX)
export const streamName = (kind: StreamKind, space: SpaceRef): string => `${kind}-${spaceKey(space)}`
export const parseStreamName = (
  stream: string,
): E.Either<InvalidSpace, { readonly kind: StreamKind; readonly space: SpaceRef }> => {
  const dash = stream.indexOf('-')
  const kind = stream.slice(0, dash)
  if (kind !== 'space' && kind !== 'chat' && kind !== 'refusal' && kind !== 'cases')
    return invalid('Not a stream of a space.')
  return E.map((space: SpaceRef) => ({ kind: kind as StreamKind, space }))(
    parseSpaceKey(stream.slice(dash + 1)),
  )
}
