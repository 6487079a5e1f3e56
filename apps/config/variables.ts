/** Every variable that the processes read, once: its form, whether it is required, what it is for. */
import * as c from './codecs.ts'

export type Variable<A> = {
  readonly codec: c.Text<A>
  /** One line, which is above the variable in .env.example. */
  readonly about: string
  /** Never shown in a message, and never given a default. */
  readonly secret?: boolean
}

const variable = <A>(codec: c.Text<A>, about: string): Variable<A> => ({ codec, about })
const secret = <A>(codec: c.Text<A>, about: string): Variable<A> => ({ codec, about, secret: true })

export const variables = {
  NODE_ENV: variable(c.oneOf('production', 'development', 'test'), 'Without it, production.'),
  HOST: variable(c.host, 'Where the server listens.'),
  PORT: variable(c.wholeNumber(0, 65535), 'The port it listens on; 0 for any free one.'),
  PUBLIC_URL: variable(c.httpUrl, 'How browsers reach it: join answers name it as websocket_url.'),
  CORS_ORIGINS: variable(
    c.origins,
    'Origins that a browser may call from, besides PUBLIC_URL’s own. A star is one label.',
  ),
  TRUST_PROXY: variable(c.networks, 'Proxies whose X-Forwarded-For is believed. Without it, none.'),
  SOCKETS_PER_ADDRESS: variable(
    c.wholeNumber(0, 1_000_000),
    'Sockets that one client address may have open on a process; 0 for any number.',
  ),
  NODE_ID: variable(c.nodeName, 'The name of this process, one of a kind among all nodes.'),
  EVENTSTORE_URL: variable(c.eventStoreUrl, 'The log: EventStoreDB, KurrentDB or the embedded node.'),
  DATABASE_URL: variable(c.postgresUrl, 'The local database, where the read models are.'),
  DATABASE_POOL_SIZE: variable(c.wholeNumber(1, 500), 'Connections that one process may hold.'),
  DB_REPLICA_HOST: variable(c.host, 'The local database in parts, where DATABASE_URL is not set.'),
  DB_REPLICA_PORT: variable(c.wholeNumber(1, 65535), 'Its port.'),
  DB_REPLICA_NAME: variable(c.anyText, 'Its name.'),
  DB_REPLICA_USER: variable(c.anyText, 'Its user.'),
  DB_REPLICA_PASSWORD: secret(c.anyText, 'Its password.'),
  DB_PRIMARY_HOST: variable(c.host, 'DLUX’s primary, the source of the replicated content.'),
  DB_PRIMARY_PORT: variable(c.wholeNumber(1, 65535), 'Its port.'),
  DB_PRIMARY_NAME: variable(c.anyText, 'Its name.'),
  DB_PRIMARY_USER: variable(c.anyText, 'Its user.'),
  DB_PRIMARY_PASSWORD: secret(c.anyText, 'Its password.'),
  DB_PRIMARY_SSLMODE: variable(
    c.oneOf('disable', 'require', 'verify-full'),
    'TLS on the way to it: none, without looking at the certificate, or with.',
  ),
  CONTENT_FOLLOW: variable(
    c.oneOf('auto', 'replication', 'polling', 'off'),
    'How the projector follows DB_PRIMARY_HOST. auto: replication where it is granted, else polling.',
  ),
  CONTENT_POLL_MS: variable(
    c.wholeNumber(50, 600_000),
    'Milliseconds between polls of the primary, at least.',
  ),
  CONTENT_ACCESS_MS: variable(
    c.wholeNumber(0, 600_000),
    'Milliseconds between looks at what a primary that is polled has closed or taken away, at least; 0: only polls find it.',
  ),
  CONTENT_SWEEP_HOUR: variable(
    c.wholeNumber(0, 23),
    'The hour, in UTC, from which a primary that is polled is read as a whole, once a day.',
  ),
  CONTENT_HIVE: variable(c.onOff, 'A post that the tables do not have is looked for on Hive.'),
  CONTENT_TAG: variable(
    c.hiveTag,
    'A tag or a community of Hive whose posts that are read now are listed as rooms, where no primary is followed.',
  ),
  REDIS_URL: variable(c.redisUrl, 'Redis, which several processes need; one process does without.'),
  REDIS_HOST: variable(c.host, 'Redis in parts, where REDIS_URL is not set.'),
  REDIS_PORT: variable(c.wholeNumber(1, 65535), 'Its port.'),
  SESSION_SECRET: secret(c.secretOf(32), 'Signs session tokens; the same on every node.'),
  OPERATOR_TOKEN: secret(
    c.secretOf(32),
    'Shown as a bearer’s token, opens /metrics and the details of /api/health to other machines. Without it, to this one alone.',
  ),
  PRIVACY_MASTER_KEY: secret(
    c.hexKey(32),
    'The keys of people’s data are kept under it; the same on every node. Lost, that data is too.',
  ),
  AUDIT_SIGNING_KEY: secret(
    c.hexKey(32),
    'The Ed25519 seed that checkpoints of the log are signed with; the same on every node.',
  ),
  AUDIT_ORIGIN: variable(
    c.keyName,
    'The log’s name in its checkpoints. Without it, PUBLIC_URL’s host. Keep it.',
  ),
  WITNESSES: variable(
    c.witnesses,
    'Witnesses that cosign the log’s checkpoints: each one’s key, an at sign and its address. Commas between.',
  ),
  SESSION_TTL: variable(c.wholeNumber(60, 31_536_000), 'Seconds that a session token serves.'),
  AUTH_HEADER_MAX_AGE: variable(
    c.wholeNumber(1, 31_536_000),
    'Seconds that a signed x-challenge header serves.',
  ),
  TURN_SECRET: secret(c.secretOf(16), 'Shared with coturn (static-auth-secret): makes TURN credentials.'),
  TURN_HOST: variable(c.hostPorts, 'Where coturn is. Without it, credentials name no server.'),
  TURN_TLS: variable(
    c.oneOf('auto', 'on', 'off'),
    'Whether clients are told of TURN over TLS. auto: not where it is found shut or with a certificate that nobody trusts.',
  ),
  TURN_TLS_HOST: variable(
    c.hostPorts,
    'Where coturn speaks TLS. Without it, each of TURN_HOST at port 5349.',
  ),
  TURN_TTL: variable(c.wholeNumber(60, 604_800), 'Seconds that TURN credentials serve.'),
  LIVEKIT_URL: variable(
    c.socketUrl,
    'Where browsers reach LiveKit, which carries the voice of large rooms. Without it and JANUS_URL, voice goes from browser to browser everywhere.',
  ),
  LIVEKIT_API_URL: variable(
    c.httpUrl,
    'Where this server reaches LiveKit’s API. Without it, LIVEKIT_URL’s host.',
  ),
  LIVEKIT_API_KEY: variable(c.anyText, 'LiveKit’s API key, which its webhooks are signed with too.'),
  LIVEKIT_API_SECRET: secret(c.secretOf(16), 'Its secret.'),
  JANUS_URL: variable(
    c.socketUrl,
    'Janus’s WebSocket API, in the place of LiveKit. Nobody but this server may reach it.',
  ),
  HIVE_NODE: variable(c.httpUrls, 'Hive nodes, tried in order.'),
  HIVE_STANDIN: variable(c.onOff, 'HIVE_NODE is a stand-in with made-up accounts. Never in production.'),
  WEBHOOKS_LOOPBACK: variable(
    c.onOff,
    'Subscriptions may name addresses of this machine, also without TLS: to try them. Never in production.',
  ),
  DLUX_API_URL: variable(
    c.httpUrl,
    'DLUX’s own API: what is read there now is listed as rooms, where no primary is followed.',
  ),
  SYSTEM_ADMINS: variable(c.accounts, 'Accounts that own the lobby.'),
  AUDITORS: variable(c.accounts, 'Accounts that may read the whole audit log.'),
  DATA_DIR: variable(c.anyText, 'Where npm start keeps its data.'),
  LOG_ARCHIVE_DIR: variable(
    c.anyText,
    'Where archives of the log are put, and looked for. Without it, archives in DATA_DIR.',
  ),
  LOG_MAX_BYTES: variable(
    c.wholeNumber(1_000_000, Number.MAX_SAFE_INTEGER),
    'Bytes that the embedded log’s file may have: where it has more, the projector has the oldest part archived. Without it, any number.',
  ),
  REFUSALS_DAYS: variable(
    c.wholeNumber(1, 36_500),
    'Days that refusals stay on the log when it is archived. Without it, as long as everything else.',
  ),
  LOOKS_DAYS: variable(c.wholeNumber(1, 36_500), 'The same, of looks at the audit log.'),
  SNAPSHOTS_DAYS: variable(
    c.wholeNumber(1, 36_500),
    'Days after which a snapshot of an archived room goes. Without it, they stay.',
  ),
  ARCHIVE_TABLES: variable(
    c.onOff,
    'on: rows of what is archived go from the tables too: of the audit log, of messages and of reactions.',
  ),
  MOTION_DAYS: variable(
    c.wholeNumber(0, 3_650),
    'For how many days motion is kept at the most, where a room asks for it; 0: it is not kept.',
  ),
  ERASURE_WAIT_DAYS: variable(
    c.wholeNumber(0, 365),
    'For how many days an erasure that somebody asks for at the console waits, and can be withdrawn.',
  ),
  LOG_LEVEL: variable(
    c.oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    'How much is logged.',
  ),
} as const

export type Name = keyof typeof variables
/** The type that a variable's text decodes to. */
export type ValueOf<N extends Name> = (typeof variables)[N] extends Variable<infer A> ? A : never
