/** What `presence setup` puts into an .env: missing secrets and the answers, checked by the same rules as at the start. */
import * as E from 'fp-ts/lib/Either.js'
import { host } from '../../config/codecs.ts'
import { loadConfig } from '../../config/load.ts'
import { type Variable, variables } from '../../config/variables.ts'
import { type EnvFile, readEnv, withValue } from './env-file.ts'

export type Answers = {
  /** The public name. */
  readonly domain: string
  readonly admins: string
  /** Empty: none. */
  readonly origins: string
  /** Further settings by name. */
  readonly set: Readonly<Record<string, string>>
}

export type SetupPlan = {
  readonly text: string
  readonly made: ReadonlyArray<string>
  /** Secrets that were there. */
  readonly kept: ReadonlyArray<string>
  readonly changed: ReadonlyArray<string>
}

/** 64 hex digits each, which are letters and digits, as the database's and Redis's passwords must be. */
export const SECRETS = [
  'SESSION_SECRET',
  'TURN_SECRET',
  'PRIVACY_MASTER_KEY',
  'AUDIT_SIGNING_KEY',
  'OPERATOR_TOKEN',
  'POSTGRES_PASSWORD',
  'REDIS_PASSWORD',
] as const
/** Passwords that only docker-compose uses. */
const PASSWORDS: ReadonlyArray<string> = ['POSTGRES_PASSWORD', 'REDIS_PASSWORD']

const isSecret = (name: string): boolean =>
  (SECRETS as ReadonlyArray<string>).includes(name) ||
  (Object.hasOwn(variables, name) && 'secret' in variables[name as keyof typeof variables])

/** The addresses of docker-compose.yml's parts; a file that names them itself takes precedence. */
const asComposed = (env: EnvFile): EnvFile => ({
  ...env,
  EVENTSTORE_URL: env.EVENTSTORE_URL || 'esdb://eventstore:2113?tls=false',
  DATABASE_URL:
    env.DATABASE_URL || (env.DB_REPLICA_HOST ? '' : 'postgres://presence:x@postgres:5432/presence'),
})

const wrongIn = (env: EnvFile): ReadonlyArray<string> => {
  const config = loadConfig(asComposed(env))
  const passwords = PASSWORDS.flatMap((name) =>
    /^[A-Za-z0-9]+$/.test(env[name] ?? '') ? [] : [`${name} must be of letters and digits.`],
  )
  return [...(E.isLeft(config) ? config.left : []), ...passwords]
}

const domainOf = (text: string): string | null =>
  !text.includes('_') && E.isRight(host.decode(text)) && /[a-z]/i.test(text) ? text.toLowerCase() : null

/** Left: a sentence for each wrong setting, and nothing may be written. `secret` returns a new one each time. */
export const planned = (
  before: string,
  answers: Answers,
  secret: () => string,
): E.Either<ReadonlyArray<string>, SetupPlan> => {
  const there = readEnv(before)
  const domain = domainOf(answers.domain)
  if (domain === null)
    return E.left([`The domain must be a name such as vr.example.org, and is “${answers.domain}”.`])
  const wanted: Record<string, string> = {
    NODE_ENV: 'production',
    SITE: domain,
    PUBLIC_URL: `https://${domain}`,
    SYSTEM_ADMINS: answers.admins,
    ...(answers.origins === '' ? {} : { CORS_ORIGINS: answers.origins }),
    // The log's name is permanent: it must not change with the domain.
    ...(there.AUDIT_ORIGIN ? {} : { AUDIT_ORIGIN: domain }),
    ...answers.set,
  }
  const overwritten = Object.keys(answers.set).filter(
    (name) => isSecret(name) && there[name] && there[name] !== answers.set[name],
  )
  if (overwritten.length > 0)
    return E.left(overwritten.map((name) => `${name} is there already, and a secret is never overwritten.`))
  const unknown = Object.keys(answers.set).filter(
    (name) => !Object.hasOwn(variables, name) && !isSecret(name) && name !== 'SITE',
  )
  if (unknown.length > 0) return E.left(unknown.map((name) => `There is no setting ${name}.`))
  const made = SECRETS.filter((name) => !there[name] && !wanted[name])
  for (const name of made) wanted[name] = secret()
  const changed = Object.keys(wanted).filter((name) => there[name] !== wanted[name])
  let text = before
  for (const name of changed) text = withValue(text, name, wanted[name]!)
  const wrong = wrongIn(readEnv(text))
  if (wrong.length > 0) return E.left(wrong)
  return E.right({
    text,
    made,
    kept: SECRETS.filter((name) => there[name]),
    changed: changed.filter((name) => !isSecret(name)),
  })
}

/** A sentence if a variable's text would not be accepted, else null. */
export const whyNot = (name: keyof typeof variables, text: string): string | null => {
  const { codec } = variables[name] as unknown as Variable<unknown>
  return E.isRight(codec.decode(text)) ? null : `That must be ${codec.name}.`
}
export const whyNoDomain = (text: string): string | null =>
  domainOf(text) === null ? 'That must be a name such as vr.example.org.' : null
