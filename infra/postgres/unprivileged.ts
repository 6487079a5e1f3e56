/** PostgreSQL refuses to run as root: finds the user that runs it. */
import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'

export type SystemUser = { readonly uid: number; readonly gid: number; readonly name: string }

const USERS = ['postgres', 'dlux-presence']

const idOf = (name: string): SystemUser | null => {
  try {
    const ask = (flag: string) =>
      Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
    return { name, uid: ask('-u'), gid: ask('-g') }
  } catch {
    return null
  }
}

/** Null for an ordinary user, who runs it. For root, the owner of existing data, else a suitable user of the machine, else
 *  a new one. Throws a sentence where none can be made. */
export const postgresUser = (dataDir: string, say: (line: string) => void): SystemUser | null => {
  if (process.getuid?.() !== 0) return null
  const there = statSync(`${dataDir}/PG_VERSION`, { throwIfNoEntry: false })
  if (there && there.uid !== 0) return { uid: there.uid, gid: there.gid, name: `user ${there.uid}` }
  for (const name of USERS) {
    const user = idOf(name)
    if (user) return user
  }
  try {
    execFileSync('useradd', ['--system', '--user-group', '--no-create-home', 'dlux-presence'], {
      stdio: 'ignore',
    })
    say('made the user dlux-presence, since PostgreSQL does not run as root')
  } catch {
    // No useradd (Alpine) or a read-only /etc: the one below says what to do.
  }
  const made = idOf('dlux-presence') ?? idOf('nobody')
  if (made) return made
  throw new Error(
    'PostgreSQL does not run as root, and no user could be made for it: run this as an ordinary user.',
  )
}
