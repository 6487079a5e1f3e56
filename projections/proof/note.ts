/**
 * Signed notes and checkpoints: what the server says the log was, in a form that others already read.
 * Source: https://c2sp.org/signed-note and https://c2sp.org/tlog-checkpoint. Keys are Ed25519's, of two kinds: those that sign a
 * note's text (1), and those of witnesses, who add a time to it (4; cosignature.ts).
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

/** What a key signs, as signed-note numbers it: a note's text, or the text with a time (tlog-cosignature). */
export type KeyKind = 1 | 4

export type Signer = {
  readonly name: string
  readonly kind: KeyKind
  readonly privateKey: KeyObject
  readonly id: Buffer
}
/** `vkey` is how a verifier key is written: `name+<8 hex digits>+<base64>`. */
export type Verifier = {
  readonly name: string
  readonly publicKey: KeyObject
  readonly id: Buffer
  readonly vkey: string
}

/** SubjectPublicKeyInfo and PKCS #8 of Ed25519, up to the 32 bytes of the key (RFC 8410). */
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex')
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')

const rawPublic = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' }).subarray(-32)
/** `key`: its kind's byte, then the 32 bytes of the public key. */
const keyId = (name: string, key: Buffer): Buffer =>
  createHash('sha256').update(`${name}\n`).update(key).digest().subarray(0, 4)
const publicBytes = (kind: KeyKind, key: KeyObject): Buffer =>
  Buffer.concat([Buffer.from([kind]), rawPublic(key)])
const validName = (name: string): boolean => name.length > 0 && !/[\s+]/u.test(name)

/** From the 32 bytes of an Ed25519 seed. Throws TypeError if the name has spaces or a plus. */
export const signerOf = (name: string, seed: Uint8Array, kind: KeyKind = 1): Signer => {
  if (!validName(name)) throw new TypeError('a key name has no spaces and no plus sign')
  if (seed.length !== 32) throw new TypeError('an Ed25519 seed is 32 bytes')
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8_HEAD, seed]),
    format: 'der',
    type: 'pkcs8',
  })
  return { name, kind, privateKey, id: keyId(name, publicBytes(kind, createPublicKey(privateKey))) }
}

export const verifierOf = (signer: Signer): Verifier => {
  const publicKey = createPublicKey(signer.privateKey)
  const vkey = `${signer.name}+${signer.id.toString('hex')}+${publicBytes(signer.kind, publicKey).toString('base64')}`
  return { name: signer.name, publicKey, id: signer.id, vkey }
}

/** Parses a verifier key; null if it is malformed. */
export const parseVkey = (vkey: string, kind: KeyKind = 1): Verifier | null => {
  const [, name, id, key] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(vkey.trim()) ?? []
  if (name === undefined || id === undefined || key === undefined) return null
  const bytes = Buffer.from(key, 'base64')
  if (bytes.length !== 33 || bytes[0] !== kind || bytes.toString('base64') !== key) return null
  if (keyId(name, bytes).toString('hex') !== id) return null
  const spki = Buffer.concat([SPKI_HEAD, bytes.subarray(1)])
  const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  return { name, publicKey, id: Buffer.from(id, 'hex'), vkey: vkey.trim() }
}

/** `text` ends in a newline. */
export const signNote = (text: string, signer: Signer): string => {
  if (!text.endsWith('\n')) throw new TypeError('a note ends in a newline')
  const signature = Buffer.concat([signer.id, sign(null, Buffer.from(text, 'utf8'), signer.privateKey)])
  return `${text}\n— ${signer.name} ${signature.toString('base64')}\n`
}

/** A line under a note: `signature` is what follows the key's id. */
export type SignatureLine = {
  readonly line: string
  readonly name: string
  readonly id: Buffer
  readonly signature: Buffer
}
/** What was signed, and the lines under it; null where the note is malformed. */
export const partsOf = (
  note: string,
): { readonly text: string; readonly lines: ReadonlyArray<SignatureLine> } | null => {
  const split = note.lastIndexOf('\n\n')
  if (split < 0 || !note.endsWith('\n')) return null
  const lines: SignatureLine[] = []
  for (const line of note.slice(split + 2, -1).split('\n')) {
    const [, name, encoded] = /^— ([^\s+]+) ([A-Za-z0-9+/]+=*)$/.exec(line) ?? []
    if (name === undefined || encoded === undefined) return null
    const bytes = Buffer.from(encoded, 'base64')
    if (bytes.length < 5 || bytes.toString('base64') !== encoded) return null
    lines.push({ line, name, id: bytes.subarray(0, 4), signature: bytes.subarray(4) })
  }
  return { text: note.slice(0, split + 1), lines }
}
export const isBy = ({ name, id }: SignatureLine, verifier: Verifier): boolean =>
  name === verifier.name && id.equals(verifier.id)

/** The text that was signed, or null if no signature of this verifier is valid or the note is malformed. */
export const openNote = (note: string, verifier: Verifier): string | null => {
  const parts = partsOf(note)
  const mine = parts?.lines.filter((line) => isBy(line, verifier)) ?? []
  if (parts === null || mine.length === 0) return null
  const text = Buffer.from(parts.text, 'utf8')
  return mine.every(({ signature }) => verify(null, text, verifier.publicKey, signature)) ? parts.text : null
}

export type Checkpoint = {
  /** Which log it is: the key's name. */
  readonly origin: string
  readonly size: number
  readonly root: Buffer
  /** One line each; here `position <commit position of the last event>`. */
  readonly extensions: ReadonlyArray<string>
}

export const checkpointText = (checkpoint: Checkpoint): string =>
  [
    checkpoint.origin,
    String(checkpoint.size),
    checkpoint.root.toString('base64'),
    ...checkpoint.extensions,
    '',
  ].join('\n')

export const parseCheckpoint = (text: string): Checkpoint | null => {
  const lines = text.split('\n')
  const [origin, size, root, ...rest] = lines
  if (!origin || size === undefined || root === undefined || rest.pop() !== '') return null
  if (!/^(0|[1-9][0-9]*)$/.test(size) || !Number.isSafeInteger(Number(size))) return null
  const hash = Buffer.from(root, 'base64')
  if (hash.length !== 32 || hash.toString('base64') !== root || rest.some((line) => line === '')) return null
  return { origin, size: Number(size), root: hash, extensions: rest }
}

/** The checkpoint in a note, whoever signed it; null if it is not a checkpoint. */
export const checkpointIn = (note: string): Checkpoint | null => {
  const end = note.lastIndexOf('\n\n')
  return end < 0 ? null : parseCheckpoint(note.slice(0, end + 1))
}

export const signCheckpoint = (checkpoint: Checkpoint, signer: Signer): string =>
  signNote(checkpointText(checkpoint), signer)
export const openCheckpoint = (note: string, verifier: Verifier): Checkpoint | null => {
  const text = openNote(note, verifier)
  const checkpoint = text === null ? null : parseCheckpoint(text)
  return checkpoint?.origin === verifier.name ? checkpoint : null
}
