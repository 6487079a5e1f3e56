// needs: turnserver, caddy, haproxy
// timeout: 180
/** TURN over TLS: Caddy's certificate reaches coturn, servers advertise what is there, a NAT's outer address is found, and port 443
 *  serves both. Real Caddy with its own authority, real coturn, real HAProxy. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import type { X509Certificate } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { watchTls } from '../../adapters/turn/tls-watch.ts'
import { createTurn } from '../../adapters/turn/turn.ts'
import { turnClient } from '../../adapters/turn/turn-client.ts'
import { freePort } from '../postgres/embedded.ts'
import { CADDYFILE } from '../testing/caddy.ts'
import { until } from '../testing/until.ts'

const test = suite('TURN over TLS, as it is deployed')
// Of this file alone: others start a server of theirs with a secret in its command line.
const SECRET = 'for-this-test-only-0123456789'
const TURN_SITE = 'turn.localhost'
const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'presence-turn-tls-'))
chmodSync(folder, 0o755)
const data = join(folder, 'caddy')
const certificates = join(data, 'caddy/certificates')
const children = new Set<ChildProcess>()
const clock = { now: () => Date.now() }
const credentials = createTurn({ secret: SECRET, hosts: [], ttlSeconds: 600, clock }).credentialsFor('alice')

const run = (program: string, args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) => {
  const child = spawn(program, [...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: `${process.env.PATH}:/usr/sbin`, HOME: folder, ...env },
  })
  children.add(child)
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => {
      said = `${said}${chunk}`.slice(-20_000)
    })
  /** Once it and all that it started have ended: they hold its output. */
  const closed = once(child, 'close')
  return {
    child,
    said: () => said,
    closed,
    stop: async () => {
      children.delete(child)
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      await closed
    },
  }
}

/** The project's Caddyfile, on free ports, with the site of TURN's own name, and no authority put into this machine's trust. */
const startCaddy = async (port: number, upstream: number) => {
  const at = mkdtempSync(join(folder, 'etc-'))
  mkdirSync(join(at, 'sites'))
  copyFileSync(path('../haproxy/turn-site.caddy'), join(at, 'sites/turn.caddy'))
  const options = `{\n\tskip_install_trust\n\thttp_port ${await freePort()}\n\thttps_port ${port}\n`
  writeFileSync(join(at, 'Caddyfile'), readFileSync(CADDYFILE, 'utf8').replace('\n{\n', `\n${options}`))
  return run('caddy', ['run', '--config', join(at, 'Caddyfile'), '--adapter', 'caddyfile'], {
    XDG_DATA_HOME: data,
    XDG_CONFIG_HOME: join(folder, 'config'),
    SITE: 'localhost',
    TURN_SITE,
    UPSTREAM: '127.0.0.1',
    UPSTREAM_PORT: String(upstream),
    CADDY_ADMIN: `127.0.0.1:${await freePort()}`,
  })
}
const rootOf = () => readFileSync(join(data, 'caddy/pki/authorities/local/root.crt'), 'utf8')
const certificateOf = (name: string) => join(certificates, 'local', name, `${name}.crt`)

type Turn = ReturnType<typeof run> & { readonly plain: number; readonly tls: number; readonly dir: string }
const startTurn = async (env: Readonly<Record<string, string>> = {}): Promise<Turn> => {
  const [plain, tls, dir] = [await freePort(), await freePort(), mkdtempSync(join(folder, 'turn-'))]
  const here = [
    `--listening-ip=127.0.0.1`,
    `--relay-ip=127.0.0.1`,
    `--listening-port=${plain}`,
    `--tls-listening-port=${tls}`,
  ]
  const given = {
    TURN_SECRET: SECRET,
    TURN_NAME: 'localhost',
    CERTIFICATES: certificates,
    TURN_RUN: dir,
    TURN_LOOK: '0.2',
    ...env,
  }
  const turn = { ...run('/bin/sh', [path('../coturn/start.sh'), ...here], given), plain, tls, dir }
  await until('coturn answers', async () => {
    assert.is(turn.child.exitCode, null, turn.said())
    return (await relayOf(plain)) !== null
  })
  return turn
}
/** Where the relay listens that it gives over UDP; null where it gives none. */
const relayOf = async (port: number): Promise<string | null> => {
  const client = await turnClient({ host: '127.0.0.1', port, transport: 'udp' }, credentials, 500)
  try {
    const answer = await client.allocate(4)
    return answer.ok ? (answer.relay?.address ?? null) : null
  } catch {
    return null
  } finally {
    client.close()
  }
}
const overTls = async (port: number, name = 'localhost'): Promise<boolean> => {
  const client = await turnClient(
    { host: '127.0.0.1', port, transport: 'tls', ca: rootOf(), name },
    credentials,
  )
  try {
    return (await client.allocate(4)).ok
  } finally {
    client.close()
  }
}
const shownAt = async (port: number): Promise<X509Certificate | undefined> => {
  const socket = connectTls({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false })
  socket.on('error', () => {})
  await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')])
  const found = socket.getPeerX509Certificate()
  socket.destroy()
  return found
}

const web = createHttpServer((request, response) => response.end(`for ${request.headers['x-forwarded-for']}`))
let port: number
let turn: Turn
test.before(async () => {
  web.listen(0, '127.0.0.1')
  await once(web, 'listening')
  port = await freePort()
})
test.after(async () => {
  for (const child of [...children]) {
    child.kill('SIGTERM')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  web.closeAllConnections()
  web.close()
  rmSync(folder, { recursive: true, force: true })
})

test('given coturn without a certificate yet, then TURN over TLS is not there, and is not advertised', async () => {
  turn = await startTurn()
  // As root it makes its database before it becomes another user, who then could not open it, and refused whoever came first.
  assert.not.match(turn.said(), /Cannot open SQLite DB|Cannot find credentials/)
  let now = 0
  const places = [{ name: 'localhost', port: turn.tls }]
  const watch = watchTls(places, { now: () => now })
  const service = createTurn({
    secret: SECRET,
    hosts: [`localhost:${turn.plain}`],
    tlsHosts: [`localhost:${turn.tls}`],
    ttlSeconds: 60,
    clock,
    speaksTls: (place) => watch.stateOf(place) !== 'shut',
  })
  await watch.look()
  assert.is(watch.stateOf(places[0]!), 'shut')
  assert.not.ok(service.uris.some((uri) => uri.startsWith('turns:')))
  now = 61_000
  assert.is(
    watchTls([{ name: 'no-such-host.invalid', port: 1 }], { now: () => now }).stateOf({
      name: 'no-such-host.invalid',
      port: 1,
    }),
    'unknown',
  )
})

test('given coturn that looks for a certificate seldom, when it is told to stop, then it stops at once', async () => {
  const seldom = await startTurn({ TURN_LOOK: '600' })
  const since = performance.now()
  await seldom.stop()
  const took = performance.now() - since
  assert.ok(took < 5_000, `${Math.round(took)} ms`)
})

test('given coturn that looks for a certificate seldom, when coturn is killed, then the script ends at once, so that it is started again', async () => {
  const seldom = await startTurn({ TURN_LOOK: '600' })
  process.kill(Number(readFileSync(join(seldom.dir, 'pid'), 'utf8')), 'SIGKILL')
  await seldom.closed
  assert.is.not(seldom.child.exitCode, 0)
})

test('when Caddy gets one, then coturn has it, browsers would trust it, and it is advertised', async () => {
  await startCaddy(port, (web.address() as AddressInfo).port)
  await until('Caddy has certificates', () =>
    [certificateOf('localhost'), certificateOf(TURN_SITE)].every(existsSync),
  )
  await until('coturn speaks TLS', () => overTls(turn.tls).catch(() => false))
  const places = [{ name: 'localhost', port: turn.tls }]
  const watch = watchTls(places, { now: clock.now, ca: rootOf() })
  await watch.look()
  assert.is(watch.stateOf(places[0]!), 'there')
  const untrusting = watchTls(places, { now: clock.now })
  await untrusting.look()
  assert.is(untrusting.stateOf(places[0]!), 'shut', 'a certificate that nobody trusts serves nobody')
})

test('when the certificate is renewed, then coturn shows the new one, and no relay ends', async () => {
  const client = await turnClient(
    { host: '127.0.0.1', port: turn.plain, transport: 'udp' },
    credentials,
    30_000,
  )
  assert.ok((await client.allocate(4)).ok)
  const before = (await shownAt(turn.tls))?.fingerprint256
  const crt = certificateOf('localhost')
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const [key, cert] = [join(folder, 'new.key'), join(folder, 'new.crt')]
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      ...subject,
      '-keyout',
      key,
      '-out',
      cert,
    ],
    { stdio: 'ignore' },
  )
  copyFileSync(key, join(dirname(crt), 'localhost.key'))
  copyFileSync(cert, crt)
  await until('the new one is shown', async () => {
    const shown = (await shownAt(turn.tls))?.fingerprint256
    return shown !== undefined && shown !== before
  })
  assert.ok((await client.permit('8.8.8.8')).ok, 'the relay is still there')
  client.close()
})

test('given a secret, then it is in no command line and in no file that others can read', () => {
  const lines = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
  assert.not.match(lines, SECRET)
  assert.is(
    execFileSync('stat', ['-c', '%a', join(turn.dir, 'turnserver.conf')], { encoding: 'utf8' }).trim(),
    '600',
  )
})

test('given an outer address that is named, seen by STUN, or this machine’s own, then relays are advertised with it', async () => {
  await turn.stop()
  const named = await startTurn({ TURN_EXTERNAL_IP: '203.0.113.9', CERTIFICATES: '' })
  assert.is(await relayOf(named.plain), '203.0.113.9')
  await named.stop()
  // A STUN server beyond the NAT, which sees another address.
  const stun = createSocket('udp4').on('message', (message, from) => {
    const answer = Buffer.concat([
      Buffer.from([1, 1, 0, 12]),
      message.subarray(4, 20),
      Buffer.from([0, 0x20, 0, 8, 0, 1]),
      Buffer.alloc(6),
    ])
    answer.writeUInt16BE(4_000 ^ 0x2112, 26)
    Buffer.from([203 ^ 0x21, 0 ^ 0x12, 113 ^ 0xa4, 7 ^ 0x42]).copy(answer, 28)
    stun.send(answer, from.port, from.address)
  })
  stun.bind(0, '127.0.0.1')
  await once(stun, 'listening')
  const seen = await startTurn({ TURN_STUN: `127.0.0.1:${stun.address().port}`, CERTIFICATES: '' })
  assert.match(readFileSync(join(seen.dir, 'turnserver.conf'), 'utf8'), /^external-ip=203\.0\.113\.7/m)
  stun.close()
  await seen.stop()
  const own = await startTurn({ TURN_NAME: 'localhost', CERTIFICATES: '' })
  assert.not.match(readFileSync(join(own.dir, 'turnserver.conf'), 'utf8'), 'external-ip')
  await own.stop()
})

/** What Caddy 2.7 does itself (infra/haproxy/behind.caddy): reads who the client is, and passes the rest on. */
const withoutHeader = (to: number, seen: string[]) =>
  createServer((socket: Socket) => {
    const upstream = connect(to, '127.0.0.1')
    for (const one of [socket, upstream]) one.on('error', () => socket.destroy())
    socket.once('data', (first: Buffer) => {
      assert.is(first.subarray(0, 12).toString('latin1'), '\r\n\r\n\0\r\nQUIT\n')
      seen.push([...first.subarray(16, 20)].join('.'))
      upstream.write(first.subarray(16 + first.readUInt16BE(14)))
      socket.pipe(upstream).pipe(socket)
    })
  })

test('given port 443 for both, then TURN’s own name leads to coturn and any other name to Caddy, with the client’s address', async () => {
  turn = await startTurn({ TURN_NAME: TURN_SITE })
  const seen: string[] = []
  const between = withoutHeader(port, seen).listen(0, '127.0.0.1')
  await once(between, 'listening')
  const front = await freePort()
  const haproxy = run('haproxy', ['-f', path('../haproxy/haproxy.cfg')], {
    FRONT: `127.0.0.1:${front}`,
    TURN_SITE,
    TURN_AT: `127.0.0.1:${turn.tls}`,
    WEB_AT: `127.0.0.1:${(between.address() as AddressInfo).port}`,
  })
  await until('TURN is reached through 443', () => {
    assert.is(haproxy.child.exitCode, null, haproxy.said())
    return overTls(front, TURN_SITE).catch(() => false)
  })
  const socket = connectTls({ host: '127.0.0.1', port: front, servername: 'localhost', ca: rootOf() })
  await once(socket, 'secureConnect')
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n')
  let page = ''
  for await (const chunk of socket) page += chunk
  assert.match(page, /200 OK[\s\S]*for 127\.0\.0\.1/)
  assert.equal(seen, ['127.0.0.1'])
  between.close()
  await haproxy.stop()
})

test.run()
