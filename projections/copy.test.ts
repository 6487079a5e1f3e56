import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CopyRows, msOf } from './copy.ts'

const test = suite('values for COPY')

test('any time as toISOString writes it is read as Date reads it', () => {
  const times = fc.date({
    min: new Date('0001-01-01T00:00:00.000Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  })
  fc.assert(fc.property(times, (time) => msOf(time.toISOString()) === time.getTime()))
})

test('anything else is not a time, whatever day came before it', () => {
  const good = '2026-02-28T23:59:59.999Z'
  const others = [
    '2026-02-31T00:00:00.000Z',
    '2026-02-29T00:00:00.000Z',
    '2026-13-01T00:00:00.000Z',
    '0000-01-01T00:00:00.000Z',
    '2026-02-28T24:00:00.000Z',
    '2026-02-28T23:60:00.000Z',
    '2026-02-28T23:59:60.000Z',
    '2026-02-28T23:59:59.99xZ',
    '2026-02-28T23:59:59.9:0Z',
    '2026-02-28T2::59:59.999Z',
    '2026-02-28T23:59:59+00:00',
    '2026-02-28T23:59:59Z',
    '2026-02-28 23:59:59.999Z',
    '-000001-02-28T23:59:59.999Z',
    '',
  ]
  for (const other of others) {
    assert.is(msOf(good), Date.parse(good))
    assert.ok(Number.isNaN(msOf(other)), other)
  }
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 23 }),
      fc.string({ minLength: 1, maxLength: 1 }),
      (place, character) => {
        const text = good.slice(0, place) + character + good.slice(place + 1)
        const ms = msOf(text)
        return Number.isNaN(ms) || new Date(ms).toISOString() === text
      },
    ),
    { numRuns: 2_000 },
  )
})

test('an id is written as a uuid if Postgres would write it so again, else as text', () => {
  const ids = fc.oneof(
    fc.uuid(),
    fc.uuid().map((id) => id.toUpperCase()),
    fc
      .tuple(fc.uuid(), fc.nat(35), fc.string({ minLength: 1, maxLength: 1 }))
      .map(([id, at, character]) => id.slice(0, at) + character + id.slice(at + 1)),
    fc.string(),
    fc.constant(null),
  )
  fc.assert(
    fc.property(ids, (id) => {
      const rows = new CopyRows('t', ['a', 'b'])
      rows.row()
      rows.uuidOrText(id)
      // After the head of the format and the number of columns: a length and the bytes, or -1, for each column.
      const { data } = rows.finish()
      const read = (at: number): readonly [Buffer | null, number] => {
        const size = data.readInt32BE(at)
        return size < 0 ? [null, at + 4] : [data.subarray(at + 4, at + 4 + size), at + 4 + size]
      }
      const [uuid, next] = read(21)
      const [text] = read(next)
      const isUuid = id !== null && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)
      assert.is(uuid?.toString('hex') ?? null, isUuid ? id.replaceAll('-', '') : null)
      assert.equal(text, isUuid || id === null ? null : Buffer.from(id, 'utf8'))
    }),
  )
})

test.run()
