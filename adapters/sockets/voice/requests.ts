/** What a member sends to be heard, and to hear, through the SFU of its room. */
import * as E from 'fp-ts/lib/Either.js'
import { invalid, tooLarge } from '../../refusals.ts'
import type { SfuSignal, WrongSignal } from '../../sfu/sfu.ts'
import { fullBucket, type TokenRate, take } from '../../token-bucket.ts'
import { type Answer, done, failed, notInRoom, told } from '../answers.ts'
import { tooFast, unitsOf } from '../ephemeral/parts.ts'
import type { Member } from '../member.ts'
import { decodePayload, Nothing, VoiceSignal } from '../payloads.ts'
import { MAX_SIGNAL } from '../relayed.ts'
import type { SocketRequest } from '../request.ts'
import type { NoVoice, Voices } from './voices.ts'

/** The same bucket as signals to other sockets. */
const PACE: TokenRate = { perSecond: 100, burst: 1_000 }
const UNIT = 2_048
/** A connection costs the SFU more than any signal, and what it reports of it is on the log. */
const CONNECTION_UNITS = 50
/** Signals with which a client begins no connection: an answer to an offer, and that it hears. */
const isSmall = ({ kind, fresh }: SfuSignal): boolean =>
  kind === 'answer' || (kind === 'hear' && fresh !== true)

const refused = (why: NoVoice | WrongSignal): Answer => {
  switch (why._tag) {
    case 'ByMesh':
    case 'SfuUnavailable':
      return failed(why)
    case 'WrongSignal':
      return told(invalid('signal', why.detail))
    default:
      return why satisfies never
  }
}

export const voiceRequests = (
  voices: Voices,
  now: () => number,
): ReadonlyArray<readonly [string, SocketRequest]> => {
  const may = (member: Member, units: number): boolean => {
    member.signals ??= fullBucket(PACE, now())
    return take(member.signals, PACE, now(), units)
  }
  const connect = async (member: Member): Promise<Answer> => {
    const { place } = member
    if (place === null) return notInRoom
    if (!may(member, CONNECTION_UNITS)) return tooFast()
    const granted = await voices.connect(member, place)
    if (E.isLeft(granted)) return refused(granted.left)
    const { maySpeak, ...rest } = granted.right
    return done({ ...rest, may_speak: maySpeak })
  }
  const signal = async (member: Member, payload: unknown): Promise<Answer> => {
    const asked = decodePayload(VoiceSignal, payload)
    if (E.isLeft(asked)) return told(asked.left)
    const { place } = member
    if (place === null) return notInRoom
    const bytes = Buffer.byteLength(JSON.stringify(asked.right.signal))
    if (bytes > MAX_SIGNAL) return told(tooLarge(`A signal is at most ${MAX_SIGNAL} bytes of JSON.`))
    const units = isSmall(asked.right.signal) ? unitsOf(bytes, UNIT) : CONNECTION_UNITS
    if (!may(member, units)) return tooFast()
    const answered = await voices.signal(place, asked.right.signal)
    return E.isLeft(answered) ? refused(answered.left) : done({ signal: answered.right })
  }
  return [
    [
      'voice-connect',
      {
        channel: 'space',
        waits: true,
        handle: (member, payload) => {
          const asked = decodePayload(Nothing, payload)
          return E.isLeft(asked) ? told(asked.left) : connect(member)
        },
      },
    ],
    ['voice-signal', { channel: 'space', waits: true, handle: signal }],
  ]
}
