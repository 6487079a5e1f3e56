import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { givenLately } from './given-lately.ts'

const test = suite('what was appended lately')
const event = (id: string, type = 'MessagePosted') => ({ id, type, data: { id }, metadata: { at: 'now' } })

test('given an event that was appended, when it comes back, then it is returned once, as it was passed to append', () => {
  const lately = givenLately()
  lately.put('chat-a', [event('1'), event('2')])
  assert.equal(lately.take('1', 'chat-a', 'MessagePosted'), { data: { id: '1' }, metadata: { at: 'now' } })
  assert.is(lately.take('1', 'chat-a', 'MessagePosted'), undefined)
  assert.is(lately.take('3', 'chat-a', 'MessagePosted'), undefined)
})

test('given an id in another stream or of another type, then that event is parsed', () => {
  const lately = givenLately()
  lately.put('chat-a', [event('1'), event('2')])
  assert.is(lately.take('1', 'chat-b', 'MessagePosted'), undefined)
  assert.is(lately.take('2', 'chat-a', 'MessageEdited'), undefined)
})

test('given endless events that never come back, then at most twice as many as were asked for are kept, the newest', () => {
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
