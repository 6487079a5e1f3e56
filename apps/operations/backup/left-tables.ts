/** Tables of a backup that wait in a data folder until its own Postgres runs. `npm start` loads this module at each
 *  start, so it must not load a client of the event store. */
import { copyFileSync, existsSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { Signer } from '../../../projections/proof/note.ts'
import type { BackupManifest } from './manifest.ts'
import { areFresh, loadTables } from './tables.ts'

const WAITING = 'restored'
/** Leaves the tables for `npm start` on that folder, which loads them at its next start, once its own Postgres runs. */
export const leaveTables = (folder: string, { tables }: BackupManifest, dataDir: string): void => {
  mkdirSync(join(dataDir, WAITING), { recursive: true, mode: 0o700 })
  copyFileSync(join(folder, tables.file), join(dataDir, WAITING, 'tables.ndjson'))
}

/** Loads what was left, once; true if there was something. */
export const takeUpTables = async (dataDir: string, url: string, signer: () => Signer): Promise<boolean> => {
  const file = join(dataDir, WAITING, 'tables.ndjson')
  if (!existsSync(file)) return false
  if (!(await areFresh(url))) throw new Error(`${file} waits to be loaded, and the tables are not empty.`)
  const { signedUpTo } = await loadTables(url, file, true)
  // Seldom needed, and it brings slonik.
  const { sayWentBack } = await import('../verify/say-went-back.ts')
  await sayWentBack(url, signer(), signedUpTo, Date.now())
  renameSync(file, join(dataDir, WAITING, 'tables.loaded.ndjson'))
  return true
}
