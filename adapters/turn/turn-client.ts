/** As much of a TURN client (RFC 8656, over UDP, TCP and TLS) as is needed to request a relay, and to send through it. */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { connect, isIPv6, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

const COOKIE = 0x2112a442
const ALLOCATE = 0x0003
const REFRESH = 0x0004
const CREATE_PERMISSION = 0x0008
const SEND = 0x0016
const DATA = 0x0017
const ERROR = 0x0110
const Attribute = {
  username: 0x0006,
  integrity: 0x0008,
  error: 0x0009,
  peer: 0x0012,
  lifetime: 0x000d,
  data: 0x0013,
  realm: 0x0014,
  nonce: 0x0015,
  relayed: 0x0016,
  family: 0x0017,
  transport: 0x0019,
} as const
/** Within this (ms), something has answered: three are sent over UDP by then. */
const TIMEOUT_MS = 3_000
/** Over UDP a request is sent again, unchanged, after this long (ms), then after twice as long, and so on (RFC 8489, 6.2.1). */
const AGAIN_MS = 500

export type TurnTransport = 'udp' | 'tcp' | 'tls'
export type TurnServer = {
  readonly host: string
  readonly port: number
  readonly transport: TurnTransport
  /** Certificates of authorities to trust over TLS, in PEM. Default: those that Node trusts. */
  readonly ca?: string
  /** The server name for TLS. Default: the host. */
  readonly name?: string
}
export type Address = { readonly address: string; readonly port: number }
/** `relay`: where the relay listens; only for an allocation. */
export type TurnAnswer =
  | { readonly ok: true; readonly relay: Address | null }
  | { readonly ok: false; readonly code: number }
export type TurnClient = {
  /** Requests a relay of this family. After a 401 it tries once more with credentials, as the protocol requires. */
  readonly allocate: (family: 4 | 6) => Promise<TurnAnswer>
  /** Requests that packets from the peer come through, and that packets to it may be sent. */
  readonly permit: (peer: string) => Promise<TurnAnswer>
  /** Sends to a peer through the relay; whether it arrives is unknown. */
  readonly send: (peer: Address, data: Buffer) => void
  /** Sets the listener for what peers send to the relay. */
  readonly onData: (hear: (data: Buffer) => void) => void
  /** Releases the relay, which otherwise counts against its user's quota for ten minutes. Rejects if nothing answers. */
  readonly release: () => Promise<TurnAnswer>
  readonly close: () => void
}

const attribute = (type: number, value: Buffer): Buffer => {
  const head = Buffer.alloc(4)
  head.writeUInt16BE(type, 0)
  head.writeUInt16BE(value.length, 2)
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)])
}

/** The 16 bytes of an IPv6 address, however it is written. */
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

const addressIn = (value: Buffer | undefined): Address | null => {
  // Only IPv4: nothing needs to know where a relay of the other family is.
  if (value === undefined || value.length < 8 || value[1] !== 1) return null
  const mask = [0x21, 0x12, 0xa4, 0x42]
  return {
    port: value.readUInt16BE(2) ^ (COOKIE >>> 16),
    address: [...value.subarray(4, 8)].map((byte, i) => byte ^ mask[i]!).join('.'),
  }
}

type Line = {
  readonly send: (message: Buffer) => void
  readonly close: () => void
}
type Hear = { readonly message: (message: Buffer) => void; readonly lost: (error: Error) => void }

const overUdp = async ({ host, port }: TurnServer, hear: Hear): Promise<Line> => {
  const { address, family } = await lookup(host)
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
  socket.on('error', hear.lost).on('message', hear.message)
  socket.bind(0)
  await once(socket, 'listening')
  return { send: (message) => socket.send(message, port, address, () => {}), close: () => socket.close() }
}

/** A connection over a stream, in which a message's header says where it ends. */
const overStream = async (
  { host, port, transport, ca, name = host }: TurnServer,
  hear: Hear,
  timeoutMs: number,
): Promise<Line> => {
  const socket: Socket =
    transport === 'tls'
      ? connectTls({
          host,
          port,
          ...(/^[0-9.:]+$/.test(name) ? {} : { servername: name }),
          ...(ca ? { ca } : {}),
        })
      : connect({ host, port })
  const silent = setTimeout(() => socket.destroy(new Error('it does not answer')), timeoutMs)
  try {
    await once(socket, transport === 'tls' ? 'secureConnect' : 'connect')
  } finally {
    clearTimeout(silent)
  }
  let waiting = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    waiting = Buffer.concat([waiting, chunk])
    while (waiting.length >= 20 && waiting.length >= 20 + waiting.readUInt16BE(2)) {
      const end = 20 + waiting.readUInt16BE(2)
      hear.message(waiting.subarray(0, end))
      waiting = waiting.subarray(end)
    }
  })
  socket.on('error', hear.lost).on('close', () => hear.lost(new Error('it hung up')))
  return { send: (message) => socket.write(message), close: () => socket.destroy() }
}

const headed = (type: number, transaction: Buffer, body: Buffer, more = 0): Buffer => {
  const header = Buffer.alloc(20)
  header.writeUInt16BE(type, 0)
  header.writeUInt16BE(body.length + more, 2)
  header.writeUInt32BE(COOKIE, 4)
  transaction.copy(header, 8)
  return Buffer.concat([header, body])
}

/** Rejects if nothing can be reached there. */
export const turnClient = async (
  server: TurnServer,
  credentials: { readonly username: string; readonly credential: string },
  timeoutMs = TIMEOUT_MS,
): Promise<TurnClient> => {
  let realm: Buffer | undefined
  let nonce: Buffer | undefined
  let onData: (data: Buffer) => void = () => {}
  const waiting = new Map<string, { resolve: (message: Buffer) => void; reject: (error: Error) => void }>()
  const hear: Hear = {
    message: (message) => {
      if (message.length < 20) return
      if (message.readUInt16BE(0) === DATA) {
        const data = parse(message).attributes.get(Attribute.data)
        if (data) onData(data)
      } else waiting.get(message.subarray(8, 20).toString('hex'))?.resolve(message)
    },
    lost: (error) => {
      for (const one of waiting.values()) one.reject(error)
    },
  }
  const line =
    server.transport === 'udp' ? await overUdp(server, hear) : await overStream(server, hear, timeoutMs)

  const ask = async (type: number, attributesOf: (transaction: Buffer) => ReadonlyArray<Buffer>) => {
    const transaction = randomBytes(12)
    const parts = [...attributesOf(transaction)]
    if (realm && nonce)
      parts.push(
        attribute(Attribute.username, Buffer.from(credentials.username)),
        attribute(Attribute.realm, realm),
        attribute(Attribute.nonce, nonce),
      )
    // The length includes the integrity attribute that is added next.
    const unsigned = headed(type, transaction, Buffer.concat(parts), realm ? 24 : 0)
    const key = createHash('md5')
      .update(`${credentials.username}:${realm}:${credentials.credential}`)
      .digest()
    const message = realm
      ? Buffer.concat([
          unsigned,
          attribute(Attribute.integrity, createHmac('sha1', key).update(unsigned).digest()),
        ])
      : unsigned
    const name = transaction.toString('hex')
    let late: NodeJS.Timeout | undefined
    let again: NodeJS.Timeout | undefined
    try {
      return parse(
        await new Promise<Buffer>((resolve, reject) => {
          late = setTimeout(() => reject(new Error('it does not answer')), timeoutMs)
          waiting.set(name, { resolve, reject })
          const send = (pauseMs: number): void => {
            line.send(message)
            if (server.transport === 'udp') again = setTimeout(send, pauseMs, 2 * pauseMs)
          }
          send(AGAIN_MS)
        }),
      )
    } finally {
      clearTimeout(late)
      clearTimeout(again)
      waiting.delete(name)
    }
  }
  const told = ({ type, attributes }: ReturnType<typeof parse>): TurnAnswer => {
    if ((type & ERROR) !== ERROR) return { ok: true, relay: addressIn(attributes.get(Attribute.relayed)) }
    const error = attributes.get(Attribute.error)
    return { ok: false, code: error ? (error[2] ?? 0) * 100 + (error[3] ?? 0) : 0 }
  }
  return {
    allocate: async (family) => {
      const allocation = () =>
        ask(ALLOCATE, () => [
          attribute(Attribute.transport, Buffer.from([17, 0, 0, 0])),
          attribute(Attribute.family, Buffer.from([family === 4 ? 1 : 2, 0, 0, 0])),
        ])
      const first = await allocation()
      const answer = told(first)
      if (answer.ok || answer.code !== 401 || realm) return answer
      realm = first.attributes.get(Attribute.realm)
      nonce = first.attributes.get(Attribute.nonce)
      return told(await allocation())
    },
    permit: async (peer) =>
      told(
        await ask(CREATE_PERMISSION, (transaction) => [
          attribute(Attribute.peer, xorAddress(peer, 4000, transaction)),
        ]),
      ),
    send: (peer, data) => {
      const transaction = randomBytes(12)
      const to = attribute(Attribute.peer, xorAddress(peer.address, peer.port, transaction))
      line.send(headed(SEND, transaction, Buffer.concat([to, attribute(Attribute.data, data)])))
    },
    release: async () => told(await ask(REFRESH, () => [attribute(Attribute.lifetime, Buffer.alloc(4))])),
    onData: (heard) => {
      onData = heard
    },
    close: line.close,
  }
}
