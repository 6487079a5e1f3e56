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

/** How long (ms) after it came a client that has sent nothing yet is not told of newcomers. The webrtc adapter makes an offer to
 *  whoever comes later, and one that it prepares while its microphone is still being opened never goes out. */
const QUIET_MS = 2_000

const time = (at: unknown): number => (typeof at === 'string' ? Date.parse(at) : Number.NaN)

export class NafLine extends TranslatedLine {
  /** When each socket came (ms since the epoch), by its id. */
  readonly #occupants = new Map<string, number>()
  #isChanged = false
  /** Those who came while this client is not told of newcomers. */
  readonly #later = new Map<string, number>()
  /** Until when it is not; null: no longer. */
  #quietUntil: number | null = null
  #timer: NodeJS.Timeout | undefined
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
        if (!this.voices.isReady) this.#keepQuiet()
        return
      case 'user-joined':
        this.#came(String(payload.socketId), time(payload.timestamp))
        break
      case 'user-left':
        this.#later.delete(String(payload.socketId))
        this.#occupants.delete(String(payload.socketId))
        this.voices.gone(String(payload.socketId))
        this.#isChanged = true
        break
    }
    super.say(event, payload)
  }

  #keepQuiet(): void {
    this.#quietUntil = performance.now() + QUIET_MS
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#tellAll(), QUIET_MS).unref()
  }
  #came(id: string, at: number): void {
    const isQuiet = this.#quietUntil !== null && performance.now() < this.#quietUntil
    if (isQuiet && id !== this.id) {
      this.#later.set(id, at)
      return
    }
    this.#occupants.set(id, at)
    this.#isChanged = true
  }
  /** From now on it is told of everybody who comes. */
  #tellAll(): void {
    clearTimeout(this.#timer)
    this.#quietUntil = null
    if (this.#later.size === 0) return
    for (const [id, at] of this.#later) this.#occupants.set(id, at)
    this.#later.clear()
    this.#isChanged = true
    this.said()
  }
  /** The client has sent data: its microphone is open, or there is none. */
  ready(): void {
    this.voices.ready()
    this.#tellAll()
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
    // The adapter has no place for a signal of somebody of whom it does not know.
    if (this.#later.has(from)) this.#tellAll()
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
    clearTimeout(this.#timer)
    this.#later.clear()
    this.voices.clear()
    super.leave(room)
  }
}

export const JoinRoom = t.type({ room: t.string })
