/** Append requests, parsed from their bytes. */
import { EXPECT_ANY, EXPECT_EXISTS, EXPECT_NONE } from '../streams/append-request.ts'
import type { ProposedEvent } from './record.ts'
import { fromHalves, parseUuid } from './uuid.ts'
import { Reader } from './wire.ts'

export class BadRequest extends Error {}

const NOTHING: Buffer = Buffer.alloc(0)
const KEYS = [Buffer.from('type'), Buffer.from('content-type')] as const
const TYPE = 1
const CONTENT_TYPE = 2
const keyOf = (bytes: Buffer): number =>
  bytes.equals(KEYS[0]) ? TYPE : bytes.equals(KEYS[1]) ? CONTENT_TYPE : 0

/** The stream of an append and its expected revision. */
export type AppendOptions = {
  readonly stream: string
  /** A revision, or EXPECT_*. */
  readonly expected: number
  /** Milliseconds since the epoch. */
  readonly deadline: number
}

export type BatchRequest = {
  /** The bytes of the UUID message, to be sent back as they came. */
  readonly correlation: Buffer
  readonly options: AppendOptions | undefined
  readonly events: ProposedEvent[]
  readonly final: boolean
}

const NO_STREAM = 2n ** 64n - 1n

/** The expectation that a revision stands for. Throws BadRequest for an invalid one. */
export const revisionOf = (revision: bigint): number => {
  if (revision === NO_STREAM) return EXPECT_NONE
  if (revision >= 2n ** 63n) throw new BadRequest(`Not a revision: ${revision}`)
  return Number(revision)
}

/** Throws BadRequest where it is none. */
const readUuid = (reader: Reader): string => {
  while (reader.more()) {
    const tag = reader.varint()
    if (tag === 0x12) {
      const text = reader.string()
      const id = parseUuid(text)
      if (id === undefined) throw new BadRequest(`Not a UUID: "${text.slice(0, 64)}"`)
      return id
    }
    if (tag === 0x0a) {
      const structured = reader.message()
      let most = 0n
      let least = 0n
      while (structured.more()) {
        const inner = structured.varint()
        if (inner === 0x08) most = structured.big()
        else if (inner === 0x10) least = structured.big()
        else structured.skip(inner)
      }
      return fromHalves(most, least)
    }
    reader.skip(tag)
  }
  throw new BadRequest('Not a UUID: ""')
}

const readStreamName = (reader: Reader): string => {
  let name = ''
  while (reader.more()) {
    const tag = reader.varint()
    if (tag === 0x1a) name = reader.string()
    else reader.skip(tag)
  }
  return name
}

const readTimestamp = (reader: Reader): number => {
  let seconds = 0
  let nanos = 0
  while (reader.more()) {
    const tag = reader.varint()
    if (tag === 0x08) seconds = reader.varint()
    else if (tag === 0x10) nanos = reader.varint()
    else reader.skip(tag)
  }
  return seconds * 1000 + nanos / 1e6
}

const DASH = 0x2d
/** 0 for a digit, also one of a to f; 1 for any other byte. */
const OTHER = Uint8Array.from({ length: 256 }, (_, byte) =>
  '0123456789abcdef'.includes(String.fromCharCode(byte)) ? 0 : 1,
)
/** How many are no digits: counted without a branch, since an append of a hundred events is a hundred of these. */
const othersIn = (bytes: Buffer, from: number, to: number): number => {
  let others = 0
  for (let i = from; i < to; i++) others += OTHER[bytes[i]!]!
  return others
}
/** Whether these bytes are a UUID in lower case, as clients send them. */
const isPlainUuid = (bytes: Buffer, at: number): boolean =>
  bytes[at + 8] === DASH &&
  bytes[at + 13] === DASH &&
  bytes[at + 18] === DASH &&
  bytes[at + 23] === DASH &&
  // The four dashes are no digits.
  othersIn(bytes, at, at + 36) === 4

/** Decodes a field that has the same text in event after event. */
const repeated = () => {
  let bytes: Buffer = Buffer.alloc(0)
  let text = ''
  return (field: Buffer): string => {
    if (!field.equals(bytes)) {
      // A copy, since a view would keep the whole request in memory.
      bytes = Buffer.from(field)
      text = field.toString('utf8')
    }
    return text
  }
}
const typeText = repeated()
const contentTypeText = repeated()

const readProposed = (reader: Reader): ProposedEvent => {
  const { buffer } = reader
  let id = ''
  let type: string | undefined
  let contentType: string | undefined
  let data: Uint8Array = NOTHING
  let metadata: Uint8Array = NOTHING
  while (reader.more()) {
    const tag = reader.varint()
    if (tag === 0x0a) {
      const { at } = reader
      // 38 bytes: a tag, a length and 36 characters.
      if (
        at + 39 <= reader.end &&
        buffer[at] === 38 &&
        buffer[at + 1] === 0x12 &&
        buffer[at + 2] === 36 &&
        isPlainUuid(buffer, at + 3)
      ) {
        id = buffer.toString('latin1', at + 3, at + 39)
        reader.at = at + 39
      } else {
        id = readUuid(reader.message())
      }
    } else if (tag === 0x12) {
      const entry = reader.message()
      let key = 0
      let value = NOTHING
      while (entry.more()) {
        const part = entry.varint()
        if (part === 0x0a) key = keyOf(entry.bytes())
        else if (part === 0x12) value = entry.bytes()
        else entry.skip(part)
      }
      if (key === TYPE) type = typeText(value)
      else if (key === CONTENT_TYPE) contentType = contentTypeText(value)
    } else if (tag === 0x1a) metadata = reader.bytes()
    else if (tag === 0x22) data = reader.bytes()
    else reader.skip(tag)
  }
  if (id === '') throw new BadRequest('Not a UUID: ""')
  if (type === undefined) throw new BadRequest('Required metadata property missing: type')
  if (contentType === undefined) throw new BadRequest('Required metadata property missing: content-type')
  return { id, type, contentType, data, metadata }
}

/** A real server takes the largest number that the field can hold for "no stream", and refuses others beyond 2^63. */
const readRevision = (reader: Reader): number => {
  const { at } = reader
  const revision = reader.varint()
  if (revision <= Number.MAX_SAFE_INTEGER) return revision
  reader.at = at
  return revisionOf(reader.big())
}

/** Both kinds of append have the same options, except for the deadline, which only a batch has. */
const readOptions = (reader: Reader, now: number): AppendOptions => {
  let stream = ''
  let expected = EXPECT_ANY
  let deadline = Number.POSITIVE_INFINITY
  while (reader.more()) {
    const tag = reader.varint()
    if (tag === 0x0a) stream = readStreamName(reader.message())
    else if (tag === 0x10) expected = readRevision(reader)
    else if (tag === 0x1a) {
      reader.bytes()
      expected = EXPECT_NONE
    } else if (tag === 0x22) {
      reader.bytes()
      expected = EXPECT_ANY
    } else if (tag === 0x2a) {
      reader.bytes()
      expected = EXPECT_EXISTS
    } else if (tag === 0x32) deadline = readTimestamp(reader.message())
    else if (tag === 0x3a) deadline = now + readTimestamp(reader.message())
    else reader.skip(tag)
  }
  if (stream === '') throw new BadRequest('The stream has no name')
  return { stream, expected, deadline }
}

/** One message of BatchAppend. Throws BadRequest or RangeError. */
export const parseBatchRequest = (bytes: Buffer, now: number): BatchRequest => {
  const reader = new Reader(bytes)
  let correlation: Buffer = Buffer.alloc(0)
  let options: AppendOptions | undefined
  const events: ProposedEvent[] = []
  let final = false
  while (reader.more()) {
    const tag = reader.varint()
    if (tag === 0x0a) correlation = reader.bytes()
    else if (tag === 0x12) options = readOptions(reader.message(), now)
    else if (tag === 0x1a) events.push(readProposed(reader.message()))
    else if (tag === 0x20) final = reader.varint() === 1
    else reader.skip(tag)
  }
  return { correlation, options, events, final }
}

/** One message of Append: the options, then one for each event. Throws BadRequest or RangeError. */
export const parseAppendRequest = (bytes: Buffer, now: number): AppendOptions | ProposedEvent | undefined => {
  const reader = new Reader(bytes)
  while (reader.more()) {
    const tag = reader.varint()
    if (tag === 0x0a) return readOptions(reader.message(), now)
    if (tag === 0x12) return readProposed(reader.message())
    reader.skip(tag)
  }
  return undefined
}

/** The size of an event as it is written, in bytes. */
export const sizeOf = (event: ProposedEvent): number =>
  event.data.length + event.metadata.length + 2 * event.type.length

/** The correlation id of a BatchAppend message that can't be parsed; empty if even the id can't be read. */
export const correlationOf = (bytes: Buffer): Buffer => {
  try {
    const reader = new Reader(bytes)
    while (reader.more()) {
      const tag = reader.varint()
      if (tag === 0x0a) return reader.bytes()
      reader.skip(tag)
    }
  } catch {
    // Then there is nobody to answer.
  }
  return Buffer.alloc(0)
}

/** Whether such a message says that it is the last of its append. */
export const isLast = (bytes: Buffer): boolean => {
  let last = false
  try {
    const reader = new Reader(bytes)
    while (reader.more()) {
      const tag = reader.varint()
      if (tag === 0x20) last = reader.varint() === 1
      else reader.skip(tag)
    }
  } catch {
    // What was read up to there is all that is known.
  }
  return last
}
