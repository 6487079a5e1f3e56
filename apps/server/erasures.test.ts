/** Erasures that people asked for, on a real database: each is carried out when it is due, by one server, and not while
 *  anything holds it up. */
import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createLogger } from '../../adapters/logger.ts'
import { createOutside, type Outside } from '../../adapters/outside/registry.ts'
import { LOCKS } from '../../adapters/postgres/locks.ts'
import { createPostgresPool } from '../../adapters/postgres/pool.ts'
import { createReadModels } from '../../adapters/postgres/read-models.ts'
import { connectSession } from '../../adapters/postgres/session.ts'
import { setLock } from '../../adapters/postgres/take-lock.ts'
import { connectVault } from '../../adapters/privacy/connect.ts'
import { sealedLog } from '../../adapters/privacy/sealed-log.ts'
import type { AnyEvent } from '../../domain/codec.ts'
import type { PersonCommand } from '../../domain/outside/people.ts'
import { type MemoryLog, memoryLog } from '../../infra/testing/memory-log.ts'
import { testDatabase } from '../../infra/testing/postgres.ts'
import { until } from '../../infra/testing/until.ts'
import { alice, at, bob, posted, recorded } from '../../projections/testing/events.ts'
import { runProjector } from '../projector/projector.ts'
import { type Erasures, keepErasures } from './erasures.ts'

type Context = {
  log: MemoryLog
  clock: { ms: number; now: () => number }
  outside: Outside
  servers: ReadonlyArray<Erasures>
  databaseUrl: string
  read: (who: string) => Promise<string>
  settled: () => Promise<void>
  close: () => Promise<void>
}
const test = suite<Context>('erasures that people asked for')
const MASTER = '0a'.repeat(32)
const space = { type: 'document', id: '1' } as const
const HOUR = 3_600_000

test.before.each(async (context) => {
  const database = await testDatabase()
  const log = memoryLog()
  const vault = connectVault({ databaseUrl: database.url, masterKey: MASTER })
  await vault.ready
  const sealed = sealedLog(log, vault)
  const clock = { ms: Date.parse(at(0)), now: () => clock.ms }
  const ids = { uuid: () => randomUUID() }
  const outside = createOutside({ log: sealed, clock, ids, nodeId: 'node-1' })
  const projector = runProjector({ log: sealed, databaseUrl: database.url, onLead: () => vault.forget() })
  const pool = await createPostgresPool(database.url, { maxConnections: 3 })
  const readModels = createReadModels(pool)
  const logger = createLogger('silent')
  const server = (nodeId: string) =>
    keepErasures({
      ...{ outside, log: sealed, readModels, clock, ids, logger, nodeId },
      databaseUrl: database.url,
      masterKey: MASTER,
    })
  const settled = () =>
    until('all is applied', () => projector.state().position === log.events.at(-1)!.position, 20_000)
  for (const [who, words] of [
    [alice, 'what alice said'],
    [bob, 'what bob said'],
  ] as const) {
    const more = { account: who.id, displayName: who.id }
    const { stream, event } = recorded(space, posted(`m-${who.id}`, words, 1, more), who)
    await sealed.append(stream, 'any', [event])()
  }
  await settled()
  const read = async (who: string): Promise<string> => {
    const found = await readModels.audit({ account: who, order: 'oldest', limit: 50, cursor: null })()
    return E.isRight(found) ? JSON.stringify(found.right.items.map(({ details }) => details)) : ''
  }
  const close = async () => {
    await projector.stop()
    await outside.stop()
    await readModels.close()
    await pool.end()
    await vault.close()
    await database.drop()
  }
  Object.assign(context, {
    log,
    clock,
    outside,
    databaseUrl: database.url,
    servers: [server('node-1'), server('node-2')],
    read,
    settled,
    close,
  })
})
test.after.each(({ close }) => close())

const act = async ({ outside }: Context, command: PersonCommand): Promise<void> => {
  const done = await outside.act({ sender: { by: alice }, id: randomUUID(), command })
  assert.ok(E.isRight(done), E.isLeft(done) ? done.left._tag : '')
}
const asked = (context: Context, inMs: number): Promise<void> =>
  act(context, {
    type: 'AskErasure',
    erasure: randomUUID(),
    subject: 'alice',
    waitMs: inMs,
  })
const count = ({ log }: Context, type: string): number =>
  log.all().filter((event) => event.type === type).length
const look = ({ servers }: Context) => Promise.all(servers.map((server) => server.look()))

test('given an erasure that waits, when its time comes, then one of two servers carries it out, once, and other people keep their data', async (context) => {
  await asked(context, HOUR)
  await look(context)
  assert.is(count(context, 'ErasureBegun'), 0)
  assert.match(await context.read('alice'), /what alice said/)
  context.clock.ms += HOUR
  await look(context)
  for (const type of ['ErasureBegun', 'ErasureDone']) assert.is(count(context, type), 1, type)
  // Erased in full, and the request is on the log.
  assert.is(count(context, 'ErasureRequested'), 2)
  assert.not.match(await context.read('alice'), /what alice said/)
  assert.match(await context.read('bob'), /what bob said/)
  assert.is(context.outside.state()?.erasures.size, 0)
  await look(context)
  assert.is(count(context, 'ErasureBegun'), 1)
})
test('given an erasure that was withdrawn, then nothing is erased', async (context) => {
  await asked(context, HOUR)
  await act(context, { type: 'WithdrawErasure', subject: 'alice' })
  context.clock.ms += 2 * HOUR
  await look(context)
  assert.is(count(context, 'ErasureRequested'), 0)
  assert.match(await context.read('alice'), /what alice said/)
})
test('given a legal hold, then nothing is erased until it is released', async (context) => {
  await asked(context, HOUR)
  const hold = randomUUID()
  await act(context, { type: 'PlaceLegalHold', hold, subject: 'alice', reason: 'a court asked' })
  context.clock.ms += 2 * HOUR
  await look(context)
  assert.is(count(context, 'ErasureBegun'), 0)
  await act(context, { type: 'ReleaseLegalHold', hold, reason: null })
  await look(context)
  assert.is(count(context, 'ErasureDone'), 1)
})
test('given an erasure that waits for a rebuild, when a legal hold is placed meanwhile, then nothing is erased', async (context) => {
  const { databaseUrl } = context
  const rebuild = await connectSession(databaseUrl, 'a rebuild', { isOwn: true })
  await rebuild.run(setLock(LOCKS.rebuilding))
  await asked(context, 0)
  const looking = look(context)
  await until('it has begun', () => count(context, 'ErasureBegun') === 1, 20_000)
  const hold = randomUUID()
  await act(context, { type: 'PlaceLegalHold', hold, subject: 'alice', reason: 'a court asked' })
  await rebuild.close()
  await looking
  assert.equal([count(context, 'ErasureRequested'), count(context, 'ErasureDone')], [0, 0])
  assert.match(await context.read('alice'), /what alice said/)
  await act(context, { type: 'ReleaseLegalHold', hold, reason: null })
  context.clock.ms += 600_000
  await look(context)
  assert.is(count(context, 'ErasureDone'), 1)
})
test('given an appeal that nobody has decided, then the erasure waits for it', async (context) => {
  const { log, settled } = context
  const of = { caseId: 'case-1', at: at(2) }
  const moment = { space: 0, chat: 0 }
  const acted = { act: 'mute', until: null, rule: 'r', reason: 'x', in: 'space', revision: 0 } as const
  const events: ReadonlyArray<readonly [AnyEvent, typeof alice]> = [
    [
      { type: 'CaseOpened', data: { ...of, by: bob, subject: 'alice', about: { kind: 'person' }, moment } },
      bob,
    ],
    [{ type: 'CaseActed', data: { ...of, by: bob, ...acted } }, bob],
    [{ type: 'AppealMade', data: { ...of, by: alice, words: '' } }, alice],
  ]
  for (const [event, by] of events) {
    const made = recorded(space, event, by)
    log.push(made.stream, made.event)
  }
  await settled()
  await asked(context, 0)
  await look(context)
  assert.is(count(context, 'ErasureBegun'), 0)
  const decided = recorded(
    space,
    { type: 'AppealDecided', data: { ...of, by: bob, outcome: 'stands', reason: 'x' } },
    bob,
  )
  log.push(decided.stream, decided.event)
  await settled()
  await look(context)
  assert.is(count(context, 'ErasureDone'), 1)
})
test('given a server that died during one, then another starts it again after ten minutes', async (context) => {
  await asked(context, 0)
  const { id: erasure } = [...context.outside.state()!.erasures.values()][0]!
  await act(context, { type: 'BeginErasure', erasure, subject: 'alice' })
  await look(context)
  assert.is(count(context, 'ErasureDone'), 0)
  context.clock.ms += 600_000
  await look(context)
  assert.equal([count(context, 'ErasureBegun'), count(context, 'ErasureDone')], [2, 1])
})
test.run()
