/** Messages between clients that must arrive whole and in order: to the others in the room, or to one of them. */
import * as E from 'fp-ts/lib/Either.js'
import type { Caller } from '../../../domain/identity.ts'
import type { RoomKey } from '../../../domain/names.ts'
import type { Clock } from '../../../domain/ports.ts'
import { invalid, tooLarge } from '../../refusals.ts'
import { type Bucket, fullBucket, type TokenRate, take } from '../../token-bucket.ts'
import { done, failed, notInRoom, told } from '../answers.ts'
import { packetOf } from '../frames.ts'
import { MAX_DATA } from '../relayed.ts'
import { maySignal } from '../voice-rights.ts'
import { askedBy, type Ephemeral, type EphemeralDeps, isOfRoom, nobody, timeOf, tooFast } from './parts.ts'

/** How many bytes of room-data one socket may send, counted once for each eight recipients; and all in a room, counted
 *  for each recipient. */
const DATA_PACE: TokenRate = { perSecond: 262_144, burst: 1_048_576 }
const DATA_HEARERS = 8
const ROOM_DATA_PACE: TokenRate = { perSecond: 16 << 20, burst: 32 << 20 }
const MAX_ROOMS = 1_000

export const dataPacket = (
  clock: Clock,
  fromSocketId: string,
  by: Pick<Caller, 'kind' | 'id'>,
  said: { readonly type: string; readonly data: unknown; readonly to: string | null },
): string =>
  packetOf('room-data', {
    type: said.type,
    data: said.data,
    fromSocketId,
    fromUser: by.id,
    from: { id: by.id, verified: by.kind === 'account' },
    ...(said.to === null ? {} : { to: said.to }),
    timestamp: timeOf(clock),
  })

export const createRoomData = (deps: EphemeralDeps): Ephemeral['data'] => {
  const { members, feed, sending, relay, clock, memberPositions } = deps
  const spent = new Map<RoomKey, Bucket>()
  const dataOf = (room: RoomKey): Bucket => {
    // The few forgotten rooms that had spent something start afresh.
    if (spent.size >= MAX_ROOMS) spent.clear()
    const bucket = spent.get(room) ?? fullBucket(ROOM_DATA_PACE, clock.now())
    spent.set(room, bucket)
    return bucket
  }

  return (member, { to, type, data }) => {
    const { place } = member
    const room = place?.room
    if (!place || !room) return notInRoom
    if (data === undefined) return told(invalid('data', 'data is missing.'))
    const { id } = member.line
    const packet = dataPacket(clock, id, member.caller, { type, data, to: to ?? null })
    const bytes = Buffer.byteLength(packet)
    if (bytes > MAX_DATA) return told(tooLarge(`A room-data message is at most ${MAX_DATA} bytes of JSON.`))
    const target = to == null ? undefined : members.get(to)
    if (to != null && !isOfRoom(feed, room, to, target)) return nobody()
    const may = maySignal(askedBy(member, place, clock), data, true)
    if (E.isLeft(may)) return failed({ _tag: 'Refused', refusal: may.left })
    member.data ??= fullBucket(DATA_PACE, clock.now())
    const hearers = to == null ? sending.hearers(room) : 1
    const cost = bytes * Math.max(1, hearers / DATA_HEARERS)
    if (!take(member.data, DATA_PACE, clock.now(), cost)) return tooFast()
    if (!take(dataOf(room), ROOM_DATA_PACE, clock.now(), bytes * hearers)) return tooFast()
    memberPositions.told(member, type, data)
    if (target !== undefined) target.line.packets([packet])
    else {
      if (to == null) sending.others(room, id, packet)
      relay.publish(room, { kind: 'data', from: id, to: to ?? null, type, data })
    }
    return done()
  }
}
