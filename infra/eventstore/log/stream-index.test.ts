/** The index by stream lags behind the log without anybody noticing: in whatever order appends, reads, restarts,
 *  failures and removals come, a read finds what was written. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeBody, TOMBSTONE_REVISION } from '../protocol/record.ts'
import { checkFile, LOG_FILE, openStorage, type Storage } from './storage.ts'

const test = suite('the index by stream')

const root = mkdtempSync(join(tmpdir(), 'eventstore-index-'))
test.after(() => rmSync(root, { recursive: true, force: true }))
let dirs = 0
const fresh = () => join(root, `${dirs++}`)

const write = (storage: Storage, name: string, revisions: ReadonlyArray<number>): number[] => {
  const stream = storage.stream(name)
  return revisions.map((revision) => {
    const event = {
      id: crypto.randomUUID(),
      type: 'T',
      contentType: 'application/json',
      data: Buffer.from('{}'),
      metadata: Buffer.alloc(0),
    }
    const position = storage.nextPosition()
    storage.insert(
      stream,
      revision,
      encodeBody(event, stream.nameBytes, { revision, position, ticks: '0' }),
      event.id,
    )
    return position
  })
}

type Step =
  | { readonly do: 'append'; readonly to: ReadonlyArray<readonly [stream: number, count: number]> }
  | { readonly do: 'fail'; readonly stream: number; readonly count: number }
  | { readonly do: 'remove'; readonly stream: number; readonly below: number }
  | { readonly do: 'end'; readonly stream: number }
  | { readonly do: 'reopen' }

const stream = fc.nat({ max: 3 })
const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        to: fc.array(fc.tuple(stream, fc.integer({ min: 1, max: 12 })), { minLength: 1, maxLength: 3 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('fail' as const), stream, count: fc.nat({ max: 9 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('remove' as const), stream, below: fc.nat({ max: 30 }) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('end' as const), stream }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
  ),
  { maxLength: 14 },
) as fc.Arbitrary<ReadonlyArray<Step>>

test('given any history, then each stream reads as it was written, forwards and backwards, from anywhere', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), steps, (indexBehind, history) => {
      const dir = fresh()
      let storage = openStorage(dir, { indexBehind })
      const model = new Map<string, Array<readonly [revision: number, position: number]>>()
      const nameOf = (n: number) => `s-${n}`
      const next = (name: string) => (model.get(name)?.at(-1)?.[0] ?? -1) + 1
      const isEnded = (name: string) => model.get(name)?.at(-1)?.[0] === TOMBSTONE_REVISION
      try {
        for (const step of history) {
          switch (step.do) {
            case 'append':
              storage.transaction(() => {
                for (const [n, count] of step.to) {
                  const name = nameOf(n)
                  if (isEnded(name)) continue
                  const first = next(name)
                  const revisions = Array.from({ length: count }, (_, i) => first + i)
                  const positions = write(storage, name, revisions)
                  const known = model.get(name) ?? []
                  model.set(name, [...known, ...revisions.map((one, i) => [one, positions[i]!] as const)])
                }
              })
              break
            case 'end': {
              const name = nameOf(step.stream)
              if (isEnded(name)) break
              storage.transaction(() => {
                const [position] = write(storage, name, [TOMBSTONE_REVISION])
                model.set(name, [...(model.get(name) ?? []), [TOMBSTONE_REVISION, position!]])
              })
              break
            }
            case 'fail': {
              const name = nameOf(step.stream)
              const first = next(name)
              assert.throws(() =>
                storage.transaction(() => {
                  if (!isEnded(name))
                    write(
                      storage,
                      name,
                      Array.from({ length: step.count }, (_, i) => first + i),
                    )
                  throw new Error('on purpose')
                }),
              )
              break
            }
            case 'remove': {
              const name = nameOf(step.stream)
              const { id } = storage.stream(name)
              // The last one of a stream always stays.
              const below = Math.min(step.below, model.get(name)?.at(-1)?.[0] ?? 0)
              while (storage.remove(id, below, 4) === 4);
              model.set(
                name,
                (model.get(name) ?? []).filter(([revision]) => revision >= below),
              )
              break
            }
            case 'reopen':
              storage.close()
              checkFile(join(dir, LOG_FILE))
              storage = openStorage(dir, { indexBehind })
              break
            default:
              step satisfies never
          }
          storage.syncNow()
        }
        for (const [name, events] of model) {
          const { id, last } = storage.stream(name)
          assert.is(last, events.at(-1)?.[0] ?? -1)
          const found = (list: ReadonlyArray<{ revision: number; position: number }>) =>
            list.map(({ revision, position }) => [revision, position])
          for (const from of [0, 1, 5, 20, TOMBSTONE_REVISION, last].filter((one) => one >= 0))
            for (const limit of [1, 3, 500]) {
              const forwards = events.filter(([revision]) => revision >= from).slice(0, limit)
              const backwards = events.filter(([revision]) => revision <= from).reverse()
              assert.equal(found(storage.streamForwards(id, from, limit)), forwards)
              assert.equal(found(storage.streamBackwards(id, from, limit)), backwards.slice(0, limit))
            }
        }
        const all = [...model.values()].flat().map(([, position]) => position)
        assert.equal(
          storage.allForwards(0, 10_000).map(({ position }) => position),
          all.sort((a, b) => a - b),
        )
      } finally {
        storage.close()
        rmSync(dir, { recursive: true, force: true })
      }
    }),
    { numRuns: Number(process.env.PROPERTY_RUNS ?? 25) },
  )
})

test('given an index by stream that names a wrong place or misses an event, when the file is checked, then the check fails and says so', () => {
  for (const [damage, said] of [
    ['UPDATE stream_index SET position = position + 1 WHERE revision = 1', 'leads to position'],
    ['UPDATE stream_index SET revision = 9 WHERE revision = 2', 'leads to position'],
    ['DELETE FROM stream_index WHERE revision = 1', 'is not in the index by stream'],
  ] as const) {
    const dir = fresh()
    const storage = openStorage(dir)
    storage.transaction(() => void write(storage, 'a', [0, 1, 2]))
    storage.close()
    const file = join(dir, LOG_FILE)
    assert.is(checkFile(file).events, 3)
    const db = new DatabaseSync(file)
    db.exec(damage)
    db.close()
    assert.throws(() => checkFile(file), said)
  }
})

test('given small commits to a few streams, then few of them write to the table, and many entries each', () => {
  const dir = fresh()
  const storage = openStorage(dir, { indexBehind: 1_000 })
  const indexed = storage.db.prepare('SELECT count(*) AS n FROM stream_index')
  let [last, changed] = [0, 0]
  for (let n = 0; n < 4_000; n += 1) {
    storage.transaction(() => write(storage, `s-${n % 5}`, [Math.floor(n / 5)]))
    const now = Number(indexed.get()?.n)
    if (now !== last) changed += 1
    last = now
  }
  assert.ok(last >= 2_000, `${last} are in the table`)
  assert.ok(last / changed >= 50, `${changed} commits wrote ${last} entries`)
  storage.syncNow()
  storage.close()
  assert.is(checkFile(join(dir, LOG_FILE)).events, 4_000)
})

test.run()
