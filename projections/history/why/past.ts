/** The room just before an act, as its decision saw it. */
import { chatDecider } from '../../../domain/chat/decider.ts'
import type { ChatEvent } from '../../../domain/chat/events.ts'
import { forkFiltered } from '../../../domain/chat/filtered.ts'
import { AUTHORS, type ChatState, type Found, initialChat, WINDOW } from '../../../domain/chat/state.ts'
import type { Decoded } from '../../../domain/codec.ts'
import { type SpaceRef, spaceKey, streamName } from '../../../domain/names.ts'
import type { RecordedEvent, StreamReader } from '../../../domain/ports.ts'
import { readEvents } from '../errors.ts'
import type { Moments } from '../moments.ts'
import { type Point, readable, refOf } from '../point.ts'
import { type Standing, standing } from '../space-standing.ts'
import type { Cause } from './cause.ts'
import { commandOf } from './neighbours.ts'
import { backwards, findMessages } from './past-messages.ts'

export type PastStates = {
  /** Causes that were found already, by space and revision: what set something does not change. */
  readonly causes: Map<string, Promise<Cause | null>>
  /** The standing after that revision of the space (-1: before the first). The caller's to keep. */
  readonly standingAt: (space: SpaceRef, revision: number) => Promise<Standing>
  /** The chat's window after that revision. */
  readonly chatAt: (space: SpaceRef, revision: number) => Promise<ChatState>
  /** When `author` last posted, up to that revision and not before `since` (ms); null if they did not. */
  readonly lastPost: (
    space: SpaceRef,
    author: string,
    revision: number,
    since: number,
  ) => Promise<number | null>
  /** What the chat says about these messages up to that revision, also beyond the window. */
  readonly find: (space: SpaceRef, ids: ReadonlyArray<string>, revision: number) => Promise<Found>
  readonly eventAt: (
    space: SpaceRef,
    kind: 'space' | 'chat' | 'refusal',
    revision: number,
  ) => Promise<Decoded | null>
  /** All that one command wrote to that event's stream, in order. */
  readonly commandOf: (decoded: Decoded) => Promise<ReadonlyArray<Decoded>>
}

/** A message counts when it was sent, even if a filter held it then; an edit does not count. */
const isSentBy = ({ type, data }: Decoded['event'], author: string): boolean =>
  ((type === 'MessageHeld' && data.edits === undefined) ||
    (type === 'MessagePosted' && data.heldAt === undefined)) &&
  (data.account ?? data.guest) === author

const PAGE = 1_000
/** The most events between two moments for the second to be folded on from the first. */
const STEP = 512

/** How many places are remembered, since a chain of causes goes back and forth. */
const PLACES = 8

/** Remembers the last places that were looked at, since somebody who steps through a room's events asks for the next
 *  one. It holds digests of words, never words. */
export const createPast = (moments: Moments): PastStates => {
  const { log, stored } = moments
  const rooms: Array<{ readonly key: string; readonly point: Point<Standing> }> = []
  let talked: { readonly key: string; readonly revision: number; readonly state: ChatState } | null = null

  /** The nearest place from which that one can be reached by folding on. It is removed, since its state will be written to. */
  const takeNear = (key: string, revision: number): Point<Standing> | null => {
    let best = -1
    for (const [i, { key: its, point }] of rooms.entries()) {
      const ahead = revision - point.revision
      if (its !== key || ahead < 0 || ahead > STEP) continue
      if (best < 0 || point.revision > rooms[best]!.point.revision) best = i
    }
    return best < 0 ? null : (rooms.splice(best, 1)[0]?.point ?? null)
  }

  const between = async (
    from: StreamReader,
    stream: string,
    after: number,
    until: number,
  ): Promise<ReadonlyArray<RecordedEvent>> => {
    const events: RecordedEvent[] = []
    for (let next = after + 1; next <= until; next += PAGE) {
      const limit = Math.min(PAGE, until - next + 1)
      events.push(...(await readEvents(from, stream, { from: BigInt(next), limit })))
    }
    return events
  }

  const standingAt: PastStates['standingAt'] = async (space, revision) => {
    const key = spaceKey(space)
    const near = takeNear(key, revision)
    let point: Point<Standing>
    if (near !== null) {
      point = near
      for (const event of await between(stored, streamName('space', space), point.revision, revision)) {
        const decoded = readable(event)
        const state = standing.apply(point.state, decoded, refOf(decoded))
        const { position, id, metadata } = decoded
        point = { ...point, state, revision: Number(decoded.revision), position, id, at: metadata.at }
      }
    } else point = await moments.spaces.to(space, (where) => where.revision > revision, { last: revision })
    rooms.push({ key, point })
    if (rooms.length > PLACES) rooms.shift()
    return standing.fork(point.state)
  }

  /** What filters had caught by then, which may be older than the window. */
  const filteredAt = async (space: SpaceRef, revision: number): Promise<Partial<ChatState>> => {
    if (revision < 0) return {}
    const { state } = await moments.chats.to(space, (where) => where.revision > revision, { last: revision })
    return { filtered: forkFiltered(state.filtered) }
  }

  const chatAt: PastStates['chatAt'] = async (space, revision) => {
    const key = spaceKey(space)
    const near = talked
    talked = null
    const isNear =
      near !== null && near.key === key && near.revision <= revision && revision - near.revision <= STEP
    const after = isNear ? near.revision : Math.max(-1, revision - WINDOW)
    let state: ChatState = isNear
      ? near.state
      : { ...initialChat(), ...(await filteredAt(space, after)), length: after + 1 }
    for (const event of await between(log, streamName('chat', space), after, revision))
      state = chatDecider.evolve(state, readable(event).event as ChatEvent)
    talked = { key, revision, state }
    return chatDecider.fork(state)
  }

  const eventAt: PastStates['eventAt'] = async (space, kind, revision) => {
    if (revision < 0) return null
    const [event] = await readEvents(log, streamName(kind, space), { from: BigInt(revision), limit: 1 })
    return event === undefined ? null : readable(event)
  }

  return {
    causes: new Map(),
    standingAt,
    chatAt,
    eventAt,
    lastPost: async (space, author, revision, since) => {
      let found: number | null = null
      let looked = 0
      await backwards(log, space, revision, ({ event, metadata }) => {
        const at = Date.parse(metadata.at)
        if (isSentBy(event, author)) found = at
        return found !== null || at < since || ++looked > AUTHORS * 10
      })
      return found
    },
    find: (space, ids, revision) => findMessages(log, space, ids, revision),
    commandOf: (decoded) => commandOf(log, decoded),
  }
}
