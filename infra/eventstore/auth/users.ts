/** The users who may log in. Passwords are kept as scrypt hashes in the log's file, not as events. */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Storage } from '../log/storage.ts'

export type User = {
  readonly login: string
  readonly fullName: string
  readonly groups: ReadonlyArray<string>
  readonly disabled: boolean
  readonly updatedAt: number
}
type Kept = User & { readonly salt: string; readonly hash: string }

export type Users = Awaited<ReturnType<typeof createUsers>>

const encodedOf = (header: string): string => /^basic (.+)$/i.exec(header)?.[1] ?? ''
const KEY_BYTES = 32
/** How many hashes are computed at a time: each takes tens of milliseconds and 16 MB, and people who guess passwords
 *  must not use up the machine. */
const AT_ONCE = 2
let running = 0
const queue: Array<() => void> = []

const hashOf = async (password: string, salt: string): Promise<Buffer> => {
  if (running >= AT_ONCE) await new Promise<void>((resolve) => queue.push(resolve))
  running++
  try {
    return await new Promise((resolve, reject) =>
      scrypt(password, Buffer.from(salt, 'base64'), KEY_BYTES, (error, key) =>
        error === null ? resolve(key) : reject(error),
      ),
    )
  } finally {
    running--
    queue.shift()?.()
  }
}

const builtIn = (login: string, fullName: string, group: string): User => ({
  ...{ login, fullName, groups: [group], disabled: false, updatedAt: 0 },
})
/** The two users of a fresh node. Nobody knows the password of `ops` until an administrator sets one. */
const ADMIN = builtIn('admin', 'Event Store Administrator', '$admins')
const OPS = builtIn('ops', 'Event Store Operations', '$ops')

/** `adminPassword` is for the first start, when `admin` and `ops` are created. */
export const createUsers = async (storage: Storage, adminPassword: string | undefined) => {
  const { db } = storage
  const find = db.prepare('SELECT value FROM state WHERE name = ?')
  const put = db.prepare('INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)')
  const remove = db.prepare('DELETE FROM state WHERE name = ?')
  const all = db.prepare("SELECT value FROM state WHERE name LIKE 'user/%' ORDER BY name")
  // A hash takes tens of milliseconds, and a client sends its credentials with every call. Credentials that were right
  // stay right until the password changes.
  const verified = new LRUCache<string, { readonly login: string; readonly hash: string }>({ max: 10_000 })

  const get = (login: string): Kept | undefined => {
    const row = find.get(`user/${login}`)
    return row === undefined ? undefined : (JSON.parse(String(row.value)) as Kept)
  }
  const save = (user: Kept): void => {
    put.run(`user/${user.login}`, JSON.stringify(user))
    storage.syncNow()
  }
  const withPassword = async (user: User, password: string): Promise<Kept> => {
    const salt = randomBytes(16).toString('base64')
    const hash = (await hashOf(password, salt)).toString('base64')
    return { ...user, salt, hash, updatedAt: Date.now() }
  }
  const matches = async (user: Kept, password: string): Promise<boolean> =>
    timingSafeEqual(await hashOf(password, user.salt), Buffer.from(user.hash, 'base64'))
  const known = (encoded: string): Kept | undefined => {
    const was = verified.get(encoded)
    const user = was === undefined ? undefined : get(was.login)
    return user?.hash === was?.hash && user?.disabled === false ? user : undefined
  }
  /** The same header is hashed once, even if it comes many times at once. */
  const checking = new Map<string, Promise<User | undefined>>()
  const check = async (encoded: string): Promise<User | undefined> => {
    const [login = '', ...rest] = Buffer.from(encoded, 'base64').toString('utf8').split(':')
    const user = get(login)
    if (user === undefined || user.disabled || !(await matches(user, rest.join(':')))) return undefined
    // The password may have changed meanwhile.
    const now = get(login)
    if (now?.hash !== user.hash || now.disabled) return undefined
    verified.set(encoded, { login, hash: now.hash })
    return now
  }

  if (get('admin') === undefined) {
    if (adminPassword === undefined)
      throw new Error(
        'The first start with authentication needs a password for admin: EVENTSTORE_ADMIN_PASSWORD.',
      )
    for (const [user, password] of [
      [ADMIN, adminPassword],
      [OPS, randomBytes(KEY_BYTES).toString('base64')],
    ] as const)
      save(await withPassword(user, password))
  }

  return {
    get: (login: string): User | undefined => get(login),
    list: (): User[] => all.all().map((row) => JSON.parse(String(row.value)) as Kept),
    /** False if the user already exists. */
    create: async (
      login: string,
      fullName: string,
      groups: ReadonlyArray<string>,
      password: string,
    ): Promise<boolean> => {
      const user = await withPassword({ login, fullName, groups, disabled: false, updatedAt: 0 }, password)
      if (get(login) !== undefined) return false
      save(user)
      return true
    },
    change: (login: string, changes: Partial<Pick<User, 'fullName' | 'groups' | 'disabled'>>): void => {
      const user = get(login)
      if (user !== undefined) save({ ...user, ...changes, updatedAt: Date.now() })
    },
    setPassword: async (login: string, password: string): Promise<void> => {
      const user = get(login)
      if (user === undefined) return
      const { salt, hash, updatedAt } = await withPassword(user, password)
      const now = get(login)
      if (now !== undefined) save({ ...now, salt, hash, updatedAt })
    },
    remove: (login: string): void => {
      remove.run(`user/${login}`)
      storage.syncNow()
    },
    hasPassword: async (login: string, password: string): Promise<boolean> => {
      const user = get(login)
      return user !== undefined && (await matches(user, password))
    },

    /** The user whose credentials the header contains; undefined if they are wrong or not checked yet (`check`). */
    authenticate: (header: string): User | undefined => known(encodedOf(header)),
    /** Undefined if the header's credentials need no check any more, or there are none; otherwise settles when they
     *  are checked. */
    check: (header: string): Promise<unknown> | undefined => {
      const encoded = encodedOf(header)
      if (encoded === '' || known(encoded) !== undefined) return undefined
      let checked = checking.get(encoded)
      if (checked === undefined) {
        checked = check(encoded).finally(() => checking.delete(encoded))
        checking.set(encoded, checked)
      }
      return checked
    },
  }
}
