// test: waits
// timeout: 180
/** kill -9 of one of two servers: who stood there comes back at the other at once, takes its own place, and stands once. */
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { streamName } from '../../domain/names.ts'
import { devKeys, signAs } from '../hive/keys.ts'
import { startHiveStandIn } from '../hive/stand-in.ts'
import { testEventStore } from '../testing/eventstore.ts'
import { testDatabase } from '../testing/postgres.ts'
import { testRedis } from '../testing/redis.ts'
import { type ServerProcess, startProjectorProcess, startServerProcess } from '../testing/server.ts'
import { type Client, clientOf } from '../testing/sockets.ts'
import { until } from '../testing/until.ts'

type Context = {
  env: Record<string, string>
  /** Stays. */
  stays: ServerProcess
  clients: Client[]
  started: ServerProcess[]
  missed: { owner: Client; sessionId: string; close: () => void }
  stop: () => Promise<void>
}
const test = suite<Context>('a server that is killed')

test.before(async (context) => {
  const [store, database, redis, hive] = await Promise.all([
    testEventStore(),
    testDatabase(),
    testRedis(),
    startHiveStandIn(),
  ])
  const content = new pg.Client({ connectionString: database.url })
  await content.connect()
  await content.query(
    `INSERT INTO collaboration_documents (id, title, creator, is_public)
     SELECT id, 'Notes', 'carol', true FROM unnest(ARRAY['1', '2', '3', '4']) AS id`,
  )
  await content.end()
  context.env = {
    EVENTSTORE_URL: store.url,
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    HIVE_NODE: hive.url,
    HIVE_STANDIN: 'on',
    SYSTEM_ADMINS: 'the-owner',
    LOG_LEVEL: 'error',
  }
  context.started = [await startProjectorProcess({ ...context.env, NODE_ID: 'projector' })]
  context.stays = await startServerProcess({ ...context.env, NODE_ID: 'stays' })
  context.started.push(context.stays)
  context.clients = []
  context.stop = async () => {
    await Promise.all([store.stop(), redis.stop(), hive.close()])
    await database.drop()
  }
  context.missed = await toBeMissed(context)
})
test.after.each(({ clients }) => {
  for (const client of clients.splice(0)) client.close()
})
test.after(async ({ started, missed, stop }) => {
  missed?.close()
  for (const one of (started ?? []).toReversed()) await one.stop()
  await stop?.()
})

const proofOf = (account: string) => {
  const challenge = String(Math.floor(Date.now() / 1_000))
  return {
    account,
    challenge,
    pubkey: devKeys(account).posting.public,
    signature: signAs(account, challenge),
  }
}
const tokenOf = async (url: string, account: string): Promise<string> => {
  const headers = Object.fromEntries(
    Object.entries(proofOf(account)).map(([name, value]) => [`x-${name}`, value]),
  )
  const answer = await fetch(`${url}/api/auth/session`, { method: 'POST', headers })
  return ((await answer.json()) as { token: string }).token
}
const dies = async ({ env, started }: Context): Promise<ServerProcess> => {
  const server = await startServerProcess({ ...env, NODE_ID: `dies-${started.length}` })
  started.push(server)
  return server
}
const connect = async ({ clients }: Context, url: string, token?: string): Promise<Client> => {
  const client = await clientOf(url, token === undefined ? {} : { auth: { token } })
  clients.push(client)
  return client
}
const joined = async (client: Client, room: object) => {
  const answer = await client.ask('join-space', room)
  assert.ok(answer.ok, JSON.stringify(answer))
  const [state] = client.of('space-joined')
  return {
    sessionId: answer.sessionId as string,
    since: state.revisions,
    token: state.session_token as string,
  }
}
/** What this one was told of those sessions. */
const told = (client: Client, sessions: ReadonlyArray<string>) =>
  client.heard
    .filter(({ event, payload }) => event.startsWith('user-') && sessions.includes(payload.sessionId))
    .map(({ event, payload }) => [event, payload.sessionId, payload.reason])
/** What the log has of them, in its order. */
const onTheLog = async ({ env }: Context, spaceId: string, sessions: ReadonlyArray<string>) => {
  const log = connectEventLog({ url: env.EVENTSTORE_URL! })
  const read = await log.readStream(streamName('space', { type: 'document', id: spaceId } as never), {
    limit: 1_000,
  })()
  await log.close()
  assert.is(read._tag, 'Right')
  const events = read._tag === 'Right' ? read.right : []
  return events.flatMap(({ type, data }) => {
    const { sessionId, reason } = data as { sessionId?: string; reason?: string }
    return sessions.includes(sessionId ?? '') && type !== 'VoiceStarted' ? [[type, sessionId, reason]] : []
  })
}

/** Nobody comes back here: begun first, since it takes a lease to run out, and looked at last. */
const toBeMissed = async (context: Context) => {
  const owner = await clientOf(context.stays.url, {
    auth: { token: await tokenOf(context.stays.url, 'carol') },
  })
  await joined(owner, { spaceType: 'document', spaceId: '4' })
  const killed = await dies(context)
  const gone = await clientOf(killed.url, { auth: { token: await tokenOf(killed.url, 'frank') } })
  const { sessionId } = await joined(gone, { spaceType: 'document', spaceId: '4' })
  await killed.kill()
  const close = () => {
    for (const client of [owner, gone]) client.close()
  }
  return { owner, sessionId, close }
}

for (const [who, spaceId] of [
  ['an account', '1'],
  ['a guest', '2'],
] as const)
  test(`given ${who} at a server that is killed, when it rejoins at the other with its token and since at once, then it takes its own seat, even if that was the last`, async (context) => {
    const room = { spaceType: 'document', spaceId }
    const owner = await connect(context, context.stays.url, await tokenOf(context.stays.url, 'carol'))
    await joined(owner, room)
    const killed = await dies(context)
    const first = await connect(
      context,
      killed.url,
      who === 'a guest' ? undefined : await tokenOf(killed.url, 'dave'),
    )
    const before = await joined(first, room)
    const token = who === 'a guest' ? before.token : await tokenOf(context.stays.url, 'dave')
    assert.ok((await first.ask('voice-state', { enabled: true })).ok)
    assert.ok((await owner.ask('settings-change', { max_users: 2 })).ok)
    await owner.until('it is there', ({ payload }) => payload?.sessionId === before.sessionId)
    await killed.kill()
    const again = await connect(context, context.stays.url, token)
    const back = await joined(again, { ...room, since: before.since })
    await owner.until('it is back', ({ payload }) => payload?.sessionId === back.sessionId)
    const both = [before.sessionId, back.sessionId]
    assert.equal(told(owner, both), [
      ['user-joined', before.sessionId, undefined],
      ['user-left', before.sessionId, 'disconnected'],
      ['user-joined', back.sessionId, undefined],
    ])
    assert.equal(await onTheLog(context, spaceId, both), [
      ['SessionJoined', before.sessionId, undefined],
      ['SessionLeft', before.sessionId, 'disconnected'],
      ['SessionJoined', back.sessionId, undefined],
    ])
    assert.is(again.of('space-joined')[0].users.length, 2)
  })

test('given two windows of one account at a server that is killed, when both come back and say which session each was, then each replaces its own session', async (context) => {
  const room = { spaceType: 'document', spaceId: '3' }
  const owner = await connect(context, context.stays.url, await tokenOf(context.stays.url, 'carol'))
  await joined(owner, room)
  assert.ok((await owner.ask('settings-change', { max_users: 3 })).ok)
  const killed = await dies(context)
  const token = await tokenOf(killed.url, 'erin')
  const windows = await Promise.all([1, 2].map(() => connect(context, killed.url, token)))
  const before = await Promise.all(windows.map((one) => joined(one, room)))
  await killed.kill()
  const back = await Promise.all(
    before.map(async ({ sessionId, since }) =>
      joined(await connect(context, context.stays.url, token), { ...room, since, replaces: sessionId }),
    ),
  )
  for (const { sessionId } of back)
    await owner.until('it is back', ({ payload }) => payload?.sessionId === sessionId)
  const log = await onTheLog(
    context,
    '3',
    [...before, ...back].map(({ sessionId }) => sessionId),
  )
  assert.is(log.filter(([type]) => type === 'SessionLeft').length, 2)
  for (const { sessionId } of before)
    assert.equal(
      log.filter(([type, id]) => type === 'SessionLeft' && id === sessionId),
      [['SessionLeft', sessionId, 'disconnected']],
    )
})

test('given somebody who does not come back, when their server is killed, then the other server ends their session as lost with its server', async ({
  missed: { owner, sessionId },
}) => {
  await until('it is told', () => told(owner, [sessionId]).length === 2, 40_000)
  assert.equal(told(owner, [sessionId])[1], ['user-left', sessionId, 'node-lost'])
})

test.run()
