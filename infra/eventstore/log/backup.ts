/** Online backup of a node's log to one file, and restore. The node may run, and be written to, meanwhile. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { MARK_FILE } from './acknowledged.ts'
import { checkFile, LOG_FILE, logFormatOf } from './storage.ts'

export type Summary = { readonly events: number; readonly lastPosition: number }
export type BackupWatch = {
  /** In bytes. */
  readonly onProgress?: (done: number, of: number) => void
  /** The whole file is now read to check that it is sound; there is no progress to report meanwhile. */
  readonly onCheck?: () => void
}

export type LogFormat = ReturnType<typeof logFormatOf>
/** For the log in `dir`, on which a node may be running. */
export const logFormat = (dir: string): LogFormat => logFormatOf(join(dir, LOG_FILE))

export const isLogDir = (dir: string): boolean => existsSync(join(dir, LOG_FILE))

const toDisk = (path: string): void => {
  const handle = openSync(path, 'r')
  fsyncSync(handle)
  closeSync(handle)
}

/** Makes it a single file: a copy has the journal mode of its source, which keeps two more files. */
const intoOneFile = (file: string): void => {
  const db = new DatabaseSync(file)
  try {
    db.exec('PRAGMA journal_mode = DELETE')
    // A log of an earlier version can't give space back; a log restored from its backup can.
    if (db.prepare('PRAGMA auto_vacuum').get()?.auto_vacuum === 0)
      db.exec('PRAGMA auto_vacuum = INCREMENTAL; VACUUM')
  } finally {
    db.close()
  }
}

/**
 * Copies the log in `dir` to `file`, as it is at one moment after the call. Rejects, with nothing left behind, where the
 * file is there already, there is no log, or the copy is not sound.
 */
export const backupLog = async (
  dir: string,
  file: string,
  { onProgress = () => {}, onCheck = () => {} }: BackupWatch = {},
): Promise<Summary & { readonly bytes: number }> => {
  if (!isLogDir(dir)) throw new Error(`There is no event store in ${dir}.`)
  if (existsSync(file)) throw new Error(`${file} is there already; a backup does not overwrite.`)
  const partial = `${file}.partial`
  const clear = () => {
    for (const end of ['', '-wal', '-shm', '-journal']) rmSync(`${partial}${end}`, { force: true })
  }
  clear()
  const db = new DatabaseSync(join(dir, LOG_FILE), { readOnly: true })
  try {
    const pageSize = Number(db.prepare('PRAGMA page_size').get()?.page_size)
    // One moment for the whole copy: otherwise SQLite would start over at each of the node's writes, and the copy of a
    // busy log would never end. Writers don't wait for a reader (WAL).
    db.exec('BEGIN; SELECT 1 FROM sqlite_schema')
    await backup(db, partial, {
      rate: 1024,
      progress: ({ totalPages, remainingPages }) =>
        onProgress((totalPages - remainingPages) * pageSize, totalPages * pageSize),
    })
    onCheck()
    intoOneFile(partial)
    const summary = checkFile(partial)
    toDisk(partial)
    renameSync(partial, file)
    toDisk(dirname(file))
    return { ...summary, bytes: statSync(file).size }
  } finally {
    db.close()
    clear()
  }
}

/** Puts a backup into `dir`, where a node will find it. Rejects if there already is a log, or if the backup is not
 *  sound. */
export const restoreLog = async (
  file: string,
  dir: string,
  { onProgress = () => {}, onCheck = () => {} }: BackupWatch = {},
): Promise<Summary> => {
  const target = join(dir, LOG_FILE)
  if (existsSync(target))
    throw new Error(`There is an event store in ${dir} already; restore to an empty directory.`)
  const { size } = statSync(file)
  onCheck()
  const summary = checkFile(file)
  mkdirSync(dir, { recursive: true })
  // Remains of another log would be taken for this one's.
  for (const left of [`${LOG_FILE}-wal`, `${LOG_FILE}-shm`, MARK_FILE])
    rmSync(join(dir, left), { force: true })
  const partial = `${target}.partial`
  const watching = setInterval(() => {
    if (existsSync(partial)) onProgress(statSync(partial).size, size)
  }, 200)
  try {
    await copyFile(file, partial)
  } finally {
    clearInterval(watching)
  }
  toDisk(partial)
  renameSync(partial, target)
  toDisk(dir)
  return summary
}
