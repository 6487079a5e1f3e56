/** `verify()` of the client, against a server's real proofs, and against servers that forge one. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { refusalOf } from '../../apps/client/src/errors.ts'
import { verify } from '../../apps/client/src/proof.ts'
import type { Call, Transport } from '../../apps/client/src/transport.ts'
import { testHttp } from '../testing/http.ts'

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

test('given what was told, then each is proved, what one may not see is counted, and a checkpoint can be kept', async () => {
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
  test(`given a server that forges one (${what}), then that one is named, and no other`, async () => {
    const forged = told[2]
    const server = serverThat((path, answer) =>
      of(path, forged) ? { ...(answer as Proof), ...forge(answer as Proof) } : answer,
    )
    const { holds, proved, faults } = await verify(server, token, told)
    assert.equal([holds, proved, faults.length], [false, 4, 1], faults.join(' '))
    assert.match(faults[0] ?? '', String(forged))
  })

test('given a page that saw the log once, when it grows, then it holds; when it is another, shorter, or has another key, then it does not', async () => {
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

test.run()
