import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { givenLately } from './given-lately.ts'

const test = suite('what was appended lately')
const event = (id: string, type = 'MessagePosted') => ({ id, type, data: { id }, metadata: { at: 'now' } })

test('given an event that was appended, when it comes back, then it is told once, as it was given', () => {
  const lately = givenLately()
  lately.put('chat-a', [event('1'), event('2')])
  assert.equal(lately.take('1', 'chat-a', 'MessagePosted'), { data: { id: '1' }, metadata: { at: 'now' } })
  assert.is(lately.take('1', 'chat-a', 'MessagePosted'), undefined)
  assert.is(lately.take('3', 'chat-a', 'MessagePosted'), undefined)
})

test('given an id that stands in another stream or for another type, then that event is read', () => {
  const lately = givenLately()
  lately.put('chat-a', [event('1'), event('2')])
  assert.is(lately.take('1', 'chat-b', 'MessagePosted'), undefined)
  assert.is(lately.take('2', 'chat-a', 'MessageEdited'), undefined)
})

test('given events without end that never come back, then twice as many as were asked for are held, the newest', () => {
  const lately = givenLately(100)
  for (let i = 0; i < 1_000; i += 1) lately.put('chat-a', [event(String(i))])
  const held = Array.from({ length: 1_000 }, (_, i) => i).filter(
    (i) => lately.take(String(i), 'chat-a', 'MessagePosted') !== undefined,
  )
  assert.ok(held.length >= 100 && held.length <= 200, `${held.length} are held`)
  assert.is(held.at(-1), 999)
  assert.is(held.length, 1_000 - held[0]!)
})

test.run()
