/** `presence witness`, as a process, on logs of real servers: one that only grows is cosigned; one that is forked, altered, rolled back or
 *  withholds its tiles is caught at the first checkpoint that shows it. And servers that have their log cosigned. */
// timeout: 240
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { verify } from '../../apps/client/src/proof.ts'
import { webTransport } from '../../apps/client/src/transport.ts'
import { cosignedAt, parseCosignerKey } from '../../projections/proof/cosignature.ts'
import { consistencyProof, type Hash } from '../../projections/proof/merkle.ts'
import {
  type Checkpoint,
  checkpointIn,
  openCheckpoint,
  parseVkey,
  signerOf,
  verifierOf,
} from '../../projections/proof/note.ts'
import { nodesOfTiles, tilePath } from '../../projections/proof/tiles.ts'
import type { WitnessState } from '../../projections/proof/witnesses.ts'
import { askingBody } from '../../projections/proof/witnessing.ts'
import { devKeys, signAs } from '../hive/keys.ts'
import { startHiveStandIn } from '../hive/stand-in.ts'
import { testEventStore } from '../testing/eventstore.ts'
import { testDatabase } from '../testing/postgres.ts'
import { startProjectorProcess, startServerProcess } from '../testing/server.ts'
import { until } from '../testing/until.ts'

const test = suite('a witness')
const CLI = fileURLToPath(new URL('../../apps/cli/main.ts', import.meta.url))
const ORIGIN = 'witnessed.test/log'
const folder = mkdtempSync(join(tmpdir(), 'witness-'))
// A listener for each process that is started.
process.setMaxListeners(30)
const closing: Array<() => Promise<unknown>> = []

const headersOf = (account: string): Record<string, string> => {
  const challenge = String(Math.floor(Date.now() / 1_000))
  return {
    'x-account': account,
    'x-challenge': challenge,
    'x-pubkey': devKeys(account).posting.public,
    'x-signature': signAs(account, challenge),
  }
}

/** A server with a log of its own. Two of them have the one key and name, as two histories of one log would. */
const startLog = async (more: Readonly<Record<string, string>> = {}) => {
  const [store, database, hive] = await Promise.all([testEventStore(), testDatabase(), startHiveStandIn()])
  const env = {
    EVENTSTORE_URL: store.url,
    DATABASE_URL: database.url,
    HIVE_NODE: hive.url,
    HIVE_STANDIN: 'on',
    AUDIT_ORIGIN: ORIGIN,
    LOG_LEVEL: 'warn',
    ...more,
  }
  const projector = await startProjectorProcess({ ...env, NODE_ID: 'projector' })
  const server = await startServerProcess({ ...env, NODE_ID: 'server' })
  closing.push(async () => {
    await server.stop()
    await projector.stop()
    await Promise.all([store.stop(), database.drop(), hive.close()])
  })
  /** Says something, and has it signed: where it is, and the checkpoint that covers it. */
  const saySigned = async (content: string): Promise<{ position: string; note: string }> => {
    const headers = headersOf('alice')
    const said = await fetch(`${server.url}/api/chat/global/lobby/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ content }),
    })
    const { position } = (await said.json()) as { position: string }
    let note = ''
    await until('it is signed', async () => {
      const url = `${server.url}/api/audit/proof/inclusion?position=${position}`
      const answer = await fetch(url, { headers })
      if (answer.status !== 200) return false
      note = ((await answer.json()) as { checkpoint: string }).checkpoint
      return true
    })
    return { position, note }
  }
  const say = async (content: string): Promise<string> => (await saySigned(content)).note
  return { url: server.url, say, saySigned, output: server.output }
}
type Log = Awaited<ReturnType<typeof startLog>>

/** Who stands between the log and the witness: it shows what it likes. */
let shown: (path: string) => string | { readonly status: number; readonly text: string }
const between = createServer((request, response) => {
  const answer = shown(request.url ?? '/')
  if (typeof answer === 'object') return response.writeHead(answer.status).end(answer.text)
  fetch(answer).then(
    async (given) => response.writeHead(given.status).end(Buffer.from(await given.arrayBuffer())),
    () => response.destroy(),
  )
})
between.listen(0, '127.0.0.1')
await once(between, 'listening')
const address = `http://127.0.0.1:${(between.address() as AddressInfo).port}`

let honest: Log
let other: Log
let key = ''
const honestly = (path: string): string => honest.url + path
test.before(async () => {
  honest = await startLog()
  other = await startLog()
  shown = honestly
  key = join(folder, 'log.key')
  writeFileSync(key, await (await fetch(`${honest.url}/api/audit/key`)).text())
})
test.after(async () => {
  for (const child of running) child.kill('SIGKILL')
  between.closeAllConnections()
  between.close()
  await Promise.all(closing.map((close) => close()))
  rmSync(folder, { recursive: true, force: true })
})

const running = new Set<ChildProcess>()
type Ended = { readonly code: number | null; readonly out: string; readonly err: string }
const started = (state: string, more: ReadonlyArray<string>, of = key) => {
  const args = ['witness', '--log', address, '--key', of, '--state', join(folder, state), ...more]
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  child.once('close', () => running.delete(child))
  const said = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => {
    said.out += chunk
  })
  child.stderr.on('data', (chunk: Buffer) => {
    said.err += chunk
  })
  const ended = once(child, 'close').then(([code]): Ended => ({ code: code as number | null, ...said }))
  return { child, said, ended }
}
const look = (state: string, ...more: ReadonlyArray<string>): Promise<Ended> =>
  started(state, ['--once', ...more]).ended
const stateOf = (state: string): string =>
  join(folder, state, createHash('sha256').update(ORIGIN).digest('hex'))
const cosigned = (state: string): string => readFileSync(join(stateOf(state), 'checkpoint'), 'utf8')
const caught = (state: string): ReadonlyArray<{ fault: string; shown: string; cosigned: string | null }> =>
  readdirSync(stateOf(state))
    .filter((name) => name.startsWith('caught-'))
    .map((name) => JSON.parse(readFileSync(join(stateOf(state), name), 'utf8')))
const witnessKey = (out: string) => parseCosignerKey(/^witness (\S+)$/m.exec(out)?.[1] ?? '')!

test('given a log that only grows, then each checkpoint is cosigned, and the witness keeps it with the signatures of both', async () => {
  for (const words of ['one', 'two', 'three']) {
    const note = await honest.say(words)
    const { code, out, err } = await look('grows', '--name', 'witness.test/w1')
    assert.is(code, 0, err)
    const size = checkpointIn(note)!.size
    assert.match(out, `cosigned ${size} event`)
    const kept = cosigned('grows')
    assert.equal(openCheckpoint(kept, parseVkey(readFileSync(key, 'utf8'))!)?.size, size)
    assert.ok(cosignedAt(kept, witnessKey(out))!.seconds >= Math.floor(Date.now() / 1_000) - 60)
  }
  // The same size again: that it is still the largest.
  assert.is((await look('grows')).code, 0)
})

test('given a forked log, then it is caught at its first checkpoint, whether the other history is as long or longer', async () => {
  const size = checkpointIn(cosigned('grows'))!.size
  const before = cosigned('grows')
  shown = (path) => other.url + path
  let forked = checkpointIn(await other.say('another history'))!
  while (forked.size < size) forked = checkpointIn(await other.say('more of it'))!
  const first = await look('grows')
  assert.is(first.code, 1)
  assert.match(first.err, 'forked')
  await other.say('and longer')
  const second = await look('grows')
  assert.is(second.code, 1)
  assert.match(second.err, /not cosigned \(forked\)/)
  assert.is(cosigned('grows'), before)
  // Both are kept, with what contradicts them: three signatures of one key that can't all be of one log.
  const all = caught('grows')
  assert.equal(
    all.map(({ fault }) => fault),
    ['forked', 'forked'],
  )
  const verifier = parseVkey(readFileSync(key, 'utf8'))!
  for (const one of all) {
    assert.ok(openCheckpoint(one.shown, verifier))
    assert.is(one.cosigned, before)
  }
  shown = honestly
  await honest.say('the first history goes on')
  assert.is((await look('grows')).code, 0)
})

test('given a log that is rolled back, then the witness notices it at the first checkpoint', async () => {
  const old = await honest.say('before')
  assert.is((await look('back', '--name', 'witness.test/w2')).code, 0)
  await honest.say('after')
  assert.is((await look('back')).code, 0)
  const before = cosigned('back')
  shown = (path) => (path.includes('checkpoint') ? { status: 200, text: old } : honestly(path))
  const { code, err } = await look('back')
  assert.is(code, 1)
  assert.match(err, /rolled_back.*rolled back/)
  assert.is(cosigned('back'), before)
  assert.equal(
    caught('back').map((one) => [one.fault, one.shown]),
    [['rolled_back', old]],
  )
  shown = honestly
})

test('given a log that withholds its tiles, or serves wrong ones, then it is caught at that checkpoint, even the very first', async () => {
  await honest.say('what is withheld')
  const withholds = (path: string) => (path.includes('/tile/') ? { status: 404, text: 'no' } : honestly(path))
  const lies = (path: string) => (path.includes('/tile/') ? other.url + path : honestly(path))
  for (const state of ['grows', 'never-seen'])
    for (const what of [withholds, lies]) {
      shown = what
      const { code, err } = await look(state, ...(state === 'grows' ? [] : ['--name', 'witness.test/w3']))
      assert.is(code, 1)
      assert.match(err, /withheld.*not what proves it/)
    }
  shown = (path) => (path.includes('checkpoint') ? other.url + path : honestly(path))
  assert.match((await look('grows')).err, /withheld|forked/)
  shown = (path) =>
    path.includes('checkpoint') ? { status: 200, text: `${ORIGIN}\n7\nAAAA\n\n— x y\n` } : honestly(path)
  assert.match((await look('grows')).err, 'unsigned')
  const kept = caught('grows').length
  for (const ill of ['/tlog', '/tile/']) {
    shown = (path) => (path.includes(ill) ? { status: 503, text: '' } : honestly(path))
    assert.match((await look('grows')).err, /unreachable.*503/)
  }
  assert.is(caught('grows').length, kept)
  shown = honestly
  assert.is((await look('grows')).code, 0)
})

/** The log's side of `add-checkpoint`. */
const proofOf = async (old: number, { size }: Checkpoint): Promise<ReadonlyArray<Hash>> =>
  consistencyProof(
    old,
    size,
    nodesOfTiles(size, async (tile) =>
      Buffer.from(await (await fetch(`${honest.url}/tlog/tile/${tilePath(tile)}`)).arrayBuffer()),
    ),
  )

test('given a running witness, then logs get checkpoints cosigned by it with C2SP’s protocol, and everybody can read the last', async () => {
  const { child, said, ended } = started('grows', ['--listen', '127.0.0.1:0', '--every', '86400'])
  try {
    await until('it looked', () => /cosigned \d+ event/.test(said.out))
    const url = /answers at (\S+)/.exec(said.out)![1]!
    const add = (body: string) => fetch(`${url}/add-checkpoint`, { method: 'POST', body })
    const old = checkpointIn(cosigned('grows'))!.size
    const note = await honest.say('to be cosigned')
    const checkpoint = checkpointIn(note)!
    const proof = await proofOf(old, checkpoint)

    const behind = await add(askingBody({ old: 0, proof: [], note }))
    assert.equal(
      [behind.status, behind.headers.get('content-type'), await behind.text()],
      [409, 'text/x.tlog.size', `${old}\n`],
    )
    const turned = proof.map((hash) => Buffer.from(hash.map((byte) => byte ^ 1)))
    for (const [status, body] of [
      [422, askingBody({ old, proof: turned, note })],
      [400, askingBody({ old: checkpoint.size + 1, proof, note })],
      [400, note],
      [400, askingBody({ old, proof, note }).replace('old ', 'old 0')],
      [404, askingBody({ old, proof, note: note.replace(ORIGIN, 'another.test/log') })],
      [403, askingBody({ old, proof, note: note.replace(/\n\d+\n/, `\n${checkpoint.size + 1}\n`) })],
      [413, 'x'.repeat(200_000)],
    ] as const)
      assert.is((await add(body)).status, status, body.slice(0, 200))
    assert.is(checkpointIn(cosigned('grows'))!.size, old)

    // Any number at once: one is first, and the others are told how far it is.
    const all = await Promise.all(Array.from({ length: 8 }, () => add(askingBody({ old, proof, note }))))
    assert.equal(all.map(({ status }) => status).sort(), [200, ...Array(7).fill(409)])
    const line = await all.find(({ status }) => status === 200)!.text()
    assert.ok(cosignedAt(note + line, witnessKey(said.out)))
    // The same size once more, for a later time.
    assert.is((await add(askingBody({ old: checkpoint.size, proof: [], note }))).status, 200)

    const hash = createHash('sha256').update(ORIGIN).digest('hex')
    const read = await (await fetch(`${url}/${hash}/checkpoint`)).text()
    assert.ok(cosignedAt(read, witnessKey(said.out)))
    assert.is(openCheckpoint(read, parseVkey(readFileSync(key, 'utf8'))!)?.size, checkpoint.size)
    assert.is((await fetch(`${url}/${'0'.repeat(64)}/checkpoint`)).status, 404)
    assert.match(await (await fetch(url)).text(), `cosigned ${checkpoint.size}`)

    // Two on one folder could cosign two histories.
    const second = await look('grows')
    assert.is(second.code, 1)
    assert.match(second.err, 'in use by another witness')
  } finally {
    child.kill('SIGTERM')
  }
  assert.is((await ended).code, 0)
  assert.is((await look('grows')).code, 0)
})

test('given a witness that is killed while it cosigns, when it is started again, then it goes on from what it said last, and nothing that it said is lost', async () => {
  let size = checkpointIn(cosigned('grows'))!.size
  for (let kill = 0; kill < 5; kill += 1) {
    const { child, said, ended } = started('grows', ['--listen', '127.0.0.1:0', '--every', '86400'])
    await until('it looked', () => /cosigned \d+ event/.test(said.out))
    const url = /answers at (\S+)/.exec(said.out)![1]!
    const note = await honest.say(`kill ${kill}`)
    const checkpoint = checkpointIn(note)!
    const old = checkpointIn(cosigned('grows'))!.size
    const body = askingBody({ old, proof: await proofOf(old, checkpoint), note })
    const answer = fetch(`${url}/add-checkpoint`, { method: 'POST', body }).then(
      (given) => given.status,
      () => null,
    )
    // Now after it answered, now before.
    if (kill % 2 === 0) await answer
    child.kill('SIGKILL')
    await ended
    const kept = checkpointIn(cosigned('grows'))!.size
    assert.ok(kept === old || kept === checkpoint.size)
    // What was answered is there to stay.
    if ((await answer) === 200) assert.is(kept, checkpoint.size)
    assert.ok(kept >= size)
    size = kept
  }
  assert.is((await look('grows')).code, 0)
})

test('given a log that names its witnesses, then it shows what they cosigned, and pages can require them; one that is away, or that was shown another history, is reported', async () => {
  const origin = 'demanded.test/log'
  const vkey = verifierOf(signerOf(origin, Buffer.from('a5'.repeat(32), 'hex'))).vkey
  const two = await Promise.all(
    ['w4', 'w5'].map(async (name) => {
      // They only answer: nothing is at the address that they look at.
      const more = ['--name', `witness.test/${name}`, '--listen', '127.0.0.1:0', '--every', '86400']
      const one = started(name, more, vkey)
      await until('it answers', () => /answers at/.test(one.said.out))
      const url = /answers at (\S+)/.exec(one.said.out)![1]!
      return { ...one, url, witness: witnessKey(one.said.out) }
    }),
  )
  const keys = two.map(({ witness }) => witness.vkey)
  const named = two.map(({ witness, url }) => `${witness.vkey}@${url}`).join(',')
  const env = { AUDIT_ORIGIN: origin, WITNESSES: named }
  const log = await startLog(env)
  const tokenOn = async ({ url }: Log): Promise<string> => {
    const made = await fetch(`${url}/api/auth/session`, { method: 'POST', headers: headersOf('alice') })
    return ((await made.json()) as { token: string }).token
  }
  const heldOn = async (on: Log, position: string, atLeast: number, wait: number) =>
    verify(webTransport(on.url), await tokenOn(on), [position], {
      key: vkey,
      witnesses: { keys, atLeast, wait },
    })
  const states = async ({ url }: Log) =>
    ((await (await fetch(`${url}/api/audit/witnesses`)).json()) as { witnesses: ReadonlyArray<WitnessState> })
      .witnesses

  const first = await log.saySigned('seen by two')
  const both = await heldOn(log, first.position, 2, 30)
  assert.equal(
    [both.holds, both.faults, both.witnessed?.by],
    [true, [], ['witness.test/w4', 'witness.test/w5']],
  )
  for (const { fault, size, cosigned_at } of await states(log)) {
    assert.equal([fault, size >= both.witnessed!.size], [null, true])
    assert.ok(Math.abs(Date.parse(cosigned_at!) - Date.now()) < 60_000)
  }

  two[1]!.child.kill('SIGTERM')
  await two[1]!.ended
  const second = await log.saySigned('seen by one')
  const one = await heldOn(log, second.position, 1, 30)
  assert.equal([one.proved, one.holds, one.witnessed?.by], [1, true, ['witness.test/w4']], one.faults.join())
  const neither = await heldOn(log, second.position, 2, 0)
  assert.equal([neither.holds, neither.witnessed], [false, null])
  assert.equal(
    (await states(log)).map(({ fault }) => fault),
    [null, 'unreachable'],
  )
  assert.match(log.output(), 'A witness did not cosign')

  // The same key over another history.
  const forked = await startLog(env)
  const { position } = await forked.saySigned('another history')
  await until('the witness was asked', async () => (await states(forked))[0]?.fault !== null)
  const [state] = await states(forked)
  assert.ok(['ahead', 'refused'].includes(state!.fault!), state!.why ?? '')
  const held = await heldOn(forked, position, 1, 0)
  assert.equal([held.holds, held.witnessed], [false, null])
  assert.match(forked.output(), 'another log than it saw')
  two[0]!.child.kill('SIGTERM')
  assert.is((await two[0]!.ended).code, 0)
})

test('given a witness that is started with wrong arguments, then it prints its usage, and changes nothing', async () => {
  for (const [more, words] of [
    [['--every', '0'], '--every takes seconds'],
    [['--listen', 'here'], '--listen takes HOST:PORT'],
    [['--name', 'a b'], '--name takes a name'],
  ] as const) {
    const { code, err } = await look('never-seen', ...more)
    assert.is(code, 2)
    assert.match(err, words)
  }
  const nameless = await look('new')
  assert.is(nameless.code, 1)
  assert.match(nameless.err, /no key yet.*--name/)
  const renamed = await look('never-seen', '--name', 'witness.test/another')
  assert.match(renamed.err, 'is the folder of witness.test/w3')
})

test.run()
