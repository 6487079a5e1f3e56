/** What is not in the log: signalling between two sockets of a room, how a scene's entities move, and what clients tell each
 *  other that must come whole and in order. */

import * as E from 'fp-ts/lib/Either.js'
import { accountOf, type Caller } from '../../domain/identity.ts'
import type { RoomKey } from '../../domain/names.ts'
import type { Clock } from '../../domain/ports.ts'
import type { Session } from '../../domain/space/session.ts'
import type { Relay } from '../redis/relay.ts'
import { invalid, tooLarge } from '../refusals.ts'
import { type Answer, done, failed, notInRoom, told } from './answers.ts'
import type { LiveFeed } from './feed.ts'
import { packetOf } from './frames.ts'
import type { Member, Place } from './member.ts'
import type { RoomData } from './payloads.ts'
import {
  createEarly,
  MAX_AFRAME,
  MAX_DATA,
  MAX_SIGNAL,
  Relayed,
  SIGNALS,
  type SignalEvent,
  sessionIn,
} from './relayed.ts'
import type { Sending } from './sending.ts'
import { type Bucket, fullBucket, type Pace, take, waitFor } from './token-bucket.ts'
import { maySignal } from './voice-rights.ts'
import type { Whereabouts } from './whereabouts.ts'

export interface Ephemeral {
  /** To one socket of the sender's room; any other looks like one that does not exist. */
  readonly signal: (member: Member, event: SignalEvent, target: string, value: unknown) => Answer
  /** To the others in the room; past the pace, the newest is sent when its turn comes. */
  readonly aframe: (member: Member, entityData: Readonly<Record<string, unknown>>) => Answer
  /** To the others in the room, or to one of them: each, in the order that this member sent them. */
  readonly data: (member: Member, asked: RoomData) => Answer
  readonly forget: (member: Member) => void
  readonly stop: () => void
}

/** Signals of one socket, by the 2 KB: enough to meet a room of fifty at once. */
const SIGNAL_PACE: Pace = { perSecond: 100, burst: 1_000 }
const SIGNAL_UNIT = 2_048
/** A scene update counts once for each so many bytes. */
const AFRAME_UNIT = 4_096
/** Bytes that may wait for a socket and it is still sent signals: past that they are dropped, and not the socket. */
const MAX_WAITING = 262_144
/** Bytes of room-data of one socket, counted once for each eight who hear them; and of all in a room, for each. */
const DATA_PACE: Pace = { perSecond: 262_144, burst: 1_048_576 }
const DATA_HEARERS = 8
const ROOM_DATA_PACE: Pace = { perSecond: 16 << 20, burst: 32 << 20 }
const MAX_ROOMS = 1_000

export const createEphemeral = (deps: {
  readonly members: ReadonlyMap<string, Member>
  readonly feed: Pick<LiveFeed, 'live'>
  readonly sending: Sending
  readonly relay: Relay
  readonly clock: Clock
  readonly aframePace: Pace
  readonly whereabouts: Whereabouts
  /** Bytes that may wait for a socket before it is cut off. */
  readonly maxWaiting: number
}): Ephemeral => {
  const { members, feed, sending, relay, clock, aframePace, whereabouts } = deps
  const now = () => new Date(clock.now()).toISOString()

  // A channel a room, for as long as somebody hears it here.
  sending.onRooms(relay.join, relay.leave)

  /** False: the target is too far behind to be sent more. */
  const pass = (target: Member, event: SignalEvent, value: unknown, from: string, user: string): boolean => {
    if (target.line.waiting() > Math.min(MAX_WAITING, deps.maxWaiting / 4)) return false
    target.line.tell(event, { [SIGNALS[event]]: value, fromSocketId: from, fromUser: user })
    return true
  }

  const updateOf = (socketId: string, userAccount: string | null, text: string): string => {
    const start = packetOf('aframe-update', { socketId, userAccount }).slice(0, -2)
    // The client's own words, already written down once to measure them.
    return `${start},"entityData":${text},"timestamp":${JSON.stringify(now())}}]`
  }

  const askedBy = ({ caller }: Member, { hold, facts }: Place) => ({
    state: hold.live.state,
    by: caller,
    facts,
    at: now(),
  })
  const dataPacket = (
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
      timestamp: now(),
    })
  const spent = new Map<RoomKey, Bucket>()
  const dataOf = (room: RoomKey): Bucket => {
    // Of rooms that were forgotten the few that had spent something begin anew.
    if (spent.size >= MAX_ROOMS) spent.clear()
    const bucket = spent.get(room) ?? fullBucket(ROOM_DATA_PACE, clock.now())
    spent.set(room, bucket)
    return bucket
  }

  /** False: its sender is not in the room, or not yet. */
  const takeIn = (room: RoomKey, message: Relayed): boolean => {
    const { from } = message
    const session = sessionIn(feed, room, from)
    if (session === null) return false
    switch (message.kind) {
      case 'aframe': {
        const packet = updateOf(from, session.account, JSON.stringify(message.data))
        sending.newest(room, from, { packet, isThere: () => sessionIn(feed, room, from) !== null })
        return true
      }
      case 'signal': {
        const target = members.get(message.to)
        if (target?.place?.room === room) pass(target, message.event, message.value, from, nameOf(session))
        return true
      }
      case 'data': {
        const by = { kind: session.account === null ? 'guest' : 'account', id: nameOf(session) } as const
        const packet = dataPacket(from, by, message)
        const target = message.to === null ? undefined : members.get(message.to)
        if (message.to === null) sending.others(room, from, packet)
        else if (target?.place?.room === room) target.line.packets([packet])
        return true
      }
      default: {
        const never: never = message
        return never
      }
    }
  }
  const early = createEarly(takeIn)
  relay.onMessage((room, message) => {
    // One of this process is not told by another.
    if (!Relayed.is(message) || members.has(message.from)) return
    early.look()
    if (!takeIn(room, message)) early.add(room, message)
  })
  const publish = (room: RoomKey, message: Relayed) => relay.publish(room, message)

  /** Of one on another node the log says whether it is in this room. */
  const isOfRoom = (room: RoomKey, id: string, local: Member | undefined): boolean =>
    local === undefined ? sessionIn(feed, room, id) !== null : local.place?.room === room
  const nobody = (): Answer => failed({ _tag: 'Refused', refusal: { _tag: 'SessionNotFound' } })
  const tooFast = (): Answer =>
    failed({ _tag: 'Refused', refusal: { _tag: 'SlowDown', retryAfterSeconds: 1 } })

  const sendAframe = (member: Member, text: string): void => {
    const room = member.place?.room
    if (room === null || room === undefined) return
    const { id } = member.line
    sending.newest(room, id, {
      packet: updateOf(id, accountOf(member.caller), text),
      isThere: () => member.place?.room === room,
      passed: () => publish(room, { kind: 'aframe', from: id, data: JSON.parse(text) }),
    })
  }

  /** Sends the newest as soon as the pace allows. */
  const schedule = (member: Member, bucket: NonNullable<Member['aframe']>): void => {
    bucket.timer ??= setTimeout(
      () => {
        bucket.timer = undefined
        if (bucket.latest === null) return
        const { length } = bucket.latest.text
        if (!take(bucket.bucket, aframePace, clock.now(), unitsOf(length, AFRAME_UNIT))) {
          schedule(member, bucket)
          return
        }
        const { latest } = bucket
        bucket.latest = null
        // Where somebody stood in the room before says nothing in this one.
        if (latest.room === member.place?.room) sendAframe(member, latest.text)
      },
      waitFor(bucket.bucket, aframePace, unitsOf(bucket.latest?.text.length ?? 0, AFRAME_UNIT)) + 1,
    )
  }

  return {
    signal: (member, event, target, value) => {
      const { place } = member
      const room = place?.room
      if (!place || !room) return notInRoom
      const field = SIGNALS[event]
      const text = JSON.stringify(value)
      if (text === undefined) return told(invalid(field, `${field} is missing.`))
      const bytes = Buffer.byteLength(text)
      if (bytes > MAX_SIGNAL) return told(tooLarge(`A signal is at most ${MAX_SIGNAL} bytes of JSON.`))
      member.signals ??= fullBucket(SIGNAL_PACE, clock.now())
      if (!take(member.signals, SIGNAL_PACE, clock.now(), unitsOf(bytes, SIGNAL_UNIT))) return tooFast()
      const local = members.get(target)
      if (!isOfRoom(room, target, local)) return nobody()
      const may = maySignal(askedBy(member, place), value, event === 'webrtc-ice-candidate')
      if (E.isLeft(may)) return failed({ _tag: 'Refused', refusal: may.left })
      const { id } = member.line
      if (local !== undefined) return pass(local, event, value, id, member.caller.id) ? done() : tooFast()
      publish(room, { kind: 'signal', from: id, to: target, event, value })
      return done()
    },
    aframe: (member, entityData) => {
      const room = member.place?.room
      if (!room) return notInRoom
      const text = JSON.stringify(entityData)
      if (Buffer.byteLength(text) > MAX_AFRAME)
        return told(tooLarge(`An aframe-update is at most ${MAX_AFRAME} bytes of JSON.`))
      whereabouts.moved(member, entityData)
      member.aframe ??= { bucket: fullBucket(aframePace, clock.now()), latest: null, timer: undefined }
      const units = unitsOf(text.length, AFRAME_UNIT)
      if (member.aframe.timer === undefined && take(member.aframe.bucket, aframePace, clock.now(), units)) {
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
      const packet = dataPacket(id, member.caller, { type, data, to: to ?? null })
      const bytes = Buffer.byteLength(packet)
      if (bytes > MAX_DATA) return told(tooLarge(`A room-data message is at most ${MAX_DATA} bytes of JSON.`))
      const target = to == null ? undefined : members.get(to)
      if (to != null && !isOfRoom(room, to, target)) return nobody()
      const may = maySignal(askedBy(member, place), data, true)
      if (E.isLeft(may)) return failed({ _tag: 'Refused', refusal: may.left })
      member.data ??= fullBucket(DATA_PACE, clock.now())
      const hearers = to == null ? sending.hearers(room) : 1
      const cost = bytes * Math.max(1, hearers / DATA_HEARERS)
      if (!take(member.data, DATA_PACE, clock.now(), cost)) return tooFast()
      if (!take(dataOf(room), ROOM_DATA_PACE, clock.now(), bytes * hearers)) return tooFast()
      whereabouts.told(member, type, data)
      if (target !== undefined) target.line.packets([packet])
      else {
        if (to == null) sending.others(room, id, packet)
        publish(room, { kind: 'data', from: id, to: to ?? null, type, data })
      }
      return done()
    },
    forget: (member) => {
      clearTimeout(member.aframe?.timer)
      member.aframe = null
    },
    stop: early.stop,
  }
}

const unitsOf = (bytes: number, unit: number): number => Math.max(1, bytes / unit)
const nameOf = ({ account, guest }: Session): string => account ?? guest ?? ''
