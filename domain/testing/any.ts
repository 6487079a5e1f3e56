/** Any command, by anyone, at any time: what the property tests draw from. Few names, so that they collide. */
import fc from 'fast-check'
import type { SettingsChanges } from '../settings.ts'
import type { SpaceCommand } from '../space/commands.ts'
import { account, at, guest, OWNER, system } from './people.ts'
import * as ask from './space-commands.ts'

export const RUNS = Number(process.env.PROPERTY_RUNS ?? 300)

const names = [OWNER, 'alice', 'carol', 'dave', 'erin']
const guests = [1, 2].map((n) => guest(n).id)
const subjects = [...names, ...guests]
const anySubject = fc.constantFrom(...subjects)
const anyName = fc.constantFrom(...names)
const anyNumber = fc.integer({ min: 1, max: 2 })
const anySession = fc.tuple(anySubject, anyNumber).map(([subject, n]) => `${subject}-${n}`)
const anyRoom = fc.constantFrom('main', 'main-chess')
const anyPermission = fc.constantFrom('access' as const, 'moderate' as const, 'admin' as const)
const anyBy = fc.oneof(
  { weight: 5, arbitrary: fc.constant(account(OWNER)) },
  { weight: 8, arbitrary: anyName.map(account) },
  { weight: 3, arbitrary: fc.constantFrom(guest(1), guest(2)) },
  { weight: 1, arbitrary: fc.constant(system) },
)

/** Whether a ban has ended depends on when the command is sent, so its end is given in seconds from then. */
export type CommandStep = {
  readonly by: ReturnType<typeof account> | ReturnType<typeof guest> | typeof system
  /** Seconds since the step before. */
  readonly pause: number
  readonly command: (now: number, self: string) => SpaceCommand
}
const anyEnd = fc.option(fc.integer({ min: 1, max: 100 }), { freq: 2 })
const endAt = (now: number, end: number | null): string | null => (end === null ? null : at(now + end))

const anySettings: fc.Arbitrary<SettingsChanges> = fc.record(
  {
    chat_enabled: fc.boolean(),
    voice_enabled: fc.boolean(),
    guests_allowed: fc.boolean(),
    max_users: fc.integer({ min: 1, max: 6 }),
    queue: fc.boolean(),
    slow_mode_seconds: fc.integer({ min: 0, max: 60 }),
    settings: fc.dictionary(
      fc.constantFrom('sky', 'fog'),
      fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 2 })),
    ),
  },
  { requiredKeys: [] },
)
const fixed = (arbitrary: fc.Arbitrary<SpaceCommand>): fc.Arbitrary<CommandStep['command']> =>
  arbitrary.map((command) => () => command)

/** Most commands are about oneself; some about whoever. */
const anyCommand: fc.Arbitrary<CommandStep['command']> = fc.oneof(
  { weight: 3, arbitrary: fixed(anyRoom.map(ask.enter)) },
  {
    weight: 6,
    arbitrary: fc.tuple(anyNumber, anyNumber, anyRoom).map(
      ([n, socket, subspace]): CommandStep['command'] =>
        (_, self) =>
          ask.join(self, n, { socketId: `socket-${self}-${socket}`, subspace }),
    ),
  },
  { weight: 1, arbitrary: fixed(fc.tuple(anySubject, anyNumber).map(([who, n]) => ask.join(who, n))) },
  { weight: 2, arbitrary: fixed(anySession.map((session) => ask.leave(session))) },
  {
    weight: 2,
    arbitrary: anyNumber.map(
      (n): CommandStep['command'] =>
        (_, self) =>
          ask.leave(`${self}-${n}`),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(anyNumber, anyRoom).map(
      ([n, room]): CommandStep['command'] =>
        (_, self) =>
          ask.move(`${self}-${n}`, room),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(anyNumber, fc.boolean()).map(
      ([n, on]): CommandStep['command'] =>
        (_, self) =>
          ask.voice(`${self}-${n}`, on),
    ),
  },
  { weight: 3, arbitrary: fixed(fc.tuple(anyName, anyPermission).map(([name, p]) => ask.grant(name, p))) },
  { weight: 2, arbitrary: fixed(anyName.map(ask.revoke)) },
  {
    weight: 2,
    arbitrary: fc.tuple(anySubject, anyEnd).map(
      ([who, end]): CommandStep['command'] =>
        (now) =>
          ask.ban(who, endAt(now, end)),
    ),
  },
  { weight: 2, arbitrary: fixed(anySubject.map(ask.unban)) },
  {
    weight: 2,
    arbitrary: fc.tuple(anySubject, anyEnd).map(
      ([who, end]): CommandStep['command'] =>
        (now) =>
          ask.mute(who, endAt(now, end)),
    ),
  },
  { weight: 2, arbitrary: fixed(anySubject.map(ask.unmute)) },
  { weight: 2, arbitrary: fixed(anySession.map((session) => ask.kick(session))) },
  { weight: 2, arbitrary: fixed(anySettings.map(ask.settings)) },
  { weight: 1, arbitrary: fixed(fc.constant(ask.expire)) },
)
const anyStep: fc.Arbitrary<CommandStep> = fc.record({
  by: anyBy,
  pause: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40 })),
  command: anyCommand,
})
export const anySteps = fc.array(anyStep, { minLength: 1, maxLength: 120, size: 'max' })
export const anyPlace = fc.constantFrom('public' as const, 'private' as const)
