/** What the environment asks of `npm start`, and the environment that it passes to its parts. */
import { resolve } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { type Config, type Environment, loadConfig } from '../config/load.ts'
import { variables } from '../config/variables.ts'
import { EMBEDDED_ORIGIN } from '../operations/instance/endpoints.ts'
import type { Secrets } from '../operations/instance/secrets.ts'

const set = (value: string | undefined): string | null => (value === undefined || value === '' ? null : value)

export type Settings = {
  readonly config: Config
  /** An absolute path. */
  readonly dataDir: string
  /** Parts that the environment names, which are not started then. */
  readonly given: {
    readonly eventStore: string | null
    readonly database: string | null
    readonly hive: string | null
  }
}

/** The addresses of the parts, once they have one. */
export type Addresses = {
  readonly port: number
  readonly eventStore: string
  readonly database: string
  readonly hive: string
}

const given = (env: Environment): Settings['given'] => ({
  eventStore: set(env.EVENTSTORE_URL),
  database: set(env.DATABASE_URL) ?? (set(env.DB_REPLICA_HOST) && ''),
  hive: set(env.HIVE_NODE),
})

/** What checkpoints are signed with: the same name whatever the port, so that they continue. */
export const auditFor = (env: Environment, secrets: Secrets) => ({
  AUDIT_SIGNING_KEY: set(env.AUDIT_SIGNING_KEY) ?? secrets.audit,
  AUDIT_ORIGIN: set(env.AUDIT_ORIGIN) ?? EMBEDDED_ORIGIN,
})

/** The variables that Node itself reads. They are known before any part has started. */
export const firstEnvironment = (env: Environment): Record<string, string | undefined> => ({
  PATH: env.PATH,
  HOME: env.HOME,
  LANG: env.LANG,
  TZ: env.TZ,
  TMPDIR: env.TMPDIR,
  NODE_COMPILE_CACHE: env.NODE_COMPILE_CACHE,
  NODE_ENV: set(env.NODE_ENV) ?? 'development',
})

/** Everything that the parts read, and nothing else of this process's environment but what every program needs. */
export const environmentFor = (
  env: Environment,
  secrets: Secrets,
  to: Addresses,
): Record<string, string | undefined> => {
  const standIn = given(env).hive === null
  const named = Object.fromEntries(Object.keys(variables).map((name) => [name, env[name]]))
  return {
    ...named,
    ...firstEnvironment(env),
    NODE_ID: set(env.NODE_ID) ?? 'embedded',
    PORT: String(to.port),
    EVENTSTORE_URL: given(env).eventStore ?? to.eventStore,
    DATABASE_URL: given(env).database ?? to.database,
    HIVE_NODE: given(env).hive ?? to.hive,
    HIVE_STANDIN: standIn ? 'on' : (set(env.HIVE_STANDIN) ?? 'off'),
    SESSION_SECRET: set(env.SESSION_SECRET) ?? secrets.session,
    TURN_SECRET: set(env.TURN_SECRET) ?? secrets.turn,
    PRIVACY_MASTER_KEY: set(env.PRIVACY_MASTER_KEY) ?? secrets.privacy,
    ...auditFor(env, secrets),
    // If anyone may log in as anybody, somebody has to own the lobby.
    SYSTEM_ADMINS: set(env.SYSTEM_ADMINS) ?? (standIn ? 'alice' : undefined),
    AUDITORS: set(env.AUDITORS) ?? (standIn ? 'alice' : undefined),
  }
}

const NOWHERE: Addresses = {
  port: 0,
  eventStore: 'esdb://127.0.0.1:1?tls=false',
  database: 'postgres://postgres:x@127.0.0.1:1/presence',
  hive: 'http://127.0.0.1:1',
}
const NO_SECRETS: Secrets = {
  session: '0'.repeat(64),
  turn: '0'.repeat(64),
  postgres: '0'.repeat(64),
  privacy: '0'.repeat(64),
  audit: '0'.repeat(64),
}

/** Checked as a whole before anything is started. Left: a sentence for each wrong setting. */
export const readSettings = (env: Environment): E.Either<ReadonlyArray<string>, Settings> => {
  const port = set(env.PORT) ?? '3000'
  const config = loadConfig({ ...environmentFor(env, NO_SECRETS, NOWHERE), PORT: port })
  if (E.isLeft(config))
    return E.left(
      config.left.map((sentence) =>
        sentence.startsWith('HIVE_STANDIN')
          ? `HIVE_NODE is not set, so this would start a stand-in for Hive, where anyone can be anybody: ${
              sentence.includes('HOST')
                ? 'that serves 127.0.0.1 alone, not another HOST'
                : 'never in production'
            }. Set HIVE_NODE (https://api.hive.blog).`
          : sentence,
      ),
    )
  return E.right({ config: config.right, dataDir: resolve(config.right.dataDir), given: given(env) })
}
