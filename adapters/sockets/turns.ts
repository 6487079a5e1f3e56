/** Reads a socket that sends much a piece at a time, so that sockets that send little are handled in between. Node
 *  reads everything that has arrived on one socket: megabytes, if somebody floods. */
import type { SocketConnection } from './connection.ts'

/** After this many packets of one socket in one round of the event loop, the others come first. */
const IN_A_ROUND = 32

/** A packet that comes at least this long (ms) after the one before is not counted: the count of a round is not free. */
const SELDOM_MS = 20

/** `at`: when the last packet came, by performance.now(). */
export type ReadTurn = { round: number; packets: number; at: number }
export const newTurn = (): ReadTurn => ({ round: 0, packets: 0, at: Number.NEGATIVE_INFINITY })

/** `took` is to be called for each packet. What was read already is still handled; the rest waits in the network, and so at its sender. */
export const createTurns = (): { readonly took: (turn: ReadTurn, connection: SocketConnection) => void } => {
  let round = 1
  let isCounting = false
  const next = (): void => {
    isCounting = false
    round += 1
  }
  return {
    took: (turn, connection) => {
      const now = performance.now()
      const isSeldom = now - turn.at >= SELDOM_MS
      turn.at = now
      if (isSeldom) return
      if (!isCounting) {
        isCounting = true
        setImmediate(next)
      }
      if (turn.round !== round) {
        turn.round = round
        turn.packets = 0
      }
      turn.packets += 1
      if (turn.packets !== IN_A_ROUND) return
      const ws = connection.transport.socket
      if (ws === undefined) return
      ws.pause()
      setImmediate(() => ws.resume())
    },
  }
}
