/** A container's health check: exits with 0 if a projector leads on this database, with 1 and a sentence if none does.
 *  A standby is healthy as well, as long as another projector leads. */
import { sql } from 'slonik'
import { LOCKS } from '../../adapters/postgres/locks.ts'
import { connectSession } from '../../adapters/postgres/session.ts'
import { configOrExit } from '../config/load.ts'

const config = configOrExit()
try {
  const session = await connectSession(config.database.url, 'presence projector health')
  const [a, b] = LOCKS.projecting
  const held = await session.run(sql.unsafe`SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted
    AND classid = ${a}::int4::oid AND objid = ${b}::int4::oid
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
  await session.close()
  if (held.length > 0) process.exit(0)
  process.stderr.write('No projector leads on this database.\n')
} catch (error) {
  process.stderr.write(`Postgres can't be asked: ${error instanceof Error ? error.message : error}\n`)
}
process.exit(1)
