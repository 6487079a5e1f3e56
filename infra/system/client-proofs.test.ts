/** `verify()` of the client, against a server's real proofs, and against servers that forge one. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { refusalOf } from '../../apps/client/src/errors.ts'
import { verify } from '../../apps/client/src/proof.ts'
import type { Call, Transport } from '../../apps/client/src/transport.ts'
import { cosign, cosignerOf } from '../../projections/proof/cosignature.ts'
import { openCheckpoint, signCheckpoint, verifierOf } from '../../projections/proof/note.ts'
import { SIGNER, testHttp } from '../testing/http.ts'

const test = suite('what the client was told, held against the log')
const http = await testHttp()
test.after(() => http.close())

/** The server, and what it makes of its own answers. */
const serverThat = (
  changes: (path: string, answer: unknown) => unknown = (_, answer) => answer,
): Transport => ({
  call: async (path: string, { token = null }: Call = {}) => {
    const headers = token === null ? {} : { authorization: `Bearer ${token}` }
    const { statusCode, body, headers: of } = await http.app.inject({ url: path, headers })
    const answer: unknown = String(of['content-type']).includes('json') ? JSON.parse(body) : body
    if (statusCode >= 400) throw refusalOf(answer as Record<string, unknown>)
    return changes(path, answer)
  },
  open: () => Promise.reject(new Error('no line is needed')),
})
const token = http.bearer('alice').authorization.slice('Bearer '.length)
const say = async (who: string, document: string, content: string): Promise<string> => {
  const { body } = await http.app.inject({
    method: 'POST',
    url: `/api/chat/document/${document}/messages`,
    payload: { content },
    headers: http.bearer(who),
  })
  return JSON.parse(body).position
}
/** Alice’s own, and one that she may not see. */
const told: string[] = []
let hidden = ''
test.before(async () => {
  for (const words of ['one', 'two', 'three', 'four', 'five']) told.push(await say('alice', '1', words))
  hidden = await say('bob', '2', 'behind the door')
  await http.settled()
})
type Proof = { leaf_hash: string; proof: string[]; position: string; checkpoint: string; leaf_index: number }
const of = (path: string, position: string | undefined) =>
  path.includes('inclusion') && path.includes(`position=${position}`)
const other = (base64: string): string => {
  const bytes = Buffer.from(base64, 'base64')
  bytes[7] = (bytes[7] ?? 0) ^ 1
  return bytes.toString('base64')
}

test('given the news of a room, then each event is proved, those that the user may not see are counted, and a checkpoint can be kept', async () => {
  const {
    holds,
    proved,
    hidden: unseen,
    faults,
    checkpoint,
    note,
  } = await verify(serverThat(), token, [...told, hidden])
  assert.equal({ holds, proved, unseen, faults }, { holds: true, proved: 5, unseen: 1, faults: [] })
  assert.is(checkpoint.origin, 'presence.test/log')
  assert.ok(checkpoint.size >= http.log.all().length - 1)
  assert.match(note, /^presence\.test\/log\n/)
})

const FORGERIES: Readonly<Record<string, (answer: Proof) => Partial<Proof>>> = {
  'another event in its place': ({ leaf_hash }) => ({ leaf_hash: other(leaf_hash) }),
  'another place in the tree': ({ leaf_index }) => ({ leaf_index: leaf_index - 1 }),
  'a step of the way changed': ({ proof }) => ({ proof: [other(proof[0] ?? ''), ...proof.slice(1)] }),
  'a step left out': ({ proof }) => ({ proof: proof.slice(1) }),
  'the proof of another': () => ({ position: told[0]! }),
  'a checkpoint that was changed': ({ checkpoint }) => ({
    checkpoint: checkpoint.replace(/\n(\d+)\n/, (_, size) => `\n${Number(size) + 1}\n`),
  }),
  'no checkpoint': () => ({ checkpoint: 'presence.test/log\n1\nAAAA\n\n' }),
}
for (const [what, forge] of Object.entries(FORGERIES))
  test(`given a server that forges an event (${what}), then that event is named, and no other`, async () => {
    const forged = told[2]
    const server = serverThat((path, answer) =>
      of(path, forged) ? { ...(answer as Proof), ...forge(answer as Proof) } : answer,
    )
    const { holds, proved, faults } = await verify(server, token, told)
    assert.equal([holds, proved, faults.length], [false, 4, 1], faults.join(' '))
    assert.match(faults[0] ?? '', String(forged))
  })

test('given a page that saw the log once, when the log grows, then it verifies; when it is another, is shorter, or has another key, then it does not', async () => {
  let lie: (path: string, answer: unknown) => unknown = (_, answer) => answer
  const server = serverThat((path, answer) => lie(path, answer))
  const first = await verify(server, token, told)
  assert.is(first.holds, true)
  told.push(await say('alice', '1', 'six'))
  await http.settled()
  const second = await verify(server, token, told)
  assert.equal([second.holds, second.proved], [true, 6], second.faults.join(' '))
  assert.ok(second.checkpoint.size > first.checkpoint.size)

  lie = (path, answer) => (path.includes('checkpoint') ? first.note : answer)
  assert.match((await verify(server, token, [])).faults.join(), /shorter/)
  await say('alice', '1', 'seven')
  await http.settled()
  lie = (path, answer) =>
    path.includes('consistency') ? { proof: (answer as Proof).proof.map(other) } : answer
  assert.match((await verify(server, token, [])).faults.join(), /not the one that was signed before/)
  lie = (path, answer) => {
    if (!path.includes('/key')) return answer
    const [name, id, key = ''] = String(answer).trim().split('+')
    const bytes = Buffer.from(key, 'base64')
    bytes[9] = (bytes[9] ?? 0) ^ 1
    return `${name}+${id}+${bytes.toString('base64')}`
  }
  assert.match((await verify(server, token, [])).faults.join(), /not signed|another than before/)
  lie = (_, answer) => answer
  assert.is((await verify(server, token, told)).holds, true)
})

const WITNESSES = [1, 2, 3].map((n) => cosignerOf(`witness.test/w${n}`, Buffer.alloc(32, n)))
const KEYS = WITNESSES.map((one) => verifierOf(one).vkey)
const now = () => Math.floor(Date.now() / 1_000)
const textOf = (note: string) => note.slice(0, note.indexOf('\n\n') + 1)
/** As the log shows its checkpoint once so many of its witnesses have cosigned it. */
const cosignedBy = (count: number, seconds = now()) =>
  serverThat((path, answer) =>
    path === '/tlog/checkpoint'
      ? WITNESSES.slice(0, count).reduce(
          (note, one) => note + cosign(textOf(note), one, seconds),
          String(answer),
        )
      : answer,
  )

test('given required witnesses, when enough cosigned, then the log verifies, with their names; when too few, then it does not', async () => {
  const all = await verify(cosignedBy(3), token, told, { witnesses: { keys: KEYS } })
  assert.equal([all.holds, all.proved, all.faults], [true, told.length, []])
  assert.equal(all.witnessed?.by, ['witness.test/w1', 'witness.test/w2', 'witness.test/w3'])
  assert.ok(all.witnessed!.size >= told.length)
  assert.is(all.witnessed!.note.split('\n— witness').length, 4)
  const some = await verify(cosignedBy(2), token, told, { witnesses: { keys: KEYS, atLeast: 2 } })
  assert.equal([some.holds, some.witnessed?.by.length], [true, 2])
  for (const [server, keys] of [
    [cosignedBy(2), KEYS],
    [cosignedBy(0), KEYS],
    [cosignedBy(3, now() - 600), KEYS],
    // One twice is one.
    [cosignedBy(1), [KEYS[0]!, ` ${KEYS[0]}`, KEYS[1]!]],
    [cosignedBy(3), [verifierOf(cosignerOf('witness.test/w1', Buffer.alloc(32, 9))).vkey]],
  ] as const) {
    const { holds, witnessed, faults } = await verify(server, token, told, { witnesses: { keys, wait: 0 } })
    assert.equal([holds, witnessed, faults.length], [false, null, 1], faults.join())
    assert.match(faults[0]!, /witnesses \d cosigned the log in the last 300 s/)
  }
  const old = { keys: KEYS, within: 3_600 }
  assert.is((await verify(cosignedBy(3, now() - 600), token, told, { witnesses: old })).holds, true)
  await verify(cosignedBy(3), token, told, { witnesses: { keys: [verifierOf(SIGNER).vkey] } }).then(
    () => assert.unreachable(),
    (error) => assert.is(error.code, 'invalid_witnesses'),
  )
})

test('given cosignatures with another time, text or witness, then they do not count', async () => {
  const forgeries: ReadonlyArray<(note: string) => string> = [
    (note) => note.replace(/(— witness\.test\/w1 )(.*)\n/, (_, head, body) => `${head}${other(body)}\n`),
    (note) => note.replaceAll('witness.test/w1', 'witness.test/w2'),
    (note) => note + cosign(`${textOf(note)}more\n`, WITNESSES[0]!, now()),
  ]
  for (const [i, forge] of forgeries.entries()) {
    const server = serverThat((path, answer) => {
      if (path !== '/tlog/checkpoint') return answer
      const note = String(answer)
      return forge(i === 2 ? note : note + cosign(textOf(note), WITNESSES[0]!, now()))
    })
    const { holds } = await verify(server, token, told, { witnesses: { keys: [KEYS[0]!], wait: 0 } })
    assert.is(holds, false, `${i}`)
  }
})

test('given a log that shows its witnesses another log, or less of it, than this page, then it is caught at once', async () => {
  const witnesses = { keys: KEYS, wait: 0 }
  const shows = (change: (note: string) => string) =>
    serverThat((path, answer) => {
      if (path !== '/tlog/checkpoint') return answer
      const note = change(String(answer))
      return WITNESSES.reduce((all, one) => all + cosign(textOf(all), one, now()), note)
    })
  // The log's own key signs both histories.
  const forked = shows((note) => {
    const real = openCheckpoint(note, verifierOf(SIGNER))!
    return signCheckpoint({ ...real, root: Buffer.alloc(32, 5) }, SIGNER)
  })
  const { holds, faults } = await verify(forked, token, told, { witnesses })
  assert.is(holds, false)
  assert.match(faults.join(), /is not the one that the witnesses cosigned/)

  const old = String(await serverThat().call('/tlog/checkpoint'))
  const position = await say('alice', '1', 'held back from the witnesses')
  await http.settled()
  const withheld = await verify(
    shows(() => old),
    token,
    [...told, position],
    { witnesses },
  )
  assert.is(withheld.holds, false)
  assert.equal(withheld.faults, [`The event at ${position} is not in the log that the witnesses cosigned.`])
  // A witness that is only late is waited for.
  let asked = 0
  const late = shows((note) => (++asked < 3 ? old : note))
  const waited = await verify(late, token, [...told, position], { witnesses: { keys: KEYS, wait: 10 } })
  assert.equal([waited.holds, asked], [true, 3], waited.faults.join())

  const unsigned = shows((note) => note.replace(/\n— presence.*\n/, '\n'))
  assert.is((await verify(unsigned, token, told, { witnesses })).holds, false)
  const key = { key: verifierOf(WITNESSES[0]!).vkey }
  assert.match((await verify(serverThat(), token, told, key)).faults.join(), 'another than the one given')
})

test.run()
