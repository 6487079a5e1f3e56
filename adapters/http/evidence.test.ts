/** Who may have a room's record as a file, and what is in it. */
import { inflateRawSync } from 'node:zlib'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
// @ts-expect-error: plain JavaScript of the page.
import { expanded, fromBase85 } from '../../apps/operations/export/evidence/page/squeezed.js'
import { type TestHttp, testHttp } from '../../infra/testing/http.ts'
import { connectSession } from '../postgres/session.ts'

const test = suite<{ http: TestHttp }>('a file of evidence')
const ROOM = '/api/spaces/post/alice/my-post'

test.before(async (context) => {
  const http = await testHttp()
  context.http = http
  const { app, bearer } = http
  const say = (who: string, content: string) =>
    app.inject({
      method: 'POST',
      url: '/api/chat/post/alice/my-post/messages',
      headers: bearer(who),
      payload: { content },
    })
  assert.is((await say('carol', 'what carol said')).statusCode, 200)
  assert.is((await say('dave', 'what dave said')).statusCode, 200)
  await http.settled()
})
test.after(({ http }) => http.close())

const get = ({ app, bearer }: TestHttp, query: string, who: string | null) =>
  app.inject({ method: 'GET', url: `${ROOM}/evidence${query}`, headers: who === null ? {} : bearer(who) })

test('given the owner, when the file is asked for, then it is HTML to save, with the record in it; the look is on the log', async ({
  http,
}) => {
  const { statusCode, headers, body } = await get(http, '?words_of=carol', 'alice')
  assert.is(statusCode, 200, body)
  assert.match(String(headers['content-type']), /^text\/html/)
  assert.match(String(headers['content-disposition']), /^attachment; filename="post-alice-my-post\.html"$/)
  const packed = /id="record">([^<]*)</.exec(body)?.[1] ?? ''
  const record = expanded(inflateRawSync(fromBase85(packed)))
  assert.match(record, /"format":"dlux-presence-evidence"/)
  assert.match(record, /what carol said/)
  const look = http.log.all().findLast(({ type }) => type === 'AuditRead')
  assert.is((look!.data as { call: string }).call, 'evidence')
})
test('given who may not see the record, then the file is not theirs, and of a room that they may not know of there is none', async ({
  http,
}) => {
  assert.is(JSON.parse((await get(http, '', 'dave')).body).code, 'forbidden')
  assert.is(JSON.parse((await get(http, '', null)).body).code, 'forbidden')
  const hidden = await http.app.inject({
    url: '/api/spaces/post/alice/hidden-draft/evidence',
    headers: http.bearer('dave'),
  })
  assert.is(JSON.parse(hidden.body).code, 'space_not_found')
})
test('given what can’t be asked for, then a code, and nothing is looked at', async ({ http }) => {
  const before = http.log.all().length
  for (const [query, code] of [
    ['?words_of=Not%20a%20name', 'invalid_words_of'],
    ['?from=yesterday', 'invalid_from'],
    ['?from=2026-02-01&to=2026-01-01', 'invalid_to'],
    ['?word_of=carol', 'invalid_query'],
  ] as const)
    assert.is(JSON.parse((await get(http, query, 'alice')).body).code, code)
  assert.is(http.log.all().length, before)
})
test('given a read that fails once while the file is made, as when a rebuild puts new tables in place, then it is made again', async ({
  http,
}) => {
  const { readStream } = http.log
  let failures = 0
  Object.assign(http.log, {
    readStream: (...asked: Parameters<typeof readStream>) => {
      // Whether the room has events is asked first, and does not need an answer.
      if (!asked[0].startsWith('chat-') || failures === 2) return readStream(...asked)
      failures += 1
      return async () => E.left({ _tag: 'LogUnavailable' as const, cause: 'away' })
    },
  })
  try {
    assert.is((await get(http, '', 'alice')).statusCode, 200)
    assert.is(failures, 2)
  } finally {
    Object.assign(http.log, { readStream })
  }
})
test('given a room of which the log has nothing, or of which nothing can be proved now, then a code says so', async ({
  http,
}) => {
  const { app, bearer } = http
  const of = async (room: string) => {
    const answer = await app.inject({ url: `/api/spaces/${room}/evidence`, headers: bearer('auditor') })
    return [answer.statusCode, JSON.parse(answer.body).code]
  }
  assert.equal(await of('post/alice/my-360-photo'), [404, 'event_not_found'])
  const session = await connectSession(http.databaseUrl, 'test')
  await session.exec('ALTER TABLE proof_leaves RENAME TO proof_leaves_away')
  try {
    assert.equal(await of('post/alice/my-post'), [503, 'checkpoint_unavailable'])
  } finally {
    await session.exec('ALTER TABLE proof_leaves_away RENAME TO proof_leaves')
    await session.close()
  }
})
test.run()
