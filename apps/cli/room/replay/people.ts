/** One real client for each account: a Socket.IO connection with a real signature, opened when first needed. */
import { io, type Socket } from 'socket.io-client'

export type SignAs = (
  account: string,
  challenge: string,
) => { readonly signature: string; readonly publicKey: string }
export type ReplayAck = {
  readonly ok: boolean
  readonly code?: string
  readonly error?: string
  readonly retry_after?: number
  readonly position?: string
  readonly revision?: string
  readonly sessionId?: string
}

export type Person = {
  readonly account: string
  readonly headers: Readonly<Record<string, string>>
  socket: Socket | null
  sessionId: string | null
}

/** Thrown if the connection is lost and the request may or may not have happened. */
export class LineLost extends Error {}

const ACK_TIMEOUT_MS = 15_000

export type People = {
  readonly of: (account: string) => Person
  readonly connect: (person: Person) => Promise<Socket>
  readonly send: (person: Person, event: string, payload: object) => Promise<ReplayAck>
  readonly disconnect: (person: Person) => void
  readonly all: () => ReadonlyArray<Person>
  readonly close: () => void
}

export const people = (url: string, sign: SignAs): People => {
  const known = new Map<string, Person>()

  const of = (account: string): Person => {
    let person = known.get(account)
    if (!person) {
      const challenge = String(Math.floor(Date.now() / 1000))
      const { signature, publicKey } = sign(account, challenge)
      person = {
        account,
        headers: {
          'x-account': account,
          'x-challenge': challenge,
          'x-pubkey': publicKey,
          'x-signature': signature,
        },
        socket: null,
        sessionId: null,
      }
      known.set(account, person)
    }
    return person
  }

  const connect = (person: Person): Promise<Socket> => {
    if (person.socket?.connected) return Promise.resolve(person.socket)
    person.socket?.removeAllListeners()
    person.socket?.disconnect()
    const socket = io(url, {
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      auth: {
        account: person.account,
        challenge: person.headers['x-challenge'],
        pubkey: person.headers['x-pubkey'],
        signature: person.headers['x-signature'],
      },
    })
    person.socket = socket
    socket.on('disconnect', () => {
      if (person.socket === socket) person.sessionId = null
    })
    return new Promise((resolve, reject) => {
      socket.once('connect', () => resolve(socket))
      socket.once('connect_error', (error) => {
        socket.disconnect()
        const code = (error as Error & { data?: { code?: string } }).data?.code
        reject(
          code === 'invalid_proof'
            ? new Error(`The proof of ${person.account} was refused.`)
            : new LineLost(error.message),
        )
      })
    })
  }

  const send = async (person: Person, event: string, payload: object): Promise<ReplayAck> => {
    const socket = await connect(person)
    return new Promise((resolve, reject) => {
      const lost = () => {
        socket.off('disconnect', lost)
        reject(new LineLost(`${person.account}'s line was lost`))
      }
      socket.once('disconnect', lost)
      socket.timeout(ACK_TIMEOUT_MS).emit(event, payload, (error: Error | null, ack: ReplayAck) => {
        socket.off('disconnect', lost)
        if (error) reject(new LineLost(`no answer to ${event} in ${ACK_TIMEOUT_MS / 1000} s`))
        else resolve(ack)
      })
    })
  }

  return {
    of,
    connect,
    send,
    disconnect: (person) => {
      person.socket?.disconnect()
      person.sessionId = null
    },
    all: () => [...known.values()],
    close: () => {
      for (const person of known.values()) person.socket?.disconnect()
    },
  }
}
