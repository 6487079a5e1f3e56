/** A Socket.IO socket that is written to separately, because it is in another namespace or speaks another language than our own. */
import type { Socket } from 'socket.io'
import type { RoomKey } from '../../../domain/names.ts'
import { connectionOf } from '../connection.ts'
import type { SharedTail } from '../frames.ts'
import type { OtherLine } from '../line.ts'
import { sendElsewhere } from '../sending/closing.ts'
import { LateMoves, type Moved } from '../sending/moved.ts'
import type { Sending } from '../sending.ts'

export type Payload = Readonly<Record<string, unknown>>

/** All lines of a room get the same packet, one after another, so it is parsed once. */
let lastPacket = ''
let lastRead: readonly [string, Payload] = ['', {}]
/** Parses `2["event",payload]`. The result must not be changed. */
export const readPacket = (packet: string): readonly [string, Payload] => {
  if (packet !== lastPacket) {
    lastRead = JSON.parse(packet.slice(1)) as [string, Payload]
    lastPacket = packet
  }
  return lastRead
}

/** If more frames than this wait, moves are not sent to it for now. */
const FEW = 16

/** A line in our own language, for another namespace than the default one. */
export class TranslatedLine implements OtherLine {
  readonly socket: Socket
  readonly #sending: Sending
  readonly #late = new LateMoves(
    () => connectionOf(this.socket).writeBuffer.length > FEW,
    (packet) => this.packets([packet]),
  )
  constructor(socket: Socket, sending: Sending) {
    this.socket = socket
    this.#sending = sending
  }
  get id(): string {
    return this.socket.id
  }
  /** Sends an event; each language overrides this. */
  protected say(event: string, payload: Payload): void {
    this.socket.emit(event, payload)
  }
  /** Called after everything that came together. */
  protected said(): void {}

  tell(event: string, payload: unknown): void {
    this.say(event, payload as Payload)
    this.said()
  }
  packets(packets: ReadonlyArray<string>): void {
    for (const packet of packets) this.say(...readPacket(packet))
    this.said()
    this.guard()
  }
  entered(start: string, tail: SharedTail): void {
    this.say(...(JSON.parse(`${start}${tail.text}`.slice(1)) as [string, Payload]))
    this.said()
  }
  moved(sender: string, moved: Moved, packet: string): void {
    this.#late.tell(sender, moved, packet)
  }
  join(room: RoomKey): void {
    this.#sending.hear(room, this)
  }
  leave(room: RoomKey): void {
    this.#late.clear()
    this.#sending.unhear(room, this)
  }
  guard(): void {
    this.#sending.guard(this.socket)
  }
  waiting(): number {
    return this.#sending.waiting(this.socket)
  }
  close(): void {
    this.socket.disconnect(true)
  }
  sendElsewhere(): void {
    sendElsewhere(this.socket)
  }
}
