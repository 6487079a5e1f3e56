/** A query in JavaScript has limits of time and memory, and nothing of the node within its reach. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { QueryError, startQuery } from './query.ts'
import type { QueryEvent } from './query-worker.ts'

const test = suite('queries')

const event = (eventType = 'Happened', data: object = {}): QueryEvent => ({
  ...{ streamId: 's', ownStream: 's', eventType, eventId: crypto.randomUUID(), sequenceNumber: 0 },
  ...{ created: '2026-01-01T00:00:00.000Z', isJson: true, data: JSON.stringify(data) },
  ...{ metadata: '', linkMetadata: '' },
})
const start = (query: string, isEmitting = false) => startQuery({ query, isEmitting, kept: [] })

/** The state after one event that the handler, a function body, is given. */
const handled = async (body: string): Promise<unknown> => {
  const query = await start(`fromAll().when({ $any(state, event) { ${body} } })`)
  try {
    const { done, failed } = await query.run([event()])
    return failed === undefined ? JSON.parse(done[0]!.state) : failed.why
  } finally {
    query.close()
  }
}
const refused = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise
  } catch (error) {
    return error instanceof QueryError ? error.message : String(error)
  }
  throw new Error('It was not refused.')
}

test('given a handler that never ends, then it is ended, with the reason', async () => {
  const query = await start('fromAll().when({ $any() { for (;;); } })')
  assert.match(await refused(query.run([event()])), /ran longer than 2 s/)
  query.close()
})

test('given a promise that never ends, then it is ended too', async () => {
  const query = await start('fromAll().when({ $any() { Promise.resolve().then(() => { for (;;); }) } })')
  assert.match(await refused(query.run([event()])), /ran longer than 2 s/)
  query.close()
})

test('given a query that never ends, then it is refused', async () => {
  assert.match(await refused(start('for (;;);')), /ran longer than 2 s/)
})

test('given a query that puts endless work where the limit does not reach, then it is refused or ended all the same', async () => {
  for (const query of [
    'throw { get message() { for (;;); } }',
    'throw new Proxy({}, { getOwnPropertyDescriptor() { for (;;); }, getPrototypeOf() { for (;;); } })',
    "Object.defineProperty(globalThis, '__asked', { set() { for (;;); } }); fromAll().when({})",
    'let __run = () => ({ toString() { for (;;); } }); fromAll().when({})',
  ])
    assert.match(
      await refused(start(query)),
      /without a message|Cannot redefine|already been declared/,
      query,
    )
  const query = await start(
    'globalThis.__run = () => ({ toString() { for (;;); } }); fromAll().when({ $init: () => 0, $any: (n) => n + 1 })',
  )
  assert.is((await query.run([event()])).done[0]!.state, '1')
  query.close()
})

test('given a query that throws what is no error, then the reason does not speak of memory', async () => {
  for (const query of ['throw null', 'throw 1', 'throw {}'])
    assert.match(await refused(start(query)), /throws something without a message/)
  assert.is(await refused(start("throw 'words'")), 'words')
})

test('given what would take memory outside of the limit, then it is not there', async () => {
  for (const name of [
    'Uint8Array',
    'Float64Array',
    'ArrayBuffer',
    'SharedArrayBuffer',
    'DataView',
    'WebAssembly',
    'Intl',
  ])
    assert.is(await handled(`return typeof ${name}`), 'undefined', name)
  assert.equal(await handled('return [1].concat(Array.of(2))'), [1, 2])
})

test('given a query that changes what all objects have, then its answer is refused unless it has the right shape', async () => {
  for (const made of ['5', "'{}'", '({ done: [{}] })', '({ done: [] })'])
    assert.match(
      await refused(
        (async () => {
          const query = await start(`fromAll().when({ $any() { Object.prototype.toJSON = () => ${made} } })`)
          try {
            return await query.run([event()])
          } finally {
            query.close()
          }
        })(),
      ),
      /can’t be read|call stack/,
      made,
    )
})

test('given a handler that fills the memory, then it is ended, with the reason', async () => {
  const query = await start(
    'const kept = []; fromAll().when({ $any() { for (let n = 0; ; n++) kept.push([n, String(n)]) } })',
  )
  assert.match(await refused(query.run([event()])), /more than 128 MB of memory|ran longer than 2 s/)
  assert.match(await refused(query.run([event()])), /memory|ended|longer/)
  query.close()
})

test('given a query, then nothing of the node is within its reach', async () => {
  assert.equal(await handled('return [typeof process, typeof require, typeof fetch, typeof setTimeout]'), [
    ...['undefined', 'undefined', 'undefined', 'undefined'],
  ])
  for (const reach of ['emit', 'event', 'state', 'globalThis', 'fromAll'])
    assert.match(
      String(await handled(`return ${reach}.constructor.constructor('return typeof process')()`)),
      /Code generation from strings disallowed/,
      reach,
    )
  assert.match(await refused(start("import('node:fs').then(() => {}); fromAll().when({})")), /may not import/)
})

test('given a query that says neither from where nor when, then it is refused', async () => {
  for (const query of ['', 'fromAll()', '1 + 1'])
    assert.match(await refused(start(query)), /neither from where nor when/)
})

test('given what is not supported, then it is refused by name', async () => {
  assert.match(await refused(start('fromAll().when({ $initShared() {} })')), /\$initShared is not supported/)
})

test('given an event that fails, then those before it are told, and which it was', async () => {
  const query = await start(
    "fromAll().when({ $init: () => 0, Happened: (n) => n + 1, Bad() { throw new Error('no') } })",
  )
  const { done, failed } = await query.run([event(), event(), event('Bad'), event()])
  assert.equal(
    done.map((one) => one?.state),
    ['1', '2'],
  )
  assert.equal(failed, { at: 2, why: 'no' })
  query.close()
})

test.run()
