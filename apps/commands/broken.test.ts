/** What callers are answered if retrying can't help: a space whose stream was deleted or cut, or can't be read. */
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { describeError } from '../../adapters/refusals.ts'
import { streamName } from '../../domain/names.ts'
import type { EventLog } from '../../domain/ports.ts'
import {
  account,
  asking,
  contentOf,
  join,
  pathOn,
  publicPost,
  ROOM,
  uuid,
} from '../../infra/testing/command-path.ts'
import { type MemoryLog, memoryLog } from '../../infra/testing/memory-log.ts'

const test = suite('a space that can’t be read any more')
const STREAMS = [streamName('space', ROOM), streamName('chat', ROOM)] as const
const say = {
  type: 'PostMessage',
  messageId: uuid(1, 0x3e5),
  subspace: 'main',
  content: 'hello',
  messageType: 'text',
  parentMessageId: null,
} as const

const deletedIn = (log: MemoryLog, stream: string): EventLog => ({
  ...log,
  append: (into, expected, events) =>
    into === stream ? async () => E.left({ _tag: 'StreamDeleted' }) : log.append(into, expected, events),
  readStream: (of, read) =>
    of === stream ? async () => E.left({ _tag: 'StreamDeleted' }) : log.readStream(of, read),
})
/** A log as `$maxCount` and `$tb` leave it: the events before `first` are gone. */
const cutIn = (log: MemoryLog, stream: string, first: bigint): EventLog => ({
  ...log,
  readStream: (of, read) => async () => {
    const from = read.direction === 'backwards' || (read.from ?? 0n) >= first ? read.from : first
    const all = await log.readStream(of, of !== stream || from === undefined ? read : { ...read, from })()
    return of !== stream || E.isLeft(all) ? all : E.right(all.right.filter((one) => one.revision >= first))
  },
})
const alien = (log: MemoryLog, stream: string): EventLog => {
  log.push(stream, { id: uuid(99, 0xee), type: 'SomebodyElses', data: [1], metadata: {} })
  return log
}

const broken = {
  deleted: { status: 410, code: 'space_deleted', breaks: deletedIn },
  cut: { status: 410, code: 'space_cut', breaks: (log: MemoryLog, of: string) => cutIn(log, of, 1n) },
  unreadable: { status: 409, code: 'space_unreadable', breaks: alien },
} as const

const filled = async () => {
  const log = memoryLog()
  const path = pathOn(log)
  await path.space(asking(uuid(1), account('bob'), join(1)))()
  for (const n of [2, 3]) {
    const one = { ...say, messageId: uuid(n, 0x3e5) }
    assert.ok(E.isRight(await path.chat(asking(uuid(n, 0xc), account('bob'), one))()))
  }
  return log
}
const told = (answer: E.Either<Parameters<typeof describeError>[0], unknown>) =>
  E.isLeft(answer)
    ? (({ status, code, retry_after }) => [status, code, retry_after])(describeError(answer.left))
    : 'done'

for (const [why, { status, code, breaks }] of Object.entries(broken))
  for (const stream of STREAMS)
    test(`given ${stream} that is ${why}, when somebody joins or writes, then the error says that it is final, nothing is written, and nothing is retried endlessly`, async () => {
      const log = await filled()
      const path = pathOn(breaks(log, stream))
      const before = { ...log.counts }
      const joined = told(await path.space(asking(uuid(7), account('carol'), join(7)))())
      const wrote = told(await path.chat(asking(uuid(8), account('bob'), say))())
      const looked = told(await path.look(ROOM)())
      const isSpace = stream === STREAMS[0]
      assert.equal(wrote, [status, code, undefined])
      assert.equal([joined, looked], isSpace ? [wrote, wrote] : ['done', 'done'])
      assert.is(log.counts.appends - before.appends, isSpace ? 0 : 1)
      assert.ok(log.counts.reads - before.reads < 20)
    })

test('given a cached state, when its stream is deleted, cut beyond it or written to by another program, then the next command gets that error', async () => {
  for (const [why, { code }] of Object.entries(broken)) {
    const log = await filled()
    const stream = STREAMS[0]
    let isBroken = false
    const after = why === 'deleted' ? deletedIn(log, stream) : cutIn(log, stream, 4n)
    const path = pathOn({
      ...log,
      append: (...args) => (isBroken ? after : log).append(...args),
      readStream: (...args) => (isBroken && why !== 'unreadable' ? after : log).readStream(...args),
    })
    await path.space(asking(uuid(2), account('carol'), join(2)))()
    isBroken = true
    if (why === 'unreadable') alien(log, stream)
    if (why === 'cut')
      for (const n of [5, 6]) await pathOn(log).space(asking(uuid(n), account(`dora-${n}`), join(n)))()
    const answer = told(await path.space(asking(uuid(3), account('erin'), join(3)))())
    assert.is(answer[1], code)
  }
})

test('given an unreadable private space, then a stranger gets the answer for a missing space, and its owner the error', async () => {
  for (const { code, breaks } of Object.values(broken)) {
    const log = await filled()
    const facts = (by: Parameters<typeof publicPost>[0]) =>
      ({ ...publicPost(by), visibility: 'private' }) as ReturnType<typeof publicPost>
    const path = pathOn(breaks(log, STREAMS[0]), { content: contentOf(facts) })
    for (const [who, says] of [
      ['mallory', 'space_not_found'],
      ['alice', code],
    ] as const) {
      assert.is(told(await path.space(asking(uuid(4), account(who), join(4)))())[1], says)
      assert.is(told(await path.chat(asking(uuid(5), account(who), say))())[1], says)
    }
  }
})

test.run()
