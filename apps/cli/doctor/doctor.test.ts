// needs: turnserver, redis-server
// test: waits
// timeout: 120
/** Each fault is planted in real parts and must be reported in its own sentence; the same parts without it count as healthy. */
import { strict as assert } from 'node:assert'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomUUID, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { Redis } from 'ioredis'
import pg from 'pg'
import { suite } from 'uvu'
import { connectEventLog } from '../../../adapters/eventstore/index.ts'
import { connectVault } from '../../../adapters/privacy/connect.ts'
import { sealedLog } from '../../../adapters/privacy/sealed-log.ts'
import { probeTurn } from '../../../adapters/turn/stun-probe.ts'
import { type HiveStandIn, startHiveStandIn } from '../../../infra/hive/stand-in.ts'
import { freePort } from '../../../infra/postgres/embedded.ts'
import { type TestEventStore, testEventStore } from '../../../infra/testing/eventstore.ts'
import { memoryLog } from '../../../infra/testing/memory-log.ts'
import { type TestDatabase, testDatabase } from '../../../infra/testing/postgres.ts'
import { type TestRedis, testRedis } from '../../../infra/testing/redis.ts'
import { testNode } from '../../../infra/testing/sockets.ts'
import { until } from '../../../infra/testing/until.ts'
import { posted, recorded } from '../../../projections/testing/events.ts'
import { type Config, type Environment, loadConfig } from '../../config/load.ts'
import { examine } from './command.ts'
import { whatIsGiven } from './configuration.ts'
import { databaseFindings } from './database.ts'
import type { Finding, Findings } from './finding.ts'
import { logFindings } from './log.ts'
import { clockFinding, diskFindings, memoryFindings } from './machine.ts'
import { hiveFindings, redisFindings } from './others.ts'
import { certificateFinding, voiceFindings } from './voice.ts'
import { webFindings } from './web.ts'

const doctor = suite('presence doctor')
/** Nothing listens there, and `fetch` does not block the port. */
const NOWHERE = '127.0.0.1:2'
const MASTER = '5e'.repeat(32)
let database: TestDatabase
let store: TestEventStore
let redis: TestRedis
let hive: HiveStandIn
let leader: pg.Client
const folder = mkdtempSync(join(tmpdir(), 'doctor-'))

const enough = (): Environment => ({
  NODE_ENV: 'test',
  EVENTSTORE_URL: store.url,
  DATABASE_URL: database.url,
  SESSION_SECRET: 's'.repeat(64),
  TURN_SECRET: 'for-tests-only-0123456789',
  PRIVACY_MASTER_KEY: MASTER,
  AUDIT_SIGNING_KEY: 'a5'.repeat(32),
  AUDIT_ORIGIN: 'vr.test',
  HIVE_NODE: hive.url,
  HIVE_STANDIN: 'on',
  SYSTEM_ADMINS: 'alice',
})
const configOf = (over: Environment = {}): Config => {
  const loaded = loadConfig({ ...enough(), ...over })
  return E.isRight(loaded) ? loaded.right : assert.fail(loaded.left.join(' '))
}
const lead = async (url: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('SELECT pg_advisory_lock(7462, 3)')
  return client
}
const certificate = (name: string): { key: string; cert: string } => {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)]
  const flags = [
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '90',
  ]
  const names = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`]
  execFileSync('openssl', ['req', ...flags, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  return { key, cert }
}

doctor.before(async () => {
  ;[database, store, redis, hive] = await Promise.all([
    testDatabase(),
    testEventStore(),
    testRedis(),
    startHiveStandIn(),
  ])
  leader = await lead(database.url)
})
doctor.after(async () => {
  await leader.end()
  await Promise.all([store.stop(), redis.stop(), hive.close()])
  await database.drop()
  rmSync(folder, { recursive: true, force: true })
})

const sick = (findings: Findings): Findings => findings.filter(({ is }) => is !== 'well')
const told = (findings: Findings, says: RegExp, is: Finding['is'] = 'wrong'): void => {
  const found = findings.find((one) => one.is === is && says.test(one.says))
  assert.ok(
    found,
    `${says} (${is}) is not among:\n${findings.map((one) => `${one.is}: ${one.says}`).join('\n')}`,
  )
  assert.match(found.says, /^[^\n]+[.?]$/, 'one sentence')
  assert.ok((found.todo ?? '').length > 5, 'and what to do')
}

/** Faults of settings: the environment, and the sentence. */
const SETTINGS: ReadonlyArray<readonly [string, Environment, RegExp, Finding['is']]> = [
  ['no master key', { PRIVACY_MASTER_KEY: '' }, /PRIVACY_MASTER_KEY is not set/, 'wrong'],
  ['an origin that is none', { CORS_ORIGINS: 'https://*' }, /CORS_ORIGINS must be/, 'wrong'],
  ['a stand-in for Hive in production', { NODE_ENV: 'production' }, /HIVE_STANDIN is on/, 'wrong'],
  [
    'a name that nothing reads',
    { CORS_ORIGN: 'https://dlux.io' },
    /CORS_ORIGN is set, and nothing reads it/,
    'worth knowing',
  ],
  ['nobody who owns the lobby', { SYSTEM_ADMINS: '' }, /Nobody owns the lobby/, 'worth knowing'],
  [
    'no TLS',
    { NODE_ENV: 'production', HIVE_STANDIN: 'off', PUBLIC_URL: 'http://vr.test' },
    /no microphone and no VR/,
    'worth knowing',
  ],
  [
    'a proxy that is not trusted',
    { NODE_ENV: 'production', HIVE_STANDIN: 'off', PUBLIC_URL: 'https://vr.test' },
    /TRUST_PROXY is not set/,
    'worth knowing',
  ],
]
for (const [what, over, says, is] of SETTINGS)
  doctor(`given ${what}, then that is reported`, () => {
    const given = whatIsGiven({ ...enough(), ...over })
    told(E.isRight(given) ? given.right.findings : assert.fail(given.left), says, is)
  })
doctor('given no settings at all, then it says where to begin', () => {
  const given = whatIsGiven({ DATA_DIR: join(folder, 'none') })
  assert.match(E.isLeft(given) ? given.left : '', /run npm start first, or give --env FILE/)
})

doctor('given a disk, a memory, a clock, then whatever is too little or wrong is reported', () => {
  const disk = (free: number) => diskFindings(folder, () => ({ free, of: 100e9 }))
  told(disk(50e6), /0.1 GB of 100.0 GB are free/)
  told(disk(1e9), /1.0 GB of 100.0 GB are free/, 'worth knowing')
  assert.deepEqual(sick(disk(50e9)), [])
  told(memoryFindings(0.5e9), /has 0.5 GB of memory/, 'worth knowing')
  told([clockFinding('the database’s', 0, 61_000)], /61 s ahead of the database’s/)
  told([clockFinding('the log’s', 61_000, 0)], /61 s behind the log’s/)
})

type Planted = { readonly url: string; readonly client: pg.Client }
/** Faults of the database: what is planted, and the sentence. */
const DATABASE: ReadonlyArray<
  readonly [string, string | ((to: Planted) => Promise<unknown>), RegExp, Finding['is'], Environment?]
> = [
  [
    'no projector',
    async ({ client }) => client.query('SELECT pg_advisory_unlock_all()'),
    /No projector leads/,
    'wrong',
  ],
  [
    'migrations that are not applied',
    "DELETE FROM schema_migrations WHERE name LIKE '0970%'",
    /1 of \d+ migrations are not applied/,
    'wrong',
  ],
  [
    'a newer version’s tables',
    "INSERT INTO schema_migrations VALUES ('9999_newer.sql', 'x')",
    /made by a newer version: it has 9999_newer.sql/,
    'wrong',
  ],
  [
    'a migration that was changed',
    "UPDATE schema_migrations SET hash = 'x' WHERE name LIKE '0970%'",
    /0970_settings_others.sql was changed/,
    'wrong',
  ],
  [
    'events that wait',
    "INSERT INTO parked_streams VALUES ('space-a', 'unreadable', 1)",
    /Events of 1 stream wait/,
    'wrong',
  ],
  [
    'a database that takes no writes',
    async ({ client }) =>
      client.query(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$",
      ),
    /It takes no writes/,
    'wrong',
  ],
  [
    'another master key',
    async ({ url }) => {
      const vault = connectVault({ databaseUrl: url, masterKey: MASTER })
      await vault.ready
      await vault.close()
    },
    /not the one that the keys of this database were made under/,
    'wrong',
    { PRIVACY_MASTER_KEY: 'ff'.repeat(32) },
  ],
  [
    'another signing key',
    "INSERT INTO proof_checkpoints (size, vkey, root, note, number) VALUES (1, 'vr.test+00000000+AA', '', '', 1)",
    /AUDIT_SIGNING_KEY is not the one/,
    'worth knowing',
  ],
  [
    'a log that was renamed',
    "INSERT INTO proof_checkpoints (size, vkey, root, note, number) VALUES (1, 'old.test+00000000+AA', '', '', 1)",
    /is called vr.test now, and was old.test/,
    'worth knowing',
  ],
  [
    'a slot that nobody reads',
    async ({ client }) => client.query("SELECT pg_create_physical_replication_slot('forgotten')"),
    /Nobody reads the replication slot forgotten/,
    'worth knowing',
  ],
  [
    'a subscription that is off',
    "CREATE SUBSCRIPTION content CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false, enabled = false, slot_name = NONE)",
    /The subscription content is switched off/,
    'wrong',
  ],
]
for (const [what, plant, says, is, over] of DATABASE)
  doctor(`given ${what}, then that is reported, and nothing was reported before`, async () => {
    const own = await testDatabase()
    const client = await lead(own.url)
    try {
      const config = () => configOf({ DATABASE_URL: own.url, ...over })
      if (over === undefined)
        assert.deepEqual(
          sick(await databaseFindings(config())).filter(({ says: one }) => !one.startsWith('fsync')),
          [],
        )
      if (typeof plant === 'string') await client.query(plant)
      else await plant({ url: own.url, client })
      told(await databaseFindings(config()), says, is)
    } finally {
      await client.query(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'forgotten'",
      )
      await client.query('DROP SUBSCRIPTION IF EXISTS content')
      await client.end()
      await own.drop()
    }
  })

doctor('given a database that can’t be used, then it says where it is and why', async () => {
  const at = new URL(database.url)
  const nowhere = `postgres://x:x@${NOWHERE}/x`
  told(
    await databaseFindings(configOf({ DATABASE_URL: nowhere })),
    /127.0.0.1:2\/x can’t be used: nothing listens there/,
  )
  const wrongPassword = Object.assign(new URL(at), { password: 'wrong' })
  told(
    await databaseFindings(configOf({ DATABASE_URL: String(wrongPassword) })),
    /password authentication failed/,
  )
  const none = Object.assign(new URL(at), { pathname: '/none' })
  told(await databaseFindings(configOf({ DATABASE_URL: String(none) })), /database "none" does not exist/)
  const primary = {
    DB_PRIMARY_HOST: '127.0.0.1',
    DB_PRIMARY_PORT: '1',
    DB_PRIMARY_NAME: 'n',
    DB_PRIMARY_USER: 'u',
    DB_PRIMARY_PASSWORD: 'p',
  }
  told(await databaseFindings(configOf(primary)), /DLUX’s primary at 127.0.0.1:1 can’t be used/)
})

/** Behaves like a pooler in transaction mode: notifications never arrive. */
const deafProxy = async (to: URL): Promise<{ url: string; stop: () => void }> => {
  const server = createTcpServer((client) => {
    const upstream = connect(Number(to.port), to.hostname)
    let waiting = Buffer.alloc(0)
    client
      .on('error', () => upstream.destroy())
      .on('close', () => upstream.destroy())
      .pipe(upstream)
    upstream.on('error', () => client.destroy()).on('close', () => client.destroy())
    upstream.on('data', (chunk) => {
      waiting = Buffer.concat([waiting, chunk])
      while (waiting.length >= 5 && waiting.length > waiting.readUInt32BE(1)) {
        const end = 1 + waiting.readUInt32BE(1)
        // NotificationResponse
        if (waiting[0] !== 0x41) client.write(waiting.subarray(0, end))
        waiting = waiting.subarray(end)
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(to)
  url.port = String((server.address() as AddressInfo).port)
  return { url: String(url), stop: () => server.close() }
}
doctor('given a pooler that passes no notices on, then that is reported', async () => {
  const proxy = await deafProxy(new URL(database.url))
  told(await databaseFindings(configOf({ DATABASE_URL: proxy.url })), /a pooler in transaction mode/)
  proxy.stop()
})

doctor(
  'given no log, a log that does not belong to the tables, or one whose keys are elsewhere, then that is reported',
  async () => {
    told(
      await logFindings(configOf({ EVENTSTORE_URL: `esdb://${NOWHERE}?tls=false` }), true, true),
      /The log at .* can’t be read/,
    )
    assert.deepEqual(sick(await logFindings(configOf(), true, true)), [])
    const own = await testDatabase()
    const vault = connectVault({ databaseUrl: own.url, masterKey: MASTER })
    const log = sealedLog(connectEventLog({ url: store.url }), vault)
    const { stream, event } = recorded(
      { type: 'post', id: 'alice/my-post' },
      posted(randomUUID(), 'hello', 1),
    )
    assert.ok(E.isRight(await log.append(stream, 'any', [event])()))
    await log.close()
    await vault.close()
    assert.deepEqual(sick(await logFindings(configOf({ DATABASE_URL: own.url }), true, true)), [])
    told(
      await logFindings(configOf(), true, true),
      /key that the log was sealed under is not in this database/,
    )
    const client = new pg.Client({ connectionString: own.url })
    await client.connect()
    await client.query(
      `INSERT INTO presence_audit_log (position, event_text, created_at, action, space_type, space_id, details, stream_text,
       revision)
     VALUES (1, 'other', now(), 'x', 'post', 'a/b', '{}', 's', 7)`,
    )
    await client.end()
    told(
      await logFindings(configOf({ DATABASE_URL: own.url }), true, true),
      /The log is not the one that the tables were made of/,
    )
    await own.drop()
  },
)

doctor('given no Redis, or one with another password, then that is reported', async () => {
  assert.deepEqual(sick(await redisFindings(configOf({ REDIS_URL: redis.url }))), [])
  told(
    await redisFindings(configOf({ REDIS_URL: `redis://${NOWHERE}` })),
    /Redis at 127.0.0.1:2 can’t be used/,
  )
  const client = new Redis(redis.url)
  await client.config('SET', 'requirepass', 'secret')
  told(await redisFindings(configOf({ REDIS_URL: redis.url })), /refuses our password/)
  told(
    await redisFindings(configOf({ REDIS_URL: redis.url.replace('//', '//:wrong@') })),
    /refuses our password/,
  )
  client.disconnect()
})

doctor(
  'given Hive nodes that don’t answer, or on which anyone can be anybody, then each is reported',
  async () => {
    assert.deepEqual(sick(await hiveFindings(configOf())), [])
    const dead = `http://${NOWHERE}`
    told(
      await hiveFindings(configOf({ HIVE_NODE: dead })),
      /http:\/\/127.0.0.1:2 can’t be used: nothing listens there/,
    )
    told(
      await hiveFindings(configOf({ HIVE_NODE: `${dead},${hive.url}` })),
      /127.0.0.1:2 can’t be used/,
      'worth knowing',
    )
    const real = { HIVE_STANDIN: 'off', NODE_ENV: 'production' }
    told(await hiveFindings(configOf(real)), /is a stand-in, where anyone can be anybody/)
  },
)

type Coturn = { readonly port: number; readonly tlsPort: number; readonly stop: () => Promise<void> }
const coturn = async (...flags: ReadonlyArray<string>): Promise<Coturn> => {
  const [port, tlsPort] = [await freePort(), await freePort()]
  const child: ChildProcess = spawn(
    'turnserver',
    [
      ...[
        '-n',
        '--use-auth-secret',
        '--static-auth-secret=for-tests-only-0123456789',
        '--realm=dlux',
        '--no-cli',
      ],
      ...['--listening-ip=127.0.0.1', `--listening-port=${port}`, `--tls-listening-port=${tlsPort}`],
      ...[
        '--relay-ip=127.0.0.1',
        `--pidfile=${folder}/${port}.pid`,
        `--userdb=${folder}/${port}.db`,
        ...flags,
      ],
    ],
    { stdio: 'ignore', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } },
  )
  const stop = async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  const listens = (at: number) =>
    new Promise<boolean>((resolve) => {
      const socket = connect(at, '127.0.0.1')
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
  // It listens over TCP first.
  await until(
    'coturn listens',
    async () => (await listens(port)) && (await probeTurn({ name: '127.0.0.1', port })) === null,
  )
  return { port, tlsPort, stop }
}
doctor(
  'given coturn with another secret, closed, without TLS or with an untrusted certificate, then that is reported',
  async () => {
    const { key, cert } = certificate('localhost')
    const tls = [`--cert=${cert}`, `--pkey=${key}`]
    const [open, shut] = await Promise.all([
      coturn('--allow-loopback-peers', ...tls),
      coturn('--denied-peer-ip=127.0.0.0-127.255.255.255'),
    ])
    const at = (port: number, over: Environment = {}) => configOf({ TURN_HOST: `localhost:${port}`, ...over })
    try {
      const ca = readFileSync(cert, 'utf8')
      // Longer than any stall of a busy machine.
      const patienceMs = 30_000
      const sound = await voiceFindings(at(open.port), { tlsPort: open.tlsPort, ca, patienceMs })
      assert.deepEqual(sick(sound), [])
      assert.equal(sound.filter(({ says }) => / over (UDP|TCP|TLS) relays/.test(says)).length, 3)
      told(
        await voiceFindings(at(open.port), { tlsPort: open.tlsPort, patienceMs }),
        /Browsers don’t trust TURN/,
      )
      const other = { TURN_SECRET: 'another-secret-0123456789' }
      told(
        await voiceFindings(at(open.port, other), { tlsPort: open.tlsPort, ca, patienceMs }),
        /over UDP refuses our credentials/,
      )
      const closed = await voiceFindings(at(shut.port), { tlsPort: 1, patienceMs })
      told(closed, /over TLS can’t be reached/, 'worth knowing')
      told(closed, /forbids its own address/, 'worth knowing')
      told(await voiceFindings(at(1), { tlsPort: 1 }), /over TCP can’t be reached: nothing listens there/)
      told(await voiceFindings(configOf()), /TURN_HOST is not set/, 'worth knowing')
    } finally {
      await Promise.all([open.stop(), shut.stop()])
    }
    const shown = new X509Certificate(readFileSync(cert))
    told(
      [certificateFinding('vr.test', shown, Date.now() + 80 * 86_400_000)],
      /ends in 9 days/,
      'worth knowing',
    )
    told(
      [certificateFinding('vr.test', shown, Date.parse(shown.validTo) - 12 * 3_600_000)],
      /ends in 12 hours/,
      'worth knowing',
    )
    told([certificateFinding('vr.test', shown, Date.now() + 91 * 86_400_000)], /ended on/)
  },
)

const listening = async (server: Server): Promise<string> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
doctor('given a proxy that passes on only some of the requests, or none, then that is reported', async () => {
  const node = await testNode(memoryLog())
  const health = (over: object = {}) =>
    JSON.stringify({ version: '1.2.3', checks: { eventstore: { ok: true }, ...over } })
  /** A wrongly configured Caddy: it passes on health checks and polling only as the test says. */
  const proxy = (passes: { readonly polling: boolean; readonly ill?: object }) =>
    createServer(async (request, response) => {
      if (request.url === '/api/health') return response.end(health(passes.ill))
      if (!passes.polling || !request.url?.startsWith('/socket.io/'))
        return response.writeHead(404).end('nothing here')
      const answer = await fetch(`${node.url}${request.url}`)
      response.writeHead(answer.status).end(await answer.text())
    })
  const [noUpgrade, nothing, stranger] = [
    proxy({ polling: true, ill: { turn: { ok: false, error: 'no answer' } } }),
    proxy({ polling: false }),
    createServer((_, response) => response.end('welcome to nginx')),
  ]
  const [first, second, third] = [
    await listening(noUpgrade),
    await listening(nothing),
    await listening(stranger),
  ]
  const at = (PUBLIC_URL: string) => webFindings(configOf({ PUBLIC_URL }), null)
  const found = await at(first)
  told(found, /A WebSocket: the public address does not let it in/)
  told(found, /The server says of turn: no answer/, 'worth knowing')
  assert.ok(found.some(({ is, says }) => is === 'well' && says.includes('by polling')))
  told(await at(second), /Socket.IO by polling: the public address answers 404/)
  told(await at(third), /answers 200, and not as this server/)
  told(await at(`http://${NOWHERE}`), /the public address .* can’t be reached: nothing listens there/)
  told(
    await webFindings(configOf({ PUBLIC_URL: first }), `http://${NOWHERE}`),
    /the server itself .* can’t be reached/,
  )
  const { key, cert } = certificate('other.test')
  const tls = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) =>
    response.end(),
  )
  tls.listen(0, '127.0.0.1')
  await once(tls, 'listening')
  told(await at(`https://localhost:${(tls.address() as AddressInfo).port}`), /is for another name/)
  for (const server of [noUpgrade, nothing, stranger, tls]) {
    server.closeAllConnections()
    server.close()
  }
  await node.stop()
})

doctor(
  'given two faults, then both are reported, and whatever depends on a wrong setting is left out',
  async () => {
    const given = whatIsGiven({
      ...enough(),
      REDIS_URL: `redis://${NOWHERE}`,
      DATABASE_URL: 'mysql://x',
      PORT: '1',
    })
    const findings = await examine(E.isRight(given) ? given.right : assert.fail(given.left))
    told(findings, /DATABASE_URL must be/)
    told(findings, /Redis at 127.0.0.1:2/)
    told(findings, /the server itself/)
    assert.ok(!findings.some(({ about }) => about === 'database'))
  },
)

doctor.run()
