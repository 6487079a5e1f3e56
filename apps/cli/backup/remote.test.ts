// timeout: 240
/** A backup if the log is on another server: it contains the log's events and the database, is made while everything
 *  runs, and when it is restored into empty parts, everything is there. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { devKeys, signAs } from '../../../infra/hive/keys.ts'
import { startHiveStandIn } from '../../../infra/hive/stand-in.ts'
import { testEventStore } from '../../../infra/testing/eventstore.ts'
import { testDatabase } from '../../../infra/testing/postgres.ts'
import {
  type ServerProcess,
  startProjectorProcess,
  startServerProcess,
} from '../../../infra/testing/server.ts'
import { until } from '../../../infra/testing/until.ts'
import { audit } from '../audit/command.ts'
import type { Command } from '../command.ts'
import { runCommand } from '../dispatcher.ts'
import { log } from '../log/command.ts'
import { privacy } from '../privacy/command.ts'
import { restore } from '../restore/command.ts'
import { backup } from './command.ts'

const test = suite('a backup of another server’s log')
const dir = mkdtempSync(join(tmpdir(), 'presence-remote-backup-'))
const [store, spareStore, database, spareDatabase, hive] = await Promise.all([
  testEventStore(),
  testEventStore(),
  testDatabase(),
  testDatabase(),
  startHiveStandIn(),
])
/** The same secrets as those of the processes of infra/testing. */
const SECRETS = { PRIVACY_MASTER_KEY: '5e'.repeat(32), AUDIT_SIGNING_KEY: 'a5'.repeat(32) }
const at = (eventStoreUrl: string, databaseUrl: string) => ({
  EVENTSTORE_URL: eventStoreUrl,
  DATABASE_URL: databaseUrl,
  AUDIT_ORIGIN: 'vr.test',
})
const FIRST = at(store.url, database.url)
const SECOND = at(spareStore.url, spareDatabase.url)
const MORE = { HIVE_NODE: hive.url, HIVE_STANDIN: 'on', LOG_LEVEL: 'warn' }
const before = { ...process.env }
const run = async (env: Readonly<Record<string, string>>, command: Command, ...args: string[]) => {
  Object.assign(process.env, SECRETS, env, { DATA_DIR: join(dir, 'nothing-runs-here') })
  const said: string[] = []
  const io = { out: (text: string) => void said.push(text), err: (text: string) => void said.push(text) }
  return { code: await runCommand(command, args, io), said: said.join('\n') }
}
const started = async (env: Readonly<Record<string, string>>): Promise<ServerProcess[]> => [
  await startProjectorProcess({ ...env, ...MORE, NODE_ID: 'projector' }),
  await startServerProcess({ ...env, ...MORE, NODE_ID: 'server' }),
]
const say = async (url: string, who: string, content: string): Promise<string> => {
  const challenge = String(Math.floor(Date.now() / 1_000))
  const answer = await fetch(`${url}/api/chat/global/lobby/messages`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-account': who,
      'x-challenge': challenge,
      'x-pubkey': devKeys(who).posting.public,
      'x-signature': signAs(who, challenge),
    },
    body: JSON.stringify({ content, message_id: randomUUID() }),
  })
  assert.is(answer.status, 200)
  return ((await answer.json()) as { position: string }).position
}
type Message = { readonly message_id: string; readonly content: string }
const chatAt = async (url: string, wanted: (messages: ReadonlyArray<Message>) => boolean) => {
  let messages: ReadonlyArray<Message> = []
  await until('the chat is there', async () => {
    const answer = await fetch(`${url}/api/chat/global/lobby/messages?limit=100`)
    if (answer.status !== 200) return false
    ;({ messages } = (await answer.json()) as { messages: Message[] })
    return wanted(messages)
  })
  const read = messages.map(({ message_id, content }) => [message_id, content])
  return createHash('sha256').update(JSON.stringify(read)).digest('hex')
}

let folder = ''
let checksum = ''
const isErased = (messages: ReadonlyArray<Message>) =>
  messages.filter(({ content }) => content === '').length === 3
test('given a log on another server, when a backup is made while everything runs, then it has the log’s events and the keys', async () => {
  const processes = await started(FIRST)
  const url = processes[1]!.url
  for (let i = 0; i < 6; i += 1) await say(url, i % 2 === 0 ? 'carol' : 'dave', `message ${i}`)
  assert.is((await run(FIRST, privacy, 'erase', 'dave')).code, 0)
  checksum = await chatAt(url, (messages) => messages.length === 6 && isErased(messages))
  const made = await run(FIRST, backup, '--to', dir, '--json')
  assert.is(made.code, 0, made.said)
  const { log: of, ...manifest } = JSON.parse(made.said.split('\n').at(-1) ?? '')
  folder = manifest.folder
  assert.is(of.form, 'events')
  assert.ok(of.events > 6)
  assert.ok(manifest.tables.rows.privacy_keys >= 1)
  await Promise.all(processes.map((one) => one.stop()))
})

test('given the embedded node’s own backup, when the log is on another server, then it refuses and says what to use instead', async () => {
  const { code, said } = await run(FIRST, log, 'backup', join(dir, 'one-file'))
  assert.is(code, 1)
  assert.match(said, 'Back up that server with its own means')
})

test('given such a backup, when it is restored into an empty log and database, then the chat is what it was, the record verifies, and whoever was erased stays erased', async () => {
  const restored = await run(SECOND, restore, folder)
  assert.is(restored.code, 0, restored.said)
  const processes = await started(SECOND)
  assert.is(
    await chatAt(processes[1]!.url, (messages) => messages.length === 6 && isErased(messages)),
    checksum,
  )
  const reapplied = await run(SECOND, privacy, 'reapply')
  assert.is(reapplied.code, 0, reapplied.said)
  await say(processes[1]!.url, 'carol', 'and it goes on')
  await chatAt(processes[1]!.url, (messages) => messages.length === 7)
  const verified = await run(SECOND, audit, 'verify')
  assert.is(verified.code, 0, verified.said)
  assert.match((await run(SECOND, restore, folder)).said, /does not overwrite|not empty|already/)
  await Promise.all(processes.map((one) => one.stop()))
})

test.after(async () => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
  Object.assign(process.env, before)
  await Promise.all([store.stop(), spareStore.stop(), hive.close()])
  await Promise.all([database.drop(), spareDatabase.drop()])
  rmSync(dir, { recursive: true, force: true })
})
test.run()
