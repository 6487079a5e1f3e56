/** Reads small binary frames of a WebSocket directly. What moves comes as one small frame in a packet of its own, and the `ws`
 *  library's reader, a stream behind a stream, costs several times as much as reading it. */
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
const endOf = (chunk: Buffer, from: number): number => {
  if (chunk[from] !== BINARY) return -1
  const length = (chunk[from + 1] ?? 0) - MASKED
  const end = from + HEAD + length
  return length >= 0 && length <= MAX && end <= chunk.length ? end : -1
}
const unmask = (chunk: Buffer, from: number, end: number): Buffer => {
  const start = from + HEAD
  for (let i = start; i < end; i += 1) chunk[i] = chunk[i]! ^ chunk[from + 2 + ((i - start) & 3)]!
  return chunk.subarray(start, end)
}

/** From now on `onBinary` gets the small binary frames, in order among all others, which the library reads as before. If it
 *  has another reader than the one known here, it reads everything itself. */
export const readSmallFrames = (ws: WebSocket, onBinary: (bytes: Buffer) => void): void => {
  const reader = (ws as unknown as { readonly _receiver?: Partial<Reader> })._receiver
  if (!isReader(reader)) return
  const write = reader.write.bind(reader)
  reader.write = (chunk) => {
    let from = 0
    while (ws.readyState === ws.OPEN && isAtStart(reader)) {
      const end = endOf(chunk, from)
      if (end < 0) break
      onBinary(unmask(chunk, from, end))
      from = end
    }
    if (from === chunk.length) return true
    return write(from === 0 ? chunk : chunk.subarray(from))
  }
}
