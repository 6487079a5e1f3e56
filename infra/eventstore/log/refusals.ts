/** Says in a sentence why a log is not opened and what to do. Nothing in the log was changed. */

import { join } from 'node:path'
import { MARK_FILE } from './acknowledged.ts'

/** A log is refused; the message is for whoever starts the node. */
export class Refusal extends Error {}

/** The log is of a version that this program does not read. */
export class OtherVersion extends Error {
  readonly version: number
  constructor(version: number, reads: ReadonlyArray<number>) {
    super(
      `it is a log of version ${version}, and this program reads ${
        reads.length === 1 ? 'version' : 'versions'
      } ${reads.join(' and ')}`,
    )
    this.version = version
  }
}

/** The log can be read, but something that was acknowledged is missing. */
export class Incomplete extends Error {}

/** The file is not a log at all. */
export class NotALog extends Error {}

const SQLITE = {
  busy: 5,
  locked: 6,
  readonly: 8,
  io: 10,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
} as const

/** SQLite's primary code, or the system's name for the error. */
const codeOf = (error: unknown): number | string | undefined => {
  if (!(error instanceof Error)) return undefined
  if ('errcode' in error && typeof error.errcode === 'number') return error.errcode & 0xff
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** What the error says, or at least what it is. */
export const textOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error) || 'no reason was given'
  const code = 'code' in error ? String(error.code) : ''
  return error.message || code || error.name || 'no reason was given'
}

/** What is wrong with the file itself, or undefined if the machine is to blame. */
const whatOf = (error: unknown): { readonly is: string; readonly advice: string } | undefined => {
  if (error instanceof OtherVersion)
    return {
      is: error.message,
      advice:
        'A newer version of this program wrote it and has to read it: start that one. To go back to this one, ' +
        'export the log with that one (npm run presence -- log export) and import it into an empty log of this one.',
    }
  if (error instanceof NotALog)
    return {
      is: error.message,
      advice: 'Name another directory, or move the file away to start with an empty log.',
    }
  if (codeOf(error) === SQLITE.notADatabase)
    return {
      is: 'it is no database, or its beginning was overwritten',
      advice:
        'If it was a log, then restore a backup (npm run presence -- log restore) into another directory; if it was not, name another directory.',
    }
  return undefined
}

/** Why the log in `file`, in the directory `dataDir`, can't be opened. */
export const refusalOf = (dataDir: string, file: string, error: unknown): Refusal => {
  if (error instanceof Refusal) return error
  const refuse = (text: string) => new Refusal(text, { cause: error })
  const what = whatOf(error)
  if (error instanceof Incomplete)
    return refuse(
      `${file} is not whole: ${error.message}. Nothing was changed. If it was copied or moved, bring all of its files. ` +
        `Restore a backup (npm run presence -- log restore) into another directory; or, to go on without what is ` +
        `missing, remove ${join(dataDir, MARK_FILE)}.`,
    )
  if (what !== undefined)
    return refuse(`${file} can't be read: ${what.is}. It was not changed. ${what.advice}`)
  switch (codeOf(error)) {
    case SQLITE.busy:
    case SQLITE.locked:
      return refuse(
        `${file} is locked by another program (sqlite3, say, or a copy under way). Nothing was changed. End that program, and start again.`,
      )
    case SQLITE.readonly:
    case SQLITE.cannotOpen:
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return refuse(
        `${dataDir} can't be written to by this user (${textOf(error)}). Nothing was changed. The node has to own its directory ` +
          `and all that is in it: give it to this user (chown -R), or name another with --data.`,
      )
    case SQLITE.full:
    case 'ENOSPC':
    case 'EDQUOT':
      return refuse(
        `The disk that ${dataDir} is on is full. Nothing of the log was changed. Free some space, and start again.`,
      )
    case 'ENOTDIR':
    case 'EEXIST':
      return refuse(`${dataDir} is no directory, or lies in none. Name another with --data.`)
    case SQLITE.io:
    case 'EIO':
      return refuse(
        `${file} can't be read: the disk fails (${textOf(error)}). It was not changed. Copy the directory to a disk that is ` +
          `sound, and start on the copy; or restore a backup (npm run presence -- log restore).`,
      )
    default:
      return refuse(
        `${file} can't be read: ${textOf(error)}. It was not changed. Restore a backup ` +
          `(npm run presence -- log restore), or move the directory away and start with an empty log; to look for what ` +
          `can be saved: sqlite3 ${file} .recover`,
      )
  }
}

/** Why the directory's lock can't be taken. */
export const lockRefusal = (dataDir: string, file: string, error: unknown): Refusal => {
  const code = codeOf(error)
  return code === SQLITE.busy || code === SQLITE.locked
    ? new Refusal(`Another node has ${dataDir} open: stop it, or give this one a directory of its own.`, {
        cause: error,
      })
    : code === SQLITE.notADatabase
      ? new Refusal(`${file} is not a node's lock: move it away, and start again.`, { cause: error })
      : // What a system says of a directory that can't be made on a disk that is read-only.
        code === 'ENOENT'
        ? new Refusal(`${dataDir} can't be made (${textOf(error)}). Name another with --data.`, {
            cause: error,
          })
        : refusalOf(dataDir, file, error)
}

/** Why a backup, or the copy of a log for a backup, is not accepted. */
export const unsound = (file: string, error: unknown): Refusal =>
  new Refusal(
    `${file} can't be read as a log: ${whatOf(error)?.is ?? textOf(error)}. It was not changed.${
      error instanceof OtherVersion ? ` ${whatOf(error)?.advice}` : ''
    }`,
    { cause: error },
  )
