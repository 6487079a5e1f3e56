/** The archive that `npm pack` makes, in a folder of its own as an install would leave it: `npx` starts a node from it, and a program
 *  holds one in its own process. Nothing is asked of a registry. */
// timeout: 240
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { temporaryDirectory } from './testing/directory.ts'
import { until } from './testing/until.ts'

const here = import.meta.dirname
const modules = join(here, '../../node_modules')
const npm = (cwd: string, ...args: string[]): string => {
  const { status, stdout, stderr } = spawnSync('npm', args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, npm_config_offline: 'true', npm_config_update_notifier: 'false' },
  })
  if (status !== 0) console.error(stdout, stderr)
  assert.is(status, 0, stderr)
  return stdout
}

/** A folder in which the package is installed from its archive alone; its dependencies are the project's. */
const installed = (): string => {
  const root = temporaryDirectory('eventstore-packed-')
  const source = join(root, 'infra/eventstore')
  const isOwn = (path: string): boolean => !/\/(node_modules|dist)(\/|$)/.test(path.slice(here.length))
  cpSync(here, source, { recursive: true, filter: isOwn })
  symlinkSync(modules, join(root, 'node_modules'))
  cpSync(join(here, '../../tsconfig.json'), join(root, 'tsconfig.json'))
  npm(source, 'pack', '--pack-destination', root)
  const archive = readdirSync(root).find((name) => name.endsWith('.tgz'))!
  const app = join(root, 'app')
  const target = join(app, 'node_modules/dlux-eventstore')
  mkdirSync(target, { recursive: true })
  assert.is(spawnSync('tar', ['-xzf', join(root, archive), '-C', target, '--strip-components=1']).status, 0)
  const { dependencies, bin } = JSON.parse(readFileSync(join(target, 'package.json'), 'utf8'))
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(app, 'node_modules', name)), { recursive: true })
    symlinkSync(join(modules, name), join(app, 'node_modules', name))
  }
  mkdirSync(join(app, 'node_modules/.bin'))
  symlinkSync(join(target, bin['dlux-eventstore']), join(app, 'node_modules/.bin/dlux-eventstore'))
  spawnSync('chmod', ['+x', join(target, bin['dlux-eventstore'])])
  writeFileSync(join(app, 'package.json'), '{"name":"app","private":true,"type":"module"}')
  return app
}

const test = suite<{ app: string }>('the packed archive')
test.before((context) => {
  context.app = installed()
})

test('given the archive alone, when npx starts it, then a client appends, reads and projects, and it stops at a signal', async ({
  app,
}) => {
  const child = spawn('npx', ['dlux-eventstore', '--port', '0', '--data', join(app, 'data')], {
    cwd: app,
    env: { ...process.env, npm_config_offline: 'true' },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const url = /^eventstore ready (esdb:\S+)/.exec(line)?.[1]
  assert.ok(url !== undefined, line)
  const client = EventStoreDBClient.connectionString(url)
  const event = jsonEvent({ type: 'OrderPlaced', data: { item: 'tea' } })
  assert.is((await client.appendToStream('orders-1', event)).nextExpectedRevision, 0n)
  for await (const read of client.readStream('orders-1')) assert.equal(read.event?.data, { item: 'tea' })
  await client.createProjection(
    'orders',
    "fromStream('orders-1').when({ $init: () => 0, OrderPlaced: (n) => n + 1 })",
  )
  await until('it has counted', async () => (await client.getProjectionState('orders')) === 1)
  await client.dispose()
  const ended = once(child, 'close')
  process.kill(-child.pid!, 'SIGTERM')
  await ended
})

test('given a program that imports it, then it holds a node in its own process', ({ app }) => {
  const text = `import { startNode } from 'dlux-eventstore'
    const node = await startNode({ dataDir: ${JSON.stringify(join(app, 'own'))}, port: 0 })
    console.log(node.url)
    await node.close()`
  writeFileSync(join(app, 'own.js'), text)
  const { stdout, stderr, status } = spawnSync(process.execPath, ['own.js'], { cwd: app, encoding: 'utf8' })
  assert.is(status, 0, stderr)
  assert.match(stdout, /^esdb:\/\/127\.0\.0\.1:\d+/)
})

test.run()
