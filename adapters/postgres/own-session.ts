/** Proves that a connection has a session of its own. Behind a pooler in transaction mode it has one only during a
 *  transaction: a lock that is taken there belongs to whoever uses the backend next, and nobody would release it. */
import pg from 'pg'

/** Session locks can't be held over this connection, and another try won't change that. */
export class NoOwnSession extends Error {
  override readonly name = 'NoOwnSession'
  constructor() {
    super(
      'DATABASE_URL leads through a pooler in transaction mode, where a lock is held for nobody: let it lead to PostgreSQL itself, or to a pooler in session mode.',
    )
  }
}

/** Behind a busy pooler two connections may be given a backend each for a while, as if they had it to themselves. */
const ROUNDS = 16
const TIMEOUT_MS = 10_000

/** Checks that two connections that are open at once each have a backend of their own, and keep it. `backend` asks the
 *  connection to be proved; resolves with its process id there. Throws `NoOwnSession`, or Postgres' errors. */
export const proveOwnSession = async (url: string, backend: () => Promise<number>): Promise<number> => {
  const other = new pg.Client({
    connectionString: url,
    application_name: 'presence session check',
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
  })
  other.on('error', () => {})
  try {
    await other.connect()
    const mine = await backend()
    const seen = new Set<number>()
    for (let round = 0; round < ROUNDS; round += 1) {
      const { rows } = await other.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      seen.add(rows[0]!.pid)
      if (seen.size > 1 || seen.has(mine) || (await backend()) !== mine) throw new NoOwnSession()
    }
    return mine
  } finally {
    await other.end().catch(() => {})
  }
}

/** The process id of this client's backend. */
export const backendOf = (client: pg.Client) => async (): Promise<number> => {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return rows[0]!.pid
}
