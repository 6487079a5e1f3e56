/** A plain WebSocket with JSON as a member's line: one object per frame, whose `type` says what it is. */
import type { WebSocket } from 'ws'
import { type RoomKey, roomKey, type SpaceRef } from '../../../domain/names.ts'
import { binaryFrameOf, type SharedTail } from '../frames.ts'
import type { OtherLine } from '../line.ts'
import { LateMoves, type Moved } from '../sending/moved.ts'
import { type NetSocket, writePastStream } from '../sending/past-stream.ts'
import type { Sending } from '../sending.ts'
import { type Payload, readPacket } from './translated.ts'

/** Close codes: from RFC 6455's registry, and from the range for private use. */
const SERVICE_RESTART = 1012
const TRY_AGAIN_LATER = 1013
const REFUSED = 4403
const CLOSE_MS = 5_000
/** If more bytes than this wait, moves are not sent to it for now. */
const FEW = 65_536

/** A room's name as the wallet writes it: a post's without its type. */
const shortName = (space: SpaceRef, subspace: string): string =>
  space.type === 'post' ? `${space.id}:${subspace}` : roomKey(space, subspace)

/** Turns `2["event",{…}]` into `{"type":"event",…}`, without parsing it. */
const frameOf = (packet: string): string => {
  const comma = packet.indexOf('",')
  const rest = packet.slice(comma + 2, -1)
  const type = `{"type":${packet.slice(2, comma + 1)}`
  return rest === '{}' ? `${type}}` : `${type},${rest.slice(1)}`
}

/** The socket to which the `ws` library writes. */
type WithSocket = { readonly _socket?: NetSocket | null }
/** All lines of a room get the same frame, one after another, so the last one is cached. */
let lastBytes: Buffer | null = null
let lastFrame: Buffer = Buffer.alloc(0)

export class JsonLine implements OtherLine {
  readonly id: string
  readonly ws: WebSocket
  readonly #sending: Sending
  readonly #maxWaiting: number
  readonly #onSlow: () => void
  readonly #late = new LateMoves(
    () => this.ws.bufferedAmount >= FEW,
    (packet) => this.packets([packet]),
  )
  /** The name under which its client asked for the room. */
  room: string | null = null
  /** Whether its client asked to receive others' messages as `room-data`, with the socket that each is from. */
  asRoomData = false

  constructor(
    id: string,
    ws: WebSocket,
    deps: { readonly sending: Sending; readonly maxWaiting: number; readonly onSlow: () => void },
  ) {
    this.id = id
    this.ws = ws
    this.#sending = deps.sending
    this.#maxWaiting = deps.maxWaiting
    this.#onSlow = deps.onSlow
  }
  #write(text: string): void {
    if (this.ws.readyState === this.ws.OPEN) this.ws.send(text)
  }
  #close(code: number, reason: string): void {
    this.ws.close(code, reason)
    setTimeout(() => this.ws.terminate(), CLOSE_MS).unref()
  }

  tell(event: string, payload: unknown): void {
    this.#write(JSON.stringify({ type: event, ...(payload as Payload) }))
  }
  packets(packets: ReadonlyArray<string>): void {
    for (const packet of packets)
      this.#write(packet.startsWith('2["room-data",') ? this.#data(readPacket(packet)[1]) : frameOf(packet))
    this.guard()
  }
  /** A message with the client's own type and fields, as sent; the server adds who sent it. */
  #data({ type, data, from, ...whose }: Payload): string {
    if (this.asRoomData) return JSON.stringify({ type: 'room-data', data_type: type, data, from, ...whose })
    const fields = typeof data === 'object' && data !== null && !Array.isArray(data) ? data : { data }
    return JSON.stringify({ ...fields, type, from })
  }
  entered(start: string, tail: SharedTail): void {
    const [event, payload] = JSON.parse(`${start}${tail.text}`.slice(1)) as [string, Payload]
    const { session_token: _, ...rest } = payload
    const space = { type: rest.spaceType, id: rest.spaceId } as SpaceRef
    this.tell(event, { room: this.room ?? shortName(space, String(rest.subspace)), ...rest })
    this.guard()
  }
  moved(sender: string, moved: Moved, packet: string): void {
    this.#late.tell(sender, moved, packet)
  }
  frame(bytes: Buffer): boolean {
    const { ws } = this
    if (ws.bufferedAmount >= FEW) return false
    const net = (ws as unknown as WithSocket)._socket
    if (ws.readyState !== ws.OPEN) return true
    if (net == null) {
      ws.send(bytes, { binary: true })
      return true
    }
    if (lastBytes !== bytes) {
      lastBytes = bytes
      lastFrame = binaryFrameOf(bytes)
    }
    writePastStream(net, lastFrame)
    return true
  }
  join(room: RoomKey): void {
    this.#sending.hear(room, this)
  }
  leave(room: RoomKey): void {
    this.#late.clear()
    this.#sending.unhear(room, this)
  }
  waiting(): number {
    return this.ws.bufferedAmount
  }
  guard(): void {
    if (this.ws.bufferedAmount <= this.#maxWaiting || this.ws.readyState !== this.ws.OPEN) return
    this.#onSlow()
    this.#close(TRY_AGAIN_LATER, 'too slow')
  }
  close(): void {
    this.#close(REFUSED, 'refused')
  }
  sendElsewhere(): void {
    this.#close(SERVICE_RESTART, 'connect again')
  }
}
