import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readEnd, readTime } from './time.ts'

// In whatever zone this runs, a time without a zone is UTC.
process.env.TZ = 'Asia/Tokyo'

const test = suite('times')

test('given a time as people write it, then it is read, in UTC if it has no zone', () => {
  for (const [text, iso] of [
    ['2026-01-31', '2026-01-31T00:00:00.000Z'],
    ['2026-01-31T12:00', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31 12:00:05', '2026-01-31T12:00:05.000Z'],
    ['2026-01-31T12:00:00.25', '2026-01-31T12:00:00.250Z'],
    ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31T12:00:00+02:00', '2026-01-31T10:00:00.000Z'],
    ['2026-01-31 12:00:00+00', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31 12:00:00.5-03', '2026-01-31T15:00:00.500Z'],
    ['2026-01-31T23:30-0100', '2026-02-01T00:30:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ] as const)
    assert.is(readTime(text)?.toISOString(), iso, text)
})

test('given a day alone as the end of a range, then it is the end of that day; given a time, then it is that time', () => {
  assert.is(readEnd('2026-01-31')?.toISOString(), '2026-01-31T23:59:59.999Z')
  assert.is(readEnd('2024-02-29')?.toISOString(), '2024-02-29T23:59:59.999Z')
  assert.is(readEnd('2026-01-31T00:00:00Z')?.toISOString(), '2026-01-31T00:00:00.000Z')
  assert.is(readEnd('2026-02-30'), null)
  assert.is(readEnd('20260131'), null)
})

test('given something that is not a time, or a day that no month has, then no time is read', () => {
  for (const text of [
    '',
    'yesterday',
    '5',
    '1700000000',
    '2026-02-30',
    '2026-02-29T00:00:00Z',
    '2026-04-31T12:00:00+02:00',
    '2026-13-01',
    '2026-00-10',
    '2026-01-00',
    '2026-01-31T25:00:00Z',
    '2026-01-31T12:61:00Z',
    '2026-01-31T12:00:00+25:00',
    '2026-01-31T12',
    ' 2026-01-31',
    '2026-01-31T12:00:00Zulu',
    '12026-01-31',
  ])
    assert.is(readTime(text), null, text)
})

test.run()
