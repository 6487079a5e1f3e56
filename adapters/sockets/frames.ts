/** Packets that are encoded once and shared by all recipients: a Socket.IO packet, inside an Engine.IO message, inside
 *  one WebSocket frame from the server (unmasked, so its bytes are the same for everybody). Source: RFC 6455 §5.2;
 *  socket.io's and engine.io's protocol pages (v5, v4). */

/** `2["event",payload]`: an event of the default namespace. */
export const packetOf = (event: string, payload: unknown): string => `2${JSON.stringify([event, payload])}`

const TEXT = 0x81
const BINARY = 0x82
const header = (length: number, what = TEXT): Buffer => {
  if (length < 126) return Buffer.from([what, length])
  if (length < 65_536) return Buffer.from([what, 126, length >>> 8, length & 0xff])
  const bytes = Buffer.alloc(10)
  bytes[0] = what
  bytes[1] = 127
  bytes.writeBigUInt64BE(BigInt(length), 2)
  return bytes
}

/** The WebSocket frame of a packet. `4` is Engine.IO's "message". */
export const frameOf = (packet: string): Buffer => {
  const length = 1 + Buffer.byteLength(packet)
  const head = header(length)
  const frame = Buffer.allocUnsafe(head.length + length)
  head.copy(frame)
  frame[head.length] = 0x34
  frame.write(packet, head.length + 1)
  return frame
}

/** Bytes as a WebSocket's binary frame. */
export const binaryFrameOf = (bytes: Buffer): Buffer => Buffer.concat([header(bytes.length, BINARY), bytes])
/** Bytes as the only attachment of a Socket.IO event: the packet with its placeholder, and the bytes themselves. */
export const attachedFrameOf = (event: string, bytes: Buffer): Buffer =>
  Buffer.concat([
    frameOf(`51-${JSON.stringify([event, { _placeholder: true, num: 0 }])}`),
    binaryFrameOf(bytes),
  ])

/** A packet whose end is the same for many: the bytes of the end are shared, not copied. */
export const frameWithTail = (start: string, tail: Buffer): [Buffer, Buffer] => {
  const length = 1 + Buffer.byteLength(start)
  const head = header(length + tail.length)
  const first = Buffer.allocUnsafe(head.length + length)
  head.copy(first)
  first[head.length] = 0x34
  first.write(start, head.length + 1)
  return [first, tail]
}

/** The end of a packet that is the same for many sockets. */
export type SharedTail = { readonly text: string; readonly bytes: Buffer }
export const sharedTail = (text: string): SharedTail => ({ text, bytes: Buffer.from(text) })
