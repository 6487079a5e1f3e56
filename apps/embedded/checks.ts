/** Checks before a start, each with one sentence, for what would otherwise fail later with a message that is hard to read. */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { CannotStart } from '../operations/instance/cannot-start.ts'

/** The format of the data folder as a whole. Raised when an older program could no longer read it. */
const DATA_FORMAT = 1
const NEEDED_MB = 200

export const checkPort = (host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why: Readonly<Record<string, string>> = {
        EADDRINUSE: `Port ${port} on ${host} is taken by another program: stop that, or choose another port (PORT=${port + 1} npm start).`,
        EACCES: `Port ${port} is only for root: choose one above 1023 (PORT=3000 npm start).`,
        EADDRNOTAVAIL: `HOST is ${host}, which is no address of this machine.`,
        ENOTFOUND: `HOST is ${host}, which is no address of this machine.`,
      }
      reject(
        new CannotStart(
          why[error.code ?? ''] ?? `The server can't listen on ${host}:${port}: ${error.message}.`,
        ),
      )
    })
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()))
  })

/** Makes the folder and those above it. Node's own way (`recursive`) never returns if an existing folder is one in
 *  which none can be made, as in /proc. */
const makeFolder = (path: string): void => {
  try {
    mkdirSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && statSync(path).isDirectory()) return
    const above = dirname(path)
    if (code !== 'ENOENT' || above === path || existsSync(above)) throw error
    makeFolder(above)
    mkdirSync(path)
  }
}

/** Makes the folder, and throws a sentence if it can't be used. */
export const checkDataDir = (dataDir: string, freeMegabytes = freeMb): void => {
  try {
    makeFolder(dataDir)
    accessSync(dataDir, constants.W_OK | constants.X_OK)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const why =
      code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
        ? 'this user may not write there'
        : code === 'EEXIST' || code === 'ENOTDIR'
          ? 'there is a file in its place'
          : code === 'ENOSPC'
            ? 'the disk is full'
            : code === 'ENOENT'
              ? 'no folder can be made there'
              : (error as Error).message
    throw new CannotStart(`The data folder ${dataDir} can't be used: ${why}. DATA_DIR names another.`)
  }
  const free = freeMegabytes(dataDir)
  if (free < NEEDED_MB)
    throw new CannotStart(
      `The disk is full: ${free} MB are free where the data is (${dataDir}), and ${NEEDED_MB} MB are needed. Free some, or name another folder with DATA_DIR.`,
    )
  checkFormat(dataDir)
}

export const freeMb = (folder: string): number => {
  const { bavail, bsize } = statfsSync(folder)
  return Math.floor((bavail * bsize) / 1e6)
}

const checkFormat = (dataDir: string): void => {
  const file = join(dataDir, 'format.json')
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    try {
      writeFileSync(file, `${JSON.stringify({ format: DATA_FORMAT })}\n`)
      return
    } catch (error) {
      const full = (error as NodeJS.ErrnoException).code === 'ENOSPC'
      throw new CannotStart(
        `${file} can't be written: ${full ? 'the disk is full' : (error as Error).message}.`,
      )
    }
  }
  let format: unknown
  try {
    format = JSON.parse(text).format
  } catch {
    format = undefined
  }
  if (format !== DATA_FORMAT)
    throw new CannotStart(
      `The data in ${dataDir} is of another version (format ${format ?? 'unknown'}, and this one reads ${DATA_FORMAT}): use the version that made it, or name another folder with DATA_DIR.`,
    )
}
