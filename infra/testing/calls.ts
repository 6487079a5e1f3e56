/** Calls over the test server's HTTP, a second apart so that none is refused for its rate. For tests alone. */
import * as assert from 'uvu/assert'
import type { SpaceRef } from '../../domain/names.ts'
import type { TestHttp } from './http.ts'

// biome-ignore lint/suspicious/noExplicitAny: whatever the server sent; the test says what it must be
export type AnyJson = any
type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/**
 * The answer's status and the fields of its body.
 * @param call `METHOD /path`
 * @param who an account, or the headers of somebody else
 */
export const ask = async (
  { app, bearer, clock }: Pick<TestHttp, 'app' | 'bearer' | 'clock'>,
  call: string,
  who: string | object,
  payload?: object,
): Promise<AnyJson> => {
  clock.ms += 1_000
  const [method, url = ''] = call.split(' ') as [Method, string]
  const { statusCode: status, body } = await app.inject({
    method,
    url,
    headers: typeof who === 'string' ? bearer(who) : { ...who },
    ...(payload === undefined ? {} : { payload }),
  })
  return { status, ...JSON.parse(body) }
}

/** The same, of what must be accepted. */
export const done = async (...asked: Parameters<typeof ask>): Promise<AnyJson> => {
  const answer = await ask(...asked)
  assert.is(answer.status, 200, `${asked[1]}: ${answer.error}`)
  return answer
}

/** Brings an account into a room, and returns its session's id. */
export const enter = async (
  { commands }: Pick<TestHttp, 'commands'>,
  space: SpaceRef,
  account: string,
): Promise<string> => {
  const sessionId = `${account}-session`
  const command = {
    type: 'JoinSpace',
    sessionId,
    socketId: `${account}-socket`,
    subspace: 'main',
    position: null,
    avatarData: null,
    boot: 'b',
  } as const
  const by = { kind: 'account', id: account } as const
  const outcome = await commands.space({ by, space, id: crypto.randomUUID(), command })()
  assert.is(outcome._tag, 'Right')
  return sessionId
}
