/** Whatever goes wrong between a command and the log, the log ends as if each command had come once, one after another. */
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Caller, Caller as CallerCodec } from '../../domain/identity.ts'
import type { Metadata } from '../../domain/metadata.ts'
import { streamName } from '../../domain/names.ts'
import type { Accepted } from '../../domain/ports.ts'
import type { SpaceCommand } from '../../domain/space/commands.ts'
import { spaceDecider } from '../../domain/space/decider.ts'
import type { SpaceEvent } from '../../domain/space/events.ts'
import {
  account,
  asking,
  guest,
  join,
  pathOn,
  publicPost,
  ROOM,
  uuid,
} from '../../infra/testing/command-path.ts'
import { type AppendFault, memoryLog } from '../../infra/testing/memory-log.ts'

const STREAM = streamName('space', ROOM)
const numRuns = Number(process.env.PROPERTY_RUNS ?? 150)

const people: ReadonlyArray<Caller> = [account('alice'), account('bob'), account('carol'), guest(1), guest(2)]
const names = ['bob', 'carol', guest(1).id]

const command: fc.Arbitrary<SpaceCommand> = fc.oneof(
  { weight: 4, arbitrary: fc.nat(6).map((n) => join(n)) },
  {
    weight: 3,
    arbitrary: fc
      .nat(6)
      .map((n): SpaceCommand => ({ type: 'LeaveSpace', sessionId: `session-${n}`, reason: 'left' })),
  },
  fc.constant<SpaceCommand>({ type: 'EnterSpace', subspace: 'main' }),
  fc
    .constantFrom(...names)
    .map((subject): SpaceCommand => ({ type: 'Ban', subject, reason: null, until: null })),
  fc.constantFrom(...names).map((subject): SpaceCommand => ({ type: 'Unban', subject, reason: null })),
  fc.constantFrom('bob', 'carol').map(
    (name): SpaceCommand => ({
      type: 'GrantPermission',
      account: name,
      permission: 'moderate',
      reason: null,
    }),
  ),
  fc
    .constantFrom('bob', 'carol')
    .map((name): SpaceCommand => ({ type: 'RevokePermission', account: name, reason: null })),
  fc
    .integer({ min: 1, max: 4 })
    .map((max): SpaceCommand => ({ type: 'ChangeSettings', changes: { max_users: max } })),
)

/** A command that is sent to one of the paths `copies` times, each copy after a number of turns of the event loop. */
type Sending = {
  readonly by: number
  readonly command: SpaceCommand
  readonly copies: ReadonlyArray<{ readonly path: 0 | 1; readonly turns: number }>
}
const sending: fc.Arbitrary<Sending> = fc.record({
  by: fc.nat(people.length - 1),
  command,
  copies: fc.array(fc.record({ path: fc.constantFrom<0 | 1>(0, 1), turns: fc.nat(12) }), {
    minLength: 1,
    maxLength: 3,
  }),
})
const fault = fc.oneof(
  { weight: 6, arbitrary: fc.constant<AppendFault | null>(null) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<AppendFault>('unavailable', 'unknown-written', 'unknown-lost', 'unknown-late'),
  },
)

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

const test = suite('the log')

test('given two processes, duplicates, conflicts and unknown outcomes, then the result is as if each command came once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(sending, { minLength: 1, maxLength: 15 }),
      fc.array(fault, { minLength: 1, maxLength: 30 }),
      fc.array(fc.nat(3), { minLength: 1, maxLength: 20 }),
      fc.record({ doesFollow: fc.boolean(), snapshotEvery: fc.constantFrom(2, 1_000) }),
      async (sendings, faults, pauses, { doesFollow, snapshotEvery }) => {
        const log = memoryLog()
        let appends = 0
        let calls = 0
        log.onAppend = (stream) => {
          if (stream !== STREAM) return null
          const now = faults[appends++ % faults.length]!
          // Late events arrive in the middle of other work.
          if (now === null && appends % 3 === 0) log.deliverLate()
          return now
        }
        log.pause = async () => turns(pauses[calls++ % pauses.length]!)
        const tuning = { unknownMs: 200, unavailableMs: 200, snapshotEvery, rounds: 50 }
        const paths = [pathOn(log, { tuning }), pathOn(log, { tuning })] as const
        if (doesFollow) for (const path of paths) log.follow(path.observe)

        const answers = await Promise.all(
          sendings.flatMap(({ by, command, copies }, n) =>
            copies.map(async ({ path, turns: after }) => {
              await turns(after)
              return [n, await paths[path].space(asking(uuid(n), people[by]!, command))()] as const
            }),
          ),
        )
        log.deliverLate()
        await Promise.all(paths.map((path) => path.drain()))
        const stream = log.stream(STREAM)

        // Each event is there once.
        assert.is(new Set(stream.map(({ id }) => id)).size, stream.length)

        // Deciding one copy of each command, in the log's order, gives exactly the log's events.
        let state = spaceDecider.initial()
        const placed = new Map<string, { first: number; events: SpaceEvent[] }>()
        for (let at = 0; at < stream.length; ) {
          const metadata = stream[at]!.metadata as Metadata
          const n = Number.parseInt(metadata.command.id.slice(-12), 16)
          const by = people[sendings[n]!.by]!
          assert.ok(CallerCodec.is(by))
          const decision = spaceDecider.decide(
            {
              id: metadata.command.id,
              by,
              at: metadata.at,
              content: publicPost(by),
              command: sendings[n]!.command,
            },
            state,
          )
          assert.ok(E.isRight(decision), `command ${n} would have been refused`)
          const events = decision.right
          assert.ok(events.length > 0)
          for (const event of events) {
            assert.is(stream[at]!.type, event.type)
            assert.equal(stream[at]!.data, JSON.parse(JSON.stringify(event.data)))
            state = spaceDecider.evolve(state, event)
            at++
          }
          assert.not.ok(placed.has(metadata.command.id), `command ${n} was carried out twice`)
          placed.set(metadata.command.id, { first: at - events.length, events: [...events] })
        }

        // Every accepted command is on the log at the position that its answer says; all copies that were accepted with
        // events have the same answer.
        for (const [n, answer] of answers) {
          if (E.isLeft(answer)) continue
          const { revision, events }: Accepted<SpaceEvent> = answer.right
          if (events.length === 0) continue
          const place = placed.get(uuid(n))
          assert.ok(place, `command ${n} was told it was accepted`)
          assert.is(Number(revision), place.first + place.events.length - 1)
          assert.equal(types(events), types(place.events))
        }

        // No path is left with a wrong state of the space.
        for (const path of paths) {
          const seen = await path.look(ROOM)()
          assert.ok(E.isRight(seen))
          const held = seen.right
          assert.is(held === null ? -1 : Number(held.revision), stream.length - 1)
          if (held !== null) assert.equal(held.state, state)
        }
      },
    ),
    { numRuns, includeErrorInReport: true } as never,
  )
})

const types = (events: ReadonlyArray<{ readonly type: string }>): string[] => events.map(({ type }) => type)

test('given ten seats and two processes, when 500 join at once on each, then ten are in and both agree', async () => {
  const log = memoryLog()
  log.pause = async () => turns(1)
  const paths = [pathOn(log), pathOn(log)] as const
  const opened = await paths[0].space(
    asking<SpaceCommand>(uuid(0), account('alice'), { type: 'ChangeSettings', changes: { max_users: 10 } }),
  )()
  assert.ok(E.isRight(opened))
  const answers = await Promise.all(
    Array.from({ length: 1_000 }, (_, n) =>
      paths[(n % 2) as 0 | 1].space(asking(uuid(n + 1), guest(n + 1), join(n)))(),
    ),
  )
  assert.is(answers.filter(E.isRight).length, 10)
  const refused = answers.filter((answer) => E.isLeft(answer) && answer.left._tag === 'Refused')
  assert.is(refused.length, 990)
  for (const answer of refused)
    if (E.isLeft(answer) && answer.left._tag === 'Refused') assert.is(answer.left.refusal._tag, 'SpaceIsFull')
  const seen = await Promise.all(paths.map((path) => path.look(ROOM)()))
  assert.equal(seen[0], seen[1])
  assert.is(log.stream(streamName('refusal', ROOM)).length, 990)
})

test.run()
