import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parsePosition } from './position.ts'

const test = suite('a position')
const taken = (value: unknown, rules?: number) => {
  const parsed = parsePosition(value, rules)
  return parsed._tag === 'Right' ? parsed.right : parsed.left.field
}

test('given numbers, with a rotation or without, then the position is kept as it is', () => {
  for (const value of [
    { x: 1, y: 1.6, z: -2 },
    { x: 0, z: 5 },
    { x: 1, y: 2, z: 3, rotation: { x: 0, y: 90, z: 0 } },
    { x: 1, y: 2, z: 3, rotation: { x: 0, y: 0.7, z: 0, w: 0.7 } },
    { rotation: { y: 90 } },
  ])
    assert.equal(taken(value), value)
  for (const none of [null, undefined, {}]) assert.is(taken(none), null)
})

test('given anything besides the numbers, then none of it is kept', () => {
  const at = { x: 1, y: 2, z: 3 }
  for (const more of [
    { note: 'my address is …' },
    { 'my address is …': 1 },
    { rotation: 'my address is …' },
    { rotation: { note: 'my address is …' } },
    { entities: [{ name: 'my address is …' }] },
  ])
    assert.equal(taken({ ...at, ...more }), at)
  assert.is(taken({ note: 'words alone' }), null)
  assert.equal(taken({ ...at, rotation: { y: 1, note: 'words' } }), { ...at, rotation: { y: 1 } })
})

test('given words, lists or booleans instead of numbers, then invalid_position', () => {
  for (const value of [
    'here',
    7,
    true,
    [1, 2, 3],
    { x: '1' },
    { x: 1, y: null },
    { x: 1, rotation: { y: 'words' } },
  ])
    assert.is(taken(value), 'position', JSON.stringify(value))
  assert.is(taken({ x: 1, note: 'x'.repeat(1_024) }), 'position')
  assert.is(taken({ x: Number.POSITIVE_INFINITY }), 'position')
})

test('given a decision by earlier rules, then it has the same outcome as it had', () => {
  for (const value of ['here', [1, 2, 3], { x: 1, note: 'words' }]) assert.equal(taken(value, 2), value)
})

test.run()
