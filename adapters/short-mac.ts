/** HMAC-SHA256 (RFC 2104) of short texts, by two one-shot hashes: for so little, Node's own HMAC takes three times as long. */
import { hash, type KeyObject } from 'node:crypto'

export const MAC_BLOCK = 64

const padded = new WeakMap<KeyObject, readonly [inner: Buffer, outer: Buffer]>()
/** What the two hashes begin with. */
export const padsOf = (key: KeyObject): readonly [inner: Buffer, outer: Buffer] => {
  const found = padded.get(key)
  if (found !== undefined) return found
  const given = key.export()
  const bytes = given.length > MAC_BLOCK ? hash('sha256', given, 'buffer') : given
  const pad = (byte: number): Buffer =>
    Buffer.alloc(MAC_BLOCK, byte).map((one, n) => one ^ (bytes[n] ?? 0)) as Buffer
  const pads = [pad(0x36), pad(0x5c)] as const
  padded.set(key, pads)
  return pads
}

/** The bytes to hash next: one mac is finished with before the next. */
const bench = Buffer.alloc(8 * 1_024)

/** 32 bytes. */
export const mac = (key: KeyObject, text: string): Buffer => {
  const [inner, outer] = padsOf(key)
  const most = MAC_BLOCK + 3 * text.length
  const bytes = most <= bench.length ? bench : Buffer.allocUnsafe(most)
  bytes.set(inner)
  const end = MAC_BLOCK + bytes.write(text, MAC_BLOCK)
  // A hash as text costs a quarter of one in a buffer of its own.
  const said = hash('sha256', bytes.subarray(0, end), 'binary')
  bytes.set(outer)
  const all = MAC_BLOCK + bytes.write(said, MAC_BLOCK, 'binary')
  return Buffer.from(hash('sha256', bytes.subarray(0, all), 'binary'), 'binary')
}
