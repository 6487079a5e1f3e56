/** Unknown parameters: on calls that filter, ignoring one would quietly show more than was asked for; on calls that
 *  prove an identity, it would make an account a guest. Which calls these are is read from the documentation. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testHttp } from '../../infra/testing/http.ts'

const test = suite('names that nobody reads')
const http = await testHttp()
test.after(() => http.close())

// biome-ignore lint/suspicious/noExplicitAny: of whatever shape
type Json = any
type Call = { readonly method: 'GET' | 'POST'; readonly url: string; readonly names: ReadonlyArray<string> }
const IN_PATHS: Readonly<Record<string, string>> = {
  type: 'global',
  id: 'lobby',
  name: 'alice',
  case_id: 'a-case',
}
const fill = (path: string): string => path.replace(/\{(\w+)\}/g, (_, name) => IN_PATHS[name] ?? 'x')
const document = (await http.app.inject('/docs/json')).json() as Json
const calls = Object.entries(document.paths as Record<string, Record<string, Json>>).flatMap(
  ([path, methods]) => Object.entries(methods).map(([method, of]) => ({ path, method, of })),
)

const filtering: ReadonlyArray<Call> = calls.flatMap(({ path, method, of }) => {
  const names = ((of.parameters ?? []) as Json[]).flatMap((one) => (one.in === 'query' ? [one.name] : []))
  const isFilter = method === 'get' && names.some((name) => name !== 'min_position')
  return isFilter ? [{ method: 'GET', url: fill(path), names } as const] : []
})
const proving: ReadonlyArray<Call> = calls.flatMap(({ path, method, of }) => {
  const fields = of.requestBody?.content?.['application/json']?.schema?.properties ?? {}
  const isProof = method === 'post' && ('signature' in fields || 'purpose' in fields)
  return isProof ? [{ method: 'POST', url: fill(path), names: Object.keys(fields) } as const] : []
})

const codeOf = async (method: 'GET' | 'POST', url: string, payload?: object) => {
  const headers = { ...http.bearer('alice') }
  const response = await http.app.inject({
    method,
    url,
    headers,
    ...(payload === undefined ? {} : { payload }),
  })
  return [
    response.statusCode,
    response.headers['content-type']?.toString().includes('json') && response.json().code,
  ]
}
/** Each known name with one letter more, and some that other systems use. */
const UNKNOWN = [
  'offset',
  'space_type',
  'page',
  'filter',
  '__proto__',
  'constructor',
  'LIMIT',
  'min-position',
]
const misspelt = (names: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...names.map((name) => `${name}s`),
  ...UNKNOWN.filter((name) => !names.includes(name)),
]

test('given the documentation, then there are calls of both kinds', () => {
  assert.ok(filtering.length >= 15, String(filtering.length))
  assert.equal(proving.map(({ url }) => url).sort(), [
    '/api/auth/challenge',
    '/api/auth/session',
    '/api/spaces/global/lobby/join',
  ])
})

for (const { url, names } of filtering)
  test(`given GET ${url}, when a parameter is sent that it does not have, then it is refused`, async () => {
    for (const name of misspelt(names))
      assert.equal(await codeOf('GET', `${url}?${name}=1`), [400, 'invalid_query'], name)
  })

for (const { url, names } of proving)
  test(`given POST ${url}, when a field that it does not have is sent beside a proof, then it is refused`, async () => {
    const proof = { challenge: 'dlux_vr_1_a', signature: '0'.repeat(130) }
    const beside = Object.fromEntries(Object.entries(proof).filter(([name]) => names.includes(name)))
    for (const name of ['signatur', 'sig', 'key', 'challenges', 'accountName'])
      assert.equal(await codeOf('POST', url, { ...beside, [name]: 'alice' }), [400, 'invalid_body'], name)
  })

test('given a call that only proves who asks, when the proof is in its address, then it is refused', async () => {
  for (const url of ['/api/auth/session?account=alice&signature=00', '/api/auth/challenge?purpose=login'])
    assert.equal(await codeOf('POST', url, {}), [400, 'invalid_query'])
})

test('given DLUX’s wallet, which names its account beside the challenge, then it is accepted as before', async () => {
  const join = '/api/spaces/global/lobby/join'
  for (const payload of [
    { subspace: 'main', user_account: 'alice', challenge: null },
    { subspace: 'main', user_account: 'alice', position: { x: 1 } },
  ])
    assert.is((await http.app.inject({ method: 'POST', url: join, payload })).statusCode, 200)
  const wrong = { user_account: 'alice', challenge: 'dlux_vr_1_a' }
  const headers = { authorization: `Bearer ${'0'.repeat(130)}:alice` }
  const answer = await http.app.inject({ method: 'POST', url: join, payload: wrong, headers })
  assert.equal([answer.statusCode, answer.json().code], [401, 'invalid_proof'])
})

test.run()
