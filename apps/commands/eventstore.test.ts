/** The command path on a real node that can be killed: it must behave as on the log in memory. */
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { type SpaceRef, streamName } from '../../domain/names.ts'
import type { EventLog, RecordedEvent } from '../../domain/ports.ts'
import type { SpaceCommand } from '../../domain/space/commands.ts'
import { account, asking, guest, join, pathOn, uuid } from '../../infra/testing/command-path.ts'
import { testEventStore } from '../../infra/testing/eventstore.ts'

const node = await testEventStore()
const connect = () => connectEventLog({ url: node.url, appendTimeoutMs: 2_000, connectTimeoutMs: 2_000 })
const logs = [connect(), connect()] as const
const clock = { now: Date.now }
const paths = logs.map((log) =>
  pathOn(log, { clock, tuning: { wait: (ms) => new Promise((go) => setTimeout(go, ms)) } }),
)

const right = <T>(either: E.Either<unknown, T>): T => {
  if (E.isLeft(either)) throw new Error(JSON.stringify(either.left))
  return either.right
}
const all = async (log: EventLog, stream: string): Promise<RecordedEvent[]> => {
  const events: RecordedEvent[] = []
  for (;;) {
    const page = right(await log.readStream(stream, { from: BigInt(events.length), limit: 1_000 })())
    events.push(...page)
    if (page.length < 1_000) return events
  }
}
const room = (name: string): SpaceRef => ({ type: 'post', id: `alice/${name}` })
const seatsOf = (max: number): SpaceCommand => ({ type: 'ChangeSettings', changes: { max_users: max } })

const test = suite('on a node')
test.after(async () => {
  await Promise.all(logs.map((log) => log.close()))
  await node.stop()
})

test('given ten seats and two processes, when 500 join at once on each, then ten are in and both agree', async () => {
  const space = room('ten-seats')
  right(await paths[0]!.space(asking(uuid(0), account('alice'), seatsOf(10), space))())
  const answers = await Promise.all(
    Array.from({ length: 1_000 }, (_, n) =>
      paths[n % 2]!.space(asking(uuid(n + 1), guest(n + 1), join(n), space))(),
    ),
  )
  assert.is(answers.filter(E.isRight).length, 10)
  const codes = answers.map((answer) =>
    E.isLeft(answer) && answer.left._tag === 'Refused' ? answer.left.refusal._tag : 'other',
  )
  assert.is(codes.filter((code) => code === 'SpaceIsFull').length, 990)
  const [a, b] = await Promise.all(paths.map((path) => path.look(space)()))
  assert.equal(a, b)
  assert.is(right(a!)?.state.sessions.size, 10)
  assert.is((await all(logs[0], streamName('refusal', space))).length, 990)
})

test('given a node that is killed under load, when it is back, then what was acknowledged is there once', async () => {
  const space = room('killed')
  right(await paths[0]!.space(asking(uuid(0), account('alice'), seatsOf(5_000), space))())
  let done = 0
  const halfway = Promise.withResolvers<void>()
  const answers = Array.from({ length: 1_200 }, async (_, n) => {
    // Each is sent again until it is known to be done, as clients do.
    for (;;) {
      const answer = await paths[n % 2]!.space(asking(uuid(n + 1), guest(n + 1), join(n), space))()
      if (E.isRight(answer)) {
        done += 1
        if (done === 300) halfway.resolve()
        return answer.right
      }
      if (answer.left._tag === 'Refused') throw new Error(JSON.stringify(answer.left))
    }
  })
  await halfway.promise
  await node.kill()
  await node.restart()
  const accepted = await Promise.all(answers)
  const stream = await all(logs[0], streamName('space', space))
  const joined = stream.filter(({ type }) => type === 'SessionJoined')
  assert.is(joined.length, 1_200)
  assert.is(new Set(joined.map(({ data }) => (data as { sessionId: string }).sessionId)).size, 1_200)
  accepted.forEach(({ revision }, n) => {
    assert.is((stream[Number(revision)]!.data as { sessionId: string }).sessionId, `session-${n}`)
  })
})

test('given a command that was carried out, when its id comes to a fresh process, then it gets the same answer', async () => {
  const space = room('again')
  const first = right(await paths[0]!.space(asking(uuid(1), account('bob'), join(1), space))())
  await paths[0]!.space(asking(uuid(2), account('carol'), join(2), space))()
  await paths[0]!.drain()
  const again = right(
    await pathOn(logs[1], { clock }).space(asking(uuid(1), account('bob'), join(1), space))(),
  )
  assert.equal(again.revision, first.revision)
  assert.equal(again.events, first.events)
})

test('given an id that its caller chose, when two processes get it at once with two commands, then one is carried out and the other is refused', async () => {
  const space = room('one-key')
  right(await paths[0]!.space(asking(uuid(1), account('alice'), seatsOf(10), space))())
  right(await paths[1]!.look(space)())
  const chosen = (n: number) => ({
    ...asking(uuid(2), account('alice'), seatsOf(11 + n), space),
    isIdChosen: true,
  })
  const answers = await Promise.all(paths.map((path, n) => path.space(chosen(n))()))
  const codes = answers.map((answer) =>
    E.isRight(answer) ? 'ok' : answer.left._tag === 'Refused' && answer.left.refusal._tag,
  )
  assert.equal([...codes].sort(), ['Invalid', 'ok'])
  const stream = await all(logs[0], streamName('space', space))
  assert.is(stream.length, 3)
  const winner = codes.indexOf('ok')
  assert.equal((stream[2]!.data as { changes: object }).changes, { max_users: 11 + winner })
  for (const path of [...paths, pathOn(logs[1], { clock })]) {
    assert.equal(right(await path.space(chosen(winner))()).revision, 2n)
    assert.is((await path.space(chosen(1 - winner))())._tag, 'Left')
  }
})

test.run()
