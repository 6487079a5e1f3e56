/** Times in requests: every call reads them as UTC, rejects numbers as dates, and rejects ranges that end before they begin. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testHttp } from '../../infra/testing/http.ts'

// In whatever zone the server runs, a time without a zone is UTC.
process.env.TZ = 'Asia/Tokyo'

const test = suite('times in requests')
const http = await testHttp()
test.after(() => http.close())

const room = '/api/spaces/global/lobby'
const get = async (url: string) => {
  const answer = await http.app.inject({ url, headers: { ...http.bearer('auditor') } })
  const isJson = String(answer.headers['content-type']).includes('application/json')
  return { status: answer.statusCode, body: isJson ? answer.json() : null, text: answer.body }
}
const DAY = '2026-05-04'
test.before(async () => {
  for (const at of [`${DAY}T00:00:00.000Z`, `${DAY}T23:59:59.999Z`, '2026-05-05T00:00:00.000Z']) {
    http.clock.ms = Date.parse(at)
    const said = await http.app.inject({
      method: 'POST',
      url: '/api/chat/global/lobby/messages',
      payload: { content: 'hello' },
      headers: { ...http.bearer('alice') },
    })
    assert.is(said.statusCode, 200, said.body)
  }
  await http.settled()
})

/** Calls that take a range, and their other parameters. */
const RANGES = [
  '/api/audit',
  '/api/me/audit',
  `${room}/audit`,
  `${room}/audit/counts`,
  `${room}/transparency`,
]
const WRONG = [
  'yesterday',
  '1700000000',
  '1700000000000',
  '2026-02-30',
  '2026-02-29',
  '2026-13-01',
  '2026-00-01',
  '2026-04-31T12:00:00Z',
  '2026-01-31T25:00:00Z',
  '2026-01-31T12:60:00Z',
  '2026-01-31T12:00:00%2B25:00',
  '2026-01-31T12:00:00 Z',
  '12026-01-31',
  '+002026-01-31',
  '-000001-01-01',
  '31.01.2026',
  '01/31/2026',
  '2026-W05',
  '2026-01-31T12:00:00[Europe/Berlin]',
  '%D9%A2%D9%A0%D9%A2%D9%A6-01-31',
  '2026-01-31%00',
  // A plus sign that is not escaped means a blank, so the sender's intention is not certain.
  '2026-01-31T12:00:00+02:00',
  '2026-05-04%2012:00:00',
]
const GOOD = [
  '2026-05-04',
  '2026-05-04T12:00',
  '2026-05-04T12:00:00',
  '2026-05-04T12:00:00.5',
  '0001-01-01',
  '9999-12-31',
]

for (const url of RANGES) {
  test(`given ${url}, when a time is malformed, then the refusal names it`, async () => {
    for (const wrong of WRONG)
      for (const name of ['from', 'to']) {
        const other = name === 'from' ? 'to=9999-12-31' : 'from=0001-01-01'
        const { status, body } = await get(`${url}?${other}&${name}=${wrong}`)
        assert.equal([status, body?.code], [400, `invalid_${name}`], `${name}=${wrong}`)
      }
  })
  test(`given ${url}, when a time is written without a zone or is far away, then it is accepted`, async () => {
    for (const good of GOOD) {
      assert.is((await get(`${url}?from=${good}&to=9999-12-31T23:59:59.999Z`)).status, 200, good)
      assert.is((await get(`${url}?from=0001-01-01T00:00:00Z&to=${good}`)).status, 200, good)
    }
  })
  test(`given ${url}, when a range ends before it begins, then it is refused`, async () => {
    for (const [from, to] of [
      ['2026-05-05', '2026-05-04'],
      ['2026-05-04T12:00:00.001Z', '2026-05-04T12:00:00Z'],
      ['2026-05-04T12:00:00Z', '2026-05-04T12:00:00%2B02:00'],
    ]) {
      const { status, body } = await get(`${url}?from=${from}&to=${to}`)
      assert.equal([status, body?.code], [400, 'invalid_from'])
    }
  })
}

test('given a range of one day, then it contains all of that day, and nothing of the next', async () => {
  const asked = async (from: string, to: string) => {
    const { body } = await get(`/api/audit?action=MessagePosted&from=${from}&to=${to}`)
    return body.entries.length as number
  }
  assert.is(await asked(DAY, DAY), 2)
  assert.is(await asked(`${DAY}T00:00:00`, `${DAY}T00:00:00`), 1)
  assert.is(await asked(DAY, '2026-05-05'), 3)
  // In Tokyo it is already the next day, which must not matter.
  assert.is(await asked(`${DAY}T23:59:59.999`, `${DAY}T23:59:59.999`), 1)
})

for (const [url, names] of [
  [`${room}/at`, ['time']],
  [`${room}/replay`, ['from', 'to']],
] as const)
  test(`given ${url}, when a time is malformed, or a range ends before it begins, then it is refused`, async () => {
    for (const wrong of WRONG.filter((one) => !/^\d+$/.test(one)))
      for (const name of names) {
        const { status, body } = await get(`${url}?${name}=${wrong}`)
        assert.equal([status, body?.code], [400, `invalid_${name}`], `${name}=${wrong}`)
      }
    for (const good of GOOD) assert.is((await get(`${url}?${names[0]}=${good}`)).status, 200, good)
    if (names.length === 1) return
    for (const [from, to] of [
      ['2026-05-05', '2026-05-04'],
      ['300', '100'],
    ]) {
      const { status, body } = await get(`${url}?from=${from}&to=${to}`)
      assert.equal([status, body?.code], [400, 'invalid_from'])
    }
  })

test('given the end of a ban or a mute, when it is malformed or past, then it is refused', async () => {
  // Text that is not JSON is refused as such.
  const texts = WRONG.map(decodeURIComponent).filter((one) => !one.includes('\0'))
  for (const kind of ['bans', 'mutes'])
    for (const until of [...texts, 1_900_000_000, '2020-01-01', true, {}, '']) {
      const answer = await http.app.inject({
        method: 'PUT',
        url: `${room}/${kind}/frank`,
        payload: { until },
        headers: { ...http.bearer('admin-one') },
      })
      assert.equal([answer.statusCode, answer.json().code], [400, 'invalid_until'], `${kind} ${until}`)
    }
})

test.run()
