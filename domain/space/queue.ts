/** The queue of a full room: a place on the log for everybody who waits, and whose turn it is once a seat is free. */
import * as E from 'fp-ts/lib/Either.js'
import { isSubject } from '../identity.ts'
import { isGuest } from '../names.ts'
import type { SpaceSettings } from '../settings.ts'
import { invalid, isOver, parseReason } from '../text.ts'
import { mayActOn, mayAs, rank } from './access.ts'
import type { SpaceCommandOf } from './commands.ts'
import type { Decision, DecisionContext } from './decision-context.ts'
import { endPlace, givenUp } from './endings.ts'
import type { SpaceEvent } from './events.ts'
import { mergeSettings } from './folding.ts'
import { keptPlace, type WaitingPlace } from './place.ts'
import { guestCounts, shareOf } from './shares.ts'
import type { HeldSeat, SpaceState } from './state.ts'

/** How long a seat is held for whoever's turn it is, in seconds. */
const TURN_SECONDS = 60
/** How long a place is kept for somebody who does not ask again, and after how long asking again extends it, in seconds. */
const PLACE_SECONDS = 300
const KEPT_ANEW_SECONDS = 60
/** How many turns one command gives; the next command gives the rest. */
const TURNS_AT_ONCE = 100

const later = (at: string, seconds: number): string =>
  new Date(Date.parse(at) + seconds * 1_000).toISOString()

const FIRST = { moderators: 2, listed: 1, others: 0 } as const
/** Everybody who waits, in the order of their turns: if `queue_order` goes by roles, moderators first, then people whom
 *  the owner lets in by name (`access`), then everybody else; among equals, whoever came first. */
const inLine = (
  places: Iterable<WaitingPlace>,
  { queue_order }: Pick<SpaceSettings, 'queue_order'>,
): ReadonlyArray<WaitingPlace> => {
  const all = [...places]
  return queue_order === 'arrival' ? all : all.sort((a, b) => FIRST[b.ahead] - FIRST[a.ahead])
}

/** Somebody's position in the queue, from 1, and how long the wait is at the pace of the last turns. */
export type PlaceInQueue = {
  readonly place: WaitingPlace
  readonly position: number
  readonly waiting: number
  /** Null before anybody has had a turn. */
  readonly expectedSeconds: number | null
}
/** Everybody who waits, in the order of their turns. */
export const lineOf = (state: SpaceState, at: string): ReadonlyArray<PlaceInQueue> => {
  const places = inLine(state.queue.values(), state.settings).filter(({ until }) => !isOver(until, at))
  const pace = state.turns?.seconds ?? null
  return places.map((place, i) => ({
    place,
    position: i + 1,
    waiting: places.length,
    expectedSeconds: pace === null ? null : Math.ceil(pace * (i + 1)),
  }))
}

const priorityOf = ({ access }: DecisionContext): WaitingPlace['ahead'] => {
  if (rank(access.role) >= rank('moderate')) return 'moderators'
  return access.role === 'access' ? 'listed' : 'others'
}

const isFromNetwork = (place: WaitingPlace, network: string): boolean =>
  isGuest(place.subject) && place.network === network

/** Takes a place in the queue, if the room has one; extends the place of somebody who has one. */
export const takePlace = (
  context: DecisionContext,
  subspace: string,
  network: string | undefined,
): Decision => {
  const { state, by, at } = context
  const { settings } = state
  if (!settings.queue) return E.left({ _tag: 'SpaceIsFull', max: settings.max_users })
  const until = later(at, PLACE_SECONDS)
  const own = state.queue.get(by.id)
  const isKept = own !== undefined && !isOver(own.until, at)
  const isFresh = isKept && own.until > later(at, PLACE_SECONDS - KEPT_ANEW_SECONDS)
  if (isFresh && own.subspace === subspace && own.ahead === priorityOf(context)) return E.right([])
  if (!isKept) {
    const others = [...state.queue.values()].filter((place) => !isOver(place.until, at))
    if (others.length >= settings.queue_length)
      return E.left({ _tag: 'QueueIsFull', max: settings.queue_length })
    const max = network === undefined ? 0 : shareOf(state, network)
    const isOverShare =
      by.kind === 'guest' &&
      network !== undefined &&
      others.filter((place) => isFromNetwork(place, network)).length >= max
    if (isOverShare) return E.left({ _tag: 'QueueIsFull', max })
  }
  // A place that had ended is taken again, at the end.
  const gone: ReadonlyArray<SpaceEvent> =
    own === undefined || isKept ? [] : [givenUp(own.subject, { why: 'expired', at })]
  const data = { subject: by.id, subspace, ahead: priorityOf(context), until, at }
  const from = by.kind === 'guest' && network !== undefined ? { network } : {}
  return E.right([...gone, { type: 'PlaceTaken', data: { ...data, ...from } }])
}

/** The seats and the queue after these events, without their sessions: cheap, however large the room. */
type After = {
  sessions: number
  settings: SpaceSettings
  readonly left: Set<string>
  readonly came: Array<string | undefined>
  /** How many guests of each network are in or have a held seat; counted when first needed. */
  guests: Map<string, number> | null
  readonly held: Map<string, HeldSeat>
  readonly queue: Map<string, WaitingPlace>
}
const afterwards = (state: SpaceState, events: ReadonlyArray<SpaceEvent>): After => {
  const after: After = {
    sessions: state.sessions.size,
    settings: state.settings,
    left: new Set(),
    came: [],
    guests: null,
    held: new Map(state.held),
    queue: new Map(state.queue),
  }
  for (const { type, data } of events)
    switch (type) {
      case 'SessionLeft':
        if (!state.sessions.has(data.sessionId) || after.left.has(data.sessionId)) break
        after.left.add(data.sessionId)
        after.sessions -= 1
        break
      case 'SessionJoined': {
        const subject = data.account ?? data.guest ?? ''
        after.sessions += 1
        if (data.account === null) after.came.push(data.network)
        after.held.delete(subject)
        after.queue.delete(subject)
        break
      }
      case 'EntryGranted':
        after.held.set(data.subject, data)
        after.queue.delete(data.subject)
        break
      case 'SeatExpired':
        after.held.delete(data.subject)
        break
      case 'PlaceTaken':
        after.queue.set(data.subject, keptPlace(data, after.queue.get(data.subject)))
        break
      case 'PlaceGivenUp':
        after.queue.delete(data.subject)
        break
      case 'SettingsChanged':
        after.settings = mergeSettings(after.settings, data.changes as Partial<SpaceSettings>)
        break
      default:
        break
    }
  return after
}

const countGuests = (state: SpaceState, { left, came, held }: After): Map<string, number> => {
  const guests = guestCounts(state, left)
  const add = (network: string | undefined): void => {
    if (network !== undefined) guests.set(network, (guests.get(network) ?? 0) + 1)
  }
  for (const network of came) add(network)
  for (const { subject, network } of held.values()) if (isGuest(subject)) add(network)
  return guests
}
/** Whether the place's network already has its share of the seats: such a guest waits until nobody else does. */
const hasShare = (state: SpaceState, after: After, { subject, network }: WaitingPlace): boolean => {
  if (network === undefined || !isGuest(subject)) return false
  after.guests ??= countGuests(state, after)
  return (after.guests.get(network) ?? 0) >= shareOf({ settings: after.settings }, network)
}

/** `passedOver`: places before it whose network has its share, while somebody else waits. */
type Next = { readonly next: WaitingPlace; readonly passedOver: ReadonlyArray<WaitingPlace> }
const nextOf = (state: SpaceState, after: After): Next | null => {
  const passedOver: WaitingPlace[] = []
  for (const place of inLine(after.queue.values(), after.settings)) {
    if (isGuest(place.subject) && !after.settings.guests_allowed) continue
    if (!hasShare(state, after, place)) return { next: place, passedOver }
    passedOver.push(place)
  }
  const [first] = passedOver
  return first === undefined ? null : { next: first, passedOver: [] }
}

/** Whose turn it would be, and who is passed over by which rule, for explanations. */
export const nextInQueue = (state: SpaceState): Next | null => nextOf(state, afterwards(state, []))

/** Gives turns after these events: seats that ran out and places that are over are ended, and each free seat is held
 *  for the next in line. */
export const giveTurns = (
  { state, at }: DecisionContext,
  events: ReadonlyArray<SpaceEvent>,
): ReadonlyArray<SpaceEvent> => {
  const after = afterwards(state, events)
  if (!after.settings.queue || after.queue.size === 0) return []
  const more: Array<SpaceEvent> = []
  for (const { subject, expiresAt } of [...after.held.values()])
    if (isOver(expiresAt, at) && more.length < TURNS_AT_ONCE) {
      more.push({ type: 'SeatExpired', data: { subject, at } })
      after.held.delete(subject)
    }
  for (const { subject, until } of [...after.queue.values()])
    if (isOver(until, at) && more.length < TURNS_AT_ONCE) {
      more.push(givenUp(subject, { why: 'expired', at }))
      after.queue.delete(subject)
    }
  let free = after.settings.max_users - after.sessions - after.held.size
  for (; free > 0 && more.length < 3 * TURNS_AT_ONCE; free -= 1) {
    const found = nextOf(state, after)
    if (found === null) break
    const { subject, subspace, network } = found.next
    const seat = { subject, subspace, expiresAt: later(at, TURN_SECONDS) }
    const from = network === undefined ? {} : { network }
    more.push({ type: 'EntryGranted', data: { ...seat, at, ...from } })
    after.held.set(subject, { ...seat, ...from })
    after.queue.delete(subject)
    if (after.guests !== null && network !== undefined && isGuest(subject))
      after.guests.set(network, (after.guests.get(network) ?? 0) + 1)
  }
  return more
}

/** Whether somebody else's turn comes before a newcomer's. */
export const othersWait = ({ state, by, at }: DecisionContext): boolean => {
  if (!state.settings.queue) return false
  for (const place of state.queue.values())
    if (place.subject !== by.id && !isOver(place.until, at)) return true
  return false
}

/** Callers may give up their own place; moderators also that of somebody below them. */
export const leaveQueue = (context: DecisionContext, command: SpaceCommandOf<'LeaveQueue'>): Decision => {
  const { state, by, content, access, at } = context
  const { subject } = command
  const reason = parseReason(command.reason)
  if (E.isLeft(reason)) return reason
  if (by.kind === 'system' || subject === by.id) {
    if (state.queue.has(subject)) return E.right([givenUp(subject, { why: 'left', at })])
    return by.kind === 'system' || access.mayKnow ? E.right([]) : E.left({ _tag: 'SpaceNotFound' })
  }
  const may = mayAs(access, 'moderate')
  if (E.isLeft(may)) return may
  if (typeof subject !== 'string' || !isSubject(subject))
    return invalid('subject', 'That is neither a Hive account nor a guest.')
  const mayOn = mayActOn(state, content, access, subject)
  if (E.isLeft(mayOn)) return mayOn
  return E.right(endPlace(context, subject, { why: 'removed', note: reason.right }))
}
