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

/** One that gathers for 40 ms, of which 20 events just came; `clock.ms` is its time. */
const flowing = (pass: (events: ReadonlyArray<StoredEvent>) => void) => {
  const clock = { ms: 0 }
  const gathering = createGathering(40, pass, () => clock.ms)
  for (let i = 1; i <= 20; i += 1) gathering.put([at(i)])
  clock.ms = 45
  return { gathering, clock }
}

gatherings(
  'given events one after another, less often than it is worth gathering them, then each is passed on at once',
  () => {
    const { pieces, pass } = collected()
    const clock = { ms: 0 }
    const gathering = createGathering(40, pass, () => clock.ms)
    for (let i = 1; i <= 50; i += 1) {
      gathering.put([at(i)])
      clock.ms += 5
      assert.is(pieces.length, i)
    }
  },
)

gatherings(
  'given many events, when more come, then they are passed on together and in order, and a lone one later at once',
  async () => {
    const { pieces, pass, next } = collected()
    const { gathering, clock } = flowing(pass)
    assert.is(pieces.length, 20)
    const rest = next()
    gathering.put([at(21)])
    gathering.put([at(22), at(23)])
    assert.is(pieces.length, 20)
    await rest
    assert.equal(pieces.slice(20), [[21, 22, 23]])
    clock.ms = 500
    gathering.put([at(24)])
    assert.equal(pieces.slice(21), [[24]])
  },
)

gatherings('given very many events, when they come at once, then they are not kept waiting', () => {
  const { pieces, pass } = collected()
  const { gathering } = flowing(pass)
  for (let i = 1; i <= 500; i += 1) gathering.put([at(i)])
  assert.is(pieces.length, 21)
  assert.is(pieces[20]!.length, 500)
})

gatherings('given events that wait, when they are dropped, then only later ones are passed on', async () => {
  const { pieces, pass, next } = collected()
  const { gathering } = flowing(pass)
  gathering.put([at(21)])
  gathering.drop()
  const rest = next()
  gathering.put([at(22)])
  await rest
  assert.equal(pieces.slice(20), [[22]])
})

gatherings('given a header that is no number, is negative or is huge, then it is bounded', () => {
  const asked = (value: string) => gatherMsOf({ [GATHER_HEADER]: value })
  assert.equal(['5', '0.5', '-1', 'soon', '', '1e9', 'NaN'].map(asked), [5, 0.5, 0, 0, 0, 1_000, 0])
  assert.is(gatherMsOf({}), 0)
})

gatherings.run()
