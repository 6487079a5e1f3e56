/** The schemas of answers for OpenAPI. A `title` becomes a schema of that name. */

import { choicesOf, eachSetting, type SettingName } from '../../domain/settings.ts'
import { eachMark } from '../../domain/space/session.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

export const text = (more: JsonSchema = {}): JsonSchema => ({ type: 'string', ...more })
export const whole = (more: JsonSchema = {}): JsonSchema => ({ type: 'integer', ...more })
export const yesNo: JsonSchema = { type: 'boolean' }
export const free: JsonSchema = { type: 'object', additionalProperties: true }
/** Any JSON at all: a client's own words. */
export const anything: JsonSchema = {}
export const orNull = (schema: JsonSchema): JsonSchema => ({ ...schema, nullable: true })
export const listOf = (items: JsonSchema): JsonSchema => ({ type: 'array', items })
/** Every property is always there, except those marked with `sometimes`. */
export const shape = (
  title: string,
  properties: Readonly<Record<string, JsonSchema>>,
  atTimes: ReadonlyArray<string> = [],
): JsonSchema => ({
  title,
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !atTimes.includes(name)),
})
/** A property that is not always in the answer. */
export const sometimes = (schema: JsonSchema): JsonSchema => ({ ...schema, 'x-sometimes': true })

export const position = text({ pattern: '^[0-9]+$', description: 'A position on the log.' })
export const revision = text({ pattern: '^(-1|[0-9]+)$', description: 'An event’s number in its stream.' })
export const time = text({ format: 'date-time' })
export const account = text({
  pattern: '^(?=.{3,16}$)[a-z][a-z0-9-]+[a-z0-9](\\.[a-z][a-z0-9-]+[a-z0-9])*$',
  description: 'A Hive account name.',
})
export const guest = text({ pattern: '^guest:[0-9a-f]{12}$', description: 'A guest.' })
export const subject = text({ description: 'A Hive account name or a guest id.' })
export const uuid = text({ format: 'uuid' })
export const spaceType = text({ enum: ['post', 'document', 'community', 'global'] })
export const spaceId = text({ description: 'A post’s is author/permlink.' })
export const subspace = text({ description: 'A room of the space: main, or main- and a name.' })
export const permission = text({ enum: ['access', 'moderate', 'admin'] })
const role = text({ enum: ['access', 'moderate', 'admin', 'owner'] })

/** The schema of each setting. */
export const SETTINGS: Readonly<Record<SettingName, JsonSchema>> = eachSetting(
  (name, { kind, limits, says }) => {
    switch (kind) {
      case 'switch':
        return yesNo
      case 'number':
        return whole(limits === null ? {} : { minimum: limits.least, maximum: limits.most })
      case 'choice':
        return text({ enum: [...choicesOf(name)], description: says })
      case 'object':
        return { ...free, description: says }
      default: {
        const never: never = kind
        return never
      }
    }
  },
)

/** The caller's place in the queue of a full room. */
export const QUEUE = {
  position: whole({ description: 'From 1; 0 where it is one’s turn.' }),
  waiting: whole({ description: 'How many wait.' }),
  expected_wait_seconds: orNull(
    whole({ description: 'By the pace of the last turns; null before there were any.' }),
  ),
  until: orNull(
    text({ format: 'date-time', description: 'So long the place is kept unless one asks again.' }),
  ),
  expires_at: orNull(text({ format: 'date-time', description: 'Of one’s turn: so long the seat is held.' })),
}
export const Queue = shape('Queue', QUEUE)

export const Identity = shape(
  'Identity',
  {
    kind: text({ enum: ['account', 'guest', 'service'] }),
    id: text(),
    verified: { ...yesNo, description: 'Proved to be this account, or this service.' },
    claimed: text({ description: 'What a guest says it is; nobody proved it.' }),
  },
  ['claimed'],
)

export const TurnCredentials = shape('TurnCredentials', {
  username: text({ description: '<expiry in Unix seconds>:<account or guest>' }),
  credential: text({ description: 'base64 HMAC-SHA1 of the username.' }),
  password: text({ description: 'The same as credential.' }),
  ttl: whole({ description: 'Seconds.' }),
  uris: listOf(text()),
  iceServers: listOf(
    shape('IceServer', { urls: listOf(text()), username: text(), credential: text() }, [
      'username',
      'credential',
    ]),
  ),
})

export const ListedSpace = shape('ListedSpace', {
  space_type: spaceType,
  space_id: spaceId,
  display_name: text(),
  description: text(),
  type: text({ description: 'The content’s own type: a post’s (vr, 360, …), else the space’s.' }),
  active_users: whole(),
  max_users: whole(),
  created_at: orNull(time),
  creator: orNull(text()),
  capacity: { type: 'object', additionalProperties: true, description: 'used, total, available.' },
})

const MARK_SHAPES = { 'yes-no': yesNo, 'time or null': orNull(time) } as const
/** A session's marks as callers see them. */
export const MARKS_SHOWN: Readonly<Record<string, JsonSchema>> = Object.assign(
  {},
  ...Object.values(
    eachMark((_, { shown }) =>
      Object.fromEntries(Object.entries(shown).map(([name, { kind }]) => [name, MARK_SHAPES[kind]])),
    ),
  ),
)

const ConnectedUser = shape('ConnectedUser', {
  session_id: text(),
  socket_id: text(),
  user_account: orNull(account),
  guest_id: orNull(guest),
  subspace,
  connected_at: time,
  position: anything,
  ...MARKS_SHOWN,
})

const spaceNamed = {
  space_type: spaceType,
  space_id: spaceId,
  title: text(),
  owner: orNull(text()),
  visibility: text({ enum: ['public', 'private'] }),
  active_users: whole(),
  voice_route: orNull(
    text({
      enum: ['mesh', 'sfu'],
      description:
        'How the voice of the main room goes (of the room that was asked for, in the answer to a join); null for one who may not enter.',
    }),
  ),
  ...SETTINGS,
}
export const Space = shape('Space', {
  ...spaceNamed,
  description: text(),
  type: text({ description: 'The content’s own type: a post’s (vr, 360, …), else the space’s.' }),
  connected_users: {
    ...listOf(ConnectedUser),
    description: 'Empty for one who may not enter.',
  },
  created_at: orNull(time),
})
/** What the answer to a join says about the space. */
export const JoinedSpace = shape('JoinedSpace', spaceNamed)
export const roleOrNull = orNull(role)

export const Subroom = shape('Subroom', {
  subspace,
  active_users: whole(),
  voice_route: orNull(text({ enum: ['mesh', 'sfu'], description: 'Null for one who may not enter.' })),
})

export const GrantedPermission = shape('GrantedPermission', {
  user_account: account,
  permission,
  granted_by: text(),
  reason: orNull(text()),
  created_at: time,
})
const restriction = (title: string, by: string): JsonSchema =>
  shape(title, {
    subject,
    [by]: text(),
    reason: orNull(text()),
    until: orNull({ ...time, description: 'Null is for good.' }),
    created_at: time,
  })
export const Restriction = {
  bans: restriction('Ban', 'banned_by'),
  mutes: restriction('Mute', 'muted_by'),
} as const

const said = {
  message_id: uuid,
  user_account: orNull(text()),
  guest_id: orNull(text()),
  display_name: text(),
  message_type: text(),
  content: text(),
  parent_message_id: orNull(uuid),
  thread_root_id: orNull(uuid),
  subspace,
  created_at: time,
  timestamp: { ...time, description: 'The same as created_at.' },
}
/** The fields about a posted message, besides those of every write. If the message was posted before, its words come
 *  from the tables, and are missing while those are behind. */
export const SAID: Readonly<Record<string, JsonSchema>> = Object.fromEntries(
  Object.entries(said).map(([name, schema]) => [
    name,
    name === 'message_id' || name === 'subspace' ? schema : sometimes(schema),
  ]),
)
export const Message = shape('Message', {
  ...said,
  is_deleted: { ...yesNo, description: 'It keeps its place, with empty content.' },
  deleted_by: orNull(text()),
  deleted_at: orNull(time),
  edited_at: orNull(time),
  erased_by: orNull(text()),
  position,
  revision,
  reactions: listOf(shape('Reaction', { emoji: text(), count: whole(), by: listOf(subject) })),
})

export const AuditEntry = shape('AuditEntry', {
  position,
  event_id: text(),
  created_at: time,
  action: text({ description: 'The event’s type, such as SessionJoined.' }),
  user_account: orNull(text()),
  guest_id: orNull(text()),
  target: orNull(text()),
  space_type: text(),
  space_id: text(),
  subspace: orNull(text()),
  details: free,
  ip_address: orNull({ ...text(), description: 'For auditors alone.' }),
  user_agent: orNull({ ...text(), description: 'For auditors alone.' }),
  command_id: text(),
  correlation_id: text(),
  causation_id: text(),
  stream: text(),
  revision,
  erased_by: orNull(text()),
  prev_hash: text(),
  hash: text(),
})

export const Health = shape('Health', {
  status: text({ enum: ['ok', 'degraded'] }),
  checks: {
    type: 'object',
    description:
      'Of eventstore, postgres, redis, projections and turn; also keys (people’s data can be opened) and notices (changes elsewhere are heard), content (DLUX’s primary is followed).',
    additionalProperties: {
      ...shape(
        'Check',
        {
          ok: yesNo,
          vital: { ...yesNo, description: 'Where a vital one is down, the whole is degraded.' },
          error: text({ description: 'Its kind; to who runs the server, in the words of the part.' }),
          lag_ms: { type: 'number', description: 'Of projections, of content.', nullable: true },
        },
        ['error', 'lag_ms'],
      ),
      description: 'More of it for who runs the server.',
      additionalProperties: {},
    },
  },
  version: text(),
  node: text(),
})
