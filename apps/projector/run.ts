/** The projector: config, migrations, follow the log, stop. */
import { setTimeout as delay } from 'node:timers/promises'
import { archivedLog } from '../../adapters/archive/archived-log.ts'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { createLogger, type Logger } from '../../adapters/logger.ts'
import { isDefect } from '../../adapters/postgres/errors.ts'
import { MigrationError, migrate } from '../../adapters/postgres/migrate.ts'
import { NoOwnSession } from '../../adapters/postgres/own-session.ts'
import { connectVault } from '../../adapters/privacy/connect.ts'
import { lookForKeys } from '../../adapters/privacy/missing-keys.ts'
import { sealedLog } from '../../adapters/privacy/sealed-log.ts'
import { isTracing, traceApplied } from '../../adapters/tracing.ts'
import { waitAtMost } from '../../adapters/wait-at-most.ts'
import { configOrExit } from '../config/load.ts'
import { startedOrExit } from '../config/start.ts'
import { followContent } from '../operations/content/source.ts'
import type { Keepers } from '../operations/keep/keepers.ts'
import { holdLogSize } from './log-size.ts'
import { runProjector } from './projector.ts'
import { reportChanges } from './report.ts'

/** How many milliseconds stopping may take: rows and checkpoint are one transaction, so nothing is lost if Postgres is silent. */
const LAST_WORDS = 10_000

/** Waits for Postgres, which may start after us; says what is wrong if waiting would not help. */
const prepare = async (databaseUrl: string, logger: Logger): Promise<void> => {
  for (let tries = 0; ; tries += 1)
    try {
      const applied = await migrate(databaseUrl)
      if (applied.length > 0) logger.info({ applied }, 'migrations applied')
      return
    } catch (error) {
      if (error instanceof MigrationError || error instanceof NoOwnSession || isDefect(error)) {
        process.stderr.write(`${(error as Error).message}\n`)
        process.exit(1)
      }
      if (tries === 0) logger.warn({ error: String(error) }, 'waiting for Postgres')
      await delay(Math.min(100 * 2 ** tries, 2_000))
    }
}

/** Loaded with the first events: before, there is nothing to keep, and the projector starts sooner. */
const lateKeepers = (load: () => Promise<Keepers>): Keepers => {
  let loaded: Promise<Keepers> | null = null
  return {
    notice: (events) => {
      loaded ??= load()
      void loaded.then((keepers) => keepers.notice(events))
    },
    stop: async () => (await loaded)?.stop(),
  }
}

/** Resolves once it has begun to follow the log. Ends the process with a sentence if it can't start. */
export const run = async (): Promise<void> => {
  const config = configOrExit()
  const logger = createLogger(config.logLevel, undefined, { node: config.nodeId, part: 'projector' })

  let stopping = false
  let stop = async (): Promise<void> => {}
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (stopping) return
      stopping = true
      void waitAtMost(LAST_WORDS, stop()).finally(() => process.exit(0))
    })

  await prepare(config.database.url, logger)
  const vault = connectVault({
    databaseUrl: config.database.url,
    masterKey: config.privacy.masterKey,
    silenceMs: 10_000,
    onWrongMaster: (error) => {
      process.stderr.write(`${error.message}\n`)
      process.exit(78)
    },
  })
  const stored = archivedLog(
    await startedOrExit('The projector', () => connectEventLog({ url: config.eventStoreUrl })),
    config.archive.dir,
  )
  const log = sealedLog(stored, vault)
  const keepers = lateKeepers(async () => {
    const { startKeepers } = await import('../operations/keep/keepers.ts')
    return startKeepers(config, stored, logger)
  })
  const traces = isTracing()
  const projector = runProjector({
    log,
    databaseUrl: config.database.url,
    logger,
    // An erasure makes the leader start over: its cached keys are out of date.
    onLead: () => {
      vault.forget()
      void lookForKeys(log, vault.missing).then((why) => {
        if (why !== null) logger.error({ keys: vault.missing().count }, why)
      })
    },
    onApplied: (events) => {
      keepers.notice(events)
      if (traces) traceApplied(events.map(({ recorded }) => recorded))
    },
  })
  const follower = followContent(config, logger)
  const size = holdLogSize(config, logger, { leads: () => projector.state().role === 'leading' })
  stop = async () => {
    await Promise.all([projector.stop(), follower.then((one) => one?.stop()), size.stop()])
    await keepers.stop()
    await log.close()
    await vault.close()
  }

  reportChanges(projector, logger)
}
