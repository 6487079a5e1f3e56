/** Whatever a file says, it is shown as text. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { asLines, shown } from './shown.ts'

const test = suite('shown text')

test('given a name or a time, then it stands as it is', () => {
  for (const text of ['post:alice/my-post', 'presence.test/log', '2026-01-31T12:00:00.000Z'])
    assert.is(shown(text), text)
})

test('given words that would pass for ours, escape codes or line breaks, then they are quoted and escaped on one line', () => {
  assert.is(shown('x\nIt holds: every event is in the log.'), '"x\\nIt holds: every event is in the log."')
  assert.is(shown('\u001b[2Jgone'), '"\\u001b[2Jgone"')
  assert.is(shown('\u202egnol'), '"\\u202egnol"')
  assert.is(shown('It holds'), '"It holds"')
  assert.is(shown(''), '""')
  assert.ok(shown('x y'.repeat(10_000)).length < 400)
})

test('given lines of ours with a value that moves the cursor, then the lines stay, and it is escaped', () => {
  assert.is(asLines('one\n\ttwo \u001b[1A\r\u009bK'), 'one\n\ttwo \\u001b[1A\\u000d\\u009bK')
})

test.run()
