/** Many appends at once on one BatchAppend call, message by message, which neither client allows. */
import { randomUUID } from 'node:crypto'
import * as assert from 'uvu/assert'
import { contract, failure, type Kit, unique, until } from './kit.ts'
import { inside, refusalOf, text, type WireField, type WireMessage } from './raw.ts'

const NO_STREAM: WireField = [3, []]
const ANY: WireField = [4, []]
/** As long as a call may take. */
const MINUTE: WireField = [7, [[1, 60]]]

const eventOf = (n: number, id: string = randomUUID(), size = 0): WireField => [
  3,
  [
    [1, [[2, id]]],
    [
      2,
      [
        [1, 'type'],
        [2, 'Happened'],
      ],
    ],
    [
      2,
      [
        [1, 'content-type'],
        [2, 'application/json'],
      ],
    ],
    [4, JSON.stringify({ n, text: 'x'.repeat(size) })],
  ],
]
const optionsOf = (stream: string, expected: WireField = ANY, deadline: WireField = MINUTE): WireField => [
  2,
  [[1, [[3, stream]]], expected, deadline],
]
const LAST: WireField = [4, 1]

const open = (kit: Kit) => {
  const call = kit.raw.converse('/event_store.client.streams.Streams/BatchAppend')
  const answersTo = (id: string): WireMessage[] =>
    call.answers.filter((answer) => text(inside(answer, 1), 2) === id)
  return {
    ...call,
    send: (id: string, ...fields: ReadonlyArray<WireField>) => call.send([[1, [[2, id]]], ...fields]),
    answersTo,
    answered: (id: string) => until(() => answersTo(id)[0]),
  }
}
/** For cases that end their side while answers are on their way. */
const LOSES_ANSWERS = {
  differs: 'it ends a call that its client has half-closed, and loses the answers on their way',
}
const succeeded = (answer: WireMessage): boolean => answer.has(3) && !answer.has(2)
/** The code and the message of a refusal. */
const refusal = (answer: WireMessage): [code: number, message: string] => {
  const status = inside(answer, 2)
  return [Number(status.get(1)?.[0] ?? 0), text(status, 2)]
}
const numbersOf = async (kit: Kit, stream: string): Promise<number[]> =>
  (await kit.read(stream)).map(({ event }) => (event!.data as { n: number }).n)

contract('one call with many appends', (test) => {
  test(
    'given 60 appends to six streams, none waited for, then each is answered once, by its id',
    async (kit) => {
      const call = open(kit)
      const streams = Array.from({ length: 6 }, () => unique())
      const ids = Array.from({ length: 60 }, () => randomUUID() as string)
      for (const [n, id] of ids.entries()) call.send(id, optionsOf(streams[n % 6]!), eventOf(n), LAST)
      call.end()
      await until(call.isOver)
      assert.is(call.answers.length, 60)
      assert.ok(ids.every((id) => call.answersTo(id).length === 1 && succeeded(call.answersTo(id)[0]!)))
      for (const [which, stream] of streams.entries())
        assert.equal(
          await numbersOf(kit, stream),
          Array.from({ length: 10 }, (_, n) => 6 * n + which),
        )
    },
    LOSES_ANSWERS,
  )
  for (const [what, bad] of [
    ['an id that is no UUID', eventOf(1, 'not-a-uuid')],
    [
      'an event without a type',
      [
        3,
        [
          [1, [[2, randomUUID()]]],
          [4, '{}'],
        ],
      ],
    ],
  ] as ReadonlyArray<[string, WireField]>)
    test(`given one append with ${what} among good ones, then only that one is refused`, async (kit) => {
      const call = open(kit)
      const stream = unique()
      const ids = [0, 1, 2].map(() => randomUUID() as string)
      for (const [n, id] of ids.entries()) call.send(id, optionsOf(stream), n === 1 ? bad : eventOf(n), LAST)
      const [first, refused, last] = [
        await call.answered(ids[0]!),
        await call.answered(ids[1]!),
        await call.answered(ids[2]!),
      ]
      assert.equal([succeeded(first), succeeded(refused), succeeded(last)], [true, false, true])
      assert.is(refusal(refused)[0], 3)
      assert.equal(await numbersOf(kit, stream), [0, 2])
      call.cancel()
    })
  test('given an id that was answered, when it comes again, then it is another append', async (kit) => {
    const call = open(kit)
    const stream = unique()
    const id = randomUUID()
    call.send(id, optionsOf(stream), eventOf(0), LAST)
    await call.answered(id)
    call.send(id, optionsOf(stream), eventOf(1), LAST)
    await until(() => call.answersTo(id).length === 2)
    assert.ok(call.answersTo(id).every(succeeded))
    assert.equal(await numbersOf(kit, stream), [0, 1])
    call.cancel()
  })
  test('given the largest number as the expected revision, then it means no stream', async (kit) => {
    // StreamRevision.ToInt64: ulong.MaxValue is -1, which is ExpectedVersion.NoStream.
    const call = open(kit)
    const stream = unique()
    const [one, two, bad] = [randomUUID(), randomUUID(), randomUUID()]
    call.send(one, optionsOf(stream, [2, 2n ** 64n - 1n]), eventOf(0), LAST)
    assert.ok(succeeded(await call.answered(one)))
    call.send(two, optionsOf(stream, [2, 2n ** 64n - 1n]), eventOf(1), LAST)
    assert.match(text(inside(inside(await call.answered(two), 2), 3), 1), /WrongExpectedVersion$/)
    call.send(bad, optionsOf(stream, [2, 2n ** 63n]), eventOf(2), LAST)
    assert.is(refusal(await call.answered(bad))[0], 3)
    assert.equal(await numbersOf(kit, stream), [0])
    call.cancel()
  })
  test('given the largest number as the expected revision, when deleting, then it means no stream', async (kit) => {
    const stream = unique()
    const removing = (method: string) =>
      kit.raw.call(`/event_store.client.streams.Streams/${method}`, [
        [
          1,
          [
            [1, [[3, stream]]],
            [2, 2n ** 64n - 1n],
          ],
        ],
      ])
    await kit.append(stream, kit.events(1))
    assert.is(await refusalOf(removing('Delete')), 'wrong-expected-version')
    assert.is((await kit.read(stream)).length, 1)
    await kit.client.deleteStream(stream)
    await removing('Tombstone')
    assert.is((await failure(kit.read(stream))).type, 'stream-deleted')
  })
  test('given a message of more than 16 MiB less 10,000 bytes, then the call ends with resource-exhausted', async (kit) => {
    // The service's MaxReceiveMessageSize is TFConsts.EffectiveMaxLogRecordSize.
    const call = open(kit)
    call.send(randomUUID(), optionsOf(unique()), eventOf(0, undefined, 16 * 1024 * 1024 - 10_000), LAST)
    await call.over()
    assert.is((call.error() as { code: number }).code, 8)
  })
  test('given a deadline of zero, then the append is refused as late, and not written', async (kit) => {
    const call = open(kit)
    const stream = unique()
    const id = randomUUID()
    call.send(id, optionsOf(stream, ANY, [7, []]), eventOf(0), LAST)
    assert.equal(refusal(await call.answered(id)), [4, 'Timeout'])
    assert.is((await failure(kit.read(stream))).type, 'stream-not-found')
    call.cancel()
  })
})

contract('one call with appends that come in pieces', (test) => {
  test('given two appends that come in alternating pieces, then each is complete, and one append', async (kit) => {
    const call = open(kit)
    const [a, b] = [unique(), unique()]
    const [one, two] = [randomUUID(), randomUUID()]
    call.send(one, optionsOf(a, NO_STREAM), eventOf(0))
    call.send(two, optionsOf(b, NO_STREAM), eventOf(10), eventOf(11))
    call.send(one, eventOf(1), eventOf(2))
    call.send(two, LAST)
    call.send(one, eventOf(3), LAST)
    const [first, second] = [await call.answered(one), await call.answered(two)]
    assert.is(inside(first, 3).get(1)?.[0], 3)
    assert.is(inside(second, 3).get(1)?.[0], 1)
    assert.equal(await numbersOf(kit, a), [0, 1, 2, 3])
    assert.equal(await numbersOf(kit, b), [10, 11])
    assert.is(call.answers.length, 2)
    call.cancel()
  })
  test('given pieces, then nothing is written before the last has come', async (kit) => {
    const call = open(kit)
    const [stream, other] = [unique(), unique()]
    const [id, next] = [randomUUID(), randomUUID()]
    call.send(id, optionsOf(stream), eventOf(0))
    call.send(next, optionsOf(other), eventOf(1), LAST)
    await call.answered(next)
    assert.is((await failure(kit.read(stream))).type, 'stream-not-found')
    call.send(id, LAST)
    assert.ok(succeeded(await call.answered(id)))
    assert.equal(await numbersOf(kit, stream), [0])
    call.cancel()
  })
  test('given an append that grows too large, then it is refused once, and its later pieces are not written', async (kit) => {
    const call = open(kit)
    const [stream, other] = [unique(), unique()]
    const [id, next] = [randomUUID(), randomUUID()]
    call.send(id, optionsOf(stream), eventOf(0, undefined, 600_000))
    call.send(id, eventOf(1, undefined, 600_000))
    assert.is(refusal(await call.answered(id))[0], 3)
    call.send(id, eventOf(2))
    call.send(id, eventOf(3), LAST)
    call.send(next, optionsOf(other), eventOf(4), LAST)
    assert.ok(succeeded(await call.answered(next)))
    assert.is(call.answersTo(id).length, 1)
    assert.is((await failure(kit.read(stream))).type, 'stream-not-found')
    call.cancel()
  })
  test('given an id that is under way, when it comes with other options, then the first options count', async (kit) => {
    const call = open(kit)
    const [stream, other] = [unique(), unique()]
    const id = randomUUID()
    call.send(id, optionsOf(stream), eventOf(0))
    call.send(id, optionsOf(other, NO_STREAM), eventOf(1), LAST)
    assert.ok(succeeded(await call.answered(id)))
    assert.equal(await numbersOf(kit, stream), [0, 1])
    assert.is((await failure(kit.read(other))).type, 'stream-not-found')
    call.cancel()
  })
  test('given a piece that belongs to no append, then it is ignored', async (kit) => {
    const call = open(kit)
    const stream = unique()
    const [nobody, id] = [randomUUID(), randomUUID()]
    call.send(nobody, eventOf(0), LAST)
    call.send(id, optionsOf(stream), eventOf(1), LAST)
    await call.answered(id)
    assert.is(call.answers.length, 1)
    assert.equal(await numbersOf(kit, stream), [1])
    call.cancel()
  })
  test('given pieces whose deadline passes before the last, then the append is refused as late, and not written', async (kit) => {
    const call = open(kit)
    const [stream, other] = [unique(), unique()]
    const [id, next] = [randomUUID(), randomUUID()]
    call.send(id, optionsOf(stream, ANY, [7, [[2, 20_000_000]]]), eventOf(0))
    const [code, message] = refusal(await call.answered(id))
    assert.equal([code, message], [4, 'Timeout'])
    call.send(id, eventOf(1), LAST)
    call.send(next, optionsOf(other), eventOf(2), LAST)
    await call.answered(next)
    assert.is(call.answersTo(id).length, 1)
    assert.is((await failure(kit.read(stream))).type, 'stream-not-found')
    call.cancel()
  })
})

contract('one call with many appends that race', (test) => {
  test(
    'given twenty appends that expect no stream of one name, then one succeeds, and the others are told the revision',
    async (kit) => {
      const call = open(kit)
      const stream = unique()
      const ids = Array.from({ length: 20 }, () => randomUUID() as string)
      for (const [n, id] of ids.entries()) call.send(id, optionsOf(stream, NO_STREAM), eventOf(n), LAST)
      call.end()
      await until(call.isOver)
      const refused = call.answers.filter((answer) => !succeeded(answer))
      assert.is(refused.length, 19)
      for (const answer of refused) {
        const detail = inside(inside(answer, 2), 3)
        assert.match(text(detail, 1), /WrongExpectedVersion$/)
        assert.is(inside(detail, 2).get(1)?.[0] ?? 0, 0)
      }
      assert.is((await kit.read(stream)).length, 1)
    },
    LOSES_ANSWERS,
  )
})
