/** Positions are places in the log, in bytes: between two of a stranger's own, a refused join to a private document makes the
 *  log grow by as much as one to a document that there is not. On a whole server and a real log. */
import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadSampleContent } from '../../adapters/content/load.ts'
import { devKeys, signAs } from '../hive/keys.ts'
import { startHiveStandIn } from '../hive/stand-in.ts'
import { testEventStore } from '../testing/eventstore.ts'
import { testDatabase } from '../testing/postgres.ts'
import { startServerProcess } from '../testing/server.ts'

const test = suite('what positions tell')

const ROUNDS = 2

test('given a refused join to a private document, or to one that does not exist, then a stranger’s next position has grown by the same', async () => {
  const [store, database, hive] = await Promise.all([testEventStore(), testDatabase(), startHiveStandIn()])
  await loadSampleContent(database.url)
  const server = await startServerProcess({
    EVENTSTORE_URL: store.url,
    DATABASE_URL: database.url,
    HIVE_NODE: hive.url,
    HIVE_STANDIN: 'on',
    SYSTEM_ADMINS: 'the-owner',
    LOG_LEVEL: 'error',
  })
  try {
    const send = async (path: string, headers: Record<string, string>, body: object = {}) => {
      const response = await fetch(`${server.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      })
      return { status: response.status, body: (await response.json()) as Record<string, string> }
    }
    const challenge = String(Math.floor(Date.now() / 1_000))
    const proofOf = (account: string) => ({
      'x-account': account,
      'x-challenge': challenge,
      'x-pubkey': devKeys(account).posting.public,
      'x-signature': signAs(account, challenge),
    })
    const [bob, stranger] = [proofOf('bob'), proofOf('mallory')]
    // There is a history to give away.
    assert.is((await send('/api/spaces/document/2/join', bob)).status, 200)
    for (let n = 0; n < 5; n += 1)
      assert.is((await send('/api/chat/document/2/messages', bob, { content: `secret ${n}` })).status, 200)

    const position = async (): Promise<bigint> => {
      const said = await send('/api/chat/global/lobby/messages', stranger, {
        content: 'hi',
        message_id: randomUUID(),
      })
      // On a fast machine an account says its 40 at once before it has 20 more.
      if (said.status === 429) {
        await new Promise((resolve) => setTimeout(resolve, 1_000 * Number(said.body.retry_after)))
        return await position()
      }
      assert.is(said.status, 200, JSON.stringify(said.body))
      return BigInt(said.body.position!)
    }
    const growth = async (path: string | null, body: object = {}): Promise<number> => {
      const before = await position()
      if (path !== null) assert.is((await send(path, stranger, body)).status, 404)
      return Number((await position()) - before)
    }
    /** What the server writes beside can only add to it: the least of several is what the refusal made. */
    const least = async (path: string | null, body?: object): Promise<number> => {
      let found = Number.POSITIVE_INFINITY
      for (let n = 0; n < ROUNDS; n += 1) found = Math.min(found, await growth(path, body))
      return found
    }
    // Until what these messages say of revisions is as long for all that follow.
    for (let n = 0; n < 12; n += 1) await position()
    const nothing = await least(null)
    for (const [hidden, missing, body] of [
      ['/api/spaces/document/2/join', '/api/spaces/document/7/join', {}],
      ['/api/spaces/post/alice/hidden-draft/join', '/api/spaces/post/alice/hidden-drafx/join', {}],
      ['/api/chat/document/2/messages', '/api/chat/document/7/messages', { content: 'let me in' }],
    ] as const) {
      const [there, none] = [await least(hidden, body), await least(missing, body)]
      assert.is(there, none, hidden)
      assert.ok(there > nothing, 'a refusal is on the log')
    }
  } finally {
    await server.stop()
    await hive.close()
    await database.drop()
    await store.stop()
  }
})

test.run()
