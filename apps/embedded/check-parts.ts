/** Checks the parts that the environment names before anything waits for them, with a sentence for each that does not answer. */
import { connect } from 'node:net'
import pg from 'pg'
import { whyUnreachable } from '../../adapters/unreachable.ts'
import { CannotStart } from '../operations/instance/cannot-start.ts'
import type { Settings } from './settings.ts'

/** Long enough for a distant machine, short enough to report a wrong address while the user still looks at the screen. */
const PATIENCE_MS = 5_000

const answers = (host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port })
    const end = (how: () => void): void => {
      clearTimeout(slow)
      socket.destroy()
      how()
    }
    const slow = setTimeout(
      () => end(() => reject(new Error(`nothing came back within ${PATIENCE_MS / 1_000} s`))),
      PATIENCE_MS,
    )
    socket.once('connect', () => end(resolve))
    socket.once('error', (error) => end(() => reject(error)))
  })

/** Logs in, so that a wrong password and a missing database are reported, too. Rejects with `CannotStart`. */
export const checkDatabase = async (variable: string, url: string): Promise<void> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: PATIENCE_MS })
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    const { hostname, port } = new URL(url)
    throw new CannotStart(
      `The database that ${variable} names, at ${hostname}:${port || 5432}, can't be used: ${whyUnreachable(error)}.`,
      { cause: error },
    )
  } finally {
    await client.end().catch(() => {})
  }
}

/** Checks the hosts in `esdb://a:2113,b:2113?…`: one that answers is enough. Rejects with `CannotStart`. */
export const checkEventStore = async (url: string): Promise<void> => {
  const [, hosts = ''] = /^[a-z+]+:\/\/(?:[^@/?]*@)?([^/?]*)/.exec(url) ?? []
  const tries = hosts.split(',').map((one) => {
    const [, host = one, port = '2113'] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(one) ?? []
    return answers(host, Number(port))
  })
  await Promise.any(tries).catch((error: AggregateError) => {
    throw new CannotStart(
      `The event store that EVENTSTORE_URL names, at ${hosts}, can't be reached: ${whyUnreachable(error.errors[0])}.`,
      { cause: error },
    )
  })
}

/** Null if Redis answers, else a sentence: a single process works without it. */
export const redisTrouble = async (url: string): Promise<string | null> => {
  const { hostname, port } = new URL(url)
  try {
    await answers(hostname.replace(/^\[|\]$/g, ''), Number(port || 6379))
    return null
  } catch (error) {
    return `Redis at ${hostname}:${port || 6379} can't be reached (${whyUnreachable(error)}): going on without it until it comes.`
  }
}

/** Checks everything that the environment names at once. Rejects with `CannotStart` if something can't be used; trouble
 *  with Redis is only reported. */
export const checkParts = async ({ config, given }: Settings, say: (line: string) => void): Promise<void> => {
  const variable = given.database === '' ? 'DB_REPLICA_HOST' : 'DATABASE_URL'
  const looks = await Promise.allSettled([
    given.eventStore === null ? null : checkEventStore(given.eventStore),
    given.database === null ? null : checkDatabase(variable, config.database.url),
    config.redisUrl === null
      ? null
      : redisTrouble(config.redisUrl).then((trouble) => trouble !== null && say(`  ${trouble}`)),
  ])
  const failed = looks.find((look) => look.status === 'rejected')
  if (failed) throw failed.reason
}
