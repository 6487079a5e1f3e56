/** What people who wait in the queue of a full room receive, over two nodes. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type MemoryLog, memoryLog } from '../../infra/testing/memory-log.ts'
import { type Client, type TestNode, testNode } from '../../infra/testing/sockets.ts'

type Context = { log: MemoryLog; clock: { now: () => number; ahead: number }; one: TestNode; two: TestNode }
const test = suite<Context>('the queue')

test.before.each(async (context) => {
  const clock = { ahead: 0, now: () => Math.floor(performance.timeOrigin + performance.now()) + clock.ahead }
  context.clock = clock
  context.log = memoryLog()
  context.one = await testNode(context.log, { clock, name: 'one' })
  context.two = await testNode(context.log, { clock, name: 'two' })
})
test.after.each(async ({ one, two }) => {
  await one.stop()
  await two.stop()
})

const room = (id: string) => ({ spaceType: 'post', spaceId: `alice/${id}` })
/** A room of one seat with a queue; its owner is inside. */
const busy = async ({ one }: Context, id: string, more: object = {}): Promise<Client> => {
  const alice = await one.connect('account:alice')
  assert.is((await alice.ask('join-space', room(id))).ok, true)
  assert.is((await alice.ask('settings-change', { queue: true, max_users: 1, ...more })).ok, true)
  return alice
}
const placed = (client: Client, position: number) =>
  client.until(
    `place ${position}`,
    ({ event, payload }) => event === 'queue-place' && payload.position === position,
  )
const turn = (client: Client) => client.until('the turn', ({ event }) => event === 'queue-turn')

test('given a full room with a queue, when people come on two nodes, then each is sent its place and its turn, and gets in', async (context) => {
  const alice = await busy(context, 'a')
  const [dave, erin] = [await context.one.connect('account:dave'), await context.two.connect('account:erin')]
  const first = await dave.ask('join-space', room('a'))
  assert.equal([first.ok, first.code, first.queue.position, first.queue.waiting], [false, 'queued', 1, 1])
  assert.is(first.queue.expected_wait_seconds, null)
  const second = await erin.ask('join-space', room('a'))
  assert.equal([second.code, second.queue.position], ['queued', 2])
  await placed(dave, 1)
  await placed(erin, 2)
  await alice.ask('leave-space', {})
  const { payload } = await turn(dave)
  assert.equal([payload.spaceType, payload.spaceId, payload.subspace], ['post', 'alice/a', 'main'])
  assert.ok(Date.parse(payload.expires_at) > context.clock.now())
  const moved = await placed(erin, 1)
  assert.type(moved.payload.expected_wait_seconds, 'number')
  // Anybody who comes now gets no seat, although nobody is inside.
  const frank = await context.two.connect('account:frank')
  assert.equal([(await frank.ask('join-space', room('a'))).code], ['queued'])
  assert.is((await dave.ask('join-space', room('a'))).ok, true)
  await dave.ask('leave-space', {})
  await turn(erin)
  assert.is((await erin.ask('join-space', room('a'))).ok, true)
})

test('given a turn that nobody takes, when its minute is over, then it passes on, and both are told', async (context) => {
  const alice = await busy(context, 'b')
  const [dave, erin] = [await context.one.connect('account:dave'), await context.two.connect('account:erin')]
  await dave.ask('join-space', room('b'))
  await erin.ask('join-space', room('b'))
  await alice.ask('leave-space', {})
  await turn(dave)
  context.clock.ahead += 61_000
  const over = await dave.until('the end', ({ event }) => event === 'queue-over')
  assert.is(over.payload.reason, 'missed')
  await turn(erin)
})

test('given somebody who waits, when their connection is cut and they come again on another node, then their place is the same', async (context) => {
  await busy(context, 'c')
  const dave = await context.one.connect('account:dave')
  await dave.ask('join-space', room('c'))
  const erin = await context.one.connect('account:erin')
  await erin.ask('join-space', room('c'))
  dave.close()
  await dave.disconnected
  const again = await context.two.connect('account:dave')
  const answer = await again.ask('join-space', room('c'))
  assert.equal([answer.code, answer.queue.position, answer.queue.waiting], ['queued', 1, 2])
  await context.one.stop()
  const taken = context.log.all().filter(({ type }) => type === 'PlaceTaken')
  assert.is(taken.length, 2)
})

test('given somebody who waits, when they give up, or the owner removes or bans them, then they are told, and their place is gone', async (context) => {
  const alice = await busy(context, 'd')
  const [dave, erin, frank] = await Promise.all(
    ['dave', 'erin', 'frank'].map((name) => context.one.connect(`account:${name}`)),
  )
  for (const one of [dave, erin, frank]) await one!.ask('join-space', room('d'))
  assert.is((await dave!.ask('queue-leave', { ...room('d'), subject: 'erin' })).code, 'forbidden')
  assert.is((await dave!.ask('queue-leave', { ...room('d'), subject: 'dave' })).ok, true)
  const over = (client: Client) => client.until('the end', ({ event }) => event === 'queue-over')
  assert.is((await over(dave!)).payload.reason, 'ended')
  await placed(erin!, 1)
  assert.is((await alice.ask('queue-leave', { subject: 'erin', reason: 'jumped' })).ok, true)
  await over(erin!)
  await placed(frank!, 1)
  assert.is((await alice.ask('ban', { subject: 'frank' })).ok, true)
  assert.is((await over(frank!)).payload.reason, 'banned')
})

test('given a queue that is as long as it may be, when another comes, then queue_full; without a queue, space_full', async (context) => {
  const alice = await busy(context, 'e', { queue_length: 1 })
  const [dave, erin] = [await context.one.connect('account:dave'), await context.one.connect('account:erin')]
  assert.is((await dave.ask('join-space', room('e'))).code, 'queued')
  assert.is((await erin.ask('join-space', room('e'))).code, 'queue_full')
  assert.is((await alice.ask('settings-change', { queue: false })).ok, true)
  const over = await dave.until('the end', ({ event }) => event === 'queue-over')
  assert.is(over.payload.reason, 'off')
  assert.is((await erin.ask('join-space', room('e'))).code, 'space_full')
})
test.run()
