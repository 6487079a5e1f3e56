/** Erasures that nobody asked for: made in Postgres alone, or by a request that somebody wrote to the log. */
import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectSession } from '../../../adapters/postgres/session.ts'
import { connectVault } from '../../../adapters/privacy/connect.ts'
import { missingSentence } from '../../../adapters/privacy/missing-keys.ts'
import { sealedLog } from '../../../adapters/privacy/sealed-log.ts'
import { memoryLog } from '../../../infra/testing/memory-log.ts'
import { testDatabase } from '../../../infra/testing/postgres.ts'
import { alice, bob, posted, recorded } from '../../../projections/testing/events.ts'
import { rebuild } from '../rebuild/rebuild.ts'
import { verifyLog } from '../verify/verify.ts'
import { erase, reapply } from './erase.ts'
import { erasureRequests, isSigned, REQUESTS } from './requests.ts'

const test = suite('erasures that nobody asked for')
const space = { type: 'post', id: 'alice/my-post' } as const
const masterKey = '5e'.repeat(32)

const withRecord = async (
  work: (given: {
    readonly stored: ReturnType<typeof memoryLog>
    readonly databaseUrl: string
    readonly exec: (text: string) => Promise<void>
    readonly keysOf: (subject: string) => Promise<number>
    readonly faults: () => Promise<ReadonlyArray<string>>
  }) => Promise<void>,
): Promise<void> => {
  const database = await testDatabase()
  const stored = memoryLog()
  const vault = connectVault({ databaseUrl: database.url, masterKey })
  await vault.ready
  const log = sealedLog(stored, vault)
  for (const who of [alice, bob]) {
    const { stream, event } = recorded(space, posted(randomUUID(), `words of ${who.id}`, 1), who)
    assert.ok(E.isRight(await log.append(stream, 'any', [event])()))
  }
  const session = await connectSession(database.url, 'test')
  await rebuild({ log, databaseUrl: database.url })
  try {
    await work({
      stored,
      databaseUrl: database.url,
      exec: session.exec,
      keysOf: async (subject) =>
        (
          await session.run(
            sql.unsafe`SELECT 1 FROM privacy_keys WHERE subject = ${subject} AND wrapped IS NOT NULL`,
          )
        ).length,
      faults: async () => {
        vault.forget()
        const missingKeys = () => missingSentence(vault.missing())
        const { keys } = await verifyLog({ log, databaseUrl: database.url, verifiers: [], missingKeys })
        return keys
      },
    })
  } finally {
    await session.close()
    await vault.close()
    await database.drop()
  }
}

test('given a person who asked for it, when they are erased, then verify reports nothing', () =>
  withRecord(async ({ stored, databaseUrl, faults }) => {
    assert.equal(await faults(), [])
    await erase({ log: stored, databaseUrl, subject: 'alice', masterKey })
    assert.equal(await faults(), [])
  }))

test('given a key that was destroyed in Postgres, with a made-up request, another’s, or none, then verify reports it', () =>
  withRecord(async ({ stored, databaseUrl, exec, faults }) => {
    const { requestId } = await erase({ log: stored, databaseUrl, subject: 'alice', masterKey })
    for (const by of [randomUUID(), requestId]) {
      await exec(`UPDATE privacy_keys SET wrapped = NULL, erased_by = '${by}' WHERE subject = 'bob'`)
      const found = await faults()
      assert.is(found.length, 1)
      assert.match(found[0]!, /^The key of bob \(generation 1\) is destroyed, and/)
    }
    await exec(`DELETE FROM privacy_keys WHERE subject = 'bob'`)
    assert.match((await faults()).join(), /1 key .* not in this database \(bob\)/)
  }))

test('given requests that somebody wrote to the log, when all are carried out again, then they erase nobody, and are reported', () =>
  withRecord(async ({ stored, databaseUrl, exec, keysOf }) => {
    await erase({ log: stored, databaseUrl, subject: 'alice', masterKey })
    const [genuine] = await erasureRequests(stored)
    const forged = [
      { ...genuine!, subject: 'bob' },
      { ...genuine!, requestId: randomUUID(), subject: 'bob', mac: undefined },
      { ...genuine!, requestId: randomUUID(), subject: 'bob', generation: 9, mac: 'AAAA' },
    ]
    for (const data of forged)
      stored.push(REQUESTS, { id: randomUUID(), type: 'ErasureRequested', data, metadata: {} })
    // As if restored from a backup that still had her key.
    await exec(`UPDATE privacy_keys SET wrapped = 'x', erased_by = NULL, erased_at = NULL`)
    // Who does not say which are ours does not compile, and else erases nobody.
    // @ts-expect-error: it must be said
    assert.equal(await reapply(stored, databaseUrl, () => {}), [])
    assert.equal([await keysOf('alice'), await keysOf('bob')], [1, 1])
    const refused: string[] = []
    const done = await reapply(stored, databaseUrl, () => {}, {
      isOurs: (request) => isSigned(request, masterKey),
      onRefused: ({ requestId }) => void refused.push(requestId),
    })
    assert.equal(
      done.map(({ requestId }) => requestId),
      [genuine!.requestId],
    )
    assert.equal(
      refused,
      forged.map(({ requestId }) => requestId),
    )
    assert.equal([await keysOf('alice'), await keysOf('bob')], [0, 1])
  }))

test.run()
