/** Who is in a room page by page, and what clients that asked for pages are told of a crowd's comings and goings. */
import type { Session, SpaceState } from '../../domain/space/state.ts'
import { type News, userOf } from '../../projections/live/wire.ts'
import type { Position } from '../redis/position.ts'

/** In rooms with more people than this, comings and goings are told in counts to those who asked for pages. */
export const FEW_PEOPLE = 100
/** The most people of a page. */
export const PAGE_OF_PEOPLE = 200
const MOST_JOINED = 50
const LEAST_JOINED = 5
/** How many people a frame may describe to all its recipients together: the more there are, the fewer each is told of. */
const TOLD_IN_ALL = 10_000
const MOST_LEFT = 500
/** A frame costs some 20 µs per recipient, so the more recipients there are, the longer comings are collected (ms). */
const HEARERS_PER_MS = 4
const SHORTEST_TICK_MS = 100
const LONGEST_TICK_MS = 250
/** If nobody came or went for so long (ms), nothing more is waited for. */
const QUIET_MS = 100

/** The sessions of a room by their ids, in an order that lasts: whoever is there while pages are read is on exactly one of them. */
export class Roster {
  readonly #ids: string[] = []
  constructor(state: SpaceState, subspace: string) {
    for (const session of state.sessions.values())
      if (session.subspace === subspace) this.#ids.push(session.sessionId)
    this.#ids.sort()
  }
  get size(): number {
    return this.#ids.length
  }
  /** The place of the first id that is not before this one. */
  #place(id: string): number {
    let [low, high] = [0, this.#ids.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#ids[middle] as string) < id) low = middle + 1
      else high = middle
    }
    return low
  }
  add(id: string): void {
    const place = this.#place(id)
    if (this.#ids[place] !== id) this.#ids.splice(place, 0, id)
  }
  delete(id: string): void {
    const place = this.#place(id)
    if (this.#ids[place] === id) this.#ids.splice(place, 1)
  }
  /** At most `limit` ids after this one, or from the first. */
  after(id: string | null, limit: number): ReadonlyArray<string> {
    let from = id === null ? 0 : this.#place(id)
    if (id !== null && this.#ids[from] === id) from += 1
    return this.#ids.slice(from, from + limit)
  }
}

/** A room in which somebody asked for pages. */
export type CountedRoom = {
  readonly roster: Roster
  /** How many sockets here asked for pages. */
  hearers: number
  /** The sessions that came or went since the last frame; whoever did so last comes last. */
  readonly changed: Set<string>
  /** The news of these comings and goings that is not sent yet to everybody else. */
  readonly counted: Set<News>
  /** The revision and the time of the newest coming or going. */
  last: { readonly revision: unknown; readonly timestamp: unknown }
  /** When the next frame is due at the latest, and when it is if nobody else comes or goes (by performance.now()). */
  latestAt: number
  dueAt: number
}

export const crowdOf = (state: SpaceState, subspace: string, hearers = 0): CountedRoom => ({
  roster: new Roster(state, subspace),
  hearers,
  changed: new Set(),
  counted: new Set(),
  last: { revision: '-1', timestamp: null },
  latestAt: 0,
  dueAt: 0,
})

export const isComing = ({ event }: News): boolean => event === 'user-joined' || event === 'user-left'

/** Takes a coming or going into the roster. In a large room it is told with others in one frame; in a small one, or if
 *  nothing else waits, as itself. */
export const count = (crowd: CountedRoom, coming: News): void => {
  const { sessionId, revision, timestamp } = coming.payload
  const id = String(sessionId)
  const wasLarge = crowd.roster.size > FEW_PEOPLE
  if (coming.event === 'user-joined') crowd.roster.add(id)
  else crowd.roster.delete(id)
  if (!wasLarge && crowd.changed.size === 0) return
  const now = performance.now()
  if (crowd.changed.size === 0) {
    const tick = Math.min(Math.max(crowd.hearers / HEARERS_PER_MS, SHORTEST_TICK_MS), LONGEST_TICK_MS)
    crowd.latestAt = now + tick
  }
  crowd.dueAt = Math.min(crowd.latestAt, now + QUIET_MS)
  crowd.changed.delete(id)
  crowd.changed.add(id)
  crowd.counted.add(coming)
  crowd.last = { revision, timestamp }
}

/** A room's people: its sessions, and their latest positions where these are known. */
export type RoomPeople = {
  readonly state: SpaceState
  readonly positions: ReadonlyMap<string, Position>
  readonly subspace: string
}
export const personOf = ({ positions }: Pick<RoomPeople, 'positions'>, session: Session) => {
  const position = positions.get(session.sessionId)
  const user = userOf(session)
  return position === undefined ? user : { ...user, position }
}

/** Of a crowd's people: its lists and pages are largely the same ones, however often they are made. */
const described = new WeakMap<Session, string>()
/** The same as JSON. */
export const personInJson = (people: Pick<RoomPeople, 'positions' | 'state'>, session: Session): string => {
  const isFew = people.state.sessions.size <= FEW_PEOPLE
  if (isFew || people.positions.has(session.sessionId)) return JSON.stringify(personOf(people, session))
  const known = described.get(session)
  if (known !== undefined) return known
  const json = JSON.stringify(userOf(session))
  described.set(session, json)
  return json
}

/** `crowd-changed` with everything since the last one: of those who came the newest, and most of those who left. */
export const crowdChanged = (people: RoomPeople, crowd: CountedRoom): News => {
  const joined: Session[] = []
  const left: string[] = []
  for (const id of crowd.changed) {
    const session = people.state.sessions.get(id)
    if (session?.subspace === people.subspace) joined.push(session)
    else left.push(id)
  }
  crowd.changed.clear()
  const most = Math.min(Math.max(Math.floor(TOLD_IN_ALL / crowd.hearers), LEAST_JOINED), MOST_JOINED)
  return {
    event: 'crowd-changed',
    payload: {
      count: crowd.roster.size,
      joined: joined.slice(-most).map((session) => personOf(people, session)),
      left: left.slice(0, MOST_LEFT),
      more: joined.length > most || left.length > MOST_LEFT,
      ...crowd.last,
    },
  }
}

/** The same news for those who asked for pages: no coming that is counted, and the count before the next news of the
 *  space, so that what they have heard has no gaps. Undefined if it is the same. */
export const pagedNews = (
  people: RoomPeople,
  crowd: CountedRoom,
  news: ReadonlyArray<News>,
): ReadonlyArray<News> | undefined => {
  if (crowd.changed.size === 0 && crowd.counted.size === 0) return undefined
  const paged: News[] = []
  for (const one of news) {
    if (crowd.counted.delete(one)) continue
    if (crowd.changed.size > 0 && !one.event.startsWith('chat-')) paged.push(crowdChanged(people, crowd))
    paged.push(one)
  }
  return paged
}

const stands = ({ opened, grants }: SpaceState, { account, voice, stage, hand }: Session): boolean => {
  if (voice || stage !== null || hand !== null) return true
  if (account === null) return false
  const permission = grants.get(account)?.permission
  return account === opened?.owner || permission === 'moderate' || permission === 'admin'
}

/** The people whom a newcomer is told first: the owner and moderators, speakers, raised hands, and then the newest; and how
 *  many there are in all. */
export const firstPage = (
  people: RoomPeople,
): { readonly total: number; readonly users: ReadonlyArray<Session> } => {
  const { state, subspace } = people
  const first: Session[] = []
  const others: Session[] = []
  for (const session of state.sessions.values())
    if (session.subspace === subspace) {
      if (first.length < PAGE_OF_PEOPLE && stands(state, session)) first.push(session)
      else others.push(session)
    }
  const left = PAGE_OF_PEOPLE - first.length
  return {
    total: first.length + others.length,
    users: left > 0 ? [...first, ...others.slice(-left)] : first,
  }
}
