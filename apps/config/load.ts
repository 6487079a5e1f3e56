/** The environment, decoded once, at the start. */
import { hostname } from 'node:os'
import * as E from 'fp-ts/lib/Either.js'
import { type ArchiveSettings, archiveFrom } from './archive.ts'
import { type SfuConfig, sfuFrom } from './sfu.ts'
import { type Name, type ValueOf, type Variable, variables } from './variables.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** A database's connection in parts, for drivers that need it in this form. */
export type DatabaseParts = {
  readonly host: string
  readonly port: number
  readonly name: string
  readonly user: string
  readonly password: string
}

export type Config = {
  readonly production: boolean
  readonly host: string
  readonly port: number
  /** No slash at the end. */
  readonly publicUrl: string
  /** `publicUrl`'s own origin is always among them. */
  readonly corsOrigins: ReadonlyArray<string>
  /** Proxies whose X-Forwarded-For is believed; empty for none. */
  readonly trustProxy: ReadonlyArray<string>
  /** How many sockets one client address may have; 0 for any number. */
  readonly socketsPerAddress: number
  readonly nodeId: string
  readonly eventStoreUrl: string
  readonly database: { readonly url: string; readonly poolSize: number }
  /** DLUX's primary; null if none is named. */
  readonly primary: DatabaseParts | null
  /** How the primary is followed; `url` is null if it is not. */
  readonly content: {
    readonly url: string | null
    readonly way: 'auto' | 'replication' | 'polling'
    readonly pollMs: number
    readonly accessMs: number
    readonly sweepHour: number
    /** Whether posts that the tables do not have are looked up on Hive. */
    readonly hivePosts: boolean
    /** Whom to ask for trending posts; null if nobody, or if a primary is followed. */
    readonly alive: { readonly dluxApiUrl: string | null; readonly tag: string | null } | null
  }
  /** Null if there is none, for a single process. */
  readonly redisUrl: string | null
  readonly session: { readonly secret: string; readonly ttlSeconds: number }
  /** 64 hex digits, under which the keys of people's data are encrypted. */
  readonly privacy: { readonly masterKey: string }
  /** The seed, 64 hex digits, that checkpoints are signed with, and the log's name in them. */
  readonly audit: {
    readonly signingKey: string
    readonly origin: string
    readonly witnesses: ValueOf<'WITNESSES'>
  }
  readonly authHeaderMaxAgeSeconds: number
  readonly turn: {
    readonly secret: string
    /** `host` or `host:port`; empty if there is no coturn. */
    readonly hosts: ReadonlyArray<string>
    /** Whether TURN over TLS is advertised; `auto`: unless it is found to be closed. */
    readonly tls: 'auto' | 'on' | 'off'
    /** Empty means each of `hosts`. */
    readonly tlsHosts: ReadonlyArray<string>
    readonly ttlSeconds: number
  }
  /** The media server for the voice of large rooms; null if there is none. */
  readonly sfu: SfuConfig | null
  readonly hive: {
    /** Tried in order. */
    readonly nodes: ReadonlyArray<string>
    /** The nodes are a stand-in with made-up accounts: never true in production. */
    readonly standIn: boolean
  }
  /** Whether subscriptions may name addresses of this machine. */
  readonly webhooks: { readonly allowsLoopback: boolean }
  readonly dluxApiUrl: string | null
  readonly systemAdmins: ReadonlyArray<string>
  readonly auditors: ReadonlyArray<string>
  readonly operatorToken: string | null
  readonly dataDir: string
  readonly archive: ArchiveSettings
  /** For how many days motion is kept at most; 0: it is not kept. */
  readonly motionDays: number
  /** How many days an erasure waits that a person asked for themselves. */
  readonly erasureWaitDays: number
  readonly logLevel: ValueOf<'LOG_LEVEL'>
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '::1', '[::1]'])
/** True for addresses that only this machine can reach. */
const isLoopback = (host: string): boolean => LOOPBACK.has(host) || /^127(\.\d{1,3}){3}$/.test(host)

/** The log's name if none is given: the public address without the scheme. */
export const originOf = (publicUrl: string): string => {
  const { host, pathname } = new URL(publicUrl)
  return `${host}${pathname === '/' ? '' : pathname}`.replaceAll('+', '-')
}

const shown = (s: string): string => (s.length > 60 ? `${s.slice(0, 60)}…` : s)

const databaseUrl = (c: DatabaseParts): string => {
  const host = c.host.includes(':') ? `[${c.host}]` : c.host
  const [user, password, name] = [c.user, c.password, c.name].map(encodeURIComponent)
  return `postgres://${user}:${password}@${host}:${c.port}/${name}`
}

type SslMode = ValueOf<'DB_PRIMARY_SSLMODE'>
/** In libpq, `require` checks no certificate; the driver calls that `no-verify`. */
const SSL: Readonly<Record<SslMode, string>> = {
  disable: '',
  require: '?sslmode=no-verify',
  'verify-full': '?sslmode=verify-full',
}
export const primaryUrl = (primary: DatabaseParts, sslMode: SslMode): string =>
  `${databaseUrl(primary)}${SSL[sslMode]}`

/** Every wrong or missing variable gives a sentence of its own; an empty one counts as not set. */
export const loadConfig = (env: Environment): E.Either<ReadonlyArray<string>, Config> => {
  const wrong: string[] = []

  const isSet = (name: Name): boolean => (env[name] ?? '') !== ''
  const read = <N extends Name>(name: N): ValueOf<N> | undefined => {
    if (!isSet(name)) return undefined
    const { codec, secret } = variables[name] as unknown as Variable<ValueOf<N>>
    const decoded = codec.decode(env[name] ?? '')
    if (E.isRight(decoded)) return decoded.right
    wrong.push(`${name} must be ${codec.name}${secret ? '' : `, and is “${shown(env[name] ?? '')}”`}.`)
    return undefined
  }
  const need = <N extends Name>(name: N, why: string): ValueOf<N> | undefined => {
    if (!isSet(name)) wrong.push(`${name} is not set: ${why}`)
    return read(name)
  }
  /** A database's connection in parts: if its host is named, its user, name and password must be named, too. */
  const connection = (of: 'DB_REPLICA' | 'DB_PRIMARY'): DatabaseParts | null => {
    const host = read(`${of}_HOST`)
    const port = read(`${of}_PORT`) ?? 5432
    const part = (name: `${typeof of}_${'NAME' | 'USER' | 'PASSWORD'}`) =>
      host === undefined ? read(name) : need(name, `${of}_HOST names a database, which needs it.`)
    const [name, user, password] = [part(`${of}_NAME`), part(`${of}_USER`), part(`${of}_PASSWORD`)]
    return host === undefined || name === undefined || user === undefined || password === undefined
      ? null
      : { host, port, name, user, password }
  }

  const production = (read('NODE_ENV') ?? 'production') === 'production'
  const host = read('HOST') ?? '127.0.0.1'
  const port = read('PORT') ?? 3000
  const publicUrl = read('PUBLIC_URL') ?? `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  const eventStoreUrl = need('EVENTSTORE_URL', 'the log has no default. For example esdb://127.0.0.1:2113.')
  const url = read('DATABASE_URL')
  const replica = connection('DB_REPLICA')
  if (!isSet('DATABASE_URL') && !isSet('DB_REPLICA_HOST'))
    wrong.push('DATABASE_URL is not set: the read models need a database (DB_REPLICA_HOST serves too).')
  const redis = read('REDIS_URL')
  const redisHost = read('REDIS_HOST')
  const redisPort = read('REDIS_PORT') ?? 6379
  const nodes = read('HIVE_NODE') ?? ['https://api.hive.blog']
  const standIn = read('HIVE_STANDIN') ?? false
  if (standIn && production)
    wrong.push(
      'HIVE_STANDIN is on, and this is production (NODE_ENV is production or not set): anyone could be anybody.',
    )
  const webhooksLoopback = read('WEBHOOKS_LOOPBACK') ?? false
  if (webhooksLoopback && production)
    wrong.push(
      'WEBHOOKS_LOOPBACK is on, and this is production (NODE_ENV is production or not set): what only this machine may reach could be reached through it.',
    )
  if (standIn && !isLoopback(host))
    wrong.push(`HIVE_STANDIN is on, so HOST must be a loopback address, and is “${shown(host)}”.`)
  if (standIn && !nodes.every((node) => isLoopback(new URL(node).hostname)))
    wrong.push('HIVE_STANDIN is on, so HIVE_NODE must name stand-ins on this machine alone.')

  const primary = connection('DB_PRIMARY')
  const sslMode = read('DB_PRIMARY_SSLMODE') ?? 'disable'
  const follow = read('CONTENT_FOLLOW') ?? 'auto'
  const [dluxApiUrl, tag] = [read('DLUX_API_URL')?.replace(/\/+$/, '') ?? null, read('CONTENT_TAG') ?? null]

  const config = {
    production,
    host,
    port,
    publicUrl,
    corsOrigins: [...new Set([new URL(publicUrl).origin, ...(read('CORS_ORIGINS') ?? [])])],
    trustProxy: read('TRUST_PROXY') ?? [],
    socketsPerAddress: read('SOCKETS_PER_ADDRESS') ?? 1_000,
    nodeId:
      read('NODE_ID') ??
      `${hostname()
        .replace(/[^A-Za-z0-9._-]/g, '-')
        .slice(0, 50)}-${port}`,
    eventStoreUrl: eventStoreUrl ?? '',
    database: {
      url: url ?? (replica === null ? '' : databaseUrl(replica)),
      poolSize: read('DATABASE_POOL_SIZE') ?? 10,
    },
    primary,
    content: {
      url: primary === null || follow === 'off' ? null : primaryUrl(primary, sslMode),
      way: follow === 'off' ? 'auto' : follow,
      pollMs: read('CONTENT_POLL_MS') ?? 500,
      accessMs: read('CONTENT_ACCESS_MS') ?? 300,
      sweepHour: read('CONTENT_SWEEP_HOUR') ?? 3,
      hivePosts: read('CONTENT_HIVE') ?? primary === null,
      alive:
        primary !== null || follow === 'off' || (dluxApiUrl === null && tag === null)
          ? null
          : { dluxApiUrl, tag },
    },
    redisUrl: redis ?? (redisHost === undefined ? null : `redis://${redisHost}:${redisPort}`),
    session: {
      secret: need('SESSION_SECRET', 'it signs session tokens, and has no default.') ?? '',
      ttlSeconds: read('SESSION_TTL') ?? 604_800,
    },
    privacy: {
      masterKey:
        need('PRIVACY_MASTER_KEY', 'the keys of people’s data are kept under it, and it has no default.') ??
        '',
    },
    audit: {
      signingKey:
        need('AUDIT_SIGNING_KEY', 'checkpoints of the log are signed with it, and it has no default.') ?? '',
      origin: read('AUDIT_ORIGIN') ?? originOf(publicUrl),
      witnesses: read('WITNESSES') ?? [],
    },
    authHeaderMaxAgeSeconds: read('AUTH_HEADER_MAX_AGE') ?? 86_400,
    turn: {
      secret: need('TURN_SECRET', 'it makes TURN credentials, and has no default.') ?? '',
      hosts: read('TURN_HOST') ?? [],
      tls: read('TURN_TLS') ?? 'auto',
      tlsHosts: read('TURN_TLS_HOST') ?? [],
      ttlSeconds: read('TURN_TTL') ?? 86_400,
    },
    sfu: sfuFrom({ isSet, read, need, wrong }),
    hive: { nodes, standIn },
    webhooks: { allowsLoopback: webhooksLoopback },
    dluxApiUrl,
    systemAdmins: read('SYSTEM_ADMINS') ?? [],
    auditors: read('AUDITORS') ?? [],
    operatorToken: read('OPERATOR_TOKEN') ?? null,
    dataDir: read('DATA_DIR') ?? './data',
    archive: archiveFrom(read),
    motionDays: read('MOTION_DAYS') ?? 30,
    erasureWaitDays: read('ERASURE_WAIT_DAYS') ?? 14,
    logLevel: read('LOG_LEVEL') ?? 'info',
  }
  return wrong.length > 0 ? E.left(wrong) : E.right(config)
}

/** For a `main.ts`: the config, or every sentence on stderr and exit code 78 (EX_CONFIG). */
export const configOrExit = (env: Environment = process.env): Config => {
  const config = loadConfig(env)
  if (E.isRight(config)) return config.right
  for (const sentence of config.left) process.stderr.write(`${sentence}\n`)
  process.exit(78)
}
