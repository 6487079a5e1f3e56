/** Where a stream begins and ends is told to clients that declare, by the compatibility they ask for, that they
 *  understand it. */
import * as assert from 'uvu/assert'
import { contract, type Kit, unique } from './kit.ts'
import { inside, type WireField, type WireMessage } from './raw.ts'

const READ = '/event_store.client.streams.Streams/Read'
const [EVENT, FIRST, LAST, LAST_OF_ALL] = [1, 5, 6, 7]
const COMPATIBLE: WireField = [10, [[1, 1]]]
const IDS: WireField = [9, [[2, []]]]

type Asked = {
  readonly from?: WireField
  readonly count?: number
  readonly backwards?: boolean
  readonly more?: ReadonlyArray<WireField>
}
const START: WireField = [3, []]
const END: WireField = [4, []]

const readStream = (
  kit: Kit,
  stream: string,
  { from = START, count = 100, backwards = false, more = [COMPATIBLE] }: Asked,
) =>
  kit.raw.stream(READ, [
    [1, [[1, [[1, [[3, stream]]], from]], [3, backwards ? 1 : 0], [5, count], [8, []], IDS, ...more]],
  ])
const readAll = (kit: Kit, more: ReadonlyArray<WireField>, backwards = true) =>
  kit.raw.stream(READ, [
    [1, [[2, [backwards ? [3, []] : [2, []]]], [3, backwards ? 1 : 0], [5, 1], [8, []], IDS, ...more]],
  ])

const of = (messages: ReadonlyArray<WireMessage>, field: number): number[] =>
  messages.flatMap((message) => message.get(field) ?? []).map(Number)
const eventsIn = (messages: ReadonlyArray<WireMessage>): number =>
  messages.filter((message) => message.has(EVENT)).length

contract(
  'where a stream begins and ends',
  (test) => {
    const three = async (kit: Kit): Promise<string> => {
      const stream = unique()
      await kit.append(stream, kit.events(3))
      return stream
    }
    for (const backwards of [false, true])
      test(`given three events, when read ${backwards ? 'backwards' : 'forwards'}, then the last revision comes at the end`, async (kit) => {
        const messages = await readStream(kit, await three(kit), { backwards, from: backwards ? END : START })
        assert.equal([eventsIn(messages), of(messages, FIRST), of(messages, LAST)], [3, [], [2]])
        assert.ok(messages.at(-1)!.has(LAST))
      })
    test('given three events, when one is read, then the last revision all the same', async (kit) => {
      const messages = await readStream(kit, await three(kit), { count: 1 })
      assert.equal([eventsIn(messages), of(messages, LAST)], [1, [2]])
    })
    test('given three events, when read from beyond the end, then where the next will be', async (kit) => {
      const messages = await readStream(kit, await three(kit), { from: [2, 10] })
      assert.equal([eventsIn(messages), of(messages, FIRST), of(messages, LAST)], [0, [3], [2]])
    })
    test('given that all before 40 is cut, when a few are read from 0, then where the stream begins', async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(50))
      await kit.client.setStreamMetadata(stream, { truncateBefore: 40 })
      const messages = await readStream(kit, stream, { count: 5 })
      assert.equal([eventsIn(messages), of(messages, FIRST), of(messages, LAST)], [5, [40], [49]])
      assert.ok(messages[0]!.has(FIRST))
    })
    test('given a client that does not ask, then it is told nothing of it', async (kit) => {
      const messages = await readStream(kit, await three(kit), { more: [] })
      assert.equal([eventsIn(messages), messages.length], [3, 3])
    })
    test('given no stream, then it is not found, and no more', async (kit) => {
      const messages = await readStream(kit, unique(), {})
      assert.equal([messages.length, messages[0]!.has(4)], [1, true])
    })
    for (const backwards of [true, false])
      test(`$all ${backwards ? 'backwards' : 'forwards'}: the last position, where the server tells it`, async (kit) => {
        await three(kit)
        const messages = await readAll(kit, [COMPATIBLE], backwards)
        const told = messages.filter((message) => message.has(LAST_OF_ALL))
        assert.ok(told.length <= 1)
        // The protocol has it; today's real server leaves it out.
        if (told[0] !== undefined) assert.ok(Number(inside(told[0], LAST_OF_ALL).get(1)?.[0]) > 0)
      })
    test('$all: nothing of it to a client that does not ask', async (kit) => {
      await three(kit)
      assert.is((await readAll(kit, [])).length, 1)
    })
  },
  'shared',
  'alone',
)
