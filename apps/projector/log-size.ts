/** Limits the log's size: if its file has grown larger, the oldest part of it is archived, by the command itself in a
 *  process of its own. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Config } from '../config/load.ts'
import { logBytes } from '../operations/archive/size.ts'
import type { ProjectorLogger } from './logger.ts'

const COMMAND = fileURLToPath(new URL('../cli/main.ts', import.meta.url))
const LOOK_MS = 60_000

export type LogSize = { readonly stop: () => Promise<void> }

/** `leads`: whether this is the one process that does it. */
export const holdLogSize = (
  config: Config,
  logger: ProjectorLogger,
  { leads, everyMs = LOOK_MS }: { readonly leads: () => boolean; readonly everyMs?: number },
): LogSize => {
  const { maxBytes, dir } = config.archive
  let running: Promise<void> | null = null
  let end = (): void => {}

  const archive = (): Promise<void> =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, [COMMAND, 'log', 'archive', '--max-bytes', String(maxBytes)], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...process.env,
          EVENTSTORE_URL: config.eventStoreUrl,
          DATABASE_URL: config.database.url,
          AUDIT_ORIGIN: config.audit.origin,
          LOG_ARCHIVE_DIR: dir,
        },
      })
      end = () => void child.kill('SIGTERM')
      const said: string[] = []
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => {
          said.push(text)
          if (said.length > 100) said.shift()
        })
      child.once('close', (code) => {
        const last = said.join('').trim().split('\n').slice(-5).join(' ')
        if (code === 0) logger.info({ said: last }, 'the log was larger than it may be, and was archived')
        else logger.error({ code, said: last }, 'the log is larger than it may be, and was not archived')
        resolve()
      })
    })

  const look = async (): Promise<void> => {
    const bytes = await logBytes(config.eventStoreUrl).catch(() => null)
    if (bytes === null || maxBytes === null || bytes <= maxBytes) return
    await archive()
  }
  const timer = setInterval(() => {
    if (running !== null || !leads()) return
    running = look().finally(() => {
      running = null
    })
  }, everyMs)
  timer.unref()
  if (maxBytes === null) clearInterval(timer)
  return {
    stop: async () => {
      clearInterval(timer)
      end()
      await running
    },
  }
}
