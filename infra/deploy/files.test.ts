// needs: caddy
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { suite } from 'uvu'
import { parse } from 'yaml'
import { loadConfig } from '../../apps/config/load.ts'
import { variables } from '../../apps/config/variables.ts'
import { readSources } from '../checks/imports.ts'
import { complaintsOf, testCaddy } from '../testing/caddy.ts'

const files = suite('the deployment files')
const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (name: string) => readFileSync(join(root, name), 'utf8')

const Service = t.intersection([
  t.type({
    healthcheck: t.intersection([
      t.type({ test: t.array(t.string), interval: t.string, timeout: t.string, retries: t.number }),
      t.partial({ start_period: t.string }),
    ]),
    restart: t.literal('unless-stopped'),
  }),
  t.partial({
    image: t.string,
    build: t.string,
    command: t.array(t.string),
    environment: t.record(t.string, t.string),
    env_file: t.string,
    volumes: t.array(t.string),
    ports: t.array(t.string),
    networks: t.array(t.string),
    network_mode: t.string,
    depends_on: t.record(t.string, t.type({ condition: t.literal('service_healthy') })),
    user: t.string,
  }),
])
const Compose = t.type({
  services: t.record(t.string, Service),
  networks: t.record(t.string, t.unknown),
  volumes: t.record(t.string, t.unknown),
})
const composeText = read('docker-compose.yml')
const decoded = Compose.decode(parse(composeText, { merge: true }))
const compose = () =>
  E.isRight(decoded)
    ? decoded.right
    : assert.fail(JSON.stringify(decoded.left.at(0)?.context.map((c) => c.key)))

files('compose: every part is there, with a health check, and what it names is there too', () => {
  const { services, networks, volumes } = compose()
  assert.deepEqual(Object.keys(services).sort(), [
    'backup',
    'caddy',
    'coturn',
    'eventstore',
    'postgres',
    'projector',
    'redis',
    'server',
  ])
  for (const [name, service] of Object.entries(services)) {
    for (const network of service.networks ?? []) assert.ok(network in networks, `${name}: ${network}`)
    for (const other of Object.keys(service.depends_on ?? {}))
      assert.ok(other in services, `${name}: ${other}`)
    for (const volume of service.volumes ?? []) {
      const from = volume.split(':')[0] ?? ''
      assert.ok(from.startsWith('./') ? existsSync(join(root, from)) : from in volumes, `${name}: ${volume}`)
    }
    assert.ok(
      !service.image || /:\d+\.\d+/.test(service.image) || service.build,
      `${name}: its image has no version`,
    )
    for (const word of [...(service.command ?? []), ...service.healthcheck.test])
      if (/^apps\/.*\.ts$/.test(word)) assert.ok(existsSync(join(root, word)), `${name}: ${word}`)
  }
})
files(
  'compose: only Caddy is open to the world, and the log and the tables are on no network that leads out',
  () => {
    const { services, networks } = compose()
    assert.deepEqual(
      Object.entries(services).flatMap(([name, { ports }]) => (ports ? [name] : [])),
      ['caddy'],
    )
    for (const name of ['eventstore', 'postgres', 'redis'])
      assert.deepEqual(services[name]?.networks, ['inside'])
    assert.deepEqual(networks.inside, { internal: true })
  },
)

/** Compose's `${NAME:?…}` and `${NAME:-${OTHER}}`, and nothing else of its language. */
const filled = (value: string, env: Record<string, string>) =>
  value
    .replaceAll(/\$\{(\w+):\?[^}]*\}/g, (_, name: string) => env[name] ?? assert.fail(name))
    .replaceAll(/\$\{(\w+):-\$\{(\w+)\}\}/g, (_, one: string, other: string) => env[one] ?? env[other] ?? '')

files('compose: no secret stands in it, and each is required', () => {
  const secrets = Object.entries(variables).flatMap(([name, one]) =>
    'secret' in one && one.secret ? [name] : [],
  )
  for (const { environment } of Object.values(compose().services))
    for (const [name, value] of Object.entries(environment ?? {}))
      if (secrets.includes(name) || /PASSWORD|SECRET/.test(name))
        assert.match(value, /^\$\{\w+:\?.+\}$/, `${name} stands in the file`)
  assert.match(compose().services.server?.environment?.DATABASE_URL ?? '', /:\$\{POSTGRES_PASSWORD:\?/)
  assert.match(compose().services.server?.environment?.REDIS_URL ?? '', /:\$\{REDIS_PASSWORD:\?/)
  const redis = compose().services.redis?.command ?? []
  assert.match(redis[redis.indexOf('--requirepass') + 1] ?? '', /^\$\{REDIS_PASSWORD:\?.+\}$/)
})
files(
  'compose: none of this program’s variables reaches the event store, which would refuse to start with them',
  () => {
    const { environment = {}, ...service } = compose().services.eventstore ?? assert.fail('no event store')
    assert.equal('env_file' in service, false, 'it is given the .env of this program')
    const ours = Object.keys(variables).filter((name) => name.startsWith('EVENTSTORE_'))
    assert.ok(ours.length > 0)
    for (const name of Object.keys(environment)) assert.equal(ours.includes(name), false, name)
  },
)
files('compose: what it gives the server and the projector is a valid configuration for production', () => {
  const env = {
    POSTGRES_PASSWORD: 'abc',
    REDIS_PASSWORD: 'def',
    SESSION_SECRET: 's'.repeat(64),
    TURN_SECRET: 't'.repeat(64),
    PRIVACY_MASTER_KEY: 'ab'.repeat(32),
    AUDIT_SIGNING_KEY: 'cd'.repeat(32),
    SITE: 'vr.example.org',
  }
  for (const name of ['server', 'projector']) {
    const given = compose().services[name]?.environment ?? {}
    const config = loadConfig(Object.fromEntries(Object.entries(given).map(([k, v]) => [k, filled(v, env)])))
    if (E.isLeft(config)) assert.fail(config.left.join(' '))
    assert.equal(config.right.production, true)
    assert.equal(config.right.hive.standIn, false)
    assert.equal(config.right.audit.origin, 'vr.example.org', `the log's name, to the ${name}`)
    if (name === 'server') assert.deepEqual(config.right.turn.hosts, ['vr.example.org'])
  }
})
files('compose: Caddy comes to the server only from the network that the server trusts', () => {
  const { services, networks } = compose()
  const shared = (services.caddy?.networks ?? []).filter((name) => services.server?.networks?.includes(name))
  assert.deepEqual(shared, ['front'])
  const trusted = services.server?.environment?.TRUST_PROXY ?? ''
  assert.match(JSON.stringify(networks.front), new RegExp(`"subnet":"${trusted}"`))
})
files('compose: no two servers would have one name', () => {
  const text = composeText.slice(composeText.indexOf('  server:'), composeText.indexOf('  projector:'))
  assert.ok(!/hostname:|NODE_ID:|container_name:/.test(text))
})
files('compose: TURN has Caddy’s certificate, and port 443 where HAProxy tells the two apart', () => {
  for (const file of ['docker-compose.yml', 'docker-compose.small.yml']) {
    const { services, volumes } = parse(read(file), { merge: true })
    const { coturn, projector } = services
    assert.deepEqual(coturn.volumes, ['./infra/coturn:/etc/coturn:ro', 'caddy-data:/caddy:ro'])
    assert.ok('caddy-data' in volumes)
    assert.equal(coturn.environment.CERTIFICATES, '/caddy/caddy/certificates')
    assert.ok(existsSync(join(root, 'infra/coturn/start.sh')))
    // Out to DLUX's primary: of the small one all share a network that leads out.
    assert.ok(projector.networks?.includes('outside') || projector.network_mode === 'service:house', file)
  }
  const over = parse(read('docker-compose.turn443.yml').replace('!override', ''))
  for (const { volumes = [] } of Object.values(over.services) as { volumes?: string[] }[])
    for (const volume of volumes) assert.ok(existsSync(join(root, volume.split(':')[0] ?? '')), volume)
  assert.deepEqual(over.services.haproxy.ports, ['443:443'])
  assert.ok(!over.services.caddy.ports.includes('443:443'))
  assert.match(over.services.haproxy.image, /:\d+\.\d+/)
})
files('compose: where the client has it, docker reads it too', () => {
  if (spawnSync('docker', ['compose', 'version'], { stdio: 'ignore' }).status !== 0) return
  const env = {
    ...process.env,
    POSTGRES_PASSWORD: 'a',
    REDIS_PASSWORD: 'g',
    SESSION_SECRET: 'b',
    TURN_SECRET: 'c',
    SITE: 'd',
    PRIVACY_MASTER_KEY: 'e',
    AUDIT_SIGNING_KEY: 'f',
  }
  const args = ['compose', '--env-file', '/dev/null', 'config', '--quiet', '--no-env-resolution']
  const told = spawnSync('docker', args, { cwd: root, env, encoding: 'utf8' })
  assert.equal(told.status, 0, told.stderr)
})

/** Each instruction with its words; lines that end in a backslash are one. */
const instructions = read('Dockerfile')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => ({ name: line.split(' ')[0] ?? '', words: line.slice(line.indexOf(' ') + 1) }))

files(
  'Dockerfile: known instructions, sources that are there, nobody’s root, only what production needs',
  () => {
    const known = [
      'FROM',
      'WORKDIR',
      'COPY',
      'RUN',
      'ENV',
      'USER',
      'EXPOSE',
      'STOPSIGNAL',
      'HEALTHCHECK',
      'CMD',
    ]
    for (const { name } of instructions) assert.ok(known.includes(name), name)
    const of = (name: string) => instructions.filter((one) => one.name === name).map((one) => one.words)
    for (const from of of('FROM')) assert.match(from, /^node:24\.\d+\.\d+-slim( AS \w+)?$/)
    for (const copy of of('COPY').filter((words) => !words.startsWith('--from')))
      for (const source of copy.split(' ').slice(0, -1)) assert.ok(existsSync(join(root, source)), source)
    assert.match(of('RUN').join(), /npm ci --omit=dev/)
    assert.deepEqual(of('USER'), ['node'])
    const order = instructions.map(({ name }) => name)
    assert.ok(
      order.lastIndexOf('USER') > order.lastIndexOf('COPY') &&
        order.lastIndexOf('USER') < order.indexOf('CMD'),
    )
    for (const json of [of('CMD')[0], of('HEALTHCHECK')[0]?.replace(/^.*?CMD /, '')]) {
      const words: unknown = JSON.parse(json ?? '')
      assert.ok(Array.isArray(words) && words[0] === 'node')
    }
  },
)
files('Dockerfile: what it copies is all that the server, the projector and the command line import', () => {
  const copied = instructions.flatMap(({ name, words }) =>
    name === 'COPY' ? [words.split(' ')[0] ?? ''] : [],
  )
  assert.ok(copied.includes('infra/migrations'))
  const { dependencies } = JSON.parse(read('package.json'))
  const sources = new Map(readSources(root).map((source) => [source.path, source]))
  const entries = [
    'apps/server/main.ts',
    'apps/projector/main.ts',
    'apps/projector/health.ts',
    'apps/cli/main.ts',
  ]
  const seen = new Set(entries)
  for (const path of seen)
    for (const { file, specifier, typeOnly } of sources.get(path)?.imports ?? assert.fail(`no ${path}`)) {
      if (typeOnly) continue
      if (file !== null) {
        if (!copied.some((folder) => file.startsWith(`${folder}/`)) && !copied.includes(file))
          assert.fail(`${path} imports ${file}, which is not copied`)
        if (file.endsWith('.ts')) seen.add(file)
      } else if (!specifier.startsWith('node:')) {
        const name = specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/')
        assert.ok(name in dependencies, `${path} imports ${name}, which production does not install`)
      }
    }
  assert.ok(seen.size > 200, `${seen.size} files: the imports were not followed`)
  const ignored = read('.dockerignore').split('\n')
  for (const name of ['.env', 'node_modules', 'data', '.git']) assert.ok(ignored.includes(name), name)
})

files('Caddy: the file is valid, and passes everything on but /metrics', async () => {
  let goOn = () => {}
  const upstream = createServer((request, response) => {
    if (request.url !== '/stream')
      return response
        .setHeader('content-type', 'text/plain; charset=utf-8')
        .end(`${request.url} for ${request.headers['x-forwarded-for']}${' '.repeat(1_000)}`)
    response.setHeader('content-type', 'text/event-stream; charset=utf-8')
    response.write(`data: one${' '.repeat(1_000)}\n\n`)
    goOn = () => response.end('data: two\n\n')
  }).listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const { port } = upstream.address() as { port: number }
  assert.equal(complaintsOf('vr.example.org'), '')
  const caddy = await testCaddy('127.0.0.1', port)
  try {
    const get = (path: string) => fetch(`${caddy.url}${path}`)
    const plain = await get('/api/spaces/post/a%2Fb?x=1')
    assert.equal((await plain.text()).trim(), '/api/spaces/post/a%2Fb?x=1 for 127.0.0.1')
    assert.notEqual(plain.headers.get('content-encoding'), null, 'text is compressed')
    // Each line of a replay comes as it is sent: this one would never end if the first were held back.
    const stream = (await get('/stream')).body!.pipeThrough(new TextDecoderStream()).getReader()
    assert.match((await stream.read()).value ?? '', /one/)
    goOn()
    assert.match((await stream.read()).value ?? '', /two/)
    // As it is written: `fetch` would put some of these right.
    const raw = (path: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const { hostname, port: at } = new URL(caddy.url)
        request({ host: hostname, port: at, path }, (answer) => {
          answer.resume()
          resolve(answer.statusCode ?? 0)
        })
          .once('error', reject)
          .end()
      })
    for (const path of [
      '/metrics',
      '/metrics/',
      '//metrics',
      '///metrics//',
      '/metrics%2f',
      '/%6detrics',
      '/METRICS',
      '/%4D%65trics/',
      '/metrics?x=1',
      '/./metrics',
      '/api/../metrics',
    ])
      assert.equal(await raw(path), 404, path)
  } finally {
    await caddy.stop()
    upstream.closeAllConnections()
    upstream.close()
  }
})

files('compose: what every container prints is bounded', () => {
  const { services } = parse(read('docker-compose.yml'), { merge: true }) as {
    services: Record<string, { logging?: { driver: string; options: Record<string, string> } }>
  }
  for (const [name, { logging }] of Object.entries(services)) {
    assert.equal(logging?.driver, 'local', name)
    assert.match(logging?.options['max-size'] ?? '', /^\d+m$/, name)
    assert.match(logging?.options['max-file'] ?? '', /^\d+$/, name)
  }
})

files(
  'given the recipe for certificates in docs/eventstore.md, then it makes RSA keys, since the real server takes no others, and they hold',
  () => {
    const [recipe] = /^openssl req[\s\S]*?(?=^EVENTSTORE_)/m.exec(read('docs/eventstore.md')) ?? []
    assert.ok(recipe)
    const folder = mkdtempSync(join(tmpdir(), 'presence-keys-'))
    try {
      const made = spawnSync('bash', ['-e', '-c', recipe], { cwd: folder, encoding: 'utf8' })
      assert.equal(made.status, 0, made.stderr)
      const read = (name: string) => readFileSync(join(folder, name))
      for (const name of ['ca.key', 'node.key'])
        assert.equal(createPrivateKey(read(name)).asymmetricKeyType, 'rsa')
      const [authority, node] = [new X509Certificate(read('ca.pem')), new X509Certificate(read('node.pem'))]
      assert.ok(node.verify(authority.publicKey))
      assert.equal(node.checkHost('log.example.com'), 'log.example.com')
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)

files.run()
