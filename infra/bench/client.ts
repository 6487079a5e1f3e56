/**
 * A Socket.IO client that costs little: Engine.IO 4 over one WebSocket over one plain socket, spoken by hand, so that
 * the load's own share of the processor stays small and most of the machine is the server's. Events are only looked at
 * where someone listens.
 * Protocol: https://socket.io/docs/v4/engine-io-protocol/ and https://socket.io/docs/v4/socket-io-protocol/, RFC 6455
 */
import { randomBytes } from 'node:crypto'
import { connect as dial, type Socket } from 'node:net'

/** The fields that any answer may have. */
export type Answer = { ok: boolean; code?: string; error?: string; retry_after?: number }

export type BenchClient = {
  readonly emit: (event: string, payload: unknown, ack?: (answer: Answer) => void) => void
  /** Every event packet as it arrived: `42["name",…]`. */
  onPacket: ((packet: string) => void) | null
  readonly id: string
  /** Bytes that came, if they are counted. */
  readonly received?: number
  readonly close: () => void
  closed: boolean
}

export type Connect = (url: string, auth: object | null) => Promise<BenchClient>

const TEXT = 0x81
const CLOSE = 0x88
const PONG = 0x8a

/** A client's frame must be masked; with a mask of zeros the bytes stay as they are. */
const frameOf = (opcode: number, text: string): Buffer => {
  const length = Buffer.byteLength(text)
  const wide = length > 125
  if (length > 65_535) throw new Error('the load sends nothing that large')
  const head = wide ? 8 : 6
  const frame = Buffer.alloc(head + length)
  frame[0] = opcode
  frame[1] = 0x80 | (wide ? 126 : length)
  if (wide) frame.writeUInt16BE(length, 2)
  frame.write(text, head)
  return frame
}

/** Calls back with each complete frame. An incomplete frame is kept until more bytes come, and each byte is copied
 *  once. A long frame that `wants` rejects by its first two characters is skipped without copying. */
const frames = (
  wants: (first: number, second: number) => boolean,
  onFrame: (opcode: number, bytes: Buffer, from: number, to: number) => void,
) => {
  let kept: Buffer | null = null
  let body: { readonly whole: Buffer; readonly head: number; filled: number } | null = null
  let skip = 0
  return (chunk: Buffer): void => {
    let start = 0
    if (skip > 0) {
      start = Math.min(skip, chunk.length)
      skip -= start
    } else if (body !== null) {
      start = chunk.copy(body.whole, body.filled)
      body.filled += start
      const { whole, head, filled } = body
      if (filled < whole.length) return
      body = null
      onFrame(whole[0]!, whole, head, whole.length)
    }
    if (start === chunk.length) return
    const bytes = kept === null ? chunk.subarray(start) : Buffer.concat([kept, chunk])
    kept = null
    let at = 0
    while (at + 2 <= bytes.length) {
      let length = bytes[at + 1]! & 0x7f
      let head = 2
      if (length === 126) {
        head = 4
        if (at + head > bytes.length) break
        length = bytes.readUInt16BE(at + 2)
      } else if (length === 127) {
        head = 10
        if (at + head > bytes.length) break
        length = Number(bytes.readBigUInt64BE(at + 2))
      }
      const from = at + head
      const end = from + length
      if (end <= bytes.length) {
        onFrame(bytes[at]!, bytes, from, end)
        at = end
        continue
      }
      if (from + 2 > bytes.length) break
      if (bytes[at] === TEXT && !wants(bytes[from]!, bytes[from + 1]!)) {
        skip = end - bytes.length
      } else {
        const whole = Buffer.allocUnsafe(head + length)
        body = { whole, head, filled: bytes.copy(whole, 0, at) }
      }
      return
    }
    // The next read reuses the chunk's memory.
    if (at < bytes.length) kept = Buffer.from(bytes.subarray(at))
  }
}

/** All sockets read into this buffer: each read is finished before the next. */
const READ = Buffer.allocUnsafe(65_536)

/** Resolves once the namespace is joined. Rejects with the server's words where it refuses. */
export const connect: Connect = (url, auth) =>
  new Promise((resolve, reject) => {
    const { hostname, port, host } = new URL(url)
    const acks = new Map<number, (answer: Answer) => void>()
    let next = 0
    let isUpgraded = false
    let received = 0
    let response = ''
    let client: (BenchClient & { id: string }) | null = null
    const write = (text: string): void => {
      socket.write(frameOf(TEXT, text))
    }
    const isHeard = (first: number, second: number): boolean =>
      first !== 0x34 || second !== 0x32 || (client !== null && client.onPacket !== null)
    const take = frames(isHeard, (opcode, bytes, from, to) => {
      if (opcode === CLOSE) {
        socket.end()
        return
      }
      if (opcode !== TEXT) {
        if (opcode === 0x89) socket.write(frameOf(PONG, ''))
        return
      }
      const kind = bytes[from]
      // '2' is a ping, '4' a message; its second character is the Socket.IO packet's type.
      if (kind === 0x32) return write('3')
      if (kind === 0x30) return write(auth ? `40${JSON.stringify(auth)}` : '40')
      if (kind !== 0x34) return
      const type = bytes[from + 1]
      if (type === 0x32) {
        const listener = client?.onPacket
        if (listener) listener(bytes.toString('utf8', from, to))
      } else if (type === 0x33) {
        const text = bytes.toString('utf8', from + 2, to)
        const bracket = text.indexOf('[')
        const id = Number(text.slice(0, bracket))
        const ack = acks.get(id)
        acks.delete(id)
        ack?.(JSON.parse(text.slice(bracket))[0])
      } else if (type === 0x30) {
        client = {
          id: JSON.parse(bytes.toString('utf8', from + 2, to)).sid,
          onPacket: null,
          closed: false,
          get received() {
            return received
          },
          emit: (event, payload, ack) => {
            if (client?.closed || !socket.writable) return
            if (ack) {
              acks.set(next, ack)
              write(`42${next}${JSON.stringify([event, payload])}`)
              next += 1
            } else write(`42${JSON.stringify([event, payload])}`)
          },
          close: () => {
            socket.end(frameOf(CLOSE, ''))
          },
        }
        resolve(client)
      } else if (type === 0x34) {
        reject(new Error(bytes.toString('utf8', from + 2, to)))
        socket.end()
      } else if (type === 0x31 && client) client.closed = true
    })
    const upgrade = (chunk: Buffer): void => {
      response += chunk.toString('latin1')
      const end = response.indexOf('\r\n\r\n')
      if (end < 0) return
      if (!response.startsWith('HTTP/1.1 101')) {
        reject(new Error(response.slice(0, response.indexOf('\r\n'))))
        socket.destroy()
        return
      }
      isUpgraded = true
      const rest = Buffer.from(response.slice(end + 4), 'latin1')
      response = ''
      if (rest.length > 0) take(rest)
    }
    const socket: Socket = dial({
      host: hostname,
      port: Number(port),
      noDelay: true,
      onread: {
        buffer: READ,
        callback: (length: number) => {
          const chunk = READ.subarray(0, length)
          received += length
          if (isUpgraded) take(chunk)
          else upgrade(chunk)
          return true
        },
      },
    })
    socket.on('connect', () => {
      const key = randomBytes(16).toString('base64')
      socket.write(
        `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
      )
    })
    socket.on('close', () => {
      if (client) client.closed = true
      else reject(new Error('closed before it was connected'))
    })
    socket.on('error', (error) => reject(error))
  })

/** Runs `count` tasks, `width` at a time. */
export const spread = async <T>(
  count: number,
  width: number,
  make: (index: number) => Promise<T>,
): Promise<Array<T>> => {
  const made: Array<T> = new Array(count)
  let index = 0
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (index < count) {
        const mine = index++
        made[mine] = await make(mine)
      }
    }),
  )
  return made
}
