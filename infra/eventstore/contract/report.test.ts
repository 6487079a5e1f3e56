import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isFailure, type ReportLine, tableOf, within } from './report.ts'

const test = suite('the table of a contract run')
const holds = { tag: 'holds' } as const
const row = (given: Partial<ReportLine>): ReportLine => ({
  title: 'reads: all',
  here: holds,
  embedded: holds,
  differs: undefined,
  ...given,
})

test('given a case that never ends, then it fails when its time is over', async () => {
  const outcome = await within(20, () => new Promise(() => {}))
  assert.equal(outcome, { tag: 'fails', why: 'it did not end within 0.02 s', late: true })
})
test('given a case that throws, then its message says why; given one that does not, it holds', async () => {
  const broken = await within(5_000, async () => {
    throw new Error('2 is not 3')
  })
  assert.is(broken.tag === 'fails' && broken.why, '2 is not 3')
  assert.equal(await within(5_000, async () => {}), holds)
})
test('given a failure for which no fault of the server is known, then it counts against the server', () => {
  const here = { tag: 'fails', why: 'it did not end within 30 s' } as const
  assert.ok(isFailure(row({ here })))
  assert.not(isFailure(row({ here, differs: 'it reads for ever' })))
  assert.not(isFailure(row({ here: { tag: 'left out', why: 'needs a node of its own' } })))
})
test('given cases, then a line for each on which the two differ, and the rest counted', () => {
  const table = tableOf('that server', [
    row({}),
    row({ title: 'a|b' }),
    row({ title: 'none of them', here: { tag: 'fails', why: 'late\nstack' }, differs: 'it reads for ever' }),
    row({ title: 'links', here: { tag: 'fails', why: 'a | b' } }),
    row({ title: 'users', here: { tag: 'left out', why: 'needs users' } }),
  ])
  assert.is(
    table,
    `| case | that server | the embedded node | why |
|---|---|---|---|
| none of them | fails | holds | the real server differs: it reads for ever (late) |
| links | fails | holds | a / b |
| users | left out | holds | needs users |
| the other 2 | holds | holds | |

that server: 2 hold, 1 fail, 1 differ by a fault of the server's that is known, 1 left out`,
  )
})
test.run()
