/**
 * What is personal in an event is on the log only encrypted, under a key of the one who acted: AES-256-GCM, with a fresh
 * nonce, bound to the event's id and the field's name so that no sealed value can be moved to another place.
 * A sealed field is left blank in its own place, so an event reads well whether or not it can be opened.
 */
import { createCipheriv, createDecipheriv, randomFillSync } from 'node:crypto'

/** The fields of each event's data that are personal, and what stands in for them. */
export const PERSONAL: Readonly<Record<string, { readonly field: string; readonly blank: unknown }>> = {
  MessagePosted: { field: 'content', blank: '' },
  MessageEdited: { field: 'content', blank: '' },
  SessionJoined: { field: 'avatarData', blank: null },
}

/** 32 bytes, and which of its subject's keys it is: an erased subject that comes back gets the next. */
export type SubjectKey = { readonly generation: number; readonly key: Buffer }

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

/** `<generation>.<base64 of nonce, ciphertext and tag>` over the value's JSON. */
export const sealValue = (value: unknown, { generation, key }: SubjectKey, bound: string): string => {
  const nonce = freshNonce()
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(Buffer.from(bound, 'utf8'))
  const text = cipher.update(JSON.stringify(value), 'utf8')
  cipher.final()
  const sealed = Buffer.concat([nonce, text, cipher.getAuthTag()])
  return `${generation}.${sealed.toString('base64')}`
}

export const generationOf = (sealed: string): number => Number(sealed.slice(0, sealed.indexOf('.')))

/** Throws where the key is another's, or anything of it was altered. */
export const openValue = (sealed: string, key: Buffer, bound: string): unknown => {
  const bytes = Buffer.from(sealed.slice(sealed.indexOf('.') + 1), 'base64')
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE))
  decipher.setAAD(Buffer.from(bound, 'utf8'))
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG))
  const opened = decipher.update(bytes.subarray(NONCE, bytes.length - TAG))
  decipher.final()
  return JSON.parse(opened.toString('utf8'))
}
