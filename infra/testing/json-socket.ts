/** A plain WebSocket that speaks JSON, as the wallet's room API opens it. */
import { once } from 'node:events'
import { type ClientOptions, WebSocket } from 'ws'

// biome-ignore lint/suspicious/noExplicitAny: whatever the server sent; the test says what it must be
type Json = any
export type JsonClient = {
  readonly ws: WebSocket
  readonly heard: Json[]
  readonly send: (message: object) => void
  /** Waits until something of this type, heard before or after this call, is what is wanted. */
  readonly until: (type: string, wanted?: (message: Json) => boolean) => Promise<Json>
  /** The close code, once it is closed. */
  readonly closed: Promise<number>
  readonly close: () => Promise<number>
}
const TIMEOUT_MS = 5_000

/** `url` is the server's; `path` with its query. */
export const jsonSocket = async (
  url: string,
  path = '/',
  options: ClientOptions = {},
): Promise<JsonClient> => {
  const ws = new WebSocket(`${url.replace(/^http/, 'ws')}${path}`, options)
  const heard: Json[] = []
  const waiting = new Set<() => void>()
  ws.on('message', (data) => {
    heard.push(JSON.parse(String(data)))
    for (const look of [...waiting]) look()
  })
  const closed = new Promise<number>((resolve) => ws.once('close', resolve))
  await once(ws, 'open')
  return {
    ws,
    heard,
    send: (message) => ws.send(JSON.stringify(message)),
    until: (type, wanted = () => true) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(look)
          reject(new Error(`${type} did not come; heard: ${JSON.stringify(heard).slice(0, 600)}`))
        }, TIMEOUT_MS)
        const look = () => {
          const found = heard.find((message) => message.type === type && wanted(message))
          if (found === undefined) return
          clearTimeout(timer)
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      }),
    closed,
    close: () => {
      ws.close()
      return closed
    },
  }
}
