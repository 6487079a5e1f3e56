/** Restores a backup: the log into a place that has none, and what Postgres must have before the tables are rebuilt from it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { connectOrderedEventLog } from '../../../adapters/eventstore/index.ts'
import { migrate } from '../../../adapters/postgres/migrate.ts'
import type { Signer } from '../../../projections/proof/note.ts'
import { restoreLog } from '../instance/log-backup.ts'
import { importLog } from '../log-transfer/import.ts'
import { sayWentBack } from '../verify/say-went-back.ts'
import { alteredFiles, type BackupManifest, readManifest, SECRETS_FILE } from './manifest.ts'
import { type KeptSecrets, openSecrets } from './sealed-secrets.ts'
import { areFresh, type Loaded, loadTables } from './tables.ts'

/** `share`: 0 to 1, if the end is known. */
type Told = (what: string, share?: number) => void
const progressOf = (told: Told) => ({
  onProgress: (done: number, of: number) => told('copying the log', of === 0 ? 1 : done / of),
  onCheck: () => told('checking the log'),
})

/** Reads the manifest and checks that each file is unchanged. Throws with a sentence. */
export const checkedBackup = async (folder: string): Promise<BackupManifest> => {
  const read = readManifest(folder)
  if (E.isLeft(read)) throw new Error(read.left)
  const altered = await alteredFiles(folder, read.right)
  if (altered.length > 0) throw new Error(`${altered.join(', ')} of ${folder} is not what was backed up.`)
  return read.right
}

export const secretsOf = (folder: string, passphrase: string): KeptSecrets => {
  const file = join(folder, SECRETS_FILE)
  if (!existsSync(file)) throw new Error(`${folder} was made without secrets.`)
  const opened = openSecrets(readFileSync(file, 'utf8'), passphrase)
  if (E.isLeft(opened)) throw new Error(opened.left)
  return opened.right
}

/** Restores a log into a folder of the embedded node. */
export const restoreLogTo = async (
  folder: string,
  { log }: BackupManifest,
  dir: string,
  told: Told,
): Promise<void> => {
  if (log.form !== 'copy')
    throw new Error('This backup is of events, for an event store that runs: name it with EVENTSTORE_URL.')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  await restoreLog(join(folder, log.file), dir, progressOf(told))
}

/** Imports a log's events into an event store that has none of ours. */
export const importLogTo = async (
  folder: string,
  { log }: BackupManifest,
  url: string,
  told: Told,
): Promise<void> => {
  if (log.form !== 'events')
    throw new Error('This backup is of an embedded node’s file: name a folder with --data or --log.')
  const store = connectOrderedEventLog({ url })
  try {
    await importLog(store, join(folder, log.file), (done) => told(`copying the log, ${done} events`))
  } finally {
    await store.close()
  }
}

/** Restores keys and content into a fresh database: the projector makes all other tables. `signer` signs that the log went back. */
export const restoreTables = async (
  folder: string,
  { log, tables }: BackupManifest,
  url: string,
  signer: Signer | null,
): Promise<Loaded> => {
  await migrate(url)
  if (!(await areFresh(url)))
    throw new Error(
      'The database has tables of a log already, and a restore does not overwrite: name an empty one.',
    )
  const loaded = await loadTables(url, join(folder, tables.file), log.form === 'copy')
  // Since the backup, checkpoints may have been signed for what is lost now.
  if (signer !== null) await sayWentBack(url, signer, loaded.signedUpTo, Date.now())
  return loaded
}

/** Restores the secrets of `npm start` into its folder, if there are none; returns those that the environment must have. */
export const restoreSecrets = (secrets: KeptSecrets, dataDir: string | null): KeptSecrets => {
  const kept = Object.entries(secrets).filter(([name]) => name.startsWith('secrets.json '))
  if (dataDir !== null && kept.length > 0) {
    const own = Object.fromEntries(kept.map(([name, value]) => [name.slice('secrets.json '.length), value]))
    writeFileSync(join(dataDir, 'secrets.json'), `${JSON.stringify(own, null, 2)}\n`, {
      mode: 0o600,
      flag: 'wx',
    })
  }
  return Object.fromEntries(Object.entries(secrets).filter(([name]) => !name.startsWith('secrets.json ')))
}
