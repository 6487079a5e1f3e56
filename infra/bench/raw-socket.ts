/** A WebSocket that costs little: RFC 6455 on a plain socket, by hand. Where nobody reads, frames are passed over and only
 *  their bytes counted, so that a load of hundreds leaves the machine to the server. */
import { randomBytes } from 'node:crypto'
import { connect as dial, type Socket } from 'node:net'

export type RawSocket = {
  readonly sendText: (text: string) => void
  readonly sendBytes: (bytes: Uint8Array) => void
  /** Each whole frame; null: none is looked at. The bytes are the next read's once it returns. */
  onFrame: ((bytes: Buffer, isBinary: boolean) => void) | null
  /** Bytes that came, frames' heads included. */
  received: number
  readonly close: () => void
}

const TEXT = 0x81
const BINARY = 0x82
const PING = 0x89
const PONG = 0x8a
const CLOSE = 0x88

/** A client's frame has a mask; with one of zeros the bytes stay as they are. */
const frameOf = (opcode: number, bytes: Uint8Array): Buffer => {
  const wide = bytes.length > 125
  const head = wide ? 8 : 6
  const frame = Buffer.alloc(head + bytes.length)
  frame[0] = opcode
  frame[1] = 0x80 | (wide ? 126 : bytes.length)
  if (wide) frame.writeUInt16BE(bytes.length, 2)
  frame.set(bytes, head)
  return frame
}

type Head = { readonly opcode: number; readonly head: number; readonly length: number }
/** Null where it is cut short. */
const headOf = (bytes: Buffer, at: number): Head | null => {
  if (at + 2 > bytes.length) return null
  const short = bytes[at + 1]! & 0x7f
  const head = short === 126 ? 4 : short === 127 ? 10 : 2
  if (at + head > bytes.length) return null
  const length =
    short === 126 ? bytes.readUInt16BE(at + 2) : short === 127 ? Number(bytes.readBigUInt64BE(at + 2)) : short
  return { opcode: bytes[at]!, head, length }
}

/** Cuts what comes into frames; `skips`: nobody looks at them. */
class Frames {
  #kept: Buffer | null = null
  #skip = 0
  take(chunk: Buffer, isRead: () => boolean, onFrame: (opcode: number, bytes: Buffer) => void): void {
    let at = Math.min(this.#skip, chunk.length)
    this.#skip -= at
    if (at === chunk.length) return
    const bytes = this.#kept === null ? chunk : Buffer.concat([this.#kept, chunk])
    this.#kept = null
    for (let head = headOf(bytes, at); head !== null; head = headOf(bytes, at)) {
      const [from, end] = [at + head.head, at + head.head + head.length]
      if (end > bytes.length) {
        if (isRead() || head.opcode !== BINARY) break
        this.#skip = end - bytes.length
        return
      }
      onFrame(head.opcode, bytes.subarray(from, end))
      at = end
    }
    if (at < bytes.length) this.#kept = Buffer.from(bytes.subarray(at))
  }
}

/** All sockets read into this buffer: each read is finished before the next. */
const READ = Buffer.allocUnsafe(65_536)

/** Resolves once it is open. */
export const openRaw = (url: string): Promise<RawSocket> =>
  new Promise((resolve, reject) => {
    const { hostname, port, host, pathname, search } = new URL(url)
    const frames = new Frames()
    let response: string | null = ''
    const made: RawSocket = {
      onFrame: null,
      received: 0,
      sendText: (text) => void socket.write(frameOf(TEXT, Buffer.from(text))),
      sendBytes: (bytes) => void socket.write(frameOf(BINARY, bytes)),
      close: () => void socket.end(frameOf(CLOSE, Buffer.alloc(0))),
    }
    const onFrame = (opcode: number, bytes: Buffer): void => {
      if (opcode === PING) socket.write(frameOf(PONG, bytes))
      else if (opcode === TEXT || opcode === BINARY) made.onFrame?.(bytes, opcode === BINARY)
    }
    const take = (chunk: Buffer): void => {
      made.received += chunk.length
      frames.take(chunk, () => made.onFrame !== null, onFrame)
    }
    const heard = (chunk: Buffer): void => {
      if (response === null) {
        take(chunk)
        return
      }
      response += chunk.toString('latin1')
      const end = response.indexOf('\r\n\r\n')
      if (end < 0) return
      const rest = Buffer.from(response.slice(end + 4), 'latin1')
      if (!response.startsWith('HTTP/1.1 101')) reject(new Error(response.slice(0, response.indexOf('\r\n'))))
      response = null
      resolve(made)
      // Whoever opened it says first who listens.
      if (rest.length > 0) queueMicrotask(() => take(rest))
    }
    const onread = {
      buffer: READ,
      callback: (length: number) => {
        heard(READ.subarray(0, length))
        return true
      },
    }
    const socket: Socket = dial({ host: hostname, port: Number(port), noDelay: true, onread })
    socket.on('connect', () => {
      const key = randomBytes(16).toString('base64')
      socket.write(
        `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
      )
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('closed before it was open')))
  })
