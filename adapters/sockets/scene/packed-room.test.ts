import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type PackedPose, PackedReader } from '../../../apps/client/src/packed.ts'
import { RUNS } from '../../../domain/testing/any.ts'
import { type Hearer, PackedRoom } from './packed-room.ts'

const test = suite('a room on the packed wire')

type Place = {
  position: { x: number; y: number; z: number }
  rotation: { x: number; y: number; z: number } | null
}
/** A client that reads what it is sent; `isBusy`: it accepts nothing just now. */
const listener = (id: string) => {
  const reader = new PackedReader()
  const scene = new Map<string, PackedPose>()
  const at = new Map<string, number>()
  const state = { isBusy: false, bytes: 0, frames: 0, moves: 0, now: 0 }
  const hearer: Hearer = {
    id,
    by: id,
    frame: (bytes) => {
      if (state.isBusy) return false
      const { moved, gone } = reader.read(bytes)
      for (const one of gone) scene.delete(one)
      for (const [one, pose] of moved) {
        scene.set(one, pose)
        at.set(one, state.now)
      }
      Object.assign(state, {
        bytes: state.bytes + bytes.length,
        frames: state.frames + 1,
        moves: state.moves + moved.size,
      })
      return true
    },
  }
  return { hearer, scene, state, at }
}
const placeAt = (x: number, z: number, y = 1.6): Place => ({
  position: { x, y, z },
  rotation: { x: 0, y: x * 10, z: 0 },
})
const holds = (scene: ReadonlyMap<string, PackedPose>, places: ReadonlyMap<string, Place>, what: string) => {
  assert.equal([...scene.keys()].sort(), [...places.keys()].sort(), what)
  for (const [id, { position }] of places)
    for (const axis of ['x', 'y', 'z'] as const)
      assert.ok(Math.abs(scene.get(id)!.position[axis] - position[axis]) < 0.00051, `${what}: ${id} ${axis}`)
}

type Step =
  | { readonly what: 'move'; readonly id: number; readonly x: number; readonly z: number }
  | { readonly what: 'go' | 'join' | 'leave' | 'busy' | 'ready'; readonly id: number }
  | { readonly what: 'tick'; readonly ms: number }
const anyId = fc.nat(11)
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant('move' as const),
      id: anyId,
      x: fc.integer({ min: -90, max: 90 }),
      z: fc.integer({ min: -90, max: 90 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constantFrom('go', 'join', 'leave', 'busy', 'ready'), id: anyId }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ what: fc.constant('tick' as const), ms: fc.constantFrom(66, 66, 600) }),
  },
)

test('given things that move, come, go and are slow, when everything is at rest, then each client has the room as it is, near and far', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 80 }), (steps) => {
      const room = new PackedRoom({ most: 4, metres: 20, cell: 16, farMs: 900 })
      const places = new Map<string, Place>()
      const listeners = new Map<string, ReturnType<typeof listener>>()
      let now = 1_000
      const tick = (ms: number) => {
        now += ms
        room.tick(now)
      }
      for (const step of steps) {
        const id = 'id' in step ? `s${step.id}` : ''
        const known = listeners.get(id)
        switch (step.what) {
          case 'move':
            places.set(id, placeAt(step.x, step.z))
            room.put(id, places.get(id)!)
            break
          case 'go':
            places.delete(id)
            room.put(id, null)
            break
          case 'join':
            if (known !== undefined) break
            listeners.set(id, listener(id))
            room.join(listeners.get(id)!.hearer, now)
            break
          case 'leave':
            if (known !== undefined) room.leave(known.hearer)
            listeners.delete(id)
            break
          case 'busy':
          case 'ready':
            if (known !== undefined) known.state.isBusy = step.what === 'busy'
            break
          case 'tick':
            tick(step.ms)
        }
      }
      for (const { state } of listeners.values()) state.isBusy = false
      for (let n = 0; n < 40; n += 1) tick(66)
      assert.ok(room.isIdle)
      for (const [id, { scene }] of listeners) holds(scene, places, id)
    }),
    { numRuns: RUNS },
  )
})

/** 300 people who walk for some seconds at 15 Hz; everybody listens. */
const walk = (spread: number, seconds: number) => {
  const room = new PackedRoom()
  const numbers = Array.from({ length: 300 }, (_, n) => n)
  // All receive it; these three read it.
  const all = [0, 150, 299].map((n) => listener(`socket-${n}`))
  for (const n of numbers)
    if (n % 150 !== 0 && n !== 299) room.join({ id: `socket-${n}`, by: '', frame: () => true }, 0)
  for (const { hearer } of all) room.join(hearer, 0)
  let longest = 0
  for (let tick = 0; tick < 15 * seconds; tick += 1) {
    const now = tick * 66
    for (const n of numbers) {
      const angle = n + tick / 60
      const at = placeAt(
        ((n % 18) - 9) * spread + Math.cos(angle) * 1.5,
        (Math.floor(n / 18) - 9) * spread + Math.sin(angle) * 1.5,
      )
      room.put(`socket-${n}`, {
        position: at.position,
        rotation: { x: Math.sin(angle) * 20, y: angle * 50, z: 0 },
      })
    }
    for (const { state } of all) state.now = now
    room.tick(now)
    if (tick > 30)
      for (const { at } of all) for (const [, told] of at) longest = Math.max(longest, now - told)
  }
  const [bytes, moves] = all.reduce(
    ([sum, count], { state }) => [sum + state.bytes, count + state.moves],
    [0, 0],
  )
  return { perMove: bytes! / moves!, perSecond: bytes! / all.length / seconds, longest }
}

test('given three hundred people who walk, then a move costs at most nine bytes, and everybody gets everybody’s position at least once a second', () => {
  const near = walk(1, 4)
  assert.ok(near.perMove <= 9, `${near.perMove} bytes a move`)
  assert.ok(near.perSecond < 40_000, `${near.perSecond} bytes a second`)
  assert.ok(near.longest <= 1_000, `${near.longest} ms`)
  const far = walk(20, 4)
  assert.ok(far.perSecond < near.perSecond, `${far.perSecond} of ${near.perSecond}`)
  assert.ok(far.longest <= 1_000, `${far.longest} ms`)
})

test.run()
