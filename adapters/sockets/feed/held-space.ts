/** A space that is live in this process: its state, its users, the events that wait, and those that are missing. */
import { type Either, right } from 'fp-ts/lib/Either.js'
import type { SpaceRef } from '../../../domain/names.ts'
import type { CommandError } from '../../../domain/ports.ts'
import { type ArrivedEvent, type LiveSpace, liveSpace } from '../live-space.ts'

export type LiveStreamKind = 'space' | 'chat'

export type HeldSpace = {
  readonly live: LiveSpace
  holds: number
  /** What came while it was being woken; null once it is awake. */
  waiting: Array<{ kind: LiveStreamKind; arrived: ArrivedEvent }> | null
  ready: Promise<Either<CommandError<never>, void>>
  gapTimer: NodeJS.Timeout | undefined
  gapTries: number
  /** How far each stream was when it was last seen to have a gap. */
  gapAt: { space: bigint; chat: bigint }
}

export const heldSpace = (space: SpaceRef): HeldSpace => ({
  live: liveSpace(space),
  holds: 0,
  waiting: [],
  ready: Promise.resolve(right(undefined)),
  gapTimer: undefined,
  gapTries: 0,
  gapAt: { space: -1n, chat: -1n },
})
