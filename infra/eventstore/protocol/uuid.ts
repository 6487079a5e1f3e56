/** Ids as clients write them. The real server reads them as .NET's `Guid.Parse` does: with or without dashes, in braces or
 *  parentheses, in capitals, as a nest of hexadecimal numbers, with white space around. */

const DASHED = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const BARE = /^[0-9a-f]{32}$/
const ENCLOSED = /^(?:\{([^{}]*)\}|\(([^()]*)\))$/
const part = (digits: number) => `0x([0-9a-f]{1,${digits}})`
const NUMBERS = new RegExp(
  `^\\{${[part(8), part(4), part(4)].join(',')},\\{${Array(8).fill(part(2)).join(',')}\\}\\}$`,
)
/** How many digits each of those numbers has. */
const WIDTHS = [8, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2]
/** The longest form in characters, white space within it included. */
const LONGEST = 256

const dashed = (hex: string): string =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`

/** The id as 36 characters in lower case; undefined if the text is not an id. */
export const parseUuid = (text: string): string | undefined => {
  if (text.length > LONGEST) return undefined
  const id = text.trim().toLowerCase()
  if (DASHED.test(id)) return id
  if (BARE.test(id)) return dashed(id)
  const [, braces, parentheses] = ENCLOSED.exec(id) ?? []
  const enclosed = braces ?? parentheses
  if (enclosed !== undefined) return DASHED.test(enclosed) ? enclosed : undefined
  const [, ...numbers] = NUMBERS.exec(id.replaceAll(/\s/g, '')) ?? []
  return numbers.length === 0
    ? undefined
    : dashed(numbers.map((digits, at) => digits.padStart(WIDTHS[at]!, '0')).join(''))
}

/** The id whose two halves these are. */
export const fromHalves = (most: bigint, least: bigint): string => {
  const half = (bits: bigint) => BigInt.asUintN(64, bits).toString(16).padStart(16, '0')
  return dashed(half(most) + half(least))
}
