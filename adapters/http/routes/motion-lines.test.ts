/** What a replay says about blocks of motion that it can't show. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { SpaceRef } from '../../../domain/names.ts'
import type { MotionRow } from '../../../projections/motion/queries.ts'
import type { MotionReader } from '../../motion/store.ts'
import { type MotionLine, motionLines } from './motion-lines.ts'

const test = suite('lines of motion')
const ROOM: SpaceRef = { type: 'global', id: 'lobby' }

const row = (number: number): MotionRow => ({
  block: `block-${number}`,
  subspace: 'main',
  track: 'one-track',
  number,
  is_last: false,
  boot: 'a-server',
  starts: number * 15_000,
  ends: (number + 1) * 15_000,
  movers: 1,
  root: '',
  kept_until: 4e12,
  position: `${number}`,
})
/** Blocks of one track: the faulty ones can't be read, the others contain nobody's motion. */
const readerOf = (numbers: ReadonlyArray<number>, faulty: ReadonlyArray<number>): MotionReader => ({
  between: async () => numbers.map(row),
  last: async () => null,
  open: async ({ block }) =>
    faulty.some((number) => block === `block-${number}`)
      ? { fault: 'It is cut.' }
      : {
          fault: null,
          opened: { head: { version: 1, ticks: [], parts: [] }, tracks: [], isAll: true, erased: 0, shut: 0 },
        },
})
const linesOf = async (reader: MotionReader, now = 0): Promise<ReadonlyArray<unknown>> => {
  const lines: MotionLine[] = []
  const asked = { space: ROOM, subspace: 'main', from: 0, to: 4e12, as: 'a-socket' }
  for await (const line of motionLines(reader, asked, now)) lines.push(line)
  return lines.map(({ line }) => line.why)
}

test('given a socket that was sent nothing of a block, when the next block comes, then nothing is reported as lost between them', async () => {
  assert.equal(await linesOf(readerOf([0, 1, 2], [0, 2])), ['It is cut.', 'It is cut.'])
})

test('given a missing block, then it is reported as lost', async () => {
  assert.equal(await linesOf(readerOf([0, 2], [0, 2])), ['It is cut.', 'it could not be kept', 'It is cut.'])
})

test('given a block that is still there for a legal hold after its days, then the room no longer sees it', async () => {
  const opened: string[] = []
  const reader = readerOf([0], [])
  const open: MotionReader['open'] = (block) => {
    opened.push(block.block)
    return reader.open(block)
  }
  assert.equal(await linesOf({ ...reader, open }, 5e12), ['it was kept until then'])
  assert.equal(opened, [])
})

test.run()
