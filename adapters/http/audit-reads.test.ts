/** Looks at the audit log are events in it too, one by one while they are few, and summed up if somebody looks again and again. */
import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AuditRead } from '../../domain/audited.ts'
import type { SpaceRef } from '../../domain/names.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { createLooks, LOOKS } from './audit-reads.ts'

const test = suite('looks')
const ROOM: SpaceRef = { type: 'document', id: '1' }
const START = Date.parse('2026-05-01T12:00:00Z')

const world = () => {
  const log = memoryLog()
  const clock = { ms: START, now: () => clock.ms }
  const looks = createLooks({ log, clock, ids: { uuid: () => randomUUID() }, nodeId: 'node-1' })
  const look = (
    of: { readonly by?: string; readonly ip?: string; readonly space?: SpaceRef | null } = {},
  ) => {
    const { by = 'alice', ip = '192.0.2.1', space = ROOM } = of
    const kind = by.startsWith('guest:') ? ('guest' as const) : ('account' as const)
    const sender = { by: { kind, id: by }, client: { ip } }
    return looks.record({ sender, space, call: 'at', filters: { time: 'then' }, rows: null })()
  }
  const told = () => log.all().map(({ data }) => data as AuditRead['data'])
  return { log, clock, looks, look, told }
}

test('given 480 looks at moments by one caller, then some are recorded one by one, and the rest as one event that says how many', async () => {
  const { log, clock, looks, look, told } = world()
  for (let n = 0; n < 480; n += 1) {
    assert.ok(E.isRight(await look()))
    clock.ms += 10
  }
  assert.ok(told().length <= LOOKS.burst + 4, `${told().length} events`)
  const before = told().length
  await looks.flush()
  assert.is(told().length, before + 1)
  const sum = told().at(-1)!
  assert.is(sum.times! + before, 480)
  assert.ok(Date.parse(sum.from!) < Date.parse(sum.at) && Date.parse(sum.at) <= clock.ms)
  for (const { type, data } of log.all()) assert.ok(E.isRight(AuditRead.decode({ type, data })))
  assert.is(log.all().at(-1)!.stream, 'access-document:1')
  await looks.flush()
  assert.is(told().length, before + 1, 'a sum is told once')
})

test('given a look whose answer was lost, on a log that forgets, then it is recorded once', async () => {
  const { log, look } = world()
  const faults = ['unknown-written' as const]
  log.forgets = true
  log.onAppend = () => faults.shift() ?? null
  assert.ok(E.isRight(await look()))
  assert.is(log.all().length, 1)
})

test('given guests of one address who are somebody new each time, then they count as one reader, and others need not wait', async () => {
  const { looks, look, told } = world()
  for (let n = 0; n < 300; n += 1) await look({ by: `guest:${n.toString(16).padStart(12, '0')}` })
  const before = told().length
  assert.ok(before <= LOOKS.burst + 2, `${before} events`)
  await look({ by: 'guest:00000000ffff', ip: '192.0.2.2' })
  await look({ by: 'bob' })
  assert.is(told().length, before + 2)
  await looks.flush()
})

test('given a caller who keeps looking at other spaces, then a few spaces are recorded, and the rest together', async () => {
  const { looks, look, told } = world()
  for (let n = 0; n < 500; n += 1) await look({ space: { type: 'document', id: String(n) } })
  await looks.flush()
  assert.ok(told().length <= LOOKS.burst + 12 + 11, `${told().length} events`)
  const more = told().reduce((sum, { times }) => sum + (times ?? 0), 0)
  assert.is(told().filter(({ times }) => times === undefined).length + more, 500)
})

test('given a log that accepts nothing, then nothing is shown: neither the first of many looks nor the later ones', async () => {
  const away = { _tag: 'LogUnavailable', cause: 'away' } as const
  const log = { append: () => TE.left(away), readStream: () => TE.left(away) }
  const clock = { now: () => START }
  const looks = createLooks({ log, clock, ids: { uuid: () => randomUUID() }, nodeId: 'node-1' })
  const sender = { by: { kind: 'account', id: 'alice' } } as const
  for (let n = 0; n < LOOKS.burst + 20; n += 1)
    assert.ok(E.isLeft(await looks.record({ sender, space: ROOM, call: 'at', filters: {}, rows: null })()))
  await looks.flush()
})

test.run()
