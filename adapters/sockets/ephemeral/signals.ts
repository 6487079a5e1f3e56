/** WebRTC's signals, from one socket to another in its room. */
import * as E from 'fp-ts/lib/Either.js'
import { invalid, tooLarge } from '../../refusals.ts'
import { fullBucket, type TokenRate, take } from '../../token-bucket.ts'
import { done, failed, notInRoom, told } from '../answers.ts'
import type { Member } from '../member.ts'
import { MAX_SIGNAL, SIGNALS, type SignalEvent } from '../relayed.ts'
import { maySignal } from '../voice-rights.ts'
import { askedBy, type Ephemeral, type EphemeralDeps, isOfRoom, nobody, tooFast, unitsOf } from './parts.ts'

/** How many signals one socket may send, counted in units of 2 KB: enough to connect to a room of fifty at once. */
const SIGNAL_PACE: TokenRate = { perSecond: 100, burst: 1_000 }
const SIGNAL_UNIT = 2_048
/** If more bytes than this wait for a socket, signals to it are dropped, but the socket is kept. */
const MAX_WAITING = 262_144

/** What the target is sent. */
export const signalled = (event: SignalEvent, value: unknown, fromSocketId: string, fromUser: string) => ({
  [SIGNALS[event]]: value,
  fromSocketId,
  fromUser,
})

/** False: too much waits for the target already. `maxWaiting`: how many bytes may wait for a socket. */
export const pass = (
  target: Member,
  event: SignalEvent,
  signal: ReturnType<typeof signalled>,
  maxWaiting: number,
): boolean => {
  if (target.line.waiting() > Math.min(MAX_WAITING, maxWaiting / 4)) return false
  target.line.tell(event, signal)
  return true
}

export const createSignals = (deps: EphemeralDeps): Ephemeral['signal'] => {
  const { members, feed, relay, clock, maxWaiting } = deps
  return (member, event, target, value) => {
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
    if (!isOfRoom(feed, room, target, local)) return nobody()
    const may = maySignal(askedBy(member, place, clock), value, event === 'webrtc-ice-candidate')
    if (E.isLeft(may)) return failed({ _tag: 'Refused', refusal: may.left })
    const { id } = member.line
    if (local !== undefined)
      return pass(local, event, signalled(event, value, id, member.caller.id), maxWaiting)
        ? done()
        : tooFast()
    relay.publish(room, { kind: 'signal', from: id, to: target, event, value })
    return done()
  }
}
