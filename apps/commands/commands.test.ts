import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChatCommand } from '../../domain/chat/commands.ts'
import type { Caller } from '../../domain/identity.ts'
import { Metadata } from '../../domain/metadata.ts'
import { streamName } from '../../domain/names.ts'
import type { EventLog, RecordedEvent } from '../../domain/ports.ts'
import type { ContentFacts, SpaceCommand } from '../../domain/space/commands.ts'
import {
  account,
  asking,
  contentOf,
  guest,
  join,
  pathOn,
  publicPost,
  ROOM,
  SYSTEM,
  stepClock,
  uuid,
} from '../../infra/testing/command-path.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { until } from '../../infra/testing/until.ts'

const STREAM = streamName('space', ROOM)
const REFUSALS = streamName('refusal', ROOM)
const CHAT = streamName('chat', ROOM)

const right = <L, R>(either: E.Either<L, R>): R => {
  if (E.isLeft(either)) throw new Error(`expected right, got ${JSON.stringify(either.left)}`)
  return either.right
}
const refusalOf = (either: E.Either<unknown, unknown>): string => {
  if (E.isRight(either)) return 'accepted'
  const error = either.left as { _tag: string; refusal?: { _tag: string } }
  return error.refusal?._tag ?? error._tag
}
const types = (events: ReadonlyArray<{ type: string }>): string[] => events.map(({ type }) => type)
const settings = (changes: object): SpaceCommand => ({ type: 'ChangeSettings', changes })
const post = (n: number, content = `message ${n}`, of: object = {}): ChatCommand => ({
  type: 'PostMessage',
  messageId: uuid(n, 0x3e5),
  subspace: 'main',
  content,
  messageType: 'text',
  parentMessageId: null,
  ...of,
})

const deciding = suite('a command')

deciding(
  'given an unused space, when someone joins, then it is opened and joined in one append',
  async () => {
    const log = memoryLog()
    const path = pathOn(log)
    const { revision, position, events } = right(await path.space(asking(uuid(1), account('bob'), join(1)))())
    assert.equal(types(events), ['SpaceOpened', 'SessionJoined'])
    assert.is(revision, 1n)
    assert.is(position, log.stream(STREAM)[1]!.position)
    assert.is(log.counts.appends, 1)
  },
)

deciding(
  'given a sender, when its command is accepted, then every event says who, what, when and why',
  async () => {
    const log = memoryLog()
    const path = pathOn(log)
    await path.space({
      ...asking(uuid(1), { kind: 'guest', id: guest(1).id, claimed: 'alice' }, join(1)),
      client: { ip: '192.0.2.7', userAgent: 'test' },
      correlationId: 'request-1',
    })()
    for (const event of log.stream(STREAM)) {
      assert.ok(Metadata.is(event.metadata))
      const metadata = event.metadata as Metadata
      assert.equal(metadata.command, { id: uuid(1), type: 'JoinSpace' })
      assert.equal(metadata.actor, { kind: 'guest', id: guest(1).id })
      assert.equal(metadata.client, { ip: '192.0.2.7', userAgent: 'test' })
      assert.equal(metadata.grounds, { role: 'none', via: 'public' })
      assert.is(metadata.$correlationId, 'request-1')
      assert.is(metadata.$causationId, uuid(1))
      assert.is(metadata.node, 'node-a')
    }
  },
)

deciding(
  'given a thousand joins at once, when they are carried out, then a few appends contain them all in order',
  async () => {
    const log = memoryLog()
    const path = pathOn(log)
    right(await path.space(asking(uuid(9_999), account('alice'), settings({ max_users: 5_000 })))())
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, (_, n) => path.space(asking(uuid(n), guest(n), join(n)))()),
    )
    answers.forEach((answer, n) => {
      assert.is(right(answer).revision, BigInt(n + 2))
    })
    assert.is(log.stream(STREAM).length, 1_002)
    assert.ok(log.counts.appends <= 8, `${log.counts.appends} appends`)
  },
)

deciding(
  'given commands that share an append, then each gets its own revision, and a position that is not before its own event',
  async () => {
    const log = memoryLog()
    const path = pathOn(log)
    const answers = (
      await Promise.all(Array.from({ length: 5 }, (_, n) => path.space(asking(uuid(n), guest(n), join(n)))()))
    ).map(right)
    assert.is(log.counts.appends, 1)
    const stream = log.stream(STREAM)
    for (const [n, { revision, position, isPositionLater }] of answers.entries()) {
      const own = stream[Number(revision)]!
      assert.is((own.data as { sessionId: string }).sessionId, `session-${n}`)
      assert.ok(position >= own.position)
      // The answer says if its position is not the event's own but a later one.
      assert.is(isPositionLater === true, position !== own.position)
    }
  },
)

deciding(
  'given a newcomer whose key is late, then known people can go on, and the newcomer gets an error',
  async () => {
    const log = memoryLog()
    const asked: string[] = []
    let late: () => void = () => {}
    const path = pathOn(log, {
      keys: {
        has: (subject) => subject === 'bob',
        ask: (subject) => {
          asked.push(subject)
          return new Promise((resolve) => {
            late = () => resolve(E.left({ _tag: 'ContentUnavailable', cause: 'late' }))
          })
        },
      },
    })
    const newcomer = path.space(asking(uuid(1), account('carol'), join(1)))()
    right(await path.space(asking(uuid(2), account('bob'), join(2)))())
    late()
    assert.equal(await newcomer, E.left({ _tag: 'Unavailable', what: 'postgres', cause: 'late' }))
    assert.equal(types(log.stream(STREAM)), ['SpaceOpened', 'SessionJoined'])
    assert.equal(asked, ['carol'])
  },
)

deciding(
  'given a space that the caller may not know of, then no key is requested, so it takes as long as a missing space',
  async () => {
    const hidden = (): ContentFacts => ({ ...publicPost(null), visibility: 'private', role: null })
    const keys = { has: () => false, ask: () => Promise.reject(new Error('asked')) }
    const path = pathOn(memoryLog(), { content: contentOf(hidden), keys })
    assert.is(refusalOf(await path.space(asking(uuid(1), account('carol'), join(1)))()), 'SpaceNotFound')
  },
)

deciding(
  'given large commands, when they come at once, then no append is larger than the log accepts',
  async () => {
    const log = memoryLog()
    let largest = 0
    log.onAppend = (_, events) => {
      largest = Math.max(largest, Buffer.byteLength(JSON.stringify(events)))
      return null
    }
    const path = pathOn(log)
    right(await path.space(asking(uuid(9_999), account('alice'), settings({ max_users: 5_000 })))())
    const avatarData = { look: 'é'.repeat(8_000) }
    const answers = await Promise.all(
      Array.from({ length: 150 }, (_, n) =>
        path.space(asking(uuid(n), account(`user${n}`), join(n, { avatarData })))(),
      ),
    )
    assert.ok(answers.every(E.isRight))
    assert.is(log.stream(STREAM).length, 152)
    assert.ok(largest < 900_000, String(largest))
  },
)

deciding(
  'given a space that was never used, when it is read, then it is null; once used, it is its state',
  async () => {
    const path = pathOn(memoryLog())
    assert.is(right(await path.look(ROOM)()), null)
    await path.space(asking(uuid(1), account('bob'), join(1)))()
    const seen = right(await path.look(ROOM)())
    assert.is(seen?.revision, 1n)
    assert.is(seen?.state.sessions.size, 1)
  },
)

deciding('given a state that was read, when the space changes, then the state stays as it was', async () => {
  const path = pathOn(memoryLog())
  await path.space(asking(uuid(1), account('bob'), join(1)))()
  const seen = right(await path.look(ROOM)())
  await path.space(asking(uuid(2), account('carol'), join(2)))()
  assert.is(seen?.state.sessions.size, 1)
})

deciding('given another process’s events, when a space is read, then they are in its state', async () => {
  const log = memoryLog()
  const [a, b] = [pathOn(log), pathOn(log)]
  await a.space(asking(uuid(1), account('bob'), join(1)))()
  right(await b.look(ROOM)())
  await a.space(asking(uuid(2), account('carol'), join(2)))()
  assert.is(right(await b.look(ROOM)())?.state.sessions.size, 2)
})

deciding.run()

const repeats = suite('a repeated command')

repeats(
  'given a join that was carried out, when the same id comes again, then it gets the first answer and appends nothing',
  async () => {
    const log = memoryLog()
    const path = pathOn(log)
    const first = right(await path.space(asking(uuid(1), account('bob'), join(1)))())
    await path.space(asking(uuid(2), account('carol'), join(2)))()
    const again = right(await path.space(asking(uuid(1), account('bob'), join(1)))())
    assert.equal(again, first)
    assert.is(log.stream(STREAM).length, 3)
  },
)

repeats(
  'given an id that was used for a change since undone, when it comes again, then nothing is done again',
  async () => {
    const log = memoryLog()
    const path = pathOn(log)
    const ban: SpaceCommand = { type: 'Ban', subject: 'bob', reason: null, until: null }
    const first = right(await path.space(asking(uuid(1), account('alice'), ban))())
    await path.space(asking(uuid(2), account('alice'), { type: 'Unban', subject: 'bob', reason: null }))()
    const again = right(await path.space(asking(uuid(1), account('alice'), ban))())
    assert.is(again.revision, first.revision)
    assert.is(right(await path.look(ROOM)())?.state.bans.size, 0)
  },
)

repeats(
  'given a long log after a command, when the command comes again, then no more of the log is read than necessary',
  async () => {
    const log = memoryLog()
    let read = 0
    const counted: EventLog = {
      ...log,
      readStream: (stream, asked) => async () => {
        const page = await log.readStream(stream, asked)()
        if (E.isRight(page)) read += page.right.length
        return page
      },
    }
    const path = pathOn(counted)
    right(await path.space(asking(uuid(9_999), account('alice'), settings({ max_users: 5_000 })))())
    const joins = Array.from({ length: 1_000 }, (_, n) => asking(uuid(n + 1), guest(n), join(n)))
    await Promise.all(joins.map((one) => path.space(one)()))
    const few = asking<SpaceCommand>(uuid(9_998), account('alice'), {
      type: 'Ban',
      subject: 'bob',
      reason: null,
      until: null,
    })
    const many = asking<SpaceCommand>(uuid(9_997), account('alice'), settings({ guests_allowed: false }))
    const first = [right(await path.space(few)()), right(await path.space(many)())]
    for (let n = 0; n < 50; n++)
      right(await path.space(asking(uuid(n, 7), account(`user-${n}`), join(2_000 + n)))())
    read = 0
    assert.equal(right(await path.space(joins[0]!)()).revision, 2n)
    assert.ok(read <= 8, `${read} events`)
    assert.equal([right(await path.space(few)()), right(await path.space(many)())], first)
  },
)

repeats(
  'given a restart, with a snapshot and without, when an id comes again, then it gets the first answer',
  async () => {
    for (const snapshotEvery of [3, 1_000_000]) {
      const log = memoryLog()
      const path = pathOn(log, { tuning: { snapshotEvery } })
      const ban: SpaceCommand = { type: 'Ban', subject: 'bob', reason: null, until: null }
      const first = right(await path.space(asking(uuid(1), account('alice'), ban))())
      await path.space(asking(uuid(2), account('alice'), { type: 'Unban', subject: 'bob', reason: null }))()
      for (let n = 3; n < 20; n++) await path.space(asking(uuid(n), guest(n), join(n)))()
      await path.drain()
      const again = right(await pathOn(log).space(asking(uuid(1), account('alice'), ban))())
      assert.is(again.revision, first.revision)
      assert.equal(again.events, first.events)
      assert.is(log.stream(STREAM).length, 20)
    }
  },
)

repeats(
  'given another sender’s command id, when someone uses it, then neither learns about nor blocks the other',
  async () => {
    const log = memoryLog()
    const path = pathOn(log)
    right(await path.space(asking(uuid(1), account('bob'), join(1)))())
    const other = right(await path.space(asking(uuid(1), account('carol'), join(2)))())
    assert.equal(types(other.events), ['SessionJoined'])
    assert.is(log.stream(STREAM).length, 3)
    assert.is.not(log.stream(STREAM)[1]!.id, log.stream(STREAM)[2]!.id)
  },
)

repeats(
  'given the same command twice in one turn, when they are carried out, then one is appended and both get its answer',
  async () => {
    const log = memoryLog()
    const path = pathOn(log)
    const ban = asking<SpaceCommand>(uuid(1), account('alice'), {
      type: 'Ban',
      subject: 'bob',
      reason: null,
      until: null,
    })
    const [a, b] = await Promise.all([path.space(ban)(), path.space(ban)()])
    assert.equal(right(a), right(b))
    assert.is(log.stream(STREAM).length, 2)
  },
)

repeats(
  'given a command that changed nothing, when it comes again later, then it still changes nothing',
  async () => {
    const log = memoryLog()
    const path = pathOn(log)
    const by = account('alice')
    const unban: SpaceCommand = { type: 'Unban', subject: 'bob', reason: null }
    await path.space(asking(uuid(9), account('bob'), join(1)))()
    assert.equal(right(await path.space(asking(uuid(1), by, unban))()).events, [])
    await path.space(asking(uuid(2), by, { type: 'Ban', subject: 'bob', reason: null, until: null }))()
    assert.equal(right(await path.space(asking(uuid(1), by, unban))()).events, [])
    assert.is(right(await path.look(ROOM)())?.state.bans.size, 1)
  },
)

/** A command whose id the caller chose. */
const chosen = <C>(id: string, by: Caller, command: C) => ({ ...asking(id, by, command), isIdChosen: true })
const EDIT: ChatCommand = { type: 'EditMessage', messageId: uuid(1, 0x3e5), content: 'message 1' }

repeats(
  'given a chosen id, when it comes again with the same command, then it gets the first answer; with another command, an error, and nothing is done: in the same process, in another one and after a restart',
  async () => {
    const log = memoryLog()
    const path = pathOn(log)
    const by = account('alice')
    const ban = (of: object): SpaceCommand => ({
      type: 'Ban',
      subject: 'bob',
      reason: null,
      until: null,
      ...of,
    })
    const first = right(await path.space(chosen(uuid(1), by, ban({})))())
    const said = right(await path.chat(chosen(uuid(1), by, post(1)))())
    await path.drain()
    const before = [log.stream(STREAM).length, log.stream(CHAT).length]
    for (const process of [path, pathOn(log), pathOn(log)]) {
      assert.equal(right(await process.space(chosen(uuid(1), by, ban({})))()).events, first.events)
      assert.equal(right(await process.chat(chosen(uuid(1), by, post(1)))()).events, said.events)
      const others: ReadonlyArray<SpaceCommand> = [
        ban({ subject: 'carol' }),
        ban({ reason: 'other words' }),
        ban({ until: '2027-01-01T00:00:00Z' }),
        { type: 'Unban', subject: 'bob', reason: null },
        settings({ max_users: 5 }),
      ]
      for (const other of others) {
        const answer = await process.space(chosen(uuid(1), by, other))()
        assert.equal(
          E.isLeft(answer) && answer.left._tag === 'Refused' && answer.left.refusal,
          {
            _tag: 'Invalid',
            field: 'idempotency_key',
            detail: 'This Idempotency-Key was used for another call: take a new one.',
          },
          JSON.stringify(other),
        )
      }
      const words = [post(1, 'other words'), post(1, 'message 1', { subspace: 'main-chess' }), post(2), EDIT]
      for (const other of words)
        assert.is(refusalOf(await process.chat(chosen(uuid(1), by, other))()), 'Invalid')
    }
    assert.equal([log.stream(STREAM).length, log.stream(CHAT).length], before)
    assert.is(log.stream(REFUSALS).length, 0)
  },
)

repeats(
  'given a chosen id, then JSON in another order counts as the same, and so does a message whose words were erased',
  async () => {
    const log = memoryLog()
    const by = account('alice')
    const change = (colours: object) => chosen(uuid(1), by, settings({ settings: { colours } }))
    right(await pathOn(log).space(change({ wall: 'red', floor: { a: 1, b: [2, 3] } }))())
    assert.is(
      refusalOf(await pathOn(log).space(change({ floor: { b: [2, 3], a: 1 }, wall: 'red' }))()),
      'accepted',
    )
    assert.is(
      refusalOf(await pathOn(log).space(change({ floor: { b: [3, 2], a: 1 }, wall: 'red' }))()),
      'Invalid',
    )
    right(await pathOn(log).chat(chosen(uuid(1), by, post(1)))())
    const erased: EventLog = {
      ...log,
      readStream: (stream, read) =>
        TE.map((events: ReadonlyArray<RecordedEvent>) =>
          events.map((event) => ({
            ...event,
            data: { ...(event.data as object), content: '', erased: '2026-01-02' },
          })),
        )(log.readStream(stream, read)),
    }
    assert.is(refusalOf(await pathOn(erased).chat(chosen(uuid(1), by, post(1)))()), 'accepted')
    assert.is(
      refusalOf(await pathOn(erased).chat(chosen(uuid(1), by, post(1, 'x', { subspace: 'main-a' })))()),
      'Invalid',
    )
  },
)

repeats(
  'given a message_id, when it comes again after a restart, then it is the same message if the words are the same, else an error',
  async () => {
    const log = memoryLog()
    const path = pathOn(log, { tuning: { snapshotEvery: 3 } })
    const by = account('bob')
    const first = right(await path.chat(asking(uuid(1), by, post(1)))())
    for (let n = 2; n < 8; n++) await path.chat(asking(uuid(n), by, post(n)))()
    await path.chat(asking(uuid(8), by, { ...EDIT, content: 'edited' }))()
    await path.drain()
    const again = pathOn(log)
    const same = right(await again.chat(asking(uuid(11), by, post(1)))())
    assert.equal(same.events, [])
    assert.ok(same.position >= first.position)
    for (const words of ['other words', 'edited'])
      assert.is(refusalOf(await again.chat(asking(uuid(12), by, post(1, words)))()), 'MessageIdTaken')
    assert.is(refusalOf(await again.chat(asking(uuid(13), account('carol'), post(1)))()), 'MessageIdTaken')
    assert.is(log.stream(CHAT).length, 8)
  },
)

repeats('the words of a message are not in what the log keeps of a chosen id', async () => {
  const [one, other] = [memoryLog(), memoryLog()]
  right(await pathOn(one).chat(chosen(uuid(1), account('alice'), post(1, 'yes')))())
  right(await pathOn(other).chat(chosen(uuid(1), account('alice'), post(1, 'no')))())
  const [a, b] = [one, other].map((log) => (log.stream(CHAT)[0]!.metadata as Metadata).asked)
  assert.match(a!, /^[0-9a-f]{32}$/)
  assert.is(a, b)
})

repeats(
  'given a chosen id of a command that changed nothing, when it comes with another command, then the error says so',
  async () => {
    const log = memoryLog()
    const path = pathOn(log)
    const by = account('alice')
    await path.space(asking(uuid(9), account('bob'), join(1)))()
    const unban: SpaceCommand = { type: 'Unban', subject: 'bob', reason: null }
    assert.equal(right(await path.space(chosen(uuid(1), by, unban))()).events, [])
    assert.equal(right(await path.space(chosen(uuid(1), by, unban))()).events, [])
    const other: SpaceCommand = { type: 'Ban', subject: 'bob', reason: null, until: null }
    assert.is(refusalOf(await path.space(chosen(uuid(1), by, other))()), 'Invalid')
    assert.is(right(await path.look(ROOM)())?.state.bans.size, 0)
  },
)

repeats('given one chosen id for two commands in one turn, then the first is carried out', async () => {
  const log = memoryLog()
  const path = pathOn(log)
  const answers = await Promise.all(
    [3, 4].map((max) => path.space(chosen(uuid(1), account('alice'), settings({ max_users: max })))()),
  )
  assert.equal(answers.map(refusalOf), ['accepted', 'Invalid'])
  assert.is(right(await path.look(ROOM)())?.state.settings.max_users, 3)
})

repeats.run()

const faults = suite('a fault')

faults(
  'given two processes, when the other appends first, then the command is decided again on the new state',
  async () => {
    const log = memoryLog()
    const [a, b] = [pathOn(log), pathOn(log)]
    await a.space(asking(uuid(1), account('alice'), settings({ max_users: 1 })))()
    await b.look(ROOM)()
    right(await a.space(asking(uuid(2), account('bob'), join(1)))())
    assert.is(refusalOf(await b.space(asking(uuid(3), account('carol'), join(2)))()), 'SpaceIsFull')
  },
)

faults(
  'given a stale state, when a command would be refused by it, then it is decided by the log’s end',
  async () => {
    const log = memoryLog()
    const [a, b] = [pathOn(log), pathOn(log)]
    await a.space(asking(uuid(1), account('alice'), settings({ max_users: 1 })))()
    await a.space(asking(uuid(2), account('bob'), join(1)))()
    assert.is(refusalOf(await b.space(asking(uuid(3), account('carol'), join(2)))()), 'SpaceIsFull')
    right(
      await a.space(
        asking(uuid(4), account('bob'), { type: 'LeaveSpace', sessionId: 'session-1', reason: 'left' }),
      )(),
    )
    right(await b.space(asking(uuid(5), account('carol'), join(2)))())
  },
)

for (const fault of ['unknown-written', 'unknown-lost', 'unknown-late'] as const)
  faults(`given an append that ends ${fault}, when it is settled, then it is written once`, async () => {
    const log = memoryLog()
    let faulty = 2
    log.onAppend = () => (faulty-- > 0 ? fault : null)
    const path = pathOn(log)
    const { revision } = right(await path.space(asking(uuid(1), account('bob'), join(1)))())
    log.deliverLate()
    assert.is(revision, 1n)
    assert.equal(types(log.stream(STREAM)), ['SpaceOpened', 'SessionJoined'])
    right(await path.space(asking(uuid(2), account('carol'), join(2)))())
    assert.is(log.stream(STREAM).length, 3)
  })

faults(
  'given an unknown outcome and another writer, when ours was written first, then it is found and answered as done',
  async () => {
    const log = memoryLog()
    const [a, b] = [pathOn(log), pathOn(log)]
    await a.space(asking(uuid(1), account('bob'), join(1)))()
    let first = true
    log.onAppend = () => {
      if (!first) return null
      first = false
      return 'unknown-written'
    }
    log.pause = async (what) => {
      if (what !== 'append' || first) return
      log.pause = async () => {}
      right(await b.space(asking(uuid(3), account('dave'), join(3)))())
    }
    const { revision } = right(await a.space(asking(uuid(2), account('carol'), join(2)))())
    assert.is(revision, 2n)
    assert.is(log.stream(STREAM).length, 4)
  },
)

faults(
  'given an outcome that stays unknown, when time is up, then the answer is Unavailable, and the same id finds what was done',
  async () => {
    for (const fault of ['unknown-written', 'unknown-lost'] as const) {
      const log = memoryLog()
      const path = pathOn(log, { tuning: { unknownMs: 100 }, clock: stepClock() })
      await path.space(asking(uuid(1), account('bob'), join(1)))()
      log.onAppend = () => fault
      assert.is(refusalOf(await path.space(asking(uuid(2), account('carol'), join(2)))()), 'Unavailable')
      log.onAppend = () => null
      const again = right(await path.space(asking(uuid(2), account('carol'), join(2)))())
      assert.is(again.revision, 2n)
      assert.is(log.stream(STREAM).length, 3)
    }
  },
)

faults(
  'given an append that succeeds after its sender gave up, when the id comes again, then it is written once',
  async () => {
    const log = memoryLog()
    const path = pathOn(log, { tuning: { unknownMs: 100 } })
    await path.space(asking(uuid(1), account('bob'), join(1)))()
    log.onAppend = () => 'unknown-late'
    assert.is(refusalOf(await path.space(asking(uuid(2), account('carol'), join(2)))()), 'Unavailable')
    log.onAppend = () => null
    log.pause = async (what) => {
      if (what === 'append') log.deliverLate()
    }
    const again = right(await path.space(asking(uuid(2), account('carol'), join(2)))())
    assert.is(again.revision, 2n)
    assert.is(log.stream(STREAM).length, 3)
  },
)

faults(
  'given a log that is down, when a command comes, then the answer is Unavailable; once it is up again, commands are carried out',
  async () => {
    const log = memoryLog()
    const path = pathOn(log, { tuning: { unavailableMs: 50 } })
    log.onAppend = () => 'unavailable'
    assert.is(refusalOf(await path.space(asking(uuid(1), account('bob'), join(1)))()), 'Unavailable')
    log.onRead = () => 'unavailable'
    assert.is(refusalOf(await path.look(ROOM)()), 'Unavailable')
    log.onRead = () => null
    log.onAppend = () => null
    right(await path.space(asking(uuid(1), account('bob'), join(1)))())
    assert.is(log.stream(STREAM).length, 2)
  },
)

faults(
  'given a log that is down and a clock that goes back, when a command comes, then the answer is still Unavailable',
  async () => {
    const log = memoryLog()
    let at = Date.parse('2026-01-01T00:00:00Z')
    const clock = {
      now: () => {
        at -= 60_000
        return at
      },
    }
    const path = pathOn(log, { clock, tuning: { unavailableMs: 20, unknownMs: 20 } })
    for (const fault of ['unavailable', 'unknown-lost'] as const) {
      log.onAppend = () => fault
      assert.is(refusalOf(await path.space(asking(uuid(1), account('bob'), join(1)))()), 'Unavailable')
    }
  },
)

faults(
  'given a writer that is always faster, when the rounds are used up, then the answer is Conflict and nothing is written',
  async () => {
    const log = memoryLog()
    const [a, b] = [pathOn(log, { tuning: { rounds: 3 } }), pathOn(log)]
    let n = 100
    let inside = false
    log.pause = async (what) => {
      if (what !== 'append' || inside) return
      inside = true
      n++
      right(await b.space(asking(uuid(n), guest(n), join(n, { boot: 'boot-b' })))())
      inside = false
    }
    assert.is(refusalOf(await a.space(asking(uuid(1), account('bob'), join(1)))()), 'Conflict')
    assert.not.ok(
      log.stream(STREAM).some(({ data }) => (data as { sessionId?: string }).sessionId === 'session-1'),
    )
  },
)

faults(
  'given an event that can’t be read, when commands come, then they get an error and are not decided without it',
  async () => {
    const log = memoryLog()
    await log.append(STREAM, 'none', [
      { id: uuid(7), type: 'SomethingNew', data: {}, metadata: { schema: 99 } },
    ])()
    const path = pathOn(log)
    assert.is(refusalOf(await path.space(asking(uuid(1), account('bob'), join(1)))()), 'Broken')
  },
)

faults(
  'given Postgres is down, when someone leaves, then they leave; when someone joins, then Unavailable',
  async () => {
    const log = memoryLog()
    let isUp = true
    const path = pathOn(log, {
      content: {
        factsFor: (_, by) => async () =>
          isUp ? E.right(publicPost(by)) : E.left({ _tag: 'ContentUnavailable', cause: 'down' }),
      },
    })
    await path.space(asking(uuid(1), account('bob'), join(1)))()
    isUp = false
    const joined = await path.space(asking(uuid(2), account('carol'), join(2)))()
    assert.equal(joined, E.left({ _tag: 'Unavailable', what: 'postgres', cause: 'down' }))
    right(
      await path.space(
        asking(uuid(3), account('bob'), { type: 'LeaveSpace', sessionId: 'session-1', reason: 'left' }),
      )(),
    )
  },
)

faults.run()

const refused = suite('a refusal')
const full = async (log: ReturnType<typeof memoryLog>, options = {}) => {
  const path = pathOn(log, options)
  await path.space(asking(uuid(9_001), account('alice'), settings({ max_users: 1 })))()
  await path.space(asking(uuid(9_002), account('bob'), join(1)))()
  return path
}

refused(
  'given a full space, when a guest joins, then SpaceIsFull and it is on the log before the answer',
  async () => {
    const log = memoryLog()
    const path = await full(log)
    assert.is(refusalOf(await path.space(asking(uuid(1), guest(1), join(2)))()), 'SpaceIsFull')
    const [event] = log.stream(REFUSALS)
    assert.is(event?.type, 'CommandRefused')
    assert.is((event!.data as { reason: string }).reason, 'space_full')
    assert.equal((event!.metadata as Metadata).actor, { kind: 'guest', id: guest(1).id })
  },
)

refused(
  'when a refused command has something that is not a name, then its refusal is on the log without it',
  async () => {
    const log = memoryLog()
    const path = await full(log)
    const refusedWith = async (n: number, subject: string) => {
      const ban: SpaceCommand = { type: 'Ban', subject, reason: null, until: null }
      assert.is(refusalOf(await path.space(asking(uuid(n), account('dave'), ban))()), 'Forbidden')
      return log.stream(REFUSALS).at(-1)!.data as { target?: string; asked: object }
    }
    assert.is((await refusedWith(1, 'alice')).target, 'alice')
    for (const [i, subject] of ['x'.repeat(16_000), 'a\0b', '\ud800'].entries()) {
      const { target, asked } = await refusedWith(2 + i, subject)
      assert.is(target, undefined)
      assert.ok(JSON.stringify(asked).length < 100)
    }
  },
)

refused(
  'given the log is down for refusals, when a command is refused, then it is answered and counted',
  async () => {
    const log = memoryLog()
    const path = await full(log)
    log.onAppend = (stream) => (stream === REFUSALS ? 'unavailable' : null)
    assert.is(refusalOf(await path.space(asking(uuid(1), guest(1), join(2)))()), 'SpaceIsFull')
    assert.is(path.stats().refusalsLost, 1)
  },
)

refused(
  'given private or missing content, then the answer is SpaceNotFound, and the record has the same length and contains no stranger’s words',
  async () => {
    const nowhere = { type: 'document', id: 'what alice did' } as const
    const hidden = { type: 'document', id: 'what alice has' } as const
    const commands: ReadonlyArray<(n: number) => SpaceCommand> = [
      (n) => join(n),
      () => ({ type: 'EnterSpace', subspace: 'main-chess' }),
      () => ({ type: 'Kick', sessionId: 'somebody’s words', reason: 'more of them' }),
    ]
    for (const [i, command] of commands.entries()) {
      const lengths = [nowhere, hidden].map(async (space) => {
        const log = memoryLog()
        let bytes = 0
        log.onAppend = (stream, events) => {
          bytes += Buffer.byteLength(stream + JSON.stringify(events))
          return null
        }
        const path = pathOn(log, {
          content: contentOf((_, { id }) =>
            id === nowhere.id
              ? { exists: false, title: '', owner: null, visibility: 'private', role: null }
              : { exists: true, title: 'A title', owner: 'alice', visibility: 'private', role: null },
          ),
          clock: { now: () => 1_700_000_000_000 },
        })
        const asked = { ...asking(uuid(i + 1), account('bob'), command(i)), space }
        assert.is(refusalOf(await path.space(asked)()), 'SpaceNotFound')
        await path.drain()
        const [name = '', ...more] = log.names()
        assert.equal(more, [])
        assert.is(name === 'refusal-document:what alice has', space === hidden, name)
        assert.not.match(name + JSON.stringify(log.stream(name)[0]?.data), /alice did|words|more of/)
        return bytes
      })
      const [none, some] = await Promise.all(lengths)
      assert.is(none, some)
    }
  },
)

refused(
  'given a flood of refusals by one caller, then a few are written and the rest are summed up',
  async () => {
    const log = memoryLog()
    const path = await full(log, { refusals: { rate: { perSecond: 0, burst: 3 } } })
    for (let n = 0; n < 20; n++) await path.space(asking(uuid(n), guest(1), join(n + 2)))()
    await path.drain()
    const written = log.stream(REFUSALS)
    assert.is(written.length, 4)
    assert.is((written[3]!.data as { detail: { times: number } }).detail.times, 17)
  },
)

refused('given a refused command, when the same id comes again, then it is on the log once', async () => {
  const log = memoryLog()
  const path = await full(log)
  for (let n = 0; n < 3; n++) await path.space(asking(uuid(1), guest(1), join(2)))()
  assert.is(log.stream(REFUSALS).length, 1)
})

refused.run()

const limited = suite('a limit')

limited(
  'given an account that sends too fast, then it gets SlowDown with the time to come back, and others can go on',
  async () => {
    const log = memoryLog()
    const clock = stepClock()
    const path = pathOn(log, { clock, limits: {} })
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) => path.chat(asking(uuid(n), account('bob'), post(n)))()),
    )
    const slow = answers.filter((answer) => refusalOf(answer) === 'SlowDown')
    assert.ok(slow.length > 100)
    const left = slow[0] as E.Left<{ refusal: { retryAfterSeconds: number } }>
    assert.ok(left.left.refusal.retryAfterSeconds >= 1)
    right(await path.chat(asking(uuid(1), account('carol'), post(1_000)))())
    clock.advance(2_000)
    right(await path.chat(asking(uuid(500), account('bob'), post(500)))())
  },
)

limited('given a full queue, then further commands are told to come back, except leaving', async () => {
  const log = memoryLog()
  const path = pathOn(log, { tuning: { maxQueue: 5 } })
  const answers = await Promise.all([
    ...Array.from({ length: 10 }, (_, n) => path.space(asking(uuid(n), guest(n), join(n)))()),
    path.space(
      asking(uuid(99), guest(1), { type: 'LeaveSpace', sessionId: 'session-1', reason: 'disconnected' }),
    )(),
  ])
  assert.is(answers.filter((answer) => refusalOf(answer) === 'SlowDown').length, 5)
  assert.ok(E.isRight(answers[10]!))
})

limited.run()

const chats = suite('a chat')

chats('given a ban that was just acknowledged, when the banned person writes, then Banned', async () => {
  const log = memoryLog()
  const path = pathOn(log)
  right(await path.chat(asking(uuid(1), account('bob'), post(1)))())
  right(
    await path.space(
      asking(uuid(2), account('alice'), { type: 'Ban', subject: 'bob', reason: null, until: null }),
    )(),
  )
  assert.is(refusalOf(await path.chat(asking(uuid(3), account('bob'), post(3)))()), 'Banned')
})

chats(
  'given another process’s unban, when that person writes here, then they are not refused because of the earlier ban',
  async () => {
    const log = memoryLog()
    const [a, b] = [pathOn(log), pathOn(log)]
    const alice = account('alice')
    right(await a.space(asking(uuid(2), alice, { type: 'Ban', subject: 'bob', reason: null, until: null }))())
    assert.is(refusalOf(await b.chat(asking(uuid(3), account('bob'), post(3)))()), 'Banned')
    right(await a.space(asking(uuid(4), alice, { type: 'Unban', subject: 'bob', reason: null }))())
    right(await b.chat(asking(uuid(5), account('bob'), post(5)))())
  },
)

chats(
  'given a space that people have joined, when the first one writes, then its chat is already loaded',
  async () => {
    const log = memoryLog()
    right(await pathOn(log).chat(asking(uuid(1), account('bob'), post(1)))())
    const path = pathOn(log)
    right(await path.look(ROOM)())
    path.warm(ROOM)
    await until('the chat is read', () => path.stats().busy === 0)
    const reads = log.counts.reads
    right(await path.chat(asking(uuid(2), account('carol'), post(2)))())
    assert.is(log.counts.reads, reads)
  },
)

chats(
  'given another process’s ban that this process has heard of, when the banned person writes, then Banned',
  async () => {
    const log = memoryLog()
    const [a, b] = [pathOn(log), pathOn(log)]
    log.follow(b.observe)
    right(await b.chat(asking(uuid(1), account('bob'), post(1)))())
    right(
      await a.space(
        asking(uuid(2), account('alice'), { type: 'Ban', subject: 'bob', reason: null, until: null }),
      )(),
    )
    const reads = log.counts.reads
    right(await b.chat(asking(uuid(9), account('carol'), post(9)))())
    assert.is(log.counts.reads, reads)
    assert.is(refusalOf(await b.chat(asking(uuid(3), account('bob'), post(3)))()), 'Banned')
  },
)

chats(
  'given a message older than the window, when it is edited, then it is looked up as of the log’s end at that time',
  async () => {
    const log = memoryLog()
    const asked: Array<{ ids: ReadonlyArray<string>; position: bigint }> = []
    const path = pathOn(log, {
      messageLookup: (_, ids, position) => async () => {
        asked.push({ ids, position })
        const facts = {
          author: 'bob',
          subspace: 'main',
          messageType: 'text',
          content: 'message 0',
          parentMessageId: null,
          threadRootId: null,
          edited: false,
          deleted: false,
          reactions: [],
        }
        return E.right(new Map(ids.map((id) => [id, facts])))
      },
    })
    await Promise.all(
      Array.from({ length: 2_500 }, (_, n) =>
        path.chat(asking(uuid(n), account('bob'), post(n, undefined, { fresh: true })))(),
      ),
    )
    const edit: ChatCommand = { type: 'EditMessage', messageId: uuid(0, 0x3e5), content: 'better' }
    const others = path.chat(asking(uuid(9_998), account('carol'), post(9_998, undefined, { fresh: true })))()
    const { events } = right(await path.chat(asking(uuid(9_999), account('bob'), edit))())
    right(await others)
    assert.equal(types(events), ['MessageEdited'])
    assert.is(asked.length, 1)
    assert.ok(asked[0]!.position >= log.stream(CHAT)[500]!.position)
    assert.ok(asked[0]!.position <= log.stream(CHAT)[2_100]!.position)
  },
)

chats(
  'given a read model out of reach, when an old message is edited, then the answer is Unavailable, and the chat goes on',
  async () => {
    const log = memoryLog()
    const path = pathOn(log, {
      messageLookup: () => async () => E.left({ _tag: 'LookupUnavailable', cause: 'down' }),
    })
    await Promise.all(
      Array.from({ length: 2_100 }, (_, n) =>
        path.chat(asking(uuid(n), account('bob'), post(n, undefined, { fresh: true })))(),
      ),
    )
    const edit: ChatCommand = { type: 'EditMessage', messageId: uuid(0, 0x3e5), content: 'better' }
    const [edited, posted] = await Promise.all([
      path.chat(asking(uuid(9_999), account('bob'), edit))(),
      path.chat(asking(uuid(9_998), account('carol'), post(9_998, undefined, { fresh: true })))(),
    ])
    assert.equal(edited, E.left({ _tag: 'Unavailable', what: 'postgres', cause: 'down' }))
    right(posted)
  },
)

chats.run()

const memory = suite('memory')

memory(
  'given more spaces than are kept, then the least recently used are dropped, and come back as they were',
  async () => {
    const log = memoryLog()
    const path = pathOn(log, { tuning: { maxStreams: 10, snapshotIdleEvents: 1 } })
    const space = (n: number) => ({ type: 'post', id: `alice/post-${n}` }) as const
    for (let n = 0; n < 50; n++) right(await path.space(asking(uuid(n), account('bob'), join(n), space(n)))())
    assert.ok(path.stats().streams <= 10)
    assert.is(right(await path.look(space(0))())?.state.sessions.size, 1)
    assert.is(right(await path.space(asking(uuid(0), account('bob'), join(0), space(0)))()).revision, 1n)
  },
)

memory('given a system command, when seats have run out, then they are freed', async () => {
  const log = memoryLog()
  const clock = stepClock()
  const path = pathOn(log, { clock })
  right(await path.space(asking(uuid(1), account('bob'), { type: 'EnterSpace', subspace: 'main' }))())
  clock.advance(61_000)
  const { events } = right(await path.space(asking(uuid(2), SYSTEM, { type: 'ExpireSeats' }))())
  assert.equal(types(events), ['SeatExpired'])
})

memory.run()
