import { strict as assert } from 'node:assert'
import { suite } from 'uvu'
import { type Command, Misused } from './command.ts'
import { presence } from './dispatcher.ts'
import { distance, nearest } from './nearest.ts'
import { type Entry, registry } from './registry.ts'
import { usageOf, usageOfWord } from './usage.ts'

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
const worded: Command = {
  name: 'log',
  summary: 'the whole log',
  otherwise: 'list',
  notes: 'See docs.',
  words: [
    {
      name: 'list',
      takes: '[--all]',
      says: 'what there is',
      load: async () => ({
        run: async (args) => {
          ran.push(['list', ...args])
          return 5
        },
      }),
    },
    {
      name: 'export',
      takes: '-o FILE',
      says: 'writes it to a file',
      load: async () => ({
        run: async () => {
          throw new Misused('Where to?')
        },
        usage: 'presence log export -o FILE, at length',
      }),
    },
    {
      name: 'import',
      takes: 'FILE',
      says: 'reads it from a file',
      load: async () => ({ run: () => Promise.reject(new Error('There is no such file.')) }),
    },
  ],
}
const callWorded = async (...args: string[]) => {
  let [out, err] = ['', '']
  const io = { out: (text: string) => (out += text), err: (text: string) => (err += text) }
  const entry = { name: 'log', summary: '', load: async () => worded }
  return { code: await presence(args, [entry], io), out, err }
}

cli(
  'given help of a command with subcommands, then each is listed with its arguments, and the notes',
  async () => {
    for (const args of [
      ['help', 'log'],
      ['log', '-h'],
      ['help', 'log', 'none'],
    ])
      assert.equal(
        (await callWorded(...args)).out,
        `presence log [list] [--all]
    what there is

presence log export -o FILE
    writes it to a file

presence log import FILE
    reads it from a file

See docs.`,
      )
  },
)
cli('given help of a subcommand, either way, then it explains that one, and does not run', async () => {
  ran.length = 0
  for (const args of [
    ['help', 'log', 'export'],
    ['log', 'export', '-h'],
    ['log', 'export', 'x', '--help'],
  ])
    assert.equal((await callWorded(...args)).out, 'presence log export -o FILE, at length')
  assert.match((await callWorded('log', 'import', '-h')).out, /^presence log import FILE\n\nreads/)
  assert.deepEqual(ran, [])
})
cli(
  'given a subcommand, then it gets the words after it; given none, then the default one is run',
  async () => {
    ran.length = 0
    assert.equal((await callWorded('log', 'list', '--all')).code, 5)
    assert.equal((await callWorded('log')).code, 5)
    assert.deepEqual(ran, [['list', '--all'], ['list']])
  },
)
cli('given an unknown word, then it ends with 2 and names the nearest', async () => {
  for (const word of ['exprot', 'toString', '__proto__']) {
    const { code, err } = await callWorded('log', word)
    assert.equal(code, 2)
    assert.ok(err.startsWith(`There is no presence log ${word}.`), err)
    assert.match(err, /presence log import FILE/)
  }
  assert.match((await callWorded('log', 'exprot')).err, /Did you mean export\?/)
})
cli(
  'given a command that is called incorrectly, then it prints a sentence and its usage; given one that fails, its sentence',
  async () => {
    assert.deepEqual(await callWorded('log', 'export'), {
      code: 2,
      out: '',
      err: 'Where to?\n\npresence log export -o FILE, at length',
    })
    assert.deepEqual(await callWorded('log', 'import', 'x'), {
      code: 1,
      out: '',
      err: 'There is no such file.',
    })
  },
)
cli(
  'given --json and a command without a JSON form, then it prints as JSON how it ended, what it found and what it said',
  async () => {
    const { code, out } = await call('rebuild', '--json')
    assert.equal(code, 7)
    assert.deepEqual(JSON.parse(out), { ok: false, exit_code: 7, data: null, out: [], err: [] })
    const found: Command = {
      name: 'rebuild',
      summary: '',
      otherwise: 'list',
      notes: '',
      words: [
        {
          name: 'list',
          takes: '[--all]',
          says: 'lists',
          load: async () => ({
            run: async (args, io) => {
              if (args.length > 0) throw new Misused('too many words')
              io.data?.([{ position: 5n }])
              io.out('one\ntwo')
              return 0
            },
          }),
        },
      ],
    }
    const of = async (...args: string[]) => {
      let said = ''
      const io = { out: (text: string) => (said += text), err: () => assert.fail() }
      await presence(['rebuild', ...args], [{ name: 'rebuild', summary: '', load: async () => found }], io)
      return JSON.parse(said)
    }
    const listed = { ok: true, exit_code: 0, data: [{ position: '5' }], out: ['one', 'two'], err: [] }
    assert.deepEqual(await of('list', '--json'), listed)
    assert.deepEqual(await of('--json'), listed)
    const misused = await of('list', 'x', '--json')
    assert.deepEqual([misused.ok, misused.exit_code, misused.err[0]], [false, 2, 'too many words'])
  },
)
cli('given a wrong command, then one sentence names the nearest', async () => {
  const { code, err } = await call('rebiuld')
  assert.equal(code, 2)
  assert.equal(err, 'There is no command rebiuld: did you mean rebuild?')
  assert.match((await call('xyzzy')).err, /^There is no command xyzzy; presence help lists them\.$/)
})
cli('given two words, then their distance is the number of letters to change', () => {
  assert.equal(distance('kitten', 'sitting'), 3)
  assert.equal(distance('', 'abc'), 3)
  assert.deepEqual(nearest('re', ['rebuild', 'room', 'replay']), ['rebuild', 'replay'])
})
cli('every registered command loads, under its name and with its summary, each name once', async () => {
  for (const entry of registry) {
    const loaded = await entry.load()
    assert.equal(loaded.name, entry.name)
    assert.equal(loaded.summary, entry.summary)
    assert.match(usageOf(loaded), new RegExp(`^presence ${entry.name}\\b`))
    if (!('words' in loaded)) continue
    const names = loaded.words.map(({ name }) => name)
    assert.equal(new Set(names).size, names.length)
    assert.ok(loaded.otherwise === undefined || names.includes(loaded.otherwise))
    for (const word of loaded.words)
      assert.ok((await usageOfWord(loaded, word)).startsWith(`presence ${entry.name} `), word.name)
  }
  assert.equal(new Set(registry.map((entry) => entry.name)).size, registry.length)
})

cli.run()
