/** The addresses of the embedded instance of a data folder, in a file in that folder while it runs. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'

/** The name of the embedded instance's log in its checkpoints. */
export const EMBEDDED_ORIGIN = 'presence.localhost'

const Written = t.type({
  /** The server's address for browsers. */
  url: t.string,
  eventStoreUrl: t.string,
  databaseUrl: t.string,
  hiveNode: t.string,
  /** Whether the Hive node is a stand-in, with which any made-up account may log in. */
  hiveStandIn: t.boolean,
  dataDir: t.string,
  pids: t.record(t.string, t.number),
})
/** `localUrl`: the server on this machine, `http://127.0.0.1:3000` */
const Endpoints = t.intersection([Written, t.partial({ localUrl: t.string })])
export type Endpoints = t.TypeOf<typeof Endpoints>

const file = (dataDir: string): string => join(resolve(dataDir), 'endpoints.json')

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

const read = (dataDir: string): Endpoints | null => {
  try {
    const found = Endpoints.decode(JSON.parse(readFileSync(file(dataDir), 'utf8')))
    return E.isRight(found) ? found.right : null
  } catch {
    return null
  }
}

/** Null if nothing is running on the folder. */
export const readEndpoints = (dataDir: string): Endpoints | null => {
  const found = read(dataDir)
  return found !== null && alive(found.pids.supervisor ?? 0) ? found : null
}

/** Whether the process has ended, but was not yet reaped by its parent. */
const isZombie = (pid: number): boolean => {
  try {
    return /\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** Processes of a killed run that are still stopping. */
export const leftBehind = (dataDir: string): ReadonlyArray<number> => {
  const found = read(dataDir)
  if (found === null || alive(found.pids.supervisor ?? 0)) return []
  return Object.values(found.pids).filter((pid) => pid > 0 && alive(pid) && !isZombie(pid))
}

/** The file contains the database's password, so only its owner may read it. */
export const writeEndpoints = (endpoints: Endpoints): void => {
  const path = file(endpoints.dataDir)
  writeFileSync(`${path}.new`, `${JSON.stringify(endpoints, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

export const removeEndpoints = (dataDir: string): void => rmSync(file(dataDir), { force: true })
