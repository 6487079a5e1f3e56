/** `presence log backup` and `restore`: their output and refusals; the copying itself is elsewhere. */
import { existsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { readEndpoints } from '../../operations/instance/endpoints.ts'
import { backupLog, isLogDir, logDirOf, restoreLog } from '../../operations/instance/log-backup.ts'
import type { Io } from '../command.ts'
import { progressTo } from '../progress.ts'

/** The data folder of an instance of `npm start`, or the log folder of a node alone. */
export type LogFolder = { readonly data?: string | undefined; readonly log?: string | undefined }

const dirOf = ({ data, log }: LogFolder): string => resolve(log ?? logDirOf(data ?? './data'))

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

const told = (io: Io, checking: string) => {
  const progress = progressTo(io)
  return {
    onProgress: (done: number, of: number): void =>
      progress.at({ what: 'copying', share: of === 0 ? 1 : done / of, more: megabytes(of) }),
    onCheck: (): void => {
      progress.end()
      io.err(checking)
    },
  }
}

/** `null`: the log of DATA_DIR, unless the environment says that the log is another server's. Rejects with a sentence. */
export const backup = async (file: string, from: LogFolder | null, io: Io): Promise<void> => {
  if (from === null && process.env.EVENTSTORE_URL)
    throw new Error(
      'EVENTSTORE_URL is set, so the log is not the embedded one of DATA_DIR. Back up that server with its own means, use presence log export, or name a folder with --data or --log.',
    )
  const dir = dirOf(from ?? { data: process.env.DATA_DIR || './data' })
  if (!isLogDir(dir)) throw new Error(`There is no log of an embedded node in ${dir}.`)
  if (existsSync(file)) throw new Error(`${file} is there already; a backup does not overwrite.`)
  if (!existsSync(dirname(file))) throw new Error(`There is no folder ${dirname(file)}.`)
  const { bytes, events, lastPosition } = await backupLog(dir, file, told(io, 'checking the copy …'))
  io.data?.({ file, events, lastPosition, bytes })
  io.out(`${file} holds ${events} events up to position ${lastPosition}, ${megabytes(bytes)}, checked.`)
}

/** Rejects with a sentence. */
export const restore = async (file: string, to: LogFolder, io: Io): Promise<void> => {
  const dir = dirOf(to)
  if (!existsSync(file)) throw new Error(`There is no file ${file}.`)
  if (!statSync(file).isFile()) throw new Error(`${file} is no file.`)
  if (to.data !== undefined && readEndpoints(to.data) !== null)
    throw new Error(`npm start runs on ${resolve(to.data)}: stop it first.`)
  if (isLogDir(dir))
    throw new Error(
      `There is a log in ${dir} already, and a restore does not overwrite: move it away first, or name another folder.`,
    )
  const { events, lastPosition } = await restoreLog(file, dir, told(io, 'checking the backup …'))
  io.data?.({ dir, events, lastPosition })
  io.out(`${dir} holds ${events} events up to position ${lastPosition}.`)
  if (to.data !== undefined && existsSync(join(to.data, 'postgres')))
    io.out('The tables there are of another log: run npm start, then npm run presence -- rebuild.')
}
