/** An event's leaf and its data as in the audit log, written in one pass, directly as bytes: the same results as those
 *  of `leafOf` and `canonicalJson`, in a third of the time that both take. */
import { hash } from 'node:crypto'
import type { RecordedEvent } from '../../domain/ports.ts'
import { canonicalJson, MAX_DEPTH, MAX_PROVED_DEPTH, shapes, TOO_DEEP } from './canonical.ts'

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
const shapeOf = shapes((key): Head => {
  const head = `${JSON.stringify(key)}:`
  return { bytes: Buffer.from(head), isUnclean: UNCLEAN.test(head) }
})

const COMMA = 44

/** RFC 8785's form, as `provedJson` writes it. */
const putValue = (value: unknown, depth: number): void => {
  switch (typeof value) {
    case 'string':
      putQuoted(value)
      return
    case 'number':
      put(Number.isFinite(value) ? JSON.stringify(value) : 'null')
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
          if (i > 0) put(',')
          putValue(value[i], depth + 1)
        }
        put(']')
        return
      }
      if (value instanceof Uint8Array) {
        put(`{"base64":"${Buffer.from(value).toString('base64')}"}`)
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
    const { sorted, heads } = shapeOf(keys)
    let isFirst = true
    for (let i = 0; i < sorted.length; i += 1) {
      const item = value[sorted[i]!]
      if (item === undefined) continue
      const head = heads[i]!
      const { length } = head.bytes
      reserve(length + 1)
      if (!isFirst) bytes[at++] = COMMA
      isFirst = false
      for (let j = 0; j < length; j += 1) bytes[at + j] = head.bytes[j]!
      at += length
      if (head.isUnclean) isUnclean = true
      putValue(item, depth + 1)
    }
  }
  put('}')
}

export const written = (event: RecordedEvent): WrittenAudit => {
  const { data, metadata } = event.stored ?? event
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
  if (isSame) return { leaf, details: bytes.subarray(from, to) }
  // What was opened is written after it.
  const opened = at
  deepest = 0
  isUnclean = false
  putValue(event.data ?? null, 1)
  const isClean = deepest <= MAX_DEPTH && !isUnclean
  return { leaf, details: isClean ? bytes.subarray(opened, at) : canonicalJson(event.data ?? null) }
}
