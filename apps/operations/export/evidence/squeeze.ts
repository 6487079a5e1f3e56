/** Text in which random parts are kept as bytes: UUIDs and base64 are replaced by marks in a record's text, since they
 *  don't compress as letters. `page/squeezed.js` is the reverse; docs/proof.md has the marks. */

/** Characters that JSON never has unescaped. */
export const MARK = {
  uuid: '\u0001',
  again: '\u0002',
  bytes: '\u0003',
  commit: '\u0004',
  seal: '\u0005',
  end: '\u0006',
} as const

const RANDOM = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[A-Za-z0-9+/]{16,}={0,2}/g

const bytesOf = (text: string): Buffer | null => {
  if (text.includes('-')) return Buffer.from(text.replaceAll('-', ''), 'hex')
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : null
}

/** The length of the text in bytes as four bytes, big-endian; the text; and the bytes that its marks stand for, in their order. */
export const squeezed = (text: string): Buffer => {
  const pool: Buffer[] = []
  const known = new Map<string, number>()
  const short = text.replace(RANDOM, (found) => {
    const before = known.get(found)
    if (before !== undefined) return `${MARK.again}${known.size - before}${MARK.end}`
    const bytes = bytesOf(found)
    if (bytes === null) return found
    known.set(found, known.size)
    pool.push(bytes)
    return found.includes('-') ? MARK.uuid : `${MARK.bytes}${bytes.length}${MARK.end}`
  })
  const utf8 = Buffer.from(short, 'utf8')
  const length = Buffer.alloc(4)
  length.writeUInt32BE(utf8.length)
  return Buffer.concat([length, utf8, ...pool])
}

/* ── as text ─────────────────────────────────────────────────────────────────────────────────────────────── */

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%()*+-;=?@^_`{|}~,.:'

/** Writes four bytes as five digits of base 85, the most significant first; a last group has one digit more than bytes.
 *  No digit can end a script in HTML. The text is a quarter longer than the bytes; in base64, it would be a third
 *  longer. */
export const base85 = (bytes: Buffer): string => {
  let text = ''
  for (let at = 0; at < bytes.length; at += 4) {
    const count = Math.min(4, bytes.length - at)
    let value = 0
    for (let i = 0; i < 4; i += 1) value = value * 256 + (i < count ? bytes[at + i]! : 0)
    let five = ''
    for (let i = 0; i < 5; i += 1) {
      five = DIGITS[value % 85] + five
      value = Math.floor(value / 85)
    }
    text += five.slice(0, count + 1)
  }
  return text
}
