/** `presence audit went-back` on an embedded node whose data was replaced by an older backup. */
import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEventLog } from '../../../adapters/eventstore/index.ts'
import { createPostgresPool } from '../../../adapters/postgres/pool.ts'
import { createProofs } from '../../../adapters/postgres/proofs.ts'
import { temporaryDirectory } from '../../../infra/testing/directory.ts'
import { testEventStore } from '../../../infra/testing/eventstore.ts'
import { testDatabase } from '../../../infra/testing/postgres.ts'
import { checkpointIn, signerOf } from '../../../projections/proof/note.ts'
import { wentBackIn } from '../../../projections/proof/went-back.ts'
import { posted, recorded } from '../../../projections/testing/events.ts'
import { backupLog, restoreLog } from '../../operations/instance/log-backup.ts'
import { rebuild } from '../../operations/rebuild/rebuild.ts'
import { runCommand } from '../dispatcher.ts'
import { audit } from './command.ts'

const test = suite('presence audit went-back')
const SEED = '5'.repeat(64)
const ORIGIN = 'went-back.test'

const presence = async (...args: ReadonlyArray<string>) => {
  const said: string[] = []
  const tell = (text: string) => void said.push(text)
  return { code: await runCommand(audit, args, { out: tell, err: tell }), said: said.join('\n') }
}

test('given a node on which an older backup was restored, when an operator says so, then the server signs again, and verify says what was lost', async () => {
  const database = await testDatabase()
  const pool = await createPostgresPool(database.url, { maxConnections: 2 })
  const signer = signerOf(ORIGIN, Buffer.from(SEED, 'hex'))
  const store = await testEventStore()
  const log = connectEventLog({ url: store.url, heartbeatMs: 500 })
  const say = async (count: number) => {
    for (let i = 0; i < count; i += 1) {
      const { stream, event } = recorded({ type: 'global', id: 'lobby' }, posted(randomUUID(), 'words', 1))
      assert.ok(E.isRight(await log.append(stream, 'any', [event])()))
    }
    await rebuild({ log, databaseUrl: database.url })
  }
  const signed = async () => {
    const issue = await createProofs({
      pool,
      signer,
      clock: { now: Date.now },
      everyMs: 0,
      log,
    }).checkpoint()()
    if (E.isLeft(issue)) throw new Error(issue.left.cause)
    return issue.right.kind === 'issued' ? issue.right.checkpoint.note : issue.right.kind
  }
  await say(2)
  await signed()
  const older = join(temporaryDirectory('older-'), 'older.backup')
  await backupLog(store.dataDir, older)
  await say(3)
  await signed()
  await store.kill()
  const dataDir = temporaryDirectory('put-back-')
  await restoreLog(older, dataDir)
  const restored = await testEventStore({ dataDir, port: store.port })
  Object.assign(process.env, {
    ...{ EVENTSTORE_URL: restored.url, DATABASE_URL: database.url },
    ...{ PRIVACY_MASTER_KEY: '6'.repeat(64), AUDIT_SIGNING_KEY: SEED, AUDIT_ORIGIN: ORIGIN },
  })
  await say(4)
  assert.is(await signed(), 'altered')
  const before = await presence('verify')
  assert.is(before.code, 1)
  assert.match(before.said, 'Was an older backup of the log put back? Then say so: presence audit went-back.')

  for (const wrong of ['-1', '1e3', 'two', ''])
    assert.is((await presence('went-back', `--to=${wrong}`)).code, 2)
  assert.match((await presence('went-back', '--to', '7')).said, "it can't have gone back to 7")
  assert.is(await signed(), 'altered')
  const told = await presence('went-back')
  assert.is(told.code, 0, told.said)
  assert.match(told.said, 'the log went back to 2 events. 1 checkpoint of more')
  const checkpoint = checkpointIn(await signed())!
  assert.equal([checkpoint.size, wentBackIn(checkpoint).map(({ events }) => events)], [6, [2]])
  const after = await presence('verify')
  assert.is(after.code, 0, after.said)
  assert.match(after.said, '1 checkpoint of what it lost then: no second history')

  await log.close()
  await pool.end()
  await Promise.all([restored.stop(), store.stop()])
  await database.drop()
  rmSync(dataDir, { recursive: true, force: true })
})

test.run()
