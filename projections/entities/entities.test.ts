import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { SpaceEvent } from '../../domain/space/events.ts'
import { alice, at, bob } from '../testing/events.ts'
import { entities } from './fold.ts'

const test = suite('what lasts of rooms’ scenes')
const space = { type: 'post', id: 'alice/my-post' } as const
const which = { subspace: 'main', entityId: 'box' }
const pinned = (n: number, components: Record<string, unknown>): SpaceEvent => ({
  type: 'EntityPinned',
  data: { ...which, template: '#box', ownership: null, components, weight: 1, by: alice, at: at(n) },
})
const changed = (n: number, components: Record<string, unknown>): SpaceEvent => ({
  type: 'EntityChanged',
  data: { ...which, components, weight: 1, by: bob, at: at(n) },
})
const unpinned = (n: number): SpaceEvent => ({
  type: 'EntityUnpinned',
  data: { ...which, by: alice, at: at(n) },
})
const folded = (...events: SpaceEvent[]) => {
  const changes = entities.start()
  for (const [n, event] of events.entries())
    entities.fold(changes, { event, space, position: BigInt(n), revision: BigInt(n) } as never)
  const row = [...changes.rows.values()][0]?.row
  return { row, changed: [...changes.changed.values()], statements: entities.write(changes).length }
}

test('given an entity that is pinned and changed in one batch, then its row has its last state, and by whom', () => {
  const { row, changed: rest, statements } = folded(pinned(1, { a: 1 }), changed(2, { a: 2 }))
  assert.equal(
    [row?.components, row?.pinned_by, row?.content_by, row?.changed_at],
    [{ a: 2 }, 'alice', 'bob', at(2)],
  )
  assert.equal([rest, statements], [[], 1])
})
test('given a change of an entity that was pinned before, then its row is changed; if it was unpinned since, nothing is left', () => {
  assert.equal(folded(changed(2, { a: 2 })).changed[0]?.components, { a: 2 })
  const { row, changed: rest, statements } = folded(changed(2, { a: 2 }), unpinned(3))
  assert.equal([row, rest, statements], [null, [], 1])
  assert.equal(folded(pinned(1, {}), unpinned(2), changed(3, { a: 3 })).row, null)
})

test.run()
