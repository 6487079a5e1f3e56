import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { jsonSocket } from '../../infra/testing/json-socket.ts'
import { ALICES_POST, type Client, eachOnOneNode, type OneNode } from '../../infra/testing/sockets.ts'
import { complaintsOf } from '../http/testing/documented.ts'
import { type Documented, SERVER_EVENTS } from './documented.ts'

const test = suite<OneNode>('people in pages')
eachOnOneNode(test)

const SPACE = { type: 'post', id: 'alice/my-post' } as const
const PAGED = { ...ALICES_POST, users: 'paged' }

const guest = (n: number): `guest:${string}` => `guest:${n.toString(16).padStart(12, '0')}`
/** Sessions without sockets here. */
const fill = async ({ node }: OneNode, from: number, to: number): Promise<void> => {
  const outcomes = await Promise.all(
    Array.from({ length: to - from }, (_, i) =>
      node.commands.space({
        by: { kind: 'guest', id: guest(from + i) },
        space: SPACE,
        id: crypto.randomUUID(),
        command: {
          type: 'JoinSpace',
          sessionId: crypto.randomUUID(),
          socketId: `socket-${from + i}`,
          subspace: 'main',
          position: null,
          avatarData: null,
          boot: 'another',
        },
      })(),
    ),
  )
  assert.ok(outcomes.every(E.isRight))
}
const enlarged = async ({ node }: OneNode): Promise<Client> => {
  const alice = await node.connect('account:alice')
  assert.is((await alice.ask('settings-change', { ...ALICES_POST, max_users: 1_000 })).ok, true)
  return alice
}
const everybody = async (client: Client): Promise<string[]> => {
  const ids: string[] = []
  for (let after: string | null = null; ; ) {
    const page = await client.ask('users-page', after === null ? {} : { after })
    assert.is(page.ok, true)
    ids.push(...page.users.map(({ sessionId }: { sessionId: string }) => sessionId))
    if (page.next === null) {
      assert.is(page.users_total, ids.length)
      return ids
    }
    after = page.next
  }
}

test('given a small room, when somebody asks for pages, then they are told of everybody as ever', async (context) => {
  const [alice, bobby] = [await enlarged(context), await context.node.connect('account:bobby')]
  const { sessionId } = await alice.ask('join-space', PAGED)
  const joined = alice.of('space-joined')[0]
  assert.is(joined.users_total, 1)
  assert.equal(joined.self, joined.users[0])
  assert.is(joined.self.sessionId, sessionId)
  await bobby.ask('join-space', ALICES_POST)
  assert.is('users_total' in bobby.of('space-joined')[0], false)
  await alice.until(
    'bobby',
    ({ event, payload }) => event === 'user-joined' && payload.userAccount === 'bobby',
  )
  assert.is(alice.of('crowd-changed').length, 0)
})

test('given a crowd, then pages have everybody once, and comings and goings are counted for those who asked and told one by one to the others', async (context) => {
  const { node } = context
  const alice = await enlarged(context)
  await fill(context, 0, 250)
  await alice.ask('join-space', PAGED)
  const { users, users_total, self } = alice.of('space-joined')[0]
  assert.equal([users.length, users_total, self.userAccount], [200, 251, 'alice'])
  assert.is(new Set(await everybody(alice)).size, 251)

  const bobby = await node.connect('account:bobby')
  const { sessionId } = await bobby.ask('join-space', ALICES_POST)
  assert.is(bobby.of('space-joined')[0].users.length, 252)
  const carol = await jsonSocket(node.url, `/?ticket=${node.ticketFor('carol', 'alice/my-post')}`)
  carol.send({ type: 'join-space', ...PAGED })
  assert.is((await carol.until('space-joined')).users_total, 253)
  await alice.until('both', ({ event, payload }) => event === 'crowd-changed' && payload.count === 253)
  const told = alice.of('crowd-changed').flatMap(({ joined }) => joined)
  assert.equal(told.map(({ userAccount }: { userAccount: string }) => userAccount).sort(), ['bobby', 'carol'])
  assert.is(alice.of('user-joined').length, 0)
  const { fields } = SERVER_EVENTS['crowd-changed'] as Documented
  for (const crowd of alice.of('crowd-changed'))
    assert.equal(
      complaintsOf(
        { type: 'object', properties: fields, required: Object.keys(fields) },
        crowd,
        'crowd-changed',
      ),
      [],
    )
  await bobby.until(
    'carol',
    ({ event, payload }) => event === 'user-joined' && payload.userAccount === 'carol',
  )
  assert.is(bobby.of('crowd-changed').length, 0)

  await bobby.ask('leave-space', {})
  const gone = await carol.until('crowd-changed')
  assert.ok(gone.count >= 252)
  const { payload } = await alice.until(
    'that he left',
    ({ event, payload }) => event === 'crowd-changed' && payload.left.length > 0,
  )
  assert.equal([payload.left, payload.count], [[sessionId], 252])
  assert.is(payload.more, false)
  assert.is(new Set(await everybody(alice)).size, 252)

  await fill(context, 250, 350)
  const many = await alice.until(
    'the count',
    ({ event, payload }) => event === 'crowd-changed' && payload.count === 352,
  )
  assert.is(many.payload.joined.length <= 50, true)
  assert.is(new Set(await everybody(alice)).size, 352)
})

test('given a client in a crowd whose connection was lost, when it comes back with since, then its count is right again', async (context) => {
  const { node } = context
  const alice = await enlarged(context)
  await fill(context, 0, 150)
  const bobby = await node.connect('account:bobby')
  await bobby.ask('join-space', PAGED)
  const { revisions } = bobby.of('space-joined')[0]
  await alice.ask('join-space', PAGED)
  await fill(context, 150, 160)
  await bobby.until('all', ({ event, payload }) => event === 'crowd-changed' && payload.count === 162)
  bobby.close()
  const back = await node.connect('account:bobby')
  await back.ask('join-space', { ...PAGED, since: revisions })
  const joined = back.of('space-joined')[0]
  assert.is(joined.resumed, true)
  assert.ok(joined.users_total >= 162)
  const late = back
    .of('user-joined')
    .filter(({ revision }) => BigInt(revision) > BigInt(joined.revisions.space))
  assert.is(late.length, 0, 'what was missed is part of the count')
  await fill(context, 160, 161)
  // Frames of before that are told too: of its own coming, and of the lost connection's going, which may reach the log late.
  const isNew = ({ guestId }: { guestId: string }) => guestId === guest(160)
  await back.until('one more, and nobody twice', () => {
    const crowds = back.of('crowd-changed')
    return crowds.some(({ joined }) => joined.some(isNew)) && crowds.at(-1)?.count === 163
  })
  assert.is(new Set(await everybody(back)).size, 163)
})

test('given pages asked for without being in a room, or all the time, then that is refused', async (context) => {
  const alice = await enlarged(context)
  assert.is((await alice.ask('users-page', {})).code, 'session_not_found')
  await alice.ask('join-space', PAGED)
  assert.is((await alice.ask('users-page', { after: 7 })).code, 'invalid_after')
  const codes = new Set<unknown>()
  for (let i = 0; i < 20; i++)
    for (const { code } of await Promise.all(Array.from({ length: 10 }, () => alice.ask('users-page', {}))))
      codes.add(code)
  assert.ok(codes.has('slow_down'))
})

test.run()
