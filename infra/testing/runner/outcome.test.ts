import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import { describe } from './files.ts'
import { judge, type Outcome } from './outcome.ts'
import { runCommand } from './run.ts'

const outcome = suite('the outcome of a test file')
const folder = mkdtempSync(join(tmpdir(), 'presence-runner-'))
outcome.after(() => rmSync(folder, { recursive: true, force: true }))

const uvu = import.meta.resolve('uvu')
const outcomeOf = async (body: string, timeoutSeconds = 20): Promise<Outcome> => {
  const file = join(folder, 'one.mjs')
  writeFileSync(file, `import { suite } from '${uvu}'\nconst t = suite('t')\n${body}`)
  return judge(await runCommand(process.execPath, [file], { cwd: folder, env: process.env, timeoutSeconds }))
}
const counts = ({ passed, failed }: Outcome) => [passed, failed]
const broken = '() => { throw new Error("no") }'

outcome('given two tests that pass and one that fails, then they are counted', async () => {
  const o = await outcomeOf(`t('a', () => {}); t('b', () => {}); t('c', ${broken}); t.run()`)
  assert.deepEqual(counts(o), [2, 1])
  assert.deepEqual(o.names, ['c'])
})
outcome('given a file that shows something at its end, then that is kept though all passed', async () => {
  const o = await outcomeOf(
    `process.once('exit', () => console.log('## shown\\n| a | table |')); t('a', () => {}); t.run()`,
  )
  assert.deepEqual(counts(o), [1, 0])
  assert.equal(o.shown, '| a | table |')
})
outcome('given a file that forgot .run(), then it failed', async () => {
  const o = await outcomeOf(`t('a', () => {})`)
  assert.deepEqual(counts(o), [0, 1])
  assert.match(o.problems[0] ?? '', /\.run\(\)/)
})
outcome('given a before that throws, then its tests failed, though uvu ends with 0', async () => {
  const o = await outcomeOf(`t.before(${broken}); t('a', () => {}); t('b', () => {}); t.run()`)
  assert.deepEqual(counts(o), [0, 2])
  assert.match(o.problems[0] ?? '', /hook/)
})
outcome('given a skipped test, then it failed', async () => {
  assert.deepEqual(counts(await outcomeOf(`t('a', () => {}); t.skip('b', () => {}); t.run()`)), [1, 1])
})
outcome(
  'given a file whose every test needs something that this machine lacks, when it says so, then it is left out, and does not count as passed',
  async () => {
    const said = `console.log('## left out: no mount without root'); `
    const o = await outcomeOf(`${said}t.skip('a', () => {}); t.run()`)
    assert.deepEqual(counts(o), [0, 0])
    assert.match(o.shown, /left out: no mount without root/)
    assert.deepEqual(
      counts(await outcomeOf(`${said}t('a', () => {}); t.skip('b', () => {}); t.run()`)),
      [1, 1],
    )
  },
)
outcome('given a test marked with only, then the others count as failed', async () => {
  const o = await outcomeOf(`t.only('a', () => {}); t('b', () => {}); t.run()`)
  assert.deepEqual(counts(o), [1, 1])
})
outcome('given a rejection that nobody handled, then the file failed', async () => {
  const o = await outcomeOf(
    `t('a', () => {}); t.run(); setTimeout(() => Promise.reject(new Error('late')), 50)`,
  )
  assert.deepEqual(counts(o), [1, 1])
})
outcome('given a test that never ends while nothing is left to do, then the file failed', async () => {
  const o = await outcomeOf(`t('a', () => {}); t('b', () => new Promise(() => {})); t.run()`)
  assert.deepEqual(counts(o), [1, 1])
})
outcome('given a handle left open, then it is killed and the sentence says so', async () => {
  const o = await outcomeOf(`t('a', () => {}); t.run(); setInterval(() => {}, 1000)`, 1)
  assert.deepEqual(counts(o), [1, 1])
  assert.match(o.problems[0] ?? '', /a handle is left open/)
})
outcome('given a syntax error, then the file failed', async () => {
  assert.deepEqual(counts(await outcomeOf('const = 1')), [0, 1])
})
outcome('given a child that outlives its test, then it is killed with it', async () => {
  const o = await outcomeOf(`import { spawn } from 'node:child_process'
    t('a', () => { spawn('sleep', ['60'], { stdio: 'inherit' }).unref() }); t.run()`)
  assert.deepEqual(counts(o), [1, 0])
})
outcome(
  'given a process that computes, itself and in a child, then it is told how much of a processor it took',
  async () => {
    const compute = 'const end = process.cpuUsage().user + 2e5; while (process.cpuUsage().user < end);'
    const both = `${compute} require('node:child_process').spawnSync(process.execPath, ['-e', ${JSON.stringify(compute)}])`
    const { processorSeconds } = await runCommand(process.execPath, ['-e', both], {
      cwd: folder,
      env: process.env,
      timeoutSeconds: 20,
    })
    assert.ok(process.platform !== 'linux' || processorSeconds >= 0.4, String(processorSeconds))
  },
)
outcome('given comments at its top, then a file says what it needs', () => {
  const file = describe('x.test.ts', '// test: calm\n// timeout: 300\n// needs: turnserver, caddy\n')
  assert.deepEqual(file, {
    path: 'x.test.ts',
    mark: 'calm',
    isAlone: true,
    isLarge: false,
    timeoutSeconds: 300,
    needs: ['turnserver', 'caddy'],
  })
  assert.deepEqual(describe('y', `import { testRedis } from '../testing/redis.ts'\n`).needs, ['redis-server'])
  assert.throws(() => describe('z', '// needs: postgresql\n'), /doesn't know/)
  assert.throws(() => describe('z', '// test: quickly\n'), /doesn't know/)
})

outcome.run()
