import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PackedReader, packMove } from '../../apps/client/src/packed.ts'
import { RUNS } from '../testing/any.ts'
import {
  CHANGES,
  type Form,
  type Pose,
  packPose,
  readMove,
  WHOLE,
  Writer,
  writeAbsolute,
  writeDelta,
  writeHead,
  writeMove,
} from './packed.ts'

const test = suite('the packed wire')

const anyMetre = fc.double({ min: -1e6, max: 1e6, noNaN: true })
const anyPlace = fc.record({ x: anyMetre, y: anyMetre, z: anyMetre }, { noNullPrototype: true })
const anyPart = fc.double({ min: -1, max: 1, noNaN: true })
const anyTurn = fc
  .record({ x: anyPart, y: anyPart, z: anyPart, w: anyPart }, { noNullPrototype: true })
  .filter(({ x, y, z, w }) => Math.hypot(x, y, z, w) > 0.1)
  .map(({ x, y, z, w }) => {
    const length = Math.hypot(x, y, z, w)
    return { x: x / length, y: y / length, z: z / length, w: w / length }
  })
const anyAngles = fc.record(
  {
    x: fc.double({ min: -720, max: 720, noNaN: true }),
    y: fc.integer({ min: -360, max: 360 }),
    z: fc.nat(359),
  },
  { noNullPrototype: true },
)
type Place = { readonly position: { x: number; y: number; z: number }; readonly rotation: unknown }
const anyPose: fc.Arbitrary<Place> = fc.record({
  position: anyPlace,
  rotation: fc.oneof(fc.constant(null), anyTurn, anyAngles),
})

const near = (a: number, b: number, by: number) => assert.ok(Math.abs(a - b) <= by, `${a} and ${b}`)
const isSame = (said: Place, heard: { position: unknown; rotation: unknown } | undefined) => {
  const position = heard?.position as Place['position']
  for (const axis of ['x', 'y', 'z'] as const) near(position[axis], said.position[axis], 0.0005000001)
  if (said.rotation === null) return assert.is(heard?.rotation, null)
  const [turn, heardTurn] = [said.rotation, heard?.rotation] as [
    Record<string, number>,
    Record<string, number>,
  ]
  assert.equal(Object.keys(heardTurn).sort(), Object.keys(turn).sort())
  if ('w' in turn) {
    const dot = ['x', 'y', 'z', 'w'].reduce((sum, part) => sum + turn[part]! * heardTurn[part]!, 0)
    near(Math.abs(dot), 1, 0.00001)
  } else
    for (const axis of ['x', 'y', 'z']) {
      const apart = ((((turn[axis]! - heardTurn[axis]!) % 360) + 540) % 360) - 180
      near(apart, 0, axis === 'z' ? 0.176 : 0.088)
    }
}

/** A frame of these slots, each as a change from the pose that its receivers have; null for those that have none. */
const frameOf = (moves: ReadonlyArray<{ slot: number; before: Pose | null; place: Place }>): Uint8Array => {
  const bodies = new Writer()
  const frame = new Writer()
  const packed = moves.map(({ slot, before, place }) => ({
    slot,
    before,
    ...packPose(place.position, place.rotation)!,
  }))
  const named = packed.flatMap(({ slot, before, form }) =>
    before === null ? [{ slot, form: form as Form, id: `e${slot}` }] : [],
  )
  writeHead(frame, CHANGES, 1_000, { named, freed: [] })
  let last = -1
  for (const { slot, before, pose, form } of packed) {
    const body = before === null ? writeAbsolute(bodies, pose, form) : writeDelta(bodies, before, pose)
    if (body === null) continue
    writeMove(frame, { last, slot }, body, bodies.view())
    last = slot
  }
  return frame.view().slice()
}

test('given any places, sent absolutely and then as changes, then what is read is within a millimetre and a tenth of a degree', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(fc.nat(2_000), anyPose, anyPose), {
        selector: ([slot]) => slot,
        maxLength: 40,
      }),
      (given) => {
        const slots = [...given].sort(([a], [b]) => a - b)
        const reader = new PackedReader()
        const first = reader.read(frameOf(slots.map(([slot, place]) => ({ slot, before: null, place }))))
        for (const [slot, place] of slots) isSame(place, first.moved.get(`e${slot}`))
        // Nobody sends a rotation in another form later: such a slot is named anew.
        const next = slots.map(([slot, place, later]) => ({
          slot,
          place,
          later: { position: later.position, rotation: place.rotation },
        }))
        const moves = next.map(({ slot, place, later }) => ({
          slot,
          before: packPose(place.position, place.rotation)!.pose,
          place: later,
        }))
        const second = reader.read(frameOf(moves))
        for (const { slot, place, later } of next)
          isSame(later, second.moved.get(`e${slot}`) ?? first.moved.get(`e${slot}`) ?? place)
      },
    ),
    { numRuns: RUNS },
  )
})
test('given a position packed by the client, then the server reads it', () => {
  fc.assert(
    fc.property(anyPlace, fc.oneof(fc.constant(null), anyTurn), (position, rotation) => {
      const read = readMove(packMove(position, rotation))
      isSame({ position, rotation }, { position: read?.position, rotation: read?.rotation ?? null })
    }),
    { numRuns: RUNS },
  )
})
test('given any bytes, then they are read as a position or refused, and nothing throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => {
      const read = readMove(bytes)
      if (read !== null) assert.ok(packPose(read.position, read.rotation ?? null) !== null || true)
    }),
    { numRuns: RUNS },
  )
})
test('given something that the packed wire can’t express, then it is not packed', () => {
  for (const [position, rotation] of [
    ['1 2 3', null],
    [{ x: 1, y: 2 }, null],
    [{ x: 1, y: 2, z: 3, w: 4 }, null],
    [{ x: 1, y: 2, z: Number.NaN }, null],
    [{ x: 1, y: 2, z: 1e9 }, null],
    [{ x: 1, y: 2, z: 3 }, '0 90 0'],
    [
      { x: 1, y: 2, z: 3 },
      { x: 0, y: 0 },
    ],
  ])
    assert.is(packPose(position, rotation), null)
})
test('given two frames, then their bytes never change', () => {
  const writer = new Writer()
  const [one, two] = [
    packPose({ x: 1, y: 1.6, z: -2 }, { x: 0, y: 0, z: 0, w: 1 })!,
    packPose({ x: 0.5, y: 0, z: 0 }, { x: 0, y: 90, z: 0 })!,
  ]
  const bodies = new Writer()
  writeHead(writer, WHOLE, 123_456, {
    named: [
      { slot: 0, form: one.form, id: 'socket-a' },
      { slot: 20, form: two.form, id: 'box' },
    ],
    freed: [],
  })
  writeMove(writer, { last: -1, slot: 0 }, writeAbsolute(bodies, one.pose, one.form), bodies.view())
  writeMove(writer, { last: 0, slot: 20 }, writeAbsolute(bodies, two.pose, two.form), bodies.view())
  assert.is(
    Buffer.from(writer.view()).toString('hex'),
    '0240e2010002000108736f636b65742d61140203626f78000cd00f8019' +
      '9f1f000208e0' +
      'fc04e8070000' +
      '00000800',
  )
  const later = new Writer()
  writeHead(later, CHANGES, 123_522, { named: [], freed: [20] })
  const moved = packPose({ x: 1.1, y: 1.6, z: -2.05 }, { x: 0, y: 0, z: 0, w: 1 })!
  writeMove(later, { last: -1, slot: 0 }, writeDelta(bodies, one.pose, moved.pose)!, bodies.view())
  assert.is(Buffer.from(later.view()).toString('hex'), '0182e20100000114' + '01c80163')
})

test.run()
