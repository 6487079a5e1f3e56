/** Looks for words that nobody could erase: recognizable words are put into every place of every call that accepts
 *  text. On the log, as it is sealed, they may stand only where docs/privacy.md says so, and none of a refused request
 *  may be there. */
import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testHttp } from '../../infra/testing/http.ts'
import { createMarks, placesIn } from '../../infra/testing/marked-words.ts'
import { ABOUT_A_SPACE, type Sample } from './testing/endpoints.ts'

const test = suite('words in the clear')
const http = await testHttp()
test.after(() => http.close())

const { mark, words, count } = createMarks()

type Json = Readonly<Record<string, unknown>>
// biome-ignore lint/suspicious/noExplicitAny: of whatever shape
const { paths } = (await http.app.inject('/docs/json')).json() as { paths: Record<string, any> }
/** The fields that the documentation lists for a call. */
const fieldsOf = ({ method, url }: Sample): ReadonlyArray<string> => {
  const asked = url('document/1').split('?')[0]!.split('/')
  const path = Object.keys(paths).find((one) => {
    const parts = one.split('/')
    return (
      parts.length === asked.length &&
      parts.every((part, i) => part.startsWith('{') || part === asked[i]) &&
      paths[one][method.toLowerCase()] !== undefined
    )
  })
  const body = path === undefined ? undefined : paths[path][method.toLowerCase()].requestBody
  return Object.keys(body?.content?.['application/json']?.schema?.properties ?? {})
}
/** The body with marked words in each of its places, deeper inside them, and beside them. */
const marked = (sample: Sample): ReadonlyArray<object> => {
  const base = (typeof sample.body === 'object' && sample.body !== null ? sample.body : {}) as Json
  const names = new Set([...Object.keys(base), ...fieldsOf(sample)])
  return [
    ...[...names].flatMap((name) => [
      { ...base, [name]: words() },
      { ...base, [name]: mark() },
    ]),
    { ...base, subspace: `main-${mark()}` },
    { ...base, settings: { note: words(), [words()]: { deep: [words()] } } },
    { ...base, [words()]: words(), hand: words(), stage: words(), avatar_data: { name: words() } },
    { ...base, position: { x: 1, y: 2, z: 3, note: words() } },
  ]
}

const WRITES: ReadonlyArray<Sample> = ABOUT_A_SPACE.filter(({ method }) => method !== 'GET')
const sendAll = async (space: string, who: object): Promise<number> => {
  let done = 0
  for (const sample of WRITES)
    for (const payload of marked(sample)) {
      const headers = {
        ...who,
        'user-agent': mark(),
        'x-request-id': mark(),
        'x-forwarded-for': mark(),
        ...(count() % 3 === 0 ? { 'idempotency-key': mark() } : {}),
      }
      const answer = await http.app.inject({
        method: sample.method,
        url: sample.url(space),
        payload,
        headers,
      })
      assert.ok(answer.statusCode < 500, `${sample.url(space)} ${answer.body}`)
      if (answer.statusCode === 200) done += 1
      http.clock.ms += 1_000
    }
  return done
}

test('given callers without rights, when they put words into every field, then nothing of them is on the log from what was refused', async () => {
  await http.app.inject({
    method: 'PUT',
    url: '/api/spaces/document/1/bans/mallory',
    payload: {},
    headers: { ...http.bearer('alice') },
  })
  const from = http.log.all().length
  // For a private document, and for one that does not exist.
  assert.is(await sendAll('document/2', http.guest()), 0)
  assert.is(await sendAll('document/none', http.bearer('peggy')), 0)
  assert.is(await sendAll('document/1', http.bearer('mallory')), 0)
  assert.ok(http.log.all().length > from)
  const refused = http.log.all().slice(from)
  assert.ok(refused.every(({ type }) => type === 'CommandRefused' || type === 'SpaceOpened'))
  assert.equal(await placesIn(http.log, from), {
    words: [],
    // Names of sessions, rooms and people, in their own forms.
    names: [
      'CommandRefused data.asked.sessionId',
      'CommandRefused data.asked.subspace',
      'CommandRefused data.subspace',
      'CommandRefused data.target',
    ],
  })
})

test('given the owner of a room, when they do so, then words are on the log in plain text only in the moderators’ words about somebody, and in what has a grammar of its own', async () => {
  const from = http.log.all().length
  for (const url of ['/api/spaces/document/1/join'])
    await http.app.inject({ method: 'POST', url, payload: {}, headers: { ...http.bearer('frank') } })
  assert.ok((await sendAll('document/1', http.bearer('alice'))) > 50)
  const { words, names } = await placesIn(http.log, from)
  assert.equal(words, [
    'AccountBanned data.reason',
    'AccountMuted data.reason',
    'PermissionGranted data.reason',
    'SettingsChanged data.changes.settings.*',
    'SettingsChanged data.changes.settings.*.deep.n',
    'SettingsChanged data.changes.settings.note',
  ])
  assert.equal(
    names.filter((one) => !words.includes(one)),
    [
      'CaseOpened data.subject',
      'CommandRefused data.asked.sessionId',
      'CommandRefused data.asked.subspace',
      'CommandRefused data.subspace',
      'CommandRefused data.target',
      'EntryGranted data.subspace',
      'MessagePosted data.subspace',
    ],
  )
})

test('given an API key and a subscription, then only their name and address are on the log in plain text', async () => {
  const from = http.log.all().length
  const send = (url: string, payload: object) =>
    http.app.inject({
      method: 'POST',
      url,
      payload,
      headers: {
        ...http.bearer('alice'),
        'user-agent': mark(),
        'x-request-id': mark(),
        'idempotency-key': randomUUID(),
      },
    })
  for (const name of ['name', 'space', 'permission', 'expires_at', 'note'])
    await send('/api/keys', { name: 'a-bot', permission: 'moderate', space: 'document:1', [name]: mark() })
  for (const name of ['url', 'space', 'types', 'after', 'note'])
    await send('/api/subscriptions', {
      ...{ url: 'https://example.com/hook', space: 'document:1' },
      [name]: name === 'url' ? `https://example.com/${mark()}` : mark(),
    })
  assert.equal(await placesIn(http.log, from), {
    words: [],
    names: ['ApiKeyCreated data.subject', 'SubscriptionCreated data.url'],
  })
})

test.run()
