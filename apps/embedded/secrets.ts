/** The secrets of the embedded mode: made once, kept in the data folder, readable by its owner alone. */
import { randomBytes } from 'node:crypto'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { CannotStart } from './checks.ts'

const Secrets = t.type({ session: t.string, turn: t.string, postgres: t.string })
export type Secrets = t.TypeOf<typeof Secrets>

const random = (): string => randomBytes(32).toString('hex')

export const readSecrets = (dataDir: string): Secrets => {
  const file = join(dataDir, 'secrets.json')
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new CannotStart(`${file} can't be read: ${(error as Error).message}.`)
    const made: Secrets = { session: random(), turn: random(), postgres: random() }
    writeFileSync(file, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
    return made
  }
  chmodSync(file, 0o600)
  try {
    const read = Secrets.decode(JSON.parse(text))
    if (E.isRight(read)) return read.right
  } catch {
    // Told below, as what it is.
  }
  throw new CannotStart(
    `${file} is damaged. Without the database's password in it, its tables can't be read: restore the file, or name another folder with DATA_DIR.`,
  )
}
