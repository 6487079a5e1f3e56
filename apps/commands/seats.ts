/** Frees held seats that ran out, in the spaces that this process let people into, and ends the sessions and voices
 *  that were too many to end together with what forbade them (a setting, a ban, a mute, a revoked permission). The
 *  space's own rules make up for whatever it misses: a seat that ran out counts for nothing at the next request. */
import * as E from 'fp-ts/lib/Either.js'
import { type SpaceKey, type SpaceRef, spaceKey } from '../../domain/names.ts'
import type { Clock, Commands, Ids, OnAccepted } from '../../domain/ports.ts'
import { AT_ONCE_WITH_WORDS } from '../../domain/space/endings.ts'

export type SeatKeeper = {
  /** To be called for each accepted command. */
  readonly noticed: OnAccepted
  /** Sends what is due. The timer calls it. */
  readonly tick: () => Promise<void>
  readonly start: () => void
  readonly stop: () => void
  readonly waiting: () => number
}

type Due = { readonly space: SpaceRef; first: number; last: number }

const SYSTEM = { kind: 'system', id: 'seats' } as const
/** A command that ended this many may have left more for the next round. */
const MANY = AT_ONCE_WITH_WORDS
const MAX_SPACES = 100_000

export const keepSeats = (options: {
  readonly commands: () => Pick<Commands, 'space'>
  readonly clock: Clock
  readonly ids: Ids
  /** How often to look for what is due. Default 2,000 ms. */
  readonly everyMs?: number
  /** Seats that run out within this time of each other are freed together. Default 5,000 ms. */
  readonly togetherMs?: number
}): SeatKeeper => {
  const { clock, ids } = options
  const togetherMs = options.togetherMs ?? 5_000
  const due = new Map<SpaceKey, Due>()
  let timer: NodeJS.Timeout | undefined

  const note = (space: SpaceRef, at: number): void => {
    const key = spaceKey(space)
    const known = due.get(key)
    if (known !== undefined) {
      known.last = Math.max(known.last, at)
      known.first = Math.min(known.first, at)
    } else if (due.size < MAX_SPACES) due.set(key, { space, first: at, last: at })
  }

  const tick = async (): Promise<void> => {
    const now = clock.now()
    const ready = [...due.values()].filter(({ first }) => first <= now)
    for (const one of ready) due.delete(spaceKey(one.space))
    await Promise.all(
      ready.map(async ({ space, last }) => {
        const answer = await options
          .commands()
          .space({ by: SYSTEM, id: ids.uuid(), space, command: { type: 'ExpireSeats' } })()
        if (E.isLeft(answer)) {
          // Nothing is due in a space that can no longer be read.
          if (answer.left._tag !== 'Broken') note(space, now + togetherMs)
        } else if (answer.right.events.length >= MANY) note(space, now)
        else if (last > now) note(space, Math.min(last, now + togetherMs))
      }),
    )
  }

  return {
    noticed: (kind, space, { events }) => {
      if (kind !== 'space') return
      for (const { type, data } of events)
        if (type === 'EntryGranted') note(space, Date.parse(data.expiresAt))
      if (events.length >= MANY) note(space, clock.now())
    },
    tick,
    start: () => {
      timer = setInterval(() => void tick(), options.everyMs ?? 2_000)
      timer.unref()
    },
    stop: () => clearInterval(timer),
    waiting: () => due.size,
  }
}
