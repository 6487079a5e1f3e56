/** As much of a TURN client (RFC 8656 over UDP) as it takes to ask for a relay, and for a peer. For tests. */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'

const COOKIE = 0x2112a442
const ALLOCATE = 0x0003
const CREATE_PERMISSION = 0x0008
const ERROR = 0x0110
const Attribute = {
  username: 0x0006,
  integrity: 0x0008,
  error: 0x0009,
  peer: 0x0012,
  realm: 0x0014,
  nonce: 0x0015,
  family: 0x0017,
  transport: 0x0019,
} as const
const TIMEOUT_MS = 2000

export type TurnAnswer = { readonly ok: true } | { readonly ok: false; readonly code: number }
export type TurnClient = {
  /** Asks for a relay of this family. 401 is answered once, as the protocol has it. */
  readonly allocate: (family: 4 | 6) => Promise<TurnAnswer>
  /** Asks that packets from the peer come through, and that packets to it may be sent. */
  readonly permit: (peer: string) => Promise<TurnAnswer>
  readonly close: () => void
}

const attribute = (type: number, value: Buffer): Buffer => {
  const head = Buffer.alloc(4)
  head.writeUInt16BE(type, 0)
  head.writeUInt16BE(value.length, 2)
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)])
}

/** Eight groups, of the 16 bytes of an IPv6 address in any of its ways to be written. */
const ipv6Bytes = (address: string): Buffer => {
  const v4 = address.match(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/)
  const plain = v4
    ? address.replace(
        v4[0],
        [0, 2].map((i) => ((Number(v4[i + 1]) << 8) | Number(v4[i + 2])).toString(16)).join(':'),
      )
    : address
  const [left = '', right] = plain.split('::')
  const groups = (side: string) => side.split(':').filter((group) => group !== '')
  const [first, last] = [groups(left), groups(right ?? '')]
  const all = [...first, ...Array(8 - first.length - last.length).fill('0'), ...last]
  return Buffer.concat(all.map((group) => Buffer.from(group.padStart(4, '0'), 'hex')))
}

const xorAddress = (address: string, port: number, transaction: Buffer): Buffer => {
  const mask = Buffer.alloc(16)
  mask.writeUInt32BE(COOKIE, 0)
  transaction.copy(mask, 4)
  const bytes = isIPv6(address) ? ipv6Bytes(address) : Buffer.from(address.split('.').map(Number))
  const head = Buffer.from([0, isIPv6(address) ? 2 : 1, 0, 0])
  head.writeUInt16BE(port ^ (COOKIE >>> 16), 2)
  return Buffer.concat([head, bytes.map((byte, i) => byte ^ (mask[i] ?? 0))])
}

const parse = (message: Buffer): { type: number; attributes: Map<number, Buffer> } => {
  const attributes = new Map<number, Buffer>()
  for (let at = 20; at + 4 <= message.length; ) {
    const length = message.readUInt16BE(at + 2)
    attributes.set(message.readUInt16BE(at), message.subarray(at + 4, at + 4 + length))
    at += 4 + length + ((4 - (length % 4)) % 4)
  }
  return { type: message.readUInt16BE(0), attributes }
}

export const turnClient = async (
  port: number,
  credentials: { readonly username: string; readonly credential: string },
  timeoutMs = TIMEOUT_MS,
): Promise<TurnClient> => {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  let realm: Buffer | undefined
  let nonce: Buffer | undefined

  const send = async (type: number, attributesOf: (transaction: Buffer) => ReadonlyArray<Buffer>) => {
    const transaction = randomBytes(12)
    const parts = [...attributesOf(transaction)]
    if (realm && nonce)
      parts.push(
        attribute(Attribute.username, Buffer.from(credentials.username)),
        attribute(Attribute.realm, realm),
        attribute(Attribute.nonce, nonce),
      )
    const body = Buffer.concat(parts)
    const header = Buffer.alloc(20)
    header.writeUInt16BE(type, 0)
    header.writeUInt32BE(COOKIE, 4)
    transaction.copy(header, 8)
    // The length counts the integrity attribute that is still to come.
    header.writeUInt16BE(body.length + (realm ? 24 : 0), 2)
    const unsigned = Buffer.concat([header, body])
    const key = createHash('md5')
      .update(`${credentials.username}:${realm}:${credentials.credential}`)
      .digest()
    const message = realm
      ? Buffer.concat([
          unsigned,
          attribute(Attribute.integrity, createHmac('sha1', key).update(unsigned).digest()),
        ])
      : unsigned
    const signal = AbortSignal.timeout(timeoutMs)
    const answer = once(socket, 'message', { signal })
    socket.send(message, port, '127.0.0.1')
    return parse((await answer)[0] as Buffer)
  }
  const told = ({ type, attributes }: ReturnType<typeof parse>): TurnAnswer => {
    if ((type & ERROR) !== ERROR) return { ok: true }
    const error = attributes.get(Attribute.error)
    return { ok: false, code: error ? (error[2] ?? 0) * 100 + (error[3] ?? 0) : 0 }
  }
  return {
    allocate: async (family) => {
      const ask = () =>
        send(ALLOCATE, () => [
          attribute(Attribute.transport, Buffer.from([17, 0, 0, 0])),
          attribute(Attribute.family, Buffer.from([family === 4 ? 1 : 2, 0, 0, 0])),
        ])
      const first = await ask()
      const answer = told(first)
      if (answer.ok || answer.code !== 401 || realm) return answer
      realm = first.attributes.get(Attribute.realm)
      nonce = first.attributes.get(Attribute.nonce)
      return told(await ask())
    },
    permit: async (peer) =>
      told(
        await send(CREATE_PERMISSION, (transaction) => [
          attribute(Attribute.peer, xorAddress(peer, 4000, transaction)),
        ]),
      ),
    close: () => socket.close(),
  }
}
