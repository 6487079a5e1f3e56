/** The requests of networked-aframe's socketio and webrtc adapters. */
import * as t from 'io-ts'
import { type Answer, done } from '../answers.ts'
import type { Line } from '../line.ts'
import type { Member } from '../member.ts'
import type { SocketRequest } from '../requests.ts'
import type { LateVoices } from './late-voices.ts'
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
  /** Its voices, of which whatever it sends shows something. */
  const voicesOf = ({ line }: Member): LateVoices | null => (isNaf(line) ? line.voices : null)
  const sentData = ({ line }: Member): void => {
    if (isNaf(line)) line.ready()
  }
  const broadcast = (member: Member, { type, data: what }: Payload): Answer => {
    sentData(member)
    return data(member, null, type, what)
  }
  const answer = (member: Member, to: unknown, what: unknown): Answer => {
    const passed = typeof to === 'string' ? voicesOf(member)?.answered(to, what) : undefined
    if (passed === undefined) return signal(member, 'answer', to, what)
    return passed === null ? done() : signal(member, passed.kind, to, passed.signal)
  }
  const send = (member: Member, { to, type, data: what }: Payload): Answer => {
    if (type !== SIGNAL_TYPE) {
      sentData(member)
      return data(member, to ?? '', type, what)
    }
    const kind = String(object(what).type)
    return kind === 'answer' ? answer(member, to, what) : signal(member, kind, to, what)
  }

  return new Map([
    ['joinRoom', request(JoinRoom, joinRoom, false)],
    ['broadcast', request(t.UnknownRecord, broadcast)],
    ['send', request(t.UnknownRecord, send)],
  ])
}
