/** A real room's past is decided again, on a log in memory: under its own rules, and under others. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spaceKey } from '../../../domain/names.ts'
import { performWeek, ROOM } from '../../../infra/testing/week.ts'
import { createMoments } from '../../../projections/history/moments.ts'
import { Misused } from '../command.ts'
import { printWhatIf, readAsked } from './what-if.ts'

const test = suite('presence audit what-if')
const week = await performWeek(400)
await week.done()
const moments = createMoments(week.log)
const SPAN = [spaceKey(ROOM), '--from', '2000-01-01', '--to', '2100-01-01']

const asked = async (...args: ReadonlyArray<string>): Promise<string[]> => {
  const lines: string[] = []
  await printWhatIf(moments, readAsked([...SPAN, ...args]), {
    out: (line) => void lines.push(line),
    err: assert.unreachable,
  })
  return lines
}
const told = async (...args: ReadonlyArray<string>) => JSON.parse((await asked(...args, '--json'))[0]!)

test('given a real room, when the rules are supposed to be what they were, then every decision is what it was', async () => {
  const { decisions, differences, unexplained, not_comparable, events } = await told(
    '--set',
    'reactions_enabled=true',
  )
  assert.equal([differences, unexplained, not_comparable], [0, 0, 0])
  assert.ok(decisions > 100 && events >= decisions, `${decisions} of ${events}`)
})

test('given a real room, when slow mode is supposed, then nobody has two messages within its interval among those that would have been posted', async () => {
  const { listed, by } = await told('--set', 'slow_mode_seconds=60')
  assert.ok(by['accepted > slow_down'] > 0)
  const refused = new Set(listed.map(({ event_id }: { event_id: string }) => event_id))
  const last = new Map<string, number>()
  for (const { id, type, metadata } of week.log.all()) {
    if (type !== 'MessagePosted') continue
    const { actor, at, grounds } = metadata as {
      actor: { id: string }
      at: string
      grounds: { role: string }
    }
    const before = last.get(actor.id)
    const isSoon = before !== undefined && Date.parse(at) - before < 60_000
    if (!['moderate', 'admin', 'owner'].includes(grounds.role))
      assert.is(refused.has(id), isSoon, `${actor.id} ${at}`)
    if (!refused.has(id)) last.set(actor.id, Date.parse(at))
  }
})

test('given words, then a line is printed for each message, and one with the sum', async () => {
  const lines = await asked('--words', 'the,a*')
  assert.match(lines.at(-1)!, /decisions, \d+ would have been otherwise; \d+ can't be compared/)
  for (const line of lines.slice(0, -1)) assert.match(line, /accepted, would have been (held|words_held)/)
})

test('given wrong arguments, then they are refused with a sentence', () => {
  const isMisused = (error: unknown): boolean => error instanceof Misused
  for (const args of [
    [],
    ['nonsense'],
    [...SPAN],
    [...SPAN, '--set', 'slow_mode_seconds'],
    [...SPAN, '--set', 'no_such=1'],
    [...SPAN, '--set', 'max_users=0'],
    [spaceKey(ROOM), '--from', '2100-01-01', '--to', '2000-01-01', '--set', 'max_users=1'],
  ])
    assert.throws(() => readAsked(args), isMisused)
})
test.run()
