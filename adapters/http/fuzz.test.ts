/** Malformed requests over every call: never a crash, never 5xx, never anything on the log but refusals. */
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testHttp } from '../../infra/testing/http.ts'
import { ABOUT_A_SPACE, OTHERS } from './testing/endpoints.ts'

const test = suite('fuzz')
const http = await testHttp()
const TOTAL = Number(process.env.FUZZ_RUNS ?? 1_500)
const problems: unknown[] = []
const note = (error: unknown) => problems.push(error)
process.on('unhandledRejection', note)
process.on('uncaughtException', note)

const deep = (n: number): string => `${'{"a":'.repeat(n)}1${'}'.repeat(n)}`
const EVIL: ReadonlyArray<string> = [
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\udfff\ud800',
  '__proto__',
  'constructor',
  '../../etc/passwd',
  '%00',
  '%2e%2e',
  '\u202e',
  '﷽'.repeat(50),
  "' OR 1=1 --",
  '$'.concat('{7*7}'),
  '{{7*7}}',
  '<script>',
  'x'.repeat(5_000),
  '٣',
  '-1',
  '1e309',
  'NaN',
  'null',
  'undefined',
  '0x10',
  ' ',
  '\n',
  '🧑‍🤝‍🧑',
]
const odd = fc.oneof(
  fc.constantFrom(...EVIL),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.anything({ maxDepth: 4, withNullPrototype: false, withSparseArray: false }),
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    [],
    {},
    [[]],
    -0,
    1e308,
    Number.MAX_SAFE_INTEGER + 2,
    Number.NaN,
    { $gt: '' },
    { toString: 1 },
    { length: -1 },
  ),
)
/** As JSON text; what JSON can't say becomes null. */
const json = (value: unknown): string => {
  try {
    return JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v)) ?? 'null'
  } catch {
    return 'null'
  }
}
const FIELDS = [
  'content',
  'subspace',
  'message_type',
  'parent_message_id',
  'message_id',
  'permission',
  'reason',
  'until',
  'session_id',
  'challenge',
  'max_users',
  'slow_mode_seconds',
  'chat_enabled',
  'settings',
  'account',
  'purpose',
  '__proto__',
  'constructor',
  'by',
  'user_account',
]
const body = fc.oneof(
  { weight: 5, arbitrary: fc.dictionary(fc.constantFrom(...FIELDS), odd, { maxKeys: 6 }).map(json) },
  { weight: 1, arbitrary: odd.map(json) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '',
      '{',
      '[',
      '"',
      '{"a":',
      '\u0000',
      'NaN',
      '{"__proto__":{"x":1}}',
      '{"content":"\\ud800"}',
      '{"content":"\\u0000"}',
      '{"settings":{"__proto__":null}}',
      '{"a":1,}',
      '\ufeff{}',
      deep(40),
      deep(5_000),
      `[${'[],'.repeat(5_000)}[]]`,
      `{"content":"${'x'.repeat(70_000)}"}`,
      '{"constructor":{"prototype":{"x":1}}}',
      '{"reason":"\\u2028"}',
    ),
  },
)
const place = fc.oneof(
  fc.constantFrom(
    'document/2',
    'document/123',
    'post/alice/my-post',
    'post/alice%2Fmy-post',
    'global/lobby',
    'community/hive-12345',
    'document/7',
  ),
  fc
    .tuple(
      fc.constantFrom('post', 'document', 'global', 'community', '__proto__', 'x'),
      fc.constantFrom(...EVIL),
    )
    .map(([type, id]) => {
      try {
        return `${type}/${encodeURIComponent(id)}`
      } catch {
        return `${type}/%ED%A0%80`
      }
    }),
  fc.constantFrom(
    'post/%',
    'post/%zz/%zz',
    'post/a/b/c/d',
    'document/%C0%80',
    'document//',
    '//',
    'document/\u00e9',
  ),
)
const query = fc.oneof(
  fc.constant(''),
  fc
    .dictionary(
      fc.constantFrom(
        'limit',
        'cursor',
        'min_position',
        'before',
        'after',
        'subspace',
        'q',
        'type',
        'space',
        'account',
        'action',
        'from',
        'to',
        '__proto__',
      ),
      fc.oneof(
        fc.constantFrom(...EVIL),
        fc.string(),
        fc.constantFrom('1', '100', '5', 'WyIxIl0', 'eyJhIjoxfQ', '2026-13-45', '-1'),
      ),
      { maxKeys: 3 },
    )
    .map((pairs) =>
      Object.entries(pairs)
        .map(([name, value]) => `${name}=${encodeURIComponent(String(value).toWellFormed())}`)
        .join('&'),
    ),
  fc.constantFrom(
    'limit=%',
    'a[]=1&a[]=2',
    'limit=1&limit=2',
    '%00=%00',
    '&&&===',
    'q=%ED%A0%80',
    'cursor=%FF',
  ),
)
const headers = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .constantFrom('alice', 'bob', 'mallory')
      .map((account) => ({ ...http.bearer(account) }) as Record<string, string>),
  },
  { weight: 1, arbitrary: fc.constant({ ...http.guest() } as Record<string, string>) },
  {
    weight: 2,
    arbitrary: fc.record(
      {
        authorization: fc.constantFrom(
          'Bearer',
          'Bearer :',
          'Bearer :x',
          'Bearer a:b',
          'Basic x',
          `Bearer ${'x'.repeat(3_000)}`,
          'Bearer v1.e30.AAAA',
          'Bearer \u00ff',
        ),
        'x-account': fc.constantFrom('alice', '__proto__', 'A', '', '\u00ff'),
        'x-challenge': fc.constantFrom('0', '-1', '99999999999', 'x'),
        'x-pubkey': fc.constantFrom('STM', 'STM1111111111111111111111111111111114T1Anm', ''),
        'x-signature': fc.constantFrom('00', '1f'.repeat(65), 'zz'),
        'idempotency-key': fc.constantFrom('x', '', randomUUID(), `${randomUUID()}x`),
        'x-request-id': fc.constantFrom('', 'a b', 'x'.repeat(500), 'ok'),
        'user-agent': fc.constantFrom('', '\u00ff\u0080', 'x'.repeat(5_000)),
      },
      { requiredKeys: [] },
    ),
  },
)
const type = fc.oneof(
  { weight: 8, arbitrary: fc.constant('application/json') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'text/plain',
      'application/json; charset=utf-16',
      'application/xml',
      '',
      ';;;',
      'multipart/form-data',
      'application/vnd.api+json',
    ),
  },
)

test(`${TOTAL} malformed requests are answered below 500, in the error's shape`, async () => {
  const samples = [...ABOUT_A_SPACE, ...OTHERS]
  const each = Math.ceil(TOTAL / samples.length)
  const statuses = new Map<number, number>()
  const start = performance.now()
  for (const sample of samples)
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(place, query),
        body,
        headers,
        type,
        async ([where, ask], payload, head, contentType) => {
          const base = sample.url(where)
          const url =
            ask === '' || ask.includes('min_position')
              ? base
              : `${base}${base.includes('?') ? '&' : '?'}${ask}`
          const response = await http.app.inject({
            method: sample.method,
            url,
            headers: { ...head, ...(sample.method === 'GET' ? {} : { 'content-type': contentType }) },
            ...(sample.method === 'GET' ? {} : { payload }),
          })
          const { statusCode } = response
          statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1)
          if (statusCode >= 500)
            throw new Error(`${statusCode} ${sample.method} ${url} ${payload.slice(0, 200)} ${response.body}`)
          if (statusCode >= 400) {
            const told = response.json()
            assert.type(told.code, 'string')
            assert.type(told.error, 'string')
            assert.type(told.request_id, 'string')
          }
        },
      ),
      { numRuns: each, endOnFailure: true, includeErrorInReport: true },
    )
  const took = performance.now() - start
  console.log(
    `  ${[...statuses]
      .sort()
      .map(([s, n]) => `${s}: ${n}`)
      .join(', ')} in ${(took / 1_000).toFixed(1)} s`,
  )
  assert.is(problems.length, 0, String(problems[0]))
  assert.is(({} as { x?: number }).x, undefined)
})

test('the resulting events are well-formed, by callers who may, in spaces that exist', () => {
  for (const event of http.log.all()) {
    const text = JSON.stringify({ data: event.data, metadata: event.metadata })
    assert.ok(event.stream.isWellFormed() && !event.stream.includes('\0'))
    assert.not.ok(/\\u0000|\\ud[89a-f]/.test(text), text)
  }
  const actors = new Set(
    http.log
      .all()
      .map((event) => (event.metadata as { actor?: { kind: string; id: string } }).actor)
      .filter((actor) => actor?.kind === 'account')
      .map((actor) => actor!.id),
  )
  for (const actor of actors) assert.ok(['alice', 'bob', 'mallory'].includes(actor), actor)
})

test.after(() => http.close())
test.run()
