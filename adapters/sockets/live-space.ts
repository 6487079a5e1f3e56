/** One space as this process's sockets see it: its state as of the last news told, and who of its sessions is here. */
import * as E from 'fp-ts/lib/Either.js'
import type { ChatEvent } from '../../domain/chat/events.ts'
import { decodeRecorded } from '../../domain/codec.ts'
import { type RoomKey, roomKey, type SpaceKey, type SpaceRef, spaceKey } from '../../domain/names.ts'
import type { RecordedEvent } from '../../domain/ports.ts'
import type { LeaveReason, SpaceEvent } from '../../domain/space/events.ts'
import { evolveSpace, initialSpace } from '../../domain/space/evolve.ts'
import type { SpaceState } from '../../domain/space/state.ts'
import { chatNews, type Delivery, spaceNews } from '../../projections/live/news.ts'
import { type Sequence, sequence } from '../../projections/live/sequence.ts'
import { type KickedNotice, type News, userOf } from '../../projections/live/wire.ts'
import type { Position } from '../redis/positions.ts'

/** An event on its way to the rooms: as the log holds it, or as the command path just appended it. */
export type ArrivedEvent = { readonly revision: bigint; readonly position: bigint } & (
  | { readonly recorded: RecordedEvent }
  | { readonly event: SpaceEvent | ChatEvent }
)

/** A session whose socket is in this process. Told in the order of the log. */
export type Occupant = {
  /** Its `SessionJoined` or `SessionMoved` has been told: this is the room from where its news starts. */
  readonly entered: (snapshot: EntrySnapshot) => void
  /** It moves on: from now on nothing of this room is for it. */
  readonly left: (subspace: string) => void
  readonly ended: (reason: LeaveReason, notice: KickedNotice | null) => void
  /** For this socket alone. */
  readonly told: (news: News) => void
  /** Whether its client answers within `ms`. */
  readonly isThere: (ms: number) => Promise<boolean>
}

/** A room at one moment, the same object for all who enter at that moment. */
export type EntrySnapshot = {
  readonly subspace: string
  readonly state: SpaceState
  /** Of the last event told of each stream, -1 for none: everything after reaches its reader as news. */
  readonly revisions: { readonly space: bigint; readonly chat: bigint }
  /** `"settings":…,"users":[…],"scene":…` in JSON, encoded once for all. */
  readonly shared: () => string
}

export type LiveSpace = {
  readonly space: SpaceRef
  readonly key: SpaceKey
  state: SpaceState
  spaceSeq: Sequence<ArrivedEvent>
  chatSeq: Sequence<ArrivedEvent>
  /** By session id. */
  readonly occupants: Map<string, Occupant>
  /** Where sessions stood last, by session id, as far as they told: not on the log. */
  readonly positions: Map<string, Position>
  /** What is in the scene of each subspace, where somebody here is in it. */
  readonly scenes: Map<string, () => unknown>
  /** Those here who wait for a seat, by whoever waits, and what to do once something has happened. */
  readonly waits: Map<unknown, () => void>
  /** Local listeners of each subspace. */
  readonly rooms: Map<string, number>
  /** Told but not sent yet, by subspace, in order. */
  readonly outbox: Map<string, News[]>
  /** Sessions to be given a snapshot when the batch is done, and their subspace. */
  readonly entering: Map<string, string>
  /** The outbox holds something that must not wait, unlike comings and goings. */
  isUrgent: boolean
  /** When comings and goings are told (by performance.now()); 0 if none wait. */
  dueAt: number
}

export type Outlet = {
  /** To every local socket in the room, in this order. */
  readonly emit: (room: RoomKey, news: ReadonlyArray<News>) => void
}

export const liveSpace = (space: SpaceRef): LiveSpace => ({
  space,
  key: spaceKey(space),
  state: initialSpace(),
  spaceSeq: sequence(-1n),
  chatSeq: sequence(-1n),
  occupants: new Map(),
  positions: new Map(),
  scenes: new Map(),
  waits: new Map(),
  rooms: new Map(),
  outbox: new Map(),
  entering: new Map(),
  isUrgent: false,
  dueAt: 0,
})

export const snapshotOf = (live: LiveSpace, subspace: string): EntrySnapshot => {
  let shared: string | null = null
  const { state, positions } = live
  return {
    subspace,
    state,
    revisions: { space: live.spaceSeq.last, chat: live.chatSeq.last },
    shared: () => {
      if (shared === null) {
        const users: string[] = []
        for (const session of state.sessions.values())
          if (session.subspace === subspace) {
            const position = positions.get(session.sessionId)
            const user = userOf(session)
            users.push(JSON.stringify(position === undefined ? user : { ...user, position }))
          }
        const scene = JSON.stringify(live.scenes.get(subspace)?.() ?? { entities: {}, avatars: {} })
        shared = `"settings":${JSON.stringify(state.settings)},"users":[${users.join(',')}],"scene":${scene}`
      }
      return shared
    },
  }
}

/** A local socket begins (or stops) to hear a room. */
export const listenIn = (live: LiveSpace, subspace: string): void => {
  live.rooms.set(subspace, (live.rooms.get(subspace) ?? 0) + 1)
}
export const listenOut = (live: LiveSpace, subspace: string): void => {
  const left = (live.rooms.get(subspace) ?? 0) - 1
  if (left > 0) live.rooms.set(subspace, left)
  else live.rooms.delete(subspace)
}

const post = (live: LiveSpace, subspace: string, news: News): void => {
  if (!live.rooms.has(subspace)) return
  if (news.event !== 'user-joined' && news.event !== 'user-left') live.isUrgent = true
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
  outlet.emit(roomKey(live.space, subspace), waiting)
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

/** Tells the next event of one of its streams: into the state and the outbox. Left: it could not be read, and those
 *  who are here should ask afresh; the news goes on after it. */
export const tell = (
  live: LiveSpace,
  outlet: Outlet,
  kind: 'space' | 'chat',
  arrived: ArrivedEvent,
): E.Either<string, void> => {
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

/** To tell a crowd who came costs as much for one as for fifty, some 20 µs for each who hears it: so they wait for
 *  each other 1 ms for every 20 who hear, and where fewer than 100 do, not at all. */
const HEARERS_PER_MS = 20
const FEW_HEARERS = 100
const LONGEST_WAIT_MS = 100

const waitOf = (live: LiveSpace): number => {
  let hearers = 0
  for (const count of live.rooms.values()) hearers += count
  return hearers < FEW_HEARERS ? 0 : Math.min(hearers / HEARERS_PER_MS, LONGEST_WAIT_MS)
}

/** How long `finish` should still wait (ms, 0 for not at all) if there are only comings and goings to tell. */
export const waitLeft = (live: LiveSpace): number => {
  if (live.isUrgent || (live.outbox.size === 0 && live.entering.size === 0)) return 0
  const now = performance.now()
  if (live.dueAt === 0) {
    // Answered as it is: `now + wait - now` may come out longer than `wait` in the last bit.
    const wait = waitOf(live)
    live.dueAt = now + wait
    return wait
  }
  return Math.max(0, live.dueAt - now)
}

/** The batch is done: sends what is in the outbox to those who were there before it, then lets in those who entered
 *  with one snapshot a room, as of now. */
export const finish = (live: LiveSpace, outlet: Outlet): void => {
  live.isUrgent = false
  live.dueAt = 0
  for (const subspace of [...live.outbox.keys()]) send(live, outlet, subspace)
  // The first one's change sends all of them their places.
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
