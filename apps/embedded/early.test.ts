/** A program that gets its environment late: it loads its modules meanwhile, and does not begin before the environment is there. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('a program that is loaded early')
const EARLY = new URL('./early.ts', import.meta.url).href
const module = (text: string): string => `data:text/javascript,${encodeURIComponent(text)}`

const started = (program: string) => {
  const child = spawn(process.execPath, ['--import', EARLY, '--input-type=module', '-e', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, EARLY_MODULE: module(`console.log('loaded', process.env.LATE)`) },
  })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const until = async (words: string): Promise<void> => {
    while (!said.includes(words)) await once(child.stdout, 'data')
  }
  return { child, until, said: () => said }
}

test('given a program that gets its environment in two pieces, when both have arrived, then it begins with it, and its module was loaded before', async () => {
  const { child, until, said } = started(`
    import { Worker } from 'node:worker_threads'
    console.log('begins', process.env.LATE, process.env.EARLY_MODULE)
    // A thread has no stdin of its own from which to read the environment.
    new Worker('0', { eval: true }).once('exit', (code) => process.exit(code))
  `)
  await until('loaded undefined')
  const line = `${JSON.stringify({ LATE: 'ä word' })}\n`
  child.stdin.write(line.slice(0, 5))
  await new Promise((resolve) => child.stdin.write('', resolve))
  assert.not.match(said(), /begins/)
  child.stdin.write(line.slice(5))
  const [code] = await once(child, 'exit')
  assert.is(code, 0)
  assert.match(said(), 'begins ä word undefined')
})

test('given a parent that dies before it has sent anything, then the program ends without having begun', async () => {
  const { child, until, said } = started(`console.log('begins')`)
  await until('loaded undefined')
  child.stdin.end()
  const [, signal] = await once(child, 'exit')
  assert.is(signal, 'SIGTERM')
  assert.not.match(said(), /begins/)
})

test.run()
