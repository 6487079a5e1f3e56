import * as assert from 'uvu/assert'
import { type Add, contract, failure, type Kit, once, unique, until } from './kit.ts'

const counting = (stream: string): string => `fromStream('${stream}').when({
  $init() { return { count: 0 } },
  Happened(state) { state.count += 1 },
})`

/** Waits for the expected state or result, since projections follow in the background. */
const becomes = async <T>(of: () => Promise<T>, wanted: T): Promise<void> => {
  let last: unknown
  try {
    await until(async () => {
      last = await of().catch((error: Error) => error.message)
      return JSON.stringify(last) === JSON.stringify(wanted)
    })
  } catch {
    assert.equal(last, wanted)
  }
}
const stateOf = (kit: Kit, name: string, partition?: string) => () =>
  kit.client.getProjectionState<unknown>(name, partition === undefined ? {} : { partition })
const resultOf = (kit: Kit, name: string) => () => kit.client.getProjectionResult<unknown>(name)
const statusOf = (kit: Kit, name: string) => async (): Promise<string> =>
  (await kit.client.getProjectionStatus(name)).projectionStatus
const typesIn = (kit: Kit, stream: string) => async (): Promise<string[]> =>
  (await kit.read(stream).catch(() => [])).map(({ event }) => event!.type)

const states = (withBoth: Add): void => {
  const test = once(withBoth)
  withBoth(
    'given one of a stream, then its state has each event, from the first on and as they come',
    async (kit) => {
      const [name, stream] = [unique('p'), unique()]
      await kit.append(stream, kit.events(2, 'Happened'))
      await kit.client.createProjection(name, counting(stream))
      await becomes(stateOf(kit, name), { count: 2 })
      await kit.append(stream, [...kit.events(1, 'Other'), ...kit.events(3, 'Happened')])
      await becomes(stateOf(kit, name), { count: 5 })
      await becomes(resultOf(kit, name), { count: 5 })
    },
  )
  test('given no event yet, then the state is an empty object', async (kit) => {
    const name = unique('p')
    await kit.client.createProjection(name, counting(unique()))
    assert.equal(await stateOf(kit, name)(), {})
  })
  test('given a handler that returns something, then that is the state', async (kit) => {
    const [name, stream] = [unique('p'), unique()]
    await kit.client.createProjection(
      name,
      `fromStream('${stream}').when({ $init: () => 0, $any: (state, event) => state + event.data.n })`,
    )
    await kit.append(
      stream,
      [1, 2, 4].map((n) => kit.lib.jsonEvent({ type: 'Added', data: { n } })),
    )
    await becomes(stateOf(kit, name), 7)
  })
  test('given several streams, then their events come in the order of the log', async (kit) => {
    const [name, a, b] = [unique('p'), unique(), unique()]
    await kit.client.createProjection(
      name,
      `fromStreams(['${a}', '${b}']).when({ $init: () => [], $any(seen, { streamId, sequenceNumber }) { seen.push(sequenceNumber + '@' + streamId) } })`,
    )
    for (const stream of [a, b, a]) await kit.append(stream, kit.events(1))
    await becomes(stateOf(kit, name), [`0@${a}`, `0@${b}`, `1@${a}`])
  })
  test('given one of $all, then it sees what is appended anywhere, and no links', async (kit) => {
    const [name, type] = [unique('p'), unique('Type').replaceAll('-', '')]
    await kit.client.createProjection(
      name,
      `fromAll().when({ $init: () => ({ n: 0 }), ${type}(state) { state.n++ } })`,
    )
    for (const stream of [unique(), unique()]) await kit.append(stream, kit.events(2, type))
    await becomes(stateOf(kit, name), { n: 4 })
  })
  test('given one of $all, then it sees the metadata of ordinary streams, and nothing of system streams', async (kit) => {
    // TransactionFileEventFilter.
    const [name, stream] = [unique('p'), unique()]
    for (const one of [`$${stream}`, stream]) {
      await kit.append(one, kit.events(1))
      await kit.client.setStreamMetadata(one, { maxCount: 9 })
    }
    await kit.client.createProjection(
      name,
      `fromAll().when({ $init: () => [], $any(seen, { streamId }) { if (streamId.endsWith('${stream}')) seen.push(streamId) } })`,
    )
    await becomes(stateOf(kit, name), [stream, `$$${stream}`])
  })
  withBoth('given one of a category by stream, then each of its streams has a state', async (kit) => {
    const [name, category] = [unique('p'), unique('cat').replaceAll('-', '')]
    await kit.client.createProjection(
      name,
      `fromCategory('${category}').foreachStream().when({ $init: () => ({ n: 0 }), $any(state) { state.n++ } })`,
    )
    await kit.append(`${category}-a`, kit.events(2))
    await kit.append(`${category}-b`, kit.events(3))
    await becomes(stateOf(kit, name, `${category}-a`), { n: 2 })
    await becomes(stateOf(kit, name, `${category}-b`), { n: 3 })
  })
  test('given partitionBy, then there is a state for each that the function names, none where it names none', async (kit) => {
    const [name, stream] = [unique('p'), unique()]
    await kit.client.createProjection(
      name,
      `fromStream('${stream}').partitionBy((event) => event.data.of).when({ $init: () => ({ n: 0 }), $any(state) { state.n++ } })`,
    )
    await kit.append(
      stream,
      ['x', 'y', 'x', undefined].map((of) =>
        kit.lib.jsonEvent({ type: 'Happened', data: of === undefined ? {} : { of } }),
      ),
    )
    await becomes(stateOf(kit, name, 'x'), { n: 2 })
    await becomes(stateOf(kit, name, 'y'), { n: 1 })
  })
  test('given transformBy and outputState, then the result is made of the state, and each is written', async (kit) => {
    const [name, stream] = [unique('p'), unique()]
    await kit.client.createProjection(
      name,
      `fromStream('${stream}').when({ $init: () => ({ n: 0 }), $any(state) { state.n++ } }).transformBy((state) => ({ twice: 2 * state.n })).outputState()`,
    )
    await kit.append(stream, kit.events(3))
    await becomes(resultOf(kit, name), { twice: 6 })
    await becomes(stateOf(kit, name), { n: 3 })
    await becomes(typesIn(kit, `$projections-${name}-result`), ['Result', 'Result', 'Result'])
  })
}

const emitting = (withBoth: Add): void => {
  const test = once(withBoth)
  test('given emit and linkTo, then events of its own are there, and links to those that it was given', async (kit) => {
    const [name, stream] = [unique('p'), unique()]
    await kit.client.createProjection(
      name,
      `fromStream('${stream}').when({ Happened(state, event) { emit('${stream}-out', 'Emitted', { of: event.sequenceNumber }, { by: 'it' }); linkTo('${stream}-links', event) } })`,
      { emitEnabled: true },
    )
    await kit.append(stream, kit.events(2, 'Happened'))
    await becomes(typesIn(kit, `${stream}-out`), ['Emitted', 'Emitted'])
    const out = await kit.read(`${stream}-out`)
    assert.equal(
      out.map(({ event }) => event!.data),
      [{ of: 0 }, { of: 1 }],
    )
    const links = await kit.read(`${stream}-links`, { resolveLinkTos: true })
    assert.equal(
      links.map(({ event }) => `${event!.revision}@${event!.streamId}`),
      [`0@${stream}`, `1@${stream}`],
    )
    assert.is((await failure(kit.read(`$projections-${name}-emittedstreams`))).type, 'stream-not-found')
  })
  withBoth(
    'given emitted streams that are tracked, then each is listed once, and deleted with the projection',
    async (kit) => {
      const [name, stream] = [unique('p'), unique()]
      await kit.client.createProjection(
        name,
        `fromStream('${stream}').when({ $any() { emit('${stream}-out', 'Emitted', {}, {}) } })`,
        { emitEnabled: true, trackEmittedStreams: true },
      )
      await kit.append(stream, kit.events(3))
      await becomes(typesIn(kit, `${stream}-out`), ['Emitted', 'Emitted', 'Emitted'])
      assert.equal(await typesIn(kit, `$projections-${name}-emittedstreams`)(), ['$StreamTracked'])
      await kit.client.disableProjection(name)
      await kit.client.deleteProjection(name, { deleteEmittedStreams: true })
      await until(async () => (await failure(kit.read(`${stream}-out`))).type === 'stream-not-found')
    },
  )
  test('given a stream that was deleted for good, when one emits to it, then it is faulted, with the reason', async (kit) => {
    // EmittedStream: "is deleted. Cannot emit events to it".
    const [name, stream] = [unique('p'), unique()]
    await kit.append(`${stream}-out`, kit.events(1))
    await kit.client.tombstoneStream(`${stream}-out`)
    await kit.client.createProjection(
      name,
      `fromStream('${stream}').when({ $any() { emit('${stream}-out', 'Emitted', {}, {}) } })`,
      { emitEnabled: true },
    )
    await kit.append(stream, kit.events(1))
    await becomes(statusOf(kit, name), 'Faulted')
    assert.match((await kit.client.getProjectionStatus(name)).stateReason, /deleted/)
  })
  test('given one that may not emit, when it does, then it is faulted, with the reason', async (kit) => {
    const [name, stream] = [unique('p'), unique()]
    await kit.client.createProjection(name, `fromStream('${stream}').when({ $any() { emit('x', 'Y', {}) } })`)
    await kit.append(stream, kit.events(1))
    await becomes(statusOf(kit, name), 'Faulted')
    assert.match((await kit.client.getProjectionStatus(name)).stateReason, /emit/)
  })
}

/** A projection that emits what can't be written ends; other clients' appends go on. */
const refusedEmits = (test: Add): void => {
  for (const [what, query, why] of [
    [
      'an event that is too large to be read',
      "emit('STREAM-out', 'Large', { text: 'x'.repeat(2 ** 20) })",
      /more than 1048576 bytes/,
    ],
    [
      'tens of thousands of events at once',
      "for (let n = 0; n < 25_000; n++) emit('STREAM-out', 'One', n)",
      /more than 20000 events/,
    ],
    ['what is no event', 'Object.prototype.toJSON = () => null', /can’t be read/],
    ['to metadata', "emit('$$STREAM', '$metadata', { $maxCount: 1 })", /nothing may be emitted/],
  ] as const)
    test(`given one that emits ${what}, then it is faulted, and others append as before`, async (kit) => {
      const [name, stream] = [unique('p'), unique()]
      const body = query.replace('STREAM', stream)
      await kit.client.createProjection(name, `fromStream('${stream}').when({ $any() { ${body} } })`, {
        emitEnabled: true,
      })
      await kit.append(stream, kit.events(1))
      await becomes(statusOf(kit, name), 'Faulted')
      assert.match((await kit.client.getProjectionStatus(name)).stateReason, why)
      await kit.append(stream, kit.events(1))
      assert.is((await failure(kit.read(`${stream}-out`))).type, 'stream-not-found')
    })
  test('given results that are to be written to metadata, then it is faulted', async (kit) => {
    const [name, stream] = [unique('p'), unique()]
    await kit.client.createProjection(
      name,
      `fromStream('${stream}').when({ $any: () => 1 }).outputTo('$$${stream}')`,
    )
    await kit.append(stream, kit.events(1))
    await becomes(statusOf(kit, name), 'Faulted')
  })
  test('given names that differ in halves of characters only, then both events are there, and others append as before', async (kit) => {
    const [name, stream] = [unique('p'), unique()]
    await kit.client.createProjection(
      name,
      `fromStream('${stream}').when({ $any() { emit('${stream}-\\ud800', 'One', {}); emit('${stream}-\\ud801', 'One', {}) } })`,
      { emitEnabled: true },
    )
    await kit.append(stream, kit.events(1))
    await becomes(typesIn(kit, `${stream}-\ufffd`), ['One', 'One'])
    await kit.append(stream, kit.events(1))
    assert.is(await statusOf(kit, name)(), 'Running')
  })
}

const life = (test: Add): void => {
  test('given one that is stopped, when it is enabled again, then it goes on where it was', async (kit) => {
    const [name, stream] = [unique('p'), unique()]
    await kit.client.createProjection(name, counting(stream))
    await kit.append(stream, kit.events(2, 'Happened'))
    await becomes(stateOf(kit, name), { count: 2 })
    await kit.client.disableProjection(name)
    assert.is(await statusOf(kit, name)(), 'Stopped')
    await kit.append(stream, kit.events(1, 'Happened'))
    await kit.client.enableProjection(name)
    await becomes(stateOf(kit, name), { count: 3 })
    await kit.client.abortProjection(name)
    assert.is(await statusOf(kit, name)(), 'Aborted')
  })
  test('given a reset, then it begins anew', async (kit) => {
    const [name, stream] = [unique('p'), unique()]
    await kit.client.createProjection(name, counting(stream))
    await kit.append(stream, kit.events(2, 'Happened'))
    await becomes(stateOf(kit, name), { count: 2 })
    await kit.client.resetProjection(name)
    await becomes(stateOf(kit, name), { count: 2 })
  })
  test('given a reset, then what it has emitted is not emitted again', async (kit) => {
    const [name, stream] = [unique('p'), unique()]
    const query = `fromStream('${stream}').when({ $init: () => ({ n: 0 }), $any(state) { state.n++; emit('${stream}-out', 'Emitted', {}) } })`
    await kit.client.createProjection(name, query, { emitEnabled: true })
    await kit.append(stream, kit.events(2))
    await becomes(stateOf(kit, name), { n: 2 })
    await kit.client.resetProjection(name)
    await kit.append(stream, kit.events(1))
    await becomes(stateOf(kit, name), { n: 3 })
    assert.is((await typesIn(kit, `${stream}-out`)()).length, 3)
  })
  test('given one that runs, when it is deleted, then that is refused', async (kit) => {
    const name = unique('p')
    await kit.client.createProjection(name, counting(unique()))
    const { error } = await failure(kit.client.deleteProjection(name))
    assert.match(String(error.message), /OperationFailed/)
  })
  test('given an update, then the new query goes on from the state', async (kit) => {
    const [name, stream] = [unique('p'), unique()]
    await kit.client.createProjection(name, counting(stream))
    await kit.append(stream, kit.events(2, 'Happened'))
    await becomes(stateOf(kit, name), { count: 2 })
    await kit.client.updateProjection(name, counting(stream).replace('+= 1', '+= 10'))
    await kit.append(stream, kit.events(1, 'Happened'))
    await becomes(stateOf(kit, name), { count: 12 })
  })
  test('given one of that name, when it is made again, then it is a conflict; when deleted, then it is gone', async (kit) => {
    const name = unique('p')
    await kit.client.createProjection(name, counting(unique()))
    assert.match(
      String((await failure(kit.client.createProjection(name, counting(unique())))).error.message),
      /Conflict/,
    )
    await kit.client.disableProjection(name)
    await kit.client.deleteProjection(name)
    await until(async () =>
      /NOT_FOUND|not found/i.test(String((await failure(statusOf(kit, name)())).error.message)),
    )
  })
  test('given a query that can’t be read, then it is faulted, with the reason', async (kit) => {
    const name = unique('p')
    await kit.client.createProjection(name, 'fromAll().when({')
    await becomes(statusOf(kit, name), 'Faulted')
    assert.ok((await kit.client.getProjectionStatus(name)).stateReason.length > 0)
  })
  test('given a handler that throws, then it is faulted there, with the reason', async (kit) => {
    const [name, stream] = [unique('p'), unique()]
    await kit.client.createProjection(
      name,
      `fromStream('${stream}').when({ $init: () => ({ n: 0 }), Happened(state) { state.n++ }, Bad(state) { state.n = 99; throw new Error('I can not') } })`,
    )
    await kit.append(stream, [...kit.events(2, 'Happened'), ...kit.events(1, 'Bad')])
    await becomes(statusOf(kit, name), 'Faulted')
    assert.match((await kit.client.getProjectionStatus(name)).stateReason, /I can not/)
  })
}

contract(
  'projections of one’s own',
  (test) => {
    for (const cases of [states, emitting, life]) cases(test)
    refusedEmits(once(test))
  },
  'projections',
)

contract(
  'projections of one’s own on a node that is killed',
  (withBoth) => {
    const test = once(withBoth)
    test('given kill -9 while one emits, when started again, then each event counts and is emitted for once', async (kit) => {
      const [name, stream] = [unique('p'), unique()]
      await kit.client.createProjection(
        name,
        `fromStream('${stream}').when({ $init: () => ({ n: 0 }), $any(state, event) { state.n++; emit('${stream}-out', 'Emitted', { of: event.sequenceNumber }) } })`,
        { emitEnabled: true },
      )
      const writing = Promise.allSettled(
        Array.from({ length: 100 }, async () => kit.append(stream, kit.events(10))),
      )
      await until(async () => (await typesIn(kit, `${stream}-out`)()).length > 0)
      await kit.store().kill()
      await writing
      await kit.store().restart()
      const again = kit.as(null)
      await until(async () => (await again.readAll({ maxCount: 1 }).catch(() => [])).length > 0)
      const stored = (await again.read(stream)).length
      await becomes(stateOf(again, name), { n: stored })
      const out = await again.read(`${stream}-out`)
      assert.equal(
        out.map(({ event }) => (event!.data as { readonly of: number }).of),
        Array.from({ length: stored }, (_, n) => n),
      )
    })
  },
  'own',
  'alone',
)
