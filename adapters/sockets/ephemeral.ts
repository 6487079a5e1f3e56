/** What is not in the log: signalling between two sockets of a room, how a scene's entities move, and what clients tell each
 *  other that must come whole and in order. */

import * as t from 'io-ts'
import { accountOf } from '../../domain/identity.ts'
import type { RoomKey } from '../../domain/names.ts'
import type { Clock } from '../../domain/ports.ts'
import type { Relay } from '../redis/relay.ts'
import { invalid, tooLarge } from '../refusals.ts'
import { type Answer, done, failed, notInRoom, told } from './answers.ts'
import { packetOf } from './frames.ts'
import type { Member, Place } from './member.ts'
import type { RoomData } from './payloads.ts'
import type { Sending } from './sending.ts'
import { fullBucket, type Pace, take, waitFor } from './token-bucket.ts'

export type SignalEvent = 'webrtc-offer' | 'webrtc-answer' | 'webrtc-ice-candidate'

export interface Ephemeral {
  /** To one socket of the sender's room; any other looks like one that does not exist. */
  readonly signal: (
    member: Member,
    event: SignalEvent,
    field: string,
    target: string,
    value: unknown,
  ) => Answer
  /** To the others in the room; past the pace, the newest is sent when its turn comes. */
  readonly aframe: (member: Member, entityData: Readonly<Record<string, unknown>>) => Answer
  /** To the others in the room, or to one of them: each, in the order that this member sent them. */
  readonly data: (member: Member, asked: RoomData) => Answer
  readonly forget: (member: Member) => void
}

const MAX_AFRAME = 16_384
const MAX_SIGNAL = 65_536
const MAX_DATA = 65_536
/** Bytes of room-data of one socket. */
const DATA_PACE: Pace = { perSecond: 262_144, burst: 1_048_576 }

/** What processes tell each other. */
const Relayed = t.union([
  t.type({
    kind: t.literal('signal'),
    to: t.string,
    event: t.union([
      t.literal('webrtc-offer'),
      t.literal('webrtc-answer'),
      t.literal('webrtc-ice-candidate'),
    ]),
    payload: t.UnknownRecord,
  }),
  t.type({ kind: t.literal('aframe'), from: t.string, packet: t.string }),
  t.type({
    kind: t.literal('data'),
    from: t.string,
    to: t.union([t.string, t.null]),
    packet: t.string,
  }),
])
type Relayed = t.TypeOf<typeof Relayed>

export const createEphemeral = (deps: {
  readonly members: ReadonlyMap<string, Member>
  readonly sending: Sending
  readonly relay: Relay
  readonly clock: Clock
  readonly aframePace: Pace
}): Ephemeral => {
  const { members, sending, relay, clock, aframePace } = deps
  const now = () => new Date(clock.now()).toISOString()

  // A channel a room, for as long as somebody hears it here.
  sending.onRooms(relay.join, relay.leave)
  relay.onMessage((room, message) => {
    if (!Relayed.is(message)) return
    if (message.kind === 'aframe') sending.newest(room, message.from, message.packet, false)
    else if (message.kind === 'data') {
      if (message.to === null) sending.others(room, message.from, message.packet)
      else {
        const target = members.get(message.to)
        if (target?.place?.room === room) target.line.packets([message.packet])
      }
    } else {
      const target = members.get(message.to)
      if (target?.place?.room !== room) return
      target.line.tell(message.event, message.payload)
      target.line.guard()
    }
  })
  const publish = (room: RoomKey, message: Relayed) => relay.publish(room, message)

  /** Of one on another node the log says whether it is in this room. */
  const isOfRoom = (place: Place, id: string, local: Member | undefined): boolean => {
    if (local !== undefined) return local.place?.room === place.room
    const { state } = place.hold.live
    const sessionId = state.sockets.get(id)
    const session = sessionId === undefined ? undefined : state.sessions.get(sessionId)
    return session?.subspace === place.subspace
  }
  const nobody = (): Answer => failed({ _tag: 'Refused', refusal: { _tag: 'SessionNotFound' } })

  const sendAframe = (member: Member, text: string): void => {
    const room = member.place?.room
    if (room === null || room === undefined) return
    const { id } = member.line
    const [start, end] = [
      packetOf('aframe-update', { socketId: id, userAccount: accountOf(member.caller) }).slice(0, -2),
      JSON.stringify(now()),
    ]
    // The client's own words, already written down once to measure them.
    const packet = `${start},"entityData":${text},"timestamp":${end}}]`
    sending.newest(room, id, packet, true)
    publish(room, { kind: 'aframe', from: id, packet })
  }

  /** Sends the newest as soon as the pace allows. */
  const schedule = (member: Member, bucket: NonNullable<Member['aframe']>): void => {
    bucket.timer ??= setTimeout(() => {
      bucket.timer = undefined
      if (bucket.latest === null) return
      if (!take(bucket.bucket, aframePace, clock.now())) {
        schedule(member, bucket)
        return
      }
      const { latest } = bucket
      bucket.latest = null
      // Where somebody stood in the room before says nothing in this one.
      if (latest.room === member.place?.room) sendAframe(member, latest.text)
    }, waitFor(bucket.bucket, aframePace) + 1)
  }

  return {
    signal: (member, event, field, target, value) => {
      const { place } = member
      const room = place?.room
      if (!place || !room) return notInRoom
      if (value === undefined || JSON.stringify(value).length > MAX_SIGNAL)
        return told(invalid(field, `${field} is missing or too large.`))
      const payload = {
        [field]: value,
        fromSocketId: member.line.id,
        fromUser: member.caller.id,
      }
      const local = members.get(target)
      if (local !== undefined) {
        if (local.place?.room !== room) return nobody()
        local.line.tell(event, payload)
        local.line.guard()
        return done()
      }
      if (!isOfRoom(place, target, undefined)) return nobody()
      publish(room, { kind: 'signal', to: target, event, payload })
      return done()
    },
    aframe: (member, entityData) => {
      const room = member.place?.room
      if (!room) return notInRoom
      const text = JSON.stringify(entityData)
      if (Buffer.byteLength(text) > MAX_AFRAME)
        return told(tooLarge(`An aframe-update is at most ${MAX_AFRAME} bytes of JSON.`))
      member.aframe ??= { bucket: fullBucket(aframePace, clock.now()), latest: null, timer: undefined }
      if (member.aframe.timer === undefined && take(member.aframe.bucket, aframePace, clock.now())) {
        sendAframe(member, text)
        return done()
      }
      member.aframe.latest = { room, text }
      schedule(member, member.aframe)
      return done()
    },
    data: (member, { to, type, data }) => {
      const { place } = member
      const room = place?.room
      if (!place || !room) return notInRoom
      if (data === undefined) return told(invalid('data', 'data is missing.'))
      const { id } = member.line
      const payload = {
        type,
        data,
        fromSocketId: id,
        fromUser: member.caller.id,
        from: { id: member.caller.id, verified: member.caller.kind === 'account' },
        ...(to == null ? {} : { to }),
        timestamp: now(),
      }
      const packet = packetOf('room-data', payload)
      const bytes = Buffer.byteLength(packet)
      if (bytes > MAX_DATA) return told(tooLarge(`A room-data message is at most ${MAX_DATA} bytes of JSON.`))
      const target = to == null ? undefined : members.get(to)
      if (to != null && !isOfRoom(place, to, target)) return nobody()
      member.data ??= fullBucket(DATA_PACE, clock.now())
      if (!take(member.data, DATA_PACE, clock.now(), bytes))
        return failed({ _tag: 'Refused', refusal: { _tag: 'SlowDown', retryAfterSeconds: 1 } })
      if (target !== undefined) target.line.packets([packet])
      else {
        if (to == null) sending.others(room, id, packet)
        publish(room, { kind: 'data', from: id, to: to ?? null, packet })
      }
      return done()
    },
    forget: (member) => {
      clearTimeout(member.aframe?.timer)
      member.aframe = null
    },
  }
}
