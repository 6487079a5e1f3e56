/** Janus as the SFU, with its videoroom plugin. Its API knows no one who may only listen, so clients do not get to it: they
 *  send their descriptions to us, and this process holds their handles. Source: janus.conf.meetecho.com/docs/videoroom. */
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import * as t from 'io-ts'
import { reasonOf } from '../../observing.ts'
import {
  type Sfu,
  type SfuError,
  type SfuReport,
  type SfuSignal,
  sfuUnavailable,
  type WrongSignal,
} from '../sfu.ts'
import { JanusError, JanusLine } from './line.ts'
import { JanusRoom } from './room.ts'

/** What a client sends: it speaks (an offer); it has its end ready to hear, or anew; it answers an offer. */
const Signal = t.union([
  t.type({ kind: t.literal('publish'), sdp: t.string }),
  t.intersection([t.type({ kind: t.literal('hear') }), t.partial({ fresh: t.boolean })]),
  t.type({ kind: t.literal('answer'), sdp: t.string }),
])

/** Whether an offer is of one voice: Janus would pass on pictures, data and any number of voices as well. */
const isOneVoice = (sdp: string): boolean => {
  const media = sdp.match(/^m=\S*/gm) ?? []
  return media.length === 1 && media[0] === 'm=audio'
}

export const createJanus = ({ url, boot }: { readonly url: string; readonly boot: string }): Sfu => {
  const rooms = new Map<string, JanusRoom>()
  const listeners = new Set<() => void>()
  let report: (report: SfuReport) => void = () => {}
  const line = new JanusLine(url, () => {
    // Whatever was held on the lost session is gone.
    if (!line.isUp) {
      for (const room of rooms.values()) room.lost()
      rooms.clear()
    }
    for (const listener of listeners) listener()
  })
  const deps = { line, boot, onReport: (one: SfuReport) => report(one) }
  const roomOf = (name: string): JanusRoom => {
    const known = rooms.get(name) ?? new JanusRoom(name, deps)
    rooms.set(name, known)
    return known
  }
  const trying =
    <A>(what: () => Promise<A>): TaskEither<SfuError, A> =>
    async () => {
      try {
        return E.right(await what())
      } catch (error) {
        return E.left(sfuUnavailable(`Janus: ${reasonOf(error)}`))
      }
    }
  /** A description that Janus can't take is its sender's fault. */
  const carrying = async <A>(what: () => Promise<A>): Promise<E.Either<SfuError | WrongSignal, A>> => {
    let wrong: WrongSignal | null = null
    const done = await trying(() =>
      what().catch((error) => {
        if (error instanceof JanusError && error.isOfDescription)
          wrong = { _tag: 'WrongSignal', detail: 'The media server can’t take this description.' }
        throw error
      }),
    )()
    return wrong === null ? done : E.left(wrong)
  }

  return {
    kind: 'janus',
    url: null,
    grant: (who, maySpeak, tell) =>
      trying(async () => {
        await roomOf(who.room).enter(who, maySpeak, tell)
        return { url: null, token: null }
      }),
    maySpeak: ({ room, sessionId }, may) => trying(async () => rooms.get(room)?.maySpeak(sessionId, may)),
    remove: ({ room, sessionId }) => trying(async () => rooms.get(room)?.remove(sessionId)),
    close: (name) =>
      trying(async () => {
        const room = rooms.get(name)
        rooms.delete(name)
        await room?.close()
      }),
    signal:
      ({ room: name, sessionId }, signal: SfuSignal) =>
      async () => {
        const room = rooms.get(name)
        if (!Signal.is(signal))
          return E.left({ _tag: 'WrongSignal', detail: 'The signal is no publish, hear or answer.' })
        if (room === undefined || !room.has(sessionId))
          return E.left(sfuUnavailable('this session is not connected to it'))
        if (signal.kind === 'hear') {
          room.hear(sessionId, signal.fresh === true)
          return E.right({})
        }
        if (signal.kind === 'answer')
          return carrying(() => room.answered(sessionId, signal.sdp).then(() => ({})))
        if (!isOneVoice(signal.sdp))
          return E.left({ _tag: 'WrongSignal', detail: 'An offer is of one voice, and of nothing else.' })
        const published = await carrying(() => room.publish(sessionId, signal.sdp))
        if (E.isLeft(published)) return published
        return published.right === null
          ? E.left({ _tag: 'WrongSignal', detail: 'This session’s voice is off: switch it on first.' })
          : E.right({ kind: 'answer', sdp: published.right })
      },
    isUp: () => line.isUp,
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onReport: (listener) => {
      report = listener
    },
    stop: async () => line.stop(),
  }
}
