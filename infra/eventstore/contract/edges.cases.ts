/** Where a read begins and how much it returns, on streams whose beginning is hidden. The rules are those of the
 *  real server's index reader: events below max(last - $maxCount + 1, $tb) are hidden; a read from a lower revision
 *  begins there, and a backward read from a lower revision returns nothing. */
import * as assert from 'uvu/assert'
import { contract, type Kit, unique } from './kit.ts'

const numbers = (read: ReadonlyArray<{ event?: { revision: bigint } | undefined }>): number[] =>
  read.map(({ event }) => Number(event!.revision))

const HIDDEN = [
  ['$tb 4', { truncateBefore: 4 }, 4],
  ['$maxCount 6', { maxCount: 6 }, 4],
  ['$tb 2 and $maxCount 6', { truncateBefore: 2, maxCount: 6 }, 4],
  ['$tb 4 and $maxCount 9', { truncateBefore: 4, maxCount: 9 }, 4],
] as const
const LAST = 9

const READS = [
  ['two from 0', { fromRevision: 0n, maxCount: 2 }],
  ['two from the first that is left', { fromRevision: 4n, maxCount: 2 }],
  ['more than are left from 7', { fromRevision: 7n, maxCount: 50 }],
  ['one from the last', { fromRevision: 9n, maxCount: 1 }],
  ['backwards from the first that is left', { direction: 'backwards', fromRevision: 4n }],
  ['backwards from what is hidden', { direction: 'backwards', fromRevision: 3n, maxCount: 2 }],
  ['three backwards over the edge', { direction: 'backwards', fromRevision: 5n, maxCount: 3 }],
] as const

/** What a read should return if `first` is the first remaining event. */
const expected = (
  {
    direction,
    fromRevision,
    maxCount = 1_000,
  }: { direction?: string; fromRevision: bigint; maxCount?: number },
  first: number,
): number[] => {
  const from = Number(fromRevision)
  const all = Array.from({ length: LAST + 1 - first }, (_, i) => first + i)
  if (direction !== 'backwards') return all.filter((n) => n >= from).slice(0, maxCount)
  const lowest = Math.max(first, from - maxCount + 1)
  return all.filter((n) => n <= from && n >= lowest).reverse()
}

const seeded = async (
  kit: Kit,
  metadata: Parameters<Kit['client']['setStreamMetadata']>[1],
): Promise<string> => {
  const stream = unique()
  await kit.append(stream, kit.events(LAST + 1))
  await kit.client.setStreamMetadata(stream, metadata)
  return stream
}

contract('reads at the edge of what is hidden', (test) => {
  for (const [title, metadata, first] of HIDDEN)
    for (const [how, options] of READS) {
      const wanted = expected(options, first)
      test(`given ten events and ${title}, when reading ${how}, then ${wanted.join(' ') || 'none'}`, async (kit) => {
        assert.equal(numbers(await kit.read(await seeded(kit, metadata), options)), wanted)
      })
    }
  test('given a stream that was deleted and written to again, when reading, then what came after, from any place before it', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3))
    await kit.client.deleteStream(stream)
    await kit.append(stream, kit.events(2))
    for (const fromRevision of [0n, 2n, 3n])
      assert.equal(numbers(await kit.read(stream, { fromRevision })), [3, 4])
    assert.equal(numbers(await kit.read(stream, { direction: 'backwards', fromRevision: 2n })), [])
    assert.equal(numbers(await kit.read(stream, { direction: 'backwards', fromRevision: 'end' })), [4, 3])
  })
  test('given a revision that is the greatest there can be, when reading forwards, then none', async (kit) => {
    const stream = await seeded(kit, {})
    assert.equal(await kit.read(stream, { fromRevision: 9_223_372_036_854_775_806n }), [])
  })
})
