import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { StoredEvent } from '../protocol/record.ts'
import { createGathering, GATHER_HEADER, gatherMsOf } from './gathering.ts'

const gatherings = suite('gathering')

const at = (position: number): StoredEvent => ({ position }) as StoredEvent

/** The positions of each piece; `next` resolves with the next one. */
const collected = () => {
  const pieces: number[][] = []
  let wake = (): void => {}
  return {
    pieces,
    pass: (events: ReadonlyArray<StoredEvent>): void => {
      pieces.push(events.map(({ position }) => position))
      wake()
    },
    next: (): Promise<void> =>
      new Promise((resolve) => {
        wake = resolve
      }),
  }
}

gatherings('given nothing asked for, when events come, then each commit is passed on at once', () => {
  const { pieces, pass } = collected()
  const gathering = createGathering(0, pass)
  gathering.put([at(1)])
  gathering.put([at(2), at(3)])
  assert.equal(pieces, [[1], [2, 3]])
})

gatherings(
  'given a time to gather for, when a lone event comes, then it is passed on at once, and those soon after it together and in order',
  async () => {
    const { pieces, pass, next } = collected()
    const gathering = createGathering(200, pass)
    gathering.put([at(1)])
    assert.equal(pieces, [[1]])
    const rest = next()
    gathering.put([at(2)])
    gathering.put([at(3), at(4)])
    assert.equal(pieces, [[1]])
    await rest
    assert.equal(pieces, [[1], [2, 3, 4]])
  },
)

gatherings('given very many events, when they come at once, then they are not kept waiting', () => {
  const { pieces, pass } = collected()
  const gathering = createGathering(1_000, pass)
  gathering.put([at(0)])
  for (let i = 1; i <= 500; i += 1) gathering.put([at(i)])
  assert.is(pieces.length, 2)
  assert.is(pieces[1]!.length, 500)
})

gatherings('given events that wait, when they are dropped, then only later ones are passed on', async () => {
  const { pieces, pass, next } = collected()
  const gathering = createGathering(20, pass)
  gathering.put([at(1)])
  gathering.put([at(2)])
  gathering.drop()
  const rest = next()
  gathering.put([at(3)])
  await rest
  assert.equal(pieces, [[1], [3]])
})

gatherings('given a header that is no number, is negative or is huge, then it is bounded', () => {
  const asked = (value: string) => gatherMsOf({ [GATHER_HEADER]: value })
  assert.equal(['5', '0.5', '-1', 'soon', '', '1e9', 'NaN'].map(asked), [5, 0.5, 0, 0, 0, 1_000, 0])
  assert.is(gatherMsOf({}), 0)
})

gatherings.run()
