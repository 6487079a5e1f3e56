/** Another revision of the project, checked out beside this one to be measured in turns with it. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const HERE = fileURLToPath(new URL('../../', import.meta.url))

export type Revision = { readonly name: string; readonly root: string; readonly remove: () => void }

const git = (...words: string[]): string => execFileSync('git', words, { cwd: HERE, encoding: 'utf8' }).trim()

/** Its packages are ours; the project's own among them are links into the checkout, and so become its own. */
const linkPackages = (from: string, to: string): void => {
  mkdirSync(to)
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name)
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), join(to, entry.name))
    else if (entry.name.startsWith('@')) linkPackages(source, join(to, entry.name))
    else if (entry.name !== '.cache') symlinkSync(source, join(to, entry.name))
  }
}

/** Throws where git knows no such revision. */
export const checkedOut = (asked: string): Revision => {
  const name = git('rev-parse', '--short', '--verify', `${asked}^{commit}`)
  const folder = mkdtempSync(join(tmpdir(), 'presence-revision-'))
  const root = join(folder, 'project')
  git('worktree', 'add', '--quiet', '--detach', '--force', root, name)
  let isRemoved = false
  const remove = (): void => {
    if (isRemoved) return
    isRemoved = true
    git('worktree', 'remove', '--force', root)
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', remove)
  linkPackages(join(HERE, 'node_modules'), join(root, 'node_modules'))
  return { name, root, remove }
}
