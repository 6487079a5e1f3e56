/** The server: config, parts, listen, stop. */
import { readFileSync } from 'node:fs'
import { refuseStandIn } from '../../adapters/hive/hive.ts'
import { createLogger, type Logger } from '../../adapters/logger.ts'
import { awaitPostgres } from '../../adapters/postgres/await-postgres.ts'
import { configOrExit } from '../config/load.ts'
import { startedOrExit } from '../config/start.ts'
import { type App, createApp } from './app.ts'

const versionOf = (manifest: URL): string => JSON.parse(readFileSync(manifest, 'utf8')).version

const stopOnSignals = (app: App, logger: Logger): void => {
  let stopping = false
  const stop = async () => {
    if (stopping) return
    stopping = true
    await app.stop().catch((error) => logger.error({ err: error }, 'not everything stopped as it should'))
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop())
}

/** Resolves when it listens. Ends the process with a sentence if it can't start. */
export const run = async (): Promise<void> => {
  const config = configOrExit()
  const logger = createLogger(config.logLevel, undefined, { node: config.nodeId })

  // A bug must be logged and survived: one caller's packet must not end everybody's room.
  process.on('unhandledRejection', (reason) =>
    logger.error({ err: reason, defect: true }, 'unhandled rejection'),
  )

  const standIn = await refuseStandIn(config.production, config.hive.nodes)
  if (standIn !== null) {
    process.stderr.write(`${standIn}\n`)
    process.exit(78)
  }

  await awaitPostgres(config.database.url, (error) =>
    logger.warn({ error: String(error) }, 'waiting for Postgres'),
  )
  const version = versionOf(new URL('../../package.json', import.meta.url))
  const app = await startedOrExit('The server', () => createApp(config, version, logger))
  stopOnSignals(app, logger)

  try {
    process.stdout.write(`listening on ${await app.listen()}\n`)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    process.stderr.write(
      code === 'EADDRINUSE'
        ? `Port ${config.port} of ${config.host} is taken: stop what listens there, or set PORT.\n`
        : `The server can't listen: ${message}\n`,
    )
    process.exit(1)
  }
}
