/** Rows for COPY … FROM STDIN in its binary format, which costs Postgres less than text: nothing to take apart, no numbers
 *  and times to read. Source: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format". */

/** `statement` is the COPY itself; its table name has no schema. */
export type Copy = { readonly statement: string; readonly data: Buffer }

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
/** 2000-01-01, from which Postgres counts microseconds. */
const EPOCH_MS = 946_684_800_000
const TWO_32 = 2 ** 32
const INT8_OID = 20
/** Up to this length, characters are written one by one: that is cheaper than a call. */
const SHORT = 48
/** The value of a lower-case hex digit by its character code; 255 for anything else. */
const DIGIT = Uint8Array.from({ length: 128 }, (_, code) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(code))
  return digit < 0 ? 255 : digit
})
const DASH = 45

/** Values must be written in the order of the columns, each with the column's own type: Postgres checks nothing but lengths. */
export class CopyRows {
  private readonly statement: string
  private readonly columns: number
  /** If the rows are written as records: the oid of each column's type. */
  private readonly types: ReadonlyArray<number> | null
  private column = 0
  /** Where each record begins. */
  private readonly starts: number[] = []
  private bytes: Buffer
  private at = SIGNATURE.length
  /** Whether a text had a lone surrogate, which was replaced by U+FFFD. */
  isMended = false

  /** `expected`: how many bytes to reserve. `types`: the oid of each column's type, to write the rows as the records that
   *  `record_send` makes of them, from which they can still be copied. */
  constructor(
    table: string,
    columns: ReadonlyArray<string>,
    expected = 4_096,
    types: ReadonlyArray<number> | null = null,
  ) {
    this.types = types
    this.statement = `COPY ${table} (${columns.join(', ')}) FROM STDIN (FORMAT binary)`
    this.columns = columns.length
    this.bytes = Buffer.allocUnsafe(Math.max(1_024, expected))
    SIGNATURE.copy(this.bytes)
  }

  private reserve(bytes: number): void {
    if (this.at + bytes <= this.bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(2 * this.bytes.length, this.at + bytes))
    this.bytes.copy(larger, 0, 0, this.at)
    this.bytes = larger
  }

  private int4(at: number, value: number): void {
    const { bytes } = this
    bytes[at] = value >>> 24
    bytes[at + 1] = value >>> 16
    bytes[at + 2] = value >>> 8
    bytes[at + 3] = value
  }

  /** Precedes a record's value. */
  private type(): void {
    if (this.types === null) return
    this.reserve(4)
    this.int4(this.at, this.types[this.column++]!)
    this.at += 4
  }

  /** To be called before the values of each row. */
  row(): void {
    this.reserve(4)
    if (this.types !== null) {
      this.starts.push(this.at)
      this.column = 0
      this.int4(this.at, this.columns)
      this.at += 4
      return
    }
    this.bytes[this.at++] = this.columns >>> 8
    this.bytes[this.at++] = this.columns
  }

  null(): void {
    this.type()
    this.reserve(4)
    this.int4(this.at, -1)
    this.at += 4
  }

  /** The text must not contain a NUL, which Postgres refuses. */
  text(value: string): void {
    const { length } = value
    this.type()
    this.reserve(4 + 3 * length)
    const start = this.at + 4
    const { bytes } = this
    let i = 0
    if (length <= SHORT)
      for (; i < length; i += 1) {
        const code = value.charCodeAt(i)
        if (code > 127) break
        bytes[start + i] = code
      }
    let size = length
    if (i < length || length > SHORT) {
      size = bytes.write(value, start, 'utf8')
      if (size !== length && !value.isWellFormed()) this.isMended = true
    }
    this.int4(this.at, size)
    this.at = start + size
  }

  textOrNull(value: string | null): void {
    if (value === null) this.null()
    else this.text(value)
  }

  /** `value` is JSON, as text or as its UTF-8. */
  jsonb(value: string | Buffer): void {
    this.type()
    const before = this.at
    this.reserve(5 + 3 * value.length)
    const size =
      typeof value === 'string'
        ? this.bytes.write(value, before + 5, 'utf8')
        : value.copy(this.bytes, before + 5)
    this.int4(before, size + 1)
    // The version of jsonb's binary form: text follows.
    this.bytes[before + 4] = 1
    this.at = before + 5 + size
  }

  bool(value: boolean): void {
    this.type()
    this.reserve(5)
    this.int4(this.at, 1)
    this.bytes[this.at + 4] = value ? 1 : 0
    this.at += 5
  }

  int8(value: bigint | number): void {
    this.type()
    this.number(value)
  }

  private number(value: bigint | number): void {
    this.reserve(12)
    this.int4(this.at, 8)
    const number = Number(value)
    if (Number.isSafeInteger(number)) {
      this.int4(this.at + 4, Math.floor(number / TWO_32))
      this.int4(this.at + 8, number)
    } else this.bytes.writeBigInt64BE(BigInt(value), this.at + 4)
    this.at += 12
  }

  /** An int8[], not empty. */
  int8s(values: ReadonlyArray<bigint>): void {
    this.type()
    this.reserve(24 + 12 * values.length)
    // One dimension, no nulls, the type's oid, how many, and the number of the first.
    for (const head of [20 + 12 * values.length, 1, 0, INT8_OID, values.length, 1]) {
      this.int4(this.at, head)
      this.at += 4
    }
    for (const value of values) this.number(value)
  }

  /** A timestamptz: milliseconds since 1970. */
  time(ms: number): void {
    const micros = (ms - EPOCH_MS) * 1_000
    this.int8(Number.isSafeInteger(micros) ? micros : BigInt(ms - EPOCH_MS) * 1_000n)
  }

  /** Two columns, a uuid and a text, for an id that is one or the other: null where it is not. Only a text that Postgres
   *  would write for the uuid is one, so that it is read back as it was. */
  uuidOrText(value: string | null): void {
    if (value !== null && this.putUuid(value)) {
      this.null()
      return
    }
    this.null()
    this.textOrNull(value)
  }

  /** Writes a uuid; false if the text is none, and then nothing is written. */
  private putUuid(value: string): boolean {
    if (value.length !== 36) return false
    this.reserve(24)
    const { bytes } = this
    const start = this.at + (this.types === null ? 0 : 4)
    let at = start + 4
    for (let i = 0; i < 36; i += 2) {
      // After 8, 4, 4 and 4 digits.
      if (i === 8 || i === 13 || i === 18 || i === 23) if (value.charCodeAt(i++) !== DASH) return false
      const high = DIGIT[value.charCodeAt(i)] ?? 255
      const low = DIGIT[value.charCodeAt(i + 1)] ?? 255
      if (high === 255 || low === 255) return false
      bytes[at++] = (high << 4) | low
    }
    this.type()
    this.int4(start, 16)
    this.at = at
    return true
  }

  /** A bytea, or a uuid, from hex. */
  hex(value: string): void {
    const size = value.length / 2
    this.type()
    this.reserve(4 + size)
    this.int4(this.at, size)
    this.bytes.write(value, this.at + 4, size, 'hex')
    this.at += 4 + size
  }

  /** Returns the whole. Nothing may be added afterwards. */
  finish(): Copy {
    this.reserve(2)
    this.bytes[this.at++] = 255
    this.bytes[this.at++] = 255
    return { statement: this.statement, data: this.bytes.subarray(0, this.at) }
  }

  /** The records, one after the other. Nothing may be added afterwards. */
  records(): Buffer {
    return this.bytes.subarray(SIGNATURE.length, this.at)
  }

  /** Those of the records whose numbers `is` accepts, to be copied. */
  copyOf(is: (row: number) => boolean): Copy {
    const { bytes, starts } = this
    const data = Buffer.allocUnsafe(this.at + 2)
    let to = SIGNATURE.copy(data)
    for (const [i, start] of starts.entries()) {
      if (!is(i)) continue
      // The number of columns in two bytes and not in four, and values without their types.
      bytes.copy(data, to, start + 2, start + 4)
      to += 2
      let at = start + 4
      for (let column = 0; column < this.columns; column += 1) {
        const end = at + 8 + Math.max(0, bytes.readInt32BE(at + 4))
        to += bytes.copy(data, to, at + 4, end)
        at = end
      }
    }
    data[to++] = 255
    data[to++] = 255
    return { statement: this.statement, data: data.subarray(0, to) }
  }
}

let date = ''
let dateMs = Number.NaN
/** Two digits as a number; NaN if they are not digits. */
const two = (text: string, at: number): number => {
  const tens = text.charCodeAt(at) - 48
  const ones = text.charCodeAt(at + 1) - 48
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? 10 * tens + ones : Number.NaN
}

/** A time as `toISOString` writes it (years 1 to 9999) in milliseconds since 1970: NaN for anything else, and for days
 *  that do not exist. */
export const msOf = (text: string): number => {
  if (
    text.length !== 24 ||
    text.charCodeAt(10) !== 84 ||
    text.charCodeAt(13) !== 58 ||
    text.charCodeAt(16) !== 58 ||
    text.charCodeAt(19) !== 46 ||
    text.charCodeAt(23) !== 90
  )
    return Number.NaN
  if (date === '' || !text.startsWith(date)) {
    // The same day comes thousands of times in a row.
    date = text.slice(0, 10)
    dateMs = Date.parse(`${date}T00:00:00.000Z`)
    if (date < '0001' || Number.isNaN(dateMs) || !new Date(dateMs).toISOString().startsWith(date))
      dateMs = Number.NaN
  }
  const [hours, minutes, seconds] = [two(text, 11), two(text, 14), two(text, 17)]
  const ms = 10 * two(text, 20) + text.charCodeAt(22) - 48
  const isTime = hours < 24 && minutes < 60 && seconds < 60 && ms >= 0 && ms < 1_000
  return isTime && text.charCodeAt(22) >= 48 && text.charCodeAt(22) <= 57
    ? dateMs + 3_600_000 * hours + 60_000 * minutes + 1_000 * seconds + ms
    : Number.NaN
}
