/** Random histories, run on the node and on the pure model. PROPERTY_RUNS raises their number (default 300). */
import { randomUUID } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { temporaryDirectory } from '../testing/directory.ts'
import { emptyModel, type Op, step } from './model.ts'
import { openSubject } from './subject.ts'

const RUNS = Number(process.env.PROPERTY_RUNS ?? 300)
const IN_MEMORY = '/dev/shm'

const stream = fc.nat({ max: 2 })
const expected = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('any' as const, 'none' as const, 'exists' as const) },
  { weight: 2, arbitrary: fc.nat({ max: 6 }) },
)
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant('append' as const),
      stream,
      expected,
      ids: fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('delete' as const), stream, expected }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constantFrom('tombstone' as const, 'delete' as const, 'delete' as const),
      stream,
      expected,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('metadata' as const),
      stream,
      maxCount: fc.option(fc.integer({ min: 1, max: 4 })),
      truncateBefore: fc.option(fc.integer({ min: 1, max: 6 })),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('read' as const),
      stream,
      backwards: fc.boolean(),
      from: fc.oneof(fc.constantFrom('start' as const, 'end' as const), fc.nat({ max: 8 })),
      count: fc.integer({ min: 1, max: 8 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant('cut' as const), stream, to: fc.integer({ min: 1, max: 6 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.constantFrom({ op: 'reopen' as const }, { op: 'scavenge' as const }),
      fc.record({ op: fc.constant('archive' as const), keep: fc.integer({ min: 1, max: 3 }) }),
    ),
  },
)
/** How many histories share one log: scavenging and reading the whole log cost more with each. */
const HISTORIES_A_LOG = 50

/** A log in memory, where there is such a folder: this is about the rules, and a disk would be most of the time. */
const openLog = () => {
  const dataDir = temporaryDirectory('eventstore-model-', existsSync(IN_MEMORY) ? IN_MEMORY : undefined)
  const subject = openSubject(dataDir)
  const close = (): void => {
    subject.close()
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
  }
  return { subject, close }
}

const test = suite('the model')

test('given any history, then the node answers as the rules say', async () => {
  let log = openLog()
  let count = 0
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(op, { minLength: 5, maxLength: 25 }), async (ops) => {
        if (++count % HISTORIES_A_LOG === 0) {
          const last = log
          log = openLog()
          last.close()
        }
        const { subject } = log
        const history = randomUUID().slice(8)
        const model = emptyModel()
        for (const one of ops)
          assert.equal(await subject.step(one, history), step(model, one), JSON.stringify(one))
        assert.equal(subject.all(history), model.all)
      }),
      { numRuns: RUNS },
    )
  } catch (error) {
    // The log may be closed, where it could not be opened again: that is the error to tell of.
    try {
      log.close()
    } catch {}
    throw error
  }
  log.close()
})

test.run()
