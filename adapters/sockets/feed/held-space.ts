/** A space that is live in this process: its state, its users, the events that wait, and the missing ones. */
import { type Either, right } from 'fp-ts/lib/Either.js'
import type { SpaceRef } from '../../../domain/names.ts'
import type { CommandError } from '../../../domain/ports.ts'
import { type ArrivedEvent, type LiveSpace, liveSpace } from '../live-space.ts'

export type LiveStreamKind = 'space' | 'chat'

export type HeldSpace = {
  readonly live: LiveSpace
  holds: number
  /** What came while the space was being loaded; null once it is. */
  waiting: Array<{ kind: LiveStreamKind; arrived: ArrivedEvent }> | null
  ready: Promise<Either<CommandError<never>, void>>
  gapTimer: NodeJS.Timeout | undefined
  gapTries: number
  /** The revision of each stream when it was last seen to have a gap. */
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
