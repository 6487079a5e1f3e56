import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { presence } from './dispatcher.ts'
import { registry } from './registry.ts'

const test = suite('--json')
const folder = mkdtempSync(join(tmpdir(), 'presence-json-'))

const called = async (...args: string[]) => {
  const out: string[] = []
  const code = await presence(args, registry, { out: (text) => void out.push(text), err: () => {} })
  return { code, out: out.join('\n') }
}
const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
/** One document, or one a line. */
const parses = (text: string): boolean =>
  text !== '' && (isJson(text) || text.split('\n').every((line) => isJson(line)))

/** Every command, and every word of those that have words. */
const ways: string[][] = []
test.before(async () => {
  process.env.DATA_DIR = folder
  for (const { name, load } of registry) {
    const command = await load()
    if ('words' in command) for (const word of command.words) ways.push([name, word.name])
    else ways.push([name])
  }
})

test('given every command with --json, when it is called wrongly, then what it prints is JSON, with the exit code and a sentence', async () => {
  assert.ok(ways.length > 40, String(ways.length))
  for (const way of ways) {
    const { code, out } = await called(...way, '--json', '--there-is-no-such-flag')
    assert.ok(code !== 0, way.join(' '))
    assert.ok(parses(out), `${way.join(' ')}: ${out}`)
    const said = JSON.parse(out) as { exit_code: number; err: ReadonlyArray<string> }
    assert.is(said.exit_code, code, way.join(' '))
    assert.ok(said.err.length > 0, way.join(' '))
  }
})

test('given every command, when it is called with a flag that it does not know, alone, after words or twice, then it ends with 2 and names the flag', async () => {
  const flag = '--there-is-no-such-flag'
  for (const way of ways)
    for (const args of [[flag], ['some-word', flag], [flag, flag, 'some-word']]) {
      const told: string[] = []
      const code = await presence([...way, ...args], registry, {
        out: () => {},
        err: (text) => told.push(text),
      })
      const asked = [...way, ...args].join(' ')
      assert.is(code, 2, `${asked}: ${told.join('\n')}`)
      assert.match(told.join('\n'), flag, asked)
    }
})

test('given commands that ask nobody, when they succeed with --json, then what they found is in it', async () => {
  for (const shell of ['bash', 'zsh']) {
    const { code, out } = await called('completion', shell, '--json')
    assert.is(code, 0)
    const { ok, data } = JSON.parse(out)
    assert.equal([ok, data.shell], [true, shell])
    assert.match(data.script, /complete -o default -F _presence presence/)
  }
})

test('given commands that find nothing to ask, when they are called with --json, then they say so as JSON', async () => {
  for (const way of [
    ['status'],
    ['parked', 'list'],
    ['audit', 'verify'],
    ['audit', 'went-back'],
    ['room', 'replay', join(folder, 'none.ndjson')],
    ['log', 'archives'],
    ['no-such-command'],
    ['log'],
    ['log', 'no-such-word'],
  ]) {
    const { code, out } = await called(...way, '--json')
    assert.is.not(code, 0, way.join(' '))
    assert.ok(parses(out), `${way.join(' ')}: ${out}`)
  }
})

test.after(() => rmSync(folder, { recursive: true, force: true }))
test.run()
