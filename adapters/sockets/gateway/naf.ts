/** The language of networked-aframe's `socketio` and `webrtc` adapters. */
import * as t from 'io-ts'
import type { RoomKey } from '../../../domain/names.ts'
import type { RoomData } from '../payloads.ts'
import { LateVoices } from './late-voices.ts'
import { type Payload, TranslatedLine } from './translated.ts'

export type SignalKind = 'offer' | 'answer' | 'candidate'
const SIGNALS: Readonly<Record<string, SignalKind>> = {
  'webrtc-offer': 'offer',
  'webrtc-answer': 'answer',
  'webrtc-ice-candidate': 'candidate',
}
/** The type under which the webrtc adapter sends all of its signalling. */
export const SIGNAL_TYPE = 'ice-candidate'
export const signalKind = (event: string): SignalKind | undefined => SIGNALS[event]

const time = (at: unknown): number => (typeof at === 'string' ? Date.parse(at) : Number.NaN)

export class NafLine extends TranslatedLine {
  /** When each socket came (ms since the epoch), by its id. */
  readonly #occupants = new Map<string, number>()
  #isChanged = false
  readonly voices = new LateVoices((from, offer) => this.#send(from, offer))

  protected override say(event: string, payload: Payload): void {
    const kind = signalKind(event)
    if (kind !== undefined) {
      this.#signal(kind, payload)
      return
    }
    switch (event) {
      case 'room-data': {
        const { to, type, data, fromSocketId: from } = payload as RoomData & Payload
        if (to == null) this.socket.emit('broadcast', { from, type, data })
        else this.socket.emit('send', { from, to, type, data })
        return
      }
      case 'space-joined':
        this.#occupants.clear()
        for (const user of payload.users as ReadonlyArray<Payload>)
          this.#occupants.set(String(user.socketId), time(user.connected_at))
        super.say(event, payload)
        this.socket.emit('connectSuccess', { joinedTime: this.#occupants.get(this.id) ?? Date.now() })
        this.#isChanged = true
        return
      case 'user-joined':
        this.#occupants.set(String(payload.socketId), time(payload.timestamp))
        this.#isChanged = true
        break
      case 'user-left':
        this.#occupants.delete(String(payload.socketId))
        this.voices.gone(String(payload.socketId))
        this.#isChanged = true
        break
    }
    super.say(event, payload)
  }

  /** Sent once for all who came and went together, since it names everybody. */
  protected override said(): void {
    if (!this.#isChanged) return
    this.#isChanged = false
    this.socket.emit('occupantsChanged', { occupants: Object.fromEntries(this.#occupants) })
  }

  /** The adapter also looks at `from` and `to` inside the payload, which clients of another language don't write. */
  #signal(kind: SignalKind, payload: Payload): void {
    const from = String(payload.fromSocketId)
    if (kind === 'answer' && this.voices.ends(from)) return
    const given = payload[kind]
    const fields = typeof given === 'object' && given !== null ? given : { [kind]: given }
    if (kind === 'offer') this.voices.offered(from, fields as Payload)
    this.#send(from, { ...fields, type: kind })
  }
  #send(from: string, signal: Payload): void {
    const data = { ...signal, from, to: this.id }
    this.socket.emit('send', { from, to: this.id, type: SIGNAL_TYPE, data })
  }

  override leave(room: RoomKey): void {
    this.voices.clear()
    super.leave(room)
  }
}

export const JoinRoom = t.type({ room: t.string })
