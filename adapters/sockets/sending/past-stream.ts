/** Writes to a connection past Node's stream, which costs up to a third of what the write itself does. The bytes get to the
 *  system as those of the stream do, and in order with these. */
import { Socket } from 'node:net'
import { getSystemErrorName } from 'node:util'

/** Node's own request to write. */
type WriteRequest = { oncomplete: (status: number) => void; buffer: Buffer | null }
type Handle = {
  writeBuffer?: (request: WriteRequest, bytes: Buffer) => number
  /** How many bytes wait in Node for the system to take them. */
  readonly writeQueueSize?: number
}
export type NetSocket = Pick<
  Socket,
  'writable' | 'writableLength' | 'writableCorked' | 'write' | 'cork' | 'uncork' | 'destroy'
>

/** Longer ones take the stream, which counts what waits. */
const MAX = 16_384

/** The class of Node's requests, taken from the first write; null if this version of Node writes in another way. */
let Request: (new () => WriteRequest) | null | undefined
/** A request that is done at once leaves nothing behind, and serves again. */
let spare: WriteRequest | null = null
/** Sockets for which a part of what was written here waits. */
const waiting = new Set<NetSocket>()

const handleOf = (net: NetSocket): Handle | null =>
  // TLS and pipes have handles of their own.
  (net.constructor === Socket ? (net as unknown as { readonly _handle?: Handle | null })._handle : null) ??
  null

const fail = (net: NetSocket, status: number): void => {
  const code = getSystemErrorName(status)
  net.destroy(Object.assign(new Error(`write ${code}`), { code, errno: status, syscall: 'write' }))
}

/** Writes through the stream, and notes with what request the stream does it. */
const learn = (net: NetSocket, handle: Handle, bytes: Buffer): void => {
  const { writeBuffer } = handle
  Request = null
  if (writeBuffer === undefined || typeof handle.writeQueueSize !== 'number') {
    net.write(bytes)
    return
  }
  handle.writeBuffer = (request, written) => {
    Request = request.constructor as new () => WriteRequest
    return writeBuffer.call(handle, request, written)
  }
  net.write(bytes)
  delete handle.writeBuffer
}

/** Uses the stream if anything waits already, so that it counts what waits and nothing overtakes. */
export const writePastStream = (net: NetSocket, bytes: Buffer): void => {
  const handle = handleOf(net)
  const isFree = net.writable && net.writableLength === 0 && net.writableCorked === 0
  const isWaiting = waiting.size > 0 && waiting.has(net)
  if (handle === null || Request === null || !isFree || isWaiting || bytes.length > MAX) {
    net.write(bytes)
    return
  }
  if (Request === undefined) {
    learn(net, handle, bytes)
    return
  }
  const request = spare ?? new Request()
  spare = null
  const status = handle.writeBuffer!(request, bytes)
  if (status !== 0) {
    fail(net, status)
    return
  }
  if (handle.writeQueueSize === 0) {
    spare = request
    return
  }
  // The bytes must live until the system has taken them.
  request.buffer = bytes
  waiting.add(net)
  request.oncomplete = (done) => {
    waiting.delete(net)
    if (done !== 0) fail(net, done)
  }
}
