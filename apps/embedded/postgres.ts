/** PostgreSQL as one of the supervisor's parts: on one port for as long as it runs, and up again when it dies. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ensureDatabase, freePort, type Postgres, startPostgres } from '../../infra/postgres/embedded.ts'
import { giveWay, NICENESS } from './priority.ts'

export type PostgresPart = {
  readonly url: string
  /** The address of another database in it. */
  readonly urlOf: (database: string) => string
  readonly fresh: boolean
  readonly dataDir: string
  readonly pid: () => number
  readonly stop: () => Promise<void>
}

const DATABASE = 'presence'
const LONGEST_PAUSE_MS = 15_000

export const startPostgresPart = async (options: {
  readonly dataDir: string
  readonly password: string
  readonly say: (line: string) => void
  readonly onRestart: () => void
  readonly settings?: Readonly<Record<string, string>>
}): Promise<PostgresPart> => {
  const { say } = options
  const port = await freePort()
  const start = () =>
    startPostgres({
      dataDir: join(options.dataDir, 'postgres'),
      password: options.password,
      port,
      say,
      ...(options.settings === undefined ? {} : { settings: options.settings }),
    })
  let postgres: Postgres = await start()
  let stopping = false
  await ensureDatabase(postgres.url('postgres'), DATABASE)
  giveWay(postgres.pid, NICENESS.postgres)

  const keep = async (): Promise<void> => {
    let pause = 250
    while (!stopping) {
      const since = Date.now()
      await postgres.exited
      if (stopping) return
      if (Date.now() - since > 30_000) pause = 250
      for (;;) {
        say(`PostgreSQL ended: starting it again in ${pause / 1000} s`)
        await delay(pause)
        pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
        if (stopping) return
        try {
          postgres = await start()
          giveWay(postgres.pid, NICENESS.postgres)
          break
        } catch (error) {
          say((error as Error).message)
        }
      }
      say('PostgreSQL is up again')
      options.onRestart()
    }
  }
  void keep()
  return {
    url: postgres.url(DATABASE),
    urlOf: (database) => postgres.url(database),
    fresh: postgres.fresh,
    dataDir: postgres.dataDir,
    pid: () => postgres.pid,
    stop: async () => {
      stopping = true
      await postgres.stop()
    },
  }
}
