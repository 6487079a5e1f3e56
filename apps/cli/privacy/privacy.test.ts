/** A whole instance, as `npm start` runs it: a busy evening takes place in it, then the command erases the person who
 *  said most, and the test searches for them in the tables, the store, the logs, exports, replays and a bundle. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEventLog } from '../../../adapters/eventstore/index.ts'
import { OUTSIDE_STREAM } from '../../../domain/names.ts'
import { type Embedded, startEmbedded } from '../../../infra/testing/embedded.ts'
import { QUIET_EVENING, replay } from '../../../infra/testing/replay.ts'
import { presence as dispatch } from '../dispatcher.ts'
import { registry } from '../registry.ts'

const test = suite('presence privacy')
const ROOM = 'post:room-replay/the-busy-room'
const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const out = mkdtempSync(join(tmpdir(), 'presence-privacy-'))

type Line = { readonly kind: string; readonly account: string; readonly content: string }
const said = gunzipSync(readFileSync(QUIET_EVENING))
  .toString()
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Line)
  .filter(({ kind }) => kind === 'chat')
const counts = new Map<string, number>()
for (const { account } of said) counts.set(account, (counts.get(account) ?? 0) + 1)
const [who, times] = [...counts].sort(([, a], [, b]) => b - a)[0]!
/** Words that only they used, and that look the same in any encoding. */
const words = said
  .filter(({ account, content }) => account === who && content.length > 12 && !/["\\]/.test(content))
  .map(({ content }) => content)
  .filter((one) => !said.some(({ account, content }) => account !== who && content.includes(one)))

let instance: Embedded
/** Runs `presence` in this process, which saves a start each time. */
const presence = async (...args: ReadonlyArray<string>) => {
  let stdout = ''
  let all = ''
  const err = (text: string) => {
    all += `${text}\n`
  }
  const out = (text: string) => {
    stdout += `${text}\n`
    err(text)
  }
  process.env.DATA_DIR = instance.dataDir
  const status = await dispatch(args, registry, { out, err })
  return { status, stdout, all }
}
/** Runs `presence` in a process of its own, for output that goes to standard output unchanged. */
const presenceProcess = (...args: ReadonlyArray<string>) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, DATA_DIR: instance.dataDir },
  })
  return { status, stdout, all: `${stdout}\n${stderr}` }
}
const theirs = (text: string | Buffer): ReadonlyArray<string> => words.filter((one) => text.includes(one))
const filesWithTheirs = (): ReadonlyArray<string> =>
  ['eventstore', 'logs'].flatMap((folder) =>
    readdirSync(join(instance.dataDir, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => join(instance.dataDir, folder, name))
      .filter((file) => statSync(file).isFile() && theirs(readFileSync(file)).length > 0),
  )
const rowsWithTheirs = async (): Promise<Record<string, number>> => {
  const client = new pg.Client({ connectionString: instance.endpoints().databaseUrl })
  await client.connect()
  const tables = await client.query(
    `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
     WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')`,
  )
  const hits: Record<string, number> = {}
  for (const { name } of tables.rows) {
    const { rows } = await client.query(
      `SELECT count(*)::int AS n FROM ${name} AS t WHERE EXISTS (SELECT FROM unnest($1::text[]) AS w WHERE position(w in t::text) > 0)`,
      [words],
    )
    if (rows[0].n > 0) hits[name] = rows[0].n
  }
  await client.end()
  return hits
}
const bundle = async (name: string): Promise<Buffer> => {
  const file = join(out, name)
  const { status, all } = await presence('audit', 'export', '--space', ROOM, '-o', file)
  assert.is(status, 0, all)
  return readFileSync(file)
}

test.before(async () => {
  instance = await startEmbedded({ LOG_LEVEL: 'debug' })
  const { code, output } = await replay([QUIET_EVENING, '--url', instance.endpoints().url])
  assert.is(code, 0, output)
})

test('given what people said, then the log, its exports, a bundle and the log files contain none of it in plain text', async () => {
  assert.ok(words.length > 5 && times > words.length / 2)
  assert.ok(((await rowsWithTheirs())['public.chat_messages'] ?? 0) > 0)
  assert.equal(filesWithTheirs(), [])
  assert.equal(theirs(await bundle('before.bundle')), [])
  const file = join(out, 'log.ndjson')
  assert.is((await presence('log', 'export', file)).status, 0)
  assert.equal(theirs(readFileSync(file)), [])
})

test('given somebody who asks for their data, then they get everything that they said', async () => {
  const file = join(out, 'held.ndjson')
  assert.is((await presence('privacy', 'export', who, '--out', file)).status, 0)
  const held = readFileSync(file, 'utf8')
  assert.is(statSync(file).mode & 0o777, 0o600)
  assert.equal(theirs(held).length, words.length)
  const messages = held
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ kind, table }) => kind === 'row' && table === 'chat_messages')
  assert.is(messages.length, times)
})

test('given a legal hold on a person, then nothing is erased, and the command says which hold, why, and by whom', async () => {
  const log = connectEventLog({ url: instance.endpoints().eventStoreUrl })
  const at = '2026-01-01T00:00:00.000Z'
  const of = { hold: 'hold-1', subject: who, space: null, by: { kind: 'account', id: 'admin-one' }, at }
  const put = async (type: string, data: object) => {
    const event = { id: crypto.randomUUID(), type, data, metadata: {} }
    assert.is((await log.append(OUTSIDE_STREAM, 'any', [event])())._tag, 'Right')
  }
  await put('LegalHoldPlaced', { ...of, reason: 'a court asked' })
  const refused = await presence('privacy', 'erase', who)
  assert.is(refused.status, 1, refused.all)
  assert.match(refused.all, /hold-1, by admin-one on 2026-01-01.*"a court asked"/)
  assert.ok(((await rowsWithTheirs())['public.chat_messages'] ?? 0) > 0)
  await put('LegalHoldReleased', { ...of, reason: null })
  await log.close()
})

test('given their erasure, then nothing of it is left, and everything still verifies', async () => {
  const { status, all } = await presence('privacy', 'erase', who, '--reason', 'they asked', '--compact')
  assert.is(status, 0, all)
  assert.match(all, `${times} messages`)
  assert.equal(await rowsWithTheirs(), {})
  assert.equal(filesWithTheirs(), [])
  const rebuilt = await presence('rebuild', '--compare')
  assert.is(rebuilt.status, 0, rebuilt.all)
  assert.match(rebuilt.all, '0 differences')
  assert.equal(await rowsWithTheirs(), {})
  const verified = await presence('audit', 'verify')
  assert.is(verified.status, 0, verified.all)
  assert.equal(theirs(await bundle('after.bundle')), [])
  assert.equal(theirs(presenceProcess('privacy', 'export', who).stdout), [])
  assert.match((await presence('privacy', 'requests')).stdout, `${who}  by cli:`)
})

test('given their erasure, then readers see that it happened, and the running server opens nothing of it', async () => {
  const { url } = instance.endpoints()
  const history = await fetch(`${url}/api/chat/post/room-replay/the-busy-room/messages?limit=100`)
  const { messages } = (await history.json()) as {
    messages: ReadonlyArray<{ user_account: string; content: string; erased_by: string | null }>
  }
  const mine = messages.filter(({ user_account }) => user_account === who)
  assert.ok(mine.length > 0)
  for (const { content, erased_by } of mine) {
    assert.is(content, '')
    assert.type(erased_by, 'string')
  }
  const replayed = presenceProcess('audit', 'replay', ROOM, '--json')
  assert.is(replayed.status, 0, replayed.all.slice(-500))
  assert.equal(theirs(replayed.stdout), [])
})

test('given a name that is not a person, or an unknown verb, then a sentence says so', async () => {
  for (const args of [
    [],
    ['erase'],
    ['erase', 'NOT A NAME'],
    ['export', 'alice', 'bob'],
    ['forget', 'alice'],
    ['requests', 'alice'],
  ])
    assert.is((await presence('privacy', ...args)).status, 2, args.join(' '))
})

test.after(async () => {
  await instance?.stop()
  rmSync(out, { recursive: true, force: true })
})
test.run()
