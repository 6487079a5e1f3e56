/** What a program loads at its start is paid at each start: what the supervisor only passes on to its parts, it does not load. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('what is loaded')
const SUPERVISOR = fileURLToPath(new URL('../../apps/embedded/supervisor.ts', import.meta.url))
/** Prints the packages of which something is loaded with the module that it is given. */
const LOADED = `
import { registerHooks } from 'node:module'
const packages = new Set()
registerHooks({ load: (url, context, next) => {
  const found = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)
  if (found !== null) packages.add(found[1])
  return next(url, context)
} })
await import(process.argv[1])
process.stdout.write(JSON.stringify([...packages]))
process.exit(0)`

test('given the supervisor of npm start, when it is loaded, then no server framework and no client of the log or of slonik is', () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', LOADED, SUPERVISOR], {
    encoding: 'utf8',
  })
  const packages = JSON.parse(stdout || `["${stderr}"]`) as ReadonlyArray<string>
  assert.ok(packages.includes('pg'), packages.join(' '))
  for (const heavy of ['@eventstore/db-client', '@grpc/grpc-js', 'slonik', 'fastify', 'socket.io'])
    assert.not.ok(packages.includes(heavy), `${heavy} is loaded`)
})

test.run()
