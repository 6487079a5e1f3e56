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
/** More than the depth of anything that a client may send; whatever is nested deeper is kept as text. */
export const MAX_DEPTH = 64
export const MAX_PROVED_DEPTH = 1_000

/** A text that Postgres accepts. */
export const cleanText = (text: string): string =>
  text.isWellFormed() && !text.includes('\0') ? text : text.toWellFormed().replaceAll('\0', '\ufffd')

/** Texts that need no escaping between quotes: most of them, and checking is cheaper than quoting. */
const PLAIN = /^[ !#-[\]-~]*$/
const quote = (text: string): string => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text))
const quoteClean = (text: string): string =>
  PLAIN.test(text) ? `"${text}"` : JSON.stringify(cleanText(text))

export const TOO_DEEP = '"(nested too deep)"'

/** Objects with the same keys in the same order come by the thousand, so their keys are sorted and quoted once. */
export type Shape<Head> = {
  readonly keys: ReadonlyArray<string>
  readonly sorted: ReadonlyArray<string>
  readonly heads: ReadonlyArray<Head>
}
const SHAPES = 500
/** The most shapes that are remembered with the same first key. */
const ALIKE = 8
/** Objects with more keys than this are not remembered. */
const MOST_KEYS = 64

/** `headOf` makes what comes before the value of a key; `order` sorts keys, by default by their UTF-16 code units.
 *  Objects must have at least one key. */
export const shapes = <Head>(headOf: (key: string) => Head, order?: (a: string, b: string) => number) => {
  const known = new Map<string, Array<Shape<Head>>>()
  let count = 0
  return (keys: ReadonlyArray<string>): Shape<Head> => {
    const alike = known.get(keys[0]!)
    if (alike !== undefined)
      next: for (const shape of alike) {
        if (shape.keys.length !== keys.length) continue
        for (let i = 0; i < keys.length; i += 1) if (shape.keys[i] !== keys[i]) continue next
        return shape
      }
    const sorted = [...keys].sort(order)
    const shape = { keys, sorted, heads: sorted.map(headOf) }
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
  const shapeOf = shapes((key) => `${quoted(key)}:`)
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
  /** `depth`: the depth of whatever contains the value. */
  return (value: unknown, depth = 0): string => write(value, depth)
}

const clean = writer(quoteClean, MAX_DEPTH)
const proved = writer(quote, MAX_PROVED_DEPTH)
/** Deep enough for anything that contains proved values. */
const around = writer(quote, MAX_PROVED_DEPTH + 100)

/** RFC 8785 JSON of anything, as Postgres accepts it: NUL and lone surrogates become U+FFFD. Never throws. */
export const canonicalJson = (value: unknown): string => clean(value)

/** The same without replacing anything in texts, so that no two values have the same bytes. */
export const provedJson = (value: unknown): string => proved(value)

/** The same for values that contain events or parts of them, without cutting off more of these. */
export const aroundJson = (value: unknown): string => around(value)

/** What is proved of an event, as text: `eventBytes` is its UTF-8. */
export const eventText = (event: RecordedEvent): string => {
  const { data, metadata } = event.stored ?? event
  return `{"data":${proved(data ?? null, 1)},"id":${quote(event.id)},"metadata":${proved(metadata ?? null, 1)},"revision":"${event.revision}","stream":${quote(event.stream)},"type":${quote(event.type)}}`
}

export const eventBytes = (recorded: RecordedEvent): Buffer => Buffer.from(eventText(recorded), 'utf8')

/** 32 bytes: the event's leaf in the log's tree. */
export const leafOf = (recorded: RecordedEvent): Buffer =>
  // U+0000 is the byte 0x00 in UTF-8.
  hash('sha256', `\0${eventText(recorded)}`, 'buffer')

const hexOf = (bytes: Uint8Array): string =>
  (Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes)).toString('hex')

/** The hash of the row at `position` that follows the one with `prevHash`. `leaf` is the result of `leafOf`, or its hex. */
export const chain = (prevHash: string, position: bigint | string, leaf: Uint8Array | string): string =>
  hash('sha256', `["${prevHash}","${position}","${typeof leaf === 'string' ? leaf : hexOf(leaf)}"]`)
