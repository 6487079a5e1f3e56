/** The queue of a full room over REST: joins, the queue itself, moments, why, and DLUX's panel. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type TestHttp, testHttp } from '../../infra/testing/http.ts'

// biome-ignore lint/suspicious/noExplicitAny: whatever the server sent; the test says what it must be
type Json = any
const test = suite<{ http: TestHttp }>('the queue over REST')
const ROOM = '/api/spaces/post/alice/my-post'

test.before(async (context) => {
  context.http = await testHttp()
  const set = await ask(context.http, `PATCH ${ROOM}/settings`, 'alice', { max_users: 1, queue: true })
  assert.is(set.status, 200)
  // Somebody takes the only seat.
  assert.is((await ask(context.http, `POST ${ROOM}/join`, 'carol', {})).status, 200)
})
test.after(({ http }) => http.close())

/** `call`: a method and a path. */
const ask = async (
  { app, bearer }: TestHttp,
  call: string,
  who: string | null,
  payload?: object,
): Promise<{ status: number; body: Json }> => {
  const [method, url = ''] = call.split(' ') as ['GET' | 'POST' | 'PATCH' | 'DELETE', string]
  const headers = who === null ? {} : bearer(who)
  const answer = await app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) })
  return { status: answer.statusCode, body: JSON.parse(answer.body) }
}

test('given a full room with a queue, when somebody joins, then 202 with a place and the usual fields of a join', async ({
  http,
}) => {
  const { status, body } = await ask(http, `POST ${ROOM}/join`, 'dave', {})
  assert.equal([status, body.success, body.queue.position, body.queue.waiting], [202, true, 1, 1])
  assert.match(body.websocket_url, /\?ticket=/)
  assert.ok(body.session_token)
  const again = await ask(http, `POST ${ROOM}/join`, 'dave', {})
  assert.equal([again.status, again.body.queue.position], [202, 1])
})

test('given people who wait, then each sees their own place, moderators see who waits, and strangers how many', async ({
  http,
}) => {
  await ask(http, `POST ${ROOM}/join`, 'erin', {})
  const own = await ask(http, `GET ${ROOM}/queue`, 'erin')
  assert.equal(
    [own.body.queue, own.body.waiting, own.body.mine.position, own.body.places],
    [true, 2, 2, null],
  )
  const owner = await ask(http, `GET ${ROOM}/queue`, 'alice')
  assert.equal(
    owner.body.places.map(({ subject }: Json) => subject),
    ['dave', 'erin'],
  )
  assert.is(owner.body.mine, null)
  const stranger = await ask(http, `GET ${ROOM}/queue`, null)
  assert.equal([stranger.body.waiting, stranger.body.mine, stranger.body.places], [2, null, null])
  for (const id of ['alice/hidden-draft', 'alice/nowhere'])
    for (const call of [`GET /api/spaces/post/${id}/queue`, `DELETE /api/spaces/post/${id}/queue/erin`])
      assert.equal((await ask(http, call, 'erin')).body.code, 'space_not_found', call)
})

test('given people who wait, then a moment has the queue with the events, and why names the order', async ({
  http,
}) => {
  await http.settled()
  const moment = await ask(http, `GET ${ROOM}/at?time=${new Date(http.clock.ms).toISOString()}`, 'alice')
  assert.equal(
    moment.body.queue.map(({ subject, position, ahead }: Json) => [subject, position, ahead]),
    [
      ['dave', 1, 'others'],
      ['erin', 2, 'others'],
    ],
  )
  const { event_id } = moment.body.queue[1].event
  const why = await ask(http, `GET ${ROOM}/why?event=${event_id}`, 'alice')
  assert.is(why.status, 200)
  const rule = why.body.rules.find((one: Json) => one.rule === 'queue')
  assert.match(
    rule.says,
    /The room had a queue: 1 waited; moderators’ turns come first.*next turn was dave’s/,
  )
})

test('given a replay as a socket, then anything but a socket’s id is refused, and is not written to the log', async ({
  http,
}) => {
  const url = `GET ${ROOM}/replay?motion=1&as=${encodeURIComponent('what somebody said')}`
  assert.is((await ask(http, url, 'alice')).body.code, 'invalid_as')
})

test('given the panel, then its join is answered with 202, its waiting list and queue show the place, and it can leave', async ({
  http,
}) => {
  const asked = { space_type: 'post', space_id: 'alice/my-post', subspace: 'main' }
  const guest = http.guest()
  const call = async (method: 'GET' | 'POST' | 'DELETE', url: string, payload?: object) => {
    const answer = await http.app.inject({ method, url, headers: guest, ...(payload ? { payload } : {}) })
    return { status: answer.statusCode, body: JSON.parse(answer.body) as Json }
  }
  const joined = await call('POST', '/api/presence/sessions', asked)
  assert.equal(
    [joined.status, joined.body.queue_info],
    [
      202,
      {
        position: 3,
        queue_position: 3,
        users_ahead: 2,
        user_type: 'guest',
        estimated_wait: { estimated_seconds: null, estimated_message: 'not known yet' },
      },
    ],
  )
  assert.equal(Object.keys(joined.body.capacity), ['used', 'total', 'available', 'premiumBonus'])
  assert.equal(
    [joined.body.is_premium, joined.body.upgrade_options, joined.body.viral_info],
    [false, [], null],
  )
  assert.match(joined.body.message, /number 3 of 3/)
  const queue = await call('GET', '/api/presence/spaces/post/alice/my-post/queue')
  assert.is(queue.body.queue_info.current_queue.total_waiting, 3)
  await http.settled()
  const status = await call('GET', '/api/presence/waitlist/web-1/status')
  const [entry] = status.body.waitlist_entries
  assert.equal(
    [entry.space_id, entry.queue_position, entry.users_ahead, entry.status],
    ['alice/my-post', 3, 2, 'waiting'],
  )
  assert.equal(
    (await ask(http, 'GET /api/presence/waitlist/web-1/status', 'frank')).body.waitlist_entries,
    [],
  )
  const left = await call('DELETE', '/api/presence/waitlist/web-1/leave', asked)
  assert.equal([left.body.success, left.body.removed_entries], [true, 1])
  for (const body of [asked, {}, undefined])
    assert.is((await call('DELETE', '/api/presence/waitlist/web-1/leave', body)).body.removed_entries, 0)
})

test('given places, then their owners and the owner of the room can end them, and others can’t', async ({
  http,
}) => {
  assert.is((await ask(http, `DELETE ${ROOM}/queue/dave`, 'erin', {})).body.code, 'forbidden')
  assert.is((await ask(http, `DELETE ${ROOM}/queue/erin`, 'erin', {})).status, 200)
  assert.is((await ask(http, `DELETE ${ROOM}/queue/dave`, 'alice', { reason: 'a bot' })).status, 200)
  assert.is((await ask(http, `GET ${ROOM}/queue`, null)).body.waiting, 0)
  await http.settled()
  const rows = await ask(http, `GET /api/spaces/post/alice/my-post/audit?action=PlaceGivenUp`, 'alice')
  const removed = rows.body.entries?.find(({ details }: Json) => details.subject === 'dave')
  assert.equal([removed?.details.why, removed?.details.note], ['removed', 'a bot'])
})
test.run()
