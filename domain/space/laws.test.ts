/** Laws that hold for a space whatever commands it gets, in whatever order. */

import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { anyPlace, anySteps, type CommandStep, RUNS } from '../testing/any.ts'
import { asked, at, type ContentKind, OWNER } from '../testing/people.ts'
import { deepFreeze, fold } from '../testing/scenario.ts'
import { joined, left, settled } from '../testing/space-events.ts'
import { rank } from './access.ts'
import type { DecisionInput, SpaceCommand } from './commands.ts'
import { spaceDecider } from './decider.ts'
import type { SpaceEvent } from './events.ts'
import { fromSnapshot, toSnapshot } from './snapshot.ts'
import type { SpaceState } from './state.ts'

const { initial, decide, fork } = spaceDecider
const test = suite('laws of a space')

/** The steps as commands, each with its time. */
const commandsOf = (
  steps: ReadonlyArray<CommandStep>,
  place: ContentKind,
): ReadonlyArray<DecisionInput<SpaceCommand>> => {
  let now = 0
  return steps.map(({ by, pause, command }, n) => {
    now += pause
    return asked(by, command(now, by.id), { seconds: now, place, id: `command-${n}` })
  })
}
type Done = {
  readonly ask: DecisionInput<SpaceCommand>
  readonly before: SpaceState
  readonly events: ReadonlyArray<SpaceEvent>
  readonly after: SpaceState
}
/** Decides each in turn; a refused one changes nothing. The caller may keep `before` and `after`. */
const run = (asks: ReadonlyArray<DecisionInput<SpaceCommand>>, check?: (done: Done) => void): SpaceState => {
  let state = initial()
  for (const ask of asks) {
    const decision = decide(ask, state)
    if (E.isLeft(decision)) continue
    const before = fork(state)
    state = fold(spaceDecider, decision.right, state)
    check?.({ ask, before, events: decision.right, after: state })
  }
  return state
}
const always = (check: (done: Done) => void): void =>
  fc.assert(
    fc.property(anySteps, anyPlace, (steps, place) => void run(commandsOf(steps, place), check)),
    { numRuns: RUNS },
  )
const isOver = (end: string | null, now: string): boolean => end !== null && end <= now
const subject = (session: { account: string | null; guest: string | null }) =>
  session.account ?? session.guest

test('whoever comes in finds a seat: sessions and held seats never pass max_users at an entry', () =>
  always(({ ask, events, after }) => {
    const isEntry = events.some(({ type }) => type === 'EntryGranted' || type === 'SessionJoined')
    const changesRoom = events.some(({ type }) => type === 'SessionLeft')
    if (!isEntry || changesRoom) return
    const held = [...after.held.values()].filter((seat) => !isOver(seat.expiresAt, ask.at)).length
    assert.ok(after.sessions.size + held <= after.settings.max_users)
  }))
test('changing rooms takes no additional seat', () =>
  always(({ events, before, after }) => {
    const types = events.map(({ type }) => type)
    if (types.includes('SessionLeft') && types.includes('SessionJoined'))
      assert.ok(after.sessions.size <= before.sessions.size)
  }))
test('nobody who is banned is present or holds a seat, but an owner', () =>
  always(({ ask, after }) => {
    for (const [name, { until, at: since }] of after.bans) {
      if (isOver(until, ask.at) || name === OWNER || since > ask.at) continue
      assert.not([...after.sessions.values()].some((session) => subject(session) === name))
      assert.not(after.held.has(name))
    }
  }))
test('a socket has one session, a session one socket, and a subject one held seat', () =>
  always(({ after }) => {
    const sockets = [...after.sessions.values()].map(({ socketId }) => socketId)
    assert.is(new Set(sockets).size, sockets.length)
    assert.is(after.sockets.size, after.sessions.size)
    for (const [socketId, sessionId] of after.sockets)
      assert.is(after.sessions.get(sessionId)?.socketId, socketId)
    for (const [name, seat] of after.held) assert.is(seat.subject, name)
  }))
test('nobody who is muted speaks, and nobody at all where voice is disabled', () =>
  always(({ ask, after }) => {
    for (const session of after.sessions.values()) {
      if (!session.voice) continue
      assert.ok(after.settings.voice_enabled)
      const mute = after.mutes.get(subject(session) ?? '')
      assert.ok(mute === undefined || subject(session) === OWNER || isOver(mute.until, ask.at))
    }
  }))
test('rights come from above: whoever acts on another outranks them, by the permissions as they were', () =>
  always(({ ask, before, events }) => {
    if (ask.by.kind === 'system') return
    const rankOf = (name: string | null | undefined) =>
      name === OWNER ? rank('owner') : rank(before.grants.get(name ?? '')?.permission ?? null)
    for (const { type, data } of events)
      switch (type) {
        case 'PermissionGranted':
          assert.ok(rankOf(ask.by.id) > Math.max(rank(data.permission), rankOf(data.account), 2))
          break
        case 'PermissionRevoked':
          assert.ok(rankOf(ask.by.id) > Math.max(rankOf(data.account), 2))
          break
        case 'AccountBanned':
        case 'AccountUnbanned':
        case 'AccountMuted':
        case 'AccountUnmuted':
          assert.ok(rankOf(ask.by.id) > Math.max(rankOf(data.subject), 1))
          break
        case 'SettingsChanged':
          assert.ok(rankOf(ask.by.id) > 2)
          break
        case 'SessionLeft':
          if (data.reason === 'kicked' || data.reason === 'banned') {
            const session = before.sessions.get(data.sessionId)
            assert.ok(rankOf(ask.by.id) > Math.max(rankOf(session && subject(session)), 1))
          } else assert.is(subject(before.sessions.get(data.sessionId)!), ask.by.id)
          break
        default:
          break
      }
  }))
test('in a private space only those with a right are present', () => {
  fc.assert(
    fc.property(anySteps, (steps) => {
      run(commandsOf(steps, 'private'), ({ after }) => {
        for (const session of after.sessions.values()) {
          const name = subject(session) ?? ''
          assert.ok(name === OWNER || name === 'carol' || after.grants.has(name), name)
        }
      })
    }),
    { numRuns: RUNS },
  )
})
test('a space is opened once, by the first event in it', () =>
  always(({ before, events }) => {
    const openings = events.filter(({ type }) => type === 'SpaceOpened').length
    assert.is(openings, before.opened === null && events.length > 0 ? 1 : 0)
    if (openings === 1) assert.is(events[0]?.type, 'SpaceOpened')
  }))
test('a command that was carried out changes nothing when it comes again', () =>
  always(({ ask, after }) => {
    assert.equal(decide(ask, after), E.right([]))
  }))
test('any interleaving of duplicates gives what one copy in order gives', () => {
  const withCopies = fc.tuple(
    anySteps,
    anyPlace,
    fc.array(fc.tuple(fc.nat(119), fc.nat(119)), { maxLength: 30 }),
  )
  fc.assert(
    fc.property(withCopies, ([steps, place, copies]) => {
      const once = commandsOf(steps, place)
      const asks = [...once]
      // A copy comes after its original, at whatever distance, and with the original's time or a later one.
      for (const [which, distance] of copies) {
        const ask = once[which % once.length]!
        const from = asks.indexOf(ask)
        asks.splice(Math.min(asks.length, from + 1 + distance), 0, ask)
      }
      const seen = new Set<string>()
      const answered = asks.filter(({ id }) => !seen.has(id) && seen.add(id))
      assert.equal(toSnapshot(run(answered)), toSnapshot(run(once)))
      // Copies directly after their originals change nothing even if nothing is remembered of them, unless the
      // originals were refused.
      assert.equal(toSnapshot(run(once.flatMap((ask) => [ask, ask]))), toSnapshot(run(once)))
    }),
    { numRuns: RUNS },
  )
})
test('deciding writes nothing', () =>
  always(({ ask, before }) => {
    deepFreeze(before)
    decide(ask, before)
  }))
test('a fork goes its own way', () =>
  always(({ before, events }) => {
    const written = JSON.stringify(toSnapshot(before))
    fold(spaceDecider, events, fork(before))
    assert.is(JSON.stringify(toSnapshot(before)), written)
  }))
test('a snapshot gives the state back, and the fold goes on from it as it would have', () =>
  always(({ before, events, after }) => {
    const read = fromSnapshot(JSON.parse(JSON.stringify(toSnapshot(before))))
    if (E.isLeft(read)) throw new Error(read.left)
    assert.equal(read.right, before)
    assert.equal(toSnapshot(fold(spaceDecider, events, read.right)), toSnapshot(after))
  }))
test('what is no snapshot is not read', () => {
  for (const json of [
    null,
    1,
    {},
    { ...toSnapshot(initial()), version: 0 },
    { ...toSnapshot(initial()), held: [1] },
  ])
    assert.ok(E.isLeft(fromSnapshot(json)))
})
test('the fold takes any events in any order, and never fails', () => {
  fc.assert(
    fc.property(anySteps, fc.infiniteStream(fc.nat()), (steps, order) => {
      const events: Array<SpaceEvent> = []
      run(commandsOf(steps, 'public'), (done) => events.push(...done.events))
      const shuffled = events.map((event) => [order.next().value, event] as const)
      shuffled.sort(([a], [b]) => (a ?? 0) - (b ?? 0))
      const state = fold(spaceDecider, [...shuffled.map(([, event]) => event), ...events])
      for (const [socketId, sessionId] of state.sockets)
        assert.is(state.sessions.get(sessionId)?.socketId, socketId)
    }),
    { numRuns: RUNS },
  )
})
test('given a socket with a new session, when the old one’s end comes late, then the new one stays', () => {
  const again = joined('alice', 2)
  const late = { ...again, data: { ...again.data, socketId: 'socket-alice-1' } }
  const state = fold(spaceDecider, [joined('alice'), late, left('alice-1')])
  assert.equal([...state.sockets], [['socket-alice-1', 'alice-2']])
})
test('joining a room of ten thousand costs what joining an empty one does', () => {
  const join = (n: number): SpaceEvent => ({
    type: 'SessionJoined',
    data: {
      sessionId: `s${n}`,
      socketId: `k${n}`,
      account: `user${n}`,
      guest: null,
      claimed: null,
      subspace: 'main',
      position: null,
      avatarData: null,
      boot: 'b',
      at: at(),
    },
  })
  const fill = (size: number): SpaceState =>
    fold(spaceDecider, [settled({ max_users: 10_000 }), ...Array.from({ length: size }, (_, n) => join(n))])
  /** How many entries of maps and sets, and how many elements of arrays, `work` goes through. */
  const steps = (work: () => void): number => {
    let taken = 0
    const restore: Array<() => void> = []
    for (const prototype of [Map.prototype, Set.prototype, Array.prototype] as unknown[] as Array<
      Record<PropertyKey, unknown>
    >)
      for (const name of ['forEach', 'entries', 'values', 'keys', 'map', 'filter', Symbol.iterator]) {
        const original = prototype[name]
        if (typeof original !== 'function') continue
        prototype[name] = function (this: { size?: number; length?: number }, ...given: unknown[]) {
          taken += this.size ?? this.length ?? 0
          return Reflect.apply(original, this, given)
        }
        restore.push(() => {
          prototype[name] = original
        })
      }
    try {
      work()
    } finally {
      for (const one of restore) one()
    }
    return taken
  }
  const stepsOf = (start: SpaceState): number => {
    const command = {
      type: 'JoinSpace',
      sessionId: 'late',
      socketId: 'late',
      subspace: 'main',
      position: null,
    } as const
    const ask = asked({ kind: 'account', id: 'zoe' }, { ...command, avatarData: null, boot: 'b' })
    return steps(() => {
      const decision = decide(ask, start)
      if (E.isLeft(decision)) throw new Error(decision.left._tag)
      fold(spaceDecider, decision.right, start)
    })
  }
  assert.ok(steps(() => void new Map(fill(10).sessions)) >= 10, 'a copy would be seen')
  const [empty, crowded] = [stepsOf(fill(0)), stepsOf(fill(9_000))]
  assert.ok(crowded < empty + 500, `${empty} steps in an empty one, ${crowded} in a crowded one`)
})
test.run()
