/** An event as it is stored: the bytes of its `RecordedEvent` protobuf message, laid out so that a read sends them as
 *  they are and a filter finds the stream's name and the type without decoding.
 *
 *  Layout: id (40 bytes: tag, length, tag, length, 36 characters), stream identifier, type, then the rest. */
import { delimited, putBigVarint, putVarint, Reader, varintSize } from './wire.ts'

/** The revision under which a tombstone is stored; clients see it as the largest int64. */
export const TOMBSTONE_REVISION = Number.MAX_SAFE_INTEGER
export const WIRE_TOMBSTONE_REVISION = 0x7fff_ffff_ffff_ffffn

/** An event as a client proposes it. */
export type ProposedEvent = {
  /** 36 characters, lower case. */
  readonly id: string
  readonly type: string
  readonly contentType: string
  readonly data: Uint8Array
  readonly metadata: Uint8Array
}

/** A stored event, as subscriptions get it at the commit and reads from the file. */
export type StoredEvent = {
  readonly position: number
  readonly stream: number
  readonly revision: number
  /** The bytes of a `RecordedEvent`. */
  readonly body: Buffer
  /** Set by frames.ts: the bytes sent before the body, the same for each subscription. */
  head: Buffer | undefined
}

const ID_BYTES = 40
/** An entry of a map<string, string>, as field 6. */
const entry = (key: string, value: string): Buffer =>
  delimited(6, Buffer.concat([delimited(1, Buffer.from(key)), delimited(2, Buffer.from(value))]))

const bytesFieldSize = (length: number): number => (length === 0 ? 0 : 1 + varintSize(length) + length)
const putBytesField = (out: Buffer, at: number, field: number, bytes: Uint8Array): number => {
  if (bytes.length === 0) return at
  out[at++] = (field << 3) | 2
  at = putVarint(out, at, bytes.length)
  out.set(bytes, at)
  return at + bytes.length
}

/** The bytes that consecutive events share: made once for as long as they are the same. */
const same = {
  streamName: Buffer.alloc(0) as Buffer,
  type: '',
  contentType: '',
  ticks: '',
  /** The fields before the revision, and after the positions. */
  before: Buffer.alloc(0) as Buffer,
  after: Buffer.alloc(0) as Buffer,
}

/** Where and when an event is recorded. */
export type RecordPlace = {
  readonly revision: number
  readonly position: number
  /** 100 ns since the epoch, in decimal. */
  readonly ticks: string
}

/** The bytes of the event's `RecordedEvent`. `streamName` is not changed afterwards. */
export const encodeBody = (
  { id, type, contentType, data, metadata }: ProposedEvent,
  streamName: Buffer,
  { revision, position, ticks }: RecordPlace,
): Buffer => {
  if (same.streamName !== streamName || same.type !== type) {
    same.before = Buffer.concat([delimited(2, delimited(3, streamName)), entry('type', type)])
    same.streamName = streamName
    same.type = type
  }
  if (same.ticks !== ticks || same.contentType !== contentType) {
    same.after = Buffer.concat([entry('created', ticks), entry('content-type', contentType)])
    same.ticks = ticks
    same.contentType = contentType
  }
  const { before, after } = same
  const tombstone = revision === TOMBSTONE_REVISION
  const size =
    ID_BYTES +
    before.length +
    1 +
    (tombstone ? 9 : varintSize(revision)) +
    2 * (1 + varintSize(position)) +
    after.length +
    bytesFieldSize(metadata.length) +
    bytesFieldSize(data.length)
  const out = Buffer.allocUnsafe(size)
  out[0] = 0x0a
  out[1] = 38
  out[2] = 0x12
  out[3] = 36
  out.write(id, 4, 'latin1')
  let at = ID_BYTES
  out.set(before, at)
  at += before.length
  out[at++] = 0x18
  at = tombstone ? putBigVarint(out, at, WIRE_TOMBSTONE_REVISION) : putVarint(out, at, revision)
  out[at++] = 0x20
  at = putVarint(out, at, position)
  out[at++] = 0x28
  at = putVarint(out, at, position)
  out.set(after, at)
  at = putBytesField(out, at + after.length, 7, metadata)
  putBytesField(out, at, 8, data)
  return out
}

/** Where a stored event's stream name and type lie in its bytes. */
export type Names = { nameStart: number; nameEnd: number; typeStart: number; typeEnd: number }

/** Fills `names` from `body`. One object is reused by a scan, so that a filter allocates nothing. */
export const locateNames = (body: Buffer, names: Names): void => {
  let at = ID_BYTES + 1
  while (body[at++]! >= 0x80);
  at += 1
  let length = 0
  let shift = 0
  for (;;) {
    const byte = body[at++]!
    length |= (byte & 0x7f) << shift
    if (byte < 0x80) break
    shift += 7
  }
  names.nameStart = at
  names.nameEnd = at + length
  at += length + 1
  while (body[at++]! >= 0x80);
  at += 7
  length = 0
  shift = 0
  for (;;) {
    const byte = body[at++]!
    length |= (byte & 0x7f) << shift
    if (byte < 0x80) break
    shift += 7
  }
  names.typeStart = at
  names.typeEnd = at + length
}

export const idOf = (body: Buffer): string => body.toString('latin1', 4, ID_BYTES)

/** The whole stored event, decoded. Not for hot paths. */
export type DecodedEvent = {
  readonly id: string
  readonly stream: string
  readonly revision: bigint
  readonly position: bigint
  readonly type: string
  readonly contentType: string
  /** 100 ns ticks since the epoch. */
  readonly created: bigint
  readonly data: Buffer
  readonly metadata: Buffer
}

export const decodeBody = (body: Buffer): DecodedEvent => {
  let stream = ''
  let revision = 0n
  let position = 0n
  let data: Buffer = Buffer.alloc(0)
  let metadata: Buffer = Buffer.alloc(0)
  const entries = new Map<string, string>()
  const reader = new Reader(body)
  while (reader.more()) {
    const tag = reader.varint()
    if (tag === 0x12) {
      const identifier = reader.message()
      while (identifier.more()) {
        const inner = identifier.varint()
        if (inner === 0x1a) stream = identifier.string()
        else identifier.skip(inner)
      }
    } else if (tag === 0x18) revision = reader.big()
    else if (tag === 0x28) position = reader.big()
    else if (tag === 0x32) {
      const [key, value] = readEntry(reader.message())
      entries.set(key, value)
    } else if (tag === 0x3a) metadata = reader.bytes()
    else if (tag === 0x42) data = reader.bytes()
    else reader.skip(tag)
  }
  return {
    id: idOf(body),
    stream,
    revision,
    position,
    type: entries.get('type') ?? '',
    contentType: entries.get('content-type') ?? '',
    created: BigInt(entries.get('created') ?? '0'),
    data,
    metadata,
  }
}

/** One entry of a map<string, string>. */
const readEntry = (entry: Reader): [string, string] => {
  let key = ''
  let value = ''
  while (entry.more()) {
    const tag = entry.varint()
    if (tag === 0x0a) key = entry.string()
    else if (tag === 0x12) value = entry.string()
    else entry.skip(tag)
  }
  return [key, value]
}

/** The bytes with the id in its structured form, for the clients that ask for that. */
export const withStructuredId = (body: Buffer): Buffer => {
  const hex = idOf(body).replaceAll('-', '')
  const head = Buffer.allocUnsafe(2 + 2 + 22)
  let at = 4
  head[at++] = 0x08
  at = putBigVarint(head, at, BigInt(`0x${hex.slice(0, 16)}`))
  head[at++] = 0x10
  at = putBigVarint(head, at, BigInt(`0x${hex.slice(16)}`))
  head[0] = 0x0a
  head[1] = at - 2
  head[2] = 0x0a
  head[3] = at - 4
  return Buffer.concat([head.subarray(0, at), body.subarray(ID_BYTES)])
}
