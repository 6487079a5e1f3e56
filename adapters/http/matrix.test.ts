/** Every role, every call that shows what happened, every kind of space: nobody reads an audit log that they may not
 *  read, and to a stranger a private space looks like one that does not exist. The cases are generated; the expected
 *  results are written here independently of the product's rules. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testHttp } from '../../infra/testing/http.ts'
import {
  ALL_SEEING,
  giveRoles,
  IDS,
  KNOWING,
  NAMES,
  type RoleName,
  RUNNING,
  rolesOn,
  type Space,
} from '../../infra/testing/roles.ts'

const test = suite('roles by calls')
const http = await testHttp()

const ROLES = rolesOn(http)

type Shows = 'rows' | 'moment'
type Call = { readonly url: (id: string) => string; readonly shows: Shows; readonly accept?: string }
const events = new Map<Space, string>()
/** An event of the space; for the space that does not exist, one of the private space. */
const eventOf = (id: string) => events.get(id === IDS.public ? 'public' : 'private')!
const CALLS: Record<string, Call> = {
  audit: { url: (id) => `/api/spaces/document/${id}/audit?limit=100`, shows: 'rows' },
  'audit as lines': { url: (id) => `/api/spaces/document/${id}/audit?format=ndjson`, shows: 'rows' },
  'audit as CSV': { url: (id) => `/api/spaces/document/${id}/audit`, shows: 'rows', accept: 'text/csv' },
  'audit by name': { url: (id) => `/api/audit?space=document:${id}&limit=100`, shows: 'rows' },
  'audit by name as lines': { url: (id) => `/api/audit?space=document:${id}&format=ndjson`, shows: 'rows' },
  'audit of bans': { url: (id) => `/api/spaces/document/${id}/audit?action=AccountBanned`, shows: 'rows' },
  'audit by words': { url: (id) => `/api/spaces/document/${id}/audit?text=secret`, shows: 'rows' },
  at: { url: (id) => `/api/spaces/document/${id}/at?time=2999-01-01`, shows: 'moment' },
  'at a revision': { url: (id) => `/api/spaces/document/${id}/at?revision=0`, shows: 'moment' },
  counts: { url: (id) => `/api/spaces/document/${id}/audit/counts`, shows: 'moment' },
  replay: { url: (id) => `/api/spaces/document/${id}/replay`, shows: 'moment' },
  'why an event': { url: (id) => `/api/spaces/document/${id}/why?event=${eventOf(id)}`, shows: 'moment' },
}

/** The expected status of this case. */
const expected = (role: RoleName, space: Space, { shows }: Call): number => {
  if (space === 'none') return ALL_SEEING.includes(role) && shows === 'rows' ? 200 : 404
  if (space === 'private' && !KNOWING.includes(role)) return 404
  if (ALL_SEEING.includes(role) || RUNNING.includes(role)) return 200
  // Anybody who may know of the space may read their own rows; a moment of the space is for everybody in it.
  return shows === 'rows' ? 200 : 403
}

const ask = async (role: RoleName, space: Space, call: Call) => {
  const headers = { ...(ROLES[role](space) as Record<string, string>), 'x-request-id': 'the-same' }
  const response = await http.app.inject({
    method: 'GET',
    url: call.url(IDS[space]),
    headers: call.accept === undefined ? headers : { ...headers, accept: call.accept },
  })
  return response
}

type Row = Readonly<Record<string, string | null>>
const rowsOf = (body: string, contentType: string): ReadonlyArray<Row> => {
  if (contentType.startsWith('application/json')) return JSON.parse(body).entries
  if (contentType.startsWith('application/x-ndjson'))
    return body
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  const lines = body
    .trimEnd()
    .split('\r\n')
    .map((line) =>
      [...line.matchAll(/"((?:[^"]|"")*)"(?:,|$)/g)].map(([, cell]) => (cell === '' ? null : cell!)),
    )
  const [names, ...rows] = lines
  return rows.map((cells) => Object.fromEntries(names!.map((name, i) => [name!, cells[i] ?? null])))
}

test.before(async () => {
  await giveRoles(http)
  for (const [space, id] of [
    ['public', IDS.public],
    ['private', IDS.private],
  ] as const)
    events.set(space, http.log.all().find(({ stream }) => stream === `space-document:${id}`)!.id)
})

let cells = 0
for (const [name, call] of Object.entries(CALLS))
  for (const space of Object.keys(IDS) as ReadonlyArray<Space>)
    test(`${name} of a ${space} space, for each of ${Object.keys(ROLES).length} roles`, async () => {
      for (const role of Object.keys(ROLES) as ReadonlyArray<RoleName>) {
        const cell = `${role}, ${name}, ${space}`
        const response = await ask(role, space, call)
        const status = expected(role, space, call)
        assert.is(response.statusCode, status, `${cell}: ${response.body.slice(0, 200)}`)
        cells += 1
        if (status === 404) {
          // Byte for byte like a space that does not exist.
          const none = await ask(role, 'none', call)
          assert.equal([response.body, response.statusCode], [none.body, none.statusCode], cell)
          assert.equal(Object.keys(response.headers), Object.keys(none.headers), cell)
          assert.is(response.json().code, 'space_not_found', cell)
        }
        if (status !== 200 || call.shows === 'moment') {
          if (status === 200 && !ALL_SEEING.includes(role))
            assert.not.match(response.body, /127\.0\.0\.1|lightMyRequest/, cell)
          continue
        }
        const rows = rowsOf(response.body, String(response.headers['content-type']))
        const all = ALL_SEEING.includes(role) || RUNNING.includes(role)
        if (space === 'none')
          assert.equal(
            rows.filter(({ action }) => action !== 'AuditRead'),
            [],
            cell,
          )
        else if (all) assert.ok(rows.length > 0, cell)
        else
          for (const row of rows)
            assert.ok([row.user_account, row.guest_id, row.target].includes(NAMES[role] ?? 'nobody'), cell)
        for (const row of rows) assert.is(row.space_id, IDS[space], cell)
        if (!ALL_SEEING.includes(role))
          assert.ok(
            rows.every(({ ip_address, user_agent }) => ip_address === null && user_agent === null),
            cell,
          )
        else if (space !== 'none')
          assert.ok(
            rows.some(({ ip_address }) => ip_address !== null),
            cell,
          )
      }
    })

test('all spaces at once are for auditors; everybody else gets what concerns them', async () => {
  for (const role of Object.keys(ROLES) as ReadonlyArray<RoleName>)
    for (const url of [
      '/api/audit?limit=100&order=oldest',
      '/api/me/audit?limit=100',
      '/api/audit?format=ndjson',
    ]) {
      const response = await http.app.inject({
        method: 'GET',
        url,
        headers: ROLES[role]('public') as Record<string, string>,
      })
      assert.is(response.statusCode, 200)
      cells += 1
      const rows = rowsOf(response.body, String(response.headers['content-type']))
      const all = ALL_SEEING.includes(role) && !url.startsWith('/api/me')
      const everybody = new Set(rows.flatMap(({ user_account, target }) => [user_account, target]))
      if (all) assert.ok(everybody.has('alice') && everybody.has('mallory'), role)
      else
        for (const row of rows)
          assert.ok(
            [row.user_account, row.guest_id, row.target].includes(NAMES[role] ?? 'nobody'),
            `${role} ${url}`,
          )
      // Somebody who was banned from a space that they may not know of does not learn of the ban.
      if (role === 'banned') assert.not.ok(rows.some(({ space_id }) => space_id === '2'))
    }
})

test('somebody else’s rows by name are refused to all but those who may see all', async () => {
  for (const role of ['stranger', 'guest', 'access', 'banned', 'moderator'] as const) {
    const headers = ROLES[role]() as Record<string, string>
    for (const url of [
      '/api/audit?account=alice',
      '/api/me/audit?account=alice',
      '/api/audit?account=alice&format=csv',
    ])
      assert.is((await http.app.inject({ method: 'GET', url, headers })).statusCode, 403, `${role} ${url}`)
    cells += 3
  }
  console.log(`  ${cells} cells`)
})

test.after(() => http.close())
test.run()
