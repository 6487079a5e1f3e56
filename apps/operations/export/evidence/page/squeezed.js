// A record's text with the bytes that its marks stand for put back: the way back from squeeze.ts.
export const base64 = (bytes) => {
  let text = ''
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768))
  return btoa(text)
}
const uuid = (bytes) => {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** A mark for a UUID, for one of those before, for bytes. */
const MARKS = /\u0001|\u0002(\d+)\u0006|\u0003(\d+)\u0006/g

export const expanded = (squeezed) => {
  const length = new DataView(squeezed.buffer, squeezed.byteOffset).getUint32(0)
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(squeezed.subarray(4, 4 + length))
  const known = []
  let at = 4 + length
  const take = (count) => {
    if (at + count > squeezed.length) throw new Error('The record ends before it should.')
    at += count
    return squeezed.subarray(at - count, at)
  }
  const whole = text.replace(MARKS, (_, back, count) => {
    if (back !== undefined) {
      const before = known[known.length - Number(back)]
      if (before === undefined) throw new Error('The record names what it does not have.')
      return before
    }
    const found = count === undefined ? uuid(take(16)) : base64(take(Number(count)))
    known.push(found)
    return found
  })
  if (at !== squeezed.length) throw new Error('The record has more than it should.')
  return whole
}

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%()*+-;=?@^_`{|}~,.:'
const VALUES = new Map([...DIGITS].map((digit, value) => [digit, value]))
/** The bytes of a text in base 85. Throws if they would be written in another way, since only one way of writing them was signed. */
export const fromBase85 = (text) => {
  const last = text.length % 5
  const bytes = new Uint8Array(Math.floor(text.length / 5) * 4 + Math.max(0, last - 1))
  const wrong = () => {
    throw new Error('It is not written as it was signed.')
  }
  if (last === 1) wrong()
  for (let at = 0, to = 0; at < text.length; at += 5, to += 4) {
    const count = Math.min(5, text.length - at)
    let value = 0
    for (let i = 0; i < 5; i += 1) value = value * 85 + (i < count ? (VALUES.get(text[at + i]) ?? wrong()) : 84)
    if (value >= 2 ** 32) wrong()
    for (let i = 0; i < count - 1; i += 1) bytes[to + i] = Math.floor(value / 256 ** (3 - i)) % 256
    // The last group's digits must not contain more than its bytes.
    const rest = 256 ** (5 - count)
    if (count < 5 && Math.floor((Math.floor(value / rest) * rest) / 85 ** (5 - count)) !== Math.floor(value / 85 ** (5 - count))) wrong()
  }
  return bytes
}
