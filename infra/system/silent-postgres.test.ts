/** A whole server whose Postgres is frozen: every read ends in time with a code, and those in a room go on talking. */
// test: calm
// timeout: 240
import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { LOBBY, streamName } from '../../domain/names.ts'
import { posted, recorded } from '../../projections/testing/events.ts'
import { connect } from '../bench/client.ts'
import { devKeys, signAs } from '../hive/keys.ts'
import { startHiveStandIn } from '../hive/stand-in.ts'
import { testEventStore } from '../testing/eventstore.ts'
import { testDatabase } from '../testing/postgres.ts'
import { startProxy } from '../testing/proxy.ts'
import { startProjectorProcess, startServerProcess } from '../testing/server.ts'
import { until } from '../testing/until.ts'

const test = suite('a server beside a frozen Postgres')

type Answer = { ok: boolean; code?: string; position?: string }
const LONG = 2_100
/** Two seconds, and what a busy machine adds. */
const IN_TIME_MS = 5_000

const proofOf = (account: string) => {
  const challenge = String(Math.floor(Date.now() / 1_000))
  return {
    account,
    challenge,
    pubkey: devKeys(account).posting.public,
    signature: signAs(account, challenge),
  }
}

test('given a room of more than 2,000 messages, when Postgres is frozen, then every read ends in time with a code, and new messages are accepted', async () => {
  const [store, database, hive] = await Promise.all([testEventStore(), testDatabase(), startHiveStandIn()])
  const url = new URL(database.url)
  const proxy = await startProxy({ targetPort: Number(url.port) })
  url.hostname = '127.0.0.1'
  url.port = String(proxy.port)
  const env = {
    EVENTSTORE_URL: store.url,
    HIVE_NODE: hive.url,
    HIVE_STANDIN: 'on',
    SYSTEM_ADMINS: 'the-owner',
    LOG_LEVEL: 'error',
  }
  const log = connectEventLog({ url: store.url })
  let end = 0n
  for (let said = 0; said < LONG; said += 300) {
    const events = Array.from({ length: 300 }, (_, i) =>
      recorded(LOBBY, posted(randomUUID(), 'words', said + i)),
    )
    const written = await log.append(
      streamName('chat', LOBBY),
      'any',
      events.map(({ event }) => event),
    )()
    assert.is(written._tag, 'Right')
    if (written._tag === 'Right') end = written.right.position
  }
  await log.close()
  const projector = await startProjectorProcess({ ...env, DATABASE_URL: database.url, NODE_ID: 'projector' })
  const server = await startServerProcess({ ...env, DATABASE_URL: url.toString(), NODE_ID: 'one' })
  const client = await connect(server.url, proofOf('the-owner'))
  const ask = (event: string, payload: object): Promise<Answer> =>
    new Promise((resolve) => client.emit(event, payload, (answer: Answer) => resolve(answer)))
  const say = (message_id?: string) =>
    ask('chat-message', { content: 'words', ...(message_id === undefined ? {} : { message_id }) })
  assert.ok((await ask('join-space', { spaceType: 'global', spaceId: 'lobby' })).ok)
  const get = (path: string) =>
    fetch(`${server.url}${path}`, {
      headers: Object.fromEntries(Object.entries(proofOf('the-owner')).map(([k, v]) => [`x-${k}`, v])),
      signal: AbortSignal.timeout(25_000),
    })
  const reads = [
    '/api/health',
    '/api/spaces',
    '/api/spaces?q=lobby',
    '/api/spaces/global/lobby',
    '/api/spaces/global/lobby/subrooms',
    '/api/spaces/global/lobby/settings',
    '/api/spaces/global/lobby/permissions',
    '/api/spaces/global/lobby/bans',
    '/api/spaces/global/lobby/mutes',
    '/api/chat/global/lobby/messages',
    `/api/chat/global/lobby/messages?min_position=${end}`,
    '/api/chat/global/lobby/messages?min_position=999999999999',
    '/api/audit',
    '/api/audit/checkpoint',
    '/api/audit/proof/consistency?from=1&to=2',
    `/api/spaces/global/lobby/at?position=${end}`,
    '/api/turn-credentials',
    '/metrics',
  ]
  try {
    for (const path of reads) await (await get(path)).arrayBuffer()
    await until('new messages need no look-up', async () => {
      const began = performance.now()
      return (await say(randomUUID())).ok && performance.now() - began < 1_000
    })
    proxy.halfOpen()
    const told = await Promise.all(
      reads.map(async (path) => {
        const began = performance.now()
        const answer = await get(path)
        const text = await answer.text()
        const code = /"code":"([a-z_]+)"/.exec(text)?.[1] ?? null
        return { path, status: answer.status, code, ms: Math.round(performance.now() - began) }
      }),
    )
    const late = told.filter(({ ms }) => ms > IN_TIME_MS)
    assert.equal(late, [])
    for (const { path, status, code } of told)
      if (status >= 500 && path !== '/api/health')
        assert.ok(status === 503 && /_unavailable$/.test(code ?? ''), `${path}: ${status} ${code}`)
    assert.is(told.find(({ path }) => path === '/api/spaces')!.code, 'postgres_unavailable')

    for (let i = 0; i < 20; i += 1) {
      const began = performance.now()
      const answer = await say(randomUUID())
      assert.ok(answer.ok, JSON.stringify(answer))
      assert.ok(performance.now() - began < IN_TIME_MS)
    }
    const began = performance.now()
    const old = await ask('chat-message', {
      content: 'to an old one',
      message_id: randomUUID(),
      parent_message_id: randomUUID(),
    })
    assert.ok(performance.now() - began < 2 * IN_TIME_MS, 'one that must be looked up has its answer too')
    assert.ok(old.ok === false)
    proxy.heal()
    await until('lists are there again', async () => (await get('/api/spaces')).status === 200)
  } finally {
    proxy.heal()
    client.close()
    await server.stop()
    await projector.stop()
    await proxy.close()
    await hive.close()
    await store.stop()
    await database.drop()
  }
})

test.run()
