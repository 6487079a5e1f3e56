/** Cursors are opaque to clients: the last row's key as a JSON array of strings, in base64url. */
import * as t from 'io-ts'

/** How many parts the key of each list has. */
const PARTS = {
  spaces: 5,
  permissions: 1,
  bans: 1,
  mutes: 1,
  audit: 1,
  cases: 1,
  receipts: 1,
  reports: 1,
  looks: 1,
  holds: 3,
} as const
export type CursorKind = keyof typeof PARTS

/** Lists whose key is one position. */
const BY_POSITION: ReadonlySet<CursorKind> = new Set(['audit', 'cases', 'receipts', 'reports', 'looks'])

const Parts = t.array(t.string)
const DIGITS = /^-?[0-9]{1,19}$/
/** Whether the database can hold the number in so many bits. */
const isNumber = (part: string | undefined, bits: 32 | 64): boolean =>
  part !== undefined && DIGITS.test(part) && BigInt.asIntN(bits, BigInt(part)) === BigInt(part)

export const encodeCursor = (parts: ReadonlyArray<string>): string =>
  Buffer.from(JSON.stringify(parts)).toString('base64url')

/** The key's parts, or null if the text is not a cursor of this list. */
export const decodeCursor = (kind: CursorKind, text: string): ReadonlyArray<string> | null => {
  if (text.length > 2_000) return null
  try {
    const parts = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    if (!Parts.is(parts) || parts.length !== PARTS[kind]) return null
    if (parts.some((part) => part.includes('\u0000'))) return null
    if (BY_POSITION.has(kind) && !isNumber(parts[0], 64)) return null
    if (kind === 'spaces' && !(isNumber(parts[0], 32) && isNumber(parts[1], 64) && isNumber(parts[2], 64)))
      return null
    return parts
  } catch {
    return null
  }
}

export const isCursor = (kind: CursorKind, text: string): boolean => decodeCursor(kind, text) !== null
