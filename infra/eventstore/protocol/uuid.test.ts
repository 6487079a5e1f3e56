/** Ids in every form that .NET's `Guid.Parse` takes, and texts that are not ids. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fromHalves, parseUuid } from './uuid.ts'

const ID = '01234567-89ab-cdef-0123-456789abcdef'
const test = suite('ids')

for (const [form, text] of [
  ['with dashes', ID],
  ['in capitals', ID.toUpperCase()],
  ['without dashes', ID.replaceAll('-', '')],
  ['in braces', `{${ID}}`],
  ['in parentheses', `(${ID})`],
  ['as hexadecimal numbers', '{0x01234567,0x89ab,0xcdef,{0x01,0x23,0x45,0x67,0x89,0xab,0xcd,0xef}}'],
  ['as numbers without leading zeros', '{0x1234567,0x89AB,0xcdef,{0x1,0x23,0x45,0x67,0x89,0xab,0xcd,0xef}}'],
  ['as numbers with spaces', '{ 0x01234567, 0x89ab, 0xcdef, {0x01,0x23,0x45,0x67,0x89,0xab,0xcd,0xef} }'],
  ['with white space around', ` \t${ID}\n`],
] as const)
  test(`given an id ${form}, then it is that id`, () => assert.is(parseUuid(text), ID))

for (const text of [
  '',
  ID.slice(1),
  `${ID}0`,
  `{${ID}`,
  `${ID}}`,
  `{${ID})`,
  `{${ID.replaceAll('-', '')}}`,
  `{{${ID}}}`,
  ID.replace('0', 'g'),
  ID.replaceAll('-', '_'),
  '{0x012345678,0x89ab,0xcdef,{0x01,0x23,0x45,0x67,0x89,0xab,0xcd,0xef}}',
  '{0x01234567,0x89ab,0xcdef,{0x01,0x23,0x45,0x67,0x89,0xab,0xcd}}',
  ' '.repeat(100_000) + ID,
])
  test(`given "${text.slice(0, 40)}", then it is no id`, () => assert.is(parseUuid(text), undefined))

test('given two halves, then the id of both', () =>
  assert.is(fromHalves(0x0123456789abcdefn, 0x0123456789abcdefn), ID))

test.run()
