/** Makes a backup while everything runs: first the log, then the keys, so that the key of everything on the log is in it. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectEventLog } from '../../../adapters/eventstore/index.ts'
import { type Name, variables } from '../../config/variables.ts'
import { backupLog } from '../instance/log-backup.ts'
import { readKept } from '../instance/secrets.ts'
import { exportLog } from '../log-transfer/file.ts'
import { type BackupManifest, SECRETS_FILE, SETTINGS_FILE, writeManifest } from './manifest.ts'
import { type KeptSecrets, sealSecrets } from './sealed-secrets.ts'
import { beforeCopy, dumpTables } from './tables.ts'

export type BackupOptions = {
  /** The folder that backups are put into. */
  readonly to: string
  readonly log: { readonly dir: string } | { readonly url: string }
  readonly databaseUrl: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where `npm start` keeps its secrets; null if the environment has them. */
  readonly dataDir: string | null
  readonly origin: string | null
  /** The passphrase under which secrets are sealed; null if none are kept. */
  readonly passphrase: string | null
  readonly version: string
  readonly now: Date
  /** `share`: 0 to 1, if the end is known. */
  readonly onProgress: (what: string, share?: number) => void
}

const NAME = /^presence-\d{8}T\d{6}Z$/
const nameOf = (now: Date): string => `presence-${now.toISOString().replace(/[-:]|\.\d+/g, '')}`

/** An address with a password in it is a secret too. */
const isSecret = (name: Name, value: string): boolean =>
  ('secret' in variables[name] && variables[name].secret === true) || /:\/\/[^/]*@/.test(value)

const given = (env: BackupOptions['env'], secret: boolean): ReadonlyArray<readonly [Name, string]> =>
  (Object.keys(variables) as Name[]).flatMap((name) => {
    const value = env[name]
    return value === undefined || value === '' || isSecret(name, value) !== secret
      ? []
      : [[name, value] as const]
  })

const settingsOf = (env: BackupOptions['env']): string =>
  given(env, false)
    .map(([name, value]) => `${name}=${value.replaceAll('\n', ' ')}\n`)
    .join('')

const secretsOf = ({ env, dataDir }: BackupOptions): KeptSecrets => {
  const kept = dataDir === null ? {} : readKept(dataDir)
  return {
    ...Object.fromEntries(Object.entries(kept).map(([name, value]) => [`secrets.json ${name}`, value])),
    ...Object.fromEntries(given(env, true)),
  }
}

const copyLog = async (
  log: BackupOptions['log'],
  folder: string,
  onProgress: BackupOptions['onProgress'],
): Promise<BackupManifest['log']> => {
  if ('dir' in log) {
    const file = 'log.backup'
    const { events, lastPosition } = await backupLog(log.dir, join(folder, file), {
      onProgress: (done, of) => onProgress('copying the log', of === 0 ? 1 : done / of),
      onCheck: () => onProgress('checking the copy of the log'),
    })
    return {
      form: 'copy',
      file,
      events: Number(events),
      lastPosition: lastPosition === null ? null : String(lastPosition),
    }
  }
  const file = 'log.ndjson'
  const store = connectEventLog({ url: log.url })
  try {
    const events = await exportLog(store, join(folder, file), (done) =>
      onProgress(`copying the log, ${done} events`),
    )
    return { form: 'events', file, events, lastPosition: null }
  } finally {
    await store.close()
  }
}

/** Returns where the backup is. An unfinished backup is removed. */
export const makeBackup = async (
  options: BackupOptions,
): Promise<{ readonly folder: string; readonly manifest: BackupManifest }> => {
  const { to, databaseUrl, passphrase, onProgress, now } = options
  mkdirSync(to, { recursive: true, mode: 0o700 })
  const folder = join(to, nameOf(now))
  const making = `${folder}.part`
  if (existsSync(folder)) throw new Error(`${folder} is there already.`)
  rmSync(making, { recursive: true, force: true })
  mkdirSync(making, { mode: 0o700 })
  try {
    const before = await beforeCopy(databaseUrl)
    const log = await copyLog(options.log, making, onProgress)
    onProgress('keys and what else the log does not say')
    const tables = await dumpTables(databaseUrl, join(making, 'tables.ndjson'), before)
    writeFileSync(join(making, SETTINGS_FILE), settingsOf(options.env), { mode: 0o600 })
    const files = [log.file, 'tables.ndjson', SETTINGS_FILE]
    if (passphrase !== null) {
      writeFileSync(join(making, SECRETS_FILE), sealSecrets(secretsOf(options), passphrase), { mode: 0o600 })
      files.push(SECRETS_FILE)
    }
    const manifest = await writeManifest(making, files, {
      format: 1,
      version: options.version,
      createdAt: now.toISOString(),
      log,
      tables: { file: 'tables.ndjson', ...tables },
      origin: options.origin,
      secrets: passphrase === null ? null : SECRETS_FILE,
    })
    renameSync(making, folder)
    return { folder, manifest }
  } catch (error) {
    rmSync(making, { recursive: true, force: true })
    throw error
  }
}

/** Removes all but the newest `keep` backups of a folder. Returns which were removed. */
export const keepNewest = (to: string, keep: number): ReadonlyArray<string> => {
  const all = readdirSync(to)
    .filter((name) => NAME.test(name) && existsSync(join(to, name, 'manifest.json')))
    .sort()
  const gone = all.slice(0, Math.max(0, all.length - keep))
  for (const name of gone) rmSync(join(to, name), { recursive: true })
  return gone
}
