/** The projector: config, migrations, follow the log, stop. */

import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { createLogger } from '../../adapters/http/logger.ts'
import { migrate } from '../../adapters/postgres/migrate.ts'
import { configOrExit } from '../config/load.ts'
import { runProjector } from './projector.ts'

const config = configOrExit()
const logger = createLogger(config.logLevel, undefined, { node: `${config.nodeId} projector` })
process.on('unhandledRejection', (reason) =>
  logger.error({ err: reason, defect: true }, 'unhandled rejection'),
)

const applied = await migrate(config.database.url)
if (applied.length > 0) logger.info({ applied }, 'migrated the tables')

const log = connectEventLog({ url: config.eventStoreUrl })
const projector = runProjector({ log, databaseUrl: config.database.url, logger })
process.stdout.write('projecting\n')

let stopping = false
const stop = async () => {
  if (stopping) return
  stopping = true
  await projector.stop()
  await log.close()
  process.exit(0)
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop())
