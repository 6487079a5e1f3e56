/** A personal value sealed under a key of its own, by ChaCha20-Poly1305 (RFC 8439), with the commitment to it. Whoever is
 *  shown the value and its salt can make both again; the salt follows from the person's key, and goes with it. All of it
 *  is done in one go in libsodium's memory, since between other work a message pays for every piece of code that the
 *  processor's caches lost: Node's ciphers and hashes take five times as long there. docs/privacy.md has the form. */
import { hkdfSync, type KeyObject } from 'node:crypto'
import load from 'libsodium-sumo'
import { freshNonce } from './seal.ts'

const sodium = await load()

const NONCE = 12
const TAG = 16
const SALT = 16
const HASH = 32
const LABEL = 'dlux-presence chacha seal '
const OF_SALTS = 'dlux-presence salts'

/* Where things are in the workspace. The label, the salt and the text follow one another: the value's key is the hash of
 * the first two, its commitment that of the last two. What HChaCha20 gives is twice as long as a salt: the text is
 * written over its second half. */
const PERSON = 0
/** The nonce, and zeros up to the 16 bytes that HChaCha20 takes. */
const RANDOM = PERSON + 32
const OWN_KEY = RANDOM + 16
const COMMIT = OWN_KEY + HASH
const LABELLED = COMMIT + HASH
const SALTED = LABELLED + LABEL.length
const TEXT = SALTED + SALT

/** Bytes of libsodium's memory, from `at` on. */
type Workspace = { readonly at: number; readonly size: number; readonly heap: Buffer }
const workspaceOf = (size: number): Workspace => {
  const at = sodium._malloc(size)
  if (at === 0) throw new Error(`libsodium has no room for ${size} bytes`)
  const heap = Buffer.from(sodium.HEAPU8.buffer)
  heap.fill(0, at, at + TEXT)
  heap.write(LABEL, at + LABELLED)
  return { at, size, heap }
}
let workspace = workspaceOf(64 * 1_024)
/** The workspace, made larger if so many bytes don't fit after `TEXT`. The contents of one seal are finished with before
 *  the next. */
const workspaceFor = (bytes: number): Workspace => {
  if (TEXT + bytes > workspace.size) {
    sodium._free(workspace.at)
    workspace = workspaceOf(2 * (TEXT + bytes))
  }
  return workspace
}

/** Writes ASCII without leaving JavaScript, and any other text by Node. Returns how many bytes it is. */
const put = (heap: Buffer, text: string, at: number): number => {
  const { length } = text
  if (length > 1_000) return heap.write(text, at)
  for (let i = 0; i < length; i += 1) {
    const code = text.charCodeAt(i)
    if (code > 127) return heap.write(text, at)
    heap[at + i] = code
  }
  return length
}
const putBytes = (heap: Buffer, bytes: Uint8Array, at: number): void => {
  for (let i = 0; i < bytes.length; i += 1) heap[at + i] = bytes[i]!
}

/** For each person's key, the one that their salts are made under: nothing else is done with it. */
const saltKeys = new WeakMap<KeyObject, Uint8Array>()
const saltKeyOf = (key: KeyObject): Uint8Array => {
  const found = saltKeys.get(key)
  if (found !== undefined) return found
  const made = new Uint8Array(hkdfSync('sha256', key, '', OF_SALTS, 32))
  saltKeys.set(key, made)
  return made
}
/** Puts the salt of the nonce that is in the workspace there: the first half of HChaCha20 of the nonce. */
const makeSalt = ({ heap, at }: Workspace, key: KeyObject): void => {
  putBytes(heap, saltKeyOf(key), at + PERSON)
  sodium._crypto_core_hchacha20(at + SALTED, at + RANDOM, at + PERSON, 0)
}
const makeOwnKey = ({ at }: Workspace): void => {
  sodium._crypto_hash_sha256(at + OWN_KEY, at + LABELLED, LABEL.length + SALT, 0)
}

/** Base64 of nonce, ciphertext and tag, of the nonce and the salt that are in the workspace. */
const sealedHere = ({ heap, at }: Workspace, length: number, id: string): string => {
  makeOwnKey(workspace)
  const bound = at + TEXT + length
  const boundLength = put(heap, id, bound)
  const out = bound + boundLength
  heap.copyWithin(out, at + RANDOM, at + RANDOM + NONCE)
  const key = at + OWN_KEY
  // biome-ignore format: as the arguments belong together
  sodium._crypto_aead_chacha20poly1305_ietf_encrypt(
    out + NONCE, 0, at + TEXT, length, 0, bound, boundLength, 0, 0, at + RANDOM, key,
  )
  return heap.toString('base64', out, out + NONCE + length + TAG)
}
/** What sealing takes after `TEXT`, at most: both texts in UTF-8, and the seal. */
const roomFor = (text: string, id: string): number => 6 * text.length + 3 * id.length + NONCE + TAG

/** `salt` (base64) opens `commit`, which is the base64 of SHA-256 over the salt's bytes and the text. */
export type SealedValue = { readonly sealed: string; readonly salt: string; readonly commit: string }
/** `text`: a value's JSON in RFC 8785's form. `id`: the id of its event, to which it is bound. */
export const sealValue = (text: string, key: KeyObject, id: string): SealedValue => {
  const space = workspaceFor(roomFor(text, id))
  const { heap, at } = space
  putBytes(heap, freshNonce(), at + RANDOM)
  makeSalt(space, key)
  const length = put(heap, text, at + TEXT)
  sodium._crypto_hash_sha256(at + COMMIT, at + SALTED, SALT + length, 0)
  return {
    sealed: sealedHere(space, length, id),
    salt: heap.toString('base64', at + SALTED, at + TEXT),
    commit: heap.toString('base64', at + COMMIT, at + COMMIT + HASH),
  }
}
/** The nonce in base64 if `sealed` is the result of this text, salt and id with it; else null. */
export const nonceOfValueSeal = (sealed: string, text: string, salt: string, id: string): string | null => {
  const [nonce, salted] = [Buffer.from(sealed, 'base64').subarray(0, NONCE), Buffer.from(salt, 'base64')]
  if (nonce.length < NONCE || salted.length !== SALT) return null
  const space = workspaceFor(roomFor(text, id))
  const { heap, at } = space
  putBytes(heap, nonce, at + RANDOM)
  putBytes(heap, salted, at + SALTED)
  const again = sealedHere(space, put(heap, text, at + TEXT), id)
  return again === sealed ? nonce.toString('base64') : null
}

export type OpenedValue = { readonly text: string; readonly salt: string }
/** Throws if the key is another's, or if anything was altered. */
export const openValue = (sealed: string, key: KeyObject, id: string): OpenedValue => {
  const space = workspaceFor(2 * sealed.length + 3 * id.length)
  const { heap, at } = space
  const bound = at + TEXT + sealed.length
  const boundLength = put(heap, id, bound)
  const from = bound + boundLength
  const length = heap.write(sealed, from, 'base64') - NONCE
  if (length < TAG) throw new Error('too short')
  heap.copyWithin(at + RANDOM, from, from + NONCE)
  makeSalt(space, key)
  makeOwnKey(space)
  const salt = heap.toString('base64', at + SALTED, at + TEXT)
  // biome-ignore format: as the arguments belong together
  const refused = sodium._crypto_aead_chacha20poly1305_ietf_decrypt(
    at + TEXT, 0, 0, from + NONCE, length, 0, bound, boundLength, 0, at + RANDOM, at + OWN_KEY,
  )
  if (refused !== 0) throw new Error('altered')
  return { text: heap.toString('utf8', at + TEXT, at + TEXT + length - TAG), salt }
}
