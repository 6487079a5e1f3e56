import { strict as assert } from 'node:assert'
import { suite } from 'uvu'
import type { Command } from './command.ts'
import { presence } from './dispatcher.ts'
import { distance, nearest } from './nearest.ts'
import { type Entry, registry } from './registry.ts'

const cli = suite('presence')

const ran: Array<ReadonlyArray<string>> = []
const command: Command = {
  name: 'rebuild',
  summary: 'build the tables again',
  usage: 'presence rebuild [--projection NAME]',
  run: async (args) => {
    ran.push(args)
    return 7
  },
}
const entries: ReadonlyArray<Entry> = [
  { name: command.name, summary: command.summary, load: async () => command },
  { name: 'parked', summary: 'events held back', load: () => assert.fail('It was not asked for.') },
]
const call = async (...args: string[]) => {
  let out = ''
  let err = ''
  const io = { out: (text: string) => (out += text), err: (text: string) => (err += text) }
  return { code: await presence(args, entries, io), out, err }
}

cli('given nothing, help or --help, then it lists the commands', async () => {
  for (const args of [[], ['help'], ['--help'], ['-h']]) {
    const { code, out } = await call(...args)
    assert.equal(code, 0)
    assert.match(out, /rebuild {2}build the tables again/)
    assert.match(out, /parked/)
  }
})
cli('given a command, then it gets the words after its name, and its code is the process’s', async () => {
  assert.equal((await call('rebuild', '--projection', 'chat')).code, 7)
  assert.deepEqual(ran, [['--projection', 'chat']])
})
cli('given help of a command, either way, then it prints its usage and does not run', async () => {
  ran.length = 0
  for (const args of [
    ['help', 'rebuild'],
    ['rebuild', '--help'],
  ])
    assert.match((await call(...args)).out, /presence rebuild \[--projection NAME\]/)
  assert.deepEqual(ran, [])
})
cli(
  'given help of a word of a command, either way, then it prints what there is to say of that',
  async () => {
    const worded: Entry = {
      name: 'audit',
      summary: '',
      load: async () => ({
        ...command,
        name: 'audit',
        usageOf: async (word) => (word === 'export' ? 'presence audit export -o FILE' : null),
      }),
    }
    for (const [args, expected] of [
      [['help', 'audit', 'export'], /audit export -o/],
      [['audit', 'export', '-h'], /audit export -o/],
      [['help', 'audit', 'none'], /presence rebuild/],
      [['audit', '--help'], /presence rebuild/],
    ] as const) {
      let out = ''
      assert.equal(await presence(args, [worded], { out: (text) => (out += text), err: () => {} }), 0)
      assert.match(out, expected)
    }
  },
)
cli('given a wrong command, then one sentence names the nearest', async () => {
  const { code, err } = await call('rebiuld')
  assert.equal(code, 2)
  assert.equal(err, 'There is no command rebiuld: did you mean rebuild?')
  assert.match((await call('xyzzy')).err, /^There is no command xyzzy; presence help lists them\.$/)
})
cli('given two words, then their distance is the letters to change', () => {
  assert.equal(distance('kitten', 'sitting'), 3)
  assert.equal(distance('', 'abc'), 3)
  assert.deepEqual(nearest('re', ['rebuild', 'room', 'replay']), ['rebuild', 'replay'])
})
cli('every registered command loads, under its name and with its summary, each name once', async () => {
  for (const entry of registry) {
    const loaded = await entry.load()
    assert.equal(loaded.name, entry.name)
    assert.equal(loaded.summary, entry.summary)
    assert.match(loaded.usage, new RegExp(`^presence ${entry.name}\\b`))
  }
  assert.equal(new Set(registry.map((entry) => entry.name)).size, registry.length)
})

cli.run()
