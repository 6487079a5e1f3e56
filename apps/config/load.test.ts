import { strict as assert } from 'node:assert'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import { type Config, type Environment, loadConfig } from './load.ts'

const config = suite('config')

const enough: Environment = {
  EVENTSTORE_URL: 'esdb://127.0.0.1:2113?tls=false',
  DATABASE_URL: 'postgres://dlux:pw@127.0.0.1:5432/presence',
  SESSION_SECRET: '0123456789abcdef0123456789abcdef',
  TURN_SECRET: '0123456789abcdef',
  PRIVACY_MASTER_KEY: '01'.repeat(32),
  AUDIT_SIGNING_KEY: '02'.repeat(32),
}
const good = (env: Environment): Config => {
  const loaded = loadConfig(env)
  if (E.isLeft(loaded)) assert.fail(loaded.left.join(' '))
  return loaded.right
}
const wrong = (env: Environment): ReadonlyArray<string> => {
  const loaded = loadConfig(env)
  return E.isLeft(loaded) ? loaded.left : assert.fail('It was taken.')
}

config('given only the settings without a default, then every other setting has its default', () => {
  const c = good(enough)
  assert.equal(c.host, '127.0.0.1')
  assert.equal(c.port, 3000)
  assert.equal(c.publicUrl, 'http://127.0.0.1:3000')
  assert.deepEqual(c.corsOrigins, ['http://127.0.0.1:3000'])
  assert.equal(c.redisUrl, null)
  assert.equal(c.primary, null)
  assert.equal(c.production, true)
  assert.equal(c.authHeaderMaxAgeSeconds, 86_400)
  assert.deepEqual(c.turn.hosts, [])
  assert.equal(c.audit.origin, '127.0.0.1:3000')
  assert.equal(c.socketsPerAddress, 1_000)
  assert.equal(good({ ...enough, SOCKETS_PER_ADDRESS: '0' }).socketsPerAddress, 0)
})

config('given nothing, then every required setting is reported in a sentence, including secrets', () => {
  const names = wrong({}).map((sentence) => sentence.split(' ')[0])
  assert.deepEqual(names.sort(), [
    'AUDIT_SIGNING_KEY',
    'DATABASE_URL',
    'EVENTSTORE_URL',
    'PRIVACY_MASTER_KEY',
    'SESSION_SECRET',
    'TURN_SECRET',
  ])
  assert.ok(wrong({ NODE_ENV: 'development' }).length === 6, 'nor is there a default outside production')
})

const bad: ReadonlyArray<readonly [string, string]> = [
  ['NODE_ENV', 'prod'],
  ['HOST', 'a b'],
  ['HOST', 'a:b'],
  ['HOST', '999.1.1.1'],
  ['PORT', '99999'],
  ['PUBLIC_URL', 'vr.dlux.io'],
  ['CORS_ORIGINS', '*'],
  ['CORS_ORIGINS', 'https://vr.dlux.io/path'],
  ['CORS_ORIGINS', 'https://*'],
  ['CORS_ORIGINS', '*.io'],
  ['CORS_ORIGINS', 'https://*.io'],
  ['CORS_ORIGINS', 'https://*.localhost:3000'],
  ['CORS_ORIGINS', 'https://*.dlux.io/'],
  ['CORS_ORIGINS', 'https://*.*.dlux.io'],
  ['CORS_ORIGINS', 'https://a*.dlux.io'],
  ['CORS_ORIGINS', 'https://vr.*.io'],
  ['CORS_ORIGINS', 'https://*dlux.io'],
  ['CORS_ORIGINS', 'https://**.dlux.io'],
  ['CORS_ORIGINS', 'https://*..dlux.io'],
  ['CORS_ORIGINS', 'https://*.DLUX.io'],
  ['CORS_ORIGINS', 'https://*.0.0.1'],
  ['CORS_ORIGINS', 'https://*.dlux.io:443'],
  ['CORS_ORIGINS', 'https://user@*.dlux.io'],
  ['CORS_ORIGINS', 'wss://*.dlux.io'],
  ['TRUST_PROXY', 'everyone'],
  ['TRUST_PROXY', 'abc'],
  ['TRUST_PROXY', '10.0.0.0/33'],
  ['SOCKETS_PER_ADDRESS', '-1'],
  ['NODE_ID', 'a node'],
  ['EVENTSTORE_URL', 'http://127.0.0.1:2113'],
  ['DATABASE_URL', 'mysql://h/d'],
  ['DATABASE_POOL_SIZE', '0'],
  ['DB_REPLICA_PORT', '0'],
  ['DB_PRIMARY_PORT', '-1'],
  ['REDIS_URL', '127.0.0.1:6379'],
  ['REDIS_PORT', 'x'],
  ['SESSION_SECRET', 'short'],
  ['PRIVACY_MASTER_KEY', 'ab'.repeat(31)],
  ['AUDIT_SIGNING_KEY', 'ab'.repeat(31)],
  ['AUDIT_ORIGIN', 'a log'],
  ['WITNESSES', 'https://witness.example'],
  ['WITNESSES', 'witness.example/w1+00000000+AAAA@https://witness.example'],
  ['SESSION_TTL', '1'],
  ['AUTH_HEADER_MAX_AGE', '1d'],
  ['TURN_SECRET', 'changeme-changeme-changeme'],
  ['TURN_HOST', 'turn:turn.dlux.io'],
  ['TURN_HOST', 'turn.dlux.io:65536'],
  ['TURN_TTL', '59'],
  ['HIVE_NODE', 'api.hive.blog'],
  ['HIVE_STANDIN', 'yes'],
  ['DLUX_API_URL', 'ftp://x'],
  ['SYSTEM_ADMINS', 'Alice'],
  ['AUDITORS', 'bob,'],
  ['LOG_LEVEL', 'loud'],
]
for (const [name, value] of bad)
  config(`given a wrong ${name} (${value}), then one sentence says so`, () => {
    const sentences = wrong({ ...enough, [name]: value })
    assert.equal(sentences.length, 1, sentences.join(' '))
    assert.match(sentences[0] ?? '', new RegExp(`^${name} must be .+\\.$`))
  })

config('given several wrong settings at once, then each is reported', () => {
  assert.equal(wrong({ ...enough, PORT: 'x', LOG_LEVEL: 'y', TURN_TTL: 'z' }).length, 3)
})

config('given a wrong secret, then its value is not in the sentence', () => {
  const sentences = wrong({ ...enough, SESSION_SECRET: 'hunter2', TURN_SECRET: 'hunter3' })
  assert.ok(!sentences.join(' ').includes('hunter'))
})

config('given the database in parts, then its URL has them, escaped', () => {
  const { DATABASE_URL: _, ...rest } = enough
  const c = good({
    ...rest,
    DB_REPLICA_HOST: 'db.local',
    DB_REPLICA_NAME: 'dlux',
    DB_REPLICA_USER: 'dlux',
    DB_REPLICA_PASSWORD: 'p@ss/word',
  })
  assert.equal(c.database.url, 'postgres://dlux:p%40ss%2Fword@db.local:5432/dlux')
  const missing = wrong({ ...rest, DB_REPLICA_HOST: 'db.local' })
  assert.deepEqual(
    missing.map((sentence) => sentence.split(' ')[0]),
    ['DB_REPLICA_NAME', 'DB_REPLICA_USER', 'DB_REPLICA_PASSWORD'],
  )
})

config('given the primary’s host, then its password is required', () => {
  const sentences = wrong({ ...enough, DB_PRIMARY_HOST: 'p', DB_PRIMARY_NAME: 'n', DB_PRIMARY_USER: 'u' })
  assert.deepEqual(sentences, [
    'DB_PRIMARY_PASSWORD is not set: DB_PRIMARY_HOST names a database, which needs it.',
  ])
})

config('given Redis in parts, then it has a URL', () => {
  assert.equal(good({ ...enough, REDIS_HOST: 'r', REDIS_PORT: '7000' }).redisUrl, 'redis://r:7000')
  assert.equal(good({ ...enough, REDIS_HOST: 'r' }).redisUrl, 'redis://r:6379')
})

const standIn = { ...enough, HIVE_STANDIN: 'on', HIVE_NODE: 'http://127.0.0.1:9000' }
config('given the stand-in for Hive, then production refuses it, even if NODE_ENV is not set', () => {
  assert.equal(good({ ...standIn, NODE_ENV: 'development' }).hive.standIn, true)
  assert.match(wrong({ ...standIn, NODE_ENV: 'production' })[0] ?? '', /HIVE_STANDIN.*production/)
  assert.match(wrong(standIn)[0] ?? '', /HIVE_STANDIN.*production/)
})
config('given the stand-in for Hive, then only a loopback address may serve it', () => {
  const env = { ...standIn, NODE_ENV: 'development' }
  assert.match(wrong({ ...env, HOST: '0.0.0.0' })[0] ?? '', /HOST must be a loopback address/)
  assert.match(wrong({ ...env, HIVE_NODE: 'http://10.0.0.1:9000' })[0] ?? '', /on this machine/)
})

config('given proxies and relays of each form, then they are accepted', () => {
  const c = good({
    ...enough,
    TRUST_PROXY: 'loopback, 10.0.0.0/8,fd00::/8,::1',
    TURN_HOST: 'turn.dlux.io,[::1]:3479, 192.0.2.1:65535',
  })
  assert.deepEqual(c.trustProxy, ['loopback', '10.0.0.0/8', 'fd00::/8', '::1'])
  assert.deepEqual(c.turn.hosts, ['turn.dlux.io', '[::1]:3479', '192.0.2.1:65535'])
})

config('given patterns of origins, then they are accepted, with https if no scheme is named', () => {
  const CORS_ORIGINS = 'https://*.ipfs.dlux.io, *.dlux.io,http://*.vr.test:8080,https://dlux.io'
  assert.deepEqual(good({ ...enough, CORS_ORIGINS }).corsOrigins.slice(1), [
    'https://*.ipfs.dlux.io',
    'https://*.dlux.io',
    'http://*.vr.test:8080',
    'https://dlux.io',
  ])
})
config('given a cluster’s address for the log, then it is accepted', () => {
  const url = 'esdb+discover://admin:changeit@a:2113,b:2113,c:2113?tls=true&nodePreference=leader'
  assert.equal(good({ ...enough, EVENTSTORE_URL: url }).eventStoreUrl, url)
})

config.run()
