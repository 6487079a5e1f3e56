/** A Socket.IO client made by hand: a TCP connection on which a test decides when anything is read. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export type Dialled = {
  readonly line: Socket
  /** Sends one text frame. */
  readonly send: (text: string) => void
}

/** Connects under a token, or as a new guest; reads nothing more once it is paused. */
export const dial = async (url: string, token?: string): Promise<Dialled> => {
  const { hostname, port, host } = new URL(url)
  const line = connect(Number(port), hostname)
  line.on('error', () => {})
  const send = (text: string) => {
    const data = Buffer.from(text)
    const head =
      data.length < 126
        ? Buffer.from([0x81, 0x80 | data.length])
        : Buffer.from([0x81, 0xfe, data.length >> 8, data.length & 255])
    line.write(Buffer.concat([head, Buffer.alloc(4), data]))
  }
  line.write(
    `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  )
  await once(line, 'data')
  send(`40${token === undefined ? '' : JSON.stringify({ token })}`)
  return { line, send }
}
