/** What a program loads at its start is paid at each start: what the supervisor only passes on to its parts, it does not load. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('what is loaded')
const SUPERVISOR = fileURLToPath(new URL('../../apps/embedded/supervisor.ts', import.meta.url))
const STAND_IN = fileURLToPath(new URL('../../infra/hive/stand-in.ts', import.meta.url))
const EVENT_STORE = fileURLToPath(new URL('../../infra/eventstore/node.ts', import.meta.url))
const SERVER = fileURLToPath(new URL('../../apps/server/run.ts', import.meta.url))
const PROJECTOR = fileURLToPath(new URL('../../apps/projector/run.ts', import.meta.url))
/** The most modules of packages, and of our own, that the server may load, and the projector: about a tenth more than they do. */
const MOST_OF_SERVER = { packages: 870, own: 500 }
const MOST_OF_PROJECTOR = { packages: 500, own: 135 }

/** Prints the packages of which something is loaded with the module that it is given, by how many of their modules; ours are `own`. Node's own
 *  client of fetch and WebSocket is `undici`: an import of node:http loads it (`process.getBuiltinModule` does not), and takes longer than
 *  most packages. */
const LOADED = `
import { registerHooks } from 'node:module'
const packages = {}
registerHooks({ load: (url, context, next) => {
  const found = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)
  const name = found !== null ? found[1] : url.startsWith('file:') ? 'own' : null
  if (name !== null) packages[name] = (packages[name] ?? 0) + 1
  return next(url, context)
} })
await import(process.argv[1])
if (process.moduleLoadList.some((name) => name.endsWith('/undici'))) packages.undici = 1
process.stdout.write(JSON.stringify(packages))
process.exit(0)`

const packagesOf = (module: string): ReadonlyMap<string, number> => {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', LOADED, module], {
    encoding: 'utf8',
  })
  assert.not.equal(stdout, '', stderr)
  return new Map(Object.entries(JSON.parse(stdout) as Record<string, number>))
}
type Most = { readonly packages: number; readonly own: number }
const assertAtMost = (loaded: ReadonlyMap<string, number>, most: Most): void => {
  const own = loaded.get('own') ?? 0
  const packages = [...loaded.values()].reduce((sum, modules) => sum + modules, 0) - own
  assert.ok(packages <= most.packages, `${packages} modules of packages`)
  assert.ok(own <= most.own, `${own} modules of our own`)
}

test('given the supervisor of npm start, when it is loaded, then no server framework and no client of the log or of slonik is', () => {
  const packages = packagesOf(SUPERVISOR)
  assert.ok(packages.has('pg'), [...packages.keys()].join(' '))
  for (const heavy of ['@eventstore/db-client', '@grpc/grpc-js', 'slonik', 'fastify', 'socket.io'])
    assert.not.ok(packages.has(heavy), `${heavy} is loaded`)
})

test('given the server, when it is loaded, then no driver of Redis, bundler, compiler of schemas, maker of documentation, signer of Hive or client of fetch is', () => {
  const packages = packagesOf(SERVER)
  assert.ok(packages.has('fastify'))
  for (const rare of [
    'ioredis',
    'esbuild',
    'ajv',
    'fast-uri',
    'hive-tx',
    'undici',
    '@fastify/swagger',
    '@fastify/swagger-ui',
  ])
    assert.not.ok(packages.has(rare), `${rare} is loaded`)
  assertAtMost(packages, MOST_OF_SERVER)
})

test('given the projector, when it is loaded, then nothing of HTTP, no signer of Hive and no client of fetch is', () => {
  const packages = packagesOf(PROJECTOR)
  assert.ok(packages.has('slonik'))
  for (const rare of ['fastify', 'socket.io', 'prom-client', 'hive-tx', 'undici'])
    assert.not.ok(packages.has(rare), `${rare} is loaded`)
  assertAtMost(packages, MOST_OF_PROJECTOR)
})

test('given the event store and the stand-in for Hive, when they are loaded, then no client of fetch is', () => {
  for (const module of [EVENT_STORE, STAND_IN]) assert.not.ok(packagesOf(module).has('undici'), module)
})

test.run()
