/** Personal data in an event is on the log only encrypted, under a key of the actor: AES-256-GCM, bound to the event's
 *  id so that nothing sealed can be moved to another event. A sealed field is left blank in its place, so an event can
 *  be read whether or not it can be opened. */
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hash,
  type KeyObject,
  randomFillSync,
} from 'node:crypto'
import { MAC_BLOCK, padsOf } from '../short-mac.ts'

/** The personal field of each event's data, and the blank value that replaces it. */
export const PERSONAL: Readonly<Record<string, { readonly field: string; readonly blank: unknown }>> = {
  MessagePosted: { field: 'content', blank: '' },
  MessageHeld: { field: 'content', blank: '' },
  MessageEdited: { field: 'content', blank: '' },
  SessionJoined: { field: 'avatarData', blank: null },
  EntityPinned: { field: 'components', blank: {} },
  EntityChanged: { field: 'components', blank: {} },
  ReportFiled: { field: 'words', blank: '' },
  CaseNoted: { field: 'words', blank: '' },
  AppealMade: { field: 'words', blank: '' },
}

/** 32 bytes, and the number of the key among its subject's: an erased subject that comes back gets the next one. A
 *  KeyObject, since ciphers start several times faster with one than with bytes. */
export type SubjectKey = { readonly generation: number; readonly key: KeyObject }

const CIPHER = 'aes-256-gcm'
const NONCE = 12
const TAG = 16

/** Random bytes are fetched many at a time: a call for each nonce costs as much as the sealing. Each is used once. */
const pool = Buffer.alloc(NONCE * 1_024)
let used = pool.length
export const freshNonce = (): Buffer => {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += NONCE
  return pool.subarray(used - NONCE, used)
}

/** The buffer in which seals are made and opened: the contents of one are finished with before the next. */
const bench = Buffer.alloc(32 * 1_024)
const benchFor = (bytes: number): Buffer => (bytes <= bench.length ? bench : Buffer.allocUnsafe(bytes))

/** Base64 of nonce, ciphertext and tag. */
const shut = (text: string, key: KeyObject, nonce: Uint8Array, bound: string): string => {
  const cipher = createCipheriv(CIPHER, key, nonce)
  cipher.setAAD(Buffer.from(bound, 'utf8'))
  const closed = cipher.update(text, 'utf8')
  cipher.final()
  const end = NONCE + closed.length
  const bytes = benchFor(end + TAG)
  bytes.set(nonce)
  bytes.set(closed, NONCE)
  bytes.set(cipher.getAuthTag(), end)
  return bytes.toString('base64', 0, end + TAG)
}

/** Base64 of nonce, ciphertext and tag. `bound` is what the seal belongs to: it can't be opened for anything else. */
export const sealText = (text: string, key: KeyObject, bound: string): string =>
  shut(text, key, freshNonce(), bound)

const OPTIONS = { authTagLength: TAG }
/** Opens `sealed` from its character `from` on. Throws if the key is another's, or if anything was altered. */
export const openText = (sealed: string, from: number, key: KeyObject, bound: string): string => {
  const bytes = benchFor(sealed.length)
  const length = bytes.write(sealed.slice(from), 'base64')
  // A shorter tag would be accepted too, and is easier to guess.
  if (length < NONCE + TAG) throw new Error('too short')
  const end = length - TAG
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE), OPTIONS)
  decipher.setAAD(Buffer.from(bound, 'utf8'))
  decipher.setAuthTag(bytes.subarray(end, length))
  const text = decipher.update(bytes.subarray(NONCE, end))
  decipher.final()
  return text.toString('utf8')
}

/** Returns nonce, ciphertext and tag. */
export const sealBytes = (bytes: Uint8Array, key: KeyObject, bound: string): Buffer => {
  const nonce = Buffer.from(freshNonce())
  const cipher = createCipheriv(CIPHER, key, nonce)
  cipher.setAAD(Buffer.from(bound, 'utf8'))
  return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()])
}
/** Throws if the key is another's, or if anything was altered. */
export const openBytes = (sealed: Buffer, key: KeyObject, bound: string): Buffer => {
  if (sealed.length < NONCE + TAG) throw new Error('too short')
  const end = sealed.length - TAG
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE), OPTIONS)
  decipher.setAAD(Buffer.from(bound, 'utf8'))
  decipher.setAuthTag(sealed.subarray(end))
  return Buffer.concat([decipher.update(sealed.subarray(NONCE, end)), decipher.final()])
}

/* ── a value under a key of its own, as it was sealed before value-seal.ts ───────────────────────────────── */

const SALT = 16
/** A salt derived from the person's key, the event and the nonce: it is nowhere on the log, reveals nothing about
 *  others, and is lost with the key. It is the beginning of the HMAC-SHA256 of `salt ID NONCE`. */
const saltOf = (key: KeyObject, id: string, nonce: Uint8Array): Buffer => {
  const [inner, outer] = padsOf(key)
  const bytes = benchFor(2 * MAC_BLOCK + 3 * id.length + NONCE)
  bytes.set(inner)
  const end = MAC_BLOCK + bytes.write(`salt ${id} `, MAC_BLOCK)
  bytes.set(nonce, end)
  const said = hash('sha256', bytes.subarray(0, end + NONCE), 'binary')
  bytes.set(outer)
  const all = MAC_BLOCK + bytes.write(said, MAC_BLOCK, 'binary')
  // A hash as text costs a quarter of one in a buffer of its own.
  return Buffer.from(hash('sha256', bytes.subarray(0, all), 'binary').slice(0, SALT), 'binary')
}
const OF_SEAL = 'dlux-presence seal '
/** 32 bytes: with the salt, anybody can make exactly the same seal of the value again (docs/proof.md). */
const keyOf = (salt: Uint8Array): KeyObject => {
  const begin = bench.write(OF_SEAL)
  bench.set(salt, begin)
  bench.write(hash('sha256', bench.subarray(0, begin + SALT), 'binary'), 'binary')
  return createSecretKey(bench.subarray(0, 32))
}

/** Base64 of nonce, ciphertext and tag; the same text, salt, nonce and id give the same result. */
const sealWith = (text: string, salt: Uint8Array, nonce: Uint8Array, id: string): string =>
  shut(text, keyOf(salt), nonce, id)

/** The nonce in base64 if `sealed` is the result of this text, salt and id with it; else null. */
export const nonceOfGcmSeal = (sealed: string, text: string, salt: string, id: string): string | null => {
  const nonce = Buffer.from(sealed, 'base64').subarray(0, NONCE)
  if (nonce.length < NONCE) return null
  return sealWith(text, Buffer.from(salt, 'base64'), nonce, id) === sealed ? nonce.toString('base64') : null
}
/** Throws if the key is another's, or if anything was altered. */
export const openGcmValue = (
  sealed: string,
  key: KeyObject,
  id: string,
): { readonly text: string; readonly salt: string } => {
  const bytes = Buffer.from(sealed, 'base64')
  if (bytes.length < NONCE + TAG) throw new Error('too short')
  const salt = saltOf(key, id, bytes.subarray(0, NONCE))
  return { text: openText(sealed, 0, keyOf(salt), id), salt: salt.toString('base64') }
}
