/** A room at any of its moments: its state, which event set each part of it, and its messages then. */
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { type SpaceRef, streamName } from '../../domain/names.ts'
import type { RecordedEvent, StreamReader } from '../../domain/ports.ts'
import { Failed, type MomentError, readEvents, told } from './errors.ts'
import { EVERY } from './kept-streams.ts'
import { type MomentMessage, messagesOf, type Open } from './moment-messages.ts'
import type { IsPast, Point } from './point.ts'
import { TALK, type Talk, talk } from './recent-messages.ts'
import { type Standing, standing } from './space-standing.ts'
import { createTimeline, type KeepStream, type Reached, type Timeline } from './timeline.ts'

/** Whether `a` is before `b`; false if they are of different kinds, which can't be compared. */
export const isEarlier = (a: When | null, b: When | null): boolean =>
  (a?.kind === 'time' && b?.kind === 'time' && a.time < b.time) ||
  (a?.kind === 'position' && b?.kind === 'position' && a.position < b.position) ||
  (a?.kind === 'revision' && b?.kind === 'revision' && a.revision < b.revision)

/**
 * A moment of a room. `revision`: as the space was after its own event with that number. `position`: after all the room's
 * events up to that place in the log, inclusive. `time`: up to the room's first event with a later time. The log's order
 * counts: if servers' clocks differ, an event with an earlier time that comes after that one is past the moment too.
 */
export type When =
  | { readonly kind: 'revision'; readonly revision: bigint }
  | { readonly kind: 'position'; readonly position: bigint }
  | { readonly kind: 'time'; readonly time: Date }

export type Moment = {
  readonly space: SpaceRef
  /** The time by which bans, mutes and held seats are judged: the one asked for, else that of the last event. Null if
   *  nothing had happened yet. */
  readonly time: string | null
  /** The position of the room's last event (null for none), and the last revisions of its space and its chat (-1 for none). */
  readonly position: bigint | null
  readonly revision: number
  readonly chatRevision: number
  /** How many unreadable events were skipped; their changes are missing. 0 unless skipping was asked for. */
  readonly unread: number
  readonly standing: Standing
  /** Oldest first. */
  readonly messages: ReadonlyArray<MomentMessage>
}

export type Moments = {
  /** `messages`: how many of the last ones, at most 100. `exact`: trusts nothing but the room's own events. */
  readonly at: (
    space: SpaceRef,
    when: When,
    options?: { readonly messages?: number; readonly exact?: boolean },
  ) => TaskEither<MomentError, Moment>
  /* For what builds on moments; these throw `Failed`, which `told` catches. */
  /** The first place in the log that is no longer part of `when` (`before`: of what came before it); null where all is. */
  readonly bound: (space: SpaceRef, when: When, side: 'before' | 'after') => Promise<bigint | null>
  /** The room's moment before that place. `passing`: unreadable events are skipped. */
  readonly until: (
    space: SpaceRef,
    bound: bigint | null,
    options?: { readonly messages?: number; readonly exact?: boolean; readonly passing?: boolean },
  ) => Promise<Moment>
  readonly log: StreamReader
  /** The same log with personal data still sealed. */
  readonly stored: StreamReader
  readonly spaces: Timeline<Standing>
  readonly chats: Timeline<Talk>
}

const newer = (a: bigint | null, b: bigint | null): bigint | null =>
  a === null ? b : b === null || a > b ? a : b

/** `stored`: the log as it is, while `log` opens what is sealed in it: folding needs nothing personal, so no key is
 *  asked for. `open`: opens as `log` does, so that what was read to fold need not be read again for its words. `keep`:
 *  has a room's moments kept if many are missing. */
export const createMoments = (
  log: StreamReader,
  options: {
    readonly stored?: StreamReader
    readonly open?: Open
    readonly every?: number
    readonly keep?: KeepStream
  } = {},
): Moments => {
  const { stored = log, every = EVERY, keep } = options
  const open = options.open ?? (stored === log ? (events: ReadonlyArray<RecordedEvent>) => events : null)
  const noneSeen = () => (open === null ? undefined : new Map<number, RecordedEvent>())
  const spaces = createTimeline(stored, standing, { every, keep })
  const chats = createTimeline(stored, talk, { every, keep })

  const bound: Moments['bound'] = async (space, when, side) => {
    switch (when.kind) {
      case 'position':
        return side === 'before' ? when.position : when.position + 1n
      case 'revision': {
        const [event] = await readEvents(stored, streamName('space', space), {
          from: when.revision,
          limit: 1,
        })
        if (event !== undefined) return side === 'before' ? event.position : event.position + 1n
        throw new Failed({
          _tag: 'NoSuchMoment',
          field: 'revision',
          detail: `The space has no event ${when.revision}.`,
        })
      }
      case 'time': {
        const ms = when.time.getTime()
        const isPast: IsPast = side === 'before' ? ({ latest }) => latest >= ms : ({ latest }) => latest > ms
        const ends = await Promise.all([spaces.first(space, isPast), chats.first(space, isPast)])
        const positions = ends.flatMap((end) => (end === null ? [] : [end.position]))
        return positions.reduce<bigint | null>((a, b) => (a === null || b < a ? b : a), null)
      }
      default: {
        const none: never = when
        return none
      }
    }
  }

  /** `seen`: the chat's events that were read on the way. */
  const momentOf = async (
    space: SpaceRef,
    { room, chat }: { readonly room: Reached<Standing>; readonly chat: Reached<Talk> },
    seen: ReadonlyMap<number, RecordedEvent> | undefined,
    messages = TALK,
  ): Promise<Moment> => {
    const count = Math.min(TALK, messages)
    const said = count === 0 ? [] : [...chat.state.messages].slice(-count)
    const position = newer(room.position, chat.position)
    return {
      space,
      time: position === null ? null : position === room.position ? room.at : chat.at,
      position,
      revision: room.revision,
      chatRevision: chat.revision,
      unread: room.unread + chat.unread,
      standing: room.state,
      messages: await messagesOf({ log, open: open ?? ((events) => events) }, space, said, seen ?? new Map()),
    }
  }

  const until: Moments['until'] = async (space, end, options = {}) => {
    const past: IsPast = end === null ? () => false : ({ position }) => position >= end
    const how = { exact: options.exact === true, passing: options.passing === true }
    const seen = noneSeen()
    const [room, chat] = await Promise.all([
      spaces.to(space, past, how),
      chats.to(space, past, { ...how, ...(seen === undefined ? {} : { seen }) }),
    ])
    return momentOf(space, { room, chat }, seen, options.messages)
  }

  /** The same as `until` with `bound`, with each stream read once; a stream is read again only if it went on past the other's end. */
  const atTime = async (
    space: SpaceRef,
    ms: number,
    options: { readonly messages?: number; readonly exact?: boolean },
  ): Promise<Moment> => {
    const isLater: IsPast = ({ latest }) => latest > ms
    const exact = options.exact === true
    const seen = noneSeen()
    const [room, chat] = await Promise.all([
      spaces.to(space, isLater, { exact }),
      chats.to(space, isLater, { exact, ...(seen === undefined ? {} : { seen }) }),
    ])
    const ends = [room.next, chat.next].filter((end) => end !== null)
    const [end] = ends.sort((a, b) => (a < b ? -1 : 1))
    if (end === undefined) return momentOf(space, { room, chat }, seen, options.messages)
    const past: IsPast = ({ position }) => position >= end
    const isBefore = ({ position }: Point<unknown>): boolean => position === null || position < end
    return momentOf(
      space,
      {
        room: isBefore(room) ? room : await spaces.to(space, past, { exact }),
        chat: isBefore(chat) ? chat : await chats.to(space, past, { exact }),
      },
      seen,
      options.messages,
    )
  }

  const at: Moments['at'] = (space, when, options = {}) =>
    told(async () => {
      if (when.kind !== 'time') return until(space, await bound(space, when, 'after'), options)
      return { ...(await atTime(space, when.time.getTime(), options)), time: when.time.toISOString() }
    })

  return {
    at,
    bound,
    until,
    log,
    stored,
    spaces,
    chats,
  }
}
