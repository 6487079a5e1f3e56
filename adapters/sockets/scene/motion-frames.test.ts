import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PackedReader } from '../../../apps/client/src/packed.ts'
import { MAX_TRACK, MotionRecorder, type RecordedBlock } from '../../../domain/scene/motion/recorder.ts'
import { framesOf, isShown, type MotionFrame } from '../../../domain/scene/motion/renderer.ts'
import { RUNS } from '../../../domain/testing/any.ts'
import { type Hearer, PackedRoom } from './packed-room.ts'

const test = suite('motion that is kept')

/** A listener that notes each frame that it is sent, and when. */
const listener = (id: string, clock: { now: number }) => {
  const state = { isBusy: false }
  const sent: MotionFrame[] = []
  const hearer: Hearer = {
    id,
    by: `by-${id}`,
    frame: (bytes) => {
      if (state.isBusy) return false
      sent.push({ at: clock.now, bytes: Uint8Array.from(bytes) })
      return true
    },
  }
  return { hearer, state, sent }
}
const placeAt = (x: number, z: number, y = 1.6) => ({
  position: { x, y, z },
  rotation: { x: 0, y: x * 10, z: 0 },
})
const opened = ({ head, tracks }: RecordedBlock, but: string | null = null) => ({
  // As it is after it was stored and read.
  head: JSON.parse(JSON.stringify(head)),
  tracks: [...tracks].flatMap(([by, bytes]) => (by === but ? [] : [bytes])),
  isAll: but === null,
})
const hex = (frames: Iterable<MotionFrame>): ReadonlyArray<string> =>
  [...frames].map(({ at, bytes }) => `${at} ${Buffer.from(bytes).toString('hex')}`)

type Step =
  | {
      readonly what: 'move'
      readonly id: number
      readonly x: number
      readonly z: number
      readonly by: number
    }
  | { readonly what: 'go' | 'join' | 'leave' | 'busy' | 'ready'; readonly id: number }
  | { readonly what: 'tick'; readonly ms: number }
  | { readonly what: 'cut' }
const anyId = fc.nat(11)
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant('move' as const),
      id: anyId,
      by: fc.nat(3),
      x: fc.integer({ min: -90, max: 90 }),
      z: fc.integer({ min: -90, max: 90 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constantFrom('go', 'join', 'leave', 'busy', 'ready'), id: anyId }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ what: fc.constant('tick' as const), ms: fc.constantFrom(66, 66, 600) }),
  },
  { weight: 1, arbitrary: fc.constant({ what: 'cut' as const }) },
)

test('given things that move, come, go, are slow and are moved by others, when they are replayed, then the frames are to the byte what each client was sent', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 90 }), fc.nat(20), (steps, begins) => {
      const room = new PackedRoom({ most: 4, metres: 20, cell: 16, farMs: 900 })
      const recorder = new MotionRecorder()
      const clock = { now: 1_000_000 }
      const all = new Map<string, ReturnType<typeof listener>>()
      const here = new Set<string>()
      const blocks: RecordedBlock[] = []
      let since = 0
      const tick = (ms: number) => {
        clock.now += ms
        room.tick(clock.now)
      }
      const join = (id: string): void => {
        if (here.has(id)) return
        here.add(id)
        const one = all.get(id) ?? listener(id, clock)
        all.set(id, one)
        one.state.isBusy = false
        tick(1)
        room.join(one.hearer, clock.now)
      }
      const leave = (id: string): void => {
        const one = all.get(id)
        if (here.delete(id) && one !== undefined) room.leave(one.hearer)
      }
      const carryOut = (step: Step): void => {
        const one = 'id' in step ? all.get(`m${step.id}`) : undefined
        if (step.what === 'tick') tick(step.ms)
        else if (step.what === 'move') room.put(`m${step.id}`, placeAt(step.x, step.z), `by-${step.by}`)
        else if (step.what === 'cut' && since > 0) blocks.push(recorder.cut())
        else if (step.what === 'go') room.put(`m${step.id}`, null)
        else if (step.what === 'join') join(`m${step.id}`)
        else if (step.what === 'leave') leave(`m${step.id}`)
        else if (one !== undefined) one.state.isBusy = step.what === 'busy'
      }
      for (const [n, step] of steps.entries()) {
        if (n === begins) {
          room.attend(recorder, (id) => `by-${id}`)
          since = clock.now + 1
        }
        carryOut(step)
      }
      if (since === 0) return
      for (const one of all.values()) one.state.isBusy = false
      tick(2_000)
      tick(2_000)
      blocks.push(recorder.cut())
      for (const [id, { sent }] of all) {
        const again = blocks.flatMap((block) =>
          hex(framesOf(opened(block), { as: id, from: since, isFresh: false })),
        )
        assert.equal(again, hex(sent.filter(({ at }) => at >= since)), id)
      }
    }),
    { numRuns: RUNS },
  )
})

/** The bytes of nonce and tag. */
const SEAL = 28
const clock = { now: 5_000 }
const recordedRoom = (movers: number, ticks: number, each = (n: number, t: number) => placeAt(n, t / 10)) => {
  const room = new PackedRoom()
  const recorder = new MotionRecorder()
  room.attend(recorder, (id) => id)
  const one = listener('m0', clock)
  room.tick(clock.now)
  room.join(one.hearer, clock.now)
  for (let t = 0; t < ticks; t += 1) {
    for (let n = 0; n < movers; n += 1) room.put(`m${n}`, each(n, t), `by-m${n}`)
    clock.now += 66
    room.tick(clock.now)
  }
  return { block: recorder.cut(), sent: one.sent, recorder, room }
}

test('given a second from the middle, then it begins with everything, and continues as it was sent', () => {
  const { block, sent } = recordedRoom(20, 60)
  const from = sent[30]!.at
  const [first, ...rest] = [...framesOf(opened(block), { as: 'm0', from, isFresh: true })]
  const whole = new PackedReader().read(first!.bytes)
  assert.is(whole.moved.size, 20)
  assert.is(whole.moved.get('m7')!.position.z, 2.8)
  assert.equal(hex(rest), hex(sent.slice(30)))
  assert.equal(hex(framesOf(opened(block), { as: null, from, isFresh: false })), hex(sent.slice(30)))
  assert.is(isShown(opened(block), 'm0'), true)
  assert.is(isShown(opened(block), 'm1'), false)
})

test('given somebody whose track is gone, then frames are without them, and the others are where they were', () => {
  const { block } = recordedRoom(5, 30)
  const reader = new PackedReader()
  const seen = new Map<string, number>()
  for (const { bytes } of framesOf(opened(block, 'by-m2'), { as: null, from: 0, isFresh: true }))
    for (const [id, { position }] of reader.read(bytes).moved) seen.set(id, position.z)
  assert.equal([...seen.keys()].sort(), ['m0', 'm1', 'm3', 'm4'])
  assert.equal([...seen.values()], [2.9, 2.9, 2.9, 2.9])
})

test('given a thing moved by somebody whose track is gone, and then by another, then it is there from the second move on', () => {
  const room = new PackedRoom()
  const recorder = new MotionRecorder()
  room.attend(recorder, () => '')
  const say = (x: number, by: string) => {
    room.put('ball', placeAt(x, 0), by)
    clock.now += 66
    room.tick(clock.now)
  }
  say(1, 'alice')
  say(2, 'alice')
  say(3, 'bob')
  say(4, 'bob')
  const block = opened(recorder.cut(), 'alice')
  const reader = new PackedReader()
  const seen = [...framesOf(block, { as: null, from: 0, isFresh: true })].flatMap(({ bytes }) =>
    [...reader.read(bytes).moved].map(([id, { position }]) => [id, position.x]),
  )
  assert.equal(seen, [
    ['ball', 3],
    ['ball', 4],
  ])
})

test('given somebody who moves without end, then a block has only a limited part of their moves, and all of the others’', () => {
  const much = recordedRoom(1, 8_000, (_, t) =>
    placeAt(Math.sin(t) * 5_000, Math.cos(t * 7) * 5_000, t % 900),
  )
  assert.is(much.block.shortened, 1)
  for (const bytes of much.block.tracks.values()) assert.ok(bytes.length < MAX_TRACK + 100)
  const next = recordedRoom(1, 5)
  assert.is(next.block.shortened, 0)
})

test('given nothing that moves, then the block says so', () => {
  const { recorder, room } = recordedRoom(3, 5)
  for (let t = 0; t < 10; t += 1) room.tick(clock.now)
  assert.is(recorder.cut().isMoved, false)
  room.put('m0', placeAt(9, 9), 'by-m0')
  room.tick(clock.now)
  assert.is(recorder.cut().isMoved, true)
})

test('given 200 people who move at 15 Hz, then one mover’s kept tracks take less than 2 MB an hour', () => {
  const turn = (n: number, t: number) => n + t / 25
  const walk = (n: number, t: number) => ({
    position: {
      x: ((n % 20) - 10) * 1.5 + Math.cos(turn(n, t)) * 2,
      y: 1.6 + Math.sin(t / 3) * 0.03,
      z: (Math.floor(n / 20) - 8) * 1.5 + Math.sin(turn(n, t)) * 2,
    },
    rotation: { x: Math.sin(t / 9) * 0.1, y: Math.sin(turn(n, t) / 2), z: 0, w: Math.cos(turn(n, t) / 2) },
  })
  const ticks = 225
  const { block } = recordedRoom(200, ticks, walk as never)
  let bytes = deflateRawSync(JSON.stringify(block.head)).length
  for (const track of block.tracks.values()) bytes += deflateRawSync(track).length + SEAL
  const anHour = (bytes / 200) * (3_600 / (ticks / 15))
  assert.ok(anHour < 2_000_000, `${anHour} bytes`)
  assert.is(block.shortened, 0)
})

test.run()
