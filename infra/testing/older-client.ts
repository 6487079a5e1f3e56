/** A client of Socket.IO 2, as pages of networked-aframe 0.11 bring it: Engine.IO 3. */
import { createRequire } from 'node:module'

// biome-ignore lint/suspicious/noExplicitAny: whatever the server sent; the test says what it must be
type Json = any
export type OlderSocket = {
  readonly id: string
  readonly on: (event: string, listener: (payload: Json) => void) => void
  readonly emit: (event: string, payload: unknown, ack?: (answer: Json) => void) => void
  readonly disconnect: () => void
}
const connect = createRequire(import.meta.url)('socket.io-client-2') as (
  url: string,
  options: object,
) => OlderSocket

export const olderSocket = (url: string): OlderSocket =>
  connect(url, { transports: ['websocket'], forceNew: true, reconnection: false })
