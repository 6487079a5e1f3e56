/** Makes a room's past for tests and measurements: the deciders decide commands, and the events are put in the log's order. */
import * as E from 'fp-ts/lib/Either.js'
import { chatDecider } from '../../domain/chat/decider.ts'
import type { ChatEvent } from '../../domain/chat/events.ts'
import type { ChatState } from '../../domain/chat/state.ts'
import type { Decoded } from '../../domain/codec.ts'
import { type AnyCommand, isChatCommand } from '../../domain/commands.ts'
import type { Caller } from '../../domain/identity.ts'
import { type StreamKind, streamName } from '../../domain/names.ts'
import { codeOf } from '../../domain/refused.ts'
import { RULES } from '../../domain/rules.ts'
import { groundsFor } from '../../domain/space/access.ts'
import type { SpaceCommand } from '../../domain/space/commands.ts'
import { spaceDecider } from '../../domain/space/decider.ts'
import type { SpaceEvent } from '../../domain/space/events.ts'
import { askedFor } from '../../domain/space/facts.ts'
import type { SpaceState } from '../../domain/space/state.ts'

const SPACE = { type: 'post', id: 'bob/a-room' } as const
const START = Date.parse('2026-03-01T12:00:00.000Z')
const OWNER = 'bob'

export type MadePast = {
  readonly events: Decoded[]
  /** Sends a command `seconds` after noon; its events are added to `events`. Returns whether it was accepted. */
  readonly send: (by: Caller, command: AnyCommand, seconds: number) => boolean
  readonly state: () => SpaceState
  readonly chat: () => ChatState
}

/** A public room of bob's, in which nothing has happened. */
export const madePast = (): MadePast => {
  let state = spaceDecider.initial()
  let chat = chatDecider.initial()
  const events: Decoded[] = []
  const revisions = { space: -1, chat: -1, refusal: -1, cases: -1 }
  let commands = 0

  const put = (kind: StreamKind, event: Decoded['event'], metadata: Decoded['metadata']): void => {
    revisions[kind] += 1
    const n = events.length
    events.push({
      ...{ kind, event, metadata, space: SPACE, stream: streamName(kind, SPACE) },
      ...{ revision: BigInt(revisions[kind]), position: BigInt(100 + n), created: new Date(metadata.at) },
      id: `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`,
    } as Decoded)
  }

  return {
    events,
    state: () => state,
    chat: () => chat,
    send: (by, command, seconds) => {
      commands += 1
      const at = new Date(START + seconds * 1_000).toISOString()
      const id = `command-${commands}`
      const role = by.id === OWNER ? 'owner' : null
      const content = { exists: true, title: 'A room', owner: OWNER, visibility: 'public', role } as const
      const asked = { id, by, at, content }
      const kind = isChatCommand(command) ? 'chat' : 'space'
      const decision: E.Either<
        Parameters<typeof codeOf>[0],
        ReadonlyArray<SpaceEvent | ChatEvent>
      > = isChatCommand(command)
        ? chatDecider.decide({ ...asked, command, space: state, found: new Map() }, chat)
        : spaceDecider.decide({ ...asked, command: command as SpaceCommand }, state)
      const metadata = {
        $correlationId: id,
        $causationId: id,
        command: { id, type: command.type },
        actor: { kind: by.kind, id: by.id },
        node: 'node-1',
        at,
        schema: 1,
        rules: RULES,
        grounds: groundsFor(state, asked),
        seen: { space: revisions.space, chat: revisions.chat },
      }
      if (E.isLeft(decision)) {
        const data = { command: command.type, reason: codeOf(decision.left), at, asked: askedFor(command) }
        put('refusal', { type: 'CommandRefused', data }, metadata)
        return false
      }
      for (const event of decision.right) {
        put(kind, event, metadata)
        if (kind === 'chat') chat = chatDecider.evolve(chat, event as ChatEvent)
        else state = spaceDecider.evolve(state, event as SpaceEvent)
      }
      return true
    },
  }
}
