/** An append whose answer was lost is on the log once, even if the log has forgotten its ids. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { NewEvent } from '../../domain/ports.ts'
import { type AppendFault, memoryLog } from '../../infra/testing/memory-log.ts'
import { appendSettled } from './settle-append.ts'

const test = suite('an append that is settled')
const STREAM = 'refusal-document:1'
const event = (n: number): NewEvent => ({
  id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
  type: 'Refused',
  data: { n },
  metadata: {},
})
const settled = (log: ReturnType<typeof memoryLog>, ...events: ReadonlyArray<NewEvent>) => {
  let now = 0
  return appendSettled(
    log,
    { stream: STREAM, expected: 'any', events },
    {
      now: () => now,
      unavailableMs: 500,
      unknownMs: 2_000,
      wait: async (ms) => {
        now += ms
      },
    },
  )
}
/** A log that forgets ids, and whose first appends meet these faults. */
const forgetful = (...faults: ReadonlyArray<AppendFault>) => {
  const log = memoryLog()
  const left = [...faults]
  log.forgets = true
  log.onAppend = () => left.shift() ?? null
  return log
}
const ids = (log: ReturnType<typeof memoryLog>): string[] => log.stream(STREAM).map(({ id }) => id)

test('given a lost answer, on a log that forgets ids, then the events are found, and are there once', async () => {
  const log = forgetful('unknown-written')
  log.push(STREAM, event(9))
  const outcome = await settled(log, event(1), event(2))
  assert.is(outcome._tag === 'Appended' && outcome.appended.revision, 2n)
  assert.equal(ids(log), [event(9).id, event(1).id, event(2).id])
})
test('given an append that failed twice, then it is written once', async () => {
  const log = forgetful('unknown-lost', 'unknown-lost')
  assert.is((await settled(log, event(1)))._tag, 'Appended')
  assert.equal(ids(log), [event(1).id])
})
test('given an append after which others write, then it is still found', async () => {
  const log = forgetful('unknown-written')
  log.pause = async (what) => {
    if (what === 'read') log.push(STREAM, event(7), event(8))
  }
  assert.is((await settled(log, event(1)))._tag, 'Appended')
  assert.is(ids(log).filter((id) => id === event(1).id).length, 1)
})
test('given a log that can no longer be read, then nothing is sent again, and the outcome is reported as unknown', async () => {
  const log = forgetful('unknown-written')
  log.onRead = () => 'unavailable'
  assert.is((await settled(log, event(1)))._tag, 'Unsettled')
  assert.equal(ids(log), [event(1).id])
  assert.is(log.counts.appends, 1)
})
test.run()
