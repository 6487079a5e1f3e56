import { strict as assert } from 'node:assert'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import { describe } from './files.ts'
import { groupsOf, runTogether } from './together.ts'

const together = suite('test files that share a process')
const folder = mkdtempSync(join(tmpdir(), 'presence-together-'))
together.after(() => rmSync(folder, { recursive: true, force: true }))

const uvu = import.meta.resolve('uvu')
const run = async (bodies: Readonly<Record<string, string>>, timeoutSeconds = 30) => {
  for (const [name, body] of Object.entries(bodies))
    writeFileSync(join(folder, name), `import { suite } from '${uvu}'\nconst t = suite('t')\n${body}`)
  const { ran, left } = await runTogether(Object.keys(bodies), {
    cwd: folder,
    env: process.env,
    timeoutOf: () => timeoutSeconds,
  })
  return { counts: ran.map(({ path, outcome }) => [path, outcome.passed, outcome.failed]), left, ran }
}
const passes = `t('passes', () => {}); t.run()`

together('given files of which one fails, then each has its own tests, output and name', async () => {
  const { counts, left, ran } = await run({
    'a.mjs': passes,
    'b.mjs': `t('one', () => {}); t('two', () => { throw new Error('no') }); t.run()`,
    'c.mjs': passes,
  })
  assert.deepEqual(counts, [
    ['a.mjs', 1, 0],
    ['b.mjs', 1, 1],
    ['c.mjs', 1, 0],
  ])
  assert.deepEqual(left, [])
  assert.deepEqual(
    ran.map(({ outcome }) => outcome.names),
    [[], ['two'], []],
  )
  assert.match(ran[1]!.output, /no/)
  assert.doesNotMatch(ran[2]!.output, /FAIL/)
})
together('given one that forgot .run(), then it failed', async () => {
  const { counts } = await run({ 'a.mjs': `t('a', () => {})`, 'b.mjs': passes })
  assert.deepEqual(counts, [
    ['a.mjs', 0, 1],
    ['b.mjs', 1, 0],
  ])
})
together('given one that ends the process, then it failed, and those after it are left', async () => {
  for (const ends of [`t('a', () => process.exit(3)); t.run()`, `throw new Error('no')`, 'const = 1']) {
    const { counts, left } = await run({ 'a.mjs': passes, 'b.mjs': ends, 'c.mjs': passes })
    assert.deepEqual(counts, [
      ['a.mjs', 1, 0],
      ['b.mjs', 0, 1],
    ])
    assert.deepEqual(left, ['c.mjs'])
  }
})
together('given one that hangs, then it is named with its time limit', async () => {
  const hangs = `t('a', () => new Promise((done) => setTimeout(done, 60_000))); t.run()`
  const { counts, left, ran } = await run({ 'a.mjs': passes, 'b.mjs': hangs, 'c.mjs': passes }, 2)
  assert.deepEqual(counts, [
    ['a.mjs', 1, 0],
    ['b.mjs', 0, 1],
  ])
  assert.match(ran[1]!.outcome.problems[0]!, /did not end within 2 s/)
  assert.deepEqual(left, ['c.mjs'])
})
together('given one that leaves something behind that fails later, then none counts yet', async () => {
  const later = `t('a', () => { setTimeout(() => Promise.reject(new Error('late')), 300) }); t.run()`
  assert.deepEqual(await run({ 'a.mjs': later, 'b.mjs': passes }), {
    counts: [],
    left: ['a.mjs', 'b.mjs'],
    ran: [],
  })
})
together('given a mark at its top, or what touches its whole process, then a file is alone', () => {
  const isAlone = (text: string) => describe('domain/x.test.ts', text).isAlone
  assert.equal(isAlone(`import { suite } from 'uvu'\nconst runs = process.env.NODE_ENV`), false)
  assert.equal(isAlone(`import { spawnSync } from 'node:child_process'`), false)
  for (const own of [
    '// test: alone\n',
    '// timeout: 300\n',
    '// needs: caddy\n',
    `import { type ChildProcess, spawn } from 'node:child_process'`,
    `process.env.NODE_ENV = 'test'`,
    `process.once('exit', end)`,
  ])
    assert.equal(isAlone(own), true, own)
})
together(
  'given something that files share, then the next has what the one before left well, or a new one, and all ends with the last',
  async () => {
    const told = join(folder, 'told')
    const uses = (name: string, isWell: boolean) => `
      import { appendFileSync } from 'node:fs'
      import { shared } from '${new URL('shared.ts', import.meta.url)}'
      t('uses it', async () => {
        const say = (word) => appendFileSync(${JSON.stringify(told)}, word + ' ')
        const start = async () => (say('${name}-starts'), { end: async () => say('${name}-ends') })
        const both = [shared('key', start, () => ${isWell}), shared('key', start, () => true)]
        for (const { leave } of await Promise.all(both)) await leave()
        say('${name}-used')
      })
      t.run()`
    const { counts } = await run({
      'a.mjs': uses('a', true),
      'b.mjs': uses('b', true),
      'c.mjs': uses('c', false),
    })
    assert.deepEqual(counts, [
      ['a.mjs', 1, 0],
      ['b.mjs', 1, 0],
      ['c.mjs', 1, 0],
    ])
    assert.equal(readFileSync(told, 'utf8'), 'a-starts a-used b-used a-ends c-starts c-used c-ends ')
  },
)
together('given files that start the product, then they share with their like, and few at a time', () => {
  const product = `import { startEmbedded } from '../testing/embedded.ts'`
  const files = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) =>
    describe(`infra/${name}`, `// needs: chromium\n// timeout: 300\n${'bd'.includes(name) ? '' : product}`),
  )
  const groups = groupsOf(files, 9)
  assert.deepEqual(
    groups.map((group) => group.map(({ path }) => path)),
    [
      ['infra/a', 'infra/c'],
      ['infra/e', 'infra/f'],
    ],
  )
})
together('given many files, then neighbours share a process, up to so many', () => {
  const files = ['adapters/a', 'adapters/b', 'adapters/c', 'domain/d', 'domain/e', 'infra/f'].map((path) =>
    describe(path, ''),
  )
  const groups = groupsOf([...files, describe('domain/g', '// test: alone\n')], 2)
  assert.deepEqual(
    groups.map((group) => group.map(({ path }) => path)),
    [
      ['adapters/a', 'adapters/b'],
      ['domain/d', 'domain/e'],
    ],
  )
})

together.run()
