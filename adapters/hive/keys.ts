/** A Hive public key in node:crypto's form, and the form of its signatures. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** SubjectPublicKeyInfo of a compressed point on secp256k1, up to the point itself (RFC 5480). */
const SPKI_HEAD = Buffer.from('3036301006072a8648ce3d020106052b8104000a032200', 'hex')
/** Half of secp256k1's order: a signature with a larger S is a copy that anyone can make of another. */
const HALF_ORDER = Buffer.from('7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0', 'hex')

/** Loaded with the first key that is read: it computes tables of its own for 20 ms, which no start needs. */
const hiveTx = (): typeof import('hive-tx') => require('hive-tx')

/** From `STM…`; null if it is not a key in that form. Throws if the library is missing: then nobody knows which keys are good. */
export const keyObject = (key: string): KeyObject | null => {
  const { PublicKey } = hiveTx()
  try {
    const point = Buffer.from(PublicKey.fromString(key).key)
    return createPublicKey({ key: Buffer.concat([SPKI_HEAD, point]), format: 'der', type: 'spki' })
  } catch {
    return null
  }
}

/** The 64 bytes R and S of a recoverable signature in hex (130 digits), or null if it is malformed or has a high S. */
export const parseSignature = (hex: unknown): Buffer | null => {
  if (typeof hex !== 'string' || !/^[0-9a-fA-F]{130}$/.test(hex)) return null
  const bytes = Buffer.from(hex, 'hex')
  const recovery = bytes[0]!
  if (recovery < 27 || recovery > 34) return null
  if (Buffer.compare(bytes.subarray(33), HALF_ORDER) > 0) return null
  return bytes.subarray(1)
}

/** Whether `key` signed SHA-256 of the message's UTF-8 bytes. The recovery byte is not needed once the key is known. */
export const signedBy = (key: KeyObject, message: string, signature: Buffer): boolean =>
  verify('sha256', Buffer.from(message, 'utf8'), { key, dsaEncoding: 'ieee-p1363' }, signature)
