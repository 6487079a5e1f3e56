/** Whether a TURN server is there, by a STUN binding request over UDP, which any TURN server answers for anyone.
 *  Source: RFC 8489, sections 5 and 7. */
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'

const COOKIE = 0x2112a442
const BINDING_REQUEST = 0x0001
const BINDING_SUCCESS = 0x0101
const BINDING_ERROR = 0x0111
/** Sends again after this long (ms), since a packet may be lost. */
const AGAIN_MS = 400

const requestOf = (transaction: Buffer): Buffer => {
  const head = Buffer.alloc(8)
  head.writeUInt16BE(BINDING_REQUEST, 0)
  head.writeUInt32BE(COOKIE, 4)
  return Buffer.concat([head, transaction])
}
const isAnswer = (message: Buffer, transaction: Buffer): boolean =>
  message.length >= 20 &&
  [BINDING_SUCCESS, BINDING_ERROR].includes(message.readUInt16BE(0)) &&
  message.readUInt32BE(4) === COOKIE &&
  message.subarray(8, 20).equals(transaction)

/** Null if it answers, else a sentence. Never throws, and is done within `patienceMs`. */
export const probeTurn = async (
  { name, port }: { readonly name: string; readonly port: number },
  patienceMs = 1_500,
): Promise<string | null> => {
  const where = `${name}:${port}`
  const silent = `${where} does not answer over UDP.`
  const end = new AbortController()
  const late = new Promise<null>((resolve) => {
    const timer = setTimeout(() => resolve(null), patienceMs)
    end.signal.addEventListener('abort', () => clearTimeout(timer))
  })
  try {
    const found = await Promise.race([lookup(name.replace(/^\[|\]$/g, '')).catch(() => undefined), late])
    if (found === undefined) return `${name} has no address.`
    if (found === null) return `${name} could not be looked up in time.`
    const socket = createSocket(found.family === 6 ? 'udp6' : 'udp4')
    const transaction = randomBytes(12)
    const answered = new Promise<boolean>((resolve) => {
      socket.on('message', (message) => {
        if (isAnswer(message, transaction)) resolve(true)
      })
      socket.on('error', () => resolve(false))
    })
    const send = () => socket.send(requestOf(transaction), port, found.address, () => {})
    send()
    const again = setInterval(send, AGAIN_MS)
    try {
      return (await Promise.race([answered, late])) === true ? null : silent
    } finally {
      clearInterval(again)
      socket.close()
    }
  } finally {
    end.abort()
  }
}

/** How long (ms) an answer is used. */
const BELIEVED_MS = 15_000

/** Asks all of them at intervals: null if each answers, else what is wrong with those that don't. */
export const watchTurn = (
  servers: ReadonlyArray<{ readonly name: string; readonly port: number }>,
  now: () => number,
): (() => Promise<string | null>) => {
  let last: { readonly at: number; readonly found: Promise<string | null> } | null = null
  return () => {
    if (last === null || now() - last.at > BELIEVED_MS)
      last = {
        at: now(),
        found: Promise.all(servers.map((one) => probeTurn(one))).then((all) => {
          const wrong = all.filter((one) => one !== null)
          return wrong.length === 0 ? null : wrong.join(' ')
        }),
      }
    return last.found
  }
}
