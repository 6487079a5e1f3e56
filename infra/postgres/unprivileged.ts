/** PostgreSQL refuses to run as root: who runs it then. */
import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'

export type User = { readonly uid: number; readonly gid: number; readonly name: string }

const USERS = ['postgres', 'dlux-presence']

const idOf = (name: string): User | null => {
  try {
    const ask = (flag: string) =>
      Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
    return { name, uid: ask('-u'), gid: ask('-g') }
  } catch {
    return null
  }
}

/**
 * Null for an ordinary user, who runs it himself. For root, the owner of the data that is there, else a user of the
 * machine that serves, else one made for it. Throws a sentence where none can be made.
 */
export const postgresUser = (dataDir: string, say: (line: string) => void): User | null => {
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
