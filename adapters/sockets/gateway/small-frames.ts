/** Reads small binary frames of a WebSocket directly. What moves comes as one small frame in a packet of its own, and what reads
 *  it otherwise costs several times as much: Node's stream, which gives each packet memory of its own, and the `ws` library's
 *  reader, a stream as well. */
import { Socket } from 'node:net'
import type { WebSocket } from 'ws'

/** The `ws` library's reader, with what tells where in the stream it is. */
type Reader = {
  write: (chunk: Buffer) => boolean
  readonly writableLength: number
  readonly _state: number
  readonly _bufferedBytes: number
  readonly _fragmented: number
}
/** The reader's state when the next byte begins a frame. */
const AT_START = 0
/** Final, binary; and the mask that every client's frame has. */
const BINARY = 0x82
const MASKED = 0x80
const HEAD = 6
/** Longer ones have another head. */
const MAX = 125

const isReader = (value: Partial<Reader> | null | undefined): value is Reader =>
  [value?._state, value?._bufferedBytes, value?._fragmented].every((one) => typeof one === 'number')

/** Whether the reader holds nothing: neither a part of a frame nor of a message. */
const isAtStart = (reader: Reader): boolean =>
  reader._state === AT_START &&
  reader._bufferedBytes === 0 &&
  reader._fragmented === 0 &&
  reader.writableLength === 0

/** Where the small binary frame that begins at `from` ends; -1 if none does, or not all of it is there. */
const endOf = (chunk: Buffer, from: number, all: number): number => {
  if (from + HEAD > all || chunk[from] !== BINARY) return -1
  const length = chunk[from + 1]! - MASKED
  const end = from + HEAD + length
  return length >= 0 && length <= MAX && end <= all ? end : -1
}
const unmask = (chunk: Buffer, from: number, end: number): void => {
  const start = from + HEAD
  for (let i = start; i < end; i += 1) chunk[i] = chunk[i]! ^ chunk[from + 2 + ((i - start) & 3)]!
}

/** All sockets that are read directly are read into this memory, each read being done with before the next. */
const SHARED = Buffer.allocUnsafeSlow(65_536)
/** The fields in which Node keeps, for a socket made with `onread`, where it is read to and who is told. */
const BUFFER = 'kBuffer'
const CALLBACK = 'kBufferCb'
type Fields = Record<symbol, unknown> & {
  readonly _handle?: { readonly useUserBuffer?: (buffer: Buffer) => void } | null
}

/** From now on the socket is read into the shared memory, and `onRead` gets how many bytes came: what Node's `onread` does, which it
 *  offers for sockets that one makes oneself. Nothing changes if this version of Node does it in another way. */
const shareMemory = (net: Socket, onRead: (length: number) => void): void => {
  // TLS has a way of its own.
  if (net.constructor !== Socket) return
  const fields = net as unknown as Fields
  const fieldOf = (name: string) =>
    Object.getOwnPropertySymbols(net).find(({ description }) => description === name)
  const [buffer, callback, handle] = [fieldOf(BUFFER), fieldOf(CALLBACK), fields._handle]
  if (buffer === undefined || callback === undefined || fields[buffer] !== null) return
  if (handle?.useUserBuffer === undefined) return
  fields[buffer] = SHARED
  fields[callback] = (length: number) => {
    onRead(length)
    return true
  }
  handle.useUserBuffer(SHARED)
}

/** Gets a frame: the bytes from `start` to `end`, which are other frames' once it returns. */
type OnBinary = (bytes: Buffer, start: number, end: number) => void

/** From now on `onBinary` gets the small binary frames, in order among all others, which the library reads as before. If the library has another reader than the one known here, it reads everything
 *  itself. */
export const readSmallFrames = (ws: WebSocket, onBinary: OnBinary): void => {
  const { _receiver: reader, _socket: net } = ws as unknown as {
    readonly _receiver?: Partial<Reader>
    readonly _socket?: Socket
  }
  if (!isReader(reader)) return
  /** Reads the small frames at the beginning of `chunk`; returns where the others begin. */
  const readFrom = (chunk: Buffer, all: number): number => {
    let from = 0
    while (from < all && ws.readyState === ws.OPEN && isAtStart(reader)) {
      const end = endOf(chunk, from, all)
      if (end < 0) break
      unmask(chunk, from, end)
      onBinary(chunk, from + HEAD, end)
      from = end
    }
    return from
  }
  const onShared = (length: number): void => {
    const from = readFrom(SHARED, length)
    // The stream's listeners keep what they get.
    if (from < length) net?.emit('data', Buffer.from(SHARED.subarray(from, length)))
  }
  let isShared = false
  const write = reader.write.bind(reader)
  reader.write = (chunk) => {
    const from = readFrom(chunk, chunk.length)
    // Whoever sends them sends more; what the stream holds already is read before.
    if (from > 0 && !isShared && net !== undefined && net.readableLength === 0) {
      isShared = true
      shareMemory(net, onShared)
    }
    if (from === chunk.length) return true
    return write(from === 0 ? chunk : chunk.subarray(from))
  }
}
