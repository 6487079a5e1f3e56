import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeRecorded } from '../../domain/codec.ts'
import { spaceKey, streamName } from '../../domain/names.ts'
import type { Commands, EventLog, LogSubscription, SubscriptionItem } from '../../domain/ports.ts'
import { account, join, pathOn, ROOM, uuid } from '../../infra/testing/command-path.ts'
import { type MemoryLog, memoryLog } from '../../infra/testing/memory-log.ts'
import type { News } from '../../projections/live/wire.ts'
import { type LiveFeed, startFeed } from './feed.ts'
import { listenIn } from './live-space.ts'

const test = suite('the live feed')
const ALICE = account('alice')
const CHAT = streamName('chat', ROOM)

/** A subscription that brings only what a test hands it. */
const byHand = () => {
  const waiting: Array<ReadonlyArray<SubscriptionItem>> = []
  let wake: () => void = () => {}
  let isStopped = false
  const subscription: LogSubscription = {
    state: () => ({ state: 'live', since: new Date(0), position: null, lastError: null, reconnects: 0 }),
    stop: async () => {
      isStopped = true
      wake()
    },
    async *[Symbol.asyncIterator]() {
      while (!isStopped) {
        const next = waiting.shift()
        if (next !== undefined) yield next
        else
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
    },
  }
  const bring = (items: ReadonlyArray<SubscriptionItem>) => {
    waiting.push(items)
    wake()
  }
  return { subscription, bring }
}

type Rig = {
  log: MemoryLog
  commands: Commands
  feed: LiveFeed
  told: News[]
  alarms: string[]
  bring: (stream: string, ...revisions: number[]) => void
  /** As `bring`, where the feed wants the stream; else they are passed. Returns whether it does. */
  bringWanted: (stream: string, ...revisions: number[]) => boolean
  /** The subscription has begun, and brought all that there is from where it began. */
  catchUp: () => void
  say: (n: number) => Promise<void>
  until: (what: () => boolean) => Promise<void>
}
const rig = async (): Promise<Rig> => {
  const log = memoryLog()
  const commands = pathOn(log)
  const { subscription, bring } = byHand()
  const told: News[] = []
  const alarms: string[] = []
  let wants: (stream: string) => boolean = () => true
  const following: EventLog = {
    ...log,
    subscribe: (options) => {
      wants = options.wants ?? wants
      return subscription
    },
  }
  const feed = startFeed({
    log: following,
    commands,
    outlet: { emit: (_, news) => void told.push(...news) },
    logger: { info: () => {}, warn: () => {}, error: (_, message) => void alarms.push(message) },
    metrics: {},
  })
  const joined = await commands.space({ id: uuid(1), by: ALICE, space: ROOM, command: join(1) })()
  assert.ok(E.isRight(joined))
  const until = async (what: () => boolean) => {
    const deadline = Date.now() + 45_000
    while (!what()) {
      if (Date.now() > deadline) throw new Error('it never came to be')
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return {
    log,
    commands,
    feed,
    told,
    alarms,
    until,
    bring: (stream, ...revisions) =>
      bring(
        revisions.map((revision) => {
          const event = log.stream(stream)[revision]
          assert.ok(event)
          return { kind: 'event', event }
        }),
      ),
    bringWanted: (stream, ...revisions) => {
      const isWanted = wants(stream)
      bring(
        revisions.map((revision) => {
          const event = log.stream(stream)[revision]
          assert.ok(event)
          return { kind: isWanted ? 'event' : 'passed', event }
        }),
      )
      return isWanted
    },
    catchUp: () => bring([{ kind: 'caught-up' }]),
    say: async (n) => {
      const command = {
        type: 'PostMessage',
        messageId: uuid(n, 7),
        subspace: 'main',
        content: `m${n}`,
        messageType: 'text',
        parentMessageId: null,
      } as const
      const said = await commands.chat({ id: uuid(n, 9), by: ALICE, space: ROOM, command })()
      assert.ok(E.isRight(said))
    },
  }
}
const revisions = (told: ReadonlyArray<News>) => told.map(({ payload }) => payload.revision)

const live = async ({ feed }: Rig) => {
  const hold = await feed.hold(ROOM)
  if (E.isLeft(hold)) throw new Error('not held')
  listenIn(hold.right.live, 'main', false)
  return hold.right
}

test('given a room that nobody here is in and that no command was for, then its events are not wanted, and whoever enters meanwhile misses nothing', async () => {
  const it = await rig()
  const other = { type: 'post', id: 'alice/elsewhere' } as const
  const [id, stream] = [uuid(50), streamName('space', other)]
  const isWanted = () => it.bringWanted(stream, 0)
  const elsewhere = pathOn(it.log)
  assert.ok(E.isRight(await elsewhere.space({ id, by: ALICE, space: other, command: join(50) })()))
  assert.not(isWanted())
  const hold = await it.feed.hold(other)
  assert.ok(E.isRight(hold))
  assert.is(hold.right.live.state.sessions.size, 1)
  assert.ok(isWanted())
  await it.feed.close()
})

test('given events from before the space was loaded, when the subscription brings them late, then they are not sent', async () => {
  const it = await rig()
  for (const n of [1, 2, 3]) await it.say(n)
  const hold = await live(it)
  assert.is(hold.live.chatSeq.last, 2n)
  assert.is(hold.live.position, it.log.stream(CHAT)[2]?.position, 'what is on the log up to here is no news')
  assert.is(hold.live.state.sessions.size, 1)
  await it.say(4)
  it.bring(streamName('space', ROOM), 0, 1)
  it.bring(CHAT, 0, 1, 2, 3)
  await it.until(() => it.told.length > 0)
  assert.equal(revisions(it.told), ['3'])
  await it.feed.close()
})

test('given a subscription that skips some events, then these are read from the stream, and sent in order', async () => {
  const it = await rig()
  await live(it)
  for (const n of [1, 2, 3, 4, 5]) await it.say(n)
  it.bring(CHAT, 0, 3)
  it.bring(CHAT, 3, 4)
  await it.until(() => it.told.length >= 5)
  assert.equal(revisions(it.told), ['0', '1', '2', '3', '4'])
  assert.equal(it.alarms, [])
  await it.feed.close()
})

test('given a space whose chat was read before the subscription began, and that is loaded after, then what came in between is sent', async () => {
  const it = await rig()
  await it.say(1)
  let goOn = (): void => {}
  const isRead = new Promise<void>((resolve) => {
    goOn = resolve
  })
  let isHeldUp = false
  it.log.pause = async (what, stream) => {
    if (what !== 'read' || stream !== streamName('space', ROOM) || isHeldUp) return
    isHeldUp = true
    await isRead
  }
  const before = it.log.counts.reads
  const loading = live(it)
  await it.until(() => isHeldUp && it.log.counts.reads > before)
  await it.say(2)
  it.catchUp()
  goOn()
  await loading
  await it.until(() => it.told.length > 0)
  assert.equal(revisions(it.told), ['1'])
  await it.feed.close()
})

test('given an event that can’t be read, then there is an alarm, the room is told to join again, and news goes on', async () => {
  const it = await rig()
  await live(it)
  await it.say(1)
  const broken = { id: uuid(99), type: 'MessagePosted', data: { nonsense: true }, metadata: {} }
  assert.ok(E.isRight(await it.log.append(CHAT, 0n, [broken])()))
  const good = it.log.stream(CHAT)[0]
  assert.ok(good)
  const { type, data, metadata } = good
  assert.ok(E.isRight(await it.log.append(CHAT, 1n, [{ id: uuid(98), type, data, metadata }])()))
  it.bring(CHAT, 0, 1, 2)
  await it.until(() => it.told.length >= 3)
  assert.equal(
    it.told.map(({ event, payload }) => [event, payload.code ?? null, payload.revision]),
    [
      ['chat-message', null, '0'],
      ['space-error', 'resync', '1'],
      ['chat-message', null, '2'],
    ],
  )
  assert.is(it.alarms.length, 1)
  await it.feed.close()
})

test('given that the last holder of a space releases it, then nothing of it is kept, and it can be loaded again', async () => {
  const it = await rig()
  const [one, two] = [await live(it), await it.feed.hold(ROOM)]
  assert.is(it.feed.spaces(), 1)
  one.release()
  one.release()
  assert.is(it.feed.spaces(), 1)
  if (E.isRight(two)) two.right.release()
  assert.is(it.feed.spaces(), 0)
  const again = await it.feed.hold(ROOM)
  assert.ok(E.isRight(again) && again.right.live.key === spaceKey(ROOM))
  await it.feed.close()
})

test('given a log that is away, when a space is loaded, then that fails and is not remembered', async () => {
  const it = await rig()
  it.log.onRead = () => 'unavailable'
  assert.ok(E.isLeft(await it.feed.hold(ROOM)))
  assert.is(it.feed.spaces(), 0)
  it.log.onRead = () => null
  assert.ok(E.isRight(await it.feed.hold(ROOM)))
  await it.feed.close()
})

/** Fast path and subscription race each other, with repeats, reorderings and losses; the log decides. */
test('given any race between fast path and subscription, then each revision is sent once and in order', async () => {
  for (let round = 0; round < 12; round += 1) {
    const it = await rig()
    await live(it)
    let seed = round * 7_919 + 1
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff
      return seed % below
    }
    let brought = 0
    const count = 30
    for (let n = 0; n < count; n += 1) {
      await it.say(n)
      const fast = it.log.stream(CHAT)[random(n + 1)]
      if (fast !== undefined && random(2) === 0) {
        const decoded = decodeRecorded(fast)
        assert.ok(E.isRight(decoded) && decoded.right.kind === 'chat')
        const { event, revision, position } = decoded.right
        it.feed.offerAccepted('chat', ROOM, { events: [event], revision, position })
      }
      if (random(3) === 0) {
        const back = Math.max(0, brought - random(4))
        it.bring(
          CHAT,
          ...Array.from({ length: n + 1 - back }, (_, i) => back + i).filter(() => random(8) > 0),
        )
        brought = n
      }
      if (random(3) === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    it.bring(CHAT, count - 1)
    await it.until(() => it.told.length >= count)
    assert.equal(
      revisions(it.told),
      Array.from({ length: count }, (_, i) => String(i)),
    )
    await it.feed.close()
  }
})

test.run()
