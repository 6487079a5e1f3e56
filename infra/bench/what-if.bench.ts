/** How fast a past is decided again: decisions in a second of one thread's processor time, of events at hand (reading them from the log
 *  is not in it). */
import { fileURLToPath } from 'node:url'
import { chatDecider } from '../../domain/chat/decider.ts'
import type { Decoded } from '../../domain/codec.ts'
import type { Caller } from '../../domain/identity.ts'
import { spaceDecider } from '../../domain/space/decider.ts'
import { redecide, SUPPOSED, type Supposed } from '../../projections/history/what-if/redeciding.ts'
import { madePast } from '../../projections/testing/past.ts'
import type { Bench } from './context.ts'

const DECISIONS = 200_000
const PEOPLE = 100
const GOAL = 100_000
const OWNER = { kind: 'account', id: 'bob' } as const

const uuid = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
const person = (n: number): Caller => ({ kind: 'account', id: `person-${n % PEOPLE}` })
const WORDS = 'The quick brown fox jumps over the lazy dog, and then it comes back again for more of it.'

/** A fifth comings and goings; of the rest, nine messages to one reaction. */
const room = (count: number): ReadonlyArray<Decoded> => {
  const past = madePast()
  past.send(OWNER, { type: 'ChangeSettings', changes: { max_users: 1_000 } }, 0)
  for (let n = 0; n < count; n += 1) {
    const by = person(n * 7)
    const sessionId = `session-${by.id}`
    if (n % 10 === 0) {
      const rest = {
        socketId: `socket-${by.id}`,
        subspace: 'main',
        position: null,
        avatarData: null,
        boot: 'b',
      }
      past.send(by, { type: 'JoinSpace', sessionId, ...rest }, n)
    } else if (n % 10 === 5) past.send(by, { type: 'LeaveSpace', sessionId, reason: 'left' }, n)
    else if (n % 10 === 9) past.send(by, { type: 'AddReaction', messageId: uuid(n - 1), emoji: '👍' }, n)
    else
      past.send(
        by,
        {
          ...{ type: 'PostMessage', messageId: uuid(n), fresh: true, subspace: 'main' },
          ...{ content: `${WORDS} ${n}`, messageType: 'text', parentMessageId: null },
        },
        n,
      )
  }
  return past.events
}

const SUPPOSITIONS: Readonly<Record<string, Supposed>> = {
  'slow mode': { settings: { slow_mode_seconds: 120 }, filters: [] },
  'half the seats': { settings: { max_users: PEOPLE / 4 }, filters: [] },
  '200 words': {
    settings: {},
    filters: [
      {
        filterId: SUPPOSED,
        looksFor: { kind: 'words', words: Array.from({ length: 200 }, (_, n) => `word${n}*`) },
        acts: ['hold'],
        muteSeconds: null,
        by: OWNER,
        at: '2026-03-01T12:00:00.000Z',
      },
    ],
  },
}

const rateOf = (events: ReadonlyArray<Decoded>, supposed: Supposed) => {
  const start = { state: spaceDecider.initial(), chat: chatDecider.initial() }
  const again = redecide(start, supposed, () => {})
  const begun = process.threadCpuUsage()
  for (const event of events) again.take(event)
  again.end()
  const used = process.threadCpuUsage(begun)
  const seconds = (used.user + used.system) / 1_000_000
  return { rate: again.counts.decisions / seconds, counts: again.counts }
}

export const bench: Bench = async () => {
  const events = room(DECISIONS)
  const rows = []
  const figures: Record<string, unknown> = { events: events.length }
  for (const [name, supposed] of Object.entries(SUPPOSITIONS)) {
    rateOf(events.slice(0, 20_000), supposed)
    const { rate, counts } = rateOf(events, supposed)
    figures[name] = { rate: Math.round(rate), counts }
    rows.push({
      what: `decisions again, ${name}`,
      ours: `${Math.round(rate).toLocaleString('en-US')} a second`,
      beside: `${counts.decisions.toLocaleString('en-US')} decisions, ${counts.differences.toLocaleString('en-US')} otherwise`,
      goal: `${GOAL.toLocaleString('en-US')} a second`,
      met: rate >= GOAL,
    })
  }
  return { rows, figures }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  console.log((await bench({ other: null, turns: 1, flame: false })).rows)
