/** The feed: the events after a position, each once, in order, with a reference to the one before it, for as long as
 *  the caller may read them. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AnyJson, done } from '../../infra/testing/calls.ts'
import { testHttp } from '../../infra/testing/http.ts'
import { until } from '../../infra/testing/until.ts'

const test = suite('the feed')
const http = await testHttp()
const url = await http.app.listen({ host: '127.0.0.1', port: 0 })
const as = (account: string): Record<string, string> => ({ ...http.bearer(account) })

const send = (
  method: 'PUT' | 'POST' | 'DELETE',
  path: string,
  who: object,
  body?: object,
): Promise<AnyJson> => done(http, `${method} ${path}`, who, body)
const say = (space: string, content: string, who = 'bob') =>
  send('POST', `/api/chat/${space}/messages`, as(who), { content })

const parsed = (text: string): AnyJson[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
const once = async (query: string, who: object = as('bob')) => {
  const response = await http.app.inject({ url: `/api/feed?live=false&${query}`, headers: { ...who } })
  assert.is(response.statusCode, 200, response.body)
  return parsed(response.body)
}
/** A feed that stays open, and everything received from it so far. */
const open = async (query: string, headers: Record<string, string>) => {
  const response = await fetch(`${url}/api/feed?${query}`, { headers })
  assert.is(response.status, 200)
  const reader = response.body!.getReader()
  const watching = { text: '', isOver: false, stop: () => reader.cancel() }
  const read = async () => {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) break
      watching.text += Buffer.from(value).toString()
    }
    watching.isOver = true
  }
  void read().catch(() => {})
  await until('it is open', () => watching.text !== '')
  return watching
}

test.before(async () => {
  await send('PUT', '/api/spaces/document/2/permissions/mona', as('bob'), { permission: 'moderate' })
  await say('document/2', 'one')
  await say('document/1', 'elsewhere', 'alice')
  await say('document/1', 'and again', 'alice')
  await say('document/2', 'two')
  await http.settled()
})

test('given a space with a history, when its feed is asked for from the start, then each event is there once, in order, with the one before it', async () => {
  const items = await once('space=document:2&after=start')
  assert.equal(
    items.map(({ type }) => type),
    ['SpaceOpened', 'PermissionGranted', 'MessagePosted', 'MessagePosted'],
  )
  assert.equal(
    items.map(({ previous }) => previous),
    [null, ...items.slice(0, -1).map(({ position }) => position)],
  )
  assert.equal(items[2].actor, { kind: 'account', id: 'bob' })
  assert.is(items[2].data.content, 'one')
  assert.not('client' in items[2])
})

test('given a position in the middle, when the feed continues from there, then the first event names the one before it', async () => {
  const [, granted, first] = await once('space=document:2&after=start')
  const after = await once(`space=document:2&after=${first.position}&types=MessagePosted`)
  assert.is(after.length, 1)
  assert.is(after[0].data.content, 'two')
  assert.is(after[0].previous, first.position)
  const only = await once(`space=document:2&after=${granted.position}&types=MessagePosted&limit=1`)
  assert.equal(
    only.map(({ previous, data }) => [previous, data.content]),
    [[null, 'one']],
  )
})

test('given an auditor, when the feed of all spaces is requested, then both spaces are in it, each in its own order, with people’s addresses', async () => {
  const items = await once('after=start', as('auditor'))
  assert.equal(new Set(items.map(({ space_id }) => space_id)), new Set(['1', '2']))
  const one = items.filter(({ space_id }) => space_id === '1')
  assert.is(one[1].previous, one[0].position)
  assert.ok('client' in items.at(-1))
})

test('given a feed of one space, when something happens there and elsewhere, then it has only what happened there, at once', async () => {
  const lines = await open('space=document:2', as('mona'))
  const events = await open('space=document:2', { ...as('mona'), accept: 'text/event-stream' })
  await say('document/1', 'not this', 'alice')
  const { position } = await say('document/2', 'three')
  await until('both have it', () => lines.text.includes('three') && events.text.includes('three'))
  assert.not.match(lines.text, 'not this')
  assert.match(events.text, `id: ${position}\nevent: MessagePosted\ndata: {`)
  await Promise.all([lines.stop(), events.stop()])
})

test('given a reader that received an event, when its connection is lost and it comes back with Last-Event-ID, then it continues after that event', async () => {
  const [, , first] = await once('space=document:2&after=start')
  const events = await open('space=document:2&after=start', {
    ...as('mona'),
    accept: 'text/event-stream',
    'last-event-id': first.position,
  })
  await until('it has the next', () => events.text.includes('two'))
  assert.not.match(events.text, `id: ${first.position}\n`)
  await events.stop()
})

test('given a feed that is being read, when its reader’s role is revoked, then it ends within a second with the reason', async () => {
  const feed = await open('space=document:2', as('mona'))
  await send('DELETE', '/api/spaces/document/2/permissions/mona', as('bob'))
  const since = performance.now()
  await until('it is over', () => feed.isOver)
  assert.ok(performance.now() - since < 1_000)
  assert.is(parsed(feed.text).at(-1).code, 'space_not_found')
  await say('document/2', 'without mona')
  assert.not.match(feed.text, 'without mona')
})

const REFUSED: ReadonlyArray<readonly [string, string, object, number, string]> = [
  ['a guest asks for all', '', {}, 403, 'forbidden'],
  ['a moderator asks for all', '', as('bob'), 403, 'forbidden'],
  ['a stranger asks for a private space', 'space=document:2', as('frank'), 404, 'space_not_found'],
  ['a visitor asks for a public space', 'space=document:1', as('frank'), 403, 'forbidden'],
  ['there is no such space', 'space=document:none', as('auditor'), 404, 'space_not_found'],
  ['a place is none', 'space=document:2&after=-1', as('bob'), 400, 'invalid_after'],
  ['a place is beyond the log', 'space=document:2&after=99999999999', as('bob'), 410, 'beyond_log'],
  ['a space is none', 'space=nowhere', as('bob'), 400, 'invalid_space'],
  ['a limit is none', 'space=document:2&limit=0', as('bob'), 400, 'invalid_limit'],
  ['a type is none', 'space=document:2&types=a,b%20c', as('bob'), 400, 'invalid_types'],
  ['a parameter is misspelt', 'space=document:2&afer=1', as('bob'), 400, 'invalid_query'],
]
for (const [why, query, who, status, code] of REFUSED)
  test(`when ${why}, then it is told ${code}`, async () => {
    const response = await http.app.inject({ url: `/api/feed?${query}`, headers: { ...who } })
    assert.is(response.statusCode, status, response.body)
    assert.is(response.json().code, code)
  })

test('given a caller with twenty feeds, when it asks for another, then it is told to slow down', async () => {
  const feeds = await Promise.all(Array.from({ length: 20 }, () => open('space=document:2', as('bob'))))
  const response = await fetch(`${url}/api/feed?space=document:2`, { headers: as('bob') })
  assert.is(response.status, 429)
  await response.text()
  await Promise.all(feeds.map(({ stop }) => stop()))
  await until('there is a place again', async () => {
    const again = await fetch(`${url}/api/feed?space=document:2&live=false`, { headers: as('bob') })
    await again.text()
    return again.status === 200
  })
})

test('given a feed that was requested, then the look is on the audit log', async () => {
  await http.settled()
  const { entries } = (
    await http.app.inject({ url: '/api/audit?action=AuditRead&limit=100', headers: as('auditor') })
  ).json()
  assert.ok(entries.some(({ details }: AnyJson) => details.call === 'feed'))
})

test('given a log whose beginning is archived, when its feed is requested from before the cut, then the answer is 410, with the archive and the position from which on everything is there; from that position on, the feed is given', async () => {
  const [, granted, first] = await once('space=document:2&after=start')
  const archive = {
    name: 'archive-000001',
    place: '/mnt/archives/archive-000001',
    before: '2026-01-01T00:00:00.000Z',
    position: granted.position as string,
  }
  const archivedAfter = async (after: bigint | 'start') =>
    after === 'start' || after < BigInt(archive.position) ? archive : null
  Object.assign(http.deps, { archivedAfter })
  try {
    for (const [after, headers] of [
      ['start', {}],
      ['0', {}],
      [first.position, { accept: 'text/event-stream', 'last-event-id': '0' }],
    ] as const) {
      const told = await http.app.inject({
        url: `/api/feed?live=false&space=document:2&after=${after}`,
        headers: { ...as('bob'), ...headers },
      })
      const body = told.json()
      assert.equal([told.statusCode, body.code, body.archive], [410, 'archived', archive], after)
      assert.match(body.error, `ask for what came after position ${archive.position}`)
    }
    assert.is((await once(`space=document:2&after=${archive.position}`))[0].position, first.position)
    const stranger = await http.app.inject({
      url: '/api/feed?live=false&space=document:2&after=start',
      headers: as('frank'),
    })
    assert.is.not(stranger.statusCode, 410)
  } finally {
    Object.assign(http.deps, { archivedAfter: undefined })
  }
})

test.after(async () => {
  http.app.server.closeAllConnections()
  await http.close()
})
test.run()
