/** A command path on a memory log, where tests state time, ids and content. For tests alone. */
import * as E from 'fp-ts/lib/Either.js'
import type { Logger } from '../../adapters/observing.ts'
import { type CommandsOptions, createCommands } from '../../apps/commands/commands.ts'
import type { Caller } from '../../domain/identity.ts'
import type { SpaceRef } from '../../domain/names.ts'
import type { Clock, CommandRequest, Content, EventLog, Ids } from '../../domain/ports.ts'
import type { ContentFacts, JoinSpace, SpaceCommand } from '../../domain/space/commands.ts'

export const ROOM: SpaceRef = { type: 'post', id: 'alice/my-post' }
export const SYSTEM = { kind: 'system', id: 'test' } as const
export const account = (id: string): Caller => ({ kind: 'account', id })
export const guest = (n: number): Caller => ({
  kind: 'guest',
  id: `guest:${n.toString(16).padStart(12, '0')}`,
})

export const quiet: Logger = { info: () => {}, warn: () => {}, error: () => {} }

/** Steps a millisecond each time it is asked, so that no two moments are one. */
export const stepClock = (
  from = Date.parse('2026-01-01T00:00:00Z'),
): Clock & { advance(ms: number): void } => {
  let at = from
  return {
    now: () => at++,
    advance: (ms) => {
      at += ms
    },
  }
}

/** UUIDs in order: the first is `00000000-0000-4000-8000-000000000001`. */
export const countedIds = (prefix = 0): Ids => {
  let n = 0
  return { uuid: () => uuid(++n, prefix) }
}
export const uuid = (n: number, prefix = 0): string =>
  `${prefix.toString(16).padStart(8, '0')}-0000-4000-8000-${n.toString(16).padStart(12, '0')}`

/** The facts of a public post of alice's, for any caller. */
export const publicPost = (by: Caller | null): ContentFacts => ({
  exists: true,
  title: 'My post',
  owner: 'alice',
  visibility: 'public',
  role: by?.kind === 'account' && by.id === 'alice' ? 'owner' : null,
})
export const contentOf = (facts: (by: Caller | null, space: SpaceRef) => ContentFacts): Content => ({
  factsFor: (space, by) => async () => E.right(facts(by, space)),
})

let boots = 0

export const pathOn = (log: EventLog, options: Partial<CommandsOptions> = {}) =>
  createCommands({
    log,
    content: contentOf(publicPost),
    clock: stepClock(),
    ids: countedIds(0xabc),
    node: { id: 'node-a', boot: `boot-${++boots}` },
    messageLookup: (_, ids) => async () => E.right(new Map(ids.map((id) => [id, null]))),
    logger: quiet,
    limits: 'off',
    ...options,
    tuning: {
      wait: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, 1))),
      ...options.tuning,
    },
  })

export const join = (n: number, of: Partial<JoinSpace> = {}): JoinSpace => ({
  type: 'JoinSpace',
  sessionId: `session-${n}`,
  socketId: `socket-${n}`,
  subspace: 'main',
  position: null,
  avatarData: null,
  boot: 'boot-a',
  ...of,
})

/** A request of the command with a made-up id, in `ROOM`. */
export const asking = <C = SpaceCommand>(
  id: string,
  by: CommandRequest<C>['by'],
  command: C,
  space: SpaceRef = ROOM,
): CommandRequest<C> => ({ id, by, command, space })
