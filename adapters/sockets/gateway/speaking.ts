/** What members who speak another protocol do like any other: enter a room, and send things to others. */
import * as E from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import type { Content } from '../../../domain/ports.ts'
import { invalid } from '../../refusals.ts'
import { type Answer, told } from '../answers.ts'
import type { Ephemeral } from '../ephemeral/parts.ts'
import type { Line } from '../line.ts'
import type { Member } from '../member.ts'
import type { Membership } from '../membership.ts'
import { decodePayload, RoomData } from '../payloads.ts'
import type { SignalEvent } from '../relayed.ts'
import type { SocketRequest } from '../requests.ts'
import type { Sending } from '../sending.ts'
import { SocketLine } from '../socket-line.ts'
import { roomFor } from './room-for.ts'
import { type Payload, TranslatedLine } from './translated.ts'

export type LanguageDeps = {
  readonly members: Map<string, Member>
  readonly membership: Membership
  readonly ephemeral: Ephemeral
  readonly sending: Sending
  readonly content: Content
  readonly clock: { readonly now: () => number }
  /** The ICE servers for the caller with that id, in WebRTC's form. */
  readonly iceServers: (id: string) => ReadonlyArray<unknown>
}

const SIGNAL_EVENTS: ReadonlyMap<string, SignalEvent> = new Map([
  ['offer', 'webrtc-offer'],
  ['answer', 'webrtc-answer'],
  ['candidate', 'webrtc-ice-candidate'],
])

/** The value if it is an object, else an empty one. */
export const object = (value: unknown): Payload =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Payload) : {}

export const speaksOther = told(
  invalid('event', 'This socket speaks another language already: open another one.'),
)

export const request = <A>(
  codec: t.Type<A, unknown, unknown>,
  handle: (member: Member, asked: A) => Answer | Promise<Answer>,
  waits = true,
): SocketRequest => ({
  channel: 'space',
  waits,
  handle: (member, payload) => {
    const asked = decodePayload(codec, payload)
    return E.isLeft(asked) ? told(asked.left) : handle(member, asked.right)
  },
})

export type Speaking = ReturnType<typeof createSpeaking>

export const createSpeaking = (deps: LanguageDeps) => {
  const { members, membership, ephemeral } = deps

  /** From now on the member is sent everything in this language. It must not be in a room yet: others know it by its line's id. */
  const speak = <L extends TranslatedLine>(
    member: Member,
    make: (socket: SocketLine['socket']) => L,
    isOne: (line: Line) => line is L,
  ): L | null => {
    const { line } = member
    if (isOne(line)) return line
    const isOwn = line instanceof SocketLine || line.constructor === TranslatedLine
    if (!isOwn || member.place !== null || member.busy !== null) return null
    const made = make((line as SocketLine).socket)
    members.delete(line.id)
    member.line = made
    members.set(made.id, member)
    return made
  }

  const enter = async (member: Member, name: string): Promise<Answer> => {
    const room = await roomFor(member, name, deps)
    if (E.isLeft(room)) return told(room.left)
    return membership.join(member, {
      spaceType: room.right.space.type,
      spaceId: room.right.space.id,
      subspace: room.right.subspace,
      position: undefined,
      avatar_data: undefined,
      since: undefined,
      replaces: undefined,
      scene: undefined,
      users: undefined,
    })
  }

  const data = (member: Member, to: unknown, type: unknown, what: unknown): Answer => {
    const asked = decodePayload(RoomData, { to, type, data: what ?? null })
    return E.isLeft(asked) ? told(asked.left) : ephemeral.data(member, asked.right)
  }
  const signal = (member: Member, kind: string, to: unknown, what: unknown): Answer => {
    const event = SIGNAL_EVENTS.get(kind)
    if (event === undefined) return told(invalid('type', 'There is no such signal.'))
    if (typeof to !== 'string') return told(invalid('to', 'to is missing.'))
    return ephemeral.signal(member, event, to, what)
  }

  return { speak, enter, data, signal }
}
