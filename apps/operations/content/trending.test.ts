/** If no primary is followed, the posts that are trending on DLUX and Hive are listed as rooms. A real server speaks DLUX's API. */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readFollowing } from '../../../adapters/content/primary/record.ts'
import { createHive } from '../../../adapters/hive/hive.ts'
import { createPostgresPool } from '../../../adapters/postgres/pool.ts'
import { createReadModels } from '../../../adapters/postgres/read-models.ts'
import { startHiveStandIn } from '../../../infra/hive/stand-in.ts'
import { testDatabase } from '../../../infra/testing/postgres.ts'
import { until } from '../../../infra/testing/until.ts'
import { contentFindings } from '../../cli/doctor/others.ts'
import type { Config } from '../../config/load.ts'
import { followTrending, forgetTrending } from './trending.ts'

const test = suite('what is read now')
const [database, node] = await Promise.all([testDatabase(), startHiveStandIn()])
const db = new pg.Pool({ connectionString: database.url, max: 2 })
// Its connections may be cut with the database before they have ended.
db.on('error', () => {})
const models = createReadModels(await createPostgresPool(database.url))
const silent = { info: () => {}, warn: () => {} }

/** DLUX's API, as its site calls it. */
let answer: (response: ServerResponse) => void = () => {}
const asked: string[] = []
const api = createServer((request, response) => {
  asked.push(request.url ?? '')
  answer(response)
}).listen(0, '127.0.0.1')
await once(api, 'listening')
const dluxApiUrl = `http://127.0.0.1:${(api.address() as AddressInfo).port}`
const lists = (result: unknown) => (response: ServerResponse) => response.end(JSON.stringify({ result }))

const hiveOf = (nodes: ReadonlyArray<string>) =>
  createHive({ nodes, clock: { now: () => Date.now() }, allowStandIn: true, timeoutMs: 300, cacheMs: 0 })
const follow = (more = {}) =>
  followTrending({
    databaseUrl: database.url,
    dluxApiUrl,
    tag: 'dlux',
    hive: hiveOf([node.url]),
    logger: silent,
    everyMs: 50,
    ...more,
  })
const listed = async (): Promise<ReadonlyArray<string>> => {
  const found = await models.listSpaces({ viewer: null, type: 'post', limit: 50, cursor: null })()
  assert.ok(E.isRight(found), JSON.stringify(found))
  return found.right.spaces.map(({ space_id }) => space_id)
}
const isListed = async (...ids: ReadonlyArray<string>) =>
  JSON.stringify([...(await listed())].sort()) === JSON.stringify([...ids].sort())

test('given what DLUX and Hive list, then each post that can be a room is listed once, with Hive’s title', async () => {
  node.setPost('gina/gallery', { title: 'The gallery' })
  node.setPost('hank/muted', { stats: { gray: true } })
  node.setPost('iris/from-hive', { title: 'From Hive' })
  node.setRanked('dlux', ['iris/from-hive', 'gina/gallery', 'hank/muted'])
  answer = lists([
    { author: 'gina', permlink: 'gallery', type: 'VR', votes: 3 },
    { author: 'hank', permlink: 'muted' },
    { author: 'hank', permlink: 'nobody-knows-it' },
    { author: 'Not An Account', permlink: 'x' },
    { author: 'gina' },
    null,
  ])
  const follower = follow()
  await until('both are listed', () => isListed('gina/gallery', 'iris/from-hive'))
  const found = await models.listSpaces({ viewer: null, type: 'post', limit: 50, cursor: null })()
  const gallery = E.isRight(found)
    ? found.right.spaces.find(({ space_id }) => space_id === 'gina/gallery')
    : null
  assert.is(gallery?.display_name, 'The gallery')
  assert.match(asked[0] ?? '', /^\/trending\?a=\d+&o=0&b=\d+$/)
  const following = await readFollowing(db)
  assert.equal([following?.way, following?.state, following?.lastError], ['asking', 'following', null])
  assert.is(follower.state().role, 'following')

  node.setRanked('dlux', [])
  await until('what is read no more is gone', () => isListed('gina/gallery'))
  await follower.stop()
})

test('given a table’s own row of the post, or a room that was opened, then that is what is listed', async () => {
  await db.query(
    "INSERT INTO posts (author, permlink, title, hidden) VALUES ('gina', 'gallery', 'hidden', true)",
  )
  assert.ok(await isListed())
  await db.query("DELETE FROM posts WHERE permlink = 'gallery'")
  assert.ok(await isListed('gina/gallery'))
})

for (const [how, broken] of [
  ['says nothing', () => {}],
  ['is broken', (response) => response.writeHead(500).end('no')],
  ['answers half a JSON', (response) => response.end('{"result":[{')],
  ['answers something else', (response) => response.end('{"result":{"a":1}}')],
  ['answers without end', (response) => void response.write('x'.repeat(1_100_000))],
  ['leads elsewhere', (response) => response.writeHead(302, { location: 'http://127.0.0.1:2/' }).end()],
] as ReadonlyArray<readonly [string, (response: ServerResponse) => void]>)
  test(`given DLUX’s API that ${how}, then its last answer stays, Hive’s is updated, and the error is reported`, async () => {
    answer = broken
    node.setRanked('dlux', ['iris/from-hive'])
    await db.query('UPDATE content_follow SET last_error = NULL')
    const follower = follow({
      fetch: (url: string, init: RequestInit) => fetch(url, { ...init, signal: AbortSignal.timeout(500) }),
    })
    await until('the error is told', async () =>
      /DLUX’s API/.test((await readFollowing(db))?.lastError ?? ''),
    )
    assert.ok(await isListed('gina/gallery', 'iris/from-hive'))
    assert.is(follower.state().role, 'waiting')
    answer = lists([{ author: 'gina', permlink: 'gallery' }])
    await until('it is well again', async () => (await readFollowing(db))?.state === 'following')
    await follower.stop()
  })

test('given a node that fails, then the next is asked; given none, then the last answer stays', async () => {
  answer = lists([])
  const other = await startHiveStandIn()
  other.set('dlux', 'broken')
  const follower = follow({ dluxApiUrl: null, hive: hiveOf([other.url, node.url]) })
  await until('the second answers', () => isListed('iris/from-hive'))
  await follower.stop()
  node.set('dlux', 'malformed')
  const alone = follow({ dluxApiUrl: null })
  await until('the error is told', async () => /Hive/.test((await readFollowing(db))?.lastError ?? ''))
  assert.ok(await isListed('iris/from-hive'))
  await alone.stop()
  node.set('dlux', null)
  await other.close()
})

test('given Hive that fails while DLUX’s API has not answered yet, then that is told as an error, and asking goes on', async () => {
  node.set('dlux', 'malformed')
  let waiting: ServerResponse | null = null
  answer = (response) => {
    waiting = response
  }
  const seen = asked.length
  const failed = Promise.withResolvers<void>()
  const hive = hiveOf([node.url])
  const ranked: typeof hive.ranked = (tag) => async () => {
    const answered = await hive.ranked(tag)()
    failed.resolve()
    return answered
  }
  const follower = follow({ hive: { post: hive.post, ranked } })
  await failed.promise
  await until('DLUX is asked', () => asked.length > seen && waiting !== null)
  answer = lists([{ author: 'gina', permlink: 'gallery' }])
  answer(waiting!)
  await until('Hive’s error is told', async () => /Hive/.test((await readFollowing(db))?.lastError ?? ''))
  node.set('dlux', null)
  await until('it is well again', async () => (await readFollowing(db))?.lastError === null)
  await follower.stop()
})

test('given two processes that would ask, then one does', async () => {
  const [first, second] = [follow(), follow()]
  const roles = () => [first, second].map((one) => one.state().role).sort()
  await until('one follows and the other stands by', () => roles().join() === 'following,standby')
  await Promise.all([first.stop(), second.stop()])
})

test('given posts from earlier settings, when nobody is asked any more, then none of them is listed', async () => {
  await forgetTrending(database.url)
  assert.ok(await isListed())
})

test('the doctor says whether each answers', async () => {
  const config = (alive: Config['content']['alive']) =>
    ({ content: { alive }, hive: { nodes: [node.url], standIn: true } }) as unknown as Config
  answer = lists([{ author: 'gina', permlink: 'gallery' }])
  const told = async (alive: Config['content']['alive']) =>
    (await contentFindings(config(alive))).map(({ is, says }) => `${is}: ${says}`)
  assert.equal(await told({ dluxApiUrl, tag: 'dlux' }), [
    `well: ${dluxApiUrl} lists 1 posts.`,
    'well: Hive lists 1 posts of dlux.',
  ])
  assert.equal(await told(null), [])
  answer = (response) => response.writeHead(500).end()
  node.set('dlux', 'broken')
  const [ofDlux, ofHive] = await told({ dluxApiUrl, tag: 'dlux' })
  assert.match(ofDlux ?? '', /^wrong: .* lists no posts: answered 500\.$/)
  assert.match(ofHive ?? '', /^wrong: No Hive node lists the posts of dlux/)
})

test.after(async () => {
  await models.close()
  await Promise.all([db.end(), node.close()])
  api.closeAllConnections()
  api.close()
  await database.drop()
})
test.run()
