/** Online backup of a node's log to one file, and restore. The node may run meanwhile. */
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { MARK_FILE } from './acknowledged.ts'
import { checkFile, LOG_FILE } from './storage.ts'

export type BackupProgress = { readonly pages: number; readonly of: number }

/** Copies the log in `dataDir` to `file`, as it is at one moment. Rejects where the file is there already. */
export const backupLog = async (
  dataDir: string,
  file: string,
  onProgress: (progress: BackupProgress) => void = () => {},
): Promise<{ readonly bytes: number; readonly events: number; readonly lastPosition: number }> => {
  const source = join(dataDir, LOG_FILE)
  if (!existsSync(source)) throw new Error(`There is no event store in ${dataDir}.`)
  if (existsSync(file)) throw new Error(`${file} is there already; a backup does not overwrite.`)
  const partial = `${file}.partial`
  rmSync(partial, { force: true })
  const db = new DatabaseSync(source, { readOnly: true })
  try {
    await backup(db, partial, {
      rate: 1024,
      progress: ({ totalPages, remainingPages }) =>
        onProgress({ pages: totalPages - remainingPages, of: totalPages }),
    })
  } finally {
    db.close()
  }
  const summary = checkFile(partial)
  renameSync(partial, file)
  return { ...summary, bytes: statSync(file).size }
}

/** Puts a backup where a node will find it. Rejects where `dataDir` has a log already, or the backup is damaged. */
export const restoreLog = async (
  file: string,
  dataDir: string,
): Promise<{ readonly events: number; readonly lastPosition: number }> => {
  const target = join(dataDir, LOG_FILE)
  if (existsSync(target))
    throw new Error(`There is an event store in ${dataDir} already; restore to an empty directory.`)
  const summary = checkFile(file)
  mkdirSync(dataDir, { recursive: true })
  // What is left of another log would be taken for this one's.
  for (const left of [`${LOG_FILE}-wal`, `${LOG_FILE}-shm`, MARK_FILE])
    rmSync(join(dataDir, left), { force: true })
  await copyFile(file, `${target}.partial`)
  renameSync(`${target}.partial`, target)
  return summary
}
