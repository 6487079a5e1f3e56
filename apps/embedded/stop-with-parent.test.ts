/** A child process ends with its parent, and for no other reason. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('leash')
const LEASH = new URL('./stop-with-parent.ts', import.meta.url).href
const leashed = (program: string) =>
  spawn(process.execPath, ['--import', LEASH, '--input-type=module', '-e', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })

test('given a thread of the child that ends, then the child goes on; when its parent is gone, then it stops', async () => {
  const child = leashed(`
    import { Worker } from 'node:worker_threads'
    process.on('SIGTERM', () => { console.log('SIGTERM'); process.exit(0) })
    setInterval(() => {}, 1_000)
    const thread = new Worker('process.stdin.resume()', { eval: true })
    thread.once('exit', () => setImmediate(() => console.log('thread over')))
    thread.once('online', () => thread.terminate())
  `)
  let said = ''
  child.stdout.setEncoding('utf8')
  while (!said.includes('thread over')) said += (await once(child.stdout, 'data'))[0]
  assert.is(said.includes('SIGTERM'), false)
  child.stdin.end()
  const [code] = await once(child, 'exit')
  assert.is(code, 0)
})

test('given a thread that does its work and ends, then the child goes on', async () => {
  const child = leashed(`
    import { Worker } from 'node:worker_threads'
    process.on('SIGTERM', () => process.exit(9))
    const thread = new Worker('0', { eval: true })
    thread.once('exit', () => setTimeout(() => process.exit(3), 200))
  `)
  const [code] = await once(child, 'exit')
  assert.is(code, 3)
})

test.run()
