/** The secrets of the embedded mode: made once, kept in the data folder, readable only by its owner. */
import { randomBytes } from 'node:crypto'
import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { CannotStart } from './cannot-start.ts'

const FirstSecrets = t.type({ session: t.string, turn: t.string, postgres: t.string })
/** `privacy`: the master key of people's data; `audit`: the seed that checkpoints are signed with. 64 hex digits each. */
const LaterSecrets = t.type({ privacy: t.string, audit: t.string })
const Secrets = t.intersection([FirstSecrets, LaterSecrets])
export type Secrets = t.TypeOf<typeof Secrets>

const random = (): string => randomBytes(32).toString('hex')

const textOf = (secrets: Secrets): string => `${JSON.stringify(secrets, null, 2)}\n`

const kept = (dataDir: string, name: keyof t.TypeOf<typeof LaterSecrets>): string | null => {
  try {
    const read = t
      .partial(LaterSecrets.props)
      .decode(JSON.parse(readFileSync(join(dataDir, 'secrets.json'), 'utf8')))
    return E.isRight(read) ? (read.right[name] ?? null) : null
  } catch {
    return null
  }
}
/** The master key in a folder on which `npm start` has run; null if there is none. */
export const readMasterKey = (dataDir: string): string | null => kept(dataDir, 'privacy')
/** The same for the seed that checkpoints are signed with. */
export const readSigningKey = (dataDir: string): string | null => kept(dataDir, 'audit')

/** The secrets that exist, without making any. */
export const readKept = (dataDir: string): Partial<Secrets> => {
  try {
    const read = t
      .partial({ ...FirstSecrets.props, ...LaterSecrets.props })
      .decode(JSON.parse(readFileSync(join(dataDir, 'secrets.json'), 'utf8')))
    return E.isRight(read) ? read.right : {}
  } catch {
    return {}
  }
}

export const readSecrets = (dataDir: string): Secrets => {
  const file = join(dataDir, 'secrets.json')
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new CannotStart(`${file} can't be read: ${(error as Error).message}.`)
    const made: Secrets = {
      session: random(),
      turn: random(),
      postgres: random(),
      privacy: random(),
      audit: random(),
    }
    writeFileSync(file, textOf(made), { mode: 0o600, flag: 'wx' })
    return made
  }
  chmodSync(file, 0o600)
  try {
    const json: unknown = JSON.parse(text)
    const read = Secrets.decode(json)
    if (E.isRight(read)) return read.right
    const first = FirstSecrets.decode(json)
    const later = t.partial(LaterSecrets.props).decode(json)
    if (E.isRight(first) && E.isRight(later)) {
      // The folder may be from before people's data was sealed, or checkpoints signed.
      const more: Secrets = { privacy: random(), audit: random(), ...first.right, ...later.right }
      writeFileSync(`${file}.new`, textOf(more), { mode: 0o600 })
      renameSync(`${file}.new`, file)
      return more
    }
  } catch {
    // Reported below, with its real cause.
  }
  throw new CannotStart(
    `${file} is damaged. Without the database's password in it, its tables can't be read: restore the file, or name another folder with DATA_DIR.`,
  )
}
