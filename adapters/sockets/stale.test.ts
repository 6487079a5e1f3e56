/** Somebody who comes back while their dead socket is still connected takes its place. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type FaultProxy, startProxy } from '../../infra/testing/proxy.ts'
import {
  type Client,
  clientOf,
  eachOnOneNode,
  type OneNode,
  ALICES_POST as POST,
  type TestNode,
  testNode,
} from '../../infra/testing/sockets.ts'

const test = suite<OneNode>('a line that is dead')
const cut: Array<{ close: () => unknown }> = []
// They are closed before the node stops, since it waits for those who are still connected.
test.after.each(async () => {
  for (const one of cut.splice(0)) await one.close()
})

eachOnOneNode(test)

const SEVEN = 'guest:000000000007'
/** A client in the room whose line has gone silent, which neither end has noticed. */
const silent = async (node: TestNode, token: string, options = {}) => {
  const line: FaultProxy = await startProxy({ targetPort: Number(new URL(node.url).port) })
  const client = await clientOf(`http://127.0.0.1:${line.port}`, { auth: { token }, ...options })
  cut.push(client, line)
  const joined = await client.ask('join-space', POST)
  const { revisions } = client.of('space-joined')[0]
  line.halfOpen()
  return { client, sessionId: joined.sessionId as string, since: revisions }
}
const told = (client: Client, sessions: ReadonlyArray<string>) =>
  client.heard
    .filter(({ event, payload }) => event.startsWith('user-') && sessions.includes(payload.sessionId))
    .map(({ event, payload }) => [event, payload.sessionId, payload.reason])

for (const [who, token, options] of [
  ['an account', 'account:bobby', {}],
  ['a guest', SEVEN, {}],
  ['one on polling', 'account:bobby', { transports: ['polling'] }],
] as const)
  test(`given ${who} whose connection went silent, when it joins with since, then the new session replaces the old one, in order`, async ({
    node,
  }) => {
    const alice = await node.connect('account:alice')
    await alice.ask('join-space', POST)
    const before = await silent(node, token, options)
    await alice.ask('settings-change', { max_users: 2 })
    const again = await node.connect(token)
    const joined = await again.ask('join-space', { ...POST, since: before.since })
    assert.ok(joined.ok, joined.error)
    await alice.until('it is back', ({ payload }) => payload.sessionId === joined.sessionId)
    assert.equal(told(alice, [before.sessionId, joined.sessionId]).slice(1), [
      ['user-left', before.sessionId, 'disconnected'],
      ['user-joined', joined.sessionId, undefined],
    ])
    const { users } = again.of('space-joined')[0]
    assert.is(users.length, 2)
  })

test('given a window that answers, when another of the same account joins with since, then both stay; if it names the first, that one ends', async ({
  node,
}) => {
  const one = await node.connect('account:bobby')
  const first = await one.ask('join-space', POST)
  const { revisions } = one.of('space-joined')[0]
  const two = await node.connect('account:bobby')
  const second = await two.ask('join-space', { ...POST, since: revisions })
  assert.ok(second.ok)
  assert.equal(one.of('user-left'), [])
  const three = await node.connect('account:bobby')
  const third = await three.ask('join-space', { ...POST, replaces: first.sessionId })
  assert.ok(third.ok)
  const ended = await one.until('its end', ({ event }) => event === 'space-error')
  assert.equal([ended.payload.code, ended.payload.reason], ['session_ended', 'disconnected'])
  assert.equal(
    three
      .of('space-joined')[0]
      .users.map(({ sessionId }: { sessionId: string }) => sessionId)
      .sort(),
    [second.sessionId, third.sessionId].sort(),
  )
})

test('given somebody else’s session, when a client names it as its own earlier one, then it stays', async ({
  node,
}) => {
  const alice = await node.connect('account:alice')
  const { sessionId } = await alice.ask('join-space', POST)
  const carol = await node.connect('account:carol')
  assert.ok((await carol.ask('join-space', { ...POST, replaces: sessionId })).ok)
  assert.is(carol.of('space-joined')[0].users.length, 2)
  assert.ok((await alice.ask('chat-message', { content: 'still here' })).ok)
})

test('given a session on a node that died, when its client joins another with since, then the new session replaces it', async ({
  node,
  log,
}) => {
  const other = await testNode(log, { name: 'node-2' })
  try {
    const alice = await other.connect('account:alice')
    await alice.ask('join-space', POST)
    const before = await silent(node, SEVEN)
    await alice.until('the guest', ({ payload }) => payload.sessionId === before.sessionId)
    const again = await other.connect(SEVEN)
    const joined = await again.ask('join-space', { ...POST, since: before.since })
    assert.ok(joined.ok)
    await alice.until('it is back', ({ payload }) => payload.sessionId === joined.sessionId)
    assert.equal(told(alice, [before.sessionId, joined.sessionId]).slice(1), [
      ['user-left', before.sessionId, 'disconnected'],
      ['user-joined', joined.sessionId, undefined],
    ])
  } finally {
    await other.stop()
  }
})
test.run()
