/** Checkpoints and proofs over HTTP, and who may have which. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SIGNER, testHttp } from '../../infra/testing/http.ts'
import { leafOf } from '../../projections/audit/canonical.ts'
import { inclusionProof, rootAt, verifyConsistency, verifyInclusion } from '../../projections/proof/merkle.ts'
import { openCheckpoint, parseVkey, verifierOf } from '../../projections/proof/note.ts'
import { nodesOfTiles, tilePath } from '../../projections/proof/tiles.ts'

const test = suite('proofs over HTTP')
const http = await testHttp()
type Headers = Readonly<Record<string, string>>

const get = (url: string, headers: Headers = {}) =>
  http.app.inject({ method: 'GET', url, headers: { ...headers, 'x-request-id': 'the-same' } })
const say = async (who: string, space: string, content: string) => {
  const { statusCode, body } = await http.app.inject({
    method: 'POST',
    url: `/api/chat/document/${space}/messages`,
    payload: { content },
    headers: { ...http.bearer(who) },
  })
  assert.is(statusCode, 200, body)
}
const checkpoint = async () => {
  const response = await get('/api/audit/checkpoint')
  assert.is(response.statusCode, 200, response.body)
  const opened = openCheckpoint(response.body, verifierOf(SIGNER))
  if (opened === null) throw new Error(`no checkpoint: ${response.body}`)
  return opened
}
const hashes = (texts: ReadonlyArray<string>) => texts.map((text) => Buffer.from(text, 'base64'))

test.before(async () => {
  for (let i = 0; i < 4; i += 1) {
    await say('alice', '1', `in the open ${i}`)
    await say('bob', '2', `behind the door ${i}`)
  }
  await http.settled()
})
test.after(() => http.close())

test('the key and the checkpoint are for anyone, as plain text that others read', async () => {
  const key = await get('/api/audit/key')
  assert.match(String(key.headers['content-type']), 'text/plain')
  assert.is(parseVkey(key.body)?.vkey, verifierOf(SIGNER).vkey)
  const { size, origin } = await checkpoint()
  assert.is(origin, 'presence.test/log')
  assert.is(size, http.log.all().length)
})

test('given an event, then its proof leads to the checkpoint, for people who may see it', async () => {
  // Each look adds an event.
  for (const [i, event] of [...http.log.all()].entries()) {
    const response = await get(`/api/audit/proof/inclusion?event=${event.id}`, http.bearer('auditor'))
    assert.is(response.statusCode, 200, response.body)
    const { leaf_index, leaf_hash, size, proof, position, checkpoint: note } = response.json()
    assert.equal([leaf_index, position], [i, String(event.position)])
    assert.is(leaf_hash, leafOf(event).toString('base64'))
    const { root, size: of } = openCheckpoint(note, verifierOf(SIGNER))!
    assert.is(of, size)
    assert.ok(verifyInclusion(leafOf(event), i, hashes(proof), { size, root }))
    const at = `position=${event.position}&size=${size}`
    const same = await get(`/api/audit/proof/inclusion?${at}`, http.bearer('auditor'))
    assert.equal(same.json().proof, proof)
  }
})

test('given a log that has grown, then the new checkpoint continues the old one', async () => {
  const old = await checkpoint()
  await say('alice', '1', 'one more')
  await http.settled()
  const now = await checkpoint()
  assert.ok(now.size > old.size)
  const url = `/api/audit/proof/consistency?from=${old.size}&to=${now.size}`
  const { proof } = (await get(url)).json()
  assert.ok(verifyConsistency(old, now, hashes(proof)))
})

test('given any sizes that a checkpoint covers, then anybody gets the proof between them; for larger ones, nobody', async () => {
  const { size, root } = await checkpoint()
  for (const headers of [{}, http.bearer('alice'), http.bearer('auditor')]) {
    const { proof } = (await get(`/api/audit/proof/consistency?from=1&to=${size}`, headers)).json()
    const first = { size: 1, root: leafOf(http.log.all()[0]!) }
    assert.ok(verifyConsistency(first, { size, root }, hashes(proof)))
    const beyond = `/api/audit/proof/consistency?from=1&to=${size + 1}`
    assert.is((await get(beyond, headers)).json().code, 'checkpoint_not_found')
  }
})

test('given only tiles, then a program for transparency logs proves the same with them as we do', async () => {
  const note = await get('/tlog/checkpoint')
  assert.match(String(note.headers['content-type']), 'text/plain; charset=utf-8')
  assert.is(note.headers['cache-control'], 'no-store')
  const signed = openCheckpoint(note.body, verifierOf(SIGNER))!
  const tiles = nodesOfTiles(signed.size, async (tile) => {
    const answer = await get(`/tlog/tile/${tilePath(tile)}`)
    assert.is(answer.statusCode, 200, answer.body)
    assert.is(answer.headers['content-type'], 'application/octet-stream')
    assert.match(String(answer.headers['cache-control']), 'immutable')
    return answer.rawPayload
  })
  assert.equal(await rootAt(signed.size, tiles), signed.root)
  for (const [i, event] of http.log.all().slice(0, signed.size).entries())
    assert.ok(verifyInclusion(leafOf(event), i, await inclusionProof(i, signed.size, tiles), signed))
  // A tile of an earlier, smaller tree is still served; what no checkpoint covers is not.
  assert.is((await get('/tlog/tile/0/000.p/1')).rawPayload.length, 32)
  await say('alice', '1', 'after the checkpoint')
  await http.settled()
  for (const path of [`0/000.p/${signed.size + 1}`, '0/000', '0/001.p/1', '1/000.p/1', 'entries/000', 'x'])
    assert.is((await get(`/tlog/tile/${path}`)).json().code, 'tile_not_found', path)
  for (const path of ['/tlog/tile', '/tlog/tile/', '/tlog/tile/..%2f', '/tlog/tile//0', '/tlog/tile/%00'])
    assert.is((await get(path)).statusCode, 404, path)
  await checkpoint()
})

test('given an event of a private space, then a stranger’s answer is the same, to the byte, as for an event that does not exist', async () => {
  const hidden = http.log.all().find(({ stream }) => stream === 'chat-document:2')!
  const open = http.log.all().find(({ stream }) => stream === 'chat-document:1')!
  const none = '00000000-0000-4000-8000-000000000000'
  for (const headers of [{}, http.bearer('peggy'), http.guest(), http.bearer('alice')]) {
    const [a, b] = [
      await get(`/api/audit/proof/inclusion?event=${hidden.id}`, headers),
      await get(`/api/audit/proof/inclusion?event=${none}`, headers),
    ]
    assert.equal([a.statusCode, a.body], [404, b.body])
    assert.is(a.json().code, 'event_not_found')
    const at = await get(`/api/audit/proof/inclusion?position=${hidden.position}`, headers)
    assert.equal(at.body, (await get('/api/audit/proof/inclusion?position=999999999', headers)).body)
  }
  // A wrong size reveals nothing either.
  const sized = await get(`/api/audit/proof/inclusion?event=${hidden.id}&size=0`, http.bearer('peggy'))
  assert.is(sized.json().code, 'event_not_found')
  for (const [who, event, status] of [
    ['bob', hidden, 200],
    ['admin-one', hidden, 200],
    ['alice', open, 200],
    ['peggy', open, 404],
  ] as const) {
    const response = await get(`/api/audit/proof/inclusion?event=${event.id}`, http.bearer(who))
    assert.is(response.statusCode, status, `${who}: ${response.body}`)
  }
})

test('given a proof of somebody else’s event, then the look is on the log, without its result; a proof of one’s own event leaves no look', async () => {
  const looks = () =>
    http.log
      .all()
      .filter(({ stream }) => stream.startsWith('access-'))
      .map(({ stream, data, metadata }) => {
        const { call, filters } = data as { call: string; filters: unknown }
        return [stream, (metadata as { actor: { id: string } }).actor.id, call, filters]
      })
  const { id } = http.log.all().find(({ stream }) => stream === 'chat-document:2')!
  const cases: ReadonlyArray<readonly [string, string, number, unknown]> = [
    [`inclusion?event=${id}`, 'bob', 200, null],
    [`inclusion?event=${id}`, 'peggy', 404, null],
    [`inclusion?event=${id}&size=0`, 'auditor', 400, null],
    [`inclusion?event=${id}`, 'auditor', 200, ['access-document:2', 'auditor', 'proof', { event: id }]],
  ]
  for (const [url, who, status, look] of cases) {
    const before = looks().length
    const response = await get(`/api/audit/proof/${url}`, http.bearer(who))
    assert.is(response.statusCode, status, `${who} ${url}: ${response.body}`)
    assert.equal(looks().slice(before), look === null ? [] : [look], `${who} ${url}`)
  }
})

test('given a question that makes no sense, then the answer says so', async () => {
  const { id } = http.log.all()[3]!
  for (const query of ['', `event=${id}&position=7`, 'event=x', 'position=-1', `event=${id}&size=x`])
    assert.is(
      (await get(`/api/audit/proof/inclusion?${query}`, http.bearer('auditor'))).statusCode,
      400,
      query,
    )
  for (const size of ['0', '3', '99999'])
    assert.is(
      (await get(`/api/audit/proof/inclusion?event=${id}&size=${size}`, http.bearer('auditor'))).statusCode,
      400,
      size,
    )
  assert.is((await get('/api/audit/proof/consistency?from=2&to=1')).statusCode, 400)
  assert.is((await get('/api/audit/proof/consistency')).statusCode, 400)
})

test.run()
