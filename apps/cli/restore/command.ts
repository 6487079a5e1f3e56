/** `presence restore` */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Signer, signerOf } from '../../../projections/proof/note.ts'
import { leaveTables } from '../../operations/backup/left-tables.ts'
import type { BackupManifest } from '../../operations/backup/manifest.ts'
import {
  checkedBackup,
  importLogTo,
  restoreLogTo,
  restoreSecrets,
  restoreTables,
  secretsOf,
} from '../../operations/backup/restore.ts'
import type { KeptSecrets } from '../../operations/backup/sealed-secrets.ts'
import { readEndpoints } from '../../operations/instance/endpoints.ts'
import { isLogDir, logDirOf } from '../../operations/instance/log-backup.ts'
import { passphraseOf } from '../backup/passphrase.ts'
import { type CommandAlone, Misused, type Run } from '../command.ts'
import { progressTo } from '../progress.ts'
import { shown } from '../shown.ts'

const usage = `presence restore FOLDER --data DIR | --log DIR | (EVENTSTORE_URL)  [--passphrase-file FILE] [--secrets-to FILE]

Puts a backup back where there is nothing yet; nothing is overwritten.

  --data DIR             for npm start with DATA_DIR=DIR: the next start loads the keys and makes the tables
  --log DIR              the folder of an embedded node alone; the keys go into DATABASE_URL, a database that is empty
  neither                a backup of events: into EVENTSTORE_URL, which has no log yet, and DATABASE_URL
  --passphrase-file      opens the secrets, where the backup has them: into DIR/secrets.json, or to --secrets-to, as NAME=value lines

Start the projector afterwards: it makes the tables from the log. Then: presence privacy reapply, presence audit verify.`

type Asked = {
  readonly folder: string
  readonly manifest: BackupManifest
  readonly secrets: KeptSecrets | null
  readonly told: (what: string, share?: number) => void
}

const refuseUsed = (dir: string): void => {
  if (isLogDir(dir)) throw new Error(`There is a log in ${dir} already, and a restore does not overwrite.`)
}

const toData = async ({ folder, manifest, told }: Asked, dataDir: string): Promise<null> => {
  if (readEndpoints(dataDir) !== null) throw new Error(`npm start runs on ${dataDir}: stop it first.`)
  const dir = logDirOf(dataDir)
  refuseUsed(dir)
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  if (existsSync(`${dataDir}/postgres`))
    throw new Error(`There are tables in ${dataDir} already: name another folder.`)
  await restoreLogTo(folder, manifest, dir, told)
  leaveTables(folder, manifest, dataDir)
  return null
}

const databaseOf = (): string => {
  const url = process.env.DATABASE_URL
  if (!url) throw new Misused('The keys need a database: set DATABASE_URL, or give --data.')
  return url
}
/** What checkpoints are signed with: from the environment, or from the backup. */
const signerIn = (manifest: BackupManifest, secrets: KeptSecrets | null): Signer | null => {
  const seed = process.env.AUDIT_SIGNING_KEY || secrets?.AUDIT_SIGNING_KEY
  const origin = process.env.AUDIT_ORIGIN || manifest.origin
  return seed && origin ? signerOf(origin, Buffer.from(seed, 'hex')) : null
}

/** Returns up to where a signed statement that the log went back is still missing; null if it was made. */
const toParts = async (
  { folder, manifest, told, secrets }: Asked,
  log: string | undefined,
): Promise<number | null> => {
  const databaseUrl = databaseOf()
  if (log === undefined && !process.env.EVENTSTORE_URL)
    throw new Misused('Restore where? Give --data or --log, or set EVENTSTORE_URL.')
  if (log !== undefined) refuseUsed(resolve(log))
  // First everything that can be refused without leaving a trace.
  const signer = signerIn(manifest, secrets)
  const { signedUpTo } = await restoreTables(folder, manifest, databaseUrl, signer)
  if (log !== undefined) await restoreLogTo(folder, manifest, resolve(log), told)
  else await importLogTo(folder, manifest, process.env.EVENTSTORE_URL!, told)
  return signer === null ? signedUpTo : null
}

const run: Run = async (args, io) => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      data: { type: 'string' },
      log: { type: 'string' },
      'passphrase-file': { type: 'string' },
      'secrets-to': { type: 'string' },
    },
  })
  const [named, ...rest] = positionals
  if (named === undefined || rest.length > 0) throw new Misused('Restore which backup? Name one folder.')
  if (values.data !== undefined && values.log !== undefined)
    throw new Misused('Give --data or --log, not both.')
  const folder = resolve(named)
  const dataDir = values.data === undefined ? null : resolve(values.data)
  const manifest = await checkedBackup(folder)
  const file = values['passphrase-file']
  const secrets = file === undefined ? null : secretsOf(folder, passphraseOf(file))
  const progress = progressTo(io)
  const told = (what: string, share?: number) => progress.at({ what, share: share ?? null })
  const asked = { folder, manifest, secrets, told }
  // The start that loads the tables has the key.
  const unsaid = await (dataDir !== null ? toData(asked, dataDir) : toParts(asked, values.log)).finally(
    progress.end,
  )
  io.data?.({ folder, events: manifest.log.events, createdAt: manifest.createdAt, origin: manifest.origin })
  io.out(`${manifest.log.events} events of ${shown(manifest.createdAt)} are back.`)
  if (secrets !== null) {
    const others = restoreSecrets(secrets, dataDir)
    const to = values['secrets-to']
    if (to !== undefined) {
      const lines = Object.entries(others).map(([name, value]) => `${name}=${value}\n`)
      writeFileSync(resolve(to), lines.join(''), { mode: 0o600, flag: 'wx' })
      io.out(`${resolve(to)} has ${lines.length} secrets of the environment.`)
    }
  } else
    io.out('The same PRIVACY_MASTER_KEY and AUDIT_SIGNING_KEY as before are needed to open and to sign it.')
  if (unsaid !== null)
    io.out(
      `Checkpoints that were signed after the backup are of what is lost, and AUDIT_SIGNING_KEY was not here to say so: presence audit went-back --to ${unsaid} does, once the tables are made.`,
    )
  return 0
}

export const restore: CommandAlone = {
  name: 'restore',
  summary: 'put a backup back where there is nothing yet',
  usage,
  run,
}
