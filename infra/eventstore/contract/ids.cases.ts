/** Ids in the forms that other clients write. The real server reads them as .NET's `Guid.Parse` does. */
import { randomUUID } from 'node:crypto'
import * as assert from 'uvu/assert'
import { contract, type Kit, unique } from './kit.ts'
import type { WireField } from './raw.ts'

const proposed = (id: string): ReadonlyArray<WireField> => [
  [1, [[2, id]]],
  [2, [[1, 'type'], [2, 'Happened']]], // biome-ignore format: as it is on the wire
  [
    2,
    [
      [1, 'content-type'],
      [2, 'application/json'],
    ],
  ],
  [4, '{}'],
]

/** Appends one event under an id in its written form, by the older call and by the batched one. */
const byAppend = async (kit: Kit, stream: string, id: string): Promise<void> => {
  const call = kit.raw.converse('/event_store.client.streams.Streams/Append')
  call.send([
    [
      1,
      [
        [1, [[3, stream]]],
        [4, []],
      ],
    ],
  ])
  call.send([[2, proposed(id)]])
  call.end()
  await call.over()
  if (call.error() !== undefined) throw call.error()
}
const byBatch = async (kit: Kit, stream: string, id: string): Promise<void> => {
  const call = kit.raw.converse('/event_store.client.streams.Streams/BatchAppend')
  call.send([
    [1, [[2, randomUUID()]]],
    [
      2,
      [
        [1, [[3, stream]]],
        [4, []],
        [7, [[1, 60]]],
      ],
    ],
    [3, proposed(id)],
    [4, 1],
  ])
  call.end()
  await call.over()
  if (call.answers[0]?.has(2)) throw new Error('refused')
}

const numbersOf = (id: string): string => {
  const hex = id.replaceAll('-', '')
  const bytes = hex.slice(16).match(/../g)!
  return `{0x${hex.slice(0, 8)},0x${hex.slice(8, 12)},0x${hex.slice(12, 16)},{${bytes.map((byte) => `0x${byte}`).join(',')}}}`
}
const FORMS: ReadonlyArray<readonly [string, (id: string) => string]> = [
  ['with dashes', (id) => id],
  ['in capitals', (id) => id.toUpperCase()],
  ['without dashes', (id) => id.replaceAll('-', '')],
  ['in braces', (id) => `{${id}}`],
  ['in parentheses', (id) => `(${id})`],
  ['as hexadecimal numbers', numbersOf],
  ['with white space around', (id) => ` ${id} `],
]

contract('ids of events, in the forms that .NET reads', (test) => {
  for (const [form, write] of FORMS)
    for (const [how, append] of [
      ['Append', byAppend],
      ['BatchAppend', byBatch],
    ] as const)
      test(`given one ${form}, by ${how}, then it is read back as 36 characters, and is the same when repeated`, async (kit) => {
        const [stream, id] = [unique(), randomUUID()]
        await append(kit, stream, write(id))
        await append(kit, stream, id)
        assert.equal(
          (await kit.read(stream)).map(({ event }) => event!.id),
          [id],
        )
      })
  for (const id of ['', 'no-id', '0123456789abcdef', `{${randomUUID()}`, `${randomUUID()}0`])
    test(`given "${id.slice(0, 8)}…" of ${id.length} characters, then it is refused and nothing is written`, async (kit) => {
      const stream = unique()
      for (const append of [byAppend, byBatch])
        assert.ok(
          await append(kit, stream, id).then(
            () => false,
            () => true,
          ),
        )
      assert.is((await kit.read(stream).catch(() => [])).length, 0)
    })
})
