/** The systems that commands connect to, once the database has answered: a silent one is reported within two seconds,
 *  and nothing is done. */
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { cut } from '../../adapters/postgres/client.ts'
import { SILENCE_MS } from '../../adapters/postgres/query.ts'
import { type Connections, connections } from './connections.ts'

/** Null if it answers, else a sentence. */
const whyUnreached = async (databaseUrl: string): Promise<string | null> => {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'presence command',
    connectionTimeoutMillis: SILENCE_MS,
    query_timeout: SILENCE_MS,
  })
  client.on('error', () => {})
  const began = performance.now()
  try {
    await client.connect()
    await client.query('SELECT 1')
    await client.end()
    return null
  } catch (error) {
    // Ending it properly would wait for an answer.
    cut(client)
    const [first] = error instanceof AggregateError ? error.errors : [error]
    const late = performance.now() - began >= SILENCE_MS * 0.9
    const why = late ? `no answer within ${SILENCE_MS / 1_000} s` : (first as Error).message
    return `PostgreSQL can’t be asked: ${why}. Nothing was done.`
  }
}

/** Left is a sentence. */
export const reached = async (
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<E.Either<string, Connections>> => {
  const to = connections(env)
  if (E.isLeft(to)) return to
  const why = await whyUnreached(to.right.databaseUrl)
  return why === null ? to : E.left(why)
}
