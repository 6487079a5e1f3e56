/** Closes connections in such a way that their clients connect again. */
import type { Socket } from 'socket.io'
import { connectionOf, type SocketConnection } from '../connection.ts'

/** Of RFC 6455's registry. */
const SERVICE_RESTART = 1012
const TRY_AGAIN_LATER = 1013
const CLOSE_MS = 5_000
const SLOW_CLOSE_MS = 1_000
/** Closes the connection as if the line were cut: the client connects again by itself, maybe elsewhere. A client whose
 *  socket the server disconnects stays away. */
const sendAway = (connection: SocketConnection, code: number, reason: string, closeMs = CLOSE_MS): void => {
  // The close frame is sent before the transport is dropped, so that a client that still reads learns why.
  const ws = connection.transport.name === 'websocket' ? connection.transport.socket : undefined
  ws?.close(code, reason)
  connection.close(ws !== undefined)
  if (ws !== undefined) setTimeout(() => ws.terminate(), closeMs).unref()
}
/** The client connects again now, maybe to another server. */
export const sendElsewhere = (socket: Socket): void =>
  sendAway(connectionOf(socket), SERVICE_RESTART, 'connect again')
/** For temporary trouble: the client connects again by itself, later. `code` is the reason in the close frame. */
export const sendLater = (socket: Socket, code: string): void =>
  sendAway(connectionOf(socket), TRY_AGAIN_LATER, code)

/** For a client that does not read. */
export const cutOff = (connection: SocketConnection): void =>
  sendAway(connection, TRY_AGAIN_LATER, 'too slow', SLOW_CLOSE_MS)
