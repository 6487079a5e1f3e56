// timeout: 240
/** Backup, destruction, restore: the chat is what it was, the record can be verified, and erased people stay erased. */
import { createHash } from 'node:crypto'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { devKeys, signAs } from '../../../infra/hive/keys.ts'
import { type Embedded, startEmbedded } from '../../../infra/testing/embedded.ts'
import { until } from '../../../infra/testing/until.ts'
import { audit } from '../audit/command.ts'
import type { Command } from '../command.ts'
import { runCommand } from '../dispatcher.ts'
import { privacy } from '../privacy/command.ts'
import { restore } from '../restore/command.ts'
import { backup } from './command.ts'

// biome-ignore lint/suspicious/noExplicitAny: of whatever shape
type Json = any
type Context = { dir: string; folder: string; before: string; product: Embedded | null }
const test = suite<Context>('presence backup and restore')

const run = async (command: Command, ...args: string[]) => {
  const said: string[] = []
  const io = { out: (text: string) => void said.push(text), err: (text: string) => void said.push(text) }
  return { code: await runCommand(command, args, io), said: said.join('\n') }
}
const signed = (account: string): Record<string, string> => {
  const challenge = String(Math.floor(Date.now() / 1_000))
  return {
    'x-account': account,
    'x-challenge': challenge,
    'x-pubkey': devKeys(account).posting.public,
    'x-signature': signAs(account, challenge),
  }
}
const say = async ({ endpoints }: Embedded, who: string, content: string) => {
  const answer = await fetch(`${endpoints().url}/api/chat/global/lobby/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...signed(who) },
    body: JSON.stringify({ content }),
  })
  const body = (await answer.json()) as Json
  assert.is(answer.status, 200, JSON.stringify(body))
  return body.position as string
}
/** The checkpoint that proves one’s own message. */
const checkpointOf = async ({ endpoints }: Embedded, position: string, who = 'carol'): Promise<string> => {
  const url = `${endpoints().url}/api/audit/proof/inclusion?position=${position}&min_position=${position}`
  const answer = await fetch(url, { headers: signed(who) })
  const body = (await answer.json()) as Json
  assert.is(answer.status, 200, JSON.stringify(body))
  return body.checkpoint
}
/** The whole chat as it reads. */
const chatOf = async ({ endpoints }: Embedded, position: string) => {
  const at = `${endpoints().url}/api/chat/global/lobby/messages?limit=100`
  let messages: Json[] = []
  await until('the chat is there', async () => {
    const answer = await fetch(`${at}&min_position=${position}`)
    if (answer.status !== 200) return false
    ;({ messages } = (await answer.json()) as Json)
    return true
  })
  return { messages, checksum: createHash('sha256').update(JSON.stringify(messages)).digest('hex') }
}

test.before(async (context) => {
  context.dir = mkdtempSync(join(tmpdir(), 'presence-backup-'))
  context.product = null
})
test.after(async ({ dir, product }) => {
  await product?.stop()
  rmSync(dir, { recursive: true, force: true })
})

let last = ''
test('given a busy room and somebody who was erased, when a backup is made, then it has the log and the keys, and no secret', async (context) => {
  const product = await startEmbedded()
  context.product = product
  process.env.DATA_DIR = product.dataDir
  for (let i = 0; i < 20; i += 1) last = await say(product, i % 2 === 0 ? 'carol' : 'dave', `message ${i}`)
  assert.is((await run(privacy, 'erase', 'dave')).code, 0)
  context.before = (await chatOf(product, last)).checksum
  writeFileSync(join(context.dir, 'passphrase'), 'a long enough passphrase\n')
  let isOver = false
  const talking = (async () => {
    for (; !isOver; await delay(20)) await say(product, 'erin', 'meanwhile')
  })()
  // Messages that are sent while the backup is made may be in it or not.
  const made = await run(backup, '--to', join(context.dir, 'backups'), '--json')
  isOver = true
  await talking
  assert.is(made.code, 0, made.said)
  context.folder = JSON.parse(made.said.split('\n').at(-1)!).folder
  const secrets = JSON.parse(readFileSync(join(product.dataDir, 'secrets.json'), 'utf8')) as Record<
    string,
    string
  >
  for (const file of readdirSync(context.folder))
    for (const secret of Object.values(secrets))
      assert.not.ok(readFileSync(join(context.folder, file)).includes(secret), file)
})

test('given a backup, when it is verified, then it is restored to a spare place, and its record verifies', async ({
  folder,
}) => {
  const verified = await run(backup, 'verify', folder)
  assert.is(verified.code, 0, verified.said)
  assert.match(verified.said, 'It holds')
  assert.match(verified.said, 'The backup was put back into a spare place, and holds.')
})

test('given a backup with secrets, and everything destroyed, when it is restored, then the chat is what it was, the record verifies, and whoever was erased stays erased', async (context) => {
  const passphrase = join(context.dir, 'passphrase')
  const made = await run(
    backup,
    ...['--to', join(context.dir, 'whole'), '--with-secrets', '--passphrase-file', passphrase, '--json'],
  )
  assert.is(made.code, 0, made.said)
  const { folder } = JSON.parse(made.said.split('\n').at(-1)!)
  // Checkpoints that are signed from here on are lost with the log, but somebody elsewhere keeps them.
  const elsewhere = join(context.dir, 'elsewhere.checkpoint')
  writeFileSync(elsewhere, await checkpointOf(context.product!, await say(context.product!, 'carol', 'lost')))
  await context.product!.stop()
  context.product = null
  const dataDir = join(context.dir, 'anew')
  writeFileSync(join(context.dir, 'wrong'), 'another passphrase\n')
  const wrong = await run(restore, folder, '--data', dataDir, '--passphrase-file', join(context.dir, 'wrong'))
  assert.is(wrong.code, 1)
  assert.match(wrong.said, 'The passphrase is another')
  const restored = await run(restore, folder, '--data', dataDir, '--passphrase-file', passphrase)
  assert.is(restored.code, 0, restored.said)
  assert.match((await run(restore, folder, '--data', dataDir)).said, 'does not overwrite')
  context.product = await startEmbedded({}, dataDir)
  process.env.DATA_DIR = dataDir
  const { messages } = await chatOf(context.product, last)
  const then = messages.filter(({ content }) => content !== 'meanwhile')
  assert.is(createHash('sha256').update(JSON.stringify(then)).digest('hex'), context.before)
  assert.is(messages.filter(({ content, erased_by }) => content === '' && erased_by !== null).length, 10)
  let position = ''
  for (const one of ['other', 'words', 'than', 'before']) position = await say(context.product, 'erin', one)
  assert.match(await checkpointOf(context.product, position, 'erin'), /\nwent-back \d+ /)
  const verified = await run(audit, 'verify', '--checkpoint', elsewhere)
  assert.is(verified.code, 0, verified.said)
  assert.match(verified.said, /the log went back to \d+ events? before .*, as its key says/)
  assert.match(
    verified.said,
    /1 checkpoint of what it lost then, .*elsewhere\.checkpoint among them: no second history/,
  )
  // A log that agrees with its checkpoints did not go back.
  const idle = await run(audit, 'went-back')
  assert.equal([idle.code, idle.said.includes('the log did not go back')], [1, true], idle.said)
})

test('given a backup with an altered byte, when it is restored or verified, then it is refused and the file is named', async ({
  folder,
  dir,
}) => {
  appendFileSync(join(folder, 'tables.ndjson'), ' ')
  for (const refused of [
    await run(restore, folder, '--data', join(dir, 'x')),
    await run(backup, 'verify', folder),
  ]) {
    assert.is(refused.code, 1)
    assert.match(refused.said, /tables\.ndjson .* is not what was backed up/)
  }
})

const WRONG: ReadonlyArray<readonly [Command, ReadonlyArray<string>, string]> = [
  [backup, [], 'Back up to where?'],
  [backup, ['--to', 'x', '--with-secrets'], 'give --passphrase-file'],
  [backup, ['--to', 'x', '--keep', '0'], '--keep takes a number'],
  [backup, ['verify'], 'Verify which backup?'],
  [restore, [], 'Restore which backup?'],
  [restore, ['a', '--data', 'b', '--log', 'c'], 'not both'],
]
for (const [command, args, sentence] of WRONG)
  test(`when called as ${command.name} ${args.join(' ')}, then it says what is wrong`, async () => {
    const { code, said } = await run(command, ...args)
    assert.is(code, 2)
    assert.match(said, sentence)
  })

test('given a folder that is no backup, then it says so', async ({ dir }) => {
  const { code, said } = await run(restore, dir, '--data', join(dir, 'y'))
  assert.is(code, 1)
  assert.match(said, 'is no backup')
})

test.run()
