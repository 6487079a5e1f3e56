/** The requests of easyrtc's clients: authenticating, entering a room, describing themselves, signals and messages. */
import * as t from 'io-ts'
import { invalid, tooLarge } from '../../refusals.ts'
import { type Answer, done, failed, notInRoom, told } from '../answers.ts'
import type { Line } from '../line.ts'
import type { Member } from '../member.ts'
import type { SocketRequest } from '../requests.ts'
import type { SocketLine } from '../socket-line.ts'
import { ABOUT, EasyrtcLine, HANGUP, REJECT } from './easyrtc.ts'
import { type LanguageDeps, object, request, type Speaking, speaksOther } from './speaking.ts'
import type { Payload } from './translated.ts'

/** How many bytes of JSON an easyrtc client may say about itself. */
const MAX_ABOUT = 8_192
/** A candidate with the browsers' names for its fields, besides easyrtc's. */
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

const isEasyrtc = (line: Line): line is EasyrtcLine => line instanceof EasyrtcLine
const plain = (answer: Answer): Answer => (answer.ok ? done() : answer)
const comesFirst = told(invalid('event', 'easyrtcAuth comes first.'))

/** Entering a room, with what the client says about itself. */
const createEntering = (deps: LanguageDeps, { speak, enter, data }: Speaking) => {
  const { members, sending } = deps

  const aboutOf = (id: string): Payload | null => {
    const line = members.get(id)?.line
    return line !== undefined && isEasyrtc(line) ? line.about : null
  }
  /** Sends to one client, or to all in the room. */
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

  const authenticate = async (member: Member, { msgData }: Message): Promise<Answer> => {
    const make = (socket: SocketLine['socket']): EasyrtcLine => {
      // A socket of another process has not heard what was said before it came.
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

  return { say, join: joinEasyrtc, authenticate }
}

/** What a client requests in the room that it is in. */
const createOrders = (
  { membership, iceServers }: LanguageDeps,
  { data, signal }: Speaking,
  { say, join }: ReturnType<typeof createEntering>,
) => {
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

  const order = (member: Member, { msgType, msgData, targetEasyrtcid }: Message) => {
    const { line } = member
    if (!isEasyrtc(line)) return comesFirst
    const given = object(msgData)
    switch (msgType) {
      case 'roomJoin':
        return join(member, line, given.roomJoin)
      case 'roomLeave':
        return leaveRoom(member, line)
      case 'setRoomApiField':
        return setField(member, line, given)
      case 'setPresence':
        return sayAnew(member, line, { ...line.about, presence: object(given.setPresence) }) ?? done()
      case 'setUserCfg':
        return done()
      case 'getIceConfig': {
        const iceConfig = { iceServers: iceServers(member.caller.id) }
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

  return order
}

const createMessage =
  ({ data }: Speaking) =>
  (member: Member, asked: Message): Answer => {
    const { line } = member
    if (!isEasyrtc(line)) return comesFirst
    const { msgType, msgData, targetRoom, targetEasyrtcid, targetGroup } = asked
    if (targetGroup !== undefined) return told(invalid('target_group', 'There are no groups.'))
    if (targetEasyrtcid !== undefined) return plain(data(member, targetEasyrtcid, msgType, msgData))
    if (targetRoom === undefined)
      return told(invalid('target_room', 'targetRoom or targetEasyrtcid is missing.'))
    if (line.room === null) return notInRoom
    if (targetRoom !== line.room) return failed({ _tag: 'Refused', refusal: { _tag: 'SpaceNotFound' } })
    return plain(data(member, null, msgType, msgData))
  }

export const easyrtcRequests = (
  deps: LanguageDeps,
  speaking: Speaking,
): ReadonlyMap<string, SocketRequest> => {
  const entering = createEntering(deps, speaking)
  return new Map([
    ['easyrtcAuth', request(Message, entering.authenticate, false)],
    ['easyrtcCmd', request(Message, createOrders(deps, speaking, entering))],
    ['easyrtcMsg', request(Message, createMessage(speaking))],
  ])
}
