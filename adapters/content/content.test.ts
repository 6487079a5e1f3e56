import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Caller } from '../../domain/identity.ts'
import { LOBBY, type SpaceRef } from '../../domain/names.ts'
import { testDatabase } from '../../infra/testing/postgres.ts'
import { startProxy } from '../../infra/testing/proxy.ts'
import { parseContent } from './codec.ts'
import { createContent } from './content.ts'
import { loadContent, loadSampleContent, SAMPLE, storeContent } from './load.ts'

const test = suite('content')
const database = await testDatabase()
const folder = await mkdtemp(join(tmpdir(), 'content-'))
const content = await createContent({
  url: database.url,
  systemAdmins: ['admin-one'],
  clock: { now: () => Date.now() },
})
const db = new pg.Client({ connectionString: database.url })
await db.connect()

const account = (id: string): Caller => ({ kind: 'account', id })
const guest: Caller = { kind: 'guest', id: 'guest:0123456789ab' }
const facts = async (space: SpaceRef, by: Caller | null) => {
  const answer = await content.factsFor(space, by)()
  if (E.isLeft(answer)) throw new Error(answer.left.cause)
  return answer.right
}
const post = (id: string): SpaceRef => ({ type: 'post', id })
const document = (id: string): SpaceRef => ({ type: 'document', id })

test('the sample loads, and loading it again changes nothing', async () => {
  const first = await loadSampleContent(database.url)
  assert.ok(E.isRight(first))
  assert.is(first.right.posts.changed + first.right.documents.changed, 13)
  const again = await loadSampleContent(database.url)
  assert.equal(
    E.isRight(again) && [
      again.right.posts.changed,
      again.right.documents.changed,
      again.right.permissions.changed,
    ],
    [0, 0, 0],
  )
})

test('a post is public and its author owns it; a hidden one is accessible only to its author', async () => {
  const seen = await facts(post('alice/my-post'), guest)
  assert.equal(seen, {
    exists: true,
    title: 'A room to meet in',
    owner: 'alice',
    visibility: 'public',
    role: null,
  })
  assert.is((await facts(post('alice/my-post'), account('alice'))).role, 'owner')
  assert.is((await facts(post('alice/my-post'), account('bob'))).role, null)
  assert.is((await facts(post('alice/hidden-draft'), account('bob'))).visibility, 'private')
  assert.is((await facts(post('alice/hidden-draft'), account('alice'))).role, 'owner')
  assert.is((await facts(post('alice/no-such-post'), account('alice'))).exists, false)
})

test('a document is accessible to its creator and its collaborators, and to everybody if it is public', async () => {
  assert.is((await facts(document('2'), account('bob'))).role, 'owner')
  assert.is((await facts(document('2'), account('alice'))).role, 'access')
  assert.equal(await facts(document('2'), account('dave')), {
    exists: true,
    title: 'Plans for the spring festival',
    owner: 'bob',
    visibility: 'private',
    role: null,
  })
  assert.is((await facts(document('1'), guest)).visibility, 'public')
})

test('the lobby is open to everybody and owned by the system’s admins; no other global space exists', async () => {
  assert.is((await facts(LOBBY, guest)).visibility, 'public')
  assert.is((await facts(LOBBY, account('admin-one'))).role, 'owner')
  assert.is((await facts(LOBBY, account('alice'))).role, null)
  assert.is((await facts({ type: 'global', id: 'elsewhere' }, account('admin-one'))).exists, false)
})

/** Waits until it is so. Changes are heard, not polled for, so this takes milliseconds. */
const until = async (so: () => Promise<boolean>) => {
  for (const end = Date.now() + 10_000; Date.now() < end; ) {
    if (await so()) return
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.unreachable('it never came to be')
}

test('given content that was asked for before, then a change of it is noticed', async () => {
  assert.is((await facts(post('bob/chess-garden'), null)).visibility, 'public')
  await db.query("UPDATE posts SET flagged = true WHERE author = 'bob' AND permlink = 'chess-garden'")
  await until(async () => (await facts(post('bob/chess-garden'), null)).visibility === 'private')
  assert.is((await facts(document('4'), account('zoe'))).role, null)
  await db.query("INSERT INTO collaboration_permissions VALUES ('4', 'zoe', 'editable')")
  await until(async () => (await facts(document('4'), account('zoe'))).role === 'access')
  await db.query("UPDATE collaboration_documents SET is_deleted = true WHERE id = '4'")
  await until(async () => !(await facts(document('4'), account('dave'))).exists)
})

test('given a change written by replication, then it is noticed too', async () => {
  assert.is((await facts(document('2'), account('alice'))).role, 'access')
  await db.query('SET session_replication_role = replica')
  await db.query("DELETE FROM collaboration_permissions WHERE document_id = '2' AND user_account = 'alice'")
  await db.query('RESET session_replication_role')
  await until(async () => (await facts(document('2'), account('alice'))).role === null)
})

test('given a lost connection, then changes are noticed again once it is back, and meanwhile nothing is served from the cache', async () => {
  await facts(post('carol/gallery-of-light'), null)
  await db.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'presence listener' AND datname = current_database()",
  )
  await db.query("UPDATE posts SET hidden = true WHERE author = 'carol'")
  await until(async () => (await facts(post('carol/gallery-of-light'), null)).visibility === 'private')
})

test('given a database that stops answering, then what is cached counts, and the rest is soon reported as unavailable', async () => {
  const address = new URL(database.url)
  const proxy = await startProxy({ targetPort: Number(address.port) })
  address.host = `127.0.0.1:${proxy.port}`
  let now = 0
  const behind = await createContent({ url: address.href, systemAdmins: [], clock: { now: () => now } })
  try {
    assert.ok(E.isRight(await behind.factsFor(document('2'), null)()))
    proxy.drop()
    // It is used beyond its time, but not forever.
    now = 61_000
    const known = await behind.factsFor(document('2'), account('bob'))()
    assert.is(E.isRight(known) && known.right.role, 'owner')
    const from = performance.now()
    assert.is((await behind.factsFor(document('1'), null)())._tag, 'Left')
    assert.ok(performance.now() - from < 3_500)
    now = 361_000
    assert.is((await behind.factsFor(document('2'), account('bob'))())._tag, 'Left')
  } finally {
    proxy.heal()
    await behind.stop()
    await proxy.close()
  }
})

test('given a file with mistakes, then each is reported with its place and nothing is written', async () => {
  const path = join(folder, 'bad.ndjson')
  await writeFile(
    path,
    [
      '{"kind":"post","author":"Not An Account","permlink":"x"}',
      'nonsense',
      '{"kind":"thing"}',
      '{"kind":"document","id":"a/b","creator":"alice","is_public":"yes"}',
      '{"kind":"post","author":"gina","permlink":"fine"}',
      '{"kind":"post","author":"gina","permlink":"-fine--too"}',
    ].join('\n'),
  )
  const answer = await loadContent(database.url, path)
  assert.ok(E.isRight(answer))
  assert.equal(answer.right.skipped.map((sentence) => sentence.slice(0, 14)).sort(), [
    'line 1: author',
    'line 2: is not',
    'line 3: kind m',
    'line 4: id is ',
    'line 4: is_pub',
  ])
  assert.is((await facts(post('gina/fine'), null)).exists, true)
  assert.is((await facts(post('gina/-fine--too'), null)).exists, true)
  await writeFile(path, '{"kind":"post","author":"Not An Account","permlink":"x"}\n')
  assert.ok(E.isLeft(await loadContent(database.url, path)), 'nothing in it can be taken')
  assert.match(E.isLeft(await loadContent(database.url, join(folder, 'none'))) ? 'left' : 'right', 'left')
})

test('one JSON object and one object per line mean the same; of two rows with one key the last counts', async () => {
  const lines = parseContent(
    '{"kind":"post","author":"gina","permlink":"one","title":"a"}\n{"kind":"post","author":"gina","permlink":"one","title":"b"}\n',
  )
  const whole = parseContent(
    '{"posts":[{"author":"gina","permlink":"one","title":"a"},{"author":"gina","permlink":"one","title":"b"}]}',
  )
  assert.equal(lines, whole)
  assert.ok(E.isRight(lines))
  assert.equal((await storeContent(database.url, lines.right.file)).posts, { rows: 1, changed: 1 })
  await until(async () => (await facts(post('gina/one'), null)).title === 'b')
})

test('given a time without a zone, as a chain writes it, then it is UTC; a number or half a date is not a time', async () => {
  const at = (time: unknown) =>
    parseContent(JSON.stringify({ posts: [{ author: 'gina', permlink: 'then', created_at: time }] }))
  const good = {
    '2026-01-31T12:00:00': '2026-01-31T12:00:00.000Z',
    '2026-01-31 12:00:00': '2026-01-31T12:00:00.000Z',
    '2026-01-31 12:00:00+00': '2026-01-31T12:00:00.000Z',
    '2026-01-31T12:00:00+02:00': '2026-01-31T10:00:00.000Z',
    '2026-01-31': '2026-01-31T00:00:00.000Z',
  }
  for (const [written, meant] of Object.entries(good)) {
    const parsed = at(written)
    assert.is(E.isRight(parsed) && parsed.right.file.posts[0]?.created_at, meant, written)
  }
  for (const wrong of [
    5,
    '5',
    1769860800,
    '1769860800',
    '2026',
    '31/01/2026',
    '2026-02-30',
    true,
    '+012026-01-01',
  ])
    assert.ok(E.isLeft(at(wrong)), String(wrong))
})

test('given a compressed file with a byte-order mark, then it is loaded', async () => {
  const path = join(folder, 'marked.json.gz')
  const text = '\ufeff{"posts":[{"author":"gina","permlink":"marked"}]}'
  await writeFile(path, gzipSync(text))
  const loaded = await loadContent(database.url, path)
  assert.equal(E.isRight(loaded) && [loaded.right.posts.rows, loaded.right.skipped], [1, []])
})

test('the sample is where the code says it is', () => assert.match(SAMPLE, /sample\.json$/))

test('given a row that changes, then listeners hear about its space, or about every space if they had missed something', async () => {
  const heard: Array<SpaceRef | null> = []
  let wake: () => void = () => {}
  const stop = content.onChange?.((space) => {
    heard.push(space)
    wake()
  })
  const change = async () => {
    const next = new Promise<void>((resolve) => {
      wake = resolve
    })
    await db.query("UPDATE posts SET votes = votes WHERE author = 'alice' AND permlink = 'my-post'")
    await next
  }
  const isOurs = (space: SpaceRef | null) => space?.id === 'alice/my-post'
  // News of the earlier change may still come; and if it was not listening at first, a second change was needed to be heard.
  while (!heard.some(isOurs)) await change()
  await change()
  for (const space of heard.slice(heard.findIndex(isOurs)))
    if (space !== null) assert.equal(space, post('alice/my-post'))
  stop?.()
})

test.after(async () => {
  await content.stop()
  await db.end()
  await database.drop()
  await rm(folder, { recursive: true })
})
test.run()
