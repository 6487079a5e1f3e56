/** A socket that sends much is read a piece at a time, so that those who send little are heard in between. Node reads what
 *  has come of one socket until there is no more: megabytes, of one who floods. */
import type { SocketConnection } from './connection.ts'

/** Packets of one socket in one round of the event loop, after which the others come first. */
const IN_A_ROUND = 32

export type ReadTurn = { round: number; packets: number }
export const newTurn = (): ReadTurn => ({ round: 0, packets: 0 })

/** `took` is to be called for each packet. What was read already is still handled; the rest waits in the network, and so
 *  with whoever sends it. */
export const createTurns = (): { readonly took: (turn: ReadTurn, connection: SocketConnection) => void } => {
  let round = 1
  let isCounting = false
  const next = (): void => {
    isCounting = false
    round += 1
  }
  return {
    took: (turn, connection) => {
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
