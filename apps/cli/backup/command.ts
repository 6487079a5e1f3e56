/** `presence backup` */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import { keepNewest, makeBackup } from '../../operations/backup/make.ts'
import { isLogDir, logDirOf } from '../../operations/instance/log-backup.ts'
import { type CommandAlone, type Io, Misused, type Run } from '../command.ts'
import type { Connections } from '../connections.ts'
import { progressTo } from '../progress.ts'
import { reached } from '../reached.ts'
import { drill } from './drill.ts'
import { passphraseOf } from './passphrase.ts'

const usage = `presence backup --to DIR [--log DIR] [--with-secrets --passphrase-file FILE] [--keep N] [--run COMMAND] [--json]
presence backup verify FOLDER [--database postgres://…] [--passphrase-file FILE]

A backup of everything, made while it runs, into a folder of its own under DIR: the log, then the keys of people's data and what else
the log does not say, the settings, and a manifest with the checksum of each file. Tables are not in it: they are made anew from the log.

  --log DIR                 the folder of an embedded node that runs alone (infra/eventstore); unless given, that of npm start on DATA_DIR,
                            or the events of EVENTSTORE_URL
  --with-secrets            also the secrets, encrypted under the first line of --passphrase-file. Without them keep PRIVACY_MASTER_KEY and
                            AUDIT_SIGNING_KEY elsewhere: without those a backup opens nothing
  --keep N                  afterwards only the newest N backups stay in DIR
  --run COMMAND            run by the shell when it is made, the folder after it: --run 'rclone copy --create-empty-src-dirs', 'aws s3 sync'
  --json                    what was made, as JSON

verify puts a backup back into a spare place, starts everything there, and ends with presence audit verify of it.
  --database                an empty database for that; unless given, one of npm's PostgreSQL`

const versionOf = (): string =>
  (JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string })
    .version

const logOf = (
  to: Connections,
  named: string | undefined,
): { readonly dir: string } | { readonly url: string } => {
  if (named !== undefined) {
    if (!isLogDir(resolve(named)))
      throw new Error(`There is no log of an embedded node in ${resolve(named)}.`)
    return { dir: resolve(named) }
  }
  const own = logDirOf(resolve(process.env.DATA_DIR || './data'))
  return !process.env.EVENTSTORE_URL && isLogDir(own) ? { dir: own } : { url: to.eventStoreUrl }
}

const runAfter = async (command: string, folder: string, io: Io): Promise<void> => {
  const child = spawn('sh', ['-c', `${command} "$1"`, 'sh', folder], { stdio: ['ignore', 'pipe', 'pipe'] })
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => io.err(String(text).trimEnd()))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${folder} is made, but ${command} failed (${code}).`)
}

const connected = async (): Promise<Connections> => {
  const to = await reached()
  if (E.isLeft(to)) throw new Error(to.left)
  return to.right
}

const make: Run = async (args, io) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      to: { type: 'string' },
      log: { type: 'string' },
      'with-secrets': { type: 'boolean' },
      'passphrase-file': { type: 'string' },
      keep: { type: 'string' },
      run: { type: 'string' },
      json: { type: 'boolean' },
    },
  })
  if (values.to === undefined) throw new Misused('Back up to where? Give --to.')
  const keep = values.keep === undefined ? null : Number(values.keep)
  if (keep !== null && !(Number.isSafeInteger(keep) && keep > 0))
    throw new Misused('--keep takes a number, from 1.')
  const withSecrets = values['with-secrets'] === true
  if (withSecrets && values['passphrase-file'] === undefined)
    throw new Misused('Secrets are kept under a passphrase alone: give --passphrase-file.')
  const to = await connected()
  const progress = progressTo(io)
  const { folder, manifest } = await makeBackup({
    to: resolve(values.to),
    log: logOf(to, values.log),
    databaseUrl: to.databaseUrl,
    env: process.env,
    dataDir: to.endpoints === null ? null : resolve(process.env.DATA_DIR || './data'),
    origin: to.audit?.origin ?? null,
    passphrase: withSecrets ? passphraseOf(values['passphrase-file']!) : null,
    version: versionOf(),
    now: new Date(),
    onProgress: (what, share) => progress.at({ what, share: share ?? null }),
  }).finally(progress.end)
  if (values.run !== undefined) await runAfter(values.run, folder, io)
  const gone = keep === null ? [] : keepNewest(resolve(values.to), keep)
  if (values.json === true) io.out(JSON.stringify({ folder, removed: gone, ...manifest }))
  else {
    const keys = manifest.tables.rows.privacy_keys ?? 0
    io.out(`${folder} holds ${manifest.log.events} events and ${keys} keys.`)
    if (!withSecrets)
      io.out(
        'It has no secrets: keep PRIVACY_MASTER_KEY and AUDIT_SIGNING_KEY elsewhere, or give --with-secrets.',
      )
    if (gone.length > 0) io.out(`Taken away: ${gone.join(', ')}.`)
  }
  return 0
}

const verify: Run = async (args, io) => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { database: { type: 'string' }, 'passphrase-file': { type: 'string' } },
  })
  const [folder, ...rest] = positionals
  if (folder === undefined || rest.length > 0) throw new Misused('Verify which backup? Name one folder.')
  const file = values['passphrase-file']
  const { secretsForDrill } = await import('./passphrase.ts')
  const secrets = secretsForDrill(resolve(folder), file)
  return drill({ folder: resolve(folder), databaseUrl: values.database ?? null, secrets, io })
}

export const backup: CommandAlone = {
  name: 'backup',
  summary:
    'the log, the keys and the settings into one folder, while everything runs; put one back as a drill',
  usage,
  run: (args, io) => (args[0] === 'verify' ? verify(args.slice(1), io) : make(args, io)),
}
