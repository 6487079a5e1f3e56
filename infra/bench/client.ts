/**
 * A Socket.IO client that costs little: Engine.IO 4 over one WebSocket, spoken by hand, so that the load's own share of
 * the processor stays small and most of the machine is the server's. Events are only parsed where someone listens.
 * Protocol: https://socket.io/docs/v4/engine-io-protocol/ and https://socket.io/docs/v4/socket-io-protocol/
 */
import { WebSocket } from 'ws'

/** Only what every answer may have. */
export type Answer = { ok: boolean; code?: string; error?: string; retry_after?: number }

export type BenchClient = {
  readonly emit: (event: string, payload: unknown, ack?: (answer: Answer) => void) => void
  /** Every event packet as it came: `42["name",…]`. */
  onPacket: ((packet: string) => void) | null
  readonly id: string
  readonly close: () => void
  closed: boolean
}

/** Resolves once the namespace is joined. Rejects with the server's words where it refuses. */
export const connect = (url: string, auth: object | null): Promise<BenchClient> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket`, {
      perMessageDeflate: false,
    })
    const acks = new Map<number, (answer: Answer) => void>()
    let next = 0
    let client: (BenchClient & { id: string }) | null = null
    socket.on('message', (data: Buffer) => {
      const kind = data[0]
      // '2' is a ping, '4' a message; its second character is the Socket.IO packet's type.
      if (kind === 0x32) return socket.send('3')
      if (kind === 0x30) return socket.send(auth ? `40${JSON.stringify(auth)}` : '40')
      if (kind !== 0x34) return
      const type = data[1]
      if (type === 0x32) {
        client?.onPacket?.(data.toString('utf8'))
      } else if (type === 0x33) {
        const text = data.toString('utf8', 2)
        const bracket = text.indexOf('[')
        const id = Number(text.slice(0, bracket))
        const ack = acks.get(id)
        acks.delete(id)
        ack?.(JSON.parse(text.slice(bracket))[0])
      } else if (type === 0x30) {
        client = {
          id: JSON.parse(data.toString('utf8', 2)).sid,
          onPacket: null,
          closed: false,
          emit: (event, payload, ack) => {
            if (socket.readyState !== WebSocket.OPEN) return
            if (ack) {
              acks.set(next, ack)
              socket.send(`42${next}${JSON.stringify([event, payload])}`)
              next += 1
            } else socket.send(`42${JSON.stringify([event, payload])}`)
          },
          close: () => socket.close(),
        }
        resolve(client)
      } else if (type === 0x34) {
        reject(new Error(data.toString('utf8', 2)))
        socket.close()
      } else if (type === 0x31 && client) client.closed = true
    })
    socket.on('close', () => {
      if (client) client.closed = true
      else reject(new Error('closed before it was connected'))
    })
    socket.on('error', (error) => reject(error))
  })

/** Runs `count` of them, `width` at a time. */
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
