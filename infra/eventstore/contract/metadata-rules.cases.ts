/** What malformed stream metadata means. As on the real server, a known field of the wrong kind makes all of it
 *  count for nothing, and a number below its minimum makes that one field count for nothing. */
import * as assert from 'uvu/assert'
import { contract, type Kit, unique } from './kit.ts'

const numbers = (read: ReadonlyArray<{ event?: { revision: bigint } | undefined }>): number[] =>
  read.map(({ event }) => Number(event!.revision))

/** The metadata is text, since a client could not write some of it. */
const setRaw = (kit: Kit, stream: string, json: string): Promise<unknown> =>
  kit.append(`$$${stream}`, [kit.lib.binaryEvent({ type: '$metadata', data: Buffer.from(json) })])

const ALL = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
const RULES: ReadonlyArray<readonly [title: string, json: string, left: ReadonlyArray<number>]> = [
  ['$maxCount of 0', '{"$maxCount":0}', ALL],
  ['$maxCount below 0', '{"$maxCount":-3}', ALL],
  ['$maxCount below 0 beside a $tb', '{"$maxCount":-3,"$tb":8}', [8, 9]],
  ['$tb below 0', '{"$tb":-1}', ALL],
  ['$tb below 0 beside a $maxCount', '{"$tb":-1,"$maxCount":2}', [8, 9]],
  ['$maxAge of 0', '{"$maxAge":0}', ALL],
  ['$maxAge below 0', '{"$maxAge":-5}', ALL],
  ['$cacheControl below 0 beside a $tb', '{"$cacheControl":-5,"$tb":8}', [8, 9]],
  ['$maxCount as text', '{"$maxCount":"2"}', ALL],
  ['$maxCount as text beside a $tb', '{"$tb":8,"$maxCount":"2"}', ALL],
  ['$maxCount that is no whole number', '{"$maxCount":2.5}', ALL],
  ['a $tb beside a $maxAge of null', '{"$tb":8,"$maxAge":null}', ALL],
  ['a $tb beside a $tempStream that is no boolean', '{"$tb":8,"$tempStream":1}', ALL],
  ['a $tb beside a $tempStream', '{"$tb":8,"$tempStream":false}', [8, 9]],
  ['a $tb beside a $cacheControl as text', '{"$tb":8,"$cacheControl":"x"}', ALL],
  ['a $tb beside a list that is none', '{"$tb":8,"$acl":"$admins"}', ALL],
  ['a $tb beside a list with roles that are none', '{"$tb":8,"$acl":{"$r":5}}', ALL],
  ['a $tb beside a list of roles with a number among them', '{"$tb":8,"$acl":{"$r":["a",5]}}', ALL],
  ['a $tb beside a list with a member that is unknown', '{"$tb":8,"$acl":{"$x":"a"}}', ALL],
  ['a $tb beside a list with one role', '{"$tb":8,"$acl":{"$r":"$all"}}', [8, 9]],
  ['a $tb beyond what there is room for', '{"$tb":9223372036854775808}', ALL],
  ['a $tb given twice', '{"$tb":2,"$tb":8}', [8, 9]],
  ['a $tb beside what is its owner’s', '{"$tb":8,"own":{"$maxCount":"x","deep":[1,{}]}}', [8, 9]],
  ['no object', '[{"$tb":8}]', ALL],
  ['no JSON', '{"$tb":8', ALL],
  ['nothing', '', ALL],
]

contract('metadata that is not as it should be', (test) => {
  for (const [title, json, left] of RULES)
    test(`given ten events and ${title}, then ${left === ALL ? 'all are read' : `${left.join(' ')} are read`}`, async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(10))
      await setRaw(kit, stream, json)
      assert.equal(numbers(await kit.read(stream)), left)
      // Later metadata replaces the malformed one.
      await setRaw(kit, stream, '{"$maxCount":1}')
      assert.equal(numbers(await kit.read(stream)), [9])
    })
})
