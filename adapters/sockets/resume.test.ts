import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { EventLog } from '../../domain/ports.ts'
import {
  type Client,
  eachOnOneNode,
  type Heard,
  type OneNode,
  ALICES_POST as POST,
  testNode,
} from '../../infra/testing/sockets.ts'

const test = suite<OneNode>('since: what was missed')

eachOnOneNode(test, { limits: { packets: { perSecond: 1e9, burst: 1e9 } } })

const durable = (heard: ReadonlyArray<Heard>): Heard[] =>
  heard.filter(({ event, payload }) => event !== 'space-joined' && payload.revision !== undefined)
/** What a client knows at the end if it applies only events later than the last one of each stream. */
const lastOf = (client: Client) => {
  const last = { ...client.of('space-joined').at(-1).revisions }
  for (const { event, payload } of durable(client.heard)) {
    const stream = event.startsWith('chat-') ? 'chat' : 'space'
    if (BigInt(payload.revision) > BigInt(last[stream])) last[stream] = payload.revision
  }
  return last
}

test('given a client that was away, when it joins with since, then it gets exactly what a client that stayed got, except words that were withdrawn', async ({
  node,
}) => {
  const [alice, bobby, carol] = [
    await node.connect('account:alice'),
    await node.connect('account:bobby'),
    await node.connect('account:carol'),
  ] as [Client, Client, Client]
  for (const client of [alice, bobby, carol]) await client.ask('join-space', POST)
  await alice.ask('chat-message', { content: 'before' })
  await bobby.until('before', ({ payload }) => payload.content === 'before')
  await alice.until('carol', ({ payload }) => payload.userAccount === 'carol')
  const since = lastOf(bobby)
  const from = durable(alice.heard).length
  bobby.close()
  await alice.until(
    'bobby gone',
    ({ payload }) => payload.userAccount === 'bobby' && payload.reason !== undefined,
  )
  const said = await alice.ask('chat-message', { content: 'one' })
  await alice.ask('chat-edit', { message_id: said.message_id, content: 'one, edited' })
  await alice.ask('chat-reaction', { message_id: said.message_id, emoji: '👍' })
  await carol.ask('voice-state', { enabled: true })
  const dave = await node.connect('account:dave')
  await dave.ask('join-space', POST)
  await dave.ask('join-space', { ...POST, subspace: 'main-b' })
  await dave.ask('chat-message', { content: 'not for main' })
  await dave.ask('join-space', POST)
  carol.close()
  await alice.until(
    'carol gone',
    ({ payload }) => payload.userAccount === 'carol' && payload.reason !== undefined,
  )
  await alice.ask('permission-grant', { account: 'erin', permission: 'access' })
  await alice.ask('settings-change', { settings: { sky: 'red' } })
  await alice.ask('chat-delete', { message_id: said.message_id })

  const back = await node.connect('account:bobby')
  const ack = await back.ask('join-space', { ...POST, since })
  await alice.ask('chat-message', { content: 'after' })
  await back.until('the latest', ({ payload }) => payload.content === 'after')
  await alice.until('the latest', ({ payload }) => payload.content === 'after')
  const joined = back.of('space-joined')[0]
  assert.is(joined.resumed, true)
  assert.is(joined.revisions.space, ack.revision)
  assert.is(back.heard[0]?.event, 'space-joined')
  // Words that were deleted meanwhile are not sent again.
  const withoutWords = ({ event, payload }: Heard): Heard =>
    payload.message_id === said.message_id && payload.content !== undefined
      ? { event, payload: { ...payload, content: '' } }
      : { event, payload }
  assert.equal(durable(back.heard), durable(alice.heard).slice(from).map(withoutWords))
  const names = durable(back.heard).map(({ event }) => event)
  for (const name of [
    'user-left',
    'user-joined',
    'chat-edited',
    'chat-reaction',
    'chat-deleted',
    'voice-state',
    'permission-changed',
    'settings-changed',
  ])
    assert.ok(names.includes(name), name)
})

test('given nothing was missed, when it asks again with since, then resumed is true and nothing is sent twice', async ({
  node,
}) => {
  const alice = await node.connect('account:alice')
  await alice.ask('join-space', POST)
  await alice.ask('chat-message', { content: 'one' })
  await alice.until('one', ({ event }) => event === 'chat-message')
  const before = durable(alice.heard).length
  assert.is((await alice.ask('join-space', { ...POST, since: lastOf(alice) })).ok, true)
  assert.is(alice.of('space-joined').at(-1).resumed, true)
  await alice.ask('chat-message', { content: 'two' })
  await alice.until('two', ({ payload }) => payload.content === 'two')
  assert.is(durable(alice.heard).length, before + 1)
})

test('given revisions of another log, or far behind, then the client gets a fresh state and resumed is false', async ({
  node,
}) => {
  const alice = await node.connect('account:alice')
  await alice.ask('join-space', POST)
  for (const since of [
    { space: '999', chat: '-1' },
    { space: '0', chat: '12' },
  ]) {
    const bobby = await node.connect('account:bobby')
    assert.is((await bobby.ask('join-space', { ...POST, since })).ok, true)
    assert.is(bobby.of('space-joined')[0].resumed, false)
    assert.is(durable(bobby.heard).length, 0)
    bobby.close()
  }
  const burst = Array.from({ length: 1_005 }, (_, i) => ({ content: `m${i}` }))
  const owner = await node.connect('account:alice')
  await owner.ask('join-space', POST)
  for (let i = 0; i < burst.length; i += 100)
    await Promise.all(
      burst.slice(i, i + 100).map(async (message) => {
        const { place } = { place: message }
        for (;;) {
          const ack = await alice.ask('chat-message', place)
          if (ack.ok) return
          await new Promise((resolve) => setTimeout(resolve, 100))
        }
      }),
    )
  const late = await node.connect('account:late')
  await late.ask('join-space', { ...POST, since: { space: '1', chat: '-1' } })
  assert.is(late.of('space-joined')[0].resumed, false)
  const near = await node.connect('account:near')
  await near.ask('join-space', { ...POST, since: { space: '1', chat: '1000' } })
  assert.is(near.of('space-joined')[0].resumed, true)
  assert.equal(
    near.of('chat-message').map(({ revision }) => revision),
    ['1001', '1002', '1003', '1004'],
  )
})

test('given a read of the log that fails, then the client gets a fresh state, and news goes on', async ({
  node,
  log,
}) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  await alice.ask('chat-message', { content: 'one' })
  await alice.until('one', ({ event }) => event === 'chat-message')
  log.onRead = (stream) => (stream.startsWith('chat-') ? 'unavailable' : null)
  await bobby.ask('join-space', { ...POST, since: { space: '1', chat: '-1' } })
  log.onRead = () => null
  assert.is(bobby.of('space-joined')[0].resumed, false)
  await alice.ask('chat-message', { content: 'two' })
  await bobby.until('two', ({ payload }) => payload.content === 'two')
  assert.is(bobby.of('chat-message').length, 1)
})

test('given a node that does not have yet what a client got elsewhere, when it resumes there, then neither it nor anybody gets anything twice', async ({
  node,
  log,
}) => {
  // The subscription brings nothing, so a node knows only what it appended or read itself.
  const silent: EventLog = { ...log, subscribe: () => log.subscribe({ after: 'end', prefixes: ['none-'] }) }
  const late = await testNode(silent, { name: 'late' })
  try {
    const dave = await late.connect('account:dave')
    await dave.ask('join-space', POST)
    const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
    for (const one of [alice, bobby]) await one.ask('join-space', POST)
    for (const content of ['one', 'two']) await alice.ask('chat-message', { content })
    await bobby.until('two', ({ payload }) => payload.content === 'two')
    const since = lastOf(bobby)
    const back = await late.connect('account:bobby')
    await back.ask('join-space', { ...POST, since })
    assert.is(back.of('space-joined')[0].resumed, true)
    await back.ask('chat-message', { content: 'three' })
    for (const one of [back, dave]) await one.until('three', ({ payload }) => payload.content === 'three')
    const said = (one: Client) => one.of('chat-message').map(({ content }) => content)
    assert.equal(said(back), ['three'])
    assert.equal(said(dave), ['one', 'two', 'three'])
    // It joins the room again in which it is, after further messages elsewhere.
    await alice.ask('chat-message', { content: 'four' })
    await back.ask('join-space', { ...POST, since: { ...lastOf(back), chat: '3' } })
    assert.is(back.of('space-joined').at(-1).resumed, true)
    await dave.until('four', ({ payload }) => payload.content === 'four')
    assert.is(said(back).includes('four'), true)
    for (const made of ['999', '9223372036854775807']) {
      await back.ask('join-space', { ...POST, since: { space: made, chat: made } })
      assert.is(back.of('space-joined').at(-1).resumed, false)
    }
  } finally {
    await late.stop()
  }
  assert.equal(late.errors, [])
})

test('given talk that never stops, when clients come, go and resume at random, then none ever misses anything or gets it twice', async ({
  node,
}) => {
  const alice = await node.connect('account:alice')
  await alice.ask('join-space', POST)
  let isOver = false
  const talking = (async () => {
    for (let i = 0; !isOver; i += 1) {
      await alice.ask('chat-message', { content: `m${i}` })
      if (i % 10 === 0) await alice.ask('settings-change', { settings: { i } })
    }
  })()
  const follow = async (name: string) => {
    const chat: bigint[] = []
    let since: { space: string; chat: string } | undefined
    for (let round = 0; round < 6; round += 1) {
      const client = await node.connect(`account:${name}`)
      const ack = await client.ask('join-space', { ...POST, ...(since === undefined ? {} : { since }) })
      assert.is(ack.ok, true, ack.error)
      const joined = client.of('space-joined')[0]
      assert.is(joined.resumed, since !== undefined)
      const wanted = 5 + Math.floor(Math.random() * 20)
      await client.until('some talk', () => client.of('chat-message').length >= wanted)
      client.close()
      const revisions = client.of('chat-message').map(({ revision }) => BigInt(revision))
      if (since === undefined) chat.push(BigInt(joined.revisions.chat))
      chat.push(...revisions)
      since = lastOf(client)
    }
    for (const [i, revision] of chat.entries())
      if (i > 0) assert.is(revision, (chat[i - 1] as bigint) + 1n, `${name}: ${chat.join(' ')}`)
  }
  await Promise.all(['bobby', 'carol', 'dave', 'erin'].map(follow))
  isOver = true
  await talking
})

test('given words that were changed, and changed again, then since brings only the current ones', async ({
  node,
}) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  const early = await alice.ask('chat-message', { content: 'a secret, before' })
  const since = { space: '1', chat: early.revision }
  await alice.ask('chat-edit', { message_id: early.message_id, content: 'a secret, between' })
  await alice.ask('chat-edit', { message_id: early.message_id, content: 'fine, at last' })
  const later = await alice.ask('chat-message', { content: 'a secret, later' })
  await alice.ask('chat-edit', { message_id: later.message_id, content: 'a secret, too' })
  await alice.ask('chat-delete', { message_id: later.message_id })
  await bobby.ask('join-space', { ...POST, since })
  await bobby.until('the deletion', ({ event }) => event === 'chat-deleted')
  assert.not.match(JSON.stringify(bobby.heard), 'a secret')
  assert.equal(
    durable(bobby.heard)
      .filter(({ event }) => event.startsWith('chat-'))
      .map(({ event, payload }) => [event, payload.content]),
    [
      ['chat-edited', 'fine, at last'],
      ['chat-edited', 'fine, at last'],
      ['chat-message', ''],
      ['chat-edited', ''],
      ['chat-deleted', undefined],
    ],
  )
})

test('given more missed events than are sent, then the client gets a fresh state; given many, then all of them, page by page', async ({
  node,
}) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  const content = '😀'.repeat(999)
  const say = (count: number) =>
    Promise.all(Array.from({ length: count }, () => alice.ask('chat-message', { content })))
  await say(250)
  const asked = { ...POST, since: { space: '0', chat: '-1' } }
  await bobby.ask('join-space', asked)
  await bobby.until('all of it', () => bobby.of('chat-message').length === 250)
  assert.is(bobby.of('space-joined').at(-1).resumed, true)
  assert.equal(
    bobby.of('chat-message').map(({ revision }) => Number(revision)),
    Array.from({ length: 250 }, (_, i) => i),
  )
  await bobby.ask('leave-space')
  for (let n = 0; n < 4; n += 1) await say(250)
  await bobby.ask('join-space', { ...asked, since: { space: '0', chat: '250' } })
  assert.is(bobby.of('space-joined').at(-1).resumed, false)
})

test.run()
