/** Each call that the console makes, for every role and kind of room: who is answered, and who is refused how. The calls are read
 *  from the console's scripts, so one that is not in the table here fails; the expected results are written independently of
 *  the product's rules. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { consolePaths } from '../../infra/checks/console-calls.ts'
import { testHttp } from '../../infra/testing/http.ts'
import {
  ALL_SEEING,
  giveRoles,
  IDS,
  KNOWING,
  type RoleName,
  RUNNING,
  rolesOn,
  type Space,
} from '../../infra/testing/roles.ts'

const test = suite('the console’s calls by role')
const http = await testHttp()
const ROLES = rolesOn(http)
const NONE = '00000000-0000-4000-8000-000000000001'

/** Of a room that is there: who is answered. To anybody else it is forbidden, or there is no such room. */
type Who =
  | 'who may know'
  | 'who may enter'
  | 'moderators'
  | 'moderators and all who see all'
  | 'case workers'
  | 'admins'
const ANSWERED: Record<Who, (role: RoleName, space: Space) => boolean> = {
  'who may know': (role, space) => space === 'public' || (isIn(role) && role !== 'banned'),
  'who may enter': (role, space) => role !== 'banned' && (space === 'public' || isIn(role)),
  moderators: (role) => RUNNING.includes(role),
  'moderators and all who see all': (role) => RUNNING.includes(role) || ALL_SEEING.includes(role),
  'case workers': (role) => RUNNING.includes(role) || role === 'system admin',
  admins: (role) => role === 'admin' || role === 'owner',
}
const isIn = (role: RoleName): boolean => RUNNING.includes(role) || role === 'access'

type Call = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the room, as it is sent. */
  readonly path: string
  readonly body?: object
  readonly who: Who
  /** Whoever is answered gets 200, or an error that says that the thing asked for is not there. */
  readonly code?: string
}
const get = (path: string, who: Who, code?: string): Call => ({
  method: 'GET',
  path,
  who,
  ...(code ? { code } : {}),
})
const act = (
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  who: Who,
  rest: Partial<Call> = {},
): Call => ({
  ...{ method, path, who, body: {} },
  ...rest,
})
const SPAN = { from: '2026-01-01', to: '2026-01-02' }
const WORDS = { body: { words: ['zzz'], acts: ['report'] } }
const NOWHERE = { code: 'message_not_found' }
/** The calls about a room, by the path that the console's scripts name. What is asked of a moment and of the record is in `http/matrix`. */
const OF_ROOM: Record<string, ReadonlyArray<Call>> = {
  '/api/spaces/*': [get('', 'who may know')],
  '/settings': [
    get('/settings', 'who may know'),
    act('PATCH', '/settings', 'admins', { body: { slow_mode_seconds: 0 } }),
  ],
  '/permissions': [get('/permissions?limit=100', 'who may enter')],
  '/permissions/*': [
    act('PUT', '/permissions/zed', 'admins', { body: { permission: 'access' } }),
    act('DELETE', '/permissions/zed', 'admins'),
  ],
  '/bans': [get('/bans?limit=100', 'moderators')],
  '/mutes': [get('/mutes?limit=100', 'moderators')],
  '/*/*': ['bans', 'mutes'].flatMap((list) => [
    act('PUT', `/${list}/zed`, 'moderators'),
    act('DELETE', `/${list}/zed`, 'moderators'),
  ]),
  '/kick': [act('POST', '/kick', 'moderators', { body: { session_id: 'none' } })],
  '/queue': [get('/queue', 'who may know')],
  '/queue/*': [act('DELETE', '/queue/zed', 'moderators')],
  '/reports': [act('POST', '/reports', 'who may enter', { body: { subject: 'zed' } })],
  '/evidence': [get('/evidence', 'moderators and all who see all')],
  '/what-if': [
    act('POST', '/what-if', 'moderators and all who see all', {
      body: { ...SPAN, settings: { slow_mode_seconds: 5 } },
    }),
  ],
  '/filters': [get('/filters', 'moderators and all who see all')],
  '/filters/*': [act('PUT', '/filters/zed', 'admins', WORDS), act('DELETE', '/filters/zed', 'admins')],
  '/filtered': [get('/filtered', 'moderators and all who see all')],
  '/filtered/*/approve': [act('POST', `/filtered/${NONE}/approve`, 'moderators', NOWHERE)],
  '/filtered/*/drop': [act('POST', `/filtered/${NONE}/drop`, 'moderators', NOWHERE)],
  '/lists': [get('/lists', 'moderators and all who see all')],
  '/lists/*': [
    get('/lists/zed', 'moderators and all who see all', 'list_not_found'),
    act('PUT', '/lists/zed', 'admins', { body: { space: 'document:9' }, code: 'space_not_found' }),
    act('DELETE', '/lists/zed', 'admins'),
  ],
  '/cases': [get('/cases', 'case workers')],
  '/cases/*': [get(`/cases/${NONE}`, 'case workers', 'case_not_found')],
}
/** What anybody is answered the same: the room's case, hand or message is not there. */
const NOT_THERE: Record<string, Call['method']> = {
  '/take': 'POST',
  '/notes': 'POST',
  '/acts': 'POST',
  '/close': 'POST',
  '/hearing': 'POST',
  '/cases/*/appeal': 'POST',
  '/hands/*': 'DELETE',
  '/messages/*': 'DELETE',
}
/** Calls about the caller or the system: the roles that are refused. */
const OF_SYSTEM: Record<string, ReadonlyArray<RoleName>> = {
  '/api/me': ['nobody'],
  '/api/me/looks': ['nobody'],
  '/api/me/data': ['nobody'],
  '/api/me/receipts': [],
  '/api/me/reports': [],
  '/api/holds': Object.keys(ROLES).filter((role) => role !== 'system admin') as RoleName[],
  '/api/spaces': [],
  '/api/spaces/global/lobby': [],
  '/api/health': [],
  '/api/audit/checkpoint': [],
  '/api/audit/key': [],
  '/api/audit/witnesses': [],
  '/tlog/checkpoint': [],
}
/** Shown elsewhere: in `http/matrix`, in `http/proof`, in `http/me`, and the stand-in for a wallet; the rest are beginnings of addresses. */
const ELSEWHERE = [
  ...['/at', '/audit', '/audit/counts', '/replay', '/why', '/api/audit', '/api/me/audit'],
  ...['/api/audit/proof/consistency', '/api/audit/proof/inclusion', '/api/holds/*', '/api/me/erasure'],
  ...['/api/auth/session', '/page/config', '/page/sign', '/api/chat/', '/api/spaces/'],
]

const send = (
  role: RoleName,
  space: Space,
  { method, path, body }: Omit<Call, 'who'>,
  below = '/api/spaces',
) =>
  http.app.inject({
    method,
    url: `${below}/document/${IDS[space]}${path}`,
    headers: ROLES[role](space) as Record<string, string>,
    ...(body === undefined ? {} : { payload: body }),
  })

test.before(() => giveRoles(http))

test('each path that the console’s scripts name has its row, and no other has one', () => {
  const rows = [OF_ROOM, NOT_THERE, OF_SYSTEM].flatMap((table) => Object.keys(table))
  assert.equal(consolePaths(), [...rows, ...ELSEWHERE, '/api/chat/*/messages'].sort())
})

const everybody = Object.keys(ROLES) as ReadonlyArray<RoleName>
let cells = 0
for (const [name, calls] of Object.entries(OF_ROOM))
  test(`${name}, for each of ${everybody.length} roles, in a public room, a private one and none`, async () => {
    for (const call of calls)
      for (const space of Object.keys(IDS) as ReadonlyArray<Space>)
        for (const role of everybody) {
          const cell = `${role}, ${call.method} ${call.path}, ${space}: `
          const answer = await send(role, space, call)
          cells += 1
          if (space !== 'none' && ANSWERED[call.who](role, space)) {
            const code = answer.statusCode === 200 ? undefined : answer.json().code
            assert.is(code, call.code, cell + answer.body.slice(0, 200))
            continue
          }
          const mayKnow = space === 'public' || (space === 'private' && (isIn(role) || maySee(role, call)))
          assert.is(answer.statusCode, mayKnow ? 403 : 404, cell + answer.body.slice(0, 200))
          if (!mayKnow) assert.is(answer.json().code, 'space_not_found', cell)
        }
  })
/** Nobody who sees all is refused what they see. */
const maySee = (role: RoleName, { who }: Call): boolean =>
  ALL_SEEING.includes(role) && KNOWING.includes(role) && ANSWERED[who](role, 'private')

test('a case, a hand or a message that is not there is nobody’s to ask about', async () => {
  for (const [path, method] of Object.entries(NOT_THERE))
    for (const space of Object.keys(IDS) as ReadonlyArray<Space>)
      for (const role of everybody) {
        const at = path.replace('*', NONE)
        const isCase = /^.(take|notes|acts|close|hearing)$/.test(path)
        const body = {
          text: 'a',
          act: 'mute',
          rule: 'a',
          reason: 'a',
          outcome: path === '/close' ? 'dismissed' : 'stands',
        }
        const call = { method, path: isCase ? `/cases/${NONE}${at}` : at, body }
        const answer = await send(role, space, call, path === '/messages/*' ? '/api/chat' : '/api/spaces')
        cells += 1
        const cell = `${role}, ${path}, ${space}: ${answer.body.slice(0, 200)}`
        assert.ok(answer.statusCode === 404 || (role === 'banned' && answer.statusCode === 403), cell)
      }
})

test('calls about oneself and about the system: who is refused', async () => {
  for (const [path, refused] of Object.entries(OF_SYSTEM))
    for (const role of everybody) {
      const headers = ROLES[role]('public') as Record<string, string>
      const { statusCode } = await http.app.inject({ method: 'GET', url: path, headers })
      cells += 1
      assert.is(statusCode, refused.includes(role) ? 403 : 200, `${role}, ${path}`)
    }
  for (const space of Object.keys(IDS) as ReadonlyArray<Space>)
    for (const role of everybody) {
      const { statusCode } = await send(role, space, { method: 'GET', path: '/messages' }, '/api/chat')
      const may = space !== 'none' && ANSWERED['who may enter'](role, space)
      assert.is(statusCode, may ? 200 : space === 'public' ? 403 : 404, `${role}, messages, ${space}`)
    }
  console.log(`  ${cells} cells`)
})

test.after(() => http.close())
test.run()
