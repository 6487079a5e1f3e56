/** Any moment of a room: who was there, what was in force and what had been said, from the log alone. */
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { ChatEventOf } from '../../domain/chat/events.ts'
import type { Actor } from '../../domain/identity.ts'
import { type SpaceRef, streamName } from '../../domain/names.ts'
import type { RecordedEvent, StreamReader } from '../../domain/ports.ts'
import { Failed, type MomentError, readEvents, told } from './errors.ts'
import { EVERY } from './kept-streams.ts'
import { type Past, type Point, readable } from './point.ts'
import { type Said, TALK, type Talk, talk } from './recent-messages.ts'
import type { Ref } from './refs.ts'
import { type Standing, standing } from './space-standing.ts'
import { createTimeline, type KeepStream, type Reached, type Timeline } from './timeline.ts'

/**
 * `revision`: as the space stood after its own event of that number. `position`: after everything of the room up to that
 * place in the log, inclusive. `time`: up to the room's first event that says a later time. The log's order is what
 * counts: where servers' clocks differ, an event with an earlier time behind that one is past the moment too.
 */
export type When =
  | { readonly kind: 'revision'; readonly revision: bigint }
  | { readonly kind: 'position'; readonly position: bigint }
  | { readonly kind: 'time'; readonly time: Date }

/** A message as it read then. `content` is empty where it was deleted, or where its words have been erased since
 *  (`erased`: by which request). */
export type MomentMessage = {
  readonly messageId: string
  readonly account: string | null
  readonly guest: string | null
  readonly displayName: string
  readonly subspace: string
  readonly messageType: string
  readonly content: string
  readonly parentMessageId: string | null
  readonly threadRootId: string | null
  readonly createdAt: string
  readonly editedAt: string | null
  readonly deleted: { readonly by: Actor; readonly at: string } | null
  readonly erased: string | null
  readonly reactions: Said['reactions']
  readonly posted: Ref
  readonly edited: Ref | null
}

export type Moment = {
  readonly space: SpaceRef
  /** The time that bans, mutes and held seats are judged by: the one asked for, else that of the last event. Null where
   *  nothing had happened yet. */
  readonly time: string | null
  /** Of the last event of the room (null for none), and the last revisions of its space and its chat (-1 for none). */
  readonly position: bigint | null
  readonly revision: number
  readonly chatRevision: number
  /** Events before it that can't be read, so that what they changed is missing: 0 but where they were to be passed over. */
  readonly unread: number
  readonly standing: Standing
  /** Oldest first. */
  readonly messages: ReadonlyArray<MomentMessage>
}

export type Moments = {
  /** `messages`: how many of the last, 100 at most. `exact`: with nothing believed but the room's own events. */
  readonly at: (
    space: SpaceRef,
    when: When,
    options?: { readonly messages?: number; readonly exact?: boolean },
  ) => TaskEither<MomentError, Moment>
  /* For what builds on moments; these throw `Failed`, which `told` catches. */
  /** The first place in the log that is no longer part of `when` (`before`: of what came before it); null where all is. */
  readonly bound: (space: SpaceRef, when: When, side: 'before' | 'after') => Promise<bigint | null>
  /** The room's moment before that place. `passing`: as well as can be told where some events can't be read. */
  readonly until: (
    space: SpaceRef,
    bound: bigint | null,
    options?: { readonly messages?: number; readonly exact?: boolean; readonly passing?: boolean },
  ) => Promise<Moment>
  readonly log: StreamReader
  /** The same with what is personal still sealed. */
  readonly stored: StreamReader
  readonly spaces: Timeline<Standing>
  readonly chats: Timeline<Talk>
}

/** Revisions this near to each other are read at once. */
const NEAR = 64

/** Events with what is personal in them opened. */
export type Open = (
  events: ReadonlyArray<RecordedEvent>,
) => ReadonlyArray<RecordedEvent> | Promise<ReadonlyArray<RecordedEvent>>

/** The words of these, oldest first. `seen`: events at hand, still sealed, that need not be read again. */
const messagesOf = async (
  log: StreamReader,
  open: Open,
  space: SpaceRef,
  said: ReadonlyArray<readonly [string, Said]>,
  seen: ReadonlyMap<number, RecordedEvent>,
): Promise<ReadonlyArray<MomentMessage>> => {
  const stream = streamName('chat', space)
  const wanted = new Set<number>()
  const sealed: RecordedEvent[] = []
  const want = (revision: number): void => {
    const event = seen.get(revision)
    if (event === undefined) wanted.add(revision)
    else sealed.push(event)
  }
  for (const [, { posted, edited }] of said) {
    want(posted.revision)
    if (edited !== null) want(edited.revision)
  }
  const sorted = [...wanted].sort((a, b) => a - b)
  const runs: Array<{ readonly from: number; to: number }> = []
  for (const revision of sorted) {
    const last = runs.at(-1)
    if (last !== undefined && revision - last.to <= NEAR) last.to = revision
    else runs.push({ from: revision, to: revision })
  }
  const pages = await Promise.all(
    runs.map(({ from, to }) => readEvents(log, stream, { from: BigInt(from), limit: to - from + 1 })),
  )
  let opened: ReadonlyArray<RecordedEvent>
  try {
    opened = await open(sealed)
  } catch (error) {
    throw new Failed({ _tag: 'LogUnavailable', cause: `keys: ${(error as Error).message}` })
  }
  const events = new Map([...pages.flat(), ...opened].map((event) => [Number(event.revision), event]))
  return said.map(([messageId, { posted, edited, deleted, reactions }]) => {
    const first = events.get(posted.revision)
    if (first === undefined)
      throw new Failed({ _tag: 'Unreadable', cause: `event ${posted.revision} of ${stream} is gone` })
    const { data, by } = postingOf(first)
    const last = edited === null ? undefined : events.get(edited.revision)
    const words = last === undefined ? { ...data, ...by } : editOf(last)
    return {
      messageId,
      account: data.account,
      guest: data.guest,
      displayName: data.displayName,
      subspace: data.subspace,
      messageType: data.messageType,
      content: deleted === null ? words.content : '',
      parentMessageId: data.parentMessageId,
      threadRootId: data.threadRootId,
      createdAt: data.at,
      editedAt: last === undefined ? null : words.at,
      deleted: deleted === null ? null : { by: deleted.by, at: deleted.at },
      erased: words.erased,
      reactions,
      posted,
      edited,
    }
  })
}

type Words = { readonly content: string; readonly at: string; readonly erased: string | null }
const erasedIn = (data: object): string | null =>
  'erased' in data && typeof data.erased === 'string' ? data.erased : null
const postingOf = (recorded: Parameters<typeof readable>[0]) => {
  const decoded = readable(recorded)
  const { data } = decoded.event as ChatEventOf<'MessagePosted'>
  return { data, by: { erased: erasedIn(data) } }
}
const editOf = (recorded: Parameters<typeof readable>[0]): Words => {
  const { data } = readable(recorded).event as ChatEventOf<'MessageEdited'>
  return { content: data.content, at: data.at, erased: erasedIn(data) }
}

const newer = (a: bigint | null, b: bigint | null): bigint | null =>
  a === null ? b : b === null || a > b ? a : b

/** `stored`: the log as it stands, where `log` opens what is sealed in it: folding needs nothing that is personal, so no
 *  key is asked for. `open`: as `log` does it, so that what was read to fold need not be read again for its words. `keep`:
 *  what has a room's moments kept where many are missing. */
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
        const isPast: Past = side === 'before' ? ({ latest }) => latest >= ms : ({ latest }) => latest > ms
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

  const momentOf = async (
    space: SpaceRef,
    room: Reached<Standing>,
    chat: Reached<Talk>,
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
      messages: await messagesOf(log, open ?? ((events) => events), space, said, seen ?? new Map()),
    }
  }

  const until: Moments['until'] = async (space, end, options = {}) => {
    const past: Past = end === null ? () => false : ({ position }) => position >= end
    const how = { exact: options.exact === true, passing: options.passing === true }
    const seen = noneSeen()
    const [room, chat] = await Promise.all([
      spaces.to(space, past, how),
      chats.to(space, past, { ...how, ...(seen === undefined ? {} : { seen }) }),
    ])
    return momentOf(space, room, chat, seen, options.messages)
  }

  /** What `until` gives of `bound`'s end, with each stream read once: only where one goes on past the other's end is it
   *  read again. */
  const atTime = async (
    space: SpaceRef,
    ms: number,
    options: { readonly messages?: number; readonly exact?: boolean },
  ): Promise<Moment> => {
    const isLater: Past = ({ latest }) => latest > ms
    const exact = options.exact === true
    const seen = noneSeen()
    const [room, chat] = await Promise.all([
      spaces.to(space, isLater, { exact }),
      chats.to(space, isLater, { exact, ...(seen === undefined ? {} : { seen }) }),
    ])
    const ends = [room.next, chat.next].filter((end) => end !== null)
    const [end] = ends.sort((a, b) => (a < b ? -1 : 1))
    if (end === undefined) return momentOf(space, room, chat, seen, options.messages)
    const past: Past = ({ position }) => position >= end
    const isBefore = ({ position }: Point<unknown>): boolean => position === null || position < end
    return momentOf(
      space,
      isBefore(room) ? room : await spaces.to(space, past, { exact }),
      isBefore(chat) ? chat : await chats.to(space, past, { exact }),
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

/** The value, or the failure thrown: for use inside this folder. */
export const orFail = async <A>(task: TaskEither<MomentError, A>): Promise<A> => {
  const result = await task()
  if (E.isLeft(result)) throw new Failed(result.left)
  return result.right
}
