import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RUNS } from '../testing/any.ts'
import { componentsOf, type Entity, isThere, merge, nothing } from './entity.ts'
import { isAfter, type Stamp, stampClock } from './stamp.ts'

const test = suite('an entity of a scene')

/** One stamp never has two values, so the value is derived from its stamp. */
const anyStamp: fc.Arbitrary<Stamp> = fc
  .tuple(fc.nat(12), fc.constantFrom('a', 'b'))
  .map(([at, node]) => ({ at, node }))
const saidAt = <A>(of: (at: Stamp) => A) => anyStamp.map((at) => ({ at, value: of(at) }))
const anyPart: fc.Arbitrary<Partial<Entity>> = fc.oneof(
  saidAt(({ at }) => (at % 3 === 0 ? null : at)).chain((said) =>
    fc.constantFrom('x', 'y').map((name) => ({ components: { [name]: said } })),
  ),
  saidAt(({ node }) => node).map((owner) => ({ owner })),
  saidAt(({ node }) => ({ template: null, by: node, ownership: null, stays: false })).map((made) => ({
    made,
  })),
  anyStamp.map((gone) => ({ gone })),
)
const anyParts = fc.array(anyPart, { maxLength: 12 })
const all = (parts: ReadonlyArray<Partial<Entity>>): Entity => parts.reduce<Entity>(merge, nothing)
const law = (name: string, check: (a: Entity, b: Entity, c: Entity) => void) =>
  test(name, () => {
    fc.assert(
      fc.property(anyParts, anyParts, anyParts, (a, b, c) => check(all(a), all(b), all(c))),
      { numRuns: RUNS },
    )
  })

law('given the same change twice, then the result is the same as once', (a, b) => {
  assert.equal(merge(a, a), a)
  assert.equal(merge(merge(a, b), b), merge(a, b))
})
law('given two changes, then the result is the same whichever comes first', (a, b) => {
  assert.equal(merge(a, b), merge(b, a))
})
law('given three changes, then the result is the same however they are merged', (a, b, c) => {
  assert.equal(merge(merge(a, b), c), merge(a, merge(b, c)))
})
test('given the parts of a change in any order, then the entity is the same', () => {
  fc.assert(
    fc.property(
      anyParts.chain((parts) =>
        fc.tuple(fc.constant(parts), fc.shuffledSubarray(parts, { minLength: parts.length })),
      ),
      ([parts, shuffled]) => assert.equal(all(shuffled), all(parts)),
    ),
    { numRuns: RUNS },
  )
})
law('given a removal, then nothing from before it is left, and everything from after it is', (a, b) => {
  const both = merge(a, b)
  for (const { at } of [both.made, both.owner, ...Object.values(both.components)].filter(
    (said) => said !== null,
  ))
    assert.ok(both.gone === null || isAfter(at, both.gone))
})

const at = (n: number): Stamp => ({ at: n, node: 'a' })
test('given a component that was removed, then the entity no longer has it, and an older value does not bring it back', () => {
  const entity = all([
    { components: { x: { value: 1, at: at(1) }, y: { value: 1, at: at(1) } } },
    { components: { x: { value: null, at: at(3) } } },
    { components: { x: { value: 2, at: at(2) } } },
  ])
  assert.equal(componentsOf(entity), { y: 1 })
})
test('given an owner who left, then the entity is there only if it stays, is pinned, or has no owner', () => {
  const made = (stays: boolean) => ({ value: { template: null, by: 'a', ownership: null, stays }, at: at(1) })
  const owned = all([{ made: made(false), owner: { value: 'socket', at: at(1) } }])
  const isHere = () => false
  assert.is(isThere(owned, { isHere, lasts: false }), false)
  assert.is(isThere(owned, { isHere: () => true, lasts: false }), true)
  assert.is(isThere(owned, { isHere, lasts: true }), true)
  assert.is(isThere(merge(owned, { made: { ...made(true), at: at(2) } }), { isHere, lasts: false }), true)
  assert.is(isThere(merge(owned, { owner: { value: null, at: at(2) } }), { isHere, lasts: false }), true)
  assert.is(isThere(merge(owned, { gone: at(2) }), { isHere: () => true, lasts: true }), false)
})
test('given a clock that is behind a stamp that was heard, then the next stamp is after that; a stamp far ahead changes nothing', () => {
  const clock = stampClock('a', () => 1_000)
  const first = clock.next()
  assert.ok(isAfter(clock.next(), first))
  clock.heard({ at: 5_000, node: 'b' })
  assert.is(clock.next().at, 5_001)
  clock.heard({ at: 1e15, node: 'b' })
  assert.ok(clock.next().at < 100_000)
})

test.run()
