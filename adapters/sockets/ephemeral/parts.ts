/** What signals, scene updates and room-data have in common. */
import type { RoomKey } from '../../../domain/names.ts'
import type { Clock } from '../../../domain/ports.ts'
import type { PackedMove } from '../../../domain/scene/packed.ts'
import type { Relay } from '../../redis/relay.ts'
import type { TokenRate } from '../../token-bucket.ts'
import { type Answer, failed } from '../answers.ts'
import type { LiveFeed } from '../feed.ts'
import type { Member, RoomPlace } from '../member.ts'
import type { MemberPositions } from '../member-positions.ts'
import type { RoomData } from '../payloads.ts'
import { type SignalEvent, sessionIn } from '../relayed.ts'
import type { Scenes } from '../scene/scenes.ts'
import type { Sending } from '../sending.ts'

export interface Ephemeral {
  /** Sends to one socket of the sender's room; any other socket is treated as if it did not exist. */
  readonly signal: (member: Member, event: SignalEvent, target: string, value: unknown) => Answer
  /** Sends to the others in the room; beyond the rate limit, everything new is sent together when its turn comes. */
  readonly aframe: (member: Member, entityData: Readonly<Record<string, unknown>>) => Answer
  /** The same for only the member's own place, which came packed: it is valid, and costs little. */
  readonly placed: (member: Member, move: PackedMove) => Answer
  /** Sends to the others in the room, or to one of them, each message in the order in which this member sent them. */
  readonly data: (member: Member, asked: RoomData) => Answer
  readonly forget: (member: Member) => void
  readonly stop: () => void
}

export type EphemeralDeps = {
  readonly members: ReadonlyMap<string, Member>
  readonly feed: Pick<LiveFeed, 'live'>
  readonly sending: Sending
  readonly relay: Relay
  readonly clock: Clock
  readonly aframePace: TokenRate
  readonly memberPositions: MemberPositions
  readonly scenes: Scenes
  /** How many bytes may wait for a socket before it is cut off. */
  readonly maxWaiting: number
}

/** The arguments of `maySignal`. */
export const askedBy = ({ caller }: Member, { hold, facts }: RoomPlace, clock: Clock) => ({
  state: hold.live.state,
  by: caller,
  facts,
  at: timeOf(clock),
})
export const timeOf = (clock: Clock): string => new Date(clock.now()).toISOString()

/** Whether a socket of another node is in this room, according to the log. */
export const isOfRoom = (
  feed: EphemeralDeps['feed'],
  room: RoomKey,
  id: string,
  local: Member | undefined,
): boolean => (local === undefined ? sessionIn(feed, room, id) !== null : local.place?.room === room)

export const nobody = (): Answer => failed({ _tag: 'Refused', refusal: { _tag: 'SessionNotFound' } })
export const tooFast = (): Answer =>
  failed({ _tag: 'Refused', refusal: { _tag: 'SlowDown', retryAfterSeconds: 1 } })

export const unitsOf = (bytes: number, unit: number): number => Math.max(1, bytes / unit)
