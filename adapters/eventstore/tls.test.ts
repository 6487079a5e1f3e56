/** The adapter on a node with TLS, by a certificate authority of its own, and with users. */
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type TestEventStore, testEventStore } from '../../infra/testing/eventstore.ts'
import { startProxy } from '../../infra/testing/proxy.ts'
import { connectEventLog, type EventStoreLog } from './index.ts'
import { collect, failure, must, someEvents, until } from './testing/helpers.ts'

const PASSWORD = 'a pass:word/with@signs'

type Context = { dir: string; node: TestEventStore; otherAuthority: string; open: EventStoreLog[] }

/** Makes an authority and a certificate for localhost that it signed. */
const certificates = async (dir: string, name: string) => {
  const at = (end: string) => join(dir, `${name}-${end}`)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl(
    ...['req', '-x509', ...key, '-days', '1', '-subj', `/CN=${name} authority`],
    ...['-keyout', at('ca.key'), '-out', at('ca.pem')],
  )
  openssl('req', ...key, '-subj', '/CN=localhost', '-keyout', at('node.key'), '-out', at('node.csr'))
  await writeFile(at('san'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  openssl(
    ...['x509', '-req', '-in', at('node.csr'), '-days', '1', '-extfile', at('san'), '-CAcreateserial'],
    ...['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-out', at('node.pem')],
  )
  return { authority: at('ca.pem'), cert: at('node.pem'), key: at('node.key') }
}

const tls = suite<Context>('over TLS, with users')
let authority = ''

tls.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'tls-'))
  const made = await certificates(context.dir, 'ours')
  authority = made.authority
  context.otherAuthority = (await certificates(context.dir, 'theirs')).authority
  context.open = []
  // The node takes the first password of admin from the environment.
  process.env.EVENTSTORE_ADMIN_PASSWORD = PASSWORD
  context.node = await testEventStore({ args: ['--tls-cert', made.cert, '--tls-key', made.key, '--auth'] })
  delete process.env.EVENTSTORE_ADMIN_PASSWORD
})
tls.after(async ({ dir, node, open }) => {
  for (const log of open) await log.close()
  await node.stop()
  await rm(dir, { recursive: true, force: true })
})

const admin = `admin:${encodeURIComponent(PASSWORD)}@`
const urlOf = (user: string, port: number, ca = authority) =>
  `esdb://${user}localhost:${port}?tls=true&tlsCaFile=${ca}`
const connect = ({ open }: Context, url: string): EventStoreLog => {
  const log = connectEventLog({ url, connectTimeoutMs: 1_000, heartbeatMs: 500, readTimeoutMs: 1_000 })
  open.push(log)
  return log
}

tls('given the password, then appends, reads and subscriptions work', async (context) => {
  const log = connect(context, urlOf(admin, context.node.port))
  const { events } = collect(log.subscribe({ after: 'start', prefixes: ['chat-'] }))
  const written = must(await log.append('chat-a', 'none', someEvents(3))())
  assert.is(written.revision, 2n)
  assert.is(must(await log.readStream('chat-a', { limit: 10 })()).length, 3)
  assert.is(must(await log.readAll({ limit: 10, prefixes: ['chat-'] })()).length, 3)
  await until('the subscription has them', () => events.length === 3)
  assert.is(log.health().state, 'up')
})

tls('given a wrong password or none, then each call says so at once', async (context) => {
  for (const user of ['admin:wrong@', '']) {
    const log = connect(context, urlOf(user, context.node.port))
    const startedAt = performance.now()
    const refused = failure(await log.append('chat-b', 'any', someEvents(1))())
    assert.is(refused._tag, 'LogUnavailable')
    assert.match(JSON.stringify(refused), /access|denied|unauthenticated/i)
    assert.is(failure(await log.readStream('chat-a', { limit: 1 })())._tag, 'LogUnavailable')
    assert.ok(performance.now() - startedAt < 3_000)
  }
})

tls('given a certificate of another authority, or none at all, then nothing is sent', async (context) => {
  for (const url of [
    urlOf(admin, context.node.port, context.otherAuthority),
    `esdb://${admin}localhost:${context.node.port}?tls=false`,
  ]) {
    const log = connect(context, url)
    assert.is(failure(await log.append('chat-c', 'any', someEvents(1))())._tag, 'LogUnavailable')
    assert.is(log.health().state, 'down')
  }
})

tls(
  'given lost connections and a killed node, then it continues with the exact next event',
  async (context) => {
    const proxy = await startProxy({ targetPort: context.node.port })
    const log = connect(context, urlOf(admin, proxy.port))
    const subscription = log.subscribe({ after: 'end', prefixes: ['chat-d'] })
    const { events } = collect(subscription)
    await until('it is live', () => subscription.state().state === 'live')
    must(await log.append('chat-d', 'none', someEvents(2))())
    await until('two came', () => events.length === 2)
    proxy.reset()
    await until('the line is back', () => log.health().state === 'up' && log.stats().connections > 1)
    must(await log.append('chat-d', 1n, someEvents(2))())
    await context.node.kill()
    await context.node.restart()
    await until('the node is back', () => log.health().state === 'up' && log.stats().connections > 2)
    must(await log.append('chat-d', 3n, someEvents(1))())
    await until('all came', () => events.length >= 5)
    assert.equal(
      events.map(({ revision }) => revision),
      [0n, 1n, 2n, 3n, 4n],
    )
    await log.close()
    await proxy.close()
  },
)

tls.run()
