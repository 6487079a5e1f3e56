/** The manifest of a backup, which is a folder: it says what is in the folder, and what each file must be. */
import { createHash } from 'node:crypto'
import { createReadStream, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'

const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null])

const BackupManifest = t.type({
  format: t.literal(1),
  /** The version of the program that made it. */
  version: t.string,
  createdAt: t.string,
  log: t.type({
    /** `copy`: the embedded node's file; `events`: one event per line, from any event store; these get new positions. */
    form: t.union([t.literal('copy'), t.literal('events')]),
    file: t.string,
    events: t.number,
    lastPosition: nullable(t.string),
  }),
  tables: t.type({ file: t.string, rows: t.record(t.string, t.number), checkpoint: nullable(t.string) }),
  /** The log's name in its checkpoints. */
  origin: nullable(t.string),
  /** Null if secrets were not asked for. */
  secrets: nullable(t.string),
  sha256: t.record(t.string, t.string),
})
export type BackupManifest = t.TypeOf<typeof BackupManifest>

const FILE = 'manifest.json'
export const SETTINGS_FILE = 'settings.env'
export const SECRETS_FILE = 'secrets.json'

const sha256Of = async (file: string): Promise<string> => {
  const digest = createHash('sha256')
  for await (const chunk of createReadStream(file)) digest.update(chunk as Buffer)
  return digest.digest('hex')
}

/** Writes it last: a folder without one is no backup. */
export const writeManifest = async (
  folder: string,
  files: ReadonlyArray<string>,
  manifest: Omit<BackupManifest, 'sha256'>,
): Promise<BackupManifest> => {
  const sha256: Record<string, string> = {}
  for (const file of files) sha256[file] = await sha256Of(join(folder, file))
  const whole: BackupManifest = { ...manifest, sha256 }
  writeFileSync(join(folder, FILE), `${JSON.stringify(whole, null, 2)}\n`, { mode: 0o600 })
  return whole
}

/** Left is a sentence. */
export const readManifest = (folder: string): E.Either<string, BackupManifest> => {
  try {
    const read = BackupManifest.decode(JSON.parse(readFileSync(join(folder, FILE), 'utf8')))
    if (E.isRight(read)) return read
    return E.left(`${join(folder, FILE)} is not the manifest of a backup that this version reads.`)
  } catch (error) {
    return E.left(`${folder} is no backup: ${(error as Error).message}.`)
  }
}

/** The files that are missing or not what the manifest says. */
export const alteredFiles = async (
  folder: string,
  { sha256 }: BackupManifest,
): Promise<ReadonlyArray<string>> => {
  const altered: string[] = []
  for (const [file, wanted] of Object.entries(sha256)) {
    const is = await sha256Of(join(folder, file)).catch(() => null)
    if (is !== wanted) altered.push(file)
  }
  return altered
}
