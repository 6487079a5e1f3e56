/** The settings of the node: the documentation, --help and the code agree. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { OPTIONS, readSettings, usage } from './options.ts'

const test = suite('settings of the node alone')
const here = import.meta.dirname
const page = readFileSync(join(here, '../../docs/eventstore.md'), 'utf8')

const faultsOf = (args: string[], env: Record<string, string> = {}): string => {
  const read = readSettings(args, env)
  return 'faults' in read ? read.faults.join('\n') : 'none'
}
const settingsOf = (args: string[], env: Record<string, string> = {}) => {
  const read = readSettings(args, env)
  if (!('settings' in read)) throw new Error(JSON.stringify(read))
  return read.settings
}

test('given the table of settings in the documentation, then it is the one that the program reads', () => {
  const rows = OPTIONS.map(
    ({ flag, env, default: value, meaning }) =>
      `| ${flag === null ? '' : `\`--${flag}\``} | \`${env}\` | ${value === '' ? '' : `\`${value}\``} | ${meaning} |`,
  )
  const table = ['| flag | variable | default | meaning |', '|---|---|---|---|', ...rows].join('\n')
  assert.ok(page.includes(table), `docs/eventstore.md has to have this table:\n${table}`)
})

test('given the settings, when --help is asked for, then it has each flag, variable, default and meaning', () => {
  const help = usage()
  for (const { flag, env, default: value, meaning } of OPTIONS) {
    assert.ok(help.includes(`${env}\n`), env)
    if (flag !== null) assert.ok(help.includes(`--${flag} `), flag)
    assert.ok(help.includes(value === '' ? meaning : `${meaning} Default: ${value}.`), meaning)
  }
  assert.equal(readSettings(['--help', '--port', 'x'], {}), { help: true })
})

test('given the node’s sources, then only the settings read the environment, by the names that are documented', () => {
  const asked = new Set<string>()
  const env = new Proxy<Record<string, string>>({}, { get: (_, name) => void asked.add(String(name)) })
  readSettings([], env)
  assert.equal([...asked].sort(), OPTIONS.map(({ env }) => env).sort())
  const names = new Set<string>(asked)
  for (const file of readdirSync(here, { recursive: true, encoding: 'utf8' })) {
    if (
      !file.endsWith('.ts') ||
      /\.(test|cases)\.ts$/.test(file) ||
      /^(contract|testing|node_modules|dist)/.test(file)
    )
      continue
    const text = readFileSync(join(here, file), 'utf8')
    if (file !== 'main.ts') assert.not.match(text, 'process.env', file)
    for (const [name] of text.matchAll(/EVENTSTORE_[A-Z_]+/g)) assert.ok(names.has(name), `${file}: ${name}`)
  }
})

test('given no settings, when they are read, then each has its default', () => {
  assert.equal(settingsOf([]), {
    host: '127.0.0.1',
    port: 2113,
    dataDir: './data/eventstore',
    tlsCert: undefined,
    tlsKey: undefined,
    auth: false,
    adminPassword: undefined,
    projections: false,
    maxAppendSize: 1048576,
    checkpointFrames: 500,
    indexBehind: 4096,
    lagMs: 0,
  })
})

test('given a variable, then it counts; given its flag as well, then that; empty, then the default', () => {
  assert.is(settingsOf([], { EVENTSTORE_PORT: '1' }).port, 1)
  assert.is(settingsOf(['--port', '2'], { EVENTSTORE_PORT: '1' }).port, 2)
  assert.is(settingsOf([], { EVENTSTORE_PORT: '' }).port, 2113)
  assert.is(settingsOf([], { EVENTSTORE_AUTH: 'on' }).auth, true)
  assert.is(settingsOf(['--no-auth'], { EVENTSTORE_AUTH: 'true' }).auth, false)
  assert.is(settingsOf([], { EVENTSTORE_PROJECTIONS: 'All' }).projections, true)
})

test('given several wrong settings, when they are read, then each has a sentence of its own', () => {
  const said = faultsOf(['--port', 'http'], {
    EVENTSTORE_MAX_APPEND_SIZE: '1MB',
    EVENTSTORE_AUTH: 'maybe',
    EVENTSTORE_TLS_CERT: 'node.pem',
  })
  assert.match(said, '--port is a whole number from 0 to 65535, and not "http".')
  assert.match(said, 'EVENTSTORE_MAX_APPEND_SIZE is a whole number from 1 to 16777216, and not "1MB".')
  assert.match(said, 'EVENTSTORE_AUTH is on or off, and not "maybe".')
  assert.match(said, 'EVENTSTORE_TLS_CERT is a certificate without a key')
  assert.match(faultsOf(['--nope']), "Unknown option '--nope'")
  assert.match(faultsOf(['serve']), 'serve')
  assert.match(faultsOf([], { EVENTSTORE_PORT: '65536' }), 'EVENTSTORE_PORT is a whole number')
})

test.run()
