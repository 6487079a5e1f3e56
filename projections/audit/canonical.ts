/** The bytes that an audit row's `hash` covers, the same on every machine and for ever.
 *
 *  `hash` is the lower-case hex SHA-256 of the UTF-8 of a JSON array with no white space, with these items in this
 *  order: prev_hash, position, event_id, created_at, action, user_account, guest_id, target, space_type, space_id,
 *  subspace, details, ip_address, user_agent, command_id, correlation_id, causation_id, stream, revision. Each is a
 *  JSON string or null (numbers as decimal strings, the time as ISO 8601 in UTC with milliseconds and `Z`), but
 *  details, which is JSON in RFC 8785's canonical form: keys sorted by UTF-16 code units, numbers as ECMAScript
 *  writes them. The first row's prev_hash is 64 zeros. NUL and lone surrogates, which Postgres refuses, are U+FFFD. */
import { hash } from 'node:crypto'

export const GENESIS = '0'.repeat(64)
/** Deeper than anything that a client may send; what is deeper is kept as text. */
const MAX_DEPTH = 64

/** A text as Postgres takes it. */
export const cleanText = (text: string): string =>
  text.isWellFormed() && !text.includes('\0') ? text : text.toWellFormed().replaceAll('\0', '\ufffd')

const quoted = (text: string): string => JSON.stringify(cleanText(text))

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
      if (depth === MAX_DEPTH) return '"(nested too deep)"'
      if (Array.isArray(value)) return `[${value.map((item) => write(item, depth + 1)).join(',')}]`
      if (value instanceof Uint8Array) return `{"base64":"${Buffer.from(value).toString('base64')}"}`
      let text = ''
      for (const key of Object.keys(value).sort()) {
        const item = (value as Record<string, unknown>)[key]
        if (item !== undefined) text += `${text === '' ? '' : ','}${quoted(key)}:${write(item, depth + 1)}`
      }
      return `{${text}}`
    }
    default:
      return 'null'
  }
}

/** RFC 8785 JSON, of anything: what is not JSON becomes null. Never throws. */
export const canonicalJson = (value: unknown): string => write(value, 0)

/** The columns before `hash`, in the order above, each already as JSON text. */
export const chain = (prevHash: string, columns: ReadonlyArray<string>): string =>
  hash('sha256', `["${prevHash}",${columns.join(',')}]`, 'hex')
