import { randomUUID } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEventLog } from '../../../adapters/eventstore/index.ts'
import type { RecordedEvent } from '../../../domain/ports.ts'
import { type TestEventStore, testEventStore } from '../../../infra/testing/eventstore.ts'
import { runCommand } from '../dispatcher.ts'
import { log as command } from './command.ts'

type Context = { dir: string; node: TestEventStore }
const backups = suite<Context>('presence log backup and restore')
backups.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'backup-'))
  context.node = await testEventStore()
})
backups.after(async ({ dir, node }) => {
  await node.stop()
  await rm(dir, { recursive: true, force: true })
})

const run = async (...args: string[]) => {
  const said: string[] = []
  const io = { out: (text: string) => void said.push(text), err: (text: string) => void said.push(text) }
  return { code: await runCommand(command, args, io), said: said.join('\n') }
}
const events = (count: number, size = 10) =>
  Array.from({ length: count }, () => ({
    id: randomUUID(),
    type: 'Happened',
    data: { text: 'x'.repeat(size) },
    metadata: {},
  }))

const everything = async (url: string): Promise<RecordedEvent[]> => {
  const log = connectEventLog({ url })
  const all: RecordedEvent[] = []
  try {
    for (;;) {
      const after = all[all.length - 1]?.position
      const page = await log.readAll({ limit: 5_000, ...(after === undefined ? {} : { after }) })()
      if (page._tag === 'Left') throw new Error(JSON.stringify(page.left))
      if (page.right.length === 0) return all
      all.push(...page.right)
    }
  } finally {
    await log.close()
  }
}

backups(
  'given a backup taken under load and restored, then every event acknowledged before it began is there, and the log is whole',
  async ({ dir, node }) => {
    const log = connectEventLog({ url: node.url })
    // More than one step of the copy, so that the log is written to while it is copied.
    for (let n = 0; n < 80; n += 1)
      assert.is((await log.append(`chat-old-${n % 7}`, 'any', events(100, 2_000))())._tag, 'Right')
    const acknowledged: string[] = []
    let isOver = false
    const load = Promise.all(
      Array.from({ length: 8 }, async (_, n) => {
        while (!isOver) {
          const some = events(1 + (n % 3))
          const result = await log.append(`chat-new-${n}`, 'any', some)()
          if (result._tag === 'Right') acknowledged.push(...some.map(({ id }) => id))
        }
      }),
    )
    while (acknowledged.length < 200) await new Promise((resolve) => setTimeout(resolve, 5))
    const before = [...acknowledged]
    const file = join(dir, 'log.backup')
    const { code, said } = await run('backup', file, '--log', node.dataDir)
    const during = acknowledged.length - before.length
    isOver = true
    await load
    await log.close()
    assert.is(code, 0, said)
    assert.match(said, /holds \d+ events up to position \d+, [\d.]+ MB, checked\.$/)
    assert.ok(during > 0, 'nothing was written meanwhile')
    assert.equal(
      (await readdir(dir)).filter((name) => name.startsWith('log.backup')),
      ['log.backup'],
    )

    const data = join(dir, 'restored')
    const restored = await run('restore', file, '--data', data)
    assert.is(restored.code, 0, restored.said)
    const second = await testEventStore({ dataDir: join(data, 'eventstore') })
    try {
      const there = await everything(second.url)
      const ids = new Set(there.map(({ id }) => id))
      assert.equal(
        before.filter((id) => !ids.has(id)),
        [],
      )
      // The backup is a prefix of the log as it continued: the same events at the same positions, none left out.
      const whole = await everything(node.url)
      assert.ok(there.length <= whole.length)
      assert.equal(
        there.map(({ id, position }) => `${position} ${id}`),
        whole.slice(0, there.length).map(({ id, position }) => `${position} ${id}`),
      )
      const again = connectEventLog({ url: second.url })
      assert.is((await again.append('chat-new-0', 'any', events(1))())._tag, 'Right')
      await again.close()
    } finally {
      await second.stop()
    }
  },
)

backups(
  'given a log or a file from which no backup or restore can be made, then it says why, and leaves things as they were',
  async ({ dir, node }) => {
    const refused = async (message: RegExp, ...args: string[]) => {
      const { code, said } = await run(...args)
      assert.is(code, 1, said)
      assert.match(said, message)
    }
    const file = join(dir, 'another.backup')
    await writeFile(
      join(dir, 'text'),
      'no log at all, but long enough to look like a file of some kind\n'.repeat(50),
    )
    await refused(/no log of an embedded node/, 'backup', file, '--data', join(dir, 'nowhere'))
    await refused(/is there already/, 'backup', join(dir, 'text'), '--log', node.dataDir)
    await refused(/There is no folder/, 'backup', join(dir, 'no', 'folder'), '--log', node.dataDir)
    await refused(/There is no file/, 'restore', join(dir, 'missing'), '--data', join(dir, 'fresh'))
    await refused(/is no file/, 'restore', dir, '--data', join(dir, 'fresh'))
    await refused(/can't be read/, 'restore', join(dir, 'text'), '--data', join(dir, 'fresh'))
    assert.is((await run('backup', file, '--log', node.dataDir)).code, 0)
    await refused(/There is a log in/, 'restore', file, '--log', node.dataDir)

    const damaged = join(dir, 'damaged.backup')
    await copyFile(file, damaged)
    const handle = await open(damaged, 'r+')
    const { size } = await handle.stat()
    await handle.truncate(Math.floor(size / 2))
    await handle.close()
    await refused(/can't be read/, 'restore', damaged, '--data', join(dir, 'fresh'))
    assert.not((await readdir(dir)).includes('fresh'))

    // The files that npm start leaves while it runs.
    const running = join(dir, 'running')
    await mkdir(running)
    const text = { url: '', eventStoreUrl: '', databaseUrl: '', hiveNode: '' }
    await writeFile(
      join(running, 'endpoints.json'),
      JSON.stringify({ ...text, hiveStandIn: true, dataDir: running, pids: { supervisor: process.pid } }),
    )
    await refused(/npm start runs on/, 'restore', file, '--data', running)

    process.env.EVENTSTORE_URL = node.url
    try {
      await refused(/EVENTSTORE_URL is set/, 'backup', join(dir, 'third.backup'))
    } finally {
      delete process.env.EVENTSTORE_URL
    }
    assert.is((await run('restore', file)).code, 2)
    assert.is((await run('restore', file, '--data', 'a', '--log', 'b')).code, 2)
    assert.is((await run('backup', file, '--data', 'a', '--log', 'b')).code, 2)
    assert.ok((await readFile(join(dir, 'text'), 'utf8')).startsWith('no log'))
  },
)

backups.run()
