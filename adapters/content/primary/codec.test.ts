/** What a primary's row becomes here, with the values that real tables contain. */
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type RawRow, rowOf } from './codec.ts'
import { createDecoder, lsnText, parseLsn } from './pgoutput.ts'
import { publicationSql, scramVerifier } from './publication.ts'

const test = suite('rows of the primary')
const post = (more: RawRow = {}) => rowOf('posts', { author: 'alice', permlink: 'my-post', ...more })
const of = <A>(row: E.Either<string, A>): A => {
  assert.ok(E.isRight(row), JSON.stringify(row))
  return row.right
}

test('given NULL in every column except the key, then the row has the empty values', () => {
  const names = [
    'type',
    'title',
    'content',
    'votes',
    'rating',
    'nsfw',
    'hidden',
    'flagged',
    'created_at',
    'updated_at',
  ]
  const row = of(post(Object.fromEntries(names.map((name) => [name, null]))))
  assert.equal(row, of(post()))
  assert.equal([row.title, row.votes, row.hidden, row.flagged], ['', 0, false, false])
  assert.is(of(rowOf('collaboration_documents', { id: '7', creator: null })).creator, '')
  assert.is(
    of(rowOf('collaboration_permissions', { document_id: '7', user_account: 'bob', permission: null }))
      .permission,
    'readonly',
  )
})

test('given texts and numbers that are too long or too large, then they are cut', () => {
  const row = of(
    post({ title: '😀'.repeat(2_000), type: 't'.repeat(500), votes: '99999999999999999999', rating: 'NaN' }),
  )
  assert.is(String(row.title).length, 1_024)
  assert.ok(String(row.title).isWellFormed())
  assert.equal([String(row.type).length, row.votes, row.rating], [64, 2 ** 31 - 1, 0])
})

test('given booleans of any type, then they are understood; what can’t be understood keeps a room closed', () => {
  for (const yes of ['t', 'true', 'TRUE', '1', 'yes', 'on', '3', '1.0'])
    assert.is(of(post({ hidden: yes })).hidden, true, yes)
  for (const no of ['f', 'false', '0', 'no', 'off', '', '0.0', null])
    assert.is(of(post({ hidden: no })).hidden, false, String(no))
  for (const odd of ['maybe', '{}', '2026-01-01', '-']) {
    assert.is(of(post({ hidden: odd })).hidden, true, odd)
    assert.is(of(post({ flagged: odd })).flagged, true, odd)
    const document = of(rowOf('collaboration_documents', { id: '1', is_public: odd, is_deleted: odd }))
    assert.equal([document.is_public, document.is_deleted], [false, true])
  }
})

test('given times as databases and chains write them, then they are kept to the microsecond, in UTC without a zone', () => {
  const at = (created_at: string | null) => of(post({ created_at })).created_at
  assert.is(at('2026-01-31 12:00:00.123456+02'), '2026-01-31 12:00:00.123456+02')
  assert.is(at('2026-01-31 12:00:00.123456'), '2026-01-31 12:00:00.123456Z')
  assert.is(at('2026-01-31'), '2026-01-31T00:00:00.000Z')
  assert.is(at('1769860800'), '2026-01-31T12:00:00.000Z')
  assert.is(at('1769860800000'), '2026-01-31T12:00:00.000Z')
  for (const odd of ['infinity', '-infinity', '0044-03-15 BC', 'soon', '2026-02-30', null])
    assert.is(at(odd), '2020-01-01T00:00:00.000Z', String(odd))
})

test('given a key that no room can have, then the row is skipped, and a sentence says why', () => {
  for (const raw of [
    { author: 'Not An Account', permlink: 'x' },
    { author: null, permlink: 'x' },
    { author: 'alice', permlink: null },
    { author: 'alice', permlink: 'a'.repeat(500) },
    { author: 'alice', permlink: 'UPPER' },
  ])
    assert.match(E.isLeft(rowOf('posts', raw)) ? 'left' : 'right', 'left', JSON.stringify(raw))
  for (const id of [null, '', 'a/b', 'x'.repeat(300), 'a\u0007b'])
    assert.ok(E.isLeft(rowOf('collaboration_documents', { id })), String(id))
  const wrong = rowOf('collaboration_permissions', { document_id: '1', user_account: 'NULL' })
  assert.match(E.isLeft(wrong) ? wrong.left : '', /user_account “NULL”/)
})

test('given replication messages, then rows distinguish what was sent, what was not, and what was NULL', () => {
  const word = (text: string) => Buffer.from(`${text}\0`)
  const int16 = (n: number) => Buffer.from([n >> 8, n & 255])
  const int32 = (n: number) => Buffer.from([n >> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255])
  const column = (name: string) => [Buffer.from([1]), word(name), int32(25), int32(-1)]
  const decode = createDecoder()
  const relation = [Buffer.from('R'), int32(9), word('public'), word('posts'), Buffer.from('d'), int16(3)]
  decode(Buffer.concat([...relation, ...column('author'), ...column('title'), ...column('content')]))
  const row = [int16(3), Buffer.from('t'), int32(5), Buffer.from('alice'), Buffer.from('n'), Buffer.from('u')]
  const message = decode(Buffer.concat([Buffer.from('U'), int32(9), Buffer.from('N'), ...row]))
  assert.equal(message.kind === 'row' && [message.before, message.after], [
    null,
    { author: 'alice', title: null, content: undefined },
  ])
  assert.throws(
    () => decode(Buffer.concat([Buffer.from('I'), int32(8), Buffer.from('N'), ...row])),
    /did not name/,
  )
  assert.is(lsnText(parseLsn('1A/B000F0')), '1A/B000F0')
})

test('the script for the owner contains no password, only its verifier, as Postgres makes it', () => {
  // The example of RFC 7677.
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
  assert.is(
    scramVerifier('pencil', salt),
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  )
  const text = publicationSql({ role: 'o"dd', password: 'it’s a secret' })
  assert.not.match(text, 'secret')
  assert.match(text, 'CREATE ROLE "o""dd" LOGIN')
})

test.run()
