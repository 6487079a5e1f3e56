/**
 * What is personal in an event is on the log only encrypted, under a key of the one who acted: AES-256-GCM, with a fresh
 * nonce, bound to the event's id so that nothing sealed can be moved to another event. A sealed field is left blank in
 * its own place, so an event reads well whether or not it can be opened.
 */
import { createCipheriv, createDecipheriv, type KeyObject, randomFillSync } from 'node:crypto'

/** The fields of each event's data that are personal, and what stands in for them. */
export const PERSONAL: Readonly<Record<string, { readonly field: string; readonly blank: unknown }>> = {
  MessagePosted: { field: 'content', blank: '' },
  MessageEdited: { field: 'content', blank: '' },
  SessionJoined: { field: 'avatarData', blank: null },
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

/** `<generation>.<base64 of nonce, ciphertext and tag>` over the value's JSON. `bound` is what it belongs to, and no
 *  other can be opened in its place. */
export const sealValue = (value: unknown, { generation, key }: SubjectKey, bound: string): string => {
  const nonce = freshNonce()
  const cipher = createCipheriv(CIPHER, key, nonce)
  cipher.setAAD(Buffer.from(bound, 'utf8'))
  const text = cipher.update(JSON.stringify(value), 'utf8')
  cipher.final()
  return `${generation}.${Buffer.concat([nonce, text, cipher.getAuthTag()]).toString('base64')}`
}

export const generationOf = (sealed: string): number => Number(sealed.slice(0, sealed.indexOf('.')))

/** Throws where the key is another's, or anything of it was altered. */
export const openValue = (sealed: string, key: KeyObject, bound: string): unknown => {
  const bytes = Buffer.from(sealed.slice(sealed.indexOf('.') + 1), 'base64')
  // A shorter tag would be taken too, and is easier to guess.
  if (bytes.length < NONCE + TAG) throw new Error('too short')
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE), { authTagLength: TAG })
  decipher.setAAD(Buffer.from(bound, 'utf8'))
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG))
  const opened = decipher.update(bytes.subarray(NONCE, bytes.length - TAG), undefined, 'utf8')
  return JSON.parse(opened + decipher.final('utf8'))
}
