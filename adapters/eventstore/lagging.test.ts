/** A node that is made to lag as the real server does: it refuses because of events that it does not show yet. */
import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ExpectedRevision, RecordedEvent } from '../../domain/ports.ts'
import { type TestEventStore, testEventStore } from '../../infra/testing/eventstore.ts'
import { connectEventLog, type EventStoreLog } from './index.ts'
import { must } from './testing/helpers.ts'
import { type AppendRecord, type EndRecord, judge } from './testing/history.ts'

const CLIENTS = 4
const APPENDS = Number(process.env.LAG_APPENDS ?? 120)
const STREAM = 'space-post:someone/room'

const test = suite<{ node: TestEventStore; logs: EventStoreLog[] }>('a node that lags')
test.before(async (context) => {
  context.node = await testEventStore({ args: ['--lag', '10'] })
  context.logs = Array.from({ length: CLIENTS }, () => connectEventLog({ url: context.node.url }))
})
test.after(async ({ node, logs }) => {
  await Promise.all(logs.map((log) => log.close()))
  await node.stop()
})

type Run = { told: number; stale: number; readonly history: Array<AppendRecord | EndRecord> }

/** Appends at the end that it knows, and reads where the end is after each refusal. */
const work = async (log: EventStoreLog, run: Run): Promise<void> => {
  let end: bigint | null = null
  while (run.told < APPENDS) {
    const [start, id] = [performance.now(), randomUUID()]
    const expected: ExpectedRevision = end ?? 'none'
    const result = await log.append(STREAM, expected, [{ id, type: 'Happened', data: {}, metadata: {} }])()
    const outcome: AppendRecord['outcome'] = E.isRight(result)
      ? { _tag: 'Appended', ...result.right }
      : result.left
    run.history.push({
      kind: 'append',
      stream: STREAM,
      expected,
      ids: [id],
      start,
      end: performance.now(),
      outcome,
    })
    run.told += 1
    if (E.isRight(result)) end = result.right.revision
    else if (result.left._tag === 'WrongExpectedRevision') {
      const from = performance.now()
      const [last] = must(await log.readStream(STREAM, { direction: 'backwards', limit: 1 })())
      const revision = last?.revision ?? null
      run.history.push({ kind: 'end', stream: STREAM, start: from, end: performance.now(), revision })
      if ((revision ?? -1n) < (result.left.actual ?? -1n)) run.stale += 1
      end = result.left.actual
    } else assert.unreachable(result.left._tag)
  }
}

test('given several writers to one stream, then reads after a refusal may show less than it named, and everything follows the real server’s rule', async ({
  logs,
}) => {
  const run: Run = { told: 0, stale: 0, history: [] }
  await Promise.all(logs.map((log) => work(log, run)))
  const all: RecordedEvent[] = []
  for (;;) {
    const page = must(await logs[0]!.readStream(STREAM, { from: BigInt(all.length), limit: 1_000 })())
    all.push(...page)
    if (page.length < 1_000) break
  }
  assert.ok(run.stale > 0, 'no read lagged')
  assert.equal(judge(all, run.history, { refusalsAhead: true }), [])
  assert.ok(judge(all, run.history).length > 0, 'by our node’s own rule something would be wrong')
  // Acknowledged events can be read at once, however much other reads lag.
  const written = must(
    await logs[0]!.append('chat-own', 'any', [{ id: randomUUID(), type: 'Said', data: {}, metadata: {} }])(),
  )
  const [read] = must(await logs[1]!.readStream('chat-own', { limit: 1 })())
  assert.is(read!.position, written.position)
})

test.run()
