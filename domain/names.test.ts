import { createHash } from 'node:crypto'
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isSubject } from './identity.ts'
import { eventId } from './ids.ts'
import {
  isAccount,
  isGuest,
  parseSpace,
  parseSpaceKey,
  parseStreamName,
  parseSubspace,
  SPACE_TYPES,
  type SpaceRef,
  spaceKey,
  streamName,
} from './names.ts'

const test = suite('names')
const digest = (text: string): string => createHash('sha256').update(text).digest('hex')

test('an account’s name is Hive’s', () => {
  for (const name of [
    'alice',
    'dlux-io',
    'a-b',
    'abc.def',
    'yarrow.doe996',
    'abcdefghijklmnop',
    'x99',
    'a--b',
    'ab---c.d--e',
  ])
    assert.ok(isAccount(name), name)
  const bad = ['', 'ab', 'Alice', '1abc', 'ab.cde', 'abc.', '-abc', 'abc-', 'abcdefghijklmnopq', 'a b c']
  for (const name of [
    ...bad,
    'abc\n',
    'guest:9f2c04ab17de',
    'álice',
    '__proto__',
    'abc.d-',
    'abc..def',
    'a-.bcd',
    'a--',
    'a.b--c',
  ])
    assert.not(isAccount(name), name)
})
test('no guest’s name is a valid account name', () => {
  for (const id of ['guest:9f2c04ab17de', 'guest:000000000000']) assert.ok(isGuest(id) && !isAccount(id))
  for (const id of [
    'guest:9F2C04AB17DE',
    'guest:9f2c',
    'guest:9f2c04ab17de0',
    'guest',
    'guest:9f2c04ab17de\n',
  ])
    assert.not(isSubject(id) && isGuest(id), id)
})
test('a space that breaks the forms is invalid', () => {
  const good: ReadonlyArray<[string, string]> = [
    ['post', 'alice/my-360-photo'],
    ['post', 'al--ice/-begins-with-one'],
    ['post', 'alice/--two--'],
    ['post', 'alice/-'],
    ['document', '123'],
    ['community', 'hive-123456'],
    ['global', 'lobby'],
  ]
  for (const [type, id] of good) assert.ok(E.isRight(parseSpace(type, id)), id)
  const bad: ReadonlyArray<[unknown, unknown]> = [
    ['planet', 'mars'],
    ['toString', 'x'],
    [null, 'x'],
    ['post', 'alice'],
    ['post', 'alice/a/b'],
    ['post', '/a'],
    ['post', 'alice/'],
    ['post', 'Alice/a'],
    ['post', 'alice/My-Post'],
    ['document', 'a/b'],
    ['document', ''],
    ['document', ' 1'],
    ['document', 'a\0'],
    ['document', 'a\u2028b'],
    ['document', '\ud800'],
    ['document', 'x'.repeat(256)],
    ['document', 7],
    ['document', ['a']],
  ]
  for (const [type, id] of bad) assert.ok(E.isLeft(parseSpace(type, id)), JSON.stringify([type, id]))
})
test('a subspace is main, or main- and a name', () => {
  for (const name of ['main', 'main-chess', 'main-private-alice-bob', undefined, null, ''])
    assert.ok(E.isRight(parseSubspace(name)), String(name))
  for (const name of ['chess', 'main-', 'main:x', 'main-a b', `main-${'x'.repeat(64)}`, 7, {}, 'main\n'])
    assert.ok(E.isLeft(parseSubspace(name)), String(name))
})
test('a space’s key and streams read back as the space', () => {
  const anyText = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
  fc.assert(
    fc.property(fc.constantFrom(...SPACE_TYPES), anyText, (type, text) => {
      const id = type === 'post' ? `alice/${text.toLowerCase()}` : text
      const space = parseSpace(type, id)
      if (E.isLeft(space)) return
      assert.equal(parseSpaceKey(spaceKey(space.right)), space)
      for (const kind of ['space', 'chat', 'refusal'] as const)
        assert.equal(parseStreamName(streamName(kind, space.right)), E.right({ kind, space: space.right }))
    }),
  )
  const odd: SpaceRef = { type: 'document', id: 'a:b-c' }
  assert.equal(parseStreamName(streamName('chat', odd)), E.right({ kind: 'chat', space: odd }))
})
test('an event’s id is a UUID, the same for the same command, place and sender, and no other', () => {
  const idOf = eventId(digest)
  assert.match(idOf('c', 0), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.is(idOf('c', 0, 'account:alice'), idOf('c', 0, 'account:alice'))
  const ids = [
    idOf('c', 0),
    idOf('c', 1),
    idOf('d', 0),
    idOf('c', 0, 'account:alice'),
    idOf('c', 0, 'account:bob'),
  ]
  assert.is(new Set(ids).size, ids.length)
})
test.run()
