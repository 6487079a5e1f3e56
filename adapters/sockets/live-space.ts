/** One space as this process's sockets see it: its state as of the last news sent, and which of its sessions are here. */
import { isDeepStrictEqual } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import type { ChatEvent } from '../../domain/chat/events.ts'
import { decodeRecorded } from '../../domain/codec.ts'
import { type RoomKey, roomKey, type SpaceKey, type SpaceRef, spaceKey } from '../../domain/names.ts'
import type { RecordedEvent } from '../../domain/ports.ts'
import type { ContentFacts } from '../../domain/space/commands.ts'
import type { LeaveReason, SpaceEvent } from '../../domain/space/events.ts'
import { evolveSpace, initialSpace } from '../../domain/space/evolve.ts'
import type { SpaceState } from '../../domain/space/state.ts'
import { chatNews, type Delivery, spaceNews } from '../../projections/live/news.ts'
import { type Sequence, sequence } from '../../projections/live/sequence.ts'
import type { KickedNotice, News } from '../../projections/live/wire.ts'
import type { Position } from '../redis/position.ts'
import {
  type CountedRoom,
  count,
  crowdChanged,
  crowdOf,
  firstPage,
  isComing,
  pagedNews,
  personInJson,
  personOf,
  Roster,
} from './crowds.ts'

/** An event on its way to the rooms: as it is on the log, or as the command path just appended it. */
export type ArrivedEvent = { readonly revision: bigint; readonly position: bigint } & (
  | { readonly recorded: RecordedEvent }
  | { readonly event: SpaceEvent | ChatEvent }
)

/** A session whose socket is in this process. Its functions are called in the order of the log. */
export type Occupant = {
  /** Called when its `SessionJoined` or `SessionMoved` has been sent: its news starts from this state of the room. */
  readonly entered: (snapshot: EntrySnapshot) => void
  /** Called when it moves on: from now on it gets nothing of this room. */
  readonly left: (subspace: string) => void
  readonly ended: (reason: LeaveReason, notice: KickedNotice | null) => void
  /** Receives news for this socket alone. */
  readonly told: (news: News) => void
  /** Whether its client answers within `ms`. */
  readonly isThere: (ms: number) => Promise<boolean>
}

/** A room at one moment; everybody who enters at that moment gets the same object. */
export type EntrySnapshot = {
  readonly subspace: string
  readonly state: SpaceState
  /** The revision of the last event sent of each stream, -1 for none: everything after that reaches its reader as news. */
  readonly revisions: { readonly space: bigint; readonly chat: bigint }
  /** Of the last of these events on the log: tables that have reached it have all that is not sent as news. */
  readonly position: bigint
  /** `"voice_route":…,"settings":…,"users":[…],"scene":…` in JSON, encoded once for all. */
  readonly shared: () => string
  /** The same with `users_total` and only the first page of users, for those who asked for pages. */
  readonly sharedFirst: () => string
}

export type LiveSpace = {
  readonly space: SpaceRef
  readonly key: SpaceKey
  /** What the content last said to somebody who entered: mostly the same for everybody. */
  facts: ContentFacts | null
  state: SpaceState
  spaceSeq: Sequence<ArrivedEvent>
  chatSeq: Sequence<ArrivedEvent>
  /** The largest position on the log of what was sent here, or was there when the space was loaded; 0 if none is known. */
  position: bigint
  /** By session id. */
  readonly occupants: Map<string, Occupant>
  /** The latest positions of sessions, by session id, as far as they were sent; these are not on the log. */
  readonly positions: Map<string, Position>
  /** The scene's contents of each subspace in which somebody here is. */
  readonly scenes: Map<string, () => unknown>
  /** Members here who wait for a seat, and what to do for each once something has happened. */
  readonly waits: Map<unknown, () => void>
  /** The number of local listeners of each subspace. */
  readonly rooms: Map<string, number>
  /** Of each subspace in which somebody here asked for pages. */
  readonly crowds: Map<string, CountedRoom>
  /** News that is not sent yet, by subspace, in order. */
  readonly outbox: Map<string, News[]>
  /** Sessions that get a snapshot when the batch is done, and their subspace. */
  readonly entering: Map<string, string>
  /** Whether the outbox contains something that must not wait, unlike comings and goings. */
  isUrgent: boolean
  /** When comings and goings are sent (by performance.now()); 0 if none wait. */
  dueAt: number
}

export type Outlet = {
  /** Sends news to every local socket in the room, in this order; `paged` instead to those who asked for pages. */
  readonly emit: (room: RoomKey, news: ReadonlyArray<News>, paged?: ReadonlyArray<News>) => void
}

export const liveSpace = (space: SpaceRef): LiveSpace => ({
  space,
  key: spaceKey(space),
  facts: null,
  state: initialSpace(),
  spaceSeq: sequence(-1n),
  chatSeq: sequence(-1n),
  position: 0n,
  occupants: new Map(),
  positions: new Map(),
  scenes: new Map(),
  waits: new Map(),
  rooms: new Map(),
  crowds: new Map(),
  outbox: new Map(),
  entering: new Map(),
  isUrgent: false,
  dueAt: 0,
})

/** Equal facts are kept once. */
export const sharedFacts = (live: LiveSpace, facts: ContentFacts): ContentFacts => {
  if (live.facts === null || !isDeepStrictEqual(live.facts, facts)) live.facts = facts
  return live.facts
}

export const snapshotOf = (live: LiveSpace, subspace: string): EntrySnapshot => {
  const { state, positions } = live
  const people = { state, positions, subspace }
  const sharedWith = (users: () => string) => {
    let shared: string | null = null
    return (): string => {
      if (shared === null) {
        const scene = JSON.stringify(live.scenes.get(subspace)?.() ?? { entities: {}, avatars: {} })
        const route = state.routes.has(subspace) ? 'sfu' : 'mesh'
        shared = `"voice_route":"${route}","settings":${JSON.stringify(state.settings)},${users()},"scene":${scene}`
      }
      return shared
    }
  }
  return {
    subspace,
    state,
    revisions: { space: live.spaceSeq.last, chat: live.chatSeq.last },
    position: live.position,
    shared: sharedWith(() => {
      const users: string[] = []
      for (const session of state.sessions.values())
        if (session.subspace === subspace) users.push(personInJson(people, session))
      return `"users":[${users.join(',')}]`
    }),
    sharedFirst: sharedWith(() => {
      const { total, users } = firstPage(people)
      return `"users_total":${total},"users":[${users.map((one) => personInJson(people, one)).join(',')}]`
    }),
  }
}

/** The people of a room after this session id (or from the first), at most `limit`; and how many there are in all. */
export const pageOf = (live: LiveSpace, subspace: string, after: string | null, limit: number) => {
  const roster = live.crowds.get(subspace)?.roster ?? new Roster(live.state, subspace)
  const ids = roster.after(after, limit)
  const sessions = ids.flatMap((id) => live.state.sessions.get(id) ?? [])
  const last = ids.at(-1) ?? null
  return {
    users: sessions.map((session) => personOf(live, session)),
    users_total: roster.size,
    /** Null if nobody follows. */
    next: last === null || roster.after(last, 1).length === 0 ? null : last,
  }
}

/** A local socket begins (or stops) to hear a room. `isPaged`: it asked for pages. */
export const listenIn = (live: LiveSpace, subspace: string, isPaged: boolean): void => {
  live.rooms.set(subspace, (live.rooms.get(subspace) ?? 0) + 1)
  if (!isPaged) return
  const crowd = live.crowds.get(subspace) ?? crowdOf(live.state, subspace)
  live.crowds.set(subspace, crowd)
  crowd.hearers += 1
}
export const listenOut = (live: LiveSpace, subspace: string, isPaged: boolean): void => {
  const left = (live.rooms.get(subspace) ?? 0) - 1
  if (left > 0) live.rooms.set(subspace, left)
  else live.rooms.delete(subspace)
  const crowd = isPaged ? live.crowds.get(subspace) : undefined
  if (crowd === undefined) return
  crowd.hearers -= 1
  if (crowd.hearers <= 0) live.crowds.delete(subspace)
}
/** To be called when the state was replaced, not changed by news. */
export const countAnew = (live: LiveSpace): void => {
  for (const [subspace, { hearers }] of live.crowds)
    live.crowds.set(subspace, crowdOf(live.state, subspace, hearers))
}

const post = (live: LiveSpace, subspace: string, news: News): void => {
  if (!live.rooms.has(subspace)) return
  const crowd = live.crowds.get(subspace)
  if (!isComing(news)) live.isUrgent = true
  else if (crowd !== undefined) count(crowd, news)
  const waiting = live.outbox.get(subspace)
  if (waiting === undefined) live.outbox.set(subspace, [news])
  else waiting.push(news)
}
export const postToAll = (live: LiveSpace, news: News): void => {
  for (const subspace of live.rooms.keys()) post(live, subspace, news)
}

const send = (live: LiveSpace, outlet: Outlet, subspace: string): void => {
  const waiting = live.outbox.get(subspace)
  if (waiting === undefined) return
  live.outbox.delete(subspace)
  const crowd = live.crowds.get(subspace)
  const { state, positions } = live
  const paged = crowd === undefined ? undefined : pagedNews({ state, positions, subspace }, crowd, waiting)
  outlet.emit(roomKey(live.space, subspace), waiting, paged)
}

const carryOut = (live: LiveSpace, outlet: Outlet, delivery: Delivery): void => {
  switch (delivery.kind) {
    case 'room':
      post(live, delivery.subspace, delivery.news)
      return
    case 'space':
      postToAll(live, delivery.news)
      return
    case 'subject':
      for (const sessionId of live.state.own.get(delivery.subject) ?? [])
        live.occupants.get(sessionId)?.told(delivery.news)
      return
    case 'entered':
      if (live.occupants.has(delivery.sessionId)) live.entering.set(delivery.sessionId, delivery.subspace)
      return
    // A leaving session has heard everything before, and hears nothing after.
    case 'left':
      live.entering.delete(delivery.sessionId)
      send(live, outlet, delivery.subspace)
      live.occupants.get(delivery.sessionId)?.left(delivery.subspace)
      return
    case 'ended': {
      live.entering.delete(delivery.sessionId)
      const occupant = live.occupants.get(delivery.sessionId)
      if (occupant === undefined) return
      send(live, outlet, delivery.subspace)
      live.occupants.delete(delivery.sessionId)
      occupant.ended(delivery.reason, delivery.notice)
      return
    }
    default: {
      const never: never = delivery
      throw new Error(`unknown delivery ${String(never)}`)
    }
  }
}

type DecodedArrival = E.Either<string, SpaceEvent | ChatEvent>
const read = (arrived: ArrivedEvent): DecodedArrival => {
  if ('event' in arrived) return E.right(arrived.event)
  const decoded = decodeRecorded(arrived.recorded)
  if (E.isLeft(decoded)) return E.left(decoded.left.reason)
  if (decoded.right.kind === 'refusal' || decoded.right.kind === 'cases')
    return E.left('It is no news of the room.')
  return E.right(decoded.right.event)
}

/** Takes the next event of one of its streams into the state and the outbox. Left: it could not be read, and the
 *  members here should ask for a fresh state; the news goes on after it. */
export const tell = (
  live: LiveSpace,
  outlet: Outlet,
  kind: 'space' | 'chat',
  arrived: ArrivedEvent,
): E.Either<string, void> => {
  if (arrived.position > live.position) live.position = arrived.position
  const event = read(arrived)
  if (E.isLeft(event)) return event
  if (kind === 'chat') {
    const delivery = chatNews(event.right as ChatEvent, arrived)
    if (delivery !== null) carryOut(live, outlet, delivery)
    return E.right(undefined)
  }
  const deliveries = spaceNews(live.state.sessions, event.right as SpaceEvent, arrived)
  live.state = evolveSpace(live.state, event.right as SpaceEvent)
  for (const delivery of deliveries) carryOut(live, outlet, delivery)
  return E.right(undefined)
}

/** Sending a crowd who came costs as much for one as for fifty, some 20 µs per recipient. So comings are collected for
 *  1 ms per 20 recipients; with fewer than 100 recipients they are not delayed. */
const HEARERS_PER_MS = 20
const FEW_HEARERS = 100
const LONGEST_WAIT_MS = 100
/** Those who asked for pages are sent counts at their own pace: only the first page of whoever enters is made at once. */
const SHARE_OF_PAGED = 0.2

const waitOf = (live: LiveSpace): number => {
  let [hearers, paged] = [0, 0]
  for (const count of live.rooms.values()) hearers += count
  for (const crowd of live.crowds.values()) paged += crowd.hearers
  if (hearers < FEW_HEARERS) return 0
  const waits = hearers - paged + paged * SHARE_OF_PAGED
  return Math.min(waits / HEARERS_PER_MS, LONGEST_WAIT_MS)
}

/** How long `finish` should still wait (ms, 0 for not at all) if there are only comings and goings to send. */
export const waitLeft = (live: LiveSpace): number => {
  if (live.isUrgent || (live.outbox.size === 0 && live.entering.size === 0)) return 0
  const now = performance.now()
  if (live.dueAt === 0) {
    // Returned as it is: `now + wait - now` may be longer than `wait` in the last bit.
    const wait = waitOf(live)
    live.dueAt = now + wait
    return wait
  }
  return Math.max(0, live.dueAt - now)
}

/** Sends each crowd its count if that is due. Returns in how many milliseconds the next one is; 0 if none waits. */
export const tellCrowds = (live: LiveSpace, outlet: Outlet): number => {
  let next = 0
  for (const [subspace, crowd] of live.crowds) {
    if (crowd.changed.size === 0) continue
    const { state, positions } = live
    const left = crowd.dueAt - performance.now()
    if (left <= 0)
      outlet.emit(roomKey(live.space, subspace), [], [crowdChanged({ state, positions, subspace }, crowd)])
    else next = next === 0 ? left : Math.min(next, left)
  }
  return next
}

/** Ends the batch: sends the outbox to the members who were there before it, then lets in those who entered, with one
 *  snapshot per room, as of now. */
export const finish = (live: LiveSpace, outlet: Outlet): void => {
  live.isUrgent = false
  live.dueAt = 0
  for (const subspace of [...live.outbox.keys()]) send(live, outlet, subspace)
  // The first one's call sends all of them their places.
  for (const moved of live.waits.values()) {
    moved()
    break
  }
  if (live.entering.size === 0) return
  const snapshots = new Map<string, EntrySnapshot>()
  const entering = [...live.entering]
  live.entering.clear()
  for (const [sessionId, subspace] of entering) {
    let snapshot = snapshots.get(subspace)
    if (snapshot === undefined) {
      snapshot = snapshotOf(live, subspace)
      snapshots.set(subspace, snapshot)
    }
    live.occupants.get(sessionId)?.entered(snapshot)
  }
}
