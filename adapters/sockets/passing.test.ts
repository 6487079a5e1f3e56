/** A passing trouble ends no client for good: Socket.IO's own client, with its defaults, reconnects by itself. */
import * as E from 'fp-ts/lib/Either.js'
import { io, type Socket } from 'socket.io-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { type TestNode, testNode } from '../../infra/testing/sockets.ts'
import { until } from '../../infra/testing/until.ts'
import { type AuthError, invalidProof } from '../auth/errors.ts'
import type { SocketsDeps } from './attach.ts'

type Context = {
  node: TestNode
  trouble: { now: AuthError | Error | null; asked: number }
  sockets: Socket[]
}
const test = suite('what passes')

/** Runs `work` on a node where every check of a proof fails with `trouble`. */
const during = async (now: AuthError | Error, work: (context: Context) => Promise<void>): Promise<void> => {
  const trouble: Context['trouble'] = { now, asked: 0 }
  const auth: SocketsDeps['auth'] = {
    authenticate: () => async () => {
      trouble.asked += 1
      if (trouble.now instanceof Error) throw trouble.now
      if (trouble.now !== null) return E.left(trouble.now)
      return E.right({ caller: { kind: 'account', id: 'alice' }, via: 'none', session: null })
    },
    issue: ({ id }) => ({ token: id, sid: id, expiresAt: Number.MAX_SAFE_INTEGER }),
    onEnded: () => () => {},
  }
  const context = { trouble, sockets: [], node: await testNode(memoryLog(), { auth }) }
  try {
    await work(context)
  } finally {
    for (const socket of context.sockets as Socket[]) socket.disconnect()
    await context.node.stop()
  }
}

/** Connects as a page does: polling first, with all other options at their defaults. */
const asItComes = ({ node, sockets }: Context, count: number): Socket[] => {
  for (let n = 0; n < count; n += 1) sockets.push(io(node.url, { forceNew: true }))
  return sockets
}

const PASSING: ReadonlyArray<AuthError | Error> = [
  { _tag: 'AuthStoreUnavailable', cause: 'no connection' },
  { _tag: 'HiveUnavailable', cause: 'no node' },
  { _tag: 'TooManyProofs', retryAfterSeconds: 5 },
  new Error('a defect'),
]
test('given temporary trouble of each kind, when six clients connect, then each stays active and gets in once it is over, with what it requested meanwhile', () =>
  Promise.all(
    PASSING.map((trouble) =>
      during(trouble, async (context) => {
        const sockets = asItComes(context, 6)
        const refused: unknown[] = []
        for (const socket of sockets) socket.on('connect_error', (error) => refused.push(error))
        const asked = sockets.map((socket) =>
          socket.emitWithAck('join-space', { spaceType: 'global', spaceId: 'lobby' }),
        )
        await until('one was sent away and is back', () => context.trouble.asked > 6)
        assert.equal(refused, [])
        assert.ok(sockets.every(({ active }) => active))
        context.trouble.now = null
        for (const answer of await Promise.all(asked)) assert.is(answer.ok, true)
        assert.ok(sockets.every(({ connected }) => connected))
      }),
    ),
  ).then(() => {}))

for (const [what, trouble, code] of [
  ['a wrong proof', invalidProof('wrong'), 'invalid_proof'],
  ['a token that ended', { _tag: 'TokenExpired' }, 'token_expired'],
] as const)
  test(`given ${what}, when a client connects, then it is refused with the code and does not connect again`, () =>
    during(trouble, async (context) => {
      const [socket] = asItComes(context, 1)
      const error = await new Promise<{ data?: { code?: string } }>((resolve) =>
        socket?.once('connect_error', resolve as never),
      )
      assert.is(error.data?.code, code)
      assert.is(socket?.active, false)
    }))

test('given a client that connects during temporary trouble, then its close frame says what the trouble is', () =>
  during({ _tag: 'AuthStoreUnavailable', cause: 'no connection' }, async ({ node }) => {
    const cut = await node.connect().then(
      () => null,
      (error: { passing?: string }) => error.passing,
    )
    assert.is(cut, 'postgres_unavailable')
  }))

test.run()
