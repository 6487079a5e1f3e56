/** Personal data in an event is on the log only encrypted, under a key of the actor: AES-256-GCM, bound to the event's
 *  id so that nothing sealed can be moved to another event. A sealed field is left blank in its place, so an event can
 *  be read whether or not it can be opened. */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  type KeyObject,
  randomFillSync,
} from 'node:crypto'

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
const freshNonce = (): Buffer => {
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

/** Base64 of nonce, ciphertext and tag. `bound` is what the seal belongs to: it can't be opened for anything else. */
export const sealText = (text: string, key: KeyObject, bound: string): string => {
  const nonce = freshNonce()
  const cipher = createCipheriv(CIPHER, key, nonce)
  cipher.setAAD(Buffer.from(bound, 'utf8'))
  const shut = cipher.update(text, 'utf8')
  cipher.final()
  const end = NONCE + shut.length
  const bytes = benchFor(end + TAG)
  bytes.set(nonce)
  bytes.set(shut, NONCE)
  bytes.set(cipher.getAuthTag(), end)
  return bytes.toString('base64', 0, end + TAG)
}

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

/* ── a value under a key of its own ──────────────────────────────────────────────────────────────────────── */

const SALT = 16
/** A salt derived from the person's key, the event and the nonce: it is nowhere on the log, reveals nothing about
 *  others, and is lost with the key. */
const saltOf = (key: KeyObject, id: string, nonce: Uint8Array): Buffer =>
  createHmac('sha256', key).update(`salt ${id} `).update(nonce).digest().subarray(0, SALT)
/** 32 bytes: with the salt, anybody can make exactly the same seal of the value again (docs/proof.md). */
const keyOf = (salt: Uint8Array): KeyObject =>
  createSecretKey(hash('sha256', Buffer.concat([OF_SEAL, salt]), 'buffer'))
const OF_SEAL = Buffer.from('dlux-presence seal ', 'utf8')

/** Base64 of nonce, ciphertext and tag; the same text, salt, nonce and id give the same result. */
const sealWith = (text: string, salt: Uint8Array, nonce: Uint8Array, id: string): string => {
  const cipher = createCipheriv(CIPHER, keyOf(salt), nonce)
  cipher.setAAD(Buffer.from(id, 'utf8'))
  const shut = cipher.update(text, 'utf8')
  cipher.final()
  return Buffer.concat([nonce, shut, cipher.getAuthTag()]).toString('base64')
}

/** `salt` is in base64: with the text it opens the commitment beside the seal. */
export type SealedValue = { readonly sealed: string; readonly salt: string }
/** `text`: a value's JSON in RFC 8785's form. `id`: the id of its event, to which it is bound. */
export const sealValue = (text: string, key: KeyObject, id: string): SealedValue => {
  const nonce = freshNonce()
  const salt = saltOf(key, id, nonce)
  return { sealed: sealWith(text, salt, nonce, id), salt: salt.toString('base64') }
}
/** The nonce in base64 if `sealed` is the result of this text, salt and id with it; else null. */
export const nonceOfSeal = (sealed: string, text: string, salt: string, id: string): string | null => {
  const nonce = Buffer.from(sealed, 'base64').subarray(0, NONCE)
  if (nonce.length < NONCE) return null
  return sealWith(text, Buffer.from(salt, 'base64'), nonce, id) === sealed ? nonce.toString('base64') : null
}
/** Throws if the key is another's, or if anything was altered. */
export const openValue = (
  sealed: string,
  key: KeyObject,
  id: string,
): { readonly text: string; readonly salt: string } => {
  const bytes = Buffer.from(sealed, 'base64')
  if (bytes.length < NONCE + TAG) throw new Error('too short')
  const salt = saltOf(key, id, bytes.subarray(0, NONCE))
  return { text: openText(sealed, 0, keyOf(salt), id), salt: salt.toString('base64') }
}
