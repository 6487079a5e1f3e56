import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { NewEvent } from '../../domain/ports.ts'
import { createSize } from './group.ts'

const test = suite('how large a group is')

const eventOf = (data: unknown): NewEvent => ({
  id: '00000000-0000-4000-8000-000000000001',
  type: 'MessagePosted',
  data: data as never,
  metadata: { by: 'alice' } as never,
})
const bytesOf = (events: ReadonlyArray<NewEvent>): number =>
  events.reduce((sum, event) => sum + Buffer.byteLength(JSON.stringify(event)), 0)

test('given events of any JSON, when a group takes them one command after another, then it never takes more than its limit, and refuses only those that would exceed it', () => {
  const anything = fc.oneof(
    fc.json().map((json) => JSON.parse(json) as unknown),
    fc.record({ content: fc.string({ unit: 'grapheme', maxLength: 200 }), at: fc.string({ maxLength: 30 }) }),
    fc.record({
      content: fc.constantFrom('"'.repeat(90), '\u0001'.repeat(90), '\ud800'.repeat(90), 'é'.repeat(90)),
    }),
  )
  const commands = fc.array(fc.array(anything, { maxLength: 3 }), { maxLength: 12 })
  fc.assert(
    fc.property(commands, fc.integer({ min: 100, max: 6_000 }), (all, limit) => {
      const size = createSize(limit)
      const group: NewEvent[] = []
      for (const command of all) {
        const more = command.map(eventOf)
        const bytes = bytesOf([...group, ...more])
        if (size.fits(group, more)) {
          assert.ok(bytes <= limit, `${bytes} of ${limit}`)
          group.push(...more)
        } else assert.ok(bytes + 64 * (group.length + more.length) > limit, `${bytes} of ${limit}`)
      }
    }),
  )
})

test.run()
