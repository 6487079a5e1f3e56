/** “What if” over REST: who may ask, what is answered, and what is refused. */
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AnyJson, ask, done } from '../../infra/testing/calls.ts'
import { type TestHttp, testHttp } from '../../infra/testing/http.ts'
import { whatIf } from '../../projections/history/what-if/what-if.ts'

const test = suite<{ http: TestHttp }>('what if over REST')
const ROOM = '/api/spaces/post/alice/my-post'
const CHAT = '/api/chat/post/alice/my-post/messages'

const SPAN = { from: '2020-01-01', to: '2099-01-01' }

test.before(async (context) => {
  const { http } = Object.assign(context, { http: await testHttp() })
  await done(http, `PUT ${ROOM}/permissions/maria`, 'alice', { permission: 'moderate' })
  const first = await done(http, `POST ${CHAT}`, 'dave', { content: 'oh darn' })
  await done(http, `POST ${CHAT}`, 'dave', { content: 'well' })
  await done(http, `POST ${CHAT}`, 'erin', { content: 'so?', parent_message_id: first.message_id })
  await done(http, `PUT ${CHAT}/${first.message_id}/reactions/👍`, 'erin')
  await http.settled()
})
test.after(({ http }) => http.close())

test('given a moderator, when they ask about slow mode, then the second message would have been refused', async ({
  http,
}) => {
  const told = await done(http, `POST ${ROOM}/what-if`, 'maria', {
    ...SPAN,
    settings: { slow_mode_seconds: 60 },
  })
  assert.equal([told.differences, told.by, told.not_comparable], [1, { 'accepted > slow_down': 1 }, 0])
  const [{ actor, command, was, would, event_id }] = told.listed
  assert.equal([actor, command, was, would], ['dave', 'PostMessage', 'accepted', 'slow_down'])
  assert.is((await done(http, `GET ${ROOM}/why?event=${event_id}`, 'maria')).agrees, true)
  assert.equal([told.undecided, told.unexplained, told.cut_at], [0, 0, null])
})

test('given a filter, then the message that it would have held is listed, with what depends on it', async ({
  http,
}) => {
  const told = await done(http, `POST ${ROOM}/what-if`, 'alice', {
    ...SPAN,
    filter: { words: ['darn'], acts: ['hold'] },
  })
  assert.equal([told.differences, told.by, told.not_comparable], [1, { 'accepted > held': 1 }, 2])
  assert.is(told.listed[0].followed, 2)
})

test('given a question that can’t be answered, or a caller who may not ask, then it is refused, and a private room looks as if it did not exist', async ({
  http,
}) => {
  for (const [body, code] of [
    [{ ...SPAN }, 'invalid_settings'],
    [{ ...SPAN, settings: { theme: 'dark' } }, 'invalid_settings'],
    [{ ...SPAN, settings: { max_users: 0 } }, 'invalid_max_users'],
    [{ ...SPAN, filter: { words: ['darn'], acts: [] } }, 'invalid_acts'],
    [{ from: '2099-01-01', to: '2020-01-01', settings: { stage: true } }, 'invalid_from'],
  ] as const)
    assert.is((await ask(http, `POST ${ROOM}/what-if`, 'alice', body)).code, code, JSON.stringify(body))
  const asked = { ...SPAN, settings: { slow_mode_seconds: 60 } }
  assert.is((await ask(http, `POST ${ROOM}/what-if`, 'erin', asked)).code, 'forbidden')
  const hidden = await ask(http, 'POST /api/spaces/post/alice/hidden-draft/what-if', 'erin', asked)
  assert.is(hidden.code, 'space_not_found')
})

test('given a moderator who loses the right while the answer is made, then they get none', async ({
  http,
}) => {
  const moments = http.deps.moments!
  const { until } = moments
  await done(http, `PUT ${ROOM}/permissions/frank`, 'alice', { permission: 'moderate' })
  const asked = { ...SPAN, settings: { slow_mode_seconds: 60 } }
  const losing = async (): Promise<void> => {
    await done(http, `DELETE ${ROOM}/permissions/frank`, 'alice')
  }
  Object.assign(moments, {
    until: async (...given: Parameters<typeof until>) => {
      await losing()
      return until(...given)
    },
  })
  try {
    const told = await ask(http, `POST ${ROOM}/what-if`, 'frank', asked)
    assert.equal([told.status, told.code, told.listed], [403, 'forbidden', undefined])
  } finally {
    Object.assign(moments, { until })
  }
})

test('given somebody whose question is being answered, then they ask no second one, and another person does', async ({
  http,
}) => {
  const moments = http.deps.moments!
  const { until } = moments
  const asked = { ...SPAN, settings: { slow_mode_seconds: 60 } }
  await done(http, `PUT ${ROOM}/permissions/frank`, 'alice', { permission: 'moderate' })
  const answers: Array<{ readonly status: number; readonly code: unknown }> = []
  const meanwhile = async (): Promise<void> => {
    Object.assign(moments, { until })
    for (const by of ['alice', 'frank']) answers.push(await ask(http, `POST ${ROOM}/what-if`, by, asked))
  }
  Object.assign(moments, {
    until: async (...given: Parameters<typeof until>) => {
      await meanwhile()
      return until(...given)
    },
  })
  try {
    assert.is((await ask(http, `POST ${ROOM}/what-if`, 'alice', asked)).status, 200)
    assert.equal(
      answers.map(({ status, code }) => [status, code]),
      [
        [429, 'slow_down'],
        [200, undefined],
      ],
    )
  } finally {
    Object.assign(moments, { until })
  }
})

test('given more to decide than one answer may take, then it is cut, and the next goes on there', async ({
  http,
}) => {
  const supposed = { settings: { slow_mode_seconds: 60 }, filters: [] }
  const space = { type: 'post', id: 'alice/my-post' } as const
  const ask = (from: string, ms: number) =>
    whatIf(
      http.deps.moments!,
      space,
      { from: new Date(from), to: new Date(SPAN.to) },
      { supposed, most: { events: 1_000, ms, listed: 10 } },
    )()
  const all = await ask(SPAN.from, 1_000)
  const cut = await ask(SPAN.from, Number.MIN_VALUE)
  assert.ok(E.isRight(all) && E.isRight(cut))
  if (E.isLeft(all) || E.isLeft(cut)) return
  assert.equal([all.right.cutAt, cut.right.events], [null, 1])
  assert.ok(all.right.ms > 0)
  const rest = await ask(cut.right.cutAt!, 1_000)
  // What happened in the same millisecond is read again.
  assert.ok(E.isRight(rest) && rest.right.events >= all.right.events - 1)
  assert.equal(E.isRight(rest) && rest.right.differences, all.right.differences)
})

test('given a question, then the look is in the audit log, without the words', async ({ http }) => {
  await http.settled()
  const looks = http.log.all().filter(({ type }) => type === 'AuditRead')
  const asked = looks.map(({ data }) => data as AnyJson).filter(({ call }) => call === 'what-if')
  assert.equal(
    asked.map(({ filters }) => filters.supposed),
    ['slow_mode_seconds', 'filter', 'slow_mode_seconds', 'slow_mode_seconds'],
  )
  assert.not(JSON.stringify(asked).includes('darn'))
})
test.run()
