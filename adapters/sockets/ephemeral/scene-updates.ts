/** How a scene's entities move, to the others in the room: past the pace, the newest when its turn comes. */
import { accountOf } from '../../../domain/identity.ts'
import type { Clock } from '../../../domain/ports.ts'
import { tooLarge } from '../../refusals.ts'
import { done, notInRoom, told } from '../answers.ts'
import { packetOf } from '../frames.ts'
import type { Member } from '../member.ts'
import { MAX_AFRAME } from '../relayed.ts'
import { fullBucket, take, waitFor } from '../token-bucket.ts'
import { type Ephemeral, type EphemeralDeps, timeOf, unitsOf } from './parts.ts'

/** A scene update counts once for each so many bytes. */
const AFRAME_UNIT = 4_096

/** `text`: the entity's data as JSON. */
export const updatePacket = (
  clock: Clock,
  socketId: string,
  userAccount: string | null,
  text: string,
): string => {
  const start = packetOf('aframe-update', { socketId, userAccount }).slice(0, -2)
  // The client's own words, already written down once to measure them.
  return `${start},"entityData":${text},"timestamp":${JSON.stringify(timeOf(clock))}}]`
}

export const createSceneUpdates = (deps: EphemeralDeps): Pick<Ephemeral, 'aframe' | 'forget'> => {
  const { sending, relay, clock, aframePace, whereabouts } = deps

  const sendAframe = (member: Member, text: string): void => {
    const room = member.place?.room
    if (room === null || room === undefined) return
    const { id } = member.line
    sending.newest(room, id, {
      packet: updatePacket(clock, id, accountOf(member.caller), text),
      isThere: () => member.place?.room === room,
      passed: () => relay.publish(room, { kind: 'aframe', from: id, data: JSON.parse(text) }),
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
    forget: (member) => {
      clearTimeout(member.aframe?.timer)
      member.aframe = null
    },
  }
}
