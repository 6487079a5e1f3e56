// test: calm
// timeout: 240
/** A real Postgres that stands still (SIGSTOP): every read of the contract and every way to say something has an answer or a
 *  code within seconds, the command line too; and all is as before when it goes on. */
import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { presence } from '../../apps/cli/dispatcher.ts'
import { registry } from '../../apps/cli/registry.ts'
import { LOBBY, streamName } from '../../domain/names.ts'
import { posted, recorded } from '../../projections/testing/events.ts'
import { devKeys, signAs } from '../hive/keys.ts'
import { startHiveStandIn } from '../hive/stand-in.ts'
import { testEventStore } from '../testing/eventstore.ts'
import { testPostgres } from '../testing/postgres.ts'
import { startProjectorProcess, startServerProcess } from '../testing/server.ts'
import { type Client, clientOf } from '../testing/sockets.ts'
import { until } from '../testing/until.ts'

const test = suite('a Postgres that stands still')

/** More than a room's window in memory. */
const LONG = 2_100
/** The first of them: it must be looked up. */
const OLDEST = randomUUID()
/** Two seconds, and what a busy machine adds. */
const IN_TIME_MS = 4_000
const OWNER = 'the-owner'

const proofOf = (account: string) => {
  const challenge = String(Math.floor(Date.now() / 1_000))
  return {
    account,
    challenge,
    pubkey: devKeys(account).posting.public,
    signature: signAs(account, challenge),
  }
}
const timed = async <T>(work: Promise<T>) => {
  const began = performance.now()
  const value = await work
  return { value, ms: Math.round(performance.now() - began) }
}

const fillRoom = async (url: string): Promise<void> => {
  const log = connectEventLog({ url })
  for (let said = 0; said < LONG; said += 300) {
    const events = Array.from(
      { length: 300 },
      (_, i) => recorded(LOBBY, posted(said + i === 0 ? OLDEST : randomUUID(), 'words', said + i)).event,
    )
    assert.is((await log.append(streamName('chat', LOBBY), 'any', events)())._tag, 'Right')
  }
  await log.close()
}

const started = async () => {
  const [store, postgres, hive] = await Promise.all([testEventStore(), testPostgres(), startHiveStandIn()])
  await fillRoom(store.url)
  const env = {
    EVENTSTORE_URL: store.url,
    DATABASE_URL: postgres.url,
    HIVE_NODE: hive.url,
    HIVE_STANDIN: 'on',
    SYSTEM_ADMINS: OWNER,
    AUDITORS: OWNER,
    LOG_LEVEL: 'error',
  }
  const projector = await startProjectorProcess({ ...env, NODE_ID: 'projector' })
  const server = await startServerProcess({ ...env, NODE_ID: 'one' })
  const stop = async () => {
    await server.stop()
    await projector.stop()
    await Promise.all([store.stop(), hive.close(), postgres.stop()])
  }
  return { env, postgres, server, stop }
}
type Started = Awaited<ReturnType<typeof started>>

const tokenOf = async ({ server }: Started): Promise<string> => {
  const proof = Object.entries(proofOf(OWNER)).map(([name, value]) => [`x-${name}`, value])
  const answer = await fetch(`${server.url}/api/auth/session`, {
    method: 'POST',
    headers: Object.fromEntries(proof),
  })
  return ((await answer.json()) as { token: string }).token
}
const PARTS: Readonly<Record<string, string>> = { type: 'global', id: 'lobby', name: OWNER, account: OWNER }
/** What some of them can't be asked without. */
const QUERY: Readonly<Record<string, string>> = {
  '/api/audit/proof/inclusion': '?position=1',
  '/api/audit/proof/consistency': '?from=1&to=2',
  '/api/spaces/{type}/{id}/at': '?revision=0',
  '/api/spaces/{type}/{id}/why': '?position=1',
  '/api/spaces/{type}/{id}/replay': '?limit=1',
  '/api/feed': '?space=global:lobby',
}
/** Every GET that there is. */
const reads = async ({ server }: Started): Promise<ReadonlyArray<string>> => {
  const { paths } = (await (await fetch(`${server.url}/docs/json`)).json()) as {
    paths: Record<string, { get?: unknown }>
  }
  const all = Object.entries(paths).flatMap(([path, { get }]) => (get === undefined ? [] : [path]))
  return [
    ...all.map(
      (path) => path.replaceAll(/\{(\w+)\}/g, (_, part) => PARTS[part] ?? '1') + (QUERY[path] ?? ''),
    ),
    '/metrics',
  ]
}
const read = async ({ server }: Started, path: string, token: string | null) => {
  const cut = new AbortController()
  const late = setTimeout(() => cut.abort(), 25_000)
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  const { value: answer, ms } = await timed(fetch(server.url + path, { headers, signal: cut.signal }))
  const isLasting = /\/(replay|feed)/.test(path) && answer.ok
  const text = isLasting ? '' : await answer.text()
  clearTimeout(late)
  if (isLasting) cut.abort()
  return { path, status: answer.status, code: /"code":"([a-z_]+)"/.exec(text)?.[1] ?? null, ms }
}
const POST = { spaceType: 'global', spaceId: 'lobby' }
const say = (client: Client) =>
  timed(client.ask('chat-message', { content: 'words', message_id: randomUUID() }))

/** What the command line says of it, and how long that took: in this process, since starting one takes what the machine has. */
const command = async ({ env }: Started, ...args: ReadonlyArray<string>) => {
  const secrets = { PRIVACY_MASTER_KEY: '5e'.repeat(32), AUDIT_SIGNING_KEY: 'a5'.repeat(32) }
  Object.assign(process.env, env, secrets)
  let said = ''
  const write = (text: string): void => {
    said += `${text}\n`
  }
  const { ms } = await timed(
    presence(args, registry, { out: write, err: write }).catch((error: Error) => write(error.message)),
  )
  return { said, ms }
}
const COMMANDS = [
  ['parked', 'list'],
  ['upgrade', '--check'],
  ['audit', 'verify'],
  ['rebuild'],
  ['privacy', 'erase', 'carol'],
]

test('given a long room, when a real Postgres is stopped, then every read and every message is answered in time, and works again afterwards', async () => {
  const all = await started()
  const clients: Client[] = []
  let goOn = (): void => {}
  try {
    const token = await tokenOf(all)
    const paths = await reads(all)
    assert.ok(paths.length > 25, `${paths.length} paths`)
    const inside = await clientOf(all.server.url, { auth: { token } })
    const guest = await clientOf(all.server.url, {})
    clients.push(inside, guest)
    for (const one of [inside, guest]) assert.ok((await one.ask('join-space', POST)).ok)
    for (const path of paths) await read(all, path, token)
    await until('new messages need no look-up', async () => {
      const { value, ms } = await say(inside)
      return value.ok && ms < 1_000
    })
    for (const [name, word] of COMMANDS)
      await command(all, name!, ...(word === undefined ? [] : [word]), '--help')
    const plainly = await command(all, 'parked', 'list')
    assert.match(plainly.said, 'nothing is parked')

    goOn = all.postgres.freeze()
    // At once, and one after another when it is known to be silent; with a token and as a guest.
    const told = (await Promise.all(paths.map((path) => read(all, path, token)))).concat(
      await Promise.all(paths.map((path) => read(all, path, null))),
    )
    assert.equal(
      told.filter(({ ms }) => ms > IN_TIME_MS),
      [],
    )
    for (const { path, status, code } of told)
      if (status >= 500 && !path.endsWith('/health'))
        assert.ok(status === 503 && /_unavailable$/.test(code ?? ''), `${path}: ${status} ${code}`)
    for (const client of [inside, guest])
      for (let i = 0; i < 10; i += 1) {
        const { value, ms } = await say(client)
        assert.ok(value.ok && ms < IN_TIME_MS, `${JSON.stringify(value)} after ${ms} ms`)
      }
    const answers = await Promise.all([
      timed(inside.ask('chat-message', { content: 'words', parent_message_id: OLDEST })),
      timed(inside.ask('chat-edit', { message_id: OLDEST, content: 'words' })),
      timed(inside.ask('chat-reaction', { message_id: OLDEST, emoji: '👍' })),
      timed(inside.ask('join-space', { ...POST, since: { space: '0', chat: '10' } })),
    ])
    for (const { value, ms } of answers)
      assert.ok(
        ms < IN_TIME_MS && (value.ok || value.code === 'postgres_unavailable'),
        `${JSON.stringify(value)} after ${ms} ms`,
      )
    const commands = await Promise.all(
      COMMANDS.map(async (args) => ({ args, ...(await command(all, ...args)) })),
    )
    for (const { args, said, ms } of commands) {
      assert.match(said, 'PostgreSQL can’t be asked', args.join(' '))
      assert.ok(ms < IN_TIME_MS, `${args.join(' ')}: ${ms} ms`)
    }
    goOn()
    await until('lists are there again', async () => (await read(all, '/api/spaces', token)).status === 200)
    await until('newcomers are let in', async () => {
      const late = await clientOf(all.server.url, {})
      clients.push(late)
      return (await late.ask('join-space', POST)).ok
    })
  } finally {
    goOn()
    for (const client of clients) client.close()
    await all.stop()
  }
})

test.run()
