/** The events that a fresh log begins with. `$users` lists the users and `$user-<login>` describes each, for readers of
 *  the log; the node itself reads its table. No password is in them. */
import { randomUUID } from 'node:crypto'
import type { Storage } from '../log/storage.ts'
import type { ProposedEvent } from '../protocol/record.ts'
import type { Appender } from '../streams/append.ts'
import type { User } from './users.ts'

const eventOf = (type: string, data: unknown): ProposedEvent => ({
  id: randomUUID(),
  type,
  contentType: 'application/json',
  data: Buffer.from(JSON.stringify(data)),
  metadata: new Uint8Array(0),
})

export const announceUser = (appender: Appender, { login, fullName, groups }: User): void =>
  appender.alongside({
    write: (insert) => {
      insert(`$user-${login}`, eventOf('$UserCreated', { loginName: login, fullName, groups }))
      insert('$users', eventOf('$User', login))
    },
    done: () => {},
  })

const MONTH_S = 30 * 24 * 60 * 60

/** What a fresh real server writes first, whether it has users or not: the metadata of its history of scavenges. */
export const announceLog = (storage: Storage, appender: Appender): void => {
  if (storage.lastPosition() >= 0) return
  const metadata = eventOf('$metadata', { $maxAge: MONTH_S, $acl: { $r: '$ops' } })
  appender.alongside({ write: (insert) => insert('$$$scavenges', metadata), done: () => {} })
  appender.drain()
}

/** The users that exist already, at the first start with users. */
export const announceFirst = (storage: Storage, appender: Appender, users: ReadonlyArray<User>): void => {
  if (storage.stream('$users').last >= 0) return
  for (const user of users) announceUser(appender, user)
  appender.drain()
}
