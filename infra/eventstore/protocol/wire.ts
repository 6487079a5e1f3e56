/** As much of the protobuf wire format as the hot paths need: appends are parsed and read responses built by hand,
 *  since generated code costs several times more per event. Everything else goes through the client's own stubs. */

const TWO_32 = 0x1_0000_0000

/** A cursor over one message. Unknown fields are skipped by `skip`. */
export class Reader {
  readonly buffer: Buffer
  at: number
  readonly end: number

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.buffer = buffer
    this.at = start
    this.end = end
  }

  more(): boolean {
    return this.at < this.end
  }

  /** An unsigned varint that fits a JavaScript integer; larger ones lose precision (use `big`). */
  varint(): number {
    let value = 0
    let factor = 1
    for (let i = 0; i < 10; i++) {
      if (this.at >= this.end) throw new RangeError('truncated varint')
      const byte = this.buffer[this.at++]!
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
      factor *= 128
    }
    throw new RangeError('varint too long')
  }

  big(): bigint {
    let value = 0n
    let shift = 0n
    for (let i = 0; i < 10; i++) {
      if (this.at >= this.end) throw new RangeError('truncated varint')
      const byte = this.buffer[this.at++]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
      shift += 7n
    }
    throw new RangeError('varint too long')
  }

  /** A view, not a copy. */
  bytes(): Buffer {
    const length = this.varint()
    const start = this.at
    const end = start + length
    if (end > this.end) throw new RangeError('truncated field')
    this.at = end
    return this.buffer.subarray(start, end)
  }

  message(): Reader {
    const length = this.varint()
    const start = this.at
    const end = start + length
    if (end > this.end) throw new RangeError('truncated message')
    this.at = end
    return new Reader(this.buffer, start, end)
  }

  string(): string {
    return this.bytes().toString('utf8')
  }

  skip(tag: number): void {
    const kind = tag & 7
    if (kind === 0) this.varint()
    else if (kind === 1) this.at += 8
    else if (kind === 2) this.bytes()
    else if (kind === 5) this.at += 4
    else throw new RangeError(`unknown wire type ${kind}`)
    if (this.at > this.end) throw new RangeError('truncated field')
  }
}

/** The number of bytes that `value` takes as a varint. */
export const varintSize = (value: number): number => {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x20_0000) return 3
  if (value < 0x1000_0000) return 4
  let size = 5
  for (let rest = Math.floor(value / 0x8_0000_0000); rest > 0; rest = Math.floor(rest / 128)) size++
  return size
}

/** Writes `value` (a non-negative safe integer) at `at`; returns the offset after it. */
export const putVarint = (buffer: Buffer, at: number, value: number): number => {
  let rest = value
  while (rest >= TWO_32) {
    buffer[at++] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
  }
  while (rest > 0x7f) {
    buffer[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  buffer[at++] = rest
  return at
}

/** Like `putVarint` for the whole range of uint64. */
export const putBigVarint = (buffer: Buffer, at: number, value: bigint): number => {
  let rest = BigInt.asUintN(64, value)
  while (rest > 0x7fn) {
    buffer[at++] = Number(rest & 0x7fn) | 0x80
    rest >>= 7n
  }
  buffer[at++] = Number(rest)
  return at
}

/** A length-delimited field whose content is given. */
export const delimited = (field: number, content: Buffer): Buffer => {
  const out = Buffer.allocUnsafe(1 + varintSize(content.length) + content.length)
  out[0] = (field << 3) | 2
  content.copy(out, putVarint(out, 1, content.length))
  return out
}

/** A varint field. */
export const varintField = (field: number, value: number): Buffer => {
  const out = Buffer.allocUnsafe(1 + varintSize(value))
  out[0] = field << 3
  putVarint(out, 1, value)
  return out
}
