/** Who may log in. Passwords are kept as scrypt hashes in the log's file, not as events. */
import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Storage } from '../storage.ts'

export type User = {
  readonly login: string
  readonly fullName: string
  readonly groups: ReadonlyArray<string>
  readonly disabled: boolean
  readonly updatedAt: number
}
type Kept = User & { readonly salt: string; readonly hash: string }

export type Users = ReturnType<typeof createUsers>

const KEY_BYTES = 32
const hashOf = (password: string, salt: string): Buffer =>
  scryptSync(password, Buffer.from(salt, 'base64'), KEY_BYTES)

/** `adminPassword`: for the first start, when `admin` is made. */
export const createUsers = (storage: Storage, adminPassword: string | undefined) => {
  const { db } = storage
  const find = db.prepare('SELECT value FROM state WHERE name = ?')
  const put = db.prepare('INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)')
  const remove = db.prepare('DELETE FROM state WHERE name = ?')
  const all = db.prepare("SELECT value FROM state WHERE name LIKE 'user/%' ORDER BY name")
  // A hash takes tens of milliseconds, and a client sends its credentials with every call.
  const verified = new LRUCache<string, string>({ max: 1000, ttl: 60_000 })

  const get = (login: string): Kept | undefined => {
    const row = find.get(`user/${login}`)
    return row === undefined ? undefined : (JSON.parse(String(row.value)) as Kept)
  }
  const save = (user: Kept): void => {
    put.run(`user/${user.login}`, JSON.stringify(user))
    verified.clear()
  }
  const withPassword = (user: User, password: string): Kept => {
    const salt = randomBytes(16).toString('base64')
    return { ...user, salt, hash: hashOf(password, salt).toString('base64'), updatedAt: Date.now() }
  }
  const matches = (user: Kept, password: string): boolean =>
    timingSafeEqual(hashOf(password, user.salt), Buffer.from(user.hash, 'base64'))

  if (get('admin') === undefined) {
    if (adminPassword === undefined)
      throw new Error(
        'The first start with authentication needs a password for admin: EVENTSTORE_ADMIN_PASSWORD.',
      )
    save(
      withPassword(
        { login: 'admin', fullName: 'Administrator', groups: ['$admins'], disabled: false, updatedAt: 0 },
        adminPassword,
      ),
    )
  }

  return {
    get: (login: string): User | undefined => get(login),
    list: (): User[] => all.all().map((row) => JSON.parse(String(row.value)) as Kept),
    create: (login: string, fullName: string, groups: ReadonlyArray<string>, password: string): void =>
      save(withPassword({ login, fullName, groups, disabled: false, updatedAt: 0 }, password)),
    change: (login: string, changes: Partial<Pick<User, 'fullName' | 'groups' | 'disabled'>>): void => {
      const user = get(login)
      if (user !== undefined) save({ ...user, ...changes, updatedAt: Date.now() })
    },
    setPassword: (login: string, password: string): void => {
      const user = get(login)
      if (user !== undefined) save(withPassword(user, password))
    },
    remove: (login: string): void => {
      remove.run(`user/${login}`)
      verified.clear()
    },
    hasPassword: (login: string, password: string): boolean => {
      const user = get(login)
      return user !== undefined && matches(user, password)
    },

    /** The user whose credentials the header holds; undefined where they are wrong. */
    authenticate: (header: string): User | undefined => {
      const encoded = /^basic (.+)$/i.exec(header)?.[1]
      if (encoded === undefined) return undefined
      const known = verified.get(encoded)
      if (known !== undefined) return get(known)
      const [login = '', ...rest] = Buffer.from(encoded, 'base64').toString('utf8').split(':')
      const user = get(login)
      if (user === undefined || user.disabled || !matches(user, rest.join(':'))) return undefined
      verified.set(encoded, login)
      return user
    },
  }
}
