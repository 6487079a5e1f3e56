import { randomUUID } from 'node:crypto'
import * as fc from 'fast-check'
import { left, right } from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type {
  AppendError,
  Appended,
  EventLog,
  ExpectedRevision,
  NewEvent,
  RecordedEvent,
} from '../../domain/ports.ts'
import { appendSettled } from './settle.ts'
import { someEvents } from './testing/helpers.ts'

const settling = suite('settling appends')

/** What happens to one request: it is carried out and answered, carried out unanswered, lost, carried out after the
 *  client gave up, or overtaken by someone else's append; or there is no connection. */
type Fate = 'answered' | 'unanswered' | 'lost' | 'late' | 'overtaken' | 'unavailable'

/** One stream with EventStoreDB's rules. Each request in turn meets one of these fates; later requests are answered. */
const modelLog = (fates: ReadonlyArray<Fate>) => {
  const events: RecordedEvent[] = []
  const late: Array<() => void> = []
  let turn = 0
  const write = (expected: ExpectedRevision, adding: ReadonlyArray<NewEvent>): Appended | AppendError => {
    const end = BigInt(events.length) - 1n
    const from = expected === 'none' ? 0n : expected === 'any' ? null : expected + 1n
    const known = from === null ? events.findIndex((event) => event.id === adding[0]!.id) : Number(from)
    const isKnown = known >= 0 && adding.every((event, index) => events[known + index]?.id === event.id)
    if (isKnown) {
      const last = events[known + adding.length - 1]!
      return { revision: last.revision, position: last.position }
    }
    if (from !== null && from !== end + 1n)
      return { _tag: 'WrongExpectedRevision', actual: end < 0n ? null : end }
    for (const event of adding) {
      const revision = BigInt(events.length)
      events.push({ ...event, stream: 's', revision, position: revision * 10n, created: new Date(0) })
    }
    const last = events[events.length - 1]!
    return { revision: last.revision, position: last.position }
  }
  const log: Pick<EventLog, 'append' | 'readStream'> = {
    append: (_, expected, adding) => async () => {
      const fate = fates[turn++] ?? 'answered'
      if (fate !== 'late') for (const one of late.splice(0)) one()
      if (fate === 'unavailable') return left({ _tag: 'LogUnavailable', cause: 'no line' })
      if (fate === 'lost') return left({ _tag: 'OutcomeUnknown', cause: 'lost' })
      if (fate === 'late') {
        late.push(() => write(expected, adding))
        return left({ _tag: 'OutcomeUnknown', cause: 'late' })
      }
      if (fate === 'overtaken') write('any', someEvents(1))
      const result = write(expected, adding)
      if (fate === 'unanswered') return left({ _tag: 'OutcomeUnknown', cause: 'unanswered' })
      return '_tag' in result ? left(result) : right(result)
    },
    readStream:
      (_, { direction, from, limit }) =>
      async () => {
        if (direction === 'backwards') return right([...events].reverse().slice(0, limit))
        return right(events.slice(Number(from ?? 0n)).slice(0, limit))
      },
  }
  return { log, events, flush: () => late.splice(0).forEach((one) => void one()), write }
}

const fate = fc.constantFrom<Fate>('answered', 'unanswered', 'lost', 'late', 'overtaken', 'unavailable')

settling(
  'given any outcome of its requests, then what it says about an append is true and remains true',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fate, { maxLength: 4 }),
        fc.integer({ min: 0, max: 3 }),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom<'none' | 'any' | 'end' | 'stale'>('none', 'any', 'end', 'stale'),
        async (fates, before, count, kind) => {
          const model = modelLog(fates)
          if (before > 0) model.write('any', someEvents(before))
          const expected: ExpectedRevision =
            kind === 'none' || kind === 'any'
              ? kind
              : kind === 'end'
                ? before === 0
                  ? 'none'
                  : BigInt(before - 1)
                : BigInt(before)
          const events = someEvents(count)
          const result = await appendSettled(model.log, { deadlineMs: 1_000 })('s', expected, events)()
          model.flush()
          const places = events.map((event) => model.events.filter(({ id }) => id === event.id))
          for (const place of places) assert.ok(place.length <= 1, 'an event is there twice')
          if (result._tag === 'Right') {
            assert.is(places[count - 1]![0]?.revision, result.right.revision)
            assert.is(places[count - 1]![0]?.position, result.right.position)
          } else if (result.left._tag !== 'OutcomeUnknown') {
            for (const place of places) assert.is(place.length, 0)
          } else assert.unreachable('nothing stays unknown here')
        },
      ),
      { numRuns: Number(process.env.PROPERTY_RUNS ?? 150) },
    )
  },
)

settling(
  'given a log that never answers again, then the outcome is OutcomeUnknown when the deadline is over',
  async () => {
    const log: Pick<EventLog, 'append' | 'readStream'> = {
      append: () => async () => left({ _tag: 'OutcomeUnknown', cause: 'silence' }),
      readStream: () => async () => left({ _tag: 'LogUnavailable', cause: 'no line' }),
    }
    const startedAt = performance.now()
    const result = await appendSettled(log, { deadlineMs: 80 })('s', 'none', someEvents(1))()
    assert.equal(result, left({ _tag: 'OutcomeUnknown', cause: 'no line' }))
    assert.ok(performance.now() - startedAt < 1_000)
  },
)

settling('given a stream deleted in the meantime, then StreamDeleted', async () => {
  const log: Pick<EventLog, 'append' | 'readStream'> = {
    append: () => async () => left({ _tag: 'OutcomeUnknown', cause: 'silence' }),
    readStream: () => async () => left({ _tag: 'StreamDeleted' }),
  }
  assert.equal(await appendSettled(log)('s', 'none', someEvents(1))(), left({ _tag: 'StreamDeleted' }))
})

settling('given no doubt, then nothing is read', async () => {
  let reads = 0
  const model = modelLog([])
  const log: Pick<EventLog, 'append' | 'readStream'> = {
    append: model.log.append,
    readStream: (...args) => {
      reads += 1
      return model.log.readStream(...args)
    },
  }
  await appendSettled(log)('s', 'none', [{ id: randomUUID(), type: 'T', data: {}, metadata: {} }])()
  await appendSettled(log)('s', 'none', someEvents(1))()
  assert.is(reads, 0)
})

settling(
  'given a connection that is lost at every other read, when an append with any is deep in its stream, then the search finds it and reads nothing twice',
  async () => {
    const appended = someEvents(2)
    const stream: RecordedEvent[] = []
    const grow = (events: ReadonlyArray<NewEvent>) => {
      for (const event of events) {
        const revision = BigInt(stream.length)
        stream.push({ ...event, stream: 's', revision, position: revision * 10n, created: new Date(0) })
      }
    }
    grow([...someEvents(300), ...appended, ...someEvents(1_200)])
    let appends = 0
    let reads = 0
    const below: bigint[] = []
    const log: Pick<EventLog, 'append' | 'readStream'> = {
      append: () => async () => {
        appends += 1
        return left({ _tag: 'OutcomeUnknown', cause: 'cut' })
      },
      readStream:
        (_, { from, limit }) =>
        async () => {
          reads += 1
          // Others go on writing meanwhile.
          grow(someEvents(3))
          if (reads % 4 === 3) return left({ _tag: 'LogUnavailable', cause: 'cut' })
          const end = Number(from ?? BigInt(stream.length - 1))
          const page = stream.slice(Math.max(0, end - limit + 1), end + 1).reverse()
          for (const { revision } of page) if (revision < 1_400n) below.push(revision)
          return right(page)
        },
    }
    const result = await appendSettled(log)('s', 'any', appended)()
    assert.equal(result, right({ revision: 301n, position: 3_010n }))
    assert.is(appends, 1)
    assert.is(new Set(below).size, below.length)
  },
)

settling.run()
