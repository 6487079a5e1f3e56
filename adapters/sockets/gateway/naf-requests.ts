/** The requests of networked-aframe's socketio and webrtc adapters. */
import * as t from 'io-ts'
import type { Answer } from '../answers.ts'
import type { Line } from '../line.ts'
import type { Member } from '../member.ts'
import type { SocketRequest } from '../requests.ts'
import { JoinRoom, NafLine, SIGNAL_TYPE } from './naf.ts'
import { type LanguageDeps, object, request, type Speaking, speaksOther } from './speaking.ts'
import type { Payload } from './translated.ts'

const isNaf = (line: Line): line is NafLine => line instanceof NafLine

export const nafRequests = (
  { sending }: LanguageDeps,
  { speak, enter, data, signal }: Speaking,
): ReadonlyMap<string, SocketRequest> => {
  const joinRoom = async (member: Member, { room }: t.TypeOf<typeof JoinRoom>): Promise<Answer> => {
    const line = speak(member, (socket) => new NafLine(socket, sending), isNaf)
    if (line === null) return speaksOther
    const answer = await enter(member, room)
    // Its client waits for nothing else, and a different room instead of a full one would not be this room.
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

  return new Map([
    ['joinRoom', request(JoinRoom, joinRoom, false)],
    ['broadcast', request(t.UnknownRecord, broadcast)],
    ['send', request(t.UnknownRecord, send)],
  ])
}
