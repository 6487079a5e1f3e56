/** The primary that the environment names, for commands that need no other setting. */
import * as E from 'fp-ts/lib/Either.js'
import { type DatabaseParts, type Environment, primaryUrl } from './load.ts'
import { variables } from './variables.ts'

export type NamedPrimary = { readonly connection: DatabaseParts; readonly url: string }

/** Left is a sentence. */
export const primaryOf = (env: Environment): E.Either<string, NamedPrimary> => {
  const host = variables.DB_PRIMARY_HOST.codec.decode(env.DB_PRIMARY_HOST ?? '')
  if (E.isLeft(host))
    return E.left(
      env.DB_PRIMARY_HOST
        ? `DB_PRIMARY_HOST must be ${variables.DB_PRIMARY_HOST.codec.name}.`
        : 'DB_PRIMARY_HOST is not set.',
    )
  const port = variables.DB_PRIMARY_PORT.codec.decode(env.DB_PRIMARY_PORT || '5432')
  if (E.isLeft(port)) return E.left(`DB_PRIMARY_PORT must be ${variables.DB_PRIMARY_PORT.codec.name}.`)
  const ssl = variables.DB_PRIMARY_SSLMODE.codec.decode(env.DB_PRIMARY_SSLMODE || 'disable')
  if (E.isLeft(ssl)) return E.left(`DB_PRIMARY_SSLMODE must be ${variables.DB_PRIMARY_SSLMODE.codec.name}.`)
  const { DB_PRIMARY_NAME: name, DB_PRIMARY_USER: user, DB_PRIMARY_PASSWORD: password } = env
  if (!name || !user || !password)
    return E.left(
      'DB_PRIMARY_HOST names a database, which needs DB_PRIMARY_NAME, DB_PRIMARY_USER and DB_PRIMARY_PASSWORD.',
    )
  const connection = { host: host.right, port: port.right, name, user, password }
  return E.right({ connection, url: primaryUrl(connection, ssl.right) })
}
