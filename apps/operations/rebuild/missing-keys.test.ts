/** A log whose database lacks some of the keys under which it was sealed. */
import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectSession } from '../../../adapters/postgres/session.ts'
import { connectVault } from '../../../adapters/privacy/connect.ts'
import { lookForKeys, missingSentence } from '../../../adapters/privacy/missing-keys.ts'
import { sealedLog } from '../../../adapters/privacy/sealed-log.ts'
import { memoryLog } from '../../../infra/testing/memory-log.ts'
import { testDatabase } from '../../../infra/testing/postgres.ts'
import { alice, bob, posted, recorded } from '../../../projections/testing/events.ts'
import { rebuild } from './rebuild.ts'

const test = suite('missing keys')
const space = { type: 'post', id: 'alice/my-post' } as const
const masterKey = '5e'.repeat(32)

/** Messages of alice and bob, sealed under the keys of one database and read with those of another. */
const sealed = async () => {
  const [first, second] = [await testDatabase(), await testDatabase()]
  const stored = memoryLog()
  const vaults = [first, second].map(({ url }) => connectVault({ databaseUrl: url, masterKey }))
  const [own, other] = [vaults[0]!, vaults[1]!]
  await Promise.all([own.ready, other.ready])
  const log = sealedLog(stored, own)
  for (const who of [alice, bob]) {
    const { stream, event } = recorded(space, posted(randomUUID(), `words of ${who.id}`, 1), who)
    assert.ok(E.isRight(await log.append(stream, 'any', [event])()))
  }
  const session = await connectSession(second.url, 'test')
  return {
    stored,
    own: { databaseUrl: first.url, vault: own },
    other: { databaseUrl: second.url, vault: other, log: sealedLog(stored, other) },
    session,
    words: async () =>
      (await session.run(sql.unsafe`SELECT content FROM chat_messages ORDER BY position`)).map(
        ({ content }) => content,
      ),
    close: async () => {
      await session.close()
      await Promise.all([own.close(), other.close()])
      await Promise.all([first.drop(), second.drop()])
    },
  }
}

test('given a log whose keys are in another database, when it is checked, then it says so and whose they are, before any message is read', async () => {
  const { other, own, stored, close } = await sealed()
  assert.is(await lookForKeys(sealedLog(stored, own.vault), own.vault.missing), null)
  const said = await lookForKeys(other.log, other.vault.missing)
  assert.match(said!, /^2 keys .* not in this database \(alice, bob\).*Restore the database/)
  await close()
})

test('given such a log, when tables are rebuilt, then nothing is swapped, unless that is asked for', async () => {
  const { other, words, close } = await sealed()
  const missingKeys = () => missingSentence(other.vault.missing())
  try {
    await rebuild({ log: other.log, databaseUrl: other.databaseUrl, missingKeys })
    assert.unreachable()
  } catch (error) {
    assert.match((error as Error).message, 'not in this database')
  }
  assert.equal(await words(), [])
  await rebuild({ log: other.log, databaseUrl: other.databaseUrl })
  assert.equal(await words(), ['', ''])
  await close()
})

test('given a database from before one person came, then that person’s key is missing, and none once it is restored', async () => {
  const { other, own, session, words, close } = await sealed()
  const from = await connectSession(own.databaseUrl, 'test')
  const restore = async (subject: string) => {
    const [row] = await from.run(
      sql.unsafe`SELECT generation, encode(wrapped, 'hex') AS wrapped FROM privacy_keys WHERE subject = ${subject}`,
    )
    await session.run(sql.unsafe`INSERT INTO privacy_keys (subject, generation, wrapped)
      VALUES (${subject}, ${Number(row!.generation)}::int4, decode(${String(row!.wrapped)}, 'hex'))`)
    other.vault.forget()
  }
  await restore('alice')
  assert.match((await lookForKeys(other.log, other.vault.missing))!, /^1 key .*\(bob\)/)
  await restore('bob')
  assert.is(await lookForKeys(other.log, other.vault.missing), null)
  await rebuild({ log: other.log, databaseUrl: other.databaseUrl })
  assert.equal(await words(), ['words of alice', 'words of bob'])
  await from.close()
  await close()
})

test.run()
