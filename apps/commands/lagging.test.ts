/** Commands on a log whose reads may lag behind its refusals. */
import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { appendSettled } from '../../adapters/eventstore/settle.ts'
import { streamName } from '../../domain/names.ts'
import { account, asking, join, pathOn, ROOM, uuid } from '../../infra/testing/command-path.ts'
import { testEventStore } from '../../infra/testing/eventstore.ts'
import { laggingLog } from '../../infra/testing/lagging-log.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'

const test = suite('a read that lags behind a refusal')
const STREAM = streamName('space', ROOM)

const nodes = (reads: number) => {
  const log = memoryLog()
  const fromStart: string[] = []
  const lagging = laggingLog(
    {
      ...log,
      readStream: (stream, read) => {
        if (stream === STREAM && (read.from ?? 0n) === 0n) fromStart.push(stream)
        return log.readStream(stream, read)
      },
    },
    reads,
  )
  return { log, lagging, fromStart, here: pathOn(lagging), elsewhere: pathOn(log) }
}
const sessions = (log: ReturnType<typeof memoryLog>) =>
  log.stream(STREAM).filter(({ type }) => type === 'SessionJoined').length

for (const reads of [1, 3, 12])
  test(`given another node that was faster, when ${reads} reads still show less than the refusal named, then that is waited for, not everything is read again, and the command is carried out once`, async () => {
    const { log, lagging, fromStart, here, elsewhere } = nodes(reads)
    assert.ok(E.isRight(await here.space(asking(uuid(1), account('bob'), join(1)))()))
    const readBefore = fromStart.length
    for (const n of [2, 3, 4])
      assert.ok(E.isRight(await elsewhere.space(asking(uuid(n), account(`visitor-${n}`), join(n)))()))
    const answer = await here.space(asking(uuid(5), account('erin'), join(5)))()
    assert.ok(E.isRight(answer))
    assert.is(lagging.stale(), reads)
    assert.is(fromStart.length, readBefore, 'nothing was read from the start again')
    assert.is(sessions(log), 5)
  })

test('given a stream that is opened elsewhere at the same moment, then it is read as soon as it is visible', async () => {
  const { log, lagging, here, elsewhere } = nodes(4)
  let first = true
  log.pause = async (what, stream) => {
    if (!first || what !== 'append' || stream !== STREAM) return
    first = false
    await elsewhere.space(asking(uuid(2), account('carol'), join(2)))()
  }
  assert.ok(E.isRight(await here.space(asking(uuid(1), account('bob'), join(1)))()))
  assert.is(lagging.stale(), 4)
  assert.equal(
    log.stream(STREAM).map(({ type }) => type),
    ['SpaceOpened', 'SessionJoined', 'SessionJoined'],
  )
})

test('given an event that was named but never becomes visible, then the caller is told in time to try again, and nothing is written', async () => {
  const { log, lagging, elsewhere } = nodes(1_000_000)
  const here = pathOn(lagging, { tuning: { unavailableMs: 50 } })
  assert.ok(E.isRight(await here.space(asking(uuid(1), account('bob'), join(1)))()))
  await elsewhere.space(asking(uuid(2), account('carol'), join(2)))()
  const answer = await here.space(asking(uuid(3), account('erin'), join(3)))()
  assert.is(E.isLeft(answer) && answer.left._tag, 'Unavailable')
  assert.is(sessions(log), 2)
})

test('given an append of ours that succeeded unanswered, when it is not visible yet, then the answer is not a refusal', async () => {
  const log = memoryLog()
  const events = [1, 2].map(() => ({ id: randomUUID(), type: 'Said', data: {}, metadata: {} }))
  // The connection broke after the write; since then the server has forgotten the ids, and at first it shows none of the events.
  let appends = 0
  let reads = 0
  const answer = await appendSettled({
    append: (stream, expected, them) => async () => {
      if (++appends > 1) return E.left({ _tag: 'WrongExpectedRevision', actual: 1n })
      await log.append(stream, expected, them)()
      return E.left({ _tag: 'OutcomeUnknown', cause: 'cut' })
    },
    readStream: (stream, read) => async () => {
      const all = await log.readStream(stream, read)()
      reads += 1
      return E.isLeft(all) ? all : E.right(all.right.slice(0, Math.max(0, reads - 3)))
    },
  })('s', 'none', events)()
  assert.equal(answer, E.right({ revision: 1n, position: 200n }))
  assert.is(appends, 2)
})

test('given two processes on a node that lags, when many join one space at once through both, then each is in once, and no process reports another log', async () => {
  const node = await testEventStore({ args: ['--lag', '10'] })
  const logs = [0, 1].map(() => connectEventLog({ url: node.url }))
  const reads: string[] = []
  const paths = logs.map((log) =>
    pathOn({
      ...log,
      readStream: (stream, read) => {
        if (stream === STREAM && read.direction !== 'backwards' && (read.from ?? 0n) === 0n)
          reads.push(stream)
        return log.readStream(stream, read)
      },
    }),
  )
  try {
    assert.ok(E.isRight(await paths[0]!.space(asking(uuid(1), account('bob'), join(1)))()))
    assert.ok(E.isRight(await paths[1]!.space(asking(uuid(2), account('carol'), join(2)))()))
    const before = reads.length
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        paths[n % 2]!.space(asking(uuid(10 + n), account(`visitor-${n}`), join(10 + n)))(),
      ),
    )
    assert.equal(answers.filter(E.isLeft), [])
    assert.is(reads.length, before, 'nothing was read from the start again')
    const events = await logs[0]!.readStream(STREAM, { limit: 1_000 })()
    assert.ok(E.isRight(events))
    assert.is(events.right.filter(({ type }) => type === 'SessionJoined').length, 42)
  } finally {
    await Promise.all(paths.map((path) => path.drain()))
    await Promise.all(logs.map((log) => log.close()))
    await node.stop()
  }
})

test.run()
