/** Calls of the protocol that the clients have no method for, made by hand: messages are lists of fields. */
import { readFileSync } from 'node:fs'
import { ChannelCredentials, Client, Metadata } from '@grpc/grpc-js'
import { putVarint, Reader, varintSize } from '../wire.ts'

/** A field's number and its content: text, a number, or a message of fields. */
export type Field = readonly [number: number, value: string | number | ReadonlyArray<Field>]
/** What a message holds, by field number. Varints as numbers. */
export type Message = ReadonlyMap<number, ReadonlyArray<number | Buffer>>

const varint = (value: number): Buffer => {
  const bytes = Buffer.alloc(varintSize(value))
  putVarint(bytes, 0, value)
  return bytes
}
const encode = (fields: ReadonlyArray<Field>): Buffer =>
  Buffer.concat(
    fields.flatMap(([number, value]) => {
      if (typeof value === 'number') return [varint(number * 8), varint(value)]
      const content = typeof value === 'string' ? Buffer.from(value) : encode(value)
      return [varint(number * 8 + 2), varint(content.length), content]
    }),
  )

export const decode = (bytes: Buffer): Message => {
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
export const inside = (message: Message, field: number): Message => {
  const value = message.get(field)?.[0]
  return decode(Buffer.isBuffer(value) ? value : Buffer.alloc(0))
}
export const text = (message: Message, field: number): string => String(message.get(field)?.[0] ?? '')

export type Raw = ReturnType<typeof createRaw>

/** `url`: a connection string; of several hosts the first is asked. */
export const createRaw = (url: string) => {
  const { username, password, host, searchParams } = new URL(url.replace(/^[^:]+:/, 'http:').split(',')[0]!)
  const secure = !/[?&]tls=false/.test(url)
  const ca = searchParams.get('tlsCAFile')
  const client = new Client(
    host,
    secure
      ? ChannelCredentials.createSsl(ca === null ? null : readFileSync(ca))
      : ChannelCredentials.createInsecure(),
  )
  const metadata = (): Metadata => {
    const headers = new Metadata()
    if (username !== '')
      headers.set('authorization', `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`)
    return headers
  }
  const pass = (bytes: Buffer): Buffer => bytes
  const origin = `${secure ? 'https' : 'http'}://${host}`
  return {
    /** One request, one response. Rejects with the gRPC error; `exception` is in its metadata. */
    call: (path: string, fields: ReadonlyArray<Field> = []): Promise<Message> =>
      new Promise((resolve, reject) =>
        client.makeUnaryRequest(path, pass, pass, encode(fields), metadata(), (error, response) =>
          error === null ? resolve(decode(response ?? Buffer.alloc(0))) : reject(error),
        ),
      ),
    /** One request, all responses. */
    stream: async (path: string, fields: ReadonlyArray<Field> = []): Promise<Message[]> => {
      const messages: Message[] = []
      for await (const bytes of client.makeServerStreamRequest(path, pass, pass, encode(fields), metadata()))
        messages.push(decode(bytes as Buffer))
      return messages
    },
    get: (path: string): Promise<Response> => fetch(`${origin}${path}`),
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
