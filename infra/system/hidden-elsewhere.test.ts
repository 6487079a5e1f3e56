// test: calm
// timeout: 180
/** DLUX's primary closes a room, removes it or takes a permission away: visitors of the room are out on both of two servers within a
 *  second, whether changes are streamed or polled. Whole processes, a real primary. */
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { devKeys, signAs } from '../hive/keys.ts'
import { makePrimary, PRIMARY_ROLE } from '../primary/primary.ts'
import { startCluster } from '../testing/cluster.ts'
import { type Client, clientOf } from '../testing/sockets.ts'
import { startTwoServers } from '../testing/two-servers.ts'
import { until } from '../testing/until.ts'

const test = suite('hidden on the primary')
const PASSWORD = 'a-password-of-the-followers'
const primary = await startCluster()
const owner = new pg.Pool({ connectionString: primary.url, max: 2 })
// Connections that are cut when it stops are no fault of the test's.
owner.on('error', () => {})
await makePrimary(primary.url, PASSWORD)
const clients: Client[] = []
const { hostname, port, pathname } = new URL(primary.url)
const { servers, startProjector, stop } = await startTwoServers(
  {
    DB_PRIMARY_HOST: hostname,
    DB_PRIMARY_PORT: port,
    DB_PRIMARY_NAME: pathname.slice(1),
    DB_PRIMARY_USER: PRIMARY_ROLE,
    DB_PRIMARY_PASSWORD: PASSWORD,
    CONTENT_POLL_MS: '100',
  },
  { projector: false },
)
const urls = servers.map(({ url }) => url)
const WAYS = ['replication', 'polling'] as const
const inside = async (url: string, account: string, spaceType: string, spaceId: string): Promise<Client> => {
  const challenge = String(Math.floor(Date.now() / 1_000))
  const { posting } = devKeys(account)
  const answer = await fetch(`${url}/api/auth/session`, {
    method: 'POST',
    headers: {
      'x-account': account,
      'x-challenge': challenge,
      'x-pubkey': posting.public,
      'x-signature': signAs(account, challenge),
    },
  })
  const { token } = (await answer.json()) as { token: string }
  const client = await clientOf(url, { auth: { token } })
  clients.push(client)
  let joined: { ok: boolean } = { ok: false }
  await until(`${account} is in ${spaceId}`, async () => {
    joined = await client.ask('join-space', { spaceType, spaceId })
    return joined.ok
  })
  return client
}
const OVER = ['kicked', 'session_ended', 'space_not_found']
const isOut = (client: Client): Promise<unknown> =>
  client.until(
    'the end',
    ({ event, payload }) => event === 'kicked' || (event === 'space-error' && OVER.includes(payload.code)),
  )

test.before(async () => {
  // A table that is suddenly empty is not believed: somebody's permission stays.
  await owner.query(`INSERT INTO collaboration_permissions VALUES ('1', 'frank', 'editable')`)
})

/** Changes at the primary; `$1` is the row's id. `room`: a public post, or a document that only those with a permission may enter. */
const CHANGES: ReadonlyArray<{
  readonly name: string
  readonly room: 'post' | 'public document' | 'document'
  readonly change: string
  /** Without the primary's triggers, so that nothing sets `updated_at`. */
  readonly untimed?: true
}> = [
  { name: 'post hidden', room: 'post', change: 'UPDATE posts SET hidden = true WHERE id = $1' },
  { name: 'post flagged', room: 'post', change: 'UPDATE posts SET flagged = true WHERE id = $1' },
  {
    name: 'post hidden, its time unset',
    room: 'post',
    change: 'UPDATE posts SET hidden = true WHERE id = $1',
    untimed: true,
  },
  { name: 'post deleted', room: 'post', change: 'DELETE FROM posts WHERE id = $1' },
  {
    name: 'document private',
    room: 'public document',
    change: 'UPDATE collaboration_documents SET is_public = false WHERE id = $1',
  },
  {
    name: 'document marked as deleted',
    room: 'public document',
    change: 'UPDATE collaboration_documents SET is_deleted = true WHERE id = $1',
  },
  {
    name: 'document private, its time unset',
    room: 'public document',
    change: 'UPDATE collaboration_documents SET is_public = false WHERE id = $1',
    untimed: true,
  },
  {
    name: 'document deleted',
    room: 'public document',
    change: 'DELETE FROM collaboration_documents WHERE id = $1',
  },
  {
    name: 'permission removed',
    room: 'document',
    change: `DELETE FROM collaboration_permissions WHERE document_id = $1 AND user_account = 'erin'`,
  },
  {
    name: 'permission given to somebody else',
    room: 'document',
    change: `UPDATE collaboration_permissions SET user_account = 'heidi' WHERE document_id = $1 AND user_account = 'erin'`,
  },
]

/** Makes the room of a change; returns its row's id there and its name here. */
const makeRoom = async (room: (typeof CHANGES)[number]['room'], name: string) => {
  if (room === 'post') {
    const { rows } = await owner.query<{ id: string }>(
      'INSERT INTO posts (author, permlink) VALUES ($1, $2) RETURNING id',
      ['carol', name],
    )
    return { id: rows[0]!.id, spaceType: 'post', spaceId: `carol/${name}` }
  }
  const { rows } = await owner.query<{ id: string }>(
    `INSERT INTO collaboration_documents (title, creator, is_public) VALUES ($1, 'carol', $2) RETURNING id`,
    [name, room === 'public document'],
  )
  const { id } = rows[0]!
  await owner.query(`INSERT INTO collaboration_permissions VALUES ($1, 'erin', 'editable')`, [id])
  return { id, spaceType: 'document', spaceId: String(id) }
}
const change = async (text: string, id: string, untimed: boolean): Promise<void> => {
  const client = await owner.connect()
  try {
    if (untimed) await client.query('SET session_replication_role = replica')
    await client.query(text, [id])
  } finally {
    await client.query('RESET session_replication_role')
    client.release()
  }
}

for (const way of WAYS)
  test(`given two servers and a primary that is followed by ${way}, when it closes a room or takes a permission away, then visitors on both are out within a second`, async () => {
    const rooms = await Promise.all(
      CHANGES.map(async (one, i) => ({ ...one, ...(await makeRoom(one.room, `${way}-${i}`)) })),
    )
    const projector = await startProjector({ CONTENT_FOLLOW: way })
    const author = await inside(urls[0]!, 'carol', 'post', rooms[0]!.spaceId)
    for (const { name, room, change: text, untimed = false, id, spaceType, spaceId } of rooms) {
      const visitor = room === 'document' ? 'erin' : 'gina'
      const visitors = await Promise.all(urls.map((url) => inside(url, visitor, spaceType, spaceId)))
      const since = performance.now()
      await change(text, id, untimed)
      await Promise.all(visitors.map(isOut))
      const took = performance.now() - since
      assert.ok(took < 1_000, `${name}: ${Math.round(took)} ms`)
    }
    assert.ok((await author.ask('chat-message', { content: 'mine still' })).ok, 'its author stays')
    await projector.stop()
  })

test.after(async () => {
  for (const client of clients) client.close()
  await stop()
  await owner.end()
  await primary.stop()
})
test.run()
