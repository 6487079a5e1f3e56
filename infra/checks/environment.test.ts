/** .env.example against the code: nothing is read that it does not have, and it has nothing that is not read. */
import { strict as assert } from 'node:assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { OPTIONS } from 'dlux-eventstore/options'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import { type Environment, loadConfig } from '../../apps/config/load.ts'
import { type Variable, variables } from '../../apps/config/variables.ts'
import { isTest, readSources } from './imports.ts'

const environment = suite('the environment')
const root = join(import.meta.dirname, '../..')
const read = (name: string) => readFileSync(join(root, name), 'utf8')

type Line = { readonly name: string; readonly value: string; readonly about: string; readonly isSet: boolean }
/** Each variable with the comment lines above it. */
const lines: ReadonlyArray<Line> = (() => {
  const found: Line[] = []
  let about: string[] = []
  for (const line of read('.env.example').split('\n')) {
    const [, comment, name, value = ''] = /^(# )?([A-Z][A-Z0-9_]+)=(.*)$/.exec(line) ?? []
    if (name !== undefined) found.push({ name, value, about: about.join(' '), isSet: comment === undefined })
    about = name === undefined && line.startsWith('# ') ? [...about, line.slice(2)] : []
  }
  return found
})()
const listed = new Set(lines.map(({ name }) => name))

/** Of every program, of Node and npm, and of sudo. */
const MACHINE = new Set(
  'PATH HOME LANG TZ TMPDIR NODE_COMPILE_CACHE NODE_OPTIONS npm_lifecycle_event SUDO_USER'.split(' '),
)
const namesIn = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/\benv(?:\.|\[')([A-Z][A-Z0-9_]+)/g)].map(([, name = '']) => name)
const isForTests = (path: string) =>
  isTest(path) ||
  ['infra/testing/', 'infra/bench/', 'infra/eventstore/contract/'].some((folder) => path.startsWith(folder))
const readers = readSources(root).flatMap(({ path }) => namesIn(read(path)).map((name) => ({ path, name })))

const asked = new Set<string>()
const enough: Environment = {
  EVENTSTORE_URL: 'esdb://127.0.0.1:2113?tls=false',
  DATABASE_URL: 'postgres://dlux:pw@127.0.0.1:5432/presence',
  SESSION_SECRET: '0123456789abcdef0123456789abcdef',
  TURN_SECRET: '0123456789abcdef',
  PRIVACY_MASTER_KEY: '01'.repeat(32),
  AUDIT_SIGNING_KEY: '02'.repeat(32),
}
const configOf = (env: Environment) =>
  loadConfig(
    new Proxy(env, {
      get: (target, name) => {
        asked.add(String(name))
        return target[String(name)]
      },
    }),
  )
const plain = configOf(enough)
const compose = ['docker-compose.yml', 'docker-compose.small.yml', 'docker-compose.turn443.yml']
  .flatMap((file) => [...read(file).matchAll(/\$\{(\w+):/g)])
  .map(([, name = '']) => name)

environment('what a process reads is in .env.example, once', () => {
  assert.equal(lines.length, listed.size)
  for (const name of asked) assert.ok(listed.has(name), `${name} is read by the config`)
  for (const name of compose) assert.ok(listed.has(name), `${name} is read by a compose file`)
  for (const { env } of OPTIONS) assert.ok(listed.has(env), `${env} is read by the event store`)
  for (const { path, name } of readers)
    if (!isForTests(path) && !MACHINE.has(name)) assert.ok(listed.has(name), `${name} is read by ${path}`)
  assert.ok(readers.length > 50, 'the sources were not read')
})

environment('what .env.example has, something reads', () => {
  const known = new Set([...asked, ...compose, ...OPTIONS.map(({ env }) => env)])
  for (const { path, name } of readers) if (!isForTests(path)) known.add(name)
  for (const { name } of lines) assert.ok(known.has(name), `${name} is read by nothing`)
  for (const name of Object.keys(variables)) assert.ok(asked.has(name), `${name} is decoded by nothing`)
})

environment('each is told what it means, as the code has it, and no secret has a value', () => {
  for (const { name, value, about, isSet } of lines) {
    assert.notEqual(about.trim(), '', name)
    const { about: meaning, secret } = (variables as Readonly<Record<string, Variable<unknown>>>)[name] ?? {}
    const ours = meaning ?? OPTIONS.find(({ env }) => env === name)?.meaning
    if (ours !== undefined) assert.ok(about.includes(ours), `${name}: ${ours}`)
    if (secret || /PASSWORD|SECRET/.test(name)) assert.equal(value, '', `${name} has a value`)
    if (name in enough) assert.ok(isSet, `${name} has no default: no # in front`)
  }
})

environment('a value behind a # is the default, unless it is for example', () => {
  assert.ok(E.isRight(plain))
  let compared = 0
  for (const { name, value, about, isSet } of lines) {
    if (isSet || value === '' || /For example/.test(about)) continue
    const option = OPTIONS.find(({ env }) => env === name)
    if (option) assert.equal(value, option.default, name)
    else assert.deepEqual(configOf({ ...enough, [name]: value }), plain, name)
    compared += 1
  }
  assert.ok(compared > 10)
})

environment('what tests and measurements read besides is in CONTRIBUTING.md', () => {
  const text = read('CONTRIBUTING.md')
  const told = new Set([...listed, ...MACHINE])
  for (const { path, name } of readers)
    if (isForTests(path) && !told.has(name)) assert.ok(text.includes(`\`${name}\``), `${name}, of ${path}`)
})

environment.run()
