/** Whatever a file contains, commands show it as harmless text. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testEventStore } from '../../infra/testing/eventstore.ts'
import { testDatabase } from '../../infra/testing/postgres.ts'
import { presence } from './dispatcher.ts'
import { registry } from './registry.ts'
import { asLines, shown } from './shown.ts'

const test = suite('shown text')

test('given a name or a time, then it is shown unchanged', () => {
  for (const text of ['post:alice/my-post', 'presence.test/log', '2026-01-31T12:00:00.000Z'])
    assert.is(shown(text), text)
})

test('given words that look like ours, escape codes or line breaks, then they are quoted and escaped on one line', () => {
  assert.is(shown('x\nIt holds: every event is in the log.'), '"x\\nIt holds: every event is in the log."')
  assert.is(shown('\u001b[2Jgone'), '"\\u001b[2Jgone"')
  assert.is(shown('\u202egnol'), '"\\u202egnol"')
  assert.is(shown('It holds'), '"It holds"')
  assert.is(shown(''), '""')
  assert.ok(shown('x y'.repeat(10_000)).length < 400)
})

test('given lines of ours with a value that moves the cursor, then the lines stay, and the value is escaped', () => {
  assert.is(asLines('one\n\ttwo \u001b[1A\r\u009bK'), 'one\n\ttwo \\u001b[1A\\u000d\\u009bK')
})

/** Text that would imitate a line of ours, clear the screen, and reverse the text after it. */
const HOSTILE =
  'x\r\nIt holds: every event is in the log.\n0 differences\u001b[2J\u009b1A\u202e\u2028It holds'
/** Everything that these commands print, as the terminal receives it. */
const printed = async (
  env: Readonly<Record<string, string>>,
  ...args: ReadonlyArray<string>
): Promise<string> => {
  Object.assign(process.env, env)
  const lines: string[] = []
  const write = (text: string): void => void lines.push(`${asLines(text)}\n`)
  await presence(args, registry, { out: write, err: write }).catch((error: Error) => write(error.message))
  return lines.join('')
}

test('given a database, a log and files with such words, when a command shows them, then they are within a line of ours and move nothing', async () => {
  const database = await testDatabase()
  const store = await testEventStore()
  const folder = mkdtempSync(join(tmpdir(), 'presence-shown-'))
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  const env = { DATABASE_URL: database.url, EVENTSTORE_URL: store.url, PRIVACY_MASTER_KEY: '5e'.repeat(32) }
  try {
    await client.query(`INSERT INTO parked_streams (stream, position, reason) VALUES ($1, 1, $1)`, [HOSTILE])
    await client.query(
      `INSERT INTO parked_events (position, stream, revision, event_id, type, data, metadata, created)
       VALUES (1, $1, 0, '00000000-0000-4000-8000-000000000001', $1, $2, '{}', now())`,
      [HOSTILE, JSON.stringify({ said: HOSTILE })],
    )
    const content = join(folder, 'content.json')
    writeFileSync(
      content,
      JSON.stringify({ posts: [{ author: HOSTILE, permlink: HOSTILE, title: HOSTILE }] }),
    )
    const roomLog = join(folder, 'room.jsonl')
    writeFileSync(roomLog, `${JSON.stringify({ kind: HOSTILE, account: HOSTILE })}\n`)
    const all = [
      await printed(env, 'parked', 'list'),
      await printed(env, 'parked', 'show', HOSTILE),
      await printed(env, 'content', 'load', content),
      await printed(env, 'room', 'replay', roomLog, '--url', 'http://127.0.0.1:1'),
      await printed(env, 'audit', 'check', content, '--key', roomLog),
    ]
    await client.query('INSERT INTO schema_migrations (name, hash) VALUES ($1, $1)', [`9999_${HOSTILE}`])
    all.push(await printed(env, 'upgrade', '--check'), await printed(env, 'upgrade', '--check', '--json'))
    for (const text of all) {
      assert.ok(text.length > 0)
      for (const line of text.split('\n')) {
        assert.not.ok(/^\s*(It holds|0 differences)/.test(line), JSON.stringify(line))
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        assert.not.match(line, /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028-\u202e]/)
      }
    }
  } finally {
    await client.end()
    await database.drop()
    await store.stop()
    rmSync(folder, { recursive: true })
  }
})

test.run()
