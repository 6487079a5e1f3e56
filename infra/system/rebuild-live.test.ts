/** A rebuild while the rooms are full and everything is read: no read fails, nothing is told twice, and at the swap the new
 *  tables are the old ones. In full:
 *  TEST_POSTGRES_DURABLE=1 REBUILD_EVENTS=1000000 REBUILD_RATE=500 node infra/system/rebuild-live.test.ts */
// timeout: 240
import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { sql } from 'slonik'
import { suite } from 'uvu'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { connectSession } from '../../adapters/postgres/session.ts'
import { connectVault } from '../../adapters/privacy/connect.ts'
import { sealedLog } from '../../adapters/privacy/sealed-log.ts'
import { rebuild } from '../../apps/operations/rebuild/rebuild.ts'
import { verifyLog } from '../../apps/operations/verify/verify.ts'
import { type BenchClient, connect, spread } from '../bench/client.ts'
import { summary } from '../bench/figures.ts'
import { writeHistory } from '../bench/history.ts'
import { devKeys, signAs } from '../hive/keys.ts'
import { startHiveStandIn } from '../hive/stand-in.ts'
import { testEventStore } from '../testing/eventstore.ts'
import { testDatabase } from '../testing/postgres.ts'
import { startProjectorProcess, startServerProcess } from '../testing/server.ts'
import { until } from '../testing/until.ts'

const live = suite('a rebuild under load')
/** How long the log is, how many commands a second go on meanwhile, how many readers ask, and after what pause (ms) each asks
 *  again: none in full, where they are to keep the server busy. */
const { PATH = '', NODE_COMPILE_CACHE = '' } = process.env
const EVENTS = Number(process.env.REBUILD_EVENTS ?? 2_000)
const RATE = Number(process.env.REBUILD_RATE ?? 50)
const READERS = Number(process.env.REBUILD_READERS ?? 2)
const PAUSE_MS = process.env.REBUILD_EVENTS ? 0 : 20
/** The machine may have much else to do. */
const patiently = (what: string, holds: () => boolean | Promise<boolean>) =>
  until(what, holds, 60_000 + EVENTS / 5)
const MASTER_KEY = '5e'.repeat(32)
const CLI = fileURLToPath(new URL('../../apps/cli/main.ts', import.meta.url))
const ROOM_OF = 5
const PEOPLE = Math.max(10, Math.ceil(RATE / 5 / ROOM_OF) * ROOM_OF)

const proofOf = (account: string) => {
  const challenge = String(Math.floor(Date.now() / 1000))
  return {
    account,
    challenge,
    pubkey: devKeys(account).posting.public,
    signature: signAs(account, challenge),
  }
}
const headersOf = (account: string): Record<string, string> =>
  Object.fromEntries(Object.entries(proofOf(account)).map(([name, value]) => [`x-${name}`, value]))

/* ── those who write ─────────────────────────────────────────────────────────────────────────────────────── */

type Answer = { readonly ok: boolean; readonly code?: string; readonly revision?: string }
type Member = {
  readonly client: BenchClient
  readonly room: number
  /** Every revision of the chat and of the space that it was told, in the order told. */
  readonly chat: number[]
  readonly space: number[]
  voice: boolean
}
const CHAT_NEWS = new Set(['chat-message', 'chat-reaction'])
const SPACE_NEWS = new Set(['voice-state', 'user-joined', 'user-left'])

const ask = (client: BenchClient, name: string, payload: unknown): Promise<Answer> =>
  new Promise((resolve) => client.emit(name, payload, (answer) => resolve(answer as Answer)))

const member = async (url: string, index: number): Promise<Member> => {
  const client = await connect(url, proofOf(`rebuild-u${index.toString(36).padStart(3, 'a')}`))
  const made: Member = { client, room: Math.floor(index / ROOM_OF), chat: [], space: [], voice: false }
  client.onPacket = (packet) => {
    const [name, payload] = JSON.parse(packet.slice(packet.indexOf('['))) as [string, { revision?: string }]
    if (CHAT_NEWS.has(name)) made.chat.push(Number(payload.revision))
    else if (SPACE_NEWS.has(name)) made.space.push(Number(payload.revision))
  }
  const joined = await ask(client, 'join-space', {
    spaceType: 'community',
    spaceId: `hive-${100_000 + made.room}`,
  })
  assert.ok(joined.ok, JSON.stringify(joined))
  return made
}

/** `RATE` commands a second, whoever is how slow, until told to stop. */
const talk = (members: ReadonlyArray<Member>) => {
  const acked = { chat: new Map<number, number[]>(), space: new Map<number, number[]>() }
  const refused = new Map<string, number>()
  const latencies: number[] = []
  const waiting = new Set<Promise<void>>()
  let stopped = false
  let sent = 0
  let again = 0
  /** As a client does: what can't be taken just now is sent again, under its own id. */
  const insist = async (client: Member['client'], event: string, payload: object): Promise<Answer> => {
    for (;;) {
      const answer = await ask(client, event, payload)
      if (answer.ok || answer.code !== 'eventstore_unavailable') return answer
      again += 1
      await delay(500)
    }
  }
  const lastMessage = new Map<number, string>()
  const one = async (index: number): Promise<void> => {
    const who = members[index % members.length]!
    const turn = index % 10
    const said = lastMessage.get(who.room)
    const begun = performance.now()
    const stream = turn === 9 ? 'space' : 'chat'
    let answer: Answer
    if (turn === 9) {
      who.voice = !who.voice
      answer = await insist(who.client, 'voice-state', { enabled: who.voice })
    } else if (turn === 8 && said !== undefined)
      answer = await insist(who.client, 'chat-reaction', {
        message_id: said,
        emoji: ['👍', '🎉', '🚀'][index % 3],
      })
    else {
      const message_id = randomUUID()
      answer = await insist(who.client, 'chat-message', {
        content: `while it is made anew, ${index}`,
        message_id,
      })
      if (answer.ok) lastMessage.set(who.room, message_id)
    }
    latencies.push(performance.now() - begun)
    if (!answer.ok) refused.set(String(answer.code), (refused.get(String(answer.code)) ?? 0) + 1)
    else if (answer.revision !== undefined) {
      const room = acked[stream].get(who.room) ?? []
      room.push(Number(answer.revision))
      acked[stream].set(who.room, room)
    }
  }
  const begun = performance.now()
  const going = (async () => {
    while (!stopped) {
      const due = ((performance.now() - begun) / 1_000) * RATE
      for (; sent < due; sent += 1) {
        const command = one(sent).finally(() => waiting.delete(command))
        waiting.add(command)
      }
      await delay(5)
    }
    await Promise.all(waiting)
  })()
  return {
    acked,
    refused,
    latencies,
    stop: async () => {
      stopped = true
      await going
      return { sent, again, seconds: (performance.now() - begun) / 1_000 }
    },
  }
}

/* ── those who read ──────────────────────────────────────────────────────────────────────────────────────── */

/** For every path of the API that is read, what is asked of it; by one who owns the lobby and may audit. */
const questions = (past: string, now: string, event: { readonly id: string; readonly at: string }) => {
  const both = (path: string) => [
    `/api/spaces/community/${past}${path}`,
    `/api/spaces/community/${now}${path}`,
  ]
  const table: Readonly<Record<string, ReadonlyArray<string>>> = {
    '/health': ['/health'],
    '/api/health': ['/api/health'],
    '/metrics': ['/metrics'],
    '/api/spaces': ['/api/spaces', '/api/spaces?type=community&limit=50'],
    '/api/spaces/{type}/{id}': both(''),
    '/api/spaces/{type}/{id}/subrooms': both('/subrooms'),
    '/api/spaces/{type}/{id}/settings': both('/settings'),
    '/api/spaces/{type}/{id}/queue': both('/queue'),
    '/api/spaces/{type}/{id}/ban-list': ['/api/spaces/global/lobby/ban-list'],
    '/api/spaces/{type}/{id}/lists': ['/api/spaces/global/lobby/lists'],
    // None is followed here.
    '/api/spaces/{type}/{id}/lists/{list_id}': [],
    '/api/spaces/{type}/{id}/filters': ['/api/spaces/global/lobby/filters'],
    '/api/spaces/{type}/{id}/filtered': ['/api/spaces/global/lobby/filtered'],
    '/api/spaces/{type}/{id}/permissions': both('/permissions'),
    '/api/spaces/{type}/{id}/bans': ['/api/spaces/global/lobby/bans'],
    '/api/spaces/{type}/{id}/mutes': ['/api/spaces/global/lobby/mutes'],
    '/api/spaces/{type}/{id}/audit': both('/audit?limit=20'),
    '/api/spaces/{type}/{id}/audit/counts': both(`/audit/counts?from=2020-01-01&to=2030-01-01&buckets=20`),
    '/api/presence/spaces/{type}/{id}/capacity': [past, now].map(
      (id) => `/api/presence/spaces/community/${id}/capacity`,
    ),
    '/api/presence/spaces/{type}/{id}/queue': [`/api/presence/spaces/community/${past}/queue`],
    '/api/presence/users/{id}/spaces': ['/api/presence/users/unknown/spaces'],
    '/api/presence/waitlist/{id}/status': ['/api/presence/waitlist/unknown/status'],
    '/api/subscriptions/user/{name}': ['/api/subscriptions/user/alice'],
    '/api/spaces/{type}/{id}/evidence': [
      `/api/spaces/community/${past}/evidence?from=${event.at}&to=${event.at}`,
    ],
    '/api/spaces/{type}/{id}/at': [...both('/at?revision=0'), ...both(`/at?time=${event.at}`)],
    '/api/spaces/{type}/{id}/replay': both(`/replay?from=${event.at}&to=${event.at}`),
    '/api/spaces/{type}/{id}/why': [`/api/spaces/community/${past}/why?event=${event.id}`],
    '/api/chat/{type}/{id}/messages': [past, now].map((id) => `/api/chat/community/${id}/messages?limit=50`),
    '/api/turn-credentials': ['/api/turn-credentials'],
    '/api/webrtc/turn-config': ['/api/webrtc/turn-config'],
    '/api/audit': ['/api/audit?limit=20', `/api/audit?space=community:${past}&order=oldest&limit=20`],
    '/api/me/audit': ['/api/me/audit'],
    '/api/audit/checkpoint': ['/api/audit/checkpoint'],
    '/api/audit/key': ['/api/audit/key'],
    '/api/audit/witnesses': ['/api/audit/witnesses'],
    '/tlog/checkpoint': ['/tlog/checkpoint'],
    '/tlog/tile/{*}': ['/tlog/tile/0/000', '/tlog/tile/0/001.p/9'],
    '/api/audit/proof/inclusion': [`/api/audit/proof/inclusion?event=${event.id}`],
    '/api/presence/health': ['/api/presence/health'],
    '/api/me': ['/api/me'],
    '/api/me/looks': ['/api/me/looks'],
    '/api/me/data': ['/api/me/data'],
    '/api/holds': ['/api/holds'],
    '/api/me/reports': ['/api/me/reports'],
    '/api/me/receipts': ['/api/me/receipts'],
    '/api/spaces/{type}/{id}/cases': ['/api/spaces/global/lobby/cases'],
    // There is none here.
    '/api/spaces/{type}/{id}/cases/{case_id}': [],
    '/api/spaces/{type}/{id}/transparency': [
      '/api/spaces/global/lobby/transparency?from=2020-01-01&to=2030-01-01',
    ],
    '/api/feed': [`/api/feed?after=start&space=community:${past}&limit=5&live=false`],
    '/api/keys': ['/api/keys'],
    '/api/subscriptions': ['/api/subscriptions'],
    // There is none here.
    '/api/subscriptions/{id}': [],
    '/api/audit/proof/consistency': ['/api/audit/proof/consistency?from=1&to=1000'],
  }
  return table
}

const read = (url: string, urls: ReadonlyArray<string>, headers: Readonly<Record<string, string>>) => {
  const failures: string[] = []
  const latencies: number[] = []
  const byPath = new Map<string, number>()
  const failed = (path: string, why: string) =>
    void failures.push(`${new Date().toISOString()} ${path}: ${why}`)
  let stopped = false
  const going = Promise.all(
    Array.from({ length: READERS }, async (_, reader) => {
      for (let i = reader * 7; !stopped; i += 1) {
        const path = urls[i % urls.length]!
        const begun = performance.now()
        try {
          const response = await fetch(url + path, { headers, signal: AbortSignal.timeout(30_000) })
          const body = await response.text()
          if (response.status !== 200) failed(path, `${response.status} ${body.slice(0, 200)}`)
        } catch (error) {
          failed(path, error instanceof Error ? error.message : String(error))
        }
        latencies.push(performance.now() - begun)
        byPath.set(path, (byPath.get(path) ?? 0) + 1)
        if (PAUSE_MS > 0) await delay(PAUSE_MS)
      }
    }),
  )
  return {
    failures,
    latencies,
    byPath,
    stop: async () => {
      stopped = true
      await going
    },
  }
}

/** `presence rebuild --compare`, as a person runs it. */
const rebuildByHand = async (env: Readonly<Record<string, string>>) => {
  const child = spawn(process.execPath, [CLI, 'rebuild', '--compare'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, NODE_COMPILE_CACHE, NODE_ENV: 'test', ...env },
  })
  process.once('exit', () => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk
    })
  const [code] = await once(child, 'exit')
  return { code: code as number | null, output }
}

live(
  `given a log of ${EVENTS} events, ${RATE} commands a second and readers everywhere, when the tables are rebuilt, then no read fails, every client gets everything once, and the tables are equal`,
  async () => {
    const [store, database, hive] = await Promise.all([testEventStore(), testDatabase(), startHiveStandIn()])
    const env = {
      EVENTSTORE_URL: store.url,
      DATABASE_URL: database.url,
      PRIVACY_MASTER_KEY: MASTER_KEY,
      HIVE_NODE: hive.url,
      HIVE_STANDIN: 'on',
      SYSTEM_ADMINS: 'the-owner',
      LOG_LEVEL: 'warn',
    }
    const raw = connectEventLog({ url: store.url })
    const vault = connectVault({ databaseUrl: database.url, masterKey: MASTER_KEY })
    const log = sealedLog(raw, vault)
    const session = await connectSession(database.url, 'test')
    const position = async (): Promise<bigint> => {
      const [row] = await session.run(sql.unsafe`SELECT position FROM projection_checkpoints`)
      return (row?.position as bigint | null | undefined) ?? -1n
    }
    const written = await writeHistory(raw, EVENTS, Math.max(8, Math.min(200, EVENTS / 500)))
    await rebuild({ log, databaseUrl: database.url })
    const projector = await startProjectorProcess({ ...env, NODE_ID: 'projector' })
    const server = await startServerProcess({ ...env, NODE_ID: 'one' })
    try {
      const members = await spread(PEOPLE, 8, (index) => member(server.url, index))
      const headers = headersOf('the-owner')
      const past = await raw.readStream('space-community:hive-500001', { from: 3n, limit: 1 })()
      if (past._tag === 'Left') throw new Error(past.left._tag)
      const { id, metadata } = past.right[0]!
      const table = questions('hive-500001', 'hive-100000', { id, at: (metadata as { at: string }).at })

      const openApi = (await (await fetch(`${server.url}/docs/json`)).json()) as {
        paths: Record<string, Record<string, unknown>>
      }
      const readable = Object.keys(openApi.paths).filter((path) => 'get' in openApi.paths[path]!)
      assert.deepEqual(
        readable.filter((path) => table[path] === undefined),
        [],
        'every path that is read is asked',
      )
      const reading = read(server.url, Object.values(table).flat(), headers)
      const talking = talk(members)
      await patiently(
        'all is asked once before it begins',
        () => reading.byPath.size >= Object.values(table).flat().length,
      )
      const readsBefore = reading.latencies.length

      const begun = performance.now()
      const { code, output } = await rebuildByHand(env)
      const rebuilding = (performance.now() - begun) / 1_000
      const swapped = new Date()
      const readsDuring = reading.latencies.length - readsBefore
      assert.equal(code, 0, output)
      assert.match(output, /^0 differences$/m)
      assert.match(output, /^swapped in$/m)
      // And on, over the new tables.
      const asked = reading.latencies.length
      await patiently(
        'all is asked again',
        () => reading.latencies.length > asked + Object.values(table).flat().length,
      )
      const { sent, again, seconds } = await talking.stop()
      await reading.stop()

      if (process.env.REBUILD_EVENTS) {
        const [reads, acks] = [summary(reading.latencies), summary(talking.latencies)]
        console.log({
          events: written,
          rebuild: `${rebuilding.toFixed(1)} s, up to ${swapped.toISOString()}`,
          commands: `${sent} in ${seconds.toFixed(1)} s, ${(sent / seconds).toFixed(0)}/s, ${again} sent again; answered p50 ${acks.p50.toFixed(1)}, p99 ${acks.p99.toFixed(1)} ms`,
          reads: `${reading.latencies.length}, ${readsDuring} during the rebuild, of ${reading.byPath.size} addresses; p50 ${reads.p50.toFixed(1)}, p99 ${reads.p99.toFixed(1)}, max ${reads.max.toFixed(0)} ms; ${reading.failures.length} failed`,
          told: members.reduce((sum, { chat, space }) => sum + chat.length + space.length, 0),
          said: output.trim(),
        })
      }
      assert.deepEqual(reading.failures.slice(0, 5), [])
      assert.deepEqual([...talking.refused], [])
      for (const stream of ['chat', 'space'] as const)
        for (const [room, revisions] of talking.acked[stream])
          for (const { client: _, ...who } of members.filter((one) => one.room === room)) {
            const last = Math.max(...revisions)
            await patiently(`${stream} of ${room} is told`, () => (who[stream].at(-1) ?? -1) >= last)
            const told = new Set(who[stream])
            assert.equal(told.size, who[stream].length, `${stream} of room ${room}: something was told twice`)
            assert.deepEqual(
              who[stream],
              [...told].sort((a, b) => a - b),
              'in order',
            )
            assert.deepEqual(
              revisions.filter((revision) => !told.has(revision)),
              [],
              'everything',
            )
          }
      const head = await raw.readAll({
        direction: 'backwards',
        limit: 1,
        prefixes: ['space-', 'chat-', 'access-'],
      })()
      if (head._tag === 'Left') throw new Error(head.left._tag)
      await patiently('the tables have it all', async () => (await position()) >= head.right[0]!.position)
      const verified = await verifyLog({ log, databaseUrl: database.url, verifiers: [] })
      assert.deepEqual([verified.compared?.differences, verified.failures], [[], []])
      if (process.env.REBUILD_EVENTS)
        console.log(
          `verified: ${verified.events} events, ${verified.compared?.rows} rows in ${verified.seconds.toFixed(1)} s`,
        )
      for (const { client } of members) client.close()
    } finally {
      await server.stop()
      await projector.stop()
      await session.close()
      await log.close()
      await vault.close()
      await Promise.all([store.stop(), hive.close()])
      await database.drop()
    }
  },
)

live.run()
