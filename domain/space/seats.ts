/** Seats: entering holds one for a minute, joining takes it, and the space never lets in more than it has. */
import * as E from 'fp-ts/lib/Either.js'
import { isGuest, MAIN, parseSubspace } from '../names.ts'
import { isSince2, isSince4 } from '../rules.ts'
import { invalid, isLongerThan, isOver, isText, parseJson } from '../text.ts'
import { rank, roleOf } from './access.ts'
import type { EnterSpace, JoinSpace } from './commands.ts'
import { type Decision, type DecisionContext, isOwn } from './decision-context.ts'
import { endTheRest } from './endings.ts'
import type { SpaceEvent } from './events.ts'
import { parsePosition } from './position.ts'
import { othersWait, takePlace } from './queue.ts'
import { sessionsThatGiveWay, shownOut } from './shares.ts'
import { keptWord } from './stage.ts'
import type { SpaceState } from './state.ts'

/** How long a held seat waits for its session, in seconds. */
const SEAT_SECONDS = 60
/** How many characters of JSON a session's avatar may have. */
const MAX_AVATAR = 16_384
/** The same for a guest: enough for the name or the hash of an avatar that clients have. */
const MAX_GUEST_AVATAR = 1_024
/** How many sessions one subject may have in one space. */
const MAX_SESSIONS = 10
/** How many seats are held at once for people from one network: a further one replaces the oldest. */
const HELD_OF_NETWORK = 5
/** How long somebody whose connection was lost counts as just here, in seconds. */
const JUST_HERE_SECONDS = 120

const after = (at: string, seconds: number): string =>
  new Date(Date.parse(at) + seconds * 1_000).toISOString()
export const returnByFrom = (at: string): string => after(at, JUST_HERE_SECONDS)

/** A subspace's name, or `invalid_space`. */
export const readSubspace = (
  subspace: unknown,
): E.Either<{ _tag: 'Invalid'; field: string; detail: string }, string> => {
  if (subspace === MAIN) return E.right(MAIN)
  const parsed = parseSubspace(subspace)
  return E.isLeft(parsed) ? invalid('space', parsed.left.detail) : parsed
}

const expired = (subject: string, at: string): SpaceEvent => ({ type: 'SeatExpired', data: { subject, at } })

/** Frees every held seat that has run out. */
const runOut = (state: SpaceState, at: string): Array<SpaceEvent> => {
  const events: Array<SpaceEvent> = []
  for (const seat of state.held.values())
    if (isOver(seat.expiresAt, at)) events.push(expired(seat.subject, at))
  return events
}

/** Frees the first held seats that have run out: nearly always all of them, found at once. */
const runOutInFront = (state: SpaceState, at: string): Array<SpaceEvent> => {
  const events: Array<SpaceEvent> = []
  for (const seat of state.held.values()) {
    if (!isOver(seat.expiresAt, at)) break
    events.push(expired(seat.subject, at))
  }
  return events
}

/** `lacks`: how many seats are missing. */
type Room = { readonly free: ReadonlyArray<SpaceEvent>; readonly isFull: boolean; readonly lacks: number }

/** The seats to free along the way, and whether there is room for one more session of `subject`, whose own held seat
 *  counts as that one; the held seat of `giving` is freed too. Clocks of several nodes differ, so if the room looks full,
 *  every held seat is checked. */
const room = (state: SpaceState, subject: string, at: string, giving: string | null = null): Room => {
  const given = giving === null ? [] : [expired(giving, at)]
  const others = ({ data }: SpaceEvent): boolean => !('subject' in data) || data.subject !== giving
  const taken = (free: ReadonlyArray<SpaceEvent>): number => {
    const own = state.held.get(subject)
    const ownCounts = own !== undefined && !isOver(own.expiresAt, at)
    return state.sessions.size + state.held.size - free.length - (ownCounts ? 1 : 0)
  }
  const max = state.settings.max_users
  const front = runOutInFront(state, at)
  const free = giving === null ? front : [...front.filter(others), ...given]
  if (taken(free) < max) return { free, isFull: false, lacks: 0 }
  const all = [...runOut(state, at).filter(others), ...given]
  const lacks = Math.max(0, taken(all) + 1 - max)
  return { free: all, isFull: lacks > 0, lacks }
}

/** Whether somebody takes a merely held seat from another: moderators and above do, and whoever was just here. */
const mayDisplace = ({ state, by, at, access }: DecisionContext): boolean => {
  const returnBy = state.left.get(by.id)
  return rank(access.role) >= rank('moderate') || (returnBy !== undefined && !isOver(returnBy, at))
}

/** The held seat that gives way to a newcomer: the oldest held for a guest, unless it was their turn in the queue; to somebody who `mayDisplace`, the oldest held
 *  for anybody but a moderator. */
const givesWay = (
  { state, content, rules }: DecisionContext,
  isFree: (subject: string) => boolean,
  ofAll: boolean,
): string | null => {
  let other: string | null = null
  for (const { subject, turn } of state.held.values()) {
    if (isFree(subject) || (turn === true && !ofAll && isSince4(rules))) continue
    if (isGuest(subject)) return subject
    if (ofAll && rank(roleOf(state, content, subject)) < rank('moderate')) other ??= subject
  }
  return other
}

/** The oldest seat held for that network, if it holds as many as it may. */
const excessOf = ({ state, content, by, at, rules }: DecisionContext, network: string): string | null => {
  const own: string[] = []
  for (const { subject, network: its, expiresAt, turn } of state.held.values())
    if (its === network && subject !== by.id && !isOver(expiresAt, at) && !(turn === true && isSince4(rules)))
      own.push(subject)
  if (own.length < HELD_OF_NETWORK) return null
  return own.find((subject) => rank(roleOf(state, content, subject)) < rank('moderate')) ?? null
}

/** The same with held seats giving way: to somebody who enters, only if they `mayDisplace`; to anybody who joins, those held for guests. */
const roomFor = (context: DecisionContext, isJoining: boolean): Room => {
  const { state, by, at, rules } = context
  const found = room(state, by.id, at)
  if (!found.isFull || !isSince2(rules)) return found
  const ofAll = mayDisplace(context)
  if (!ofAll && !isJoining) return found
  const free = new Set(found.free.map(({ data }) => ('subject' in data ? data.subject : '')))
  const giving = givesWay(context, (subject) => subject === by.id || free.has(subject), ofAll)
  return giving === null ? found : room(state, by.id, at, giving)
}

/** The same in a full room, in which guests whose network has more than its share give way to people who actually join
 *  or can't be several people. */
const byShares = (context: DecisionContext, found: Room, network: string | undefined): Room => {
  if (!found.isFull) return found
  const isOneOfUs = context.by.kind === 'account' || mayDisplace(context)
  const giving = sessionsThatGiveWay(context, found.lacks, { network, isOneOfUs })
  if (giving === null) return found
  const free = [...found.free, ...giving.map((sessionId) => shownOut(context, sessionId))]
  return { free, isFull: false, lacks: 0 }
}

/** Whether it is others’ turn first: not for a moderator, nor for somebody who was just here. */
const mustWait = (context: DecisionContext): boolean => othersWait(context) && !mayDisplace(context)

export const enterSpace = (context: DecisionContext, command: EnterSpace): Decision => {
  const { state, by, at, access } = context
  if (by.kind === 'system') return E.left({ _tag: 'Forbidden', needs: 'self' })
  if (E.isLeft(access.mayEnter)) return access.mayEnter
  const subspace = readSubspace(command.subspace)
  if (E.isLeft(subspace)) return subspace
  const expiresAt = after(at, SEAT_SECONDS)
  const own = state.held.get(by.id)
  if (own !== undefined && own.expiresAt >= expiresAt && own.subspace === subspace.right) return E.right([])
  const granted = { subject: by.id, subspace: subspace.right, expiresAt, at }
  const { network } = command
  const excess = network === undefined ? null : excessOf(context, network)
  const found = excess === null ? roomFor(context, false) : room(state, by.id, at, excess)
  const mayShow = by.kind === 'account' || mayDisplace(context)
  const { free, isFull } = mayShow ? byShares(context, found, network) : found
  const goesOn = own !== undefined && !isOver(own.expiresAt, at)
  if (isFull || (!goesOn && mustWait(context))) return takePlace(context, subspace.right, network)
  const data = network === undefined ? granted : { ...granted, network }
  return E.right([...free, { type: 'EntryGranted', data }])
}

const MAX_CLAIM = 64
/** A name that a guest merely claims: dropped if it can't be a name. */
const readClaim = (claimed: unknown): string | null =>
  isText(claimed) && claimed !== '' && !isLongerThan(claimed, MAX_CLAIM) ? claimed : null

const ended = (sessionId: string, reason: 'left' | 'disconnected', at: string): SpaceEvent => ({
  type: 'SessionLeft',
  data: { sessionId, reason, by: null, note: null, until: null, at },
})

/** The caller's sessions here, oldest first. */
const ownSessions = ({ state, by }: DecisionContext): ReadonlyArray<string> => state.own.get(by.id) ?? []
/** The caller's own sessions that this one replaces; never another subject's. */
const staleOf = (own: ReadonlyArray<string>, { replaces = [] }: JoinSpace): ReadonlyArray<string> =>
  own.filter((sessionId) => replaces.includes(sessionId))

/** A socket's other session here ends when this one begins, so changing rooms needs no second seat. */
export const joinSpace = (context: DecisionContext, command: JoinSpace): Decision => {
  const { state, by, at, access } = context
  if (by.kind === 'system') return E.left({ _tag: 'Forbidden', needs: 'self' })
  if (E.isLeft(access.mayEnter)) return access.mayEnter
  const same = state.sessions.get(command.sessionId)
  if (same !== undefined)
    return isOwn(context, same) ? E.right([]) : E.left({ _tag: 'Forbidden', needs: 'self' })
  const subspace = readSubspace(command.subspace)
  if (E.isLeft(subspace)) return subspace
  const position = parsePosition(command.position, context.rules)
  if (E.isLeft(position)) return position
  const isSmall = by.kind === 'guest' && isSince2(context.rules)
  const avatarData = parseJson('avatar_data', command.avatarData, isSmall ? MAX_GUEST_AVATAR : MAX_AVATAR)
  if (E.isLeft(avatarData)) return avatarData

  const before = state.sockets.get(command.socketId)
  const replaced = before === undefined ? undefined : state.sessions.get(before)
  if (replaced !== undefined && !isOwn(context, replaced)) return E.left({ _tag: 'Forbidden', needs: 'self' })
  const own = isSince2(context.rules) ? ownSessions(context) : []
  const stale = staleOf(own, command).filter((sessionId) => sessionId !== before)
  const events = stale.map((sessionId) => ended(sessionId, 'disconnected', at))
  if (replaced !== undefined) events.push(ended(replaced.sessionId, 'left', at))
  if (own.length - events.length >= MAX_SESSIONS)
    return E.left({ _tag: 'TooManySessions', max: MAX_SESSIONS })
  if (events.length === 0) {
    const found = roomFor(context, true)
    const seat = state.held.get(by.id)
    const waits = (seat === undefined || isOver(seat.expiresAt, at)) && mustWait(context)
    const again =
      (found.isFull || waits) && (by.kind === 'guest' || command.returns === true) ? own[0] : undefined
    const { free, isFull } = again === undefined ? byShares(context, found, command.network) : found
    if (again === undefined && (isFull || waits)) return takePlace(context, subspace.right, command.network)
    events.push(...(again === undefined ? free : [ended(again, 'disconnected', at)]))
  }
  events.push({
    type: 'SessionJoined',
    data: {
      sessionId: command.sessionId,
      socketId: command.socketId,
      account: by.kind === 'account' ? by.id : null,
      guest: by.kind === 'guest' ? by.id : null,
      claimed: by.kind === 'guest' ? readClaim(by.claimed) : null,
      subspace: subspace.right,
      position: position.right,
      avatarData: avatarData.right,
      boot: command.boot,
      at,
      ...(by.kind === 'guest' && command.network !== undefined ? { network: command.network } : {}),
    },
  })
  const gone = events.flatMap((event) => (event.type === 'SessionLeft' ? [event.data.sessionId] : []))
  return E.right([...events, ...keptWord(context, gone, command.sessionId)])
}

/** Frees held seats, and ends what was too much to end together with the command that forbade it. */
export const expireSeats = (context: DecisionContext): Decision => {
  const { state, by, at, access } = context
  if (by.kind !== 'system')
    return E.left(access.mayKnow ? { _tag: 'Forbidden', needs: 'owner' } : { _tag: 'SpaceNotFound' })
  const seats = runOut(state, at)
  return E.right([...seats, ...endTheRest(context, seats)])
}
