/** What is not in the log: signalling between two sockets of a room, and how a scene's entities move. */

import * as t from 'io-ts'
import type { Server } from 'socket.io'
import { accountOf } from '../../domain/identity.ts'
import type { RoomKey } from '../../domain/names.ts'
import type { Clock } from '../../domain/ports.ts'
import type { Relay } from '../redis/relay.ts'
import { invalid, tooLarge } from '../refusals.ts'
import { type Answer, done, failed, notInRoom, told } from './answers.ts'
import { packetOf } from './frames.ts'
import type { Member } from './member.ts'
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
  readonly forget: (member: Member) => void
}

const MAX_AFRAME = 16_384
const MAX_SIGNAL = 65_536

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
])
type Relayed = t.TypeOf<typeof Relayed>

export const createEphemeral = (deps: {
  readonly io: Server
  readonly members: ReadonlyMap<string, Member>
  readonly sending: Sending
  readonly relay: Relay
  readonly clock: Clock
  readonly aframePace: Pace
}): Ephemeral => {
  const { io, members, sending, relay, clock, aframePace } = deps
  const now = () => new Date(clock.now()).toISOString()

  // A channel a room, for as long as it has sockets here. Every socket has a room of its own too, without a colon.
  const { adapter } = io.of('/')
  adapter.on('create-room', (room: RoomKey) => {
    if (room.includes(':')) relay.join(room)
  })
  adapter.on('delete-room', (room: RoomKey) => {
    if (room.includes(':')) relay.leave(room)
  })
  relay.onMessage((room, message) => {
    if (!Relayed.is(message)) return
    if (message.kind === 'aframe') sending.newest(room, message.from, message.packet, false)
    else {
      const target = members.get(message.to)
      if (target?.place?.room !== room) return
      target.line.tell(message.event, message.payload)
      target.line.guard()
    }
  })
  const publish = (room: RoomKey, message: Relayed) => relay.publish(room, message)

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
      // On another node: the log says whether it is in this room.
      const { live } = place.hold
      const sessionId = live.state.sockets.get(target)
      const session = sessionId === undefined ? undefined : live.state.sessions.get(sessionId)
      if (session?.subspace !== place.subspace) return nobody()
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
    forget: (member) => {
      clearTimeout(member.aframe?.timer)
      member.aframe = null
    },
  }
}
