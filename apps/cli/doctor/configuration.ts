/** What the doctor checks: the settings in the environment, else those of what `npm start` runs on DATA_DIR. */
import * as E from 'fp-ts/lib/Either.js'
import { type Config, type Environment, loadConfig } from '../../config/load.ts'
import { variables } from '../../config/variables.ts'
import { EMBEDDED_ORIGIN, type Endpoints, readEndpoints } from '../../operations/instance/endpoints.ts'
import { readKept } from '../../operations/instance/secrets.ts'
import { nearest } from '../nearest.ts'
import { about, type Finding, type Findings } from './finding.ts'

export type Configuration = {
  readonly config: Config
  readonly env: Environment
  readonly endpoints: Endpoints | null
  readonly findings: Findings
  /** Variables that are wrong or missing: what depends on them can't be checked. */
  readonly wrong: ReadonlySet<string>
  /** The server's address on this machine; null if it is not known. */
  readonly direct: string | null
}

/** The environment that `npm start` gives its parts. */
const embedded = (env: Environment, to: Endpoints): Environment => {
  const secrets = readKept(to.dataDir)
  return {
    NODE_ENV: 'development',
    EVENTSTORE_URL: to.eventStoreUrl,
    DATABASE_URL: to.databaseUrl,
    HIVE_NODE: to.hiveNode,
    HIVE_STANDIN: to.hiveStandIn ? 'on' : 'off',
    PUBLIC_URL: to.url,
    SESSION_SECRET: secrets.session,
    TURN_SECRET: secrets.turn,
    PRIVACY_MASTER_KEY: secrets.privacy,
    AUDIT_SIGNING_KEY: secrets.audit,
    AUDIT_ORIGIN: EMBEDDED_ORIGIN,
    ...(to.hiveStandIn ? { SYSTEM_ADMINS: 'alice' } : {}),
    ...Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== '')),
  }
}

/** Values for missing settings, so that the rest can be checked. */
const PLACEHOLDERS: Environment = {
  EVENTSTORE_URL: 'esdb://127.0.0.1:1?tls=false',
  DATABASE_URL: 'postgres://x:x@127.0.0.1:1/x',
  SESSION_SECRET: '0'.repeat(64),
  TURN_SECRET: '0'.repeat(64),
  PRIVACY_MASTER_KEY: '0'.repeat(64),
  AUDIT_SIGNING_KEY: '0'.repeat(64),
}

const TODO: Readonly<Record<string, string>> = {
  PRIVACY_MASTER_KEY: 'Restore it from where you keep it; for a new installation run presence setup.',
  AUDIT_SIGNING_KEY: 'Restore it from where you keep it; for a new installation run presence setup.',
}
const settings = about('settings')

/** Reports names that nothing reads and that look like a misspelt variable. */
const misspelt = (env: Environment): Findings =>
  Object.keys(env).flatMap((name): Findings => {
    if (Object.hasOwn(variables, name) || !/^[A-Z][A-Z0-9_]+$/.test(name) || name.length < 8) return []
    const [meant] = nearest(name, Object.keys(variables)).filter(
      (one) => Math.abs(one.length - name.length) <= 2 && one.slice(0, 3) === name.slice(0, 3),
    )
    return meant === undefined || env[meant]
      ? []
      : [settings.note(`${name} is set, and nothing reads it.`, `Did you mean ${meant}?`)]
  })

const wishes = (config: Config): Findings => {
  const found: Finding[] = []
  const url = new URL(config.publicUrl)
  if (config.systemAdmins.length === 0)
    found.push(
      about('lobby').note(
        'Nobody owns the lobby.',
        'Set SYSTEM_ADMINS to your Hive account, and start the server again.',
      ),
    )
  else found.push(about('lobby').well(`The lobby is owned by ${config.systemAdmins.join(', ')}.`))
  if (config.production && url.protocol !== 'https:')
    found.push(
      settings.note(
        `PUBLIC_URL is ${config.publicUrl}: browsers give no microphone and no VR to a page without TLS.`,
        'Set PUBLIC_URL to the https:// address, and let Caddy end TLS.',
      ),
    )
  if (config.production && config.trustProxy.length === 0 && url.protocol === 'https:')
    found.push(
      settings.note(
        'TRUST_PROXY is not set, so whoever comes through the proxy counts as one address.',
        'Set TRUST_PROXY to the addresses that the proxy comes from.',
      ),
    )
  return found
}

/** Left is a sentence: there is nothing to check. */
export const whatIsGiven = (env: Environment): E.Either<string, Configuration> => {
  const dataDir = env.DATA_DIR || './data'
  const isNamed = Boolean(env.EVENTSTORE_URL || env.DATABASE_URL || env.DB_REPLICA_HOST || env.SESSION_SECRET)
  const endpoints = isNamed ? null : readEndpoints(dataDir)
  if (!isNamed && endpoints === null)
    return E.left(
      `Nothing runs on ${dataDir}, and the environment names nothing: run npm start first, or give --env FILE, or set what .env.example has.`,
    )
  const whole = endpoints === null ? env : embedded(env, endpoints)
  const loaded = loadConfig(whole)
  const sentences = E.isLeft(loaded) ? loaded.left : []
  const wrong = new Set(sentences.map((sentence) => sentence.split(' ')[0]!))
  const rest = Object.fromEntries(Object.entries(whole).filter(([name]) => !wrong.has(name)))
  const patched = E.isRight(loaded)
    ? loaded
    : loadConfig({
        ...rest,
        ...Object.fromEntries(Object.entries(PLACEHOLDERS).filter(([name]) => !rest[name])),
      })
  if (E.isLeft(patched)) return E.left(sentences.join(' '))
  const config = patched.right
  const told = sentences.map((sentence) =>
    settings.wrong(
      sentence,
      TODO[sentence.split(' ')[0]!] ??
        'Set it right in the environment or .env: .env.example says what it is.',
    ),
  )
  const host = ['0.0.0.0', '::'].includes(config.host) ? '127.0.0.1' : config.host
  const here = config.port === 0 ? null : `http://${host.includes(':') ? `[${host}]` : host}:${config.port}`
  return E.right({
    config,
    env: whole,
    endpoints,
    wrong,
    direct: endpoints?.localUrl ?? endpoints?.url ?? here,
    findings: [
      ...(told.length === 0 ? [settings.well('Every setting is of its form.')] : told),
      ...misspelt(env),
      ...wishes(config),
    ],
  })
}
