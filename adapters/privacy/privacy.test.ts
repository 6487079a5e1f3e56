import { createSecretKey, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { NewEvent, RecordedEvent } from '../../domain/ports.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { testDatabase } from '../../infra/testing/postgres.ts'
import { until } from '../../infra/testing/until.ts'
import { alice, bob, guest, joined, posted, recorded, system } from '../../projections/testing/events.ts'
import { connectVault } from './connect.ts'
import { postgresVault } from './postgres-vault.ts'
import { generationOf, openValue, sealValue } from './seal.ts'
import { openEvents, sealedLog } from './sealed-log.ts'
import type { Vault } from './vault.ts'

const test = suite('what is personal, sealed')
const RUNS = Number(process.env.PROPERTY_RUNS ?? 200)
const space = { type: 'post', id: 'alice/my-post' } as const
const key = { generation: 1, key: createSecretKey(randomBytes(32)) }

/** One key for everybody, until they are erased. */
const inMemory = (erased: Map<string, string> = new Map()): Vault => ({
  sealing: async (subjects) => new Map(subjects.map((subject) => [subject, key])),
  opening: async (refs) =>
    new Map(
      refs.map(({ subject, generation }) => {
        const request = erased.get(subject)
        return [`${subject}#${generation}`, request === undefined ? key.key : { erased: request }]
      }),
    ),
})
const appended = async (made: { readonly stream: string; readonly event: NewEvent }, vault = inMemory()) => {
  const log = memoryLog()
  const sealed = sealedLog(log, vault)
  assert.ok(E.isRight(await sealed.append(made.stream, 'any', [made.event])()))
  const read = await sealed.readStream(made.stream, { limit: 10 })()
  if (E.isLeft(read)) throw new Error(read.left._tag)
  return { log, onLog: log.all()[0]!, read: read.right[0]! }
}

test('any value comes back as it was, and under no other key, for no other event, and changed in no bit', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.uuid(), fc.nat(), (value, id, at) => {
      const sealed = sealValue(value, key, id)
      assert.is(generationOf(sealed), 1)
      assert.equal(openValue(sealed, key.key, id), JSON.parse(JSON.stringify(value)))
      assert.throws(() => openValue(sealed, createSecretKey(randomBytes(32)), id))
      assert.throws(() => openValue(sealed, key.key, `${id} `))
      const bytes = Buffer.from(sealed.slice(2), 'base64')
      bytes[at % bytes.length]! ^= 1 << (at % 8)
      assert.throws(() => openValue(`1.${bytes.toString('base64')}`, key.key, id))
      assert.throws(() => openValue(`1.${bytes.subarray(0, at % 28).toString('base64')}`, key.key, id))
      assert.is.not(sealValue(value, key, id), sealed)
    }),
    { numRuns: RUNS },
  )
})

test('given each kind of event, then nothing personal stands on the log, and it reads as it was written', async () => {
  for (const made of [
    recorded(space, posted('m1', 'secret words', 1)),
    recorded(space, {
      type: 'MessageEdited',
      data: {
        messageId: 'm1',
        subspace: 'main',
        by: alice,
        content: 'secret words',
        at: '2026-01-01T00:00:00.000Z',
      },
    }),
    recorded(space, joined('s1', alice, 1, { avatarData: { hat: 'secret words' } })),
    recorded(space, joined('s2', guest, 1, { avatarData: null }), guest),
    recorded(space, { type: 'VoiceStarted', data: { sessionId: 's1', at: '2026-01-01T00:00:00.000Z' } }, bob),
  ]) {
    const { onLog, read } = await appended(made)
    const text = JSON.stringify([onLog.data, onLog.metadata])
    assert.not.match(text, /secret words|192\.0\.2\.7|"tests"/)
    assert.equal([read.data, read.metadata], [made.event.data, made.event.metadata])
    assert.equal(read.stored, { data: onLog.data, metadata: onLog.metadata })
  }
})

test('given what has nothing personal, then it is written as it is', async () => {
  for (const made of [
    recorded(
      space,
      { type: 'SeatExpired', data: { subject: 'bob', at: '2026-01-01T00:00:00.000Z' } },
      system,
    ),
    { stream: 'snapshot-x', event: { id: 'x', type: 'Snapshot', data: { v: 1 }, metadata: {} } },
  ]) {
    const { onLog, read } = await appended(made)
    assert.equal([onLog.data, onLog.metadata], [made.event.data, made.event.metadata])
    assert.is(read.stored, undefined)
  }
})

test('given one whose key is destroyed, then the event stands, blank, and says by which request', async () => {
  const erased = new Map<string, string>()
  const vault = inMemory(erased)
  const { onLog, read } = await appended(recorded(space, posted('m1', 'secret', 1)), vault)
  erased.set('alice', 'request-1')
  const [after] = await openEvents([onLog], vault)
  const { client: _, ...metadata } = read.metadata as Record<string, unknown>
  assert.equal(after?.data, { ...(read.data as object), content: '', erased: 'request-1' })
  assert.equal(after?.metadata, { ...metadata, erased: 'request-1' })
  assert.equal(after?.stored, read.stored)
})

test('given a seal that was moved or altered, or a key that was never here, then it stays shut and the event stands', async () => {
  const vault = inMemory()
  const { onLog } = await appended(recorded(space, posted('m1', 'secret', 1)), vault)
  const open = async (event: RecordedEvent, from: Vault = vault) => (await openEvents([event], from))[0]!
  const moved = await open({ ...onLog, id: '00000000-0000-4000-8000-000000000000' })
  assert.equal(
    [(moved.data as { content: string }).content, (moved.data as { unreadable: boolean }).unreadable],
    ['', true],
  )
  const none: Vault = { ...vault, opening: async () => new Map() }
  assert.equal(await open(onLog, none), onLog)
  for (const sealed of [true, 1, 'x', '1.', null, {}, '99999999999.AAAA'])
    assert.is(
      (
        (await open({ ...onLog, metadata: { ...(onLog.metadata as object), sealed } })).data as {
          content: string
        }
      ).content,
      '',
    )
})

test('given keys that can’t be asked for, then reads and appends say that nothing can be done, and a subscription waits', async () => {
  let away = true
  const vault: Vault = {
    sealing: async () => {
      throw new Error('away')
    },
    opening: (refs) => (away ? Promise.reject(new Error('away')) : inMemory().opening(refs)),
  }
  const { stream, event } = recorded(space, posted('m1', 'secret', 1))
  const log = memoryLog()
  await sealedLog(log, inMemory()).append(stream, 'any', [event])()
  const sealed = sealedLog(log, vault)
  const [append, read] = [await sealed.append(stream, 'any', [event])(), await sealed.readAll({ limit: 1 })()]
  assert.equal(
    [E.isLeft(append) && append.left._tag, E.isLeft(read) && read.left._tag],
    ['LogUnavailable', 'LogUnavailable'],
  )
  assert.is(log.all().length, 1)
  const subscription = sealed.subscribe({ after: 'start', prefixes: ['chat-'] })
  const first = subscription[Symbol.asyncIterator]().next()
  away = false
  const items = (await first).value
  assert.is(items[0].event.data.content, 'secret')
  await subscription.stop()
})

test('two processes make one key of it, and forget it as soon as it is destroyed', async () => {
  const database = await testDatabase()
  const pool = new pg.Pool({ connectionString: database.url, max: 4 })
  const vaults = [1, 2].map(() => connectVault({ databaseUrl: database.url, masterKey: 'ab'.repeat(32) }))
  await Promise.all(vaults.map(({ ready }) => ready))
  const subjects = Array.from({ length: 50 }, (_, i) => `person-${i}`)
  const made = await Promise.all([0, 1, 0, 1].map((i) => vaults[i]!.sealing(subjects)))
  for (const keys of made)
    for (const subject of subjects) assert.ok(keys.get(subject)!.key.equals(made[0]!.get(subject)!.key))
  const { rows } = await pool.query('SELECT count(*)::int AS n FROM privacy_keys')
  assert.is(rows[0].n, 50)
  await pool.query(
    `UPDATE privacy_keys SET wrapped = NULL, erased_by = 'r1', erased_at = now() WHERE subject = 'person-1'`,
  )
  await pool.query(`SELECT pg_notify('privacy_erased', 'person-1')`)
  const ref = { subject: 'person-1', generation: 1 }
  for (const vault of vaults)
    await until('it is forgotten', async () => 'erased' in (await vault.opening([ref])).get('person-1#1')!)
  assert.is((await vaults[0]!.sealing(['person-1'])).get('person-1')?.generation, 2)
  assert.is((await vaults[1]!.sealing(['person-2'])).get('person-2')?.generation, 1)
  for (const vault of vaults) await vault.close()
  await pool.end()
  await database.drop()
})

test('given a key that is read while it is destroyed, then it is not remembered', async () => {
  const master = Buffer.alloc(32, 1)
  const database = await testDatabase()
  const pool = new pg.Pool({ connectionString: database.url, max: 4 })
  const vault = postgresVault({ pool, master })
  await vault.sealing(['alice'])
  vault.forget()
  const reading = vault.opening([{ subject: 'alice', generation: 1 }])
  vault.forget('alice')
  assert.not.ok('erased' in (await reading).get('alice#1')!)
  await pool.query(`UPDATE privacy_keys SET wrapped = NULL, erased_by = 'r1'`)
  assert.equal((await vault.opening([{ subject: 'alice', generation: 1 }])).get('alice#1'), { erased: 'r1' })
  await pool.end()
  await database.drop()
})

test.run()
