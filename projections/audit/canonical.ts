/** The bytes that are proved of an event, and the chain of the audit log's rows, the same on every machine and for ever.
 *
 *  An event's bytes are the UTF-8 of the JSON object {data, id, metadata, revision, stream, type} in RFC 8785's
 *  canonical form: no white space, keys sorted by UTF-16 code units, numbers and texts as ECMAScript's JSON.stringify
 *  writes them (a lone surrogate as its \u escape). `revision` is a decimal string. Data and metadata are as they stand
 *  on the log, sealed where they are sealed there, so that erasing a key changes no proof. What is nested deeper than
 *  1,000 levels counts as the text "(nested too deep)".
 *
 *  Its leaf is SHA-256(0x00 || bytes), as RFC 6962 hashes leaves. A row's `hash` is the lower-case hex SHA-256 of the
 *  UTF-8 of `["<prev_hash>","<position>","<leaf in lower-case hex>"]`; the first row's prev_hash is 64 zeros. */
import { hash } from 'node:crypto'
import type { RecordedEvent } from '../../domain/ports.ts'

export const GENESIS = '0'.repeat(64)
/** Deeper than anything that a client may send; what is deeper is kept as text. */
const MAX_DEPTH = 64
const MAX_PROVED_DEPTH = 1_000

/** A text as Postgres takes it. */
export const cleanText = (text: string): string =>
  text.isWellFormed() && !text.includes('\0') ? text : text.toWellFormed().replaceAll('\0', '\ufffd')

/** Texts that stand between quotes as they are: most do, and asking is cheaper than quoting. */
const PLAIN = /^[ !#-[\]-~]*$/
const quote = (text: string): string => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text))
const quoteClean = (text: string): string =>
  PLAIN.test(text) ? `"${text}"` : JSON.stringify(cleanText(text))

const TOO_DEEP = '"(nested too deep)"'

/** Objects with the same keys in the same order come by the thousand: sorted once, with each key as it is written. */
type Shape = {
  readonly keys: ReadonlyArray<string>
  readonly sorted: ReadonlyArray<string>
  readonly heads: ReadonlyArray<string>
}
const SHAPES = 500
/** With the same first key. */
const ALIKE = 8
/** Objects with more keys are not of a kind. */
const MOST_KEYS = 64

const shapes = (quoted: (text: string) => string) => {
  const known = new Map<string, Array<Shape>>()
  let count = 0
  return (keys: ReadonlyArray<string>): Shape => {
    const alike = known.get(keys[0]!)
    if (alike !== undefined)
      next: for (const shape of alike) {
        if (shape.keys.length !== keys.length) continue
        for (let i = 0; i < keys.length; i += 1) if (shape.keys[i] !== keys[i]) continue next
        return shape
      }
    const sorted = [...keys].sort()
    const shape = { keys, sorted, heads: sorted.map((key) => `${quoted(key)}:`) }
    if (keys.length > MOST_KEYS || (alike?.length ?? 0) >= ALIKE) return shape
    if (count >= SHAPES) {
      known.clear()
      count = 0
    }
    const kept = known.get(keys[0]!)
    if (kept === undefined) known.set(keys[0]!, [shape])
    else kept.push(shape)
    count += 1
    return shape
  }
}

/** RFC 8785's form, with texts written by `quoted`. What is not JSON becomes null. */
const writer = (quoted: (text: string) => string, maxDepth: number) => {
  const shapeOf = shapes(quoted)
  let deepest = 0
  const write = (value: unknown, depth: number): string => {
    switch (typeof value) {
      case 'string':
        return quoted(value)
      case 'number':
        return Number.isFinite(value) ? JSON.stringify(value) : 'null'
      case 'boolean':
        return value ? 'true' : 'false'
      case 'bigint':
        return `"${value}"`
      case 'object': {
        if (value === null) return 'null'
        if (depth > deepest) deepest = depth
        if (depth === maxDepth) return TOO_DEEP
        if (Array.isArray(value)) {
          let items = ''
          for (let i = 0; i < value.length; i += 1) items += (i === 0 ? '' : ',') + write(value[i], depth + 1)
          return `[${items}]`
        }
        if (value instanceof Uint8Array) return `{"base64":"${Buffer.from(value).toString('base64')}"}`
        const keys = Object.keys(value)
        if (keys.length === 0) return '{}'
        const { sorted, heads } = shapeOf(keys)
        let text = ''
        for (let i = 0; i < sorted.length; i += 1) {
          const item = (value as Record<string, unknown>)[sorted[i]!]
          if (item !== undefined) text += (text === '' ? '{' : ',') + heads[i] + write(item, depth + 1)
        }
        return text === '' ? '{}' : `${text}}`
      }
      default:
        return 'null'
    }
  }
  return {
    /** `depth`: of what it stands in. */
    write: (value: unknown, depth = 0): string => {
      deepest = 0
      return write(value, depth)
    },
    /** How deep the last value was nested, `depth` included. */
    deepest: () => deepest,
  }
}

const clean = writer(quoteClean, MAX_DEPTH)
const proved = writer(quote, MAX_PROVED_DEPTH)

/** RFC 8785 JSON, of anything, as Postgres takes it: NUL and lone surrogates are U+FFFD. Never throws. */
export const canonicalJson = (value: unknown): string => clean.write(value)

/** The same with every text as it is: no two values have the same bytes. */
export const provedJson = (value: unknown): string => proved.write(value)

const dataText = (event: RecordedEvent): string => proved.write((event.stored ?? event).data ?? null, 1)
const textOf = (event: RecordedEvent, data: string): string => {
  const metadata = proved.write((event.stored ?? event).metadata ?? null, 1)
  return `{"data":${data},"id":${quote(event.id)},"metadata":${metadata},"revision":"${event.revision}","stream":${quote(event.stream)},"type":${quote(event.type)}}`
}
/** What is proved of an event, as text: `eventBytes` is its UTF-8. */
export const eventText = (event: RecordedEvent): string => textOf(event, dataText(event))

export const eventBytes = (recorded: RecordedEvent): Buffer => Buffer.from(eventText(recorded), 'utf8')

/** 32 bytes: the event's leaf in the log's tree. */
export const leafOf = (recorded: RecordedEvent): Buffer =>
  // U+0000 is the byte 0x00 in UTF-8.
  hash('sha256', `\0${eventText(recorded)}`, 'buffer')

/** NUL or a lone surrogate, or what reads like one. */
const UNCLEAN = /\\u(?:0000|d[89a-f])/

/** An event's leaf in hex, and its data as `canonicalJson` writes it. */
export type Written = { readonly leaf: string; readonly details: string }

/** Written once where what is proved and what Postgres takes is the same text. */
export const written = (recorded: RecordedEvent): Written => {
  const data = dataText(recorded)
  const isSame =
    proved.deepest() <= MAX_DEPTH &&
    (recorded.stored === undefined || recorded.stored.data === recorded.data) &&
    !(data.includes('\\u') && UNCLEAN.test(data))
  const leaf = hash('sha256', `\0${textOf(recorded, data)}`)
  return { leaf, details: isSame ? data : canonicalJson(recorded.data ?? null) }
}

const hexOf = (bytes: Uint8Array): string =>
  (Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes)).toString('hex')

/** The hash of the row at `position` behind the one with `prevHash`. `leaf` is what `leafOf` gave, or its hex. */
export const chain = (prevHash: string, position: bigint | string, leaf: Uint8Array | string): string =>
  hash('sha256', `["${prevHash}","${position}","${typeof leaf === 'string' ? leaf : hexOf(leaf)}"]`)
