/**
 * The protobuf messages of EventStoreDB's Streams service that this adapter speaks, encoded and decoded by hand: several
 * times cheaper than the client's generated classes (numbers in README.md). `wire.test.ts` holds them against those classes.
 * Field numbers: event_store.client.streams (streams.proto, shared.proto) as in @eventstore/db-client 6.2.1.
 */
import type {
  ExpectedRevision,
  GivenLately,
  NewEvent,
  PassedEvent,
  RecordedEvent,
} from '../../domain/ports.ts'

export const READ = '/event_store.client.streams.Streams/Read'
export const BATCH_APPEND = '/event_store.client.streams.Streams/BatchAppend'
export const SERVER_FEATURES = '/event_store.client.server_features.ServerFeatures/GetSupportedMethods'

/** A place in `$all`. Its two numbers differ only for events written through the old TCP transactions. */
export type WirePosition = { readonly commit: bigint; readonly prepare: bigint }

/** The server refuses larger requests; a batch over this size is sent in several, the last one marked final. */
const REQUEST_BYTES = 3 * 1024 * 1024

/* ── Writing, from the last byte to the first: so a message's length is known when its header is written ─────── */

class BackwardsWriter {
  private buffer = Buffer.allocUnsafe(64 * 1024)
  private at = this.buffer.length

  start(): void {
    this.at = this.buffer.length
  }

  /** How many bytes were written so far: pass it to `header` later to close a message opened here. */
  mark(): number {
    return this.buffer.length - this.at
  }

  private reserve(bytes: number): void {
    if (this.at >= bytes) return
    const used = this.buffer.length - this.at
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, used + bytes))
    this.buffer.copy(larger, larger.length - used, this.at)
    this.at = larger.length - used
    this.buffer = larger
  }

  varint(value: number): void {
    let size = 1
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1
    this.reserve(size)
    this.at -= size
    let index = this.at
    let rest = value
    while (rest >= 128) {
      this.buffer[index++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.buffer[index] = rest
  }

  /** A varint field of up to 64 bits, unsigned. */
  u64(field: number, value: bigint): void {
    const bytes: number[] = []
    let rest = BigInt.asUintN(64, value)
    while (rest >= 128n) {
      bytes.push(Number(rest & 127n) | 128)
      rest >>= 7n
    }
    bytes.push(Number(rest))
    this.reserve(bytes.length)
    this.at -= bytes.length
    for (let index = 0; index < bytes.length; index += 1) this.buffer[this.at + index] = bytes[index]!
    this.varint(field * 8)
  }

  number(field: number, value: number): void {
    this.varint(value)
    this.varint(field * 8)
  }

  text(field: number, value: string): void {
    const size = Buffer.byteLength(value)
    this.reserve(size)
    this.at -= size
    this.buffer.write(value, this.at, size, 'utf8')
    this.header(field, size)
  }

  bytes(field: number, value: Uint8Array): void {
    this.reserve(value.length)
    this.at -= value.length
    this.buffer.set(value, this.at)
    this.header(field, value.length)
  }

  /** Puts the tag and length before the `size` bytes just written. */
  header(field: number, size: number): void {
    this.varint(size)
    this.varint(field * 8 + 2)
  }

  empty(field: number): void {
    this.header(field, 0)
  }

  raw(encoded: Uint8Array): void {
    this.reserve(encoded.length)
    this.at -= encoded.length
    this.buffer.set(encoded, this.at)
  }

  finish(): Buffer {
    return Buffer.from(this.buffer.subarray(this.at))
  }
}

const out = new BackwardsWriter()

const writeStreamIdentifier = (field: number, stream: string): void => {
  const mark = out.mark()
  out.text(3, stream)
  out.header(field, out.mark() - mark)
}

/** Where a read starts: `start` when forwards, `end` when backwards; a bigint is inclusive in a stream. */
export type ReadRequest = {
  readonly from:
    | { readonly stream: string; readonly revision: bigint | 'start' | 'end' }
    | { readonly all: WirePosition | 'start' | 'end' }
  readonly backwards?: boolean
  /** How many events; if absent, it is a subscription. */
  readonly count?: number
  readonly prefixes?: ReadonlyArray<string>
  /** How many events the server looks through between two checkpoints. */
  readonly window?: number
}

/** ReadReq. */
export const encodeRead = (request: ReadRequest): Buffer => {
  out.start()
  {
    const mark = out.mark()
    out.empty(2)
    out.header(9, out.mark() - mark) // uuid_option: string
  }
  if (request.prefixes === undefined || request.prefixes.length === 0) out.empty(8)
  else {
    const mark = out.mark()
    out.number(5, 1)
    out.number(3, request.window ?? 1000)
    const expression = out.mark()
    for (let index = request.prefixes.length - 1; index >= 0; index -= 1)
      out.text(2, request.prefixes[index]!)
    out.header(1, out.mark() - expression)
    out.header(7, out.mark() - mark)
  }
  if (request.count === undefined) out.empty(6)
  else out.number(5, request.count)
  if (request.backwards === true) out.number(3, 1)
  const mark = out.mark()
  if ('stream' in request.from) {
    const revision = request.from.revision
    if (revision === 'start') out.empty(3)
    else if (revision === 'end') out.empty(4)
    else out.u64(2, revision)
    writeStreamIdentifier(1, request.from.stream)
    out.header(1, out.mark() - mark)
  } else {
    const place = request.from.all
    if (place === 'start') out.empty(2)
    else if (place === 'end') out.empty(3)
    else {
      const position = out.mark()
      out.u64(2, place.prepare)
      out.u64(1, place.commit)
      out.header(1, out.mark() - position)
    }
    out.header(2, out.mark() - mark)
  }
  out.header(1, out.mark())
  return out.finish()
}

const JSON_CONTENT = (() => {
  out.start()
  out.text(2, 'application/json')
  out.text(1, 'content-type')
  out.header(2, out.mark())
  return out.finish()
})()

const writeProposed = (event: NewEvent): void => {
  const mark = out.mark()
  out.text(4, JSON.stringify(event.data) ?? 'null')
  if (event.metadata !== undefined) out.text(3, JSON.stringify(event.metadata) ?? 'null')
  const type = out.mark()
  out.text(2, event.type)
  out.text(1, 'type')
  out.header(2, out.mark() - type)
  out.raw(JSON_CONTENT)
  const id = out.mark()
  out.text(2, event.id)
  out.header(1, out.mark() - id)
  out.header(3, out.mark() - mark)
}

/** A request's own id, echoed in its answer: `line` distinguishes the lines, `number` counts the requests of one. */
export type Correlation = { readonly line: bigint; readonly number: number }

/**
 * BatchAppendReq, in as many messages as its size asks for. It carries no deadline: that field is a time of day, so a
 * server whose clock is ahead would refuse everything; the server's own commit timeout and this side's timers bound it.
 * Throws where an event can't be written as JSON.
 */
export const encodeAppend = (
  id: Correlation,
  stream: string,
  expected: ExpectedRevision,
  events: ReadonlyArray<NewEvent>,
): ReadonlyArray<Buffer> => {
  const requests: Buffer[] = []
  let last = events.length - 1
  do {
    out.start()
    if (requests.length === 0) out.number(4, 1)
    while (last >= 0) {
      writeProposed(events[last]!)
      last -= 1
      if (out.mark() > REQUEST_BYTES) break
    }
    if (last < 0) {
      const mark = out.mark()
      if (expected === 'any') out.empty(4)
      else if (expected === 'none') out.empty(3)
      else out.u64(2, expected)
      writeStreamIdentifier(1, stream)
      out.header(2, out.mark() - mark)
    }
    const mark = out.mark()
    out.u64(2, BigInt(id.number))
    out.u64(1, id.line)
    out.header(1, out.mark() - mark)
    out.header(1, out.mark() - mark)
    requests.push(out.finish())
  } while (last >= 0)
  return requests.reverse()
}

/* ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────── */

class Reader {
  readonly bytes: Buffer
  at: number
  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.at = 0
  }

  /** Exact up to 2^53: for tags, lengths and enums. */
  varint(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.bytes[this.at++]
      if (byte === undefined) throw new Error('the server sent a message that ends too early')
      value += (byte & 127) * scale
      if (byte < 128) return value
      scale *= 128
    }
  }

  u64(): bigint {
    const start = this.at
    const value = this.varint()
    if (this.at - start <= 7) return BigInt(value)
    let exact = 0n
    for (let index = this.at - 1; index >= start; index -= 1)
      exact = (exact << 7n) | BigInt(this.bytes[index]! & 127)
    return BigInt.asUintN(64, exact)
  }

  /** The end of the length-delimited field that starts here. */
  end(): number {
    const length = this.varint()
    const end = this.at + length
    if (end > this.bytes.length) throw new Error('the server sent a message that ends too early')
    return end
  }

  skip(wire: number): void {
    if (wire === 0) this.varint()
    else if (wire === 1) this.at += 8
    else if (wire === 2) this.at = this.end()
    else if (wire === 5) this.at += 4
    else throw new Error(`the server sent a field of an unknown kind (${wire})`)
  }

  text(): string {
    const end = this.end()
    const value = this.bytes.toString('utf8', this.at, end)
    this.at = end
    return value
  }
}

const hex = (value: bigint): string => value.toString(16).padStart(16, '0')

const uuidOf = (most: bigint, least: bigint): string => {
  const digits = hex(most) + hex(least)
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-${digits.slice(12, 16)}-${digits.slice(16, 20)}-${digits.slice(20)}`
}

const readStructured = (reader: Reader): { most: bigint; least: bigint } => {
  const end = reader.end()
  let most = 0n
  let least = 0n
  while (reader.at < end) {
    const tag = reader.varint()
    if (tag === 8) most = reader.u64()
    else if (tag === 16) least = reader.u64()
    else reader.skip(tag & 7)
  }
  return { most, least }
}

const readUuid = (reader: Reader): string => {
  const end = reader.end()
  let id = ''
  while (reader.at < end) {
    const tag = reader.varint()
    if (tag === 18) id = reader.text()
    else if (tag === 10) {
      const { most, least } = readStructured(reader)
      id = uuidOf(most, least)
    } else reader.skip(tag & 7)
  }
  return id
}

/** Data that is not JSON is returned as text: this prefix and its bytes in base64. (io-ts takes bytes themselves for a record.) */
export const BINARY = 'data:application/octet-stream;base64,'

/** Data that is marked as JSON but does not parse is returned as its text. No codec of the domain accepts a text, so
 *  the event is parked and nothing is lost. */
const parseJson = (bytes: Buffer, from: number, to: number): unknown => {
  const text = bytes.toString('utf8', from, to)
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** The largest date, in milliseconds. */
const LAST_DATE = 8.64e15

type Delivered =
  | { readonly kind: 'event'; readonly event: RecordedEvent; readonly place: WirePosition }
  | { readonly kind: 'passed'; readonly event: PassedEvent; readonly place: WirePosition }

/** What the reader knows already, and what it does not want. */
export type ReadBeside = {
  readonly given?: GivenLately | undefined
  readonly wants?: ((stream: string) => boolean) | undefined
}

/** Reads the text of a field that is the same in event after event. */
const repeated = () => {
  let known: Buffer = Buffer.alloc(0)
  let text = ''
  return (bytes: Buffer, from: number, to: number): string => {
    if (to - from !== known.length || bytes.compare(known, 0, known.length, from, to) !== 0) {
      known = Buffer.from(bytes.subarray(from, to))
      text = known.toString('utf8')
    }
    return text
  }
}
const typeText = repeated()
const contentTypeText = repeated()

/** The keys of a recorded event's metadata that are used; an empty text for others. */
const keyText = (bytes: Buffer, from: number, to: number): string => {
  const key = to - from === 4 ? 'type' : to - from === 7 ? 'created' : to - from === 12 ? 'content-type' : ''
  for (let index = 0; index < key.length; index += 1)
    if (bytes[from + index] !== key.charCodeAt(index)) return ''
  return key
}

/** A UUID that is sent as text: its tag and length, and 36 characters. */
const UUID_FIELD = 38

const readRecorded = (reader: Reader, { given, wants }: ReadBeside): Delivered => {
  const { bytes } = reader
  const end = reader.end()
  let id = ''
  let stream = ''
  let revision = 0n
  let prepare = 0n
  let commit = 0n
  let type = ''
  let isJson = false
  let created = 0
  let metadataFrom = 0
  let metadataTo = 0
  let dataFrom = 0
  let dataTo = 0
  while (reader.at < end) {
    const tag = reader.varint()
    if (tag === 10) {
      const { at } = reader
      if (bytes[at] === UUID_FIELD && bytes[at + 1] === 18 && bytes[at + 2] === 36 && at + 39 <= end) {
        id = bytes.toString('latin1', at + 3, at + 39)
        reader.at = at + 39
      } else id = readUuid(reader)
    } else if (tag === 18) {
      const to = reader.end()
      while (reader.at < to) {
        const part = reader.varint()
        if (part === 26) stream = reader.text()
        else reader.skip(part & 7)
      }
    } else if (tag === 24) revision = reader.u64()
    else if (tag === 32) prepare = reader.u64()
    else if (tag === 40) commit = reader.u64()
    else if (tag === 50) {
      const to = reader.end()
      let [keyFrom, keyTo, valueFrom, valueTo] = [0, 0, 0, 0]
      while (reader.at < to) {
        const part = reader.varint()
        if (part === 10) {
          keyTo = reader.end()
          keyFrom = reader.at
          reader.at = keyTo
        } else if (part === 18) {
          valueTo = reader.end()
          valueFrom = reader.at
          reader.at = valueTo
        } else reader.skip(part & 7)
      }
      switch (keyText(bytes, keyFrom, keyTo)) {
        case 'type':
          type = typeText(bytes, valueFrom, valueTo)
          break
        case 'content-type':
          isJson = contentTypeText(bytes, valueFrom, valueTo) === 'application/json'
          break
        case 'created':
          created = Number(bytes.toString('latin1', valueFrom, valueTo)) / 10_000 // from 100 ns ticks
          break
      }
    } else if (tag === 58) {
      metadataTo = reader.end()
      metadataFrom = reader.at
      reader.at = metadataTo
    } else if (tag === 66) {
      dataTo = reader.end()
      dataFrom = reader.at
      reader.at = dataTo
    } else reader.skip(tag & 7)
  }
  const place = { commit, prepare }
  if (wants?.(stream) === false)
    return { kind: 'passed', place, event: { id, stream, revision, position: commit } }
  const own = isJson ? given?.(id, stream, type) : undefined
  return {
    kind: 'event',
    place,
    event: {
      id,
      type,
      stream,
      revision,
      position: commit,
      created: new Date(Math.abs(created) <= LAST_DATE ? Math.floor(created) : 0),
      ...(own ?? {
        data: isJson
          ? parseJson(bytes, dataFrom, dataTo)
          : BINARY + bytes.toString('base64', dataFrom, dataTo),
        metadata: metadataFrom === metadataTo ? undefined : parseJson(bytes, metadataFrom, metadataTo),
      }),
    },
  }
}

const readPlace = (reader: Reader): WirePosition => {
  const end = reader.end()
  let commit = 0n
  let prepare = 0n
  while (reader.at < end) {
    const tag = reader.varint()
    if (tag === 8) commit = reader.u64()
    else if (tag === 16) prepare = reader.u64()
    else reader.skip(tag & 7)
  }
  return { commit, prepare }
}

/** One message of a read or of a subscription. */
export type Reading =
  | Delivered
  | { readonly kind: 'checkpoint'; readonly place: WirePosition }
  | { readonly kind: 'confirmation' | 'stream-not-found' | 'caught-up' | 'fell-behind' | 'other' }

const CONFIRMATION: Reading = { kind: 'confirmation' }
const STREAM_NOT_FOUND: Reading = { kind: 'stream-not-found' }
const CAUGHT_UP: Reading = { kind: 'caught-up' }
const FELL_BEHIND: Reading = { kind: 'fell-behind' }
const OTHER: Reading = { kind: 'other' }
const NOTHING_BESIDE: ReadBeside = {}

/** ReadResp. Links are not resolved: a link is returned as the event that it is. Throws if the bytes are not that message. */
export const decodeRead = (bytes: Buffer, beside: ReadBeside = NOTHING_BESIDE): Reading => {
  const reader = new Reader(bytes)
  let reading: Reading = OTHER
  while (reader.at < bytes.length) {
    const tag = reader.varint()
    if (tag === 10) {
      const end = reader.end()
      let delivered: Delivered | null = null
      while (reader.at < end) {
        const part = reader.varint()
        if (part === 10) delivered = readRecorded(reader, beside)
        else reader.skip(part & 7)
      }
      if (delivered !== null) reading = delivered
    } else if (tag === 26) reading = { kind: 'checkpoint', place: readPlace(reader) }
    else {
      if (tag === 18) reading = CONFIRMATION
      else if (tag === 34) reading = STREAM_NOT_FOUND
      else if (tag === 66) reading = CAUGHT_UP
      else if (tag === 74) reading = FELL_BEHIND
      reader.skip(tag & 7)
    }
  }
  return reading
}

/** The server's answer to one append. `detail` is the name of the error's message, without its package. */
export type AppendAnswer = {
  /** The number of the answered request; null if it is not one of this line's. */
  readonly number: number | null
  readonly result:
    | { readonly ok: true; readonly revision: bigint | null; readonly place: WirePosition | null }
    | {
        readonly ok: false
        readonly detail: string
        readonly message: string
        /** For a wrong expected version: the revision that the stream is at, null for no stream. */
        readonly actual: bigint | null
        /** For an append that is too large. */
        readonly maxBytes: number
      }
}

const readSuccess = (reader: Reader): AppendAnswer['result'] => {
  const end = reader.end()
  let revision: bigint | null = null
  let place: WirePosition | null = null
  while (reader.at < end) {
    const tag = reader.varint()
    if (tag === 8) revision = reader.u64()
    else if (tag === 26) place = readPlace(reader)
    else reader.skip(tag & 7)
  }
  return { ok: true, revision, place }
}

const readStatus = (reader: Reader): AppendAnswer['result'] => {
  const end = reader.end()
  let detail = ''
  let message = ''
  let actual: bigint | null = null
  let maxBytes = 0
  while (reader.at < end) {
    const tag = reader.varint()
    if (tag === 18) message = reader.text()
    else if (tag === 26) {
      const to = reader.end()
      let value = { from: to, to }
      while (reader.at < to) {
        const part = reader.varint()
        if (part === 10) detail = reader.text().replace(/^.*[./]/, '')
        else if (part === 18) {
          const valueEnd = reader.end()
          value = { from: reader.at, to: valueEnd }
          reader.at = valueEnd
        } else reader.skip(part & 7)
      }
      reader.at = value.from
      while (reader.at < value.to) {
        const part = reader.varint()
        // Field 1 is the current revision of a WrongExpectedVersion, the limit of a MaximumAppendSizeExceeded.
        if (part === 8) {
          const number = reader.u64()
          if (detail === 'WrongExpectedVersion') actual = number
          else maxBytes = Number(number)
        } else reader.skip(part & 7)
      }
      reader.at = to
    } else reader.skip(tag & 7)
  }
  return { ok: false, detail, message, actual, maxBytes }
}

/** BatchAppendResp. */
export const decodeAppend = (bytes: Buffer, line: bigint): AppendAnswer => {
  const reader = new Reader(bytes)
  let number: number | null = null
  let result: AppendAnswer['result'] = {
    ok: false,
    detail: '',
    message: 'an empty answer',
    actual: null,
    maxBytes: 0,
  }
  while (reader.at < bytes.length) {
    const tag = reader.varint()
    if (tag === 10) {
      const end = reader.end()
      while (reader.at < end) {
        const part = reader.varint()
        if (part === 10) {
          const { most, least } = readStructured(reader)
          if (most === line) number = Number(least)
        } else if (part === 18) {
          const digits = reader.text().replaceAll('-', '').toLowerCase()
          if (digits.slice(0, 16) === hex(line)) number = Number.parseInt(digits.slice(16), 16)
        } else reader.skip(part & 7)
      }
    } else if (tag === 18) result = readStatus(reader)
    else if (tag === 26) result = readSuccess(reader)
    else reader.skip(tag & 7)
  }
  return { number, result }
}
