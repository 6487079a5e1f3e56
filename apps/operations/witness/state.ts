/** What a witness keeps on its disk: its key, and for each log what it last cosigned and any misbehaviour that it
 *  found. It cosigns nothing before this is stored safely. */
import { hash, randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { cosignerOf } from '../../../projections/proof/cosignature.ts'
import type { Signer } from '../../../projections/proof/note.ts'
import type { LogFault } from '../../../projections/proof/witnessing.ts'
import { lockFolder } from '../instance/folder-lock.ts'

export type CaughtAt = {
  readonly fault: LogFault
  readonly why: string
  /** The note that was cosigned last, and the one that contradicts it, both signed by the log. */
  readonly cosigned: string | null
  readonly shown: string
  /** ISO 8601. */
  readonly at: string
}

export type WitnessFolder = {
  readonly cosigner: Signer
  /** The note that was cosigned last, with the cosignature; null before the first. */
  readonly cosigned: (origin: string) => string | null
  readonly keep: (origin: string, note: string) => void
  /** Keeps evidence that a log misbehaved: each piece once, a hundred at most. */
  readonly caught: (origin: string, what: CaughtAt) => void
  readonly close: () => void
}

/** Why a folder can't be used, in a sentence. */
export class UnusableFolder extends Error {
  override readonly name = 'UnusableFolder'
}

const KEY = 'witness.key'
const MOST_CAUGHT = 100

/** The name under which what was cosigned of a log is kept, and also served. */
export const originHash = (origin: string): string => hash('sha256', origin, 'hex')

const sync = (path: string): void => {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
/** Replaces a file in such a way that either the old or the new one is there, whenever the machine goes down. */
const replace = (folder: string, name: string, text: string, mode = 0o644): void => {
  const path = join(folder, name)
  writeFileSync(`${path}.new`, text, { mode })
  sync(`${path}.new`)
  renameSync(`${path}.new`, path)
  sync(folder)
}

/** `name`: the name of a new key, if there is none yet. */
const keyIn = (folder: string, name: string | null): Signer => {
  const path = join(folder, KEY)
  if (!existsSync(path)) {
    if (name === null)
      throw new UnusableFolder(
        `${folder} has no key yet: give the witness a name (--name), such as witness.example/w1.`,
      )
    replace(folder, KEY, `${name} ${randomBytes(32).toString('hex')}\n`, 0o600)
  }
  const [, kept = '', seed = ''] = /^([^\s+]+) ([0-9a-f]{64})\n?$/.exec(readFileSync(path, 'utf8')) ?? []
  if (kept === '') throw new UnusableFolder(`${path} is no key: a name, a space and 64 hex digits.`)
  if (name !== null && name !== kept)
    throw new UnusableFolder(`${folder} is the folder of ${kept}, and not of ${name}.`)
  return cosignerOf(kept, Buffer.from(seed, 'hex'))
}

/** Throws `UnusableFolder`. */
export const openWitnessFolder = (folder: string, name: string | null): WitnessFolder => {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  // Two processes on one folder could cosign two histories.
  const unlock = lockFolder(
    folder,
    (pid) => new UnusableFolder(`${folder} is in use by another witness (process ${pid}).`),
  )
  try {
    const cosigner = keyIn(folder, name)
    const folderOf = (origin: string): string => join(folder, originHash(origin))
    return {
      cosigner,
      cosigned: (origin) => {
        const path = join(folderOf(origin), 'checkpoint')
        return existsSync(path) ? readFileSync(path, 'utf8') : null
      },
      keep: (origin, note) => {
        mkdirSync(folderOf(origin), { recursive: true })
        replace(folderOf(origin), 'checkpoint', note)
      },
      caught: (origin, what) => {
        mkdirSync(folderOf(origin), { recursive: true })
        const there = readdirSync(folderOf(origin)).filter((one) => one.startsWith('caught-'))
        const name = `caught-${originHash(what.shown).slice(0, 16)}.json`
        if (there.length >= MOST_CAUGHT || there.includes(name)) return
        replace(folderOf(origin), name, `${JSON.stringify(what, null, 2)}\n`)
      },
      close: unlock,
    }
  } catch (error) {
    unlock()
    throw error
  }
}
