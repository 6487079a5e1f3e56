import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RecordedEvent } from '../../../domain/ports.ts'
import { type AppendRecord, type EndRecord, judge } from './history.ts'

const history = suite('the judge of histories')

const event = (id: string, stream: string, revision: bigint, position: bigint): RecordedEvent => ({
  id,
  stream,
  revision,
  position,
  type: 'T',
  data: {},
  metadata: {},
  created: new Date(0),
})
const appended = (
  id: string,
  [revision, position]: readonly [bigint, bigint],
  [start, end]: readonly [number, number],
): AppendRecord => ({
  kind: 'append',
  stream: 's',
  expected: 'any',
  ids: [id],
  start,
  end,
  outcome: { _tag: 'Appended', revision, position },
})
const refused = (
  id: string,
  [expected, actual]: readonly [bigint, bigint],
  [start, end]: readonly [number, number],
): AppendRecord => ({
  kind: 'append',
  stream: 's',
  expected,
  ids: [id],
  start,
  end,
  outcome: { _tag: 'WrongExpectedRevision', actual },
})
const looked = (revision: bigint | null, start: number, end: number): EndRecord => ({
  kind: 'end',
  stream: 's',
  revision,
  start,
  end,
})
const log = [event('a', 's', 0n, 10n), event('b', 's', 1n, 20n)]

history('given a history that agrees with the log, then the judge finds nothing wrong', () => {
  assert.equal(
    judge(log, [
      appended('a', [0n, 10n], [0, 5]),
      appended('b', [1n, 20n], [3, 9]),
      looked(0n, 4, 6),
      refused('c', [7n, 1n], [8, 10]),
    ]),
    [],
  )
})

const wrongs: ReadonlyArray<
  [string, ReadonlyArray<RecordedEvent>, ReadonlyArray<AppendRecord | EndRecord>, RegExp]
> = [
  ['an acknowledged event is missing', log.slice(0, 1), [appended('b', [1n, 20n], [0, 5])], /not there/],
  ['an event is there twice', [...log, event('a', 's', 2n, 30n)], [], /twice/],
  ['a stream has a gap', [log[0]!, event('b', 's', 2n, 20n)], [], /comes next/],
  ['$all goes back', [log[0]!, event('x', 'other', 0n, 5n)], [], /goes back/],
  ['a refused event is there', log, [refused('b', [7n, 0n], [0, 5])], /refused, and there/],
  ['a refusal names the expected revision', log, [refused('c', [1n, 1n], [0, 5])], /being where/],
  ['the position said is another', log, [appended('a', [0n, 11n], [0, 5])], /said to be/],
  [
    'a later append has the earlier revision',
    log,
    [appended('a', [0n, 10n], [6, 9]), appended('b', [1n, 20n], [0, 5])],
    /was over before/,
  ],
  [
    'a look misses what was acknowledged before it',
    log,
    [appended('b', [1n, 20n], [0, 5]), looked(0n, 6, 8)],
    /was over before/,
  ],
  [
    'a look sees what was only begun after it',
    log,
    [looked(1n, 0, 2), appended('b', [1n, 20n], [3, 5])],
    /was over before/,
  ],
  ['a look sees less than a look before it', log, [looked(1n, 0, 2), looked(0n, 3, 5)], /was over before/],
]
for (const [what, all, records, message] of wrongs)
  history(`given that ${what}, then the judge says so`, () => {
    assert.match(judge(all, records).join('\n'), message)
  })

history.run()
