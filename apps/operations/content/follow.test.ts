// timeout: 600
/** Following a primary's content: a real one with real logical replication, and one that must be polled. Both sides are killed. */
import { setTimeout as delay } from 'node:timers/promises'
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createContent } from '../../../adapters/content/content.ts'
import { readFollowing } from '../../../adapters/content/primary/record.ts'
import { makePrimary, PRIMARY_ROLE } from '../../../infra/primary/primary.ts'
import { type Cluster, startCluster } from '../../../infra/testing/cluster.ts'
import { testPostgres } from '../../../infra/testing/postgres.ts'
import { followPrimary } from './follow.ts'
import type { PrimaryFollower } from './following.ts'

const POSTS = Number(process.env.CONTENT_POSTS ?? 1_000)
const RATE = Number(process.env.CONTENT_RATE ?? 300)
const KILLS = Number(process.env.CONTENT_KILLS ?? 2)
/** How long anything may take, in milliseconds. */
const WAIT_MS = 15_000 + 2 * POSTS
const PASSWORD = 'a password of the follower’s'

const test = suite('content follows the primary')
const [primary, here]: [Cluster, Cluster] = await Promise.all([startCluster(), testPostgres()])
const silent = { info: () => {}, warn: () => {} }

const owner = new pg.Pool({ connectionString: primary.url, max: 4 })
const local = new pg.Pool({ connectionString: here.url, max: 4 })
for (const pool of [owner, local]) pool.on('error', () => {})
/** Tries again until it is answered, since the database may be killed meanwhile. */
const ask = async <R extends pg.QueryResultRow>(
  pool: pg.Pool,
  text: string,
  values: unknown[] = [],
): Promise<R[]> => {
  for (const end = Date.now() + 60_000; ; )
    try {
      return (await pool.query<R>(text, values)).rows
    } catch (error) {
      const { code = '' } = error as { code?: string }
      if (Date.now() > end || /^(?:2[23]|42)/.test(code)) throw error
      await delay(20)
    }
}
const followerUrl = (() => {
  const url = new URL(primary.url)
  url.username = PRIMARY_ROLE
  url.password = encodeURIComponent(PASSWORD)
  return url.href
})()
const follow = (way: 'replication' | 'polling' | 'auto', more = {}): PrimaryFollower =>
  followPrimary({ primaryUrl: followerUrl, databaseUrl: here.url, logger: silent, way, pollMs: 50, ...more })

const until = async (so: () => Promise<boolean>, ms = WAIT_MS): Promise<void> => {
  for (const end = Date.now() + ms; Date.now() < end; ) {
    const asked = Date.now()
    if (await so().catch(() => false)) return
    // If a check takes long, half of the time is left for the work itself.
    await delay(Math.max(5, Date.now() - asked))
  }
  const state = await local.query('SELECT * FROM content_follow').catch(String)
  assert.unreachable(`it never came to be: ${JSON.stringify(typeof state === 'string' ? state : state.rows)}`)
}

/** The primary's rows as they should be here, and the rows that are here. */
const WANTED = {
  posts: `SELECT author::text, permlink::text, left(coalesce(type, ''), 64) AS type, left(coalesce(title, ''), 1024) AS title,
      md5(coalesce(content, '')) AS content, coalesce(votes, 0)::text AS votes, coalesce(hidden, false) AS hidden,
      coalesce(flagged, false) AS flagged, extract(epoch FROM coalesce(updated_at, created_at AT TIME ZONE 'UTC'))::text AS updated
    FROM posts WHERE author ~ '^[a-z][a-z0-9-]{2,15}$' AND permlink ~ '^[a-z0-9-]{1,230}$'
    ORDER BY author COLLATE "C", permlink COLLATE "C"`,
  documents: `SELECT id::text, left(coalesce(title, ''), 1024) AS title, coalesce(creator, '') AS creator,
      coalesce(is_public, false) AS is_public, coalesce(is_deleted, false) AS is_deleted
    FROM collaboration_documents ORDER BY id::text COLLATE "C"`,
  permissions: `SELECT document_id::text, user_account::text, coalesce(permission, 'readonly') AS permission
    FROM collaboration_permissions ORDER BY document_id::text COLLATE "C", user_account::text COLLATE "C"`,
}
const isEqual = async (): Promise<boolean> => {
  for (const text of Object.values(WANTED)) {
    const digest = `SELECT md5(string_agg(rows::text, ';')) AS digest, count(*)::int AS rows FROM (${text}) AS rows`
    const [[there], [at]] = await Promise.all([ask(owner, digest), ask(local, digest)])
    if (JSON.stringify(there) !== JSON.stringify(at)) return false
  }
  return true
}

const fill = (from: number, count: number) =>
  ask(
    owner,
    `INSERT INTO posts (author, permlink, title, content, votes, hidden, updated_at)
     SELECT 'author-' || n % 97, 'post-' || n, CASE n % 7 WHEN 0 THEN NULL ELSE 'title ' || n END,
       CASE n % 50 WHEN 0 THEN repeat(md5(n::text), 200) ELSE 'words' END, n, CASE n % 3 WHEN 0 THEN NULL ELSE false END,
       CASE n % 11 WHEN 0 THEN NULL ELSE now() END
     FROM generate_series($1::int, $2::int) AS n`,
    [from, from + count - 1],
  )

/** Makes changes at a steady rate until it is stopped. A change that a kill undoes is not relied on. */
const change = () => {
  let isOver = false
  const run = async () => {
    for (let round = 0; !isOver; round += 1) {
      const size = Math.max(1, Math.round(RATE / 20))
      const began = Date.now()
      await ask(
        owner,
        `UPDATE posts SET votes = coalesce(votes, 0) + 1, hidden = NOT coalesce(hidden, false)
         WHERE id > $1::int AND id <= $1::int + $2::int`,
        [(round * 7_919) % POSTS, size],
      )
      if (round % 5 === 0) {
        await ask(owner, 'DELETE FROM collaboration_permissions WHERE document_id = $1', [1 + (round % 40)])
        await ask(
          owner,
          `INSERT INTO collaboration_permissions VALUES ($1, 'author-' || $2, NULL) ON CONFLICT DO NOTHING`,
          [1 + ((round + 20) % 40), round % 97],
        )
      }
      await delay(Math.max(0, 50 - (Date.now() - began)))
    }
  }
  const running = run()
  return async () => {
    isOver = true
    await running
  }
}

const killEachSide = async (start: () => PrimaryFollower): Promise<void> => {
  let follower = start()
  const stop = change()
  for (let kill = 0; kill < KILLS; kill += 1) {
    await delay(300)
    if (kill % 3 === 0) {
      await primary.kill()
      await primary.restart()
    } else if (kill % 3 === 1) {
      await here.kill()
      await here.restart()
    } else {
      await follower.stop()
      follower = start()
    }
  }
  const killed = Date.now()
  await stop()
  await until(isEqual)
  if (process.env.CONTENT_KILLS) console.log(`equal ${Date.now() - killed} ms after ${KILLS} kills`)
  await follower.stop()
}

test.before(async () => {
  await makePrimary(primary.url, PASSWORD)
  await fill(1, POSTS)
  await ask(
    owner,
    `INSERT INTO collaboration_documents (title, creator, is_public)
     SELECT 'document ' || n, CASE n % 5 WHEN 0 THEN NULL ELSE 'author-' || n END, n % 2 = 0 FROM generate_series(1, 40) AS n`,
  )
  await ask(
    owner,
    `INSERT INTO collaboration_permissions SELECT n, 'author-' || n + 1, 'editable' FROM generate_series(1, 40) AS n`,
  )
  // Rows that can't be rooms.
  await ask(
    owner,
    `INSERT INTO posts (author, permlink) VALUES ('Not An Account', 'x'), ('author-1', 'Not-A-Permlink'), ('author-1', repeat('a', 500))`,
  )
})

test('given what publish --sql prints, when the owner runs it, then everything is copied, and every kind of change is followed', async () => {
  const follower = follow('auto')
  await until(isEqual)
  const following = await readFollowing(local)
  assert.is(following?.way, 'replication')
  assert.is(following?.state, 'following')
  assert.is(following?.rowsSkipped, 2)
  assert.match(following?.lastSkipped ?? '', /Not-A-Permlink/)

  await ask(
    owner,
    `UPDATE posts SET title = repeat('long', 1000), votes = NULL, type = repeat('t', 50) WHERE permlink = 'post-50'`,
  )
  await ask(owner, `UPDATE posts SET permlink = 'moved-100', votes = 9 WHERE permlink = 'post-100'`)
  await ask(owner, `DELETE FROM posts WHERE permlink = 'post-3'`)
  await ask(owner, `INSERT INTO posts (author, permlink) VALUES ('author-2', 'all-null')`)
  await ask(owner, `ALTER TABLE posts ADD COLUMN more jsonb DEFAULT '{"a": 1}'`)
  await ask(
    owner,
    `UPDATE collaboration_documents SET title = repeat('x', 3000), creator = NULL WHERE id = 7`,
  )
  await ask(owner, `UPDATE posts SET more = '[]' WHERE permlink = 'post-9'`)
  await until(isEqual)
  const [kept] = await ask<{ size: number }>(
    local,
    `SELECT length(content)::int AS size FROM posts WHERE permlink = 'moved-100'`,
  )
  assert.is(kept?.size, 6_400, 'a text that was not sent again stays')
  await follower.stop()
})

test('given two servers, when a replicated post is hidden or a permission is taken away, then both know within a second', async () => {
  const follower = follow('replication')
  const clock = { now: () => Date.now() }
  const nodes = await Promise.all(
    [1, 2].map(() => createContent({ url: here.url, systemAdmins: [], clock, cacheMs: 600_000 })),
  )
  const facts = async (node: (typeof nodes)[number], type: 'post' | 'document', id: string, by: string) => {
    const found = await node.factsFor({ type, id }, { kind: 'account', id: by })()
    return E.isRight(found) ? found.right : null
  }
  const heard: string[] = []
  for (const node of nodes) node.onChange?.((space) => heard.push(space?.id ?? ''))
  await until(isEqual)
  await ask(owner, `UPDATE posts SET hidden = false WHERE permlink = 'post-1'`)
  await ask(owner, `INSERT INTO collaboration_permissions VALUES (1, 'zoe', 'editable')`)
  const all = async (so: (node: (typeof nodes)[number]) => Promise<boolean>) =>
    (await Promise.all(nodes.map(so))).every(Boolean)
  await until(() =>
    all(async (node) => (await facts(node, 'post', 'author-1/post-1', 'bob'))?.visibility === 'public'),
  )
  await until(() => all(async (node) => (await facts(node, 'document', '1', 'zoe'))?.role === 'access'))
  for (const [change, isClosed] of [
    [
      `UPDATE posts SET hidden = true WHERE permlink = 'post-1'`,
      async (node) => (await facts(node, 'post', 'author-1/post-1', 'bob'))?.visibility === 'private',
    ],
    [
      `DELETE FROM collaboration_permissions WHERE user_account = 'zoe'`,
      async (node) => (await facts(node, 'document', '1', 'zoe'))?.role === null,
    ],
  ] as ReadonlyArray<readonly [string, (node: (typeof nodes)[number]) => Promise<boolean>]>) {
    const from = Date.now()
    await ask(owner, change)
    await until(() => all(isClosed))
    assert.ok(Date.now() - from < 1_000, `${Date.now() - from} ms`)
  }
  assert.ok(heard.includes('author-1/post-1') && heard.includes('1'), 'those who are in are looked at')
  await Promise.all(nodes.map((node) => node.stop()))
  await follower.stop()
})

test('given changes at a steady rate, then each is here within a second', async () => {
  const follower = follow('replication')
  await until(isEqual)
  const listener = new pg.Client({ connectionString: here.url })
  listener.on('error', () => {})
  await listener.connect()
  await ask(owner, `INSERT INTO posts (author, permlink, votes) VALUES ('author-4', 'marker', 0)`)
  await until(async () => (await ask(local, `SELECT FROM posts WHERE permlink = 'marker'`)).length === 1)
  await listener.query('LISTEN content_changed')
  const stop = change()
  const lags: number[] = []
  let wake: () => void = () => {}
  listener.on('notification', ({ payload }) => payload === 'post:author-4/marker' && wake())
  for (let n = 1; n <= 50; n += 1) {
    const heard = new Promise<void>((resolve) => {
      wake = resolve
    })
    await ask(owner, `UPDATE posts SET votes = $1 WHERE permlink = 'marker' AND author = 'author-4'`, [n])
    const from = performance.now()
    await heard
    lags.push(performance.now() - from)
    const [row] = await ask<{ votes: number }>(local, `SELECT votes FROM posts WHERE permlink = 'marker'`)
    assert.is(row?.votes, n)
  }
  await stop()
  lags.sort((a, b) => a - b)
  const p99 = lags[Math.floor(lags.length * 0.99)] ?? 0
  if (process.env.CONTENT_RATE)
    console.log(`at ${RATE} changes a second: p50 ${lags[25]?.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`)
  assert.ok(p99 < 1_000, `${p99} ms`)
  await listener.end()
  await follower.stop()
})

test('given both sides killed while much changes, then they are equal in the end: by replication', async () => {
  await killEachSide(() => follow('replication'))
})

test('given a slot that is gone, or another history of the primary, then everything is copied again and nobody sees an empty list', async () => {
  const follower = follow('replication')
  await until(isEqual)
  await follower.stop()
  await until(async () => {
    await owner.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots')
    return true
  })
  await ask(owner, `UPDATE posts SET title = 'after the failover' WHERE id % 2 = 0`)
  await ask(owner, `DELETE FROM posts WHERE permlink LIKE 'post-1%'`)
  await ask(local, `UPDATE posts SET hidden = true WHERE permlink = 'post-2'`)
  const [wanted] = await ask<{ rows: number }>(owner, `SELECT count(*)::int AS rows FROM posts`)
  let least = Number.POSITIVE_INFINITY
  const again = follow('replication')
  await until(async () => {
    const [row] = await ask<{ rows: number }>(local, 'SELECT count(*)::int AS rows FROM posts')
    least = Math.min(least, row?.rows ?? 0)
    return isEqual()
  })
  assert.ok(least >= (wanted?.rows ?? 0) - 10, `${least} of ${wanted?.rows}`)
  await again.stop()
})

test('given a primary’s table that is emptied and filled again, then the known rows stay meanwhile; if it stays empty, they are removed', async () => {
  const follower = follow('replication', { emptyMs: 1_500 })
  await until(isEqual)
  await ask(owner, 'CREATE TABLE kept AS SELECT * FROM posts')
  await ask(owner, 'TRUNCATE posts')
  await until(async () => (await readFollowing(local))?.state === 'copying')
  await ask(owner, `INSERT INTO posts SELECT * FROM kept WHERE permlink LIKE 'post-2%'`)
  const count = async () =>
    (await ask<{ rows: number }>(local, 'SELECT count(*)::int AS rows FROM posts'))[0]?.rows ?? 0
  await until(async () => {
    assert.ok((await count()) > 0)
    return isEqual()
  })
  await ask(owner, 'DELETE FROM posts')
  await until(async () => (await count()) === 0)
  await ask(owner, 'INSERT INTO posts SELECT * FROM kept')
  await until(isEqual)
  await follower.stop()
})

test('given a primary that grants no replication, then it is polled, and health says why', async () => {
  await ask(owner, `ALTER ROLE ${PRIMARY_ROLE} NOREPLICATION`)
  await ask(local, 'TRUNCATE posts, content_follow')
  const follower = follow('auto')
  await until(isEqual)
  await until(async () => (await readFollowing(local))?.state === 'following')
  const following = await readFollowing(local)
  assert.is(following?.way, 'polling')
  assert.match(following?.reason ?? '', /permission denied|replication/i)
  await ask(
    owner,
    `INSERT INTO posts (author, permlink, updated_at) VALUES ('author-3', 'never-updated', NULL)`,
  )
  await ask(owner, `UPDATE posts SET hidden = NOT coalesce(hidden, false) WHERE permlink = 'post-4'`)
  await ask(owner, `DELETE FROM collaboration_permissions WHERE document_id = 3`)
  await until(isEqual)
  await follower.stop()
})

test('given a primary that is polled seldom, when a post is hidden, a document closed and a permission of somebody who is in removed, then that is known within a second, also under a flood of changes', async () => {
  await ask(
    owner,
    `UPDATE posts SET hidden = false, flagged = false WHERE permlink IN ('post-21', 'post-22')`,
  )
  await ask(owner, `UPDATE collaboration_documents SET is_public = true, is_deleted = false WHERE id = 4`)
  await ask(
    owner,
    `INSERT INTO collaboration_permissions VALUES (4, 'zoe', 'editable') ON CONFLICT DO NOTHING`,
  )
  await ask(
    local,
    `INSERT INTO presence_sessions (session_id, socket_id, user_account, space_type, space_id, subspace, connected_at,
       last_activity, voice_enabled, node, boot, revision)
     VALUES ('zoe', 'zoe', 'zoe', 'document', '4', 'main', now(), now(), false, 'one', 'one', 0)`,
  )
  const follower = follow('polling', { pollMs: 600_000 })
  await until(isEqual)
  await until(async () => follower.state().role === 'following')
  const closing = [
    [
      `UPDATE posts SET hidden = true WHERE permlink = 'post-21'`,
      `posts WHERE permlink = 'post-21' AND hidden`,
    ],
    [
      `UPDATE posts SET flagged = true WHERE permlink = 'post-22'`,
      `posts WHERE permlink = 'post-22' AND flagged`,
    ],
    [
      'UPDATE collaboration_documents SET is_public = false WHERE id = 4',
      `collaboration_documents WHERE id = '4' AND NOT is_public`,
    ],
    [
      `DELETE FROM collaboration_permissions WHERE document_id = 4 AND user_account = 'zoe'`,
      `(SELECT WHERE NOT EXISTS (SELECT FROM collaboration_permissions WHERE document_id = '4' AND user_account = 'zoe')) AS gone`,
    ],
  ] as const
  const stop = change()
  try {
    for (const [text, closed] of closing) {
      const since = performance.now()
      await ask(owner, text)
      await until(async () => (await ask(local, `SELECT FROM ${closed}`)).length === 1)
      const took = performance.now() - since
      assert.ok(took < 1_000, `${text}: ${Math.round(took)} ms`)
    }
  } finally {
    await stop()
    await follower.stop()
  }
})

test('given both sides killed while much changes, then they are equal in the end: by polling', async () => {
  await killEachSide(() => follow('polling'))
})

test('given a primary that is away, then rooms go on with what is known, and health shows the error', async () => {
  const follower = follow('polling')
  await until(isEqual)
  await primary.kill()
  await until(async () => (await readFollowing(local))?.state === 'waiting')
  const following = await readFollowing(local)
  assert.ok((following?.lastError ?? '') !== '')
  const [rows] = await ask<{ rows: number }>(local, 'SELECT count(*)::int AS rows FROM posts')
  assert.ok((rows?.rows ?? 0) > 0)
  await primary.restart()
  await ask(owner, `UPDATE posts SET hidden = NOT coalesce(hidden, false) WHERE permlink = 'post-5'`)
  await until(isEqual)
  await until(async () => (await readFollowing(local))?.lastError === null)
  await follower.stop()
})

test.after(async () => {
  await Promise.all([owner.end(), local.end()])
  await Promise.all([primary.stop(), here.stop()])
})
test.run()
