/** A Socket.IO socket of the default namespace as a member's line. */
import type { Socket } from 'socket.io'
import type { RoomKey } from '../../domain/names.ts'
import { attachedFrameOf, type SharedTail } from './frames.ts'
import type { Line } from './line.ts'
import { sendElsewhere } from './sending/closing.ts'
import type { Sending } from './sending.ts'

/** All lines of a room get the same frame, one after another, so the last one is cached. */
let lastBytes: Buffer | null = null
let lastFrames: ReadonlyArray<Buffer> = []

/** A class, since there are thousands of lines: their methods exist once. */
export class SocketLine implements Line {
  readonly socket: Socket
  readonly #sending: Sending
  constructor(socket: Socket, sending: Sending) {
    this.socket = socket
    this.#sending = sending
  }
  get id(): string {
    return this.socket.id
  }
  tell(event: string, payload: unknown): void {
    this.socket.emit(event, payload)
  }
  packets(packets: ReadonlyArray<string>): void {
    this.#sending.packets(this.socket, packets)
  }
  entered(start: string, tail: SharedTail): void {
    this.#sending.shared(this.socket, start, tail)
  }
  frame(bytes: Buffer): boolean {
    if (lastBytes !== bytes) {
      lastBytes = bytes
      lastFrames = [attachedFrameOf('scene-frame', bytes)]
    }
    return this.#sending.frame(this.socket, lastFrames, () => this.socket.emit('scene-frame', bytes))
  }
  join(room: RoomKey): void {
    this.socket.join(room)
  }
  leave(room: RoomKey): void {
    this.socket.leave(room)
  }
  guard(): void {
    this.#sending.guard(this.socket)
  }
  waiting(): number {
    return this.#sending.waiting(this.socket)
  }
  isThere(ms: number): Promise<boolean> {
    const connection = this.socket.conn
    if (connection.readyState !== 'open') return Promise.resolve(false)
    // Clients with the earlier protocol send pings themselves, and don't answer ours.
    if (connection.protocol === 3) return Promise.resolve(true)
    return new Promise((resolve) => {
      const heard = (): void => settle(true)
      const timer = setTimeout(() => settle(false), ms)
      const settle = (isThere: boolean): void => {
        clearTimeout(timer)
        connection.off('packet', heard)
        resolve(isThere)
      }
      connection.on('packet', heard)
      // Engine.IO's own ping, sent before it is due.
      ;(connection as unknown as { sendPacket: (type: 'ping') => void }).sendPacket('ping')
    })
  }
  close(): void {
    this.socket.disconnect(true)
  }
  sendElsewhere(): void {
    sendElsewhere(this.socket)
  }
}
