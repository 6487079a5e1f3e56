/** Each event of easyrtc's and networked-aframe's languages: who speaks one is a member like any other, and what it asks for
 *  is the same as what our own words ask for. */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { Content } from '../../../domain/ports.ts'
import { type Described, invalid, tooLarge } from '../../refusals.ts'
import { type Answer, done, failed, notInRoom, told } from '../answers.ts'
import type { Ephemeral } from '../ephemeral/parts.ts'
import type { Line } from '../line.ts'
import type { Member } from '../member.ts'
import type { Membership } from '../membership.ts'
import { decodePayload, RoomData } from '../payloads.ts'
import type { SignalEvent } from '../relayed.ts'
import type { Request } from '../requests.ts'
import type { Sending } from '../sending.ts'
import { SocketLine } from '../socket-line.ts'
import { fullBucket, type Pace, take } from '../token-bucket.ts'
import { ABOUT, EasyrtcLine, HANGUP, REJECT } from './easyrtc.ts'
import { JoinRoom, NafLine, SIGNAL_TYPE } from './naf.ts'
import { findRoom, isNameOf, type Room, wrongRoom } from './places.ts'
import { type Payload, TranslatedLine } from './translated.ts'

export type LanguageDeps = {
  readonly members: Map<string, Member>
  readonly membership: Membership
  readonly ephemeral: Ephemeral
  readonly sending: Sending
  readonly content: Content
  readonly clock: { readonly now: () => number }
  /** For one who is called so, as WebRTC takes them. */
  readonly iceServers: (id: string) => ReadonlyArray<unknown>
}

/** How often a socket may have a name looked up. */
const NAMES: Pace = { perSecond: 1, burst: 20 }
/** Bytes of JSON that a client of easyrtc may say of itself. */
const MAX_ABOUT = 8_192
const SIGNAL_EVENTS: ReadonlyMap<string, SignalEvent> = new Map([
  ['offer', 'webrtc-offer'],
  ['answer', 'webrtc-answer'],
  ['candidate', 'webrtc-ice-candidate'],
])

const object = (value: unknown): Payload =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Payload) : {}

/** The room that a name means to this member: with a ticket, that of the ticket alone. */
export const roomFor = async (
  member: Member,
  name: string,
  { content, clock }: Pick<LanguageDeps, 'content' | 'clock'>,
): Promise<E.Either<Described, Room>> => {
  const { ticket } = member
  if (ticket !== null) return isNameOf(name, ticket) ? E.right(ticket) : E.left(wrongRoom(ticket))
  member.names ??= fullBucket(NAMES, clock.now())
  if (!take(member.names, NAMES, clock.now()))
    return E.left({ status: 429, code: 'slow_down', error: 'Too fast: try again in 1 s.', retry_after: 1 })
  return findRoom(name, member.caller, content)
}

/** With the names that browsers have for these, beside easyrtc's. */
const asCandidate = (given: Payload): Payload => ({ ...given, sdpMLineIndex: given.label, sdpMid: given.id })

const Message = t.intersection([
  t.type({ msgType: t.string }),
  t.partial({
    msgData: t.unknown,
    targetRoom: t.unknown,
    targetEasyrtcid: t.unknown,
    targetGroup: t.unknown,
  }),
])
type Message = t.TypeOf<typeof Message>

export const createLanguages = (deps: LanguageDeps): ReadonlyMap<string, Request> => {
  const { members, membership, ephemeral, sending } = deps

  const speaksOther = told(invalid('event', 'This socket speaks another language already: open another one.'))

  /** From now on it is told in this language. It must not be in a room yet: others know it by its line's id. */
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

  const request = <A>(
    codec: t.Type<A, unknown, unknown>,
    handle: (member: Member, asked: A) => Answer | Promise<Answer>,
    waits = true,
  ): Request => ({
    channel: 'space',
    waits,
    handle: (member, payload) => {
      const asked = decodePayload(codec, payload)
      return E.isLeft(asked) ? told(asked.left) : handle(member, asked.right)
    },
  })

  // ── networked-aframe's socketio and webrtc adapters ────────────────────────────────────────────────────

  const isNaf = (line: Line): line is NafLine => line instanceof NafLine
  const joinRoom = async (member: Member, { room }: t.TypeOf<typeof JoinRoom>): Promise<Answer> => {
    const line = speak(member, (socket) => new NafLine(socket, sending), isNaf)
    if (line === null) return speaksOther
    const answer = await enter(member, room)
    // Its client waits for nothing else, and a room of its own beside a full one would be no room of ours.
    if (!answer.ok && member.place === null) {
      line.tell('space-error', answer)
      line.close()
    }
    return answer
  }
  const broadcast = (member: Member, { type, data: what }: Payload): Answer => data(member, null, type, what)
  const send = (member: Member, { to, type, data: what }: Payload): Answer => {
    if (type !== SIGNAL_TYPE) return data(member, to ?? '', type, what)
    return signal(member, String(object(what).type), to, what)
  }

  // ── easyrtc ────────────────────────────────────────────────────────────────────────────────────────────

  const isEasyrtc = (line: Line): line is EasyrtcLine => line instanceof EasyrtcLine
  const aboutOf = (id: string): Payload | null => {
    const line = members.get(id)?.line
    return line !== undefined && isEasyrtc(line) ? line.about : null
  }
  const say = (member: Member, line: EasyrtcLine, to: string | null): Answer =>
    data(member, to, ABOUT, {
      presence: line.about.presence,
      ...(line.about.apiField === null ? {} : { apiField: line.about.apiField }),
    })

  const joinEasyrtc = async (member: Member, line: EasyrtcLine, given: unknown): Promise<Answer> => {
    const [name] = Object.keys(object(given))
    if (name === undefined) return told(invalid('room', 'roomJoin names no room.'))
    const before = line.room
    line.room = name
    const answer = await enter(member, name)
    if (!answer.ok) {
      line.room = member.place === null ? null : before
      return answer
    }
    if (line.about.apiField !== null) say(member, line, null)
    return done({ msgType: 'roomData', msgData: { roomData: line.roomData('join', line.clientList()) } })
  }

  const easyrtcAuth = async (member: Member, { msgData }: Message): Promise<Answer> => {
    const make = (socket: SocketLine['socket']): EasyrtcLine => {
      // One of another process has not heard what was said before it came.
      const onNewcomer = (id: string): void => {
        if (line.about.apiField !== null && !members.has(id)) say(member, line, id)
      }
      const line = new EasyrtcLine(socket, sending, { aboutOf, onNewcomer })
      return line
    }
    const line = speak(member, make, isEasyrtc)
    if (line === null) return speaksOther
    const asked = object(msgData)
    let roomData: unknown = {}
    if (Object.keys(object(asked.roomJoin)).length > 0) {
      const joined = await joinEasyrtc(member, line, asked.roomJoin)
      if (!joined.ok) return joined
      roomData = object(joined.msgData).roomData
    }
    return done({
      msgType: 'token',
      msgData: {
        easyrtcid: line.id,
        application: { applicationName: String(asked.applicationName ?? 'default').slice(0, 64) },
        iceConfig: { iceServers: deps.iceServers(member.caller.id) },
        serverTime: deps.clock.now(),
        roomData,
      },
    })
  }

  const sayAnew = (member: Member, line: EasyrtcLine, about: EasyrtcLine['about']): Answer | null => {
    if (Buffer.byteLength(JSON.stringify(about)) > MAX_ABOUT)
      return told(tooLarge(`What a client says of itself is at most ${MAX_ABOUT} bytes of JSON.`))
    line.about = about
    line.refreshOwn()
    if (member.place === null) return null
    const answer = say(member, line, null)
    return answer.ok ? null : answer
  }

  const leaveRoom = async (member: Member, line: EasyrtcLine): Promise<Answer> => {
    const left = await membership.leave(member)
    if (!left.ok) return left
    const roomData = line.roomData('leave', {})
    line.room = null
    return done({ msgType: 'roomData', msgData: { roomData } })
  }

  const setField = (member: Member, line: EasyrtcLine, given: Payload): Answer => {
    const asked = object(given.setRoomApiField)
    const wrong = sayAnew(member, line, {
      ...line.about,
      apiField: asked.field === undefined ? null : object(asked.field),
    })
    if (wrong !== null) return wrong
    return done({ msgType: 'roomData', msgData: { roomData: line.roomData('update', line.own()) } })
  }

  const easyrtcCmd = (member: Member, { msgType, msgData, targetEasyrtcid }: Message) => {
    const { line } = member
    if (!isEasyrtc(line)) return told(invalid('event', 'easyrtcAuth comes first.'))
    const given = object(msgData)
    switch (msgType) {
      case 'roomJoin':
        return joinEasyrtc(member, line, given.roomJoin)
      case 'roomLeave':
        return leaveRoom(member, line)
      case 'setRoomApiField':
        return setField(member, line, given)
      case 'setPresence':
        return sayAnew(member, line, { ...line.about, presence: object(given.setPresence) }) ?? done()
      case 'setUserCfg':
        return done()
      case 'getIceConfig': {
        const iceConfig = { iceServers: deps.iceServers(member.caller.id) }
        return done({ msgType: 'iceConfig', msgData: { iceConfig } })
      }
      case 'offer':
      case 'answer':
      case 'candidate':
        return plain(
          signal(member, msgType, targetEasyrtcid, msgType === 'candidate' ? asCandidate(given) : msgData),
        )
      case 'hangup':
      case 'reject':
        return plain(data(member, targetEasyrtcid ?? '', msgType === 'hangup' ? HANGUP : REJECT, msgData))
      default:
        return told(invalid('msg_type', 'There is no such msgType.'))
    }
  }
  const plain = (answer: Answer): Answer => (answer.ok ? done() : answer)

  const easyrtcMsg = (member: Member, asked: Message): Answer => {
    const { line } = member
    if (!isEasyrtc(line)) return told(invalid('event', 'easyrtcAuth comes first.'))
    const { msgType, msgData, targetRoom, targetEasyrtcid, targetGroup } = asked
    if (targetGroup !== undefined) return told(invalid('target_group', 'There are no groups.'))
    if (targetEasyrtcid !== undefined) return plain(data(member, targetEasyrtcid, msgType, msgData))
    if (targetRoom === undefined)
      return told(invalid('target_room', 'targetRoom or targetEasyrtcid is missing.'))
    if (line.room === null) return notInRoom
    if (targetRoom !== line.room) return failed({ _tag: 'Refused', refusal: { _tag: 'SpaceNotFound' } })
    return plain(data(member, null, msgType, msgData))
  }

  const Any = t.UnknownRecord
  return new Map<string, Request>([
    ['joinRoom', request(JoinRoom, joinRoom, false)],
    ['broadcast', request(Any, broadcast)],
    ['send', request(Any, send)],
    ['easyrtcAuth', request(Message, easyrtcAuth, false)],
    ['easyrtcCmd', request(Message, easyrtcCmd)],
    ['easyrtcMsg', request(Message, easyrtcMsg)],
  ])
}

/** The events whose acknowledgements are of easyrtc's own form. */
export const isEasyrtcEvent = (name: string): boolean => name.startsWith('easyrtc')
