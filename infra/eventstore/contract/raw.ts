/** Hand-made calls of the protocol that the clients have no method for: messages are lists of fields. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { get as getPlain, type IncomingMessage } from 'node:http'
import { connect } from 'node:http2'
import { get as getSecure } from 'node:https'
import { ChannelCredentials, Client, Metadata } from '@grpc/grpc-js'
import { putVarint, Reader, varintSize } from '../protocol/wire.ts'

/** A field's number and its content: text, a number, or a message of fields. */
export type WireField = readonly [number: number, value: string | number | bigint | ReadonlyArray<WireField>]
/** A message's contents, by field number. Varints are numbers. */
export type WireMessage = ReadonlyMap<number, ReadonlyArray<number | Buffer>>

const varint = (value: number): Buffer => {
  const bytes = Buffer.alloc(varintSize(value))
  putVarint(bytes, 0, value)
  return bytes
}
const bigVarint = (value: bigint): Buffer => {
  const bytes: number[] = []
  for (let rest = value; bytes.length === 0 || rest > 0n; rest >>= 7n)
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0))
  return Buffer.from(bytes)
}
const encode = (fields: ReadonlyArray<WireField>): Buffer =>
  Buffer.concat(
    fields.flatMap(([number, value]) => {
      if (typeof value === 'number') return [varint(number * 8), varint(value)]
      if (typeof value === 'bigint') return [varint(number * 8), bigVarint(value)]
      const content = typeof value === 'string' ? Buffer.from(value) : encode(value)
      return [varint(number * 8 + 2), varint(content.length), content]
    }),
  )

export const decode = (bytes: Buffer): WireMessage => {
  const message = new Map<number, Array<number | Buffer>>()
  const reader = new Reader(bytes)
  while (reader.more()) {
    const tag = reader.varint()
    const value = (tag & 7) === 0 ? reader.varint() : reader.bytes()
    message.set(tag >>> 3, [...(message.get(tag >>> 3) ?? []), value])
  }
  return message
}

/** A message within a message. */
export const inside = (message: WireMessage, field: number): WireMessage => {
  const value = message.get(field)?.[0]
  return decode(Buffer.isBuffer(value) ? value : Buffer.alloc(0))
}
export const text = (message: WireMessage, field: number): string => String(message.get(field)?.[0] ?? '')

/** The credentials in a connection string; null if there are none. */
export const credentialsOf = (url: string): { username: string; password: string } | null => {
  const [, username, password] = /^[^:]+:\/\/([^:@/]*):([^@/]*)@/.exec(url) ?? []
  return username === undefined || password === undefined
    ? null
    : { username: decodeURIComponent(username), password: decodeURIComponent(password) }
}

export type Raw = ReturnType<typeof createRaw>

/** `url`: a connection string; if it has several hosts, the first is asked. */
export const createRaw = (url: string) => {
  const { host } = new URL(url.replace(/^[^:]+:/, 'http:').split(',')[0]!)
  const who = credentialsOf(url)
  const options = new URLSearchParams(url.replace(/^[^?]*/, ''))
  const secure = options.get('tls') !== 'false'
  const file = options.get('tlsCAFile')
  const ca = file === null ? undefined : readFileSync(file)
  const rejectUnauthorized = options.get('tlsVerifyCert') !== 'false'
  const client = new Client(
    host,
    secure
      ? ChannelCredentials.createSsl(ca ?? null, null, null, { rejectUnauthorized })
      : ChannelCredentials.createInsecure(),
  )
  const basic =
    who === null ? undefined : `Basic ${Buffer.from(`${who.username}:${who.password}`).toString('base64')}`
  const metadata = (): Metadata => {
    const headers = new Metadata()
    if (basic !== undefined) headers.set('authorization', basic)
    return headers
  }
  const pass = (bytes: Buffer): Buffer => bytes
  const headers = basic === undefined ? {} : { authorization: basic }
  return {
    /** One request, one response. Rejects with the gRPC error; `exception` is in its metadata. */
    call: (path: string, fields: ReadonlyArray<WireField> = []): Promise<WireMessage> =>
      new Promise((resolve, reject) =>
        client.makeUnaryRequest(path, pass, pass, encode(fields), metadata(), (error, response) =>
          error === null ? resolve(decode(response ?? Buffer.alloc(0))) : reject(error),
        ),
      ),
    /** One request, all responses. */
    stream: async (path: string, fields: ReadonlyArray<WireField> = []): Promise<WireMessage[]> => {
      const messages: WireMessage[] = []
      for await (const bytes of client.makeServerStreamRequest(path, pass, pass, encode(fields), metadata()))
        messages.push(decode(bytes as Buffer))
      return messages
    },
    /** A call in which both sides send whenever they like. */
    converse: (path: string) => {
      const call = client.makeBidiStreamRequest(path, pass, pass, metadata())
      const answers: WireMessage[] = []
      let isOver = false
      let error: unknown
      call.on('data', (bytes: Buffer) => answers.push(decode(bytes)))
      call.on('error', (caught) => {
        error = caught
        isOver = true
      })
      call.on('end', () => {
        isOver = true
      })
      return {
        answers,
        /** Resolves when the server has ended it in any way. */
        over: (): Promise<void> =>
          new Promise((resolve) => {
            if (isOver) return resolve()
            call.on('error', () => resolve())
            call.on('end', () => resolve())
          }),
        send: (fields: ReadonlyArray<WireField>): void => void call.write(encode(fields)),
        /** Ends the client's side. */
        end: (): void => void call.end(),
        /** The server has ended it, successfully or with `error`. */
        isOver: (): boolean => isOver,
        error: (): unknown => error,
        cancel: (): void => call.cancel(),
      }
    },
    /** Plain HTTP. */
    get: async (path: string): Promise<{ readonly status: number; readonly body: string }> => {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const request = secure
          ? getSecure(`https://${host}${path}`, { headers, ca, rejectUnauthorized }, resolve)
          : getPlain(`http://${host}${path}`, { headers }, resolve)
        request.on('error', reject)
      })
      let body = ''
      for await (const chunk of response.setEncoding('utf8')) body += chunk
      return { status: response.statusCode ?? 0, body }
    },
    /** The same over HTTP/2, which with TLS is negotiated in the handshake. */
    getHttp2: async (
      path: string,
      method = 'GET',
    ): Promise<{ readonly status: number; readonly body: string }> => {
      const session = connect(`${secure ? 'https' : 'http'}://${host}`, { ca, rejectUnauthorized })
      try {
        const stream = session.request({ ':path': path, ':method': method, ...headers })
        stream.end()
        const [answered] = await once(stream, 'response')
        let body = ''
        for await (const chunk of stream.setEncoding('utf8')) body += chunk
        return { status: Number(answered[':status']), body }
      } finally {
        session.destroy()
      }
    },
    close: (): void => client.close(),
  }
}

/** The `exception` of a gRPC error, or its status code where it has none. */
export const refusalOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise
  } catch (caught) {
    const { code, metadata } = caught as { code: number; metadata: Metadata }
    return String(metadata.get('exception')[0] ?? code)
  }
  return 'it was not refused'
}
