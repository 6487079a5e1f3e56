import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEventLog } from '../../../adapters/eventstore/index.ts'
import { type TestEventStore, testEventStore } from '../../../infra/testing/eventstore.ts'
import { runCommand } from '../dispatcher.ts'
import { log as command } from './command.ts'

type Context = { node: TestEventStore }
const test = suite<Context>('presence log scavenge')
test.before(async (context) => {
  context.node = await testEventStore()
})
test.after(({ node }) => node.stop())

const run = async (...args: string[]) => {
  const said: string[] = []
  const io = { out: (text: string) => void said.push(text), err: (text: string) => void said.push(text) }
  return { code: await runCommand(command, ['scavenge', ...args], io), said: said.join('\n') }
}

test('given a long stream of which only the last event counts, when it is scavenged, then progress is reported to the end, the file is smaller, and no old text is left', async ({
  node,
}) => {
  const log = connectEventLog({ url: node.url })
  try {
    for (let n = 0; n < 10; n++) {
      const events = Array.from({ length: 100 }, (_, i) => ({
        id: crypto.randomUUID(),
        type: 'Said',
        data: { text: `scavenged-words-${n * 100 + i}-${'x'.repeat(1_000)}` },
        metadata: {},
      }))
      assert.is((await log.append('gone', 'any', events)())._tag, 'Right')
    }
    const lastAlone = { id: crypto.randomUUID(), type: '$metadata', data: { $maxCount: 1 }, metadata: {} }
    assert.is((await log.append('$$gone', 'any', [lastAlone])())._tag, 'Right')
    const { code, said } = await run('--from', node.url)
    assert.is(code, 0, said)
    assert.match(said, /is done: 999 events removed, [1-9]\d+ bytes given back/)
    const files = ['events.db', 'events.db-wal'].map((name) => readFileSync(join(node.dataDir, name)))
    const words =
      Buffer.concat(files)
        .toString('latin1')
        .match(/scavenged-words-\d+/g) ?? []
    // A stream's last event stays, because of its number.
    assert.equal([...new Set(words)], ['scavenged-words-999'])
    assert.ok(files[0]!.length < 200_000, `${files[0]!.length} bytes`)
  } finally {
    await log.close()
  }
})

test('given that nothing listens there, then it says so in a sentence', async () => {
  const { code, said } = await run('--from', 'esdb://127.0.0.1:9?tls=false')
  assert.is(code, 1)
  assert.match(said, /^The node at 127\.0\.0\.1:9 can't be reached: /)
})

test('given a file instead of an address, then it ends with 2 and its usage', async () => {
  assert.is((await run('file.ndjson')).code, 2)
})

test.run()
