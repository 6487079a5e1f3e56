/** Personal data in an event is on the log only encrypted, under a key of the actor: AES-256-GCM, bound to the event's id
 *  so that nothing sealed can be moved to another event. A sealed field is left blank in its own place, so an event reads
 *  well whether or not it can be opened. */
import { createCipheriv, createDecipheriv, type KeyObject, randomFillSync } from 'node:crypto'

/** The fields of each event's data that are personal, and what stands in for them. */
export const PERSONAL: Readonly<Record<string, { readonly field: string; readonly blank: unknown }>> = {
  MessagePosted: { field: 'content', blank: '' },
  MessageEdited: { field: 'content', blank: '' },
  SessionJoined: { field: 'avatarData', blank: null },
  EntityPinned: { field: 'components', blank: {} },
  EntityChanged: { field: 'components', blank: {} },
  ReportFiled: { field: 'words', blank: '' },
  CaseNoted: { field: 'words', blank: '' },
  AppealMade: { field: 'words', blank: '' },
}

/** 32 bytes, and which of its subject's keys it is: an erased subject that comes back gets the next. A KeyObject, since
 *  ciphers start several times faster on one than on bytes. */
export type SubjectKey = { readonly generation: number; readonly key: KeyObject }

const CIPHER = 'aes-256-gcm'
const NONCE = 12
const TAG = 16

/** Random bytes are asked for by the page: a call for each nonce costs as much as the sealing. Each serves once. */
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

/** Where a seal is put together and taken apart: what is in it is sealed, and done with before the next. */
const bench = Buffer.alloc(32 * 1_024)
const benchFor = (bytes: number): Buffer => (bytes <= bench.length ? bench : Buffer.allocUnsafe(bytes))

/** Base64 of nonce, ciphertext and tag. `bound` is what it belongs to, and no other can be opened in its place. */
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
/** `sealed` from its character `from` on. Throws where the key is another's, or anything of it was altered. */
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

/** Nonce, ciphertext and tag. */
export const sealBytes = (bytes: Uint8Array, key: KeyObject, bound: string): Buffer => {
  const nonce = Buffer.from(freshNonce())
  const cipher = createCipheriv(CIPHER, key, nonce)
  cipher.setAAD(Buffer.from(bound, 'utf8'))
  return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()])
}
/** Throws where the key is another's, or anything of it was altered. */
export const openBytes = (sealed: Buffer, key: KeyObject, bound: string): Buffer => {
  if (sealed.length < NONCE + TAG) throw new Error('too short')
  const end = sealed.length - TAG
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE), OPTIONS)
  decipher.setAAD(Buffer.from(bound, 'utf8'))
  decipher.setAuthTag(sealed.subarray(end))
  return Buffer.concat([decipher.update(sealed.subarray(NONCE, end)), decipher.final()])
}
