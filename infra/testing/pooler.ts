/** A pooler in transaction mode, like PgBouncer: clients get connections that others may have had before, with their
 *  settings, and what Postgres says between two transactions reaches nobody. For tests alone. */
import { connect, createServer, type Socket } from 'node:net'

export type Pooler = {
  /** The same database, through it. */
  readonly url: string
  /** Notices that reached nobody. */
  readonly dropped: () => number
  /** From now on notices are passed on, as in session mode; or are not. */
  readonly passOn: (isPassing: boolean) => void
  readonly close: () => Promise<void>
}

const NOTIFICATION = 'A'
const READY = 'Z'
const TERMINATE = 'X'.charCodeAt(0)

/** Whole messages of Postgres' protocol out of the pieces that come: each begins with its kind and its length. */
const messages = (take: (kind: string, message: Buffer) => void): ((piece: Buffer) => void) => {
  let held: Buffer = Buffer.alloc(0)
  return (piece) => {
    held = held.length === 0 ? piece : Buffer.concat([held, piece])
    while (held.length >= 5) {
      const length = held.readUInt32BE(1) + 1
      if (held.length < length) return
      take(String.fromCharCode(held[0]!), held.subarray(0, length))
      held = held.subarray(length)
    }
  }
}

export const startPooler = async (databaseUrl: string): Promise<Pooler> => {
  const target = new URL(databaseUrl)
  let dropped = 0
  let isPassing = false
  const sockets = new Set<Socket>()

  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: Number(target.port), host: target.hostname, noDelay: true })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
    /** A transaction is under way, or is being asked for. */
    let isLinked = true
    client.on('data', (bytes: Buffer) => {
      if (bytes[0] === TERMINATE) return
      isLinked = true
      upstream.write(bytes)
    })
    upstream.on(
      'data',
      messages((kind, message) => {
        if (kind === NOTIFICATION && !isLinked && !isPassing) {
          dropped += 1
          return
        }
        if (kind === READY && String.fromCharCode(message[5]!) === 'I') isLinked = false
        if (!client.destroyed) client.write(message)
      }),
    )
    // Postgres' end of it stays open for the next one, and with it whatever lock was taken there.
    client.on('end', () => client.end())
    upstream.on('close', () => client.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as { port: number }).port)
  return {
    url: url.href,
    dropped: () => dropped,
    passOn: (to) => {
      isPassing = to
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
