/** How the client reaches a server: REST calls, and a connection that speaks JSON. In tests a stub replaces both. */
import { PresenceError, refusalOf } from './errors.ts'

export type Json = Readonly<Record<string, unknown>>

export type Line = {
  readonly send: (message: Json) => void
  /** As a binary frame. Missing if this connection can't carry any. */
  readonly sendBytes?: (bytes: Uint8Array) => void
  readonly close: () => void
}
export type LineEvents = {
  readonly onMessage: (message: Json) => void
  readonly onBytes?: (bytes: Uint8Array) => void
  /** With the close code. */
  readonly onClose: (code: number) => void
}
export type Call = {
  readonly method?: string
  readonly token?: string | null
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Json
}
export type Transport = {
  /** The answer's JSON, or its text; rejects with a `PresenceError` if it is refused. */
  readonly call: (path: string, call?: Call) => Promise<unknown>
  /** Resolves once it is open. */
  readonly open: (url: string, events: LineEvents) => Promise<Line>
}

const read = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** The transport to a server at `https://HOST`. */
export const webTransport = (server: string): Transport => ({
  call: async (path, { method = 'GET', token = null, headers = {}, body } = {}) => {
    const unreachable = () => new PresenceError('unreachable', `${server} can’t be reached.`)
    const response = await fetch(`${server}${path}`, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch(() => {
      throw unreachable()
    })
    const answer = read(
      await response.text().catch(() => {
        throw unreachable()
      }),
    )
    if (!response.ok) throw refusalOf(typeof answer === 'object' && answer !== null ? (answer as Json) : {})
    return answer
  },
  open: (url, { onMessage, onBytes, onClose }) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(url)
      socket.binaryType = 'arraybuffer'
      let isOpen = false
      socket.onopen = () => {
        isOpen = true
        resolve({
          send: (message) => {
            if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
          },
          sendBytes: (bytes) => {
            if (socket.readyState === WebSocket.OPEN) socket.send(bytes as Uint8Array<ArrayBuffer>)
          },
          close: () => socket.close(),
        })
      }
      socket.onmessage = ({ data }) => {
        if (data instanceof ArrayBuffer) {
          onBytes?.(new Uint8Array(data))
          return
        }
        const message = read(String(data))
        if (typeof message === 'object' && message !== null) onMessage(message as Json)
      }
      socket.onclose = ({ code }) => {
        if (isOpen) onClose(code)
        else reject(new PresenceError('unreachable', `${server} doesn’t take the line.`))
      }
    }),
})
