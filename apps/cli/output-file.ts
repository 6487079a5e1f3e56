/** A file that a command writes: complete under its name, or not there at all. */
import { rmSync } from 'node:fs'
import { type FileHandle, link, lstat, open, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileError } from './file-errors.ts'

class OutputError extends Error {
  override readonly name = 'OutputError'
}

export type Output = {
  /** A device or a pipe: messages about it go elsewhere. */
  readonly isDirect: boolean
  readonly write: (text: string) => Promise<void>
  /** Completes the file and gives it its name. */
  readonly done: () => Promise<void>
  /** Removes what was written; does nothing after `done`. */
  readonly abandon: () => Promise<void>
}

/** How many characters are written at once. */
const CHUNK = 1 << 18

/** Without --force, the only existing paths that are written to are devices and pipes. */
const targetOf = async (file: string, force: boolean): Promise<{ name: string; isDirect: boolean }> => {
  const there = await lstat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (there === null) return { name: file, isDirect: false }
  // A link that leads nowhere counts as the target itself.
  const behind = there.isSymbolicLink() ? await stat(file).catch(() => there) : there
  if (behind.isDirectory()) throw new OutputError(`${file} is a folder: name a file in it.`)
  if (!behind.isFile() && !behind.isSymbolicLink()) return { name: file, isDirect: true }
  if (!force)
    throw new OutputError(`${file} is there already: give another name, or --force to write over it.`)
  return { name: await realpath(file).catch(() => file), isDirect: false }
}

const standard: Output = {
  isDirect: true,
  write: (text) =>
    new Promise((resolve, reject) =>
      process.stdout.write(text, (error) => (error ? reject(error) : resolve())),
    ),
  done: async () => {},
  abandon: async () => {},
}

/** `-` is the standard output. A file is readable only by whoever runs this. It grows as `FILE.<pid>.part` beside its
 *  place, which is removed if this ends early, even by a signal. Throws `OutputError` with a sentence, from `write` and
 *  `done`, too. */
export const openOutput = async (file: string, { force = false } = {}): Promise<Output> => {
  if (file === '-') return standard
  const orSay = async <A>(work: () => Promise<A>): Promise<A> => {
    try {
      return await work()
    } catch (error) {
      if (error instanceof OutputError) throw error
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
      throw new OutputError(missing ? `There is no folder ${dirname(file)}.` : fileError(error, file))
    }
  }
  const { name, isDirect } = await orSay(() => targetOf(file, force))
  const part = isDirect ? null : `${name}.${process.pid}.part`
  const handle: FileHandle = await orSay(() => open(part ?? name, part === null ? 'w' : 'wx', 0o600))
  let isOpen = true
  const onSignal = (signal: NodeJS.Signals): void => {
    if (part !== null) rmSync(part, { force: true })
    process.exit(signal === 'SIGINT' ? 130 : 143)
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  const end = async (): Promise<void> => {
    isOpen = false
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
    await handle.close()
  }
  let waiting: string[] = []
  let length = 0
  const flush = async (): Promise<void> => {
    const text = waiting.join('')
    waiting = []
    length = 0
    if (text !== '') await handle.writeFile(text)
  }
  /** Does not replace a file that appeared there in the meantime. */
  const giveName = async (from: string): Promise<void> => {
    if (force) return rename(from, name)
    try {
      await link(from, name)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EEXIST') throw new OutputError(`${file} is there by now: give another name.`)
      // Not every file system has links.
      return rename(from, name)
    }
    await rm(from)
  }
  return {
    isDirect,
    write: async (text) => {
      waiting.push(text)
      length += text.length
      if (length >= CHUNK) await orSay(flush)
    },
    done: () =>
      orSay(async () => {
        await flush()
        if (part !== null) await handle.sync()
        await end()
        if (part !== null) await giveName(part)
      }),
    abandon: async () => {
      if (isOpen) await end().catch(() => {})
      if (part !== null) await rm(part, { force: true })
    },
  }
}
