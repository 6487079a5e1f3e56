// needs: turnserver
import { strict as assert } from 'node:assert'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import { createTurn } from '../../adapters/turn/turn.ts'
import { turnClient as clientOf } from '../../adapters/turn/turn-client.ts'
import { freePort } from '../postgres/embedded.ts'
import { until } from '../testing/until.ts'

const coturn = suite('coturn, as it is deployed')
const CONF = readFileSync(new URL('../coturn/turnserver.conf', import.meta.url), 'utf8')
const SECRET = 'for-tests-only-0123456789'
const folder = mkdtempSync(join(tmpdir(), 'presence-coturn-'))

const turnClient = (
  port: number,
  credentials: { readonly username: string; readonly credential: string },
  // Longer than any stall of a busy machine.
  timeoutMs = 30_000,
) => clientOf({ host: '127.0.0.1', port, transport: 'udp' }, credentials, timeoutMs)

type Server = { readonly port: number; readonly stop: () => Promise<void> }
const answers = async (port: number): Promise<boolean> => {
  const client = await turnClient(port, { username: '', credential: '' }, 200)
  try {
    await client.allocate(4)
    return true
  } catch {
    return false
  } finally {
    client.close()
  }
}
/** A real coturn with this configuration; only where it listens, and on what it relays, is the test's. */
const start = async (conf: string): Promise<Server> => {
  const port = await freePort()
  const file = join(folder, `${port}.conf`)
  writeFileSync(file, conf)
  const here = [
    '--listening-ip=127.0.0.1',
    `--listening-port=${port}`,
    `--tls-listening-port=${await freePort()}`,
    '--relay-ip=127.0.0.1',
    '--relay-ip=::1',
    `--pidfile=${file}.pid`,
    `--userdb=${file}.db`,
  ]
  const child: ChildProcess = spawn('turnserver', ['-c', file, `--static-auth-secret=${SECRET}`, ...here], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  })
  const exited = once(child, 'exit')
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += chunk))
  // What it prints waits in a buffer, so that it listens is seen by asking.
  for (const end = Date.now() + 45_000; !(await answers(port)); )
    if (child.exitCode !== null || Date.now() > end) throw new Error(`turnserver did not start:\n${said}`)
  return {
    port,
    stop: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}
const now = { now: () => Date.now() }
const credentials = (secret = SECRET, clock = now) =>
  createTurn({ secret, hosts: [], ttlSeconds: 600, clock }).credentialsFor('alice')

let server: Server
coturn.before(async () => {
  server = await start(CONF)
})
coturn.after(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})
/** The answers about each peer, over one relay of the family. */
const permitted = async (to: Server, family: 4 | 6, peers: ReadonlyArray<string>) => {
  const client = await turnClient(to.port, credentials())
  try {
    assert.equal((await client.allocate(family)).ok, true)
    const codes: Record<string, number> = {}
    for (const peer of peers) {
      const answer = await client.permit(peer)
      codes[peer] = answer.ok ? 200 : answer.code
    }
    return codes
  } finally {
    client.close()
  }
}
const all = (peers: ReadonlyArray<string>, code: number) =>
  Object.fromEntries(peers.map((peer) => [peer, code]))

coturn('given credentials that the server made, then it gives a relay', async () => {
  const client = await turnClient(server.port, credentials())
  assert.equal((await client.allocate(4)).ok, true)
  client.close()
})
coturn('given credentials with another secret, or expired ones, then it gives no relay', async () => {
  for (const wrong of [
    credentials('another-secret-0123456789'),
    credentials(SECRET, { now: () => Date.now() - 7e6 }),
  ]) {
    const client = await turnClient(server.port, wrong)
    assert.deepEqual(await client.allocate(4), { ok: false, code: 401 })
    client.close()
  }
})

coturn(
  'given somebody with as many relays as allowed, when these are released, then there are some again',
  async () => {
    const bob = createTurn({ secret: SECRET, hosts: [], ttlSeconds: 600, clock: now }).credentialsFor('bob')
    const relayOf = async () => {
      const client = await turnClient(server.port, bob)
      return { client, answer: await client.allocate(4) }
    }
    const taken: Awaited<ReturnType<typeof relayOf>>[] = []
    do taken.push(await relayOf())
    while (taken.at(-1)?.answer.ok === true && taken.length < 40)
    assert.deepEqual(taken.at(-1)?.answer, { ok: false, code: 486 })
    for (const { client, answer } of taken) {
      if (answer.ok) assert.equal((await client.release()).ok, true)
      client.close()
    }
    await until('there is a relay again', async () => {
      const { client, answer } = await relayOf()
      if (answer.ok) await client.release()
      client.close()
      return answer.ok
    })
  },
)

const PUBLIC4 = [
  '8.8.8.8',
  '1.1.1.1',
  '100.63.255.255',
  '100.128.0.1',
  '172.15.255.255',
  '172.32.0.1',
  '223.255.255.1',
]
const DENIED4 = [
  ...[
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '10.255.255.254',
    '100.64.0.1',
    '100.127.255.254',
    '127.0.0.1',
    '127.255.0.1',
  ],
  ...[
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.254',
    '192.168.0.1',
    '192.168.255.254',
    '192.0.0.8',
    '192.0.2.1',
  ],
  ...[
    '198.18.0.1',
    '198.19.255.254',
    '198.51.100.7',
    '203.0.113.9',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
  ],
  '255.255.255.255',
]
coturn('given peers on the public Internet, then it relays to them', async () => {
  assert.deepEqual(await permitted(server, 4, PUBLIC4), all(PUBLIC4, 200))
  const six = ['2606:4700:4700::1111', '2a00:1450:4001::1']
  assert.deepEqual(await permitted(server, 6, six), all(six, 200))
})
coturn(
  'given a private, loopback, link-local, shared, multicast or reserved peer, then relaying is forbidden',
  async () => {
    assert.deepEqual(await permitted(server, 4, DENIED4), all(DENIED4, 403))
  },
)
const DENIED6 = [
  ...[
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:169.254.169.254',
    '::ffff:8.8.8.8',
  ],
  ...[
    '::ffff:0:127.0.0.1',
    '64:ff9b::127.0.0.1',
    '64:ff9b::10.0.0.1',
    '64:ff9b:1::1',
    '2001::1',
    '2002:7f00:1::',
  ],
  ...[
    '100::1',
    '2001:db8::1',
    'fc00::1',
    'fd12:3456:789a::1',
    'fe80::1',
    'febf::1',
    'fec0::1',
    'ff02::1',
    'ff0e::1',
  ],
]
coturn('given the same in IPv6, or IPv4 written as IPv6, then relaying is forbidden', async () => {
  assert.deepEqual(await permitted(server, 6, DENIED6), all(DENIED6, 403))
})
coturn(
  'given the same coturn without the list, then it relays to a neighbour: it is the list that forbids',
  async () => {
    const open = await start(CONF.replaceAll(/^denied-peer-ip=.*$/gm, ''))
    try {
      const neighbours = ['10.0.0.1', '169.254.169.254', '192.168.0.1']
      assert.deepEqual(await permitted(open, 4, neighbours), all(neighbours, 200))
    } finally {
      await open.stop()
    }
  },
)

coturn.run()
