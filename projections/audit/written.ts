/** An event's leaf and its data as in the audit log, written in one pass, directly as bytes: the same results as those
 *  of `leafOf` and `canonicalJson`, in a third of the time that both take. */
import { hash } from 'node:crypto'
import type { RecordedEvent } from '../../domain/ports.ts'
import { canonicalJson, MAX_DEPTH, MAX_PROVED_DEPTH, type Shape, shapes, TOO_DEEP } from './canonical.ts'

/** An event's leaf in hex, and its data as `canonicalJson` writes it. If it is bytes, they are valid until the next event is written. */
export type WrittenAudit = { readonly leaf: string; readonly details: string | Buffer }

/** NUL or a lone surrogate, or what reads like one. */
const UNCLEAN = /\\u(?:0000|d[89a-f])/
/** Up to this length, characters are written one by one: that is cheaper than a call. */
const SHORT = 64
const PLAIN = /^[ !#-[\]-~]*$/

let bytes = Buffer.allocUnsafe(16 * 1_024)
let at = 0
/** The depth of the value that was written last. */
let deepest = 0
let isUnclean = false

const reserve = (more: number): void => {
  if (at + more <= bytes.length) return
  const larger = Buffer.allocUnsafe(Math.max(2 * bytes.length, at + more))
  bytes.copy(larger, 0, 0, at)
  bytes = larger
}

/** For ASCII only. */
const put = (text: string): void => {
  reserve(text.length)
  for (let i = 0; i < text.length; i += 1) bytes[at++] = text.charCodeAt(i)
}

const putQuoted = (text: string): void => {
  const { length } = text
  reserve(length + 2)
  bytes[at] = 34
  let i = 0
  if (length <= SHORT)
    for (const start = at + 1; i < length; i += 1) {
      const code = text.charCodeAt(i)
      if (code < 32 || code > 126 || code === 34 || code === 92) break
      bytes[start + i] = code
    }
  else if (PLAIN.test(text)) {
    bytes.write(text, at + 1, 'latin1')
    i = length
  }
  if (i === length) {
    bytes[at + 1 + length] = 34
    at += length + 2
    return
  }
  const quoted = JSON.stringify(text)
  if (UNCLEAN.test(quoted)) isUnclean = true
  reserve(3 * quoted.length)
  at += bytes.write(quoted, at, 'utf8')
}

type Head = { readonly bytes: Buffer; readonly isUnclean: boolean }
const headOf =
  (colon: string) =>
  (key: string): Head => {
    const head = `${JSON.stringify(key)}${colon}`
    return { bytes: Buffer.from(head), isUnclean: UNCLEAN.test(head) }
  }
/** How objects and numbers are written: in RFC 8785's form, or in the one in which Postgres writes a jsonb. */
type Form = { readonly shapeOf: (keys: ReadonlyArray<string>) => Shape<Head>; readonly isPostgres: boolean }
const CANONICAL: Form = { shapeOf: shapes(headOf(':')), isPostgres: false }
/** Shorter keys come first, as bytes. Source: lengthCompareJsonbString in PostgreSQL's jsonb_util.c. */
const byLength = (a: string, b: string): number =>
  Buffer.byteLength(a) - Buffer.byteLength(b) || Buffer.compare(Buffer.from(a), Buffer.from(b))
const POSTGRES: Form = { shapeOf: shapes(headOf(': '), byLength), isPostgres: true }
let form = CANONICAL

/** A number without an exponent, as Postgres writes it. */
const withoutExponent = (text: string): string => {
  const [mantissa = '', exponent] = text.split('e')
  if (exponent === undefined) return text
  const sign = mantissa.startsWith('-') ? '-' : ''
  const [whole = '', fraction = ''] = mantissa.slice(sign.length).split('.')
  const by = Number(exponent)
  return by < 0
    ? `${sign}0.${'0'.repeat(-by - 1)}${whole}${fraction}`
    : `${sign}${(whole + fraction).padEnd(whole.length + by, '0')}`
}

const putComma = (): void => {
  reserve(2)
  bytes[at++] = 44
  if (form.isPostgres) bytes[at++] = 32
}

/** In RFC 8785's form, as `provedJson` writes it, or in Postgres's. */
const putValue = (value: unknown, depth: number): void => {
  switch (typeof value) {
    case 'string':
      putQuoted(value)
      return
    case 'number':
      if (!Number.isFinite(value)) put('null')
      else put(form.isPostgres ? withoutExponent(JSON.stringify(value)) : JSON.stringify(value))
      return
    case 'boolean':
      put(value ? 'true' : 'false')
      return
    case 'bigint':
      put(`"${value}"`)
      return
    case 'object': {
      if (value === null) {
        put('null')
        return
      }
      if (depth > deepest) deepest = depth
      if (depth === MAX_PROVED_DEPTH) {
        put(TOO_DEEP)
        return
      }
      if (Array.isArray(value)) {
        put('[')
        for (let i = 0; i < value.length; i += 1) {
          if (i > 0) putComma()
          putValue(value[i], depth + 1)
        }
        put(']')
        return
      }
      if (value instanceof Uint8Array) {
        putObject({ base64: Buffer.from(value).toString('base64') }, depth)
        return
      }
      putObject(value as Record<string, unknown>, depth)
      return
    }
    default:
      put('null')
  }
}

const putObject = (value: Readonly<Record<string, unknown>>, depth: number): void => {
  put('{')
  const keys = Object.keys(value)
  if (keys.length > 0) {
    const { sorted, heads } = form.shapeOf(keys)
    let isFirst = true
    for (let i = 0; i < sorted.length; i += 1) {
      const item = value[sorted[i]!]
      if (item === undefined) continue
      const head = heads[i]!
      const { length } = head.bytes
      if (!isFirst) putComma()
      isFirst = false
      reserve(length)
      for (let j = 0; j < length; j += 1) bytes[at + j] = head.bytes[j]!
      at += length
      if (head.isUnclean) isUnclean = true
      putValue(item, depth + 1)
    }
  }
  put('}')
}

/** `asPostgres`: the data as Postgres writes the jsonb, as far as that is known here. */
export const written = (event: RecordedEvent, asPostgres = false): WrittenAudit => {
  const { data, metadata } = event.stored ?? event
  form = CANONICAL
  at = 0
  // RFC 6962's prefix of a leaf.
  put('\0{"data":')
  const from = at
  deepest = 0
  isUnclean = false
  putValue(data ?? null, 1)
  const to = at
  const isSame = deepest <= MAX_DEPTH && !isUnclean && (event.stored === undefined || data === event.data)
  put(',"id":')
  putQuoted(event.id)
  put(',"metadata":')
  putValue(metadata ?? null, 1)
  put(`,"revision":"${event.revision}","stream":`)
  putQuoted(event.stream)
  put(',"type":')
  putQuoted(event.type)
  put('}')
  const leaf = hash('sha256', bytes.subarray(0, at))
  if (isSame && !asPostgres) return { leaf, details: bytes.subarray(from, to) }
  // What was opened is written after it.
  const opened = at
  deepest = 0
  isUnclean = false
  if (asPostgres) form = POSTGRES
  putValue(event.data ?? null, 1)
  const isClean = deepest <= MAX_DEPTH && !isUnclean
  return { leaf, details: isClean ? bytes.subarray(opened, at) : canonicalJson(event.data ?? null) }
}
