/** A socket that was opened by a signature lasts no longer than the signature is valid. */
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { testNode } from '../../infra/testing/sockets.ts'
import type { SocketsDeps } from './attach.ts'

const test = suite('sockets opened by a signature')

test('given a socket whose signature has expired, then it is told so and closed, with its session, within a second; one that is still valid goes on', async () => {
  const until = new Map<string, number>()
  const auth: SocketsDeps['auth'] = {
    authenticate: (proof) => async () => {
      const shown = E.isRight(proof) ? proof.right.shown[0] : undefined
      const id = shown?.form === 'token' ? shown.token : 'nobody'
      return E.right({
        caller: { kind: 'account', id },
        via: 'headers',
        session: null,
        until: until.get(id) ?? Number.MAX_SAFE_INTEGER,
      })
    },
    issue: ({ id }) => ({ token: id, sid: id, expiresAt: Number.MAX_SAFE_INTEGER }),
    onEnded: () => () => {},
  }
  const node = await testNode(memoryLog(), { auth })
  try {
    const bobby = await node.connect('bobby')
    const room = { spaceType: 'post', spaceId: 'alice/my-post' }
    await bobby.ask('join-space', room)
    const end = Date.now() + 1_500
    until.set('alice', end)
    const alice = await node.connect('alice')
    await alice.ask('join-space', room)
    assert.is(await alice.disconnected, 'io server disconnect')
    assert.ok(Date.now() - end < 1_000, `${Date.now() - end} ms late`)
    assert.is(alice.of('space-error').at(-1).code, 'token_expired')
    await bobby.until('alice gone', ({ event }) => event === 'user-left')
    assert.is(bobby.socket.connected, true)
  } finally {
    await node.stop()
  }
})

test.run()
