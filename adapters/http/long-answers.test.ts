/** When a right ends, the long answers that depend on it end within a second, and say why. */
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AnyJson, done } from '../../infra/testing/calls.ts'
import { testHttp } from '../../infra/testing/http.ts'

const test = suite('long answers')
const http = await testHttp()
const url = await http.app.listen({ host: '127.0.0.1', port: 0 })
const db = new pg.Client({ connectionString: http.databaseUrl })
await db.connect()
const DOCUMENT = '/api/spaces/document/2'
const as = (account: string): Record<string, string> => ({ ...http.bearer(account) })

const send = (
  method: 'PUT' | 'POST' | 'DELETE',
  path: string,
  who: object,
  body?: object,
): Promise<AnyJson> => done(http, `${method} ${path}`, who, body)

type Watching = {
  /** Resolves once something has arrived. */
  readonly first: Promise<string>
  /** Resolves at the end of the answer to everything that arrived, and to how many milliseconds passed since `from` (of
   *  `performance.now`). */
  readonly end: (from: number) => Promise<{ readonly text: string; readonly ms: number }>
}
const watch = async (path: string, headers: Record<string, string>): Promise<Watching> => {
  const response = await fetch(`${url}${path}`, { headers })
  assert.is(response.status, 200, path)
  const reader = response.body!.getReader()
  let text = ''
  const decoder = new TextDecoder()
  const read = async (): Promise<boolean> => {
    const { value, done } = await reader.read()
    text += decoder.decode(value)
    return !done
  }
  const first = read().then(() => text)
  return {
    first,
    end: async (from) => {
      await first
      while (await read());
      return { text, ms: performance.now() - from }
    },
  }
}
const lastOf = (text: string) =>
  JSON.parse(
    text
      .trim()
      .split('\n')
      .at(-1)!
      .replace(/^data: /, ''),
  )

test.before(async () => {
  await send('PUT', `${DOCUMENT}/permissions/mona`, as('bob'), { permission: 'moderate' })
  await send('POST', '/api/chat/document/2/messages', as('bob'), { content: 'a secret' })
  // An hour passes between the events, so a replay at half speed stays in the middle of it for the whole test.
  http.clock.ms += 3_600_000
  await send('POST', '/api/chat/document/2/messages', as('bob'), { content: 'a later secret' })
  await http.settled()
})

/** How a moderator's right to an answer ends, and what the last line says then. */
type Ending = readonly [why: string, end: (who: Record<string, string>) => Promise<unknown>, code: string]
const ENDINGS: ReadonlyArray<Ending> = [
  ['the role is revoked', () => send('DELETE', `${DOCUMENT}/permissions/mona`, as('bob')), 'space_not_found'],
  ['the account is banned', () => send('PUT', `${DOCUMENT}/bans/mona`, as('bob'), {}), 'banned'],
  ['the token is ended', (who) => send('DELETE', '/api/auth/session', who), 'invalid_proof'],
  [
    'the document is deleted',
    () => db.query("UPDATE collaboration_documents SET is_deleted = true WHERE id = '2'"),
    'space_not_found',
  ],
]

/** Makes everything as it was at first. */
const restore = async (): Promise<void> => {
  await db.query("UPDATE collaboration_documents SET is_deleted = false WHERE id = '2'")
  while ((await http.app.inject({ url: DOCUMENT, headers: as('bob') })).statusCode === 404);
  await send('DELETE', `${DOCUMENT}/bans/mona`, as('bob'))
  await send('PUT', `${DOCUMENT}/permissions/mona`, as('bob'), { permission: 'moderate' })
}

for (const [why, end, code] of ENDINGS)
  test(`given a replay that is being watched, as lines and as events, when ${why}, then both end with ${code}`, async () => {
    await restore()
    const who = as('mona')
    const path = `${DOCUMENT}/replay?speed=0.5x`
    const lines = await watch(path, who)
    const events = await watch(path, { ...who, accept: 'text/event-stream' })
    await Promise.all([lines.first, events.first])
    await end(who)
    const from = performance.now()
    for (const one of await Promise.all([lines.end(from), events.end(from)])) {
      assert.is(lastOf(one.text).code, code)
      assert.ok(one.ms < 1_000, `${one.ms} ms`)
      assert.not.match(one.text, 'a later secret')
    }
  })

test('given a replay of a public document, when the document becomes private, then it continues for a moderator by role and ends for everybody else', async () => {
  await send('PUT', '/api/spaces/document/1/permissions/mona', as('alice'), { permission: 'moderate' })
  http.clock.ms += 3_600_000
  await send('PUT', '/api/spaces/document/1/permissions/otto', as('alice'), { permission: 'moderate' })
  const [mona, otto] = await Promise.all(
    ['mona', 'otto'].map((name) => watch('/api/spaces/document/1/replay?speed=0.5x', as(name))),
  )
  await Promise.all([mona!.first, otto!.first])
  await db.query("UPDATE collaboration_documents SET is_public = false WHERE id = '1'")
  await send('DELETE', '/api/spaces/document/1/permissions/otto', as('alice'))
  const { text } = await otto!.end(performance.now())
  assert.is(lastOf(text).code, 'space_not_found')
  await send('DELETE', '/api/spaces/document/1/permissions/mona', as('alice'))
  assert.is(lastOf((await mona!.end(performance.now())).text).code, 'space_not_found')
})

test('given a replay requested with DLUX headers, when these expire, then it ends', async () => {
  await restore()
  const watched = await watch(`${DOCUMENT}/replay?speed=0.5x`, http.signed('mona'))
  await watched.first
  http.clock.ms += 86_400_000 + 1_000
  const { text, ms } = await watched.end(performance.now())
  assert.is(lastOf(text).code, 'invalid_proof')
  assert.ok(ms < 1_000, `${ms} ms`)
})

test('given a read that waits for the tables, when its token is revoked meanwhile, then it is not answered', async () => {
  const who = as('bob')
  const position = http.log.all().at(-1)!.position + 1n
  const paths = [DOCUMENT, `${DOCUMENT}/replay`, `${DOCUMENT}/audit`, '/api/chat/document/2/messages']
  const asked = paths.map((path) =>
    http.app.inject({ url: `${path}?min_position=${position}`, headers: who }),
  )
  // Each request's token has been checked by now, since that happens before anything is waited for.
  await new Promise((resolve) => setImmediate(resolve))
  await send('DELETE', '/api/auth/session', who)
  await send('POST', '/api/chat/document/2/messages', as('bob'), { content: 'at last' })
  for (const answer of await Promise.all(asked)) assert.is(answer.json().code, 'invalid_proof')
})

test('given more long-lived answers at once than allowed, then the caller is told to slow down', async () => {
  const who = as('bob')
  const all = await Promise.all(
    Array.from({ length: 21 }, () => fetch(`${url}${DOCUMENT}/replay?speed=0.001x`, { headers: who })),
  )
  assert.equal(
    all.map(({ status }) => status).filter((status) => status !== 200),
    [429],
  )
  for (const { body } of all) await body?.cancel()
})

test.after(async () => {
  await db.end()
  http.app.server.closeAllConnections()
  await http.close()
})
test.run()
