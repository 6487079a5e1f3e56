/** The audit log over HTTP: search, pages and export; and every look at it is an event in it. */
import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testHttp } from '../../infra/testing/http.ts'
import { posted, recorded } from '../../projections/testing/events.ts'
import { csvCell, download, formatOf } from './download.ts'

const test = suite('the audit log over HTTP')
const http = await testHttp()
type Row = Readonly<Record<string, string | null>> & { readonly details: Readonly<Record<string, unknown>> }

const get = (url: string, headers: Record<string, string>) => http.app.inject({ method: 'GET', url, headers })
const auditor = () => ({ ...http.bearer('auditor') })
const owner = () => ({ ...http.bearer('alice') })
const entries = async (
  query: string,
  headers = auditor(),
  path = '/api/audit',
): Promise<ReadonlyArray<Row>> => {
  const response = await get(`${path}?limit=100&${query}`, headers)
  assert.is(response.statusCode, 200, response.body)
  return response.json().entries
}
const looks = () => http.log.all().filter(({ stream }) => stream.startsWith('access-'))
const send = async (method: 'PUT' | 'POST' | 'DELETE', url: string, who: string, payload: object) => {
  const id = randomUUID()
  const response = await http.app.inject({
    method,
    url,
    payload,
    headers: { ...(who.startsWith('guest:') ? http.guest(who) : http.bearer(who)), 'x-request-id': id },
  })
  return { status: response.statusCode, id }
}
const CHAT = '/api/chat/document/1/messages'
let correlation = ''
const cursor = (position: string) => Buffer.from(JSON.stringify([position])).toString('base64url')

test.before(async () => {
  await send('POST', CHAT, 'bob', { content: 'The Walrus and the carpenter' })
  await send('POST', CHAT, 'bob', { content: '100% = all_of it', subspace: 'main-chess' })
  await send('POST', CHAT, 'guest:0123456789ab', { content: 'a guest speaks' })
  ;({ id: correlation } = await send('PUT', '/api/spaces/document/1/mutes/frank', 'alice', {
    reason: '=2+3',
  }))
  await send('PUT', '/api/spaces/document/1/bans/frank', 'bob', {})
  await send('POST', '/api/chat/document/123/messages', 'bob', { content: 'elsewhere' })
  await http.settled()
})

test('each filter narrows the result to what it names', async () => {
  const all = await entries('')
  const actions = async (query: string) => (await entries(query)).map(({ action }) => action)
  assert.equal(await actions('action=AccountMuted'), ['AccountMuted'])
  assert.equal(await actions('target=frank&action=AccountMuted'), ['AccountMuted'])
  assert.equal(await actions(`correlation=${correlation}`), ['AccountMuted', 'SpaceOpened'])
  assert.equal(await actions('refusal=forbidden'), ['CommandRefused'])
  assert.equal(await actions('refusal=space_full'), [])
  assert.equal(await actions('text=wALRUS'), ['MessagePosted'])
  assert.equal(await actions('text=100%25%20%3D%20all_'), ['MessagePosted'])
  assert.equal(await actions('text=100_'), [])
  assert.equal(await actions('text=walrus&account=carol'), [])
  assert.equal(await actions('room=main-chess'), ['MessagePosted'])
  assert.equal(await actions('guest=guest:0123456789ab'), ['MessagePosted'])
  assert.equal(await actions('space=document:123&action=MessagePosted'), ['MessagePosted'])
  assert.ok((await actions('account=bob')).length >= 4)
  const at = all.at(-1)!.created_at!
  assert.ok((await actions(`from=${at}`)).length > 0)
  assert.equal(await actions(`to=${new Date(Date.parse(at) - 1_000).toISOString()}`), [])
})

test('oldest first is newest first the other way round, and a cursor stays where it is', async () => {
  const newest = await entries('to=2999-01-01&account=bob')
  const oldest = await entries('to=2999-01-01&account=bob&order=oldest')
  assert.equal([...oldest].reverse(), newest)
  const seen: string[] = []
  let cursor = ''
  do {
    const page = (await get(`/api/audit?limit=2&account=bob${cursor}`, auditor())).json()
    seen.push(...page.entries.map(({ position }: Row) => position))
    // Events that come meanwhile are listed before those already seen, and move none of them to another page.
    await send('POST', '/api/chat/document/123/messages', 'bob', { content: 'meanwhile' })
    cursor = page.next_cursor === null ? '' : `&cursor=${page.next_cursor}`
  } while (cursor !== '')
  assert.equal(
    seen,
    newest.map(({ position }) => position),
  )
})

const parseCsv = (text: string): ReadonlyArray<ReadonlyArray<string>> =>
  text
    .trimEnd()
    .split('\r\n')
    .map((line) =>
      [...line.matchAll(/"((?:[^"]|"")*)"(?:,|$)/g)].map(([, cell]) => cell!.replaceAll('""', '"')),
    )

test('given more than a page of rows, when they are exported, then every row comes once, in order, as in the pages', async () => {
  const space = { type: 'document', id: '123' } as const
  for (let i = 0; i < 2_500; i += 1) {
    const { stream, event } = recorded(space, posted(`many-${i}`, `many ${i}, “so”\n=1`, i % 60))
    http.log.push(stream, event)
  }
  await http.settled()
  const response = await get('/api/audit?space=document:123&action=MessagePosted&format=ndjson', auditor())
  assert.match(String(response.headers['content-type']), 'application/x-ndjson')
  const rows: Row[] = response.body
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.ok(rows.length >= 2_501)
  const positions = rows.map(({ position }) => BigInt(position!))
  assert.equal(
    positions,
    [...new Set(positions)].sort((a, b) => (a > b ? -1 : 1)),
  )
  const first = await entries('space=document:123&action=MessagePosted')
  assert.equal(rows.slice(0, 100), first)

  const csv = await get('/api/spaces/document/123/audit?action=MessagePosted&order=oldest', {
    ...auditor(),
    accept: 'text/csv',
  })
  assert.match(String(csv.headers['content-type']), 'text/csv')
  assert.is(csv.body[0], '\ufeff', 'a spreadsheet is told that it is UTF-8')
  const [head, ...cells] = parseCsv(csv.body.slice(1))
  assert.equal(head?.slice(0, 4), ['position', 'event_id', 'created_at', 'action'])
  assert.equal(
    cells.map(([position]) => position),
    rows.map(({ position }) => position).reverse(),
  )
  assert.is((await get('/api/audit?format=ndjson&limit=3', auditor())).body.trimEnd().split('\n').length, 3)
})

test('given cells that a spreadsheet would run as formulas, then they become text', () => {
  for (const text of ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '  =1', '\r=1', '＝1'])
    assert.is(csvCell(text), `"'${text}"`)
  assert.is(csvCell('a "b", c'), '"a ""b"", c"')
  assert.is(csvCell({ reason: '=2+3' }), '"{""reason"":""=2+3""}"')
  assert.is(csvCell(null), '""')
  assert.equal(
    [
      formatOf(null, 'text/csv;q=1'),
      formatOf('ndjson', 'text/csv'),
      formatOf(null, '*/*'),
      formatOf(null, undefined),
    ],
    ['csv', 'ndjson', 'json', 'json'],
  )
})

test('given a caller who does not read, then no more than a few pages are asked for', async () => {
  let asked = 0
  const pages = async function* () {
    for (; asked < 1_000; ) {
      asked += 1
      yield [{ a: 'x'.repeat(100_000) }]
    }
  }
  const { rows } = download('ndjson', { name: 'rows', columns: ['a'], rows: pages(), check: async () => {} })
  const chunks = rows[Symbol.asyncIterator]()
  await chunks.next()
  await new Promise((resolve) => setImmediate(resolve))
  assert.ok(asked <= 4, String(asked))
  await chunks.return?.()
})

test('given a look, then it is on the log before it is answered, with who, at what and how many rows, but not which words', async () => {
  const before = looks().length
  const rows = await entries('space=document:1&text=walrus&room=main', auditor())
  const look = looks()[before]!
  assert.is(look.stream, 'access-document:1')
  assert.equal((look.metadata as { actor: unknown }).actor, { kind: 'account', id: 'auditor' })
  const data = look.data as { filters: object; rows: number }
  assert.equal([data.filters, data.rows], [{ room: 'main', text: true }, rows.length])
  await http.settled()
  const [seen] = await entries('space=document:1&action=AuditRead', owner())
  assert.equal([seen?.user_account, seen?.target, seen?.ip_address], ['auditor', null, null])
  // The export of all spaces and a page of them are one event each; looks at one's own rows are none.
  const then = looks().length
  await get('/api/audit?format=ndjson', auditor())
  await get('/api/audit', auditor())
  await get('/api/me/audit', owner())
  await get('/api/audit', owner())
  await get('/api/me/audit?format=csv', owner())
  assert.equal(
    looks()
      .slice(then)
      .map(({ stream, data }) => [stream, (data as { rows: unknown }).rows === null]),
    [
      ['access-global:*', true],
      ['access-global:*', false],
    ],
  )
})

test('given a log that does not accept the look, then nothing is shown', async () => {
  http.log.onAppend = (stream) => (stream.startsWith('access-') ? 'unavailable' : null)
  for (const query of ['', '?format=ndjson', '?space=document:1&format=csv']) {
    const response = await get(`/api/audit${query}`, auditor())
    assert.equal([response.statusCode, response.json().code], [503, 'eventstore_unavailable'])
  }
  assert.is((await get('/api/me/audit', owner())).statusCode, 200)
  http.log.onAppend = () => null
})

test('given one day as both ends, then all rows of that day are returned, in every form of the call', async () => {
  const [day, next] = ['2026-01-01', '2026-01-02']
  for (const path of ['/api/audit?space=document:123&', '/api/spaces/document/123/audit?']) {
    const of = async (range: string) => (await get(`${path}${range}`, auditor())).json().entries as Row[]
    const then = await of(`from=${day}&to=${day}`)
    assert.ok(then.length > 0)
    assert.ok(then.every(({ created_at }) => created_at!.startsWith(day)))
    assert.is(then.length, (await of(`from=${day}&to=${day}T23:59:59.999Z`)).length)
    assert.is((await of(`from=${day}T00:00:00Z&to=${day}T00:00:00Z`)).length < then.length, true)
    assert.equal(await of(`from=${next}&to=${next}`), [])
  }
})

test('given an unknown filter, then the answer is 400 and names it', async () => {
  for (const query of [
    'room=elsewhere',
    'guest=bob',
    'target=x y',
    'refusal=No!',
    `text=${'x'.repeat(201)}`,
    'text=',
    'order=best',
    'format=xml',
    'correlation=a b',
    'cursor=nobody',
    'limit=101',
    // As numbers, they are out of the database's range.
    `cursor=${cursor('9999999999999999999')}`,
    `cursor=${cursor('-9223372036854775809')}`,
    'from=0000-01-01',
    'to=9999-12-31T23:59:59-14:00',
  ]) {
    const response = await get(`/api/audit?${query}`, auditor())
    assert.is(response.statusCode, 400, query)
    assert.is(response.json().code, `invalid_${query.split('=')[0]}`)
  }
  assert.is((await get(`/api/audit?cursor=${cursor('9223372036854775807')}`, auditor())).statusCode, 200)
})

test('given a misspelt filter, then the answer is 400 and names it and the one that was meant, and nobody’s rows are shown', async () => {
  const before = looks().length
  const SPACE = '/api/spaces/document/1'
  for (const [url, wrong, meant] of [
    ['/api/audit?acount=bob', 'acount', 'account'],
    ['/api/audit?Account=bob', 'Account', 'account'],
    ['/api/audit?account[]=bob', 'account[]', 'account'],
    ['/api/audit?format=csv&form=2026-01-01', 'form', 'from'],
    ['/api/me/audit?limti=1', 'limti', 'limit'],
    [`${SPACE}/audit?actoin=AccountMuted`, 'actoin', 'action'],
    [`${SPACE}/audit?space=document:1`, 'space', 'room, account'],
    [`${SPACE}/at?time=2026-01-01&mesages=1`, 'mesages', 'messages'],
    [`${SPACE}/why?evnt=1`, 'evnt', 'event'],
    [`${SPACE}/replay?form=1`, 'form', 'from'],
    ['/api/audit/proof/inclusion?psition=1', 'psition', 'position'],
    ['/api/audit/proof/consistency?from=0&to=0&size=1', 'size', 'from, to'],
    ['/api/spaces?limti=5', 'limti', 'limit'],
    ['/api/spaces?types=360', 'types', 'type'],
    ['/api/spaces?space_types=post', 'space_types', 'space_type'],
    ['/api/spaces?search=lobby', 'search', 'type'],
    [`${SPACE}/permissions?offset=50`, 'offset', 'limit, cursor'],
    [`${SPACE}/bans?cursr=1`, 'cursr', 'cursor'],
    [`${SPACE}/mutes?account=bob`, 'account', 'limit, cursor'],
    ['/api/chat/document/1/messages?sbspace=main-a', 'sbspace', 'subspace'],
    ['/api/chat/document/1/messages?offset=10', 'offset', 'subspace'],
    ['/api/audit?_=1700000000', '_', 'space, room'],
    ['/api/audit?%00%0a=1', '', 'space, room'],
    ['/api/audit?constructor=1', 'constructor', 'space, room'],
  ] as const) {
    const response = await get(url, auditor())
    const { code, error } = response.json()
    assert.equal([response.statusCode, code], [400, 'invalid_query'], url)
    assert.match(error, wrong)
    assert.match(error, meant)
  }
  assert.is(looks().length, before)
  for (const url of ['/api/audit', '/api/me/audit', `${SPACE}/audit`, `${SPACE}/replay`])
    assert.is((await get(`${url}?min_position=1`, auditor())).statusCode, 200, url)
  // What DLUX's clients send goes on working, and so does a number against caches; calls without filters accept any parameter.
  for (const url of [
    '/api/spaces?limit=50&include_events=true&space_type=document',
    '/api/spaces?limit=20&offset=0&type=360',
    '/api/spaces?type=all&q=lobby&cursor=&min_position=1',
    `${SPACE}/bans?limit=5&cursor=&_=1`,
    '/api/chat/document/1/messages?subspace=main&limit=5&after=0',
    '/api/spaces?_=1',
    '/api/chat/document/1/messages?_=1',
    `${SPACE}?_=1`,
  ])
    assert.is((await get(url, owner())).statusCode, 200, url)
})

test('given a caller who asks for their own events, then they see what they did and what was done to them', async () => {
  const mine = await entries('', { ...http.bearer('frank') }, '/api/me/audit')
  assert.ok(mine.some(({ action, target }) => action === 'AccountMuted' && target === 'frank'))
  assert.ok(mine.every((row) => row.user_account === 'frank' || row.target === 'frank'))
  assert.ok(mine.every(({ ip_address, user_agent }) => ip_address === null && user_agent === null))
  assert.is((await get('/api/me/audit?account=bob', { ...http.bearer('frank') })).statusCode, 403)
})

test('given a stranger who tried a private space and one that does not exist, then nothing in their own audit log distinguishes the two', async () => {
  const stranger = 'stranger'
  for (const id of ['2', '9999991']) {
    const tried = await send('POST', `/api/spaces/document/${id}/join`, stranger, {})
    assert.is(tried.status, 404)
    await send('POST', `/api/chat/document/${id}/messages`, stranger, { content: 'knock' })
  }
  // The private space's own audit log shows them to its owner.
  const settled = async () => {
    await http.settled()
    return (await entries('space=document:2&account=stranger', { ...http.bearer('bob') })).length === 2
  }
  while (!(await settled())) await new Promise((resolve) => setImmediate(resolve))
  for (const path of ['/api/audit', '/api/me/audit', '/api/audit?refusal=space_not_found']) {
    const { entries: own, next_cursor } = (
      await get(`${path}${path.includes('?') ? '&' : '?'}limit=1`, { ...http.bearer(stranger) })
    ).json()
    assert.equal([own, next_cursor], [[], null], path)
  }
  assert.is((await get('/api/me/audit?format=ndjson', { ...http.bearer(stranger) })).body.trim(), '')
})

test.after(() => http.close())
test.run()
