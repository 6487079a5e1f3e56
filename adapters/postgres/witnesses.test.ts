/** How servers ask a log's witnesses: whichever server comes first asks, and every answer is kept. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runProjector } from '../../apps/projector/projector.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { testDatabase } from '../../infra/testing/postgres.ts'
import { until } from '../../infra/testing/until.ts'
import { cosign, cosignedAt, cosignerOf } from '../../projections/proof/cosignature.ts'
import { verifyConsistency } from '../../projections/proof/merkle.ts'
import { checkpointIn, openCheckpoint, partsOf, signerOf, verifierOf } from '../../projections/proof/note.ts'
import type { WitnessPlace } from '../../projections/proof/witnesses.ts'
import { parseAsking } from '../../projections/proof/witnessing.ts'
import { posted, recorded } from '../../projections/testing/events.ts'
import { createPostgresPool } from './pool.ts'
import { createProofs } from './proofs.ts'
import { createWitnesses } from './witnesses.ts'

const test = suite('a log’s witnesses')
const database = await testDatabase()
const pool = await createPostgresPool(database.url, { maxConnections: 8 })
const log = memoryLog()
const projector = runProjector({ log, databaseUrl: database.url })
const signer = signerOf('asks.test/log', randomBytes(32))
const proofs = createProofs({ pool, signer, clock: { now: Date.now }, everyMs: 0 })
const closing: Array<() => void> = []
test.after(async () => {
  for (const close of closing) close()
  await projector.stop()
  await pool.end()
  await database.drop()
})

let said = 0
/** Adds `count` events, and returns the checkpoint of all. */
const grow = async (count: number): Promise<string> => {
  for (let i = 0; i < count; i += 1) {
    said += 1
    const { stream, event } = recorded({ type: 'global', id: 'lobby' }, posted(`m${said}`, `${said}`, said))
    log.push(stream, event)
  }
  await until('all is applied', () => projector.state().position === log.events.at(-1)!.position)
  const issue = await proofs.checkpoint()()
  if (issue._tag === 'Left' || issue.right.kind !== 'issued') throw new Error('nothing was signed')
  return issue.right.checkpoint.note
}
type Answer = (body: string, response: ServerResponse) => unknown
/** A witness whose answer the test chooses, and that remembers what it was asked. */
const startWitness = async (name: string) => {
  const cosigner = cosignerOf(name, randomBytes(32))
  const one = {
    key: verifierOf(cosigner),
    url: '',
    asked: [] as string[],
    size: 0,
    /** Cosigns as a sound witness does, but checks nothing but the size. */
    sound: ((body, response) => {
      const asked = parseAsking(body)!
      if (asked.old !== one.size) {
        response.writeHead(409, { 'content-type': 'text/x.tlog.size' }).end(`${one.size}\n`)
        return
      }
      one.size = checkpointIn(asked.note)!.size
      response.end(cosign(partsOf(asked.note)!.text, cosigner, Math.floor(Date.now() / 1_000)))
    }) as Answer,
    answer: null as Answer | null,
  }
  const server = createServer(async (request: IncomingMessage, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    one.asked.push(body)
    ;(one.answer ?? one.sound)(body, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  one.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return one
}
type FakeWitness = Awaited<ReturnType<typeof startWitness>>
const asServer = (places: ReadonlyArray<WitnessPlace>, pace = { again: 60, claim: 20 }) => {
  const told: Array<string | null> = []
  const onChange = (_: WitnessPlace, fault: { readonly fault: string } | null) =>
    void told.push(fault?.fault ?? null)
  return { ...createWitnesses({ pool, log: verifierOf(signer), places, onChange, pace }), told }
}
const right = <A>(either: { _tag: 'Right'; right: A } | { _tag: 'Left' }): A => {
  if (either._tag === 'Left') throw new Error('Postgres is away')
  return either.right
}
const placesOf = (all: ReadonlyArray<FakeWitness>): ReadonlyArray<WitnessPlace> =>
  all.map(({ key, url }) => ({ key, url }))

test('given two servers, when there is a checkpoint, then each witness is asked once, with a proof from the size that it has, and both servers show the signatures', async () => {
  const all = [await startWitness('one.test/w1'), await startWitness('one.test/w2')]
  const servers = [asServer(placesOf(all)), asServer(placesOf(all))]
  let before = checkpointIn(await grow(3))!
  await Promise.all(servers.map(({ ask }) => ask()))
  for (const { asked } of all) assert.is(asked.length, 1)
  const note = await grow(4)
  await Promise.all(servers.map(({ ask }) => ask()))
  await Promise.all(servers.map(({ ask }) => ask()))
  for (const { asked } of all) {
    assert.is(asked.length, 2)
    const { old, proof } = parseAsking(asked[1]!)!
    assert.is(old, before.size)
    assert.ok(verifyConsistency(before, checkpointIn(note)!, proof))
  }
  before = checkpointIn(note)!
  for (const { cosigned, states } of servers) {
    const shown = right(await cosigned()())!
    assert.equal(openCheckpoint(shown, verifierOf(signer)), before)
    for (const { key } of all) assert.ok(cosignedAt(shown, key))
    assert.equal(
      right(await states()()).map(({ size, fault }) => [size, fault]),
      [
        [before.size, null],
        [before.size, null],
      ],
    )
  }
})

test('given a witness that takes long, then meanwhile the checkpoint before is shown, with every signature', async () => {
  const [quick, slow] = [await startWitness('slow.test/w1'), await startWitness('slow.test/w2')]
  const server = asServer(placesOf([quick, slow]))
  const before = checkpointIn(await grow(1))!
  await server.ask()
  let answer = (): void => {}
  slow.answer = (body, response) => {
    answer = () => void slow.sound(body, response)
  }
  const now = checkpointIn(await grow(1))!
  const asking = server.ask()
  await until('both were asked', () => quick.asked.length === 2 && slow.asked.length === 2)
  await until('the quick one was heard', async () => {
    const [state] = right(await server.states()())
    return state!.size === now.size
  })
  const meanwhile = right(await server.cosigned()())!
  assert.is(checkpointIn(meanwhile)!.size, before.size)
  for (const { key } of [quick, slow]) assert.ok(cosignedAt(meanwhile, key))
  answer()
  await asking
  const after = right(await server.cosigned()())!
  assert.is(checkpointIn(after)!.size, now.size)
  for (const { key } of [quick, slow]) assert.ok(cosignedAt(after, key))
})

test('given a witness that has seen more than a server assumes, or less, then it is asked again from there', async () => {
  const one = await startWitness('moved.test/w1')
  const server = asServer(placesOf([one]))
  const note = await grow(2)
  // As if the witness had read the log by itself.
  one.size = checkpointIn(note)!.size - 1
  await server.ask()
  assert.equal(
    one.asked.map((body) => parseAsking(body)!.old),
    [0, one.size - 1],
  )
  assert.is(right(await server.states()())[0]!.fault, null)
})

test('given a witness that does not cosign, then its reason is reported once, and it is asked again after a while', async () => {
  const one = await startWitness('wrong.test/w1')
  const stranger = cosignerOf('wrong.test/w1', randomBytes(32))
  const server = asServer(placesOf([one]), { again: 0, claim: 20 })
  const answers: ReadonlyArray<readonly [string, string, Answer]> = [
    ['refused', 'forked', (_, response) => response.writeHead(422).end('It was forked.\n')],
    ['refused', '404', (_, response) => response.writeHead(404).end('')],
    ['refused', 'not signed', (_, response) => response.end('what?')],
    [
      'refused',
      'not signed',
      (body, response) => response.end(cosign(partsOf(parseAsking(body)!.note)!.text, stranger, 7)),
    ],
    ['ahead', 'it went back', (_, response) => response.writeHead(409).end('999999\n')],
    ['unreachable', '503', (_, response) => response.writeHead(503).end()],
    ['unreachable', 'can’t be reached', (_, response) => response.destroy()],
    ['unreachable', 'over 1000000 bytes', (_, response) => response.end('x'.repeat(2_000_000))],
  ]
  const note = await grow(1)
  for (const [fault, why, answer] of answers) {
    one.answer = answer
    await server.ask()
    const [state] = right(await server.states()())
    assert.is(state!.fault, fault, state!.why ?? '')
    assert.match(state!.why!, why)
    // It delays nobody, and no signature is shown that it did not make.
    assert.is(right(await server.cosigned()()), note)
  }
  assert.equal(server.told, ['refused', 'ahead', 'unreachable'])
  one.answer = null
  one.size = 0
  await server.ask()
  assert.equal(server.told.at(-1), null)
  assert.ok(cosignedAt(right(await server.cosigned()())!, one.key))
})

test('given a server that died while it asked, then another server asks after a while', async () => {
  const one = await startWitness('dead.test/w1')
  await grow(1)
  let asked = (): void => {}
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve
  })
  one.answer = () => asked()
  asServer(placesOf([one]))
    .ask()
    .catch(() => {})
  await isAsked
  one.answer = null
  const other = asServer(placesOf([one]), { again: 60, claim: 20 })
  await other.ask()
  assert.is(one.asked.length, 1)
  // As if its twenty seconds were over.
  await pool.query(
    sql.unsafe`UPDATE proof_witnesses SET asking_until = now() - interval '1 s' WHERE witness = ${one.key.vkey}`,
  )
  await other.ask()
  assert.is(one.asked.length, 2)
  assert.is(right(await other.states()())[0]!.fault, null)
})

test.run()
