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
import { commitmentTo } from './commitment.ts'
import { connectVault } from './connect.ts'
import { postgresVault } from './postgres-vault.ts'
import { openText, PERSONAL, sealText } from './seal.ts'
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

test('any text comes back as it was, but not under another key, for another event, or with any bit changed', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.uuid(), fc.nat(), (text, id, at) => {
      const sealed = sealText(text, key.key, id)
      assert.is(openText(`1.${sealed}`, 2, key.key, id), text.toWellFormed())
      assert.throws(() => openText(sealed, 0, createSecretKey(randomBytes(32)), id))
      assert.throws(() => openText(sealed, 0, key.key, `${id} `))
      const bytes = Buffer.from(sealed, 'base64')
      bytes[at % bytes.length]! ^= 1 << (at % 8)
      assert.throws(() => openText(bytes.toString('base64'), 0, key.key, id))
      assert.throws(() => openText(bytes.subarray(0, at % 28).toString('base64'), 0, key.key, id))
      assert.is.not(sealText(text, key.key, id), sealed)
    }),
    { numRuns: RUNS },
  )
  const long = 'é'.repeat(100_000)
  assert.is(openText(sealText(long, key.key, 'x'), 0, key.key, 'x'), long)
})

test('given each kind of event, then nothing personal is on the log in plain text, and it is read as it was written', async () => {
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
    const { salt, ...stored } = read.stored ?? {}
    assert.equal(stored, { data: onLog.data, metadata: onLog.metadata })
    const { commit } = onLog.metadata as { commit?: string }
    const field =
      (onLog.data as { sealed?: boolean }).sealed === true ? PERSONAL[made.event.type]?.field : undefined
    const value = field === undefined ? undefined : (made.event.data as Record<string, unknown>)[field]
    assert.is(commit, value === undefined ? undefined : commitmentTo(value, salt!))
  }
})

test('given an event with nothing personal, then it is written unchanged', async () => {
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

test('given a person whose key is destroyed, then the event remains, blank, and says by which request', async () => {
  const erased = new Map<string, string>()
  const vault = inMemory(erased)
  const { onLog, read } = await appended(recorded(space, posted('m1', 'secret', 1)), vault)
  erased.set('alice', 'request-1')
  const [after] = await openEvents([onLog], vault)
  const { client: _, ...metadata } = read.metadata as Record<string, unknown>
  assert.equal(after?.data, { ...(read.data as object), content: '', erased: 'request-1' })
  assert.equal(after?.metadata, { ...metadata, erased: 'request-1' })
  const { salt, ...stored } = read.stored!
  assert.equal(after?.stored, stored)
  assert.type(salt, 'string')
})

test('given a seal that was moved or altered, or a key that never existed, then the seal stays closed and the event remains', async () => {
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

test('given acts of one person from one place, then the place is sealed once, for that person only, and never shared with words', async () => {
  const vault = inMemory()
  const log = memoryLog()
  const sealed = sealedLog(log, vault)
  const voice = (id: string, by = bob) =>
    recorded(space, { type: 'VoiceStarted', data: { sessionId: id, at: '2026-01-01T00:00:00.000Z' } }, by)
  const made = [voice('s1'), voice('s2'), voice('s3', alice), recorded(space, posted('m1', 'same', 1))]
  made.push(recorded(space, posted('m2', 'same', 1)))
  for (const { stream, event } of made) await sealed.append(stream, 'any', [event])()
  const seals = log.all().map(({ metadata }) => (metadata as { sealed: string }).sealed)
  assert.match(seals[0]!, /^1c\./)
  assert.is(seals[0], seals[1])
  assert.is(new Set(seals).size, 4)
  // Read by the process that wrote it, which remembers the key, and by another, which must unwrap it.
  for (const reader of [sealed, sealedLog(log, vault)]) {
    const read = await reader.readAll({ limit: 10 })()
    if (E.isLeft(read)) throw new Error(read.left._tag)
    assert.equal(
      read.right.map(({ data, metadata }) => [data, metadata]),
      made.map(({ event }) => [event.data, event.metadata]),
    )
  }
  const [bobs, , alices, words] = log.all()
  const swapped = [
    { ...alices!, metadata: { ...(alices!.metadata as object), sealed: seals[0]! } },
    { ...words!, metadata: { ...(words!.metadata as object), sealed: seals[2]! } },
    { ...bobs!, metadata: { ...(bobs!.metadata as object), sealed: seals[3]! } },
  ]
  for (const event of await openEvents(swapped, vault)) {
    assert.is((event.metadata as { unreadable?: boolean }).unreadable, true)
    assert.not.match(JSON.stringify([event.data, event.metadata]), /192\.0\.2\.7|"same"/)
  }
})

test('given somebody who is erased, then the process that wrote their words does not know these any more either', async () => {
  const erased = new Map<string, string>()
  const vault = inMemory(erased)
  const sealed = sealedLog(memoryLog(), vault)
  const { stream, event } = recorded(space, posted('m1', 'secret', 1))
  await sealed.append(stream, 'any', [event])()
  erased.set('alice', 'request-1')
  const read = await sealed.readStream(stream, { limit: 1 })()
  if (E.isLeft(read)) throw new Error(read.left._tag)
  assert.not.match(JSON.stringify(read.right[0]!.data), /secret/)
  assert.is((read.right[0]!.data as { erased: string }).erased, 'request-1')
})

test('given events with the older, longer seals, then they open', async () => {
  const log = memoryLog()
  const old = (
    { stream, event }: { readonly stream: string; readonly event: NewEvent },
    field: string,
    blank: unknown,
  ) => {
    const { client, ...metadata } = event.metadata as Record<string, unknown>
    const { [field]: value, ...data } = event.data as Record<string, unknown>
    const contents = value === undefined ? { client } : { client, value }
    log.push(stream, {
      ...event,
      data: value === undefined ? event.data : { ...data, [field]: blank, sealed: true },
      metadata: { ...metadata, sealed: `1.${sealText(JSON.stringify(contents), key.key, event.id)}` },
    })
    return event
  }
  const voice = { type: 'VoiceStarted', data: { sessionId: 's1', at: '2026-01-01T00:00:00.000Z' } } as const
  const made = [
    old(recorded(space, voice, bob), 'none', null),
    old(recorded(space, posted('m1', 'some words', 1)), 'content', ''),
    old(recorded(space, joined('s1', alice, 1, { avatarData: { hat: 1 } })), 'avatarData', null),
  ]
  assert.equal(
    (await openEvents(log.all(), inMemory())).map(({ data, metadata }) => [data, metadata]),
    made.map(({ data, metadata }) => [data, metadata]),
  )
})

test('given any client, or none, then it is read as it was written', async () => {
  for (const client of [
    undefined,
    {},
    { ip: '192.0.2.7' },
    { userAgent: 'tests' },
    { ip: '192.0.2.7', userAgent: '' },
    { ip: '192.0.2.7', more: [1] },
    { ip: 7, userAgent: null },
  ])
    for (const made of [
      recorded(space, posted('m1', 'some words', 1)),
      recorded(space, posted('m1', '', 1)),
    ]) {
      const { client: _, ...rest } = made.event.metadata as Record<string, unknown>
      const metadata = client === undefined ? rest : { ...rest, client }
      const { onLog, read } = await appended({ ...made, event: { ...made.event, metadata } })
      assert.equal([read.data, read.metadata], [made.event.data, metadata])
      const [opened] = await openEvents([onLog], inMemory())
      assert.equal([opened!.data, opened!.metadata], [made.event.data, metadata])
    }
})

test('given keys that can’t be fetched, then reads and appends say that nothing can be done, and a subscription waits', async () => {
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

test('two processes agree on one key, and forget it as soon as it is destroyed', async () => {
  const database = await testDatabase()
  const pool = new pg.Pool({ connectionString: database.url, max: 4 })
  // Its connections may be cut with the database before they have ended.
  pool.on('error', () => {})
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
  // Its connections may be cut with the database before they have ended.
  pool.on('error', () => {})
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
