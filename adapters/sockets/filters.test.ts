/** What people in a room learn of filters: only the writer hears of a held message, until a moderator lets it through. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type MemoryLog, memoryLog } from '../../infra/testing/memory-log.ts'
import { type Client, type TestNode, testNode } from '../../infra/testing/sockets.ts'

type Context = { log: MemoryLog; one: TestNode; two: TestNode }
const test = suite<Context>('filters in a room')
const ROOM = { spaceType: 'post', spaceId: 'alice/a' }

test.before(async (context) => {
  context.log = memoryLog()
  context.one = await testNode(context.log, { name: 'one' })
  context.two = await testNode(context.log, { name: 'two' })
})
test.after(async ({ one, two }) => {
  await one.stop()
  await two.stop()
})

const enter = async (node: TestNode, who: string): Promise<Client> => {
  const client = await node.connect(`account:${who}`)
  assert.is((await client.ask('join-space', ROOM)).ok, true)
  return client
}
const hears = (client: Client, name: string) => client.until(name, ({ event }) => event === name)

test('given a held message, then only its writer gets news of it, on either node, until a moderator lets it through', async ({
  one,
  two,
  log,
}) => {
  const [alice, dave, erin] = [await enter(one, 'alice'), await enter(one, 'dave'), await enter(two, 'erin')]
  const again = await enter(two, 'dave')
  const rude = { filter_id: 'rude', words: ['darn'], acts: ['hold', 'mute'], mute_seconds: 600 }
  assert.is((await dave.ask('filter-set', rude)).code, 'forbidden')
  assert.is((await alice.ask('filter-set', rude)).ok, true)
  const sent = await dave.ask('chat-message', { content: 'darn it' })
  assert.equal([sent.ok, sent.held], [true, true])
  const repeated = await dave.ask('chat-message', { content: 'darn it', message_id: sent.message_id })
  assert.equal([repeated.ok, repeated.held], [true, true])
  for (const own of [dave, again]) {
    const { payload } = await hears(own, 'message-held')
    assert.is(payload.message_id, sent.message_id)
    assert.not(JSON.stringify(payload).includes('rude'))
    assert.type((await hears(own, 'chat-muted')).payload.until, 'string')
  }
  assert.is((await again.ask('chat-message', { content: 'hello' })).code, 'muted')
  assert.is((await erin.ask('message-approve', { message_id: sent.message_id })).code, 'forbidden')
  // A later message that all receive: anybody who was to hear of the held one has heard of it by then.
  await alice.ask('chat-message', { content: 'order' })
  for (const client of [erin, alice]) {
    const first = await hears(client, 'chat-message')
    assert.is(first.payload.content, 'order')
    assert.not(client.heard.some(({ event }) => ['message-held', 'chat-muted'].includes(event)))
  }
  assert.is((await alice.ask('message-approve', { message_id: sent.message_id })).ok, true)
  const through = await erin.until(
    'it',
    ({ event, payload }) => event === 'chat-message' && payload.content === 'darn it',
  )
  assert.equal([through.payload.user_account, through.payload.message_id], ['dave', sent.message_id])
  await hears(again, 'message-approved')
  assert.is((await again.ask('chat-message', { content: 'hello' })).ok, true)
  const actors = log
    .all()
    .filter(({ type }) => type === 'MessagePosted')
    .map(({ metadata }) => (metadata as { actor: { id: string } }).actor.id)
  assert.equal(actors, ['alice', 'dave', 'dave'])
})

test('given a held message, when it is dropped, then its writer is told why, and nobody else gets any news', async ({
  one,
  two,
}) => {
  const [alice, erin, frank] = [
    await enter(one, 'alice'),
    await enter(two, 'erin'),
    await enter(two, 'frank'),
  ]
  await alice.ask('filter-set', { filter_id: 'gosh', words: ['gosh'], acts: ['hold'] })
  const sent = await erin.ask('chat-message', { content: 'gosh' })
  assert.is(sent.held, true)
  assert.is((await alice.ask('message-drop', { message_id: sent.message_id, reason: 'not here' })).ok, true)
  assert.is((await hears(erin, 'message-dropped')).payload.reason, 'not here')
  assert.is((await alice.ask('filter-remove', { filter_id: 'gosh' })).ok, true)
  await erin.ask('chat-message', { content: 'gosh' })
  await frank.until('it', ({ event, payload }) => event === 'chat-message' && payload.content === 'gosh')
  assert.not(frank.heard.some(({ event }) => event.startsWith('message-')))
})
test('given a writer who was away, when they join with since, then they are told what filters did about their messages meanwhile, and nobody else is', async ({
  one,
  two,
}) => {
  const [alice, frank, erin] = [
    await enter(one, 'alice'),
    await enter(two, 'frank'),
    await enter(two, 'erin'),
  ]
  const since = frank.of('space-joined').at(-1).revisions
  const said = await alice.ask('filter-set', { filter_id: 'heck', words: ['heck'], acts: ['hold'] })
  assert.is(said.ok, true)
  const [waits, goes] = [
    await frank.ask('chat-message', { content: 'heck' }),
    await frank.ask('chat-message', { content: 'oh heck' }),
  ]
  assert.equal([waits.held, goes.held], [true, true])
  assert.is((await alice.ask('message-drop', { message_id: goes.message_id, reason: 'no' })).ok, true)
  frank.close()
  for (const [who, told] of [
    [
      'frank',
      [
        `message-held ${waits.message_id}`,
        `message-held ${goes.message_id}`,
        `message-dropped ${goes.message_id}`,
      ],
    ],
    ['erin', []],
  ] as const) {
    const back = await two.connect(`account:${who}`)
    assert.is((await back.ask('join-space', { ...ROOM, since })).ok, true)
    await alice.ask('chat-message', { content: `welcome ${who}` })
    await back.until(
      'it',
      ({ event, payload }) => event === 'chat-message' && payload.content === `welcome ${who}`,
    )
    assert.is(back.of('space-joined')[0].resumed, true)
    const own = back.heard.filter(({ event }) => event.startsWith('message-'))
    assert.equal(
      own.map(({ event, payload }) => `${event} ${payload.message_id}`),
      told,
    )
    back.close()
  }
  erin.close()
})
test.run()
