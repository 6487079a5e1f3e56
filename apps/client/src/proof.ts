/** Checks that what was told is in the log that the server signs: RFC 6962's proofs, and C2SP checkpoints. */
import { PresenceError } from './errors.ts'
import type { Transport } from './transport.ts'

export type Proofs = {
  /** Everything that could be checked holds. */
  readonly holds: boolean
  /** How many events are proved to be in the log. */
  readonly proved: number
  /** How many this caller may not see in the audit log. */
  readonly hidden: number
  /** What does not hold, in sentences. */
  readonly faults: ReadonlyArray<string>
  readonly checkpoint: { readonly origin: string; readonly size: number; readonly root: string }
  /** Keep it somewhere else: no later log may contradict it. */
  readonly note: string
}
type Inclusion = {
  readonly position: string
  readonly leaf_index: number
  readonly leaf_hash: string
  readonly size: number
  readonly proof: ReadonlyArray<string>
  readonly checkpoint: string | null
}

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
const base64Of = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes))
const sha256 = async (...parts: ReadonlyArray<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> => {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', all))
}
const node = (left: Uint8Array, right: Uint8Array) => sha256(Uint8Array.of(1), left, right)

/** RFC 9162, 2.1.3.2. Null if the proof does not have the right length. */
const rootFromInclusion = async (
  leaf: string,
  place: { readonly index: number; readonly size: number },
  proof: ReadonlyArray<string>,
): Promise<string | null> => {
  if (place.index >= place.size) return null
  let [fn, sn] = [place.index, place.size - 1]
  let hash = bytesOf(leaf)
  for (const step of proof) {
    if (sn === 0) return null
    if (fn % 2 === 1 || fn === sn) {
      hash = await node(bytesOf(step), hash)
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2)
        sn = Math.floor(sn / 2)
      }
    } else hash = await node(hash, bytesOf(step))
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 ? base64Of(hash) : null
}

/** `<name>+<id>+<base64(0x01 || public key)>`. */
const keyIn = (text: string): { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> } => {
  const [, name = '', , key = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text.trim()) ?? []
  const bytes = key === '' ? new Uint8Array() : bytesOf(key)
  if (bytes.length !== 33 || bytes[0] !== 1)
    throw new PresenceError('checkpoint_unavailable', 'The log’s key is not one of Ed25519.')
  return { name, bytes }
}

type Checkpoint = Proofs['checkpoint'] & { readonly isSigned: boolean; readonly lines: ReadonlyArray<string> }
const readCheckpoint = async (note: string, vkey: string): Promise<Checkpoint> => {
  const { name, bytes } = keyIn(vkey)
  const end = note.indexOf('\n\n')
  const text = note.slice(0, end + 1)
  const [origin = '', size = '', root = '', ...lines] = text.split('\n')
  const encoder = new TextEncoder()
  const id = (await sha256(encoder.encode(`${name}\n`), bytes)).slice(0, 4)
  const key = await crypto.subtle.importKey('raw', bytes.slice(1), { name: 'Ed25519' }, false, ['verify'])
  let isSigned = false
  for (const line of note.slice(end + 2).split('\n')) {
    const [, by, signature] = /^— (\S+) (\S+)$/.exec(line) ?? []
    if (by !== name || signature === undefined) continue
    const signed = bytesOf(signature)
    if (signed.length !== 68 || !id.every((byte, n) => signed[n] === byte)) continue
    isSigned ||= await crypto.subtle.verify('Ed25519', key, signed.slice(4), encoder.encode(text))
  }
  return { origin, size: Number(size), root, isSigned: isSigned && origin === name, lines }
}

/** As the newer one says: the log went back to fewer events since the older one was signed. Null where it does not say so. */
const wentBack = (older: Checkpoint, newer: Checkpoint): string | null => {
  const issued = older.lines.find((line) => line.startsWith('issued '))?.slice(7) ?? ''
  for (const line of newer.lines) {
    const [, events, at] = /^went-back (\d+) (\S+)$/.exec(line) ?? []
    if (events !== undefined && at !== undefined && older.size > Number(events) && issued < at)
      return `The log went back to ${events} events before ${at}, as its key says: what was signed before then of more is lost.`
  }
  return null
}

const isPowerOfTwo = (size: number): boolean => {
  let rest = size
  while (rest % 2 === 0) rest /= 2
  return rest === 1
}
/** RFC 9162, 2.1.4.2: whether the log of `to` begins with that of `from`. */
const isConsistent = async (
  from: Pick<Checkpoint, 'size' | 'root'>,
  to: Pick<Checkpoint, 'size' | 'root'>,
  given: ReadonlyArray<string>,
): Promise<boolean> => {
  if (from.size === to.size) return given.length === 0 && from.root === to.root
  if (from.size === 0) return true
  const [first, ...rest] = isPowerOfTwo(from.size) ? [from.root, ...given] : given
  if (first === undefined) return false
  let [fn, sn] = [from.size - 1, to.size - 1]
  while (fn % 2 === 1) {
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  let [fr, sr] = [bytesOf(first), bytesOf(first)]
  for (const step of rest) {
    if (sn === 0) return false
    const hash = bytesOf(step)
    if (fn % 2 === 1 || fn === sn) {
      fr = await node(hash, fr)
      sr = await node(hash, sr)
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2)
        sn = Math.floor(sn / 2)
      }
    } else sr = await node(sr, hash)
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && base64Of(fr) === from.root && base64Of(sr) === to.root
}

/** The key and the checkpoint that a page saw first, for as long as it lives: later ones must agree. */
const seen = new WeakMap<Transport, Seen>()

type Seen = { readonly vkey: string; readonly checkpoint: Checkpoint }
/** Null if the log continues what was seen before. */
const whyNotContinued = async (transport: Transport, before: Seen, now: Seen): Promise<string | null> => {
  if (before.vkey !== now.vkey) return 'The log’s key is another than before.'
  const [from, to] = [before.checkpoint, now.checkpoint]
  if (from.size > to.size) return 'The log is shorter than it was.'
  const path = `/api/audit/proof/consistency?from=${from.size}&to=${to.size}`
  const { proof } = (await transport.call(path)) as { readonly proof: ReadonlyArray<string> }
  return (await isConsistent(from, to, proof)) ? null : 'The log is not the one that was signed before.'
}

export const verify = async (
  transport: Transport,
  token: string | null,
  positions: ReadonlyArray<string>,
): Promise<Proofs> => {
  const faults: string[] = []
  const vkey = String(await transport.call('/api/audit/key'))
  let proved = 0
  let hidden = 0
  let newest = String(await transport.call('/api/audit/checkpoint'))
  let checkpoint = await readCheckpoint(newest, vkey)
  for (const position of positions) {
    let found: Inclusion
    try {
      const path = `/api/audit/proof/inclusion?position=${position}`
      found = (await transport.call(path, { token })) as Inclusion
    } catch (error) {
      if (!(error instanceof PresenceError) || error.code !== 'event_not_found') throw error
      hidden++
      continue
    }
    const note = found.checkpoint ?? ''
    const of = await readCheckpoint(note, vkey)
    const root = await rootFromInclusion(
      found.leaf_hash,
      { index: found.leaf_index, size: of.size },
      found.proof,
    )
    if (!of.isSigned) faults.push(`The checkpoint of ${position} is not signed by the log’s key.`)
    else if (found.position !== position || root !== of.root)
      faults.push(`The event at ${position} is not in the log that was signed.`)
    else proved++
    if (of.isSigned && of.size > checkpoint.size) [newest, checkpoint] = [note, of]
  }
  if (!checkpoint.isSigned) faults.push('The newest checkpoint is not signed by the log’s key.')
  const isSound = faults.length === 0
  const before = seen.get(transport)
  const lost = before === undefined ? null : wentBack(before.checkpoint, checkpoint)
  if (before !== undefined) {
    const why = await whyNotContinued(transport, before, { vkey, checkpoint })
    if (why !== null) faults.push(lost ?? why)
  }
  // What is lost is told once; a log that is another stays so.
  if (faults.length === 0 || (isSound && lost !== null)) seen.set(transport, { vkey, checkpoint })
  const { isSigned: _, lines: __, ...shown } = checkpoint
  return { holds: faults.length === 0, proved, hidden, faults, checkpoint: shown, note: newest }
}
