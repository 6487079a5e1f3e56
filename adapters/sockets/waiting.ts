/** Members in this process who wait for a seat in a full room: each is sent its place whenever that changes, and keeps
 *  it while its connection lasts. The place itself is on the log, and outlives connections and processes. */
import * as E from 'fp-ts/lib/Either.js'
import type { SpaceRef } from '../../domain/names.ts'
import type { Accepted, Clock, Commands, Ids } from '../../domain/ports.ts'
import type { SpaceEvent } from '../../domain/space/events.ts'
import { isOver } from '../../domain/text.ts'
import { inWords, type QueueView, queueViews } from '../queue-view.ts'
import { describeError } from '../refusals.ts'
import type { Answer } from './answers.ts'
import type { Hold, LiveFeed } from './feed.ts'
import type { LiveSpace } from './live-space.ts'
import { type Member, senderOf } from './member.ts'

export type Waiting = {
  /** To be called when a member got a place instead of a session. */
  readonly begin: (member: Member, at: At, accepted: Accepted<SpaceEvent>) => Promise<Answer>
  /** Stops sending the member its place; the place stays for a while, in case it comes again. */
  readonly end: (member: Member) => void
  /** Keeps places and frees seats that ran out. The timer calls it. */
  readonly tick: () => Promise<void>
  readonly stop: () => void
}
type At = { readonly space: SpaceRef; readonly subspace: string; readonly hold: Hold }

type Wait = {
  readonly member: Member
  readonly at: At
  /** What it was last sent, as JSON. */
  told: string
  wasTurn: boolean
}

const EVERY_MS = 2_000
/** A place that ends in less than this (ms) is extended. */
const KEEP_MS = 150_000
const SYSTEM = { kind: 'system', id: 'seats' } as const

/** Why a place no longer exists, as far as the room's state shows. */
const whyOver = ({ state }: LiveSpace, { member, wasTurn }: Wait, at: string): string => {
  const { id } = member.caller
  if (state.own.has(id)) return 'entered'
  const ban = state.bans.get(id)
  if (ban !== undefined && !isOver(ban.until, at)) return 'banned'
  if (!state.settings.queue) return 'off'
  return wasTurn ? 'missed' : 'ended'
}

export const createWaiting = (deps: {
  readonly commands: Commands
  readonly feed: LiveFeed
  readonly clock: Clock
  readonly ids: Ids
  readonly everyMs?: number
  readonly tokenToWait: (member: Member) => string | null
}): Waiting => {
  const { commands, feed, clock, ids } = deps
  const waits = new Map<Member, Wait>()
  const now = (): string => new Date(clock.now()).toISOString()

  const end = (member: Member): void => {
    const wait = waits.get(member)
    if (wait === undefined) return
    waits.delete(member)
    wait.at.hold.live.waits.delete(member)
    wait.at.hold.release()
  }

  const tell = (wait: Wait, view: QueueView | null, at: string): void => {
    const { member, at: where } = wait
    const { space, subspace, hold } = where
    const place = { spaceType: space.type, spaceId: space.id, subspace }
    const told = JSON.stringify(view)
    if (view === null) {
      const reason = whyOver(hold.live, wait, at)
      end(member)
      if (reason !== 'entered') member.line.tell('queue-over', { ...place, reason, timestamp: at })
      return
    }
    if (told === wait.told) return
    wait.told = told
    wait.wasTurn = view.position === 0
    const { expires_at, ...standing } = view
    if (wait.wasTurn) member.line.tell('queue-turn', { ...place, expires_at, timestamp: at })
    else member.line.tell('queue-place', { ...place, ...standing, timestamp: at })
  }

  /** Something happened that may have moved everybody who waits here: the order is computed once for all of them. */
  const moved = (live: LiveSpace): void => {
    const at = now()
    const views = queueViews(live.state, at)
    for (const wait of waits.values())
      if (wait.at.hold.live === live) tell(wait, views.of(wait.member.caller.id), at)
  }

  const begin: Waiting['begin'] = async (member, at, { revision }) => {
    end(member)
    const { live } = at.hold
    await feed.reach(live, { space: revision, chat: live.chatSeq.last })
    const view = queueViews(live.state, now()).of(member.caller.id)
    if (view === null || member.isGone) {
      at.hold.release()
      return { ok: false, code: 'conflict', error: 'The place in the queue is gone again: ask once more.' }
    }
    const wait: Wait = { member, at, told: '', wasTurn: false }
    waits.set(member, wait)
    live.waits.set(member, () => moved(live))
    // After the answer, so that the client knows what this is about.
    setImmediate(() => {
      if (waits.get(member) === wait) tell(wait, view, now())
    })
    const token = deps.tokenToWait(member)
    return {
      ok: false,
      code: 'queued',
      error: inWords(view),
      queue: view,
      subject: member.caller.id,
      ...(token === null ? {} : { session_token: token }),
    }
  }

  /** Whoever may no longer be there gives up their place, and is notified. */
  const keep = async (wait: Wait): Promise<void> => {
    const { member, at } = wait
    const { space, subspace } = at
    const command = { type: 'EnterSpace', subspace } as const
    const kept = await commands.space({ ...senderOf(member), space, id: ids.uuid(), command })()
    if (E.isRight(kept) || kept.left._tag !== 'Refused' || kept.left.refusal._tag === 'SlowDown') return
    const { code } = describeError(kept.left)
    if (waits.get(member) !== wait) return
    end(member)
    const { type, id } = space
    member.line.tell('queue-over', { spaceType: type, spaceId: id, subspace, reason: code, timestamp: now() })
    const leave = { type: 'LeaveQueue', subject: member.caller.id, reason: null } as const
    await commands.space({ by: SYSTEM, space, id: ids.uuid(), command: leave })()
  }

  const isDue = (live: LiveSpace, at: string): boolean => {
    const { state } = live
    for (const seat of state.held.values()) if (isOver(seat.expiresAt, at)) return state.queue.size > 0
    for (const place of state.queue.values()) if (isOver(place.until, at)) return true
    return false
  }

  const tick = async (): Promise<void> => {
    const at = now()
    const soon = new Date(clock.now() + KEEP_MS).toISOString()
    const spaces = new Set<LiveSpace>()
    const work: Array<Promise<unknown>> = []
    for (const wait of waits.values()) {
      const { live } = wait.at.hold
      spaces.add(live)
      const place = live.state.queue.get(wait.member.caller.id)
      if (place !== undefined && isOver(place.until, soon)) work.push(keep(wait))
    }
    for (const live of spaces)
      if (isDue(live, at))
        work.push(
          commands.space({
            by: SYSTEM,
            space: live.space,
            id: ids.uuid(),
            command: { type: 'ExpireSeats' },
          })(),
        )
    await Promise.all(work)
  }

  let isTicking = false
  // While the log does not answer, beats don't ask it again.
  const beat = async (): Promise<void> => {
    if (isTicking) return
    isTicking = true
    await tick().finally(() => {
      isTicking = false
    })
  }
  const timer = setInterval(() => void beat(), deps.everyMs ?? EVERY_MS)
  timer.unref()
  return { begin, end, tick, stop: () => clearInterval(timer) }
}
