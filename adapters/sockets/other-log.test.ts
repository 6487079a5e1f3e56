/** A server that goes on running while its log is replaced: by an older backup, by another log, or by a copy elsewhere. */
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { streamName } from '../../domain/names.ts'
import type { EventLog } from '../../domain/ports.ts'
import { account, asking, join, pathOn, ROOM, uuid } from '../../infra/testing/command-path.ts'
import { type MemoryLog, memoryLog } from '../../infra/testing/memory-log.ts'
import { until } from '../../infra/testing/until.ts'
import type { News } from '../../projections/live/wire.ts'
import { startFeed } from './feed.ts'

const test = suite('a live feed whose log is swapped')
const SPACE = streamName('space', ROOM)
const ok = async (answer: Promise<E.Either<unknown, unknown>>) => assert.ok(E.isRight(await answer))

const world = async () => {
  const state = { log: memoryLog(), reconnects: 0, over: 0 }
  const log: EventLog = {
    append: (...args) => state.log.append(...args),
    readStream: (...args) => state.log.readStream(...args),
    readAll: (...args) => state.log.readAll(...args),
    // A subscription that began on the previous log receives nothing of the next, since its position lies beyond that one's end.
    subscribe: (options) => {
      const mine = state.log.subscribe(options)
      const began = state.reconnects
      return {
        state: () => ({ ...mine.state(), reconnects: state.reconnects - began }),
        stop: mine.stop,
        [Symbol.asyncIterator]: () => mine[Symbol.asyncIterator](),
      }
    },
    health: () => state.log.health(),
    close: async () => {},
  }
  const commands = pathOn(log)
  const told: News[] = []
  const feed = startFeed({
    log,
    commands,
    outlet: { emit: (_, news) => void told.push(...news) },
    logger: { info: () => {}, warn: () => {}, error: () => {} },
    metrics: {},
    onOtherLog: () => {
      state.over += 1
    },
    lookMs: 5,
  })
  for (const n of [1, 2, 3]) await ok(commands.space(asking(uuid(n), account(`visitor-${n}`), join(n)))())
  const hold = await feed.hold(ROOM)
  assert.ok(E.isRight(hold))
  const { live } = hold.right
  await ok(commands.space(asking(uuid(4), account('visitor-4'), join(4)))())
  await until('it is told', () => live.state.sessions.size === 4)
  const swap = (to: MemoryLog) => {
    state.log = to
    state.reconnects += 1
  }
  return { state, feed, live, commands, swap }
}

const older = (log: MemoryLog): MemoryLog => {
  const back = memoryLog()
  back.add(log.all().slice(0, 2))
  return back
}
const others = async (): Promise<MemoryLog> => {
  const log = memoryLog()
  for (const n of [11, 12]) await ok(pathOn(log).space(asking(uuid(n), account(`other-${n}`), join(n)))())
  return log
}
const moved = (log: MemoryLog): MemoryLog => {
  const copy = memoryLog()
  copy.push('somewhere-else', { id: uuid(77, 7), type: 'Noise', data: {}, metadata: {} })
  for (const { stream, id, type, data, metadata } of log.all())
    copy.push(stream, { id, type, data, metadata })
  return copy
}

const kinds = {
  'an older backup': async (log: MemoryLog) => older(log),
  'another log': others,
  'a copy, its events elsewhere': async (log: MemoryLog) => moved(log),
}
for (const [what, make] of Object.entries(kinds))
  test(`given ${what}, then everybody here has to connect again, rooms are as on the new log, and get what others write to it`, async () => {
    const { state, feed, live, commands, swap } = await world()
    const next = await make(state.log)
    swap(next)
    await until('it starts over', () => state.over === 1)
    const joined = () => next.stream(SPACE).filter(({ type }) => type === 'SessionJoined').length
    assert.is(live.state.sessions.size, joined())
    // Appended by another server, and by this one.
    await ok(pathOn(next).space(asking(uuid(21), account('newcomer'), join(21)))())
    await until('it is told', () => live.state.sessions.has('session-21'))
    await ok(commands.space(asking(uuid(22), account('returner'), join(22)))())
    await until('it is told', () => live.state.sessions.has('session-22'))
    assert.equal([state.over, live.state.sessions.size], [1, joined()])
    assert.is(feed.state().reconnects, 1)
    await feed.close()
  })

test('given a new connection to the same log, then no client notices', async () => {
  const { state, feed, live, commands, swap } = await world()
  const { reads } = state.log.counts
  swap(state.log)
  await until('it was looked at', () => state.log.counts.reads > reads)
  await ok(commands.space(asking(uuid(5), account('visitor-5'), join(5)))())
  await until('it is told', () => live.state.sessions.size === 5)
  assert.is(state.over, 0)
  await feed.close()
})

test.run()
