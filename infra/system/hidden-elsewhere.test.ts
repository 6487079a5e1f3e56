// test: calm
// timeout: 180
/** DLUX's primary hides a post or takes a permission away: visitors of the room are out on both of two servers, from a hidden
 *  post within a second, whether changes are streamed or polled. Whole processes, a real primary. */
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { devKeys, signAs } from '../hive/keys.ts'
import { startHiveStandIn } from '../hive/stand-in.ts'
import { makePrimary, PRIMARY_ROLE } from '../primary/primary.ts'
import { startCluster } from '../testing/cluster.ts'
import { testEventStore } from '../testing/eventstore.ts'
import { testDatabase } from '../testing/postgres.ts'
import { testRedis } from '../testing/redis.ts'
import { type ServerProcess, startProjectorProcess, startServerProcess } from '../testing/server.ts'
import { type Client, clientOf } from '../testing/sockets.ts'
import { until } from '../testing/until.ts'

const test = suite('hidden on the primary')
const PASSWORD = 'a-password-of-the-followers'
const parts = await Promise.all([
  startCluster(),
  testEventStore(),
  testDatabase(),
  testRedis(),
  startHiveStandIn(),
])
const [primary, store, database, redis, hive] = parts
const owner = new pg.Pool({ connectionString: primary.url, max: 2 })
// Connections that are cut when it stops are no fault of the test's.
owner.on('error', () => {})
await makePrimary(primary.url, PASSWORD)
const processes: ServerProcess[] = []
const clients: Client[] = []
const { hostname, port, pathname } = new URL(primary.url)
const env = {
  EVENTSTORE_URL: store.url,
  DATABASE_URL: database.url,
  REDIS_URL: redis.url,
  HIVE_NODE: hive.url,
  HIVE_STANDIN: 'on',
  LOG_LEVEL: 'warn',
  DB_PRIMARY_HOST: hostname,
  DB_PRIMARY_PORT: port,
  DB_PRIMARY_NAME: pathname.slice(1),
  DB_PRIMARY_USER: PRIMARY_ROLE,
  DB_PRIMARY_PASSWORD: PASSWORD,
  CONTENT_POLL_MS: '100',
}
const WAYS = ['replication', 'polling'] as const
const startProjector = async (way: (typeof WAYS)[number]): Promise<ServerProcess> => {
  const projector = await startProjectorProcess({ ...env, NODE_ID: 'projector', CONTENT_FOLLOW: way })
  processes.push(projector)
  return projector
}
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

let urls: string[] = []
test.before(async () => {
  const servers = await Promise.all(
    ['one', 'two'].map((name) => startServerProcess({ ...env, NODE_ID: name })),
  )
  processes.push(...servers)
  urls = servers.map(({ url }) => url)
  await owner.query(
    `INSERT INTO collaboration_documents (title, creator, is_public) VALUES ('shared', 'carol', false), ('again', 'carol', false)`,
  )
  // A table that is suddenly empty is not believed: somebody's permission stays.
  await owner.query(`INSERT INTO collaboration_permissions VALUES ('1', 'frank', 'editable')`)
})

for (const [i, way] of WAYS.entries())
  test(`given two servers and a primary that is followed by ${way}, when it hides a post or takes away a permission, then visitors on both are out`, async () => {
    const [post, document] = [`post-${way}`, String(i + 1)]
    await owner.query('INSERT INTO posts (author, permlink) VALUES ($1, $2)', ['carol', post])
    await owner.query(`INSERT INTO collaboration_permissions VALUES ($1, 'erin', 'editable')`, [document])
    const projector = await startProjector(way)
    const visitors = await Promise.all(urls.map((url) => inside(url, 'gina', 'post', `carol/${post}`)))
    const author = await inside(urls[0]!, 'carol', 'post', `carol/${post}`)
    const readers = await Promise.all(urls.map((url) => inside(url, 'erin', 'document', document)))
    for (const [change, values, those] of [
      ['UPDATE posts SET hidden = true WHERE permlink = $1', [post], visitors],
      [
        `DELETE FROM collaboration_permissions WHERE document_id = $1 AND user_account = 'erin'`,
        [document],
        readers,
      ],
    ] as const) {
      const since = performance.now()
      await owner.query(change, [...values])
      await Promise.all(those.map(isOut))
      const took = performance.now() - since
      // A permission has no time: a poll finds by a digest that one is gone, and reads the table.
      const most = way === 'polling' && those === readers ? 3_000 : 1_000
      assert.ok(took < most, `${change.slice(0, 12)}: ${Math.round(took)} ms`)
    }
    assert.ok((await author.ask('chat-message', { content: 'mine still' })).ok, 'its author stays')
    await projector.stop()
  })

test.after(async () => {
  for (const client of clients) client.close()
  await Promise.all(processes.map((one) => one.stop()))
  await owner.end()
  await Promise.all([primary.stop(), store.stop(), redis.stop(), hive.close()])
  await database.drop()
})
test.run()
