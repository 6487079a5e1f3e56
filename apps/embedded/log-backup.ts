/** Backup and restore of the embedded node's log, for the command line: this folder alone may know what the node keeps. */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { restoreLog as putBack } from '../../infra/eventstore/backup.ts'
import { checkFile, LOG_FILE } from '../../infra/eventstore/storage.ts'

export type Summary = { readonly events: number; readonly lastPosition: number }
export type Watch = {
  /** In bytes. */
  readonly onProgress?: (done: number, of: number) => void
  /** All of the file is read now, to see that it is sound: nothing is told meanwhile. */
  readonly onCheck?: () => void
}

/** Where `npm start` on `dataDir` keeps its log. */
export const logDirOf = (dataDir: string): string => join(dataDir, 'eventstore')

export const isLogDir = (dir: string): boolean => existsSync(join(dir, LOG_FILE))

const toDisk = (path: string): void => {
  const handle = openSync(path, 'r')
  fsyncSync(handle)
  closeSync(handle)
}

/** One file, with nothing beside it: a copy comes in the journal mode of its source, which keeps two more files. */
const intoOneFile = (file: string): void => {
  const db = new DatabaseSync(file)
  try {
    db.exec('PRAGMA journal_mode = DELETE')
  } finally {
    db.close()
  }
}

/**
 * Copies the log in `dir` to `file`, as it is at one moment after the call; the node may run and be written to. Rejects, with
 * nothing left behind, where the file is there already, there is no log, or the copy is not sound.
 */
export const backupLog = async (
  dir: string,
  file: string,
  { onProgress = () => {}, onCheck = () => {} }: Watch = {},
): Promise<Summary & { readonly bytes: number }> => {
  const source = join(dir, LOG_FILE)
  if (!existsSync(source)) throw new Error(`There is no event store in ${dir}.`)
  if (existsSync(file)) throw new Error(`${file} is there already; a backup does not overwrite.`)
  const partial = `${file}.partial`
  const clear = () => {
    for (const end of ['', '-wal', '-shm', '-journal']) rmSync(`${partial}${end}`, { force: true })
  }
  clear()
  const db = new DatabaseSync(source, { readOnly: true })
  try {
    const pageSize = Number(db.prepare('PRAGMA page_size').get()?.page_size)
    // One moment for all of the copy: else SQLite starts the copy over at each write of the node's, and that of a log which is
    // written to all the time would never be done. Writers don't wait for a reader (WAL).
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

/** Puts a backup into `dir`, where a node will find it. Rejects where there is a log, or where the backup is not sound. */
export const restoreLog = async (
  file: string,
  dir: string,
  { onProgress = () => {}, onCheck = () => {} }: Watch = {},
): Promise<Summary> => {
  const { size } = statSync(file)
  onCheck()
  const watching = setInterval(() => {
    const partial = join(dir, `${LOG_FILE}.partial`)
    if (existsSync(partial)) onProgress(statSync(partial).size, size)
  }, 200)
  try {
    const summary = await putBack(file, dir)
    toDisk(join(dir, LOG_FILE))
    toDisk(dir)
    return summary
  } finally {
    clearInterval(watching)
  }
}
