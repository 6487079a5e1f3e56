/** Imports that are killed. IMPORT_ROUNDS: how many logs are imported; IMPORT_EVENTS: how many events each has. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEventLog, connectOrderedEventLog } from '../../../adapters/eventstore/index.ts'
import { testEventStore } from '../../../infra/testing/eventstore.ts'
import { startProxy } from '../../../infra/testing/proxy.ts'
import { exportLog } from '../../operations/log-transfer/file.ts'
import { importLog } from '../../operations/log-transfer/import.ts'

const ROUNDS = Number(process.env.IMPORT_ROUNDS ?? 1)
const EVENTS = Number(process.env.IMPORT_EVENTS ?? 2_000)
const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

type Context = { dir: string }
const imports = suite<Context>('presence log import')
imports.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'import-'))
})
imports.after(async ({ dir }) => {
  await rm(dir, { recursive: true, force: true })
})

/** A file like those that export writes: streams mixed, now and then several events of one stream in a row, now and then a large event. */
const someFile = async (file: string, count: number) => {
  const ends = new Map<string, number>()
  const lines: string[] = []
  while (lines.length < count) {
    const stream = `chat-room-${Math.floor(Math.random() * 40)}`
    const row = Math.random() < 0.2 ? 5 : 1
    for (let n = 0; n < row; n += 1) {
      const revision = ends.get(stream) ?? 0
      ends.set(stream, revision + 1)
      const text = 'x'.repeat(Math.random() < 0.002 ? 300_000 : 100)
      const position = String(lines.length * 700)
      lines.push(
        JSON.stringify({
          ...{ id: randomUUID(), stream, revision: String(revision), position },
          ...{ created: new Date().toISOString(), type: 'Happened', data: { text }, metadata: { schema: 1 } },
        }),
      )
    }
  }
  await writeFile(file, `${lines.join('\n')}\n`)
}

/** The parts of each line that an import keeps. */
const kept = async (file: string) =>
  (await readFile(file, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { id, stream, revision, type, data, metadata } = JSON.parse(line)
      return JSON.stringify({ id, stream, revision, type, data, metadata })
    })

const sameLog = async (dir: string, file: string, url: string) => {
  const log = connectEventLog({ url })
  const back = join(dir, `${randomUUID()}.ndjson`)
  await exportLog(log, back, () => {})
  await log.close()
  const [wanted, got] = [await kept(file), await kept(back)]
  assert.is(got.length, wanted.length)
  assert.is(
    got.findIndex((line, index) => line !== wanted[index]),
    -1,
    'the first line that differs',
  )
}

for (let round = 0; round < ROUNDS; round += 1)
  imports(
    `given an import killed at random points, when it is run again, then every event is there once, in order (${round})`,
    async ({ dir }) => {
      const file = join(dir, `round-${round}.ndjson`)
      await someFile(file, EVENTS)
      const node = await testEventStore()
      let kills = 0
      for (;;) {
        const child = spawn(process.execPath, [MAIN, 'log', 'import', file, '--to', node.url], {
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        let said = ''
        child.stdout.on('data', (text) => {
          said += text
        })
        // It is killed after it has begun to append, at any point.
        const log = connectEventLog({ url: node.url })
        const newest = async () => {
          const read = await log.readAll({ direction: 'backwards', limit: 1 })()
          return read._tag === 'Right' ? (read.right[0]?.position ?? -1n) : -1n
        }
        const exit = once(child, 'exit')
        const before = await newest()
        while (child.exitCode === null && (await newest()) === before)
          await new Promise((resolve) => setTimeout(resolve, 2))
        await log.close()
        // The first time early enough that it is not over yet, however fast the machine is.
        const timer = setTimeout(() => child.kill('SIGKILL'), Math.random() * (kills === 0 ? 20 : 400))
        const [code] = await exit
        clearTimeout(timer)
        if (code === 0) {
          assert.match(said, /events appended\./)
          break
        }
        assert.is(child.signalCode, 'SIGKILL')
        kills += 1
        // Each third time, the node is killed, too.
        if (kills % 3 === 0) {
          await node.kill()
          await node.restart()
        }
      }
      assert.ok(kills > 0)
      await sameLog(dir, file, node.url)
      await node.stop()
    },
  )

imports(
  'given lost connections and a node that is killed meanwhile, then the import continues, in order',
  async ({ dir }) => {
    const file = join(dir, 'cut.ndjson')
    await someFile(file, 1_500)
    const node = await testEventStore()
    const proxy = await startProxy({ targetPort: node.port })
    const log = connectOrderedEventLog({ url: proxy.url, appendTimeoutMs: 1_000, heartbeatMs: 500 })
    let faults = 0
    let isOver = false
    let appended = 0
    const trouble = (async () => {
      while (!isOver) {
        const seen = appended
        while (!isOver && appended < seen + 150) await new Promise((resolve) => setTimeout(resolve, 2))
        faults += 1
        if (faults % 4 === 0) {
          await node.kill()
          await node.restart()
        } else if (faults % 4 === 1) proxy.reset()
        else proxy.cutAfter(Math.floor(Math.random() * 20_000), faults % 4 === 2 ? 'up' : 'down')
      }
    })()
    const imported = await importLog(log, file, (done) => {
      appended = done
    }).finally(() => {
      isOver = true
      proxy.heal()
    })
    await trouble
    await log.close()
    assert.is(imported.appended, (await kept(file)).length)
    assert.ok(faults > 3, `${faults} faults`)
    await sameLog(dir, file, node.url)
    await proxy.close()
    await node.stop()
  },
)

imports(
  'given a file with a line that is too large for the server, then everything before it is imported, and no more',
  async ({ dir }) => {
    const file = join(dir, 'large.ndjson')
    await someFile(file, 300)
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n')
    const large = JSON.parse(lines[200]!)
    large.data = { text: 'x'.repeat(1_200_000) }
    lines[200] = JSON.stringify(large)
    await writeFile(file, `${lines.join('\n')}\n`)
    const node = await testEventStore()
    const log = connectOrderedEventLog({ url: node.url })
    const message = await importLog(log, file, () => {}).then(
      () => '',
      (error: Error) => error.message,
    )
    assert.match(message, /AppendTooLarge/)
    const there = await log.readAll({ limit: 1_000 })()
    assert.ok(there._tag === 'Right')
    const ids = there.right.filter(({ type }) => !type.startsWith('$')).map(({ id }) => id)
    assert.equal(
      ids,
      lines.slice(0, ids.length).map((line) => JSON.parse(line).id),
    )
    assert.ok(ids.length > 150 && ids.length <= 200, `${ids.length}`)
    await log.close()
    await node.stop()
  },
)

imports.run()
