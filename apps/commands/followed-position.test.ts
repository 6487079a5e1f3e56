import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RecordedEvent } from '../../domain/ports.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { createFollowed } from './followed-position.ts'
import type { Model } from './model.ts'
import { createStreamState } from './stream-state.ts'

const following = suite('followed')

following(
  'given an event of ours, when it has arrived, then everything from before it was sent has arrived',
  () => {
    const followed = createFollowed(() => 0)
    followed.appended(1_000, 500n)
    followed.passed(499n)
    assert.is(followed.to(0), Number.NEGATIVE_INFINITY)
    followed.passed(500n)
    assert.is(followed.to(0), 1_000)
  },
)

following('given an event that arrived before its answer, when the next one arrives, then it counts', () => {
  const followed = createFollowed(() => 0)
  followed.passed(500n)
  followed.appended(1_000, 500n)
  assert.is(followed.to(0), Number.NEGATIVE_INFINITY)
  followed.passed(600n)
  assert.is(followed.to(0), 1_000)
})

following(
  'given a stream that was read before the first event arrived, then what arrived says nothing of it until it is read again',
  () => {
    const followed = createFollowed(() => 500)
    followed.appended(1_000, 500n)
    followed.passed(500n)
    assert.is(followed.to(499), Number.NEGATIVE_INFINITY)
    assert.is(followed.to(500), 1_000)
  },
)

/** Counts its events, whatever they are. */
const counting: Model<number, string> = {
  kind: 'space',
  initial: () => 0,
  evolve: (state: number) => state + 1,
  decode: (recorded: RecordedEvent) => E.right({ event: recorded.type, key: recorded.id }),
  fork: (state: number) => state,
  entries: () => 0,
  toSnapshot: (state: number) => state,
  fromSnapshot: () => E.left('none is kept'),
} as unknown as Model<number, string>

const STREAM = 'space-post:alice/a'
const event = { id: 'x', type: 'Happened', data: {}, metadata: {} }

const stateOn = (log: ReturnType<typeof memoryLog>, to: () => number) =>
  createStreamState(
    {
      stream: STREAM,
      model: counting,
      log,
      snapshots: { read: async () => E.right(null), write: async () => null },
      standings: { read: async () => E.right(null), write: async () => null },
    },
    {
      now: () => 0,
      recentCommands: 10,
      recentInSnapshot: 10,
      pageSize: 10,
      followedTo: to,
      onCommitted: () => {},
      onUndecodable: () => {},
      onSnapshot: () => {},
    },
  )

following(
  'given a state with everything that arrived, when it is asked how fresh it is, then it is as fresh as that',
  async () => {
    const log = memoryLog()
    log.push(STREAM, event)
    const state = stateOn(log, () => 7_000)
    await state.load()
    assert.is(state.freshAt(), 7_000)
    log.follow(state.observe)
    log.push(STREAM, event)
    assert.is(state.held()?.state, 2)
    assert.is(state.freshAt(), 7_000)
  },
)

following(
  'given an event that arrived and was not folded, when the state is read again, then it counts again',
  async () => {
    const log = memoryLog()
    log.push(STREAM, event)
    const state = stateOn(log, () => 7_000)
    await state.load()
    log.push(STREAM, event, event)
    state.observe(log.stream(STREAM)[2] as RecordedEvent)
    assert.is(state.freshAt(), 0)
    await state.refresh()
    assert.is(state.held()?.state, 3)
    assert.is(state.freshAt(), 7_000)
  },
)

following.run()
