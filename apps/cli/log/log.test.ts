import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEventLog } from '../../../adapters/eventstore/index.ts'
import { type TestEventStore, testEventStore } from '../../../infra/testing/eventstore.ts'
import { runCommand } from '../dispatcher.ts'
import { log as command } from './command.ts'

type Context = { from: TestEventStore; dir: string }
const logs = suite<Context>('presence log')
logs.before(async (context) => {
  context.from = await testEventStore()
  const source = connectEventLog({ url: context.from.url })
  for (let n = 0; n < 40; n += 1) {
    const events = Array.from({ length: 1 + (n % 3) }, (_, k) => ({
      id: randomUUID(),
      type: 'Happened',
      data: { n, k, text: 'żółw 🐢' },
      metadata: { schema: 1 },
    }))
    const result = await source.append(`chat-room-${n % 7}`, 'any', events)()
    assert.is(result._tag, 'Right')
  }
  await source.close()
})
logs.before.each(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'log-'))
})
logs.after.each(async ({ dir }) => {
  await rm(dir, { recursive: true, force: true })
})
logs.after(async ({ from }) => {
  await from.stop()
})

const run = async (...args: string[]) => {
  const said: string[] = []
  const io = { out: (text: string) => void said.push(text), err: (text: string) => void said.push(text) }
  return { code: await runCommand(command, args, io), said: said.join('\n') }
}
/** The parts that must be the same on both sides, line by line. */
const kept = async (file: string) =>
  (await readFile(file, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { position, created, ...rest } = JSON.parse(line) as Record<string, unknown>
      assert.type(position, 'string')
      assert.type(created, 'string')
      return rest
    })

logs(
  'given a log, when it is exported and imported elsewhere, then that log is the same, in the same order',
  async ({ from, dir }) => {
    const to = await testEventStore()
    const file = join(dir, 'log.ndjson')
    assert.equal(await run('export', file, '--from', from.url), { code: 0, said: `${file} holds 79 events.` })
    assert.equal(await run('import', file, '--to', to.url), { code: 0, said: '79 events appended.' })
    const back = join(dir, 'back.ndjson')
    assert.is((await run('export', back, '--from', to.url)).code, 0)
    assert.equal(await kept(back), await kept(file))
    await to.stop()
  },
)

logs(
  'given an interrupted export, when it is run again, then it continues where it was',
  async ({ from, dir }) => {
    const file = join(dir, 'log.ndjson')
    await run('export', file, '--from', from.url)
    const whole = await readFile(file, 'utf8')
    await truncate(file, Math.floor(Buffer.byteLength(whole) / 2))
    assert.is((await run('export', file, '--from', from.url)).code, 0)
    assert.is(await readFile(file, 'utf8'), whole)
  },
)

logs(
  'given a file of another kind, or of another log, then an export into it is refused and it stays as it is',
  async ({ from, dir }) => {
    const file = join(dir, 'other')
    for (const text of ['a letter', 'a letter\n', '{"a":1}\n', '[1]', '7\n{"id":"', '\n']) {
      await writeFile(file, text)
      const { code, said } = await run('export', file, '--from', from.url)
      assert.equal(
        [code, said],
        [1, `${file} is there already, and is no export of a log: give another name.`],
      )
      assert.is(await readFile(file, 'utf8'), text)
    }
    assert.match((await run('export', dir, '--from', from.url)).said, 'is no export of a log')
    assert.match((await run('export', join(dir, 'none/x'), '--from', from.url)).said, 'There is no folder')
    await run('export', join(dir, 'log'), '--from', from.url)
    const lines = (await readFile(join(dir, 'log'), 'utf8')).split('\n')
    const moved = lines.slice(0, 3).map((line) => line.replace(/"id":"[^"]*"/, `"id":"${randomUUID()}"`))
    await writeFile(file, `${moved.join('\n')}\n`)
    const { code, said } = await run('export', file, '--from', from.url)
    assert.equal([code, said], [1, `${file} is an export of another log: give another name.`])
    assert.is(await readFile(file, 'utf8'), `${moved.join('\n')}\n`)
    // An export that was cut off in its first line can be continued.
    await writeFile(file, lines[0]!.slice(0, 20))
    assert.is((await run('export', file, '--from', from.url)).code, 0)
    assert.is(await readFile(file, 'utf8'), lines.join('\n'))
  },
)

logs(
  'given an interrupted import, when it is run again, then every event is there once',
  async ({ from, dir }) => {
    const to = await testEventStore()
    const file = join(dir, 'log.ndjson')
    await run('export', file, '--from', from.url)
    const lines = (await readFile(file, 'utf8')).split('\n')
    const half = join(dir, 'half.ndjson')
    await writeFile(half, `${lines.slice(0, 30).join('\n')}\n`)
    assert.is((await run('import', half, '--to', to.url)).said, '30 events appended.')
    assert.is((await run('import', file, '--to', to.url)).said, '49 events appended.')
    assert.is((await run('import', file, '--to', to.url)).said, '0 events appended.')
    const back = join(dir, 'back.ndjson')
    await run('export', back, '--from', to.url)
    assert.equal(await kept(back), await kept(file))
    await to.stop()
  },
)

logs(
  'given a log that holds something else, then nothing is imported, and it says why',
  async ({ from, dir }) => {
    const to = await testEventStore()
    const file = join(dir, 'log.ndjson')
    await run('export', file, '--from', from.url)
    const target = connectEventLog({ url: to.url })
    await target.append('chat-other', 'none', [{ id: randomUUID(), type: 'T', data: {}, metadata: {} }])()
    await target.close()
    const { code, said } = await run('import', file, '--to', to.url)
    assert.is(code, 1)
    assert.match(said, /give an empty one/)
    await to.stop()
  },
)

logs('given words that are not a command, then it says which are', async () => {
  assert.is((await run('export')).code, 2)
  assert.is((await run('import', 'x')).code, 2)
  assert.is((await run('burn', 'x')).code, 2)
})

logs.run()
