/** Seats: entering holds one for a minute, joining takes it, and the space never lets in more than it has. */
import * as E from 'fp-ts/lib/Either.js'
import { MAIN, parseSubspace } from '../names.ts'
import { invalid, isLongerThan, isOver, isText, parseJson } from '../text.ts'
import type { EnterSpace, JoinSpace } from './commands.ts'
import { type Asking, type Decision, isOwn } from './decision-context.ts'
import { endTheRest } from './endings.ts'
import type { SpaceEvent } from './events.ts'
import type { SpaceState } from './state.ts'

/** How long a held seat waits for its session, in seconds. */
export const SEAT_SECONDS = 60
/** JSON characters of a session's position and of its avatar. */
export const MAX_POSITION = 1_024
export const MAX_AVATAR = 16_384

/** A subspace's name, or `invalid_space`. */
export const readSubspace = (
  subspace: unknown,
): E.Either<{ _tag: 'Invalid'; field: string; detail: string }, string> => {
  if (subspace === MAIN) return E.right(MAIN)
  const parsed = parseSubspace(subspace)
  return E.isLeft(parsed) ? invalid('space', parsed.left.detail) : parsed
}

const expired = (subject: string, at: string): SpaceEvent => ({ type: 'SeatExpired', data: { subject, at } })

/** Every held seat that has run out, whoever's. */
const runOut = (state: SpaceState, at: string): Array<SpaceEvent> => {
  const events: Array<SpaceEvent> = []
  for (const seat of state.held.values())
    if (isOver(seat.expiresAt, at)) events.push(expired(seat.subject, at))
  return events
}

/** Those at the front that have run out: nearly always all of them, at the cost of one look. */
const runOutInFront = (state: SpaceState, at: string): Array<SpaceEvent> => {
  const events: Array<SpaceEvent> = []
  for (const seat of state.held.values()) {
    if (!isOver(seat.expiresAt, at)) break
    events.push(expired(seat.subject, at))
  }
  return events
}

/** The seats to free on the way and whether there is room for one more of `subject`, whose own held seat counts as
 *  that one. Clocks of several nodes differ, so where it looks full every held seat is looked at. */
const room = (
  state: SpaceState,
  subject: string,
  at: string,
): { free: Array<SpaceEvent>; isFull: boolean } => {
  const taken = (free: ReadonlyArray<SpaceEvent>): number => {
    const own = state.held.get(subject)
    const ownCounts = own !== undefined && !isOver(own.expiresAt, at)
    return state.sessions.size + state.held.size - free.length - (ownCounts ? 1 : 0)
  }
  const max = state.settings.max_users
  const free = runOutInFront(state, at)
  if (taken(free) < max) return { free, isFull: false }
  const all = runOut(state, at)
  return { free: all, isFull: taken(all) >= max }
}

export const enterSpace = ({ state, by, at, access }: Asking, command: EnterSpace): Decision => {
  if (by.kind === 'system') return E.left({ _tag: 'Forbidden', needs: 'self' })
  if (E.isLeft(access.mayEnter)) return access.mayEnter
  const subspace = readSubspace(command.subspace)
  if (E.isLeft(subspace)) return subspace
  const expiresAt = new Date(Date.parse(at) + SEAT_SECONDS * 1_000).toISOString()
  const own = state.held.get(by.id)
  if (own !== undefined && own.expiresAt >= expiresAt && own.subspace === subspace.right) return E.right([])
  const { free, isFull } = room(state, by.id, at)
  if (isFull) return E.left({ _tag: 'SpaceIsFull', max: state.settings.max_users })
  return E.right([
    ...free,
    { type: 'EntryGranted', data: { subject: by.id, subspace: subspace.right, expiresAt, at } },
  ])
}

const MAX_CLAIM = 64
/** A name that a guest merely claims: dropped where it can't be a name. */
const readClaim = (claimed: unknown): string | null =>
  isText(claimed) && claimed !== '' && !isLongerThan(claimed, MAX_CLAIM) ? claimed : null

/** A socket's other session here ends as this one begins: whoever changes rooms needs no second seat. */
export const joinSpace = (asking: Asking, command: JoinSpace): Decision => {
  const { state, by, at, access } = asking
  if (by.kind === 'system') return E.left({ _tag: 'Forbidden', needs: 'self' })
  if (E.isLeft(access.mayEnter)) return access.mayEnter
  const same = state.sessions.get(command.sessionId)
  if (same !== undefined)
    return isOwn(asking, same) ? E.right([]) : E.left({ _tag: 'Forbidden', needs: 'self' })
  const subspace = readSubspace(command.subspace)
  if (E.isLeft(subspace)) return subspace
  const position = parseJson('position', command.position, MAX_POSITION)
  if (E.isLeft(position)) return position
  const avatarData = parseJson('avatar_data', command.avatarData, MAX_AVATAR)
  if (E.isLeft(avatarData)) return avatarData

  const events: Array<SpaceEvent> = []
  const before = state.sockets.get(command.socketId)
  const replaced = before === undefined ? undefined : state.sessions.get(before)
  if (replaced !== undefined) {
    if (!isOwn(asking, replaced)) return E.left({ _tag: 'Forbidden', needs: 'self' })
    events.push({
      type: 'SessionLeft',
      data: { sessionId: replaced.sessionId, reason: 'left', by: null, note: null, until: null, at },
    })
  } else {
    const { free, isFull } = room(state, by.id, at)
    if (isFull) return E.left({ _tag: 'SpaceIsFull', max: state.settings.max_users })
    events.push(...free)
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
    },
  })
  return E.right(events)
}

/** Also ends what was too much to end with what forbade it. */
export const expireSeats = (asking: Asking): Decision => {
  const { state, by, at, access } = asking
  if (by.kind !== 'system')
    return E.left(access.mayKnow ? { _tag: 'Forbidden', needs: 'owner' } : { _tag: 'SpaceNotFound' })
  const seats = runOut(state, at)
  return E.right([...seats, ...endTheRest(asking, seats)])
}
