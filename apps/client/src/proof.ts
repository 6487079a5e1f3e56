/** Checks that what was told is in the log that the server signs, and that others cosigned: RFC 6962's proofs, C2SP's checkpoints and
 *  cosignatures. */
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
  /** If witnesses were demanded: those who cosigned, the size that they cosigned, and the checkpoint with their signatures. */
  readonly witnessed: {
    readonly by: ReadonlyArray<string>
    readonly size: number
    readonly note: string
  } | null
}
/** Who else must say that this is the one log. */
export type WitnessDemand = {
  /** Each as `presence witness` prints it. Get them from who runs the witnesses, not from the log. */
  readonly keys: ReadonlyArray<string>
  /** How many of them must have cosigned; all by default. */
  readonly atLeast?: number
  /** Seconds: an older cosignature says too little. 300 by default. */
  readonly within?: number
  /** Seconds to wait until what was told a moment ago is cosigned too. 30 by default. */
  readonly wait?: number
}
export type Demands = {
  /** The log's key, if it is known from elsewhere. */
  readonly key?: string
  readonly witnesses?: WitnessDemand
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

const LOG = 1
const WITNESS = 4
/** `<name>+<id>+<base64(kind || public key)>`. */
const keyIn = (
  text: string,
  kind: number,
): { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> } => {
  const [, name = '', , key = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text.trim()) ?? []
  const bytes = key === '' ? new Uint8Array() : bytesOf(key)
  if (bytes.length === 33 && bytes[0] === kind) return { name, bytes }
  throw kind === LOG
    ? new PresenceError('checkpoint_unavailable', 'The log’s key is not one of Ed25519.')
    : new PresenceError('invalid_witnesses', `This is no witness’s key: ${text}`)
}

const encoder = new TextEncoder()
const textIn = (note: string): string => note.slice(0, note.indexOf('\n\n') + 1)
/** What a key of that kind put under a note, behind its id: in each of its lines that has so many bytes. */
const signaturesBy = async (
  note: string,
  { name, bytes }: ReturnType<typeof keyIn>,
  length: number,
): Promise<ReadonlyArray<Uint8Array<ArrayBuffer>>> => {
  const id = (await sha256(encoder.encode(`${name}\n`), bytes)).slice(0, 4)
  return note
    .slice(note.indexOf('\n\n') + 2)
    .split('\n')
    .flatMap((line) => {
      const [, by, signature] = /^— (\S+) (\S+)$/.exec(line) ?? []
      if (by !== name || signature === undefined) return []
      const signed = bytesOf(signature)
      return signed.length === 4 + length && id.every((byte, n) => signed[n] === byte)
        ? [signed.slice(4)]
        : []
    })
}
const isSignature = async (
  key: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
  text: string,
): Promise<boolean> => {
  const imported = await crypto.subtle.importKey('raw', key.slice(1), { name: 'Ed25519' }, false, ['verify'])
  return crypto.subtle.verify('Ed25519', imported, signature, encoder.encode(text))
}

type Checkpoint = Proofs['checkpoint'] & { readonly isSigned: boolean; readonly lines: ReadonlyArray<string> }
const readCheckpoint = async (note: string, vkey: string): Promise<Checkpoint> => {
  const key = keyIn(vkey, LOG)
  const text = textIn(note)
  const [origin = '', size = '', root = '', ...lines] = text.split('\n')
  let isSigned = false
  for (const signature of await signaturesBy(note, key, 64))
    isSigned ||= await isSignature(key.bytes, signature, text)
  return { origin, size: Number(size), root, isSigned: isSigned && origin === key.name, lines }
}

/** Whether a witness cosigned it, at `since` (seconds since the epoch) or later. */
const isCosigned = async (note: string, vkey: string, since: number): Promise<boolean> => {
  const key = keyIn(vkey, WITNESS)
  const text = textIn(note)
  for (const signed of await signaturesBy(note, key, 72)) {
    const time = new DataView(signed.buffer, signed.byteOffset).getBigUint64(0)
    if (Number(time) < since) continue
    if (await isSignature(key.bytes, signed.slice(8), `cosignature/v1\ntime ${time}\n${text}`)) return true
  }
  return false
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
const begins = async (transport: Transport, from: Checkpoint, to: Checkpoint): Promise<boolean> => {
  const path = `/api/audit/proof/consistency?from=${from.size}&to=${to.size}`
  const { proof } = (await transport.call(path)) as { readonly proof: ReadonlyArray<string> }
  return isConsistent(from, to, proof)
}
/** Null if the log continues what was seen before. */
const whyNotContinued = async (transport: Transport, before: Seen, now: Seen): Promise<string | null> => {
  if (before.vkey !== now.vkey) return 'The log’s key is another than before.'
  const [from, to] = [before.checkpoint, now.checkpoint]
  if (from.size > to.size) return 'The log is shorter than it was.'
  return (await begins(transport, from, to)) ? null : 'The log is not the one that was signed before.'
}

/** What was proved to be in a checkpoint of the log's. */
type Proved = { readonly position: string; readonly leaf: number; readonly of: Checkpoint }
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const LOOK_EVERY_MS = 1_000

/** Who cosigned the checkpoint that the log shows its witnesses', waiting a while until that covers what was told. */
const witnessedNow = async (
  transport: Transport,
  { keys: all, within = 300, wait = 30, ...demand }: WitnessDemand,
  leaves: number,
): Promise<{
  readonly note: string
  readonly by: ReadonlyArray<string>
  readonly missing: string | null
}> => {
  const keys = [...new Set(all.map((one) => one.trim()))]
  const atLeast = demand.atLeast ?? keys.length
  const until = Date.now() + 1_000 * wait
  for (;;) {
    const note = String(await transport.call('/tlog/checkpoint'))
    const since = Date.now() / 1_000 - within
    const by: string[] = []
    for (const key of keys) if (await isCosigned(note, key, since)) by.push(keyIn(key, WITNESS).name)
    const isEnough = by.length >= atLeast
    const size = Number(textIn(note).split('\n')[1])
    if ((isEnough && size >= leaves) || Date.now() >= until)
      return {
        note,
        by,
        missing: isEnough
          ? null
          : `Of ${keys.length} witnesses ${by.length} cosigned the log in the last ${within} s, and ${atLeast} must have${by.length === 0 ? '' : ` (${by.join(', ')})`}.`,
      }
    await pause(LOOK_EVERY_MS)
  }
}

/** What witnesses say of what was proved; each thing that does not hold is put into `faults`. */
const heldByWitnesses = async (
  transport: Transport,
  { vkey, demand, proved }: { vkey: string; demand: WitnessDemand; proved: ReadonlyArray<Proved> },
  faults: string[],
): Promise<Proofs['witnessed']> => {
  const leaves = Math.max(0, ...proved.map(({ leaf }) => leaf + 1))
  const { note, by, missing } = await witnessedNow(transport, demand, leaves)
  const cosigned = await readCheckpoint(note, vkey)
  if (missing !== null) faults.push(missing)
  if (!cosigned.isSigned) faults.push('What the witnesses cosigned is not signed by the log’s key.')
  if (missing !== null || !cosigned.isSigned) return null
  const sizes = new Set(proved.map(({ of }) => `${of.size} ${of.root}`))
  for (const { position, leaf, of } of proved) {
    if (leaf >= cosigned.size)
      faults.push(`The event at ${position} is not in the log that the witnesses cosigned.`)
    // Each checkpoint that something was proved in, once.
    if (!sizes.delete(`${of.size} ${of.root}`)) continue
    const [from, to] = of.size <= cosigned.size ? [of, cosigned] : [cosigned, of]
    if (!(await begins(transport, from, to)))
      faults.push(`The log of ${of.size} events is not the one that the witnesses cosigned.`)
  }
  return { by, size: cosigned.size, note }
}

export const verify = async (
  transport: Transport,
  token: string | null,
  positions: ReadonlyArray<string>,
  { key, witnesses: demand }: Demands = {},
): Promise<Proofs> => {
  const faults: string[] = []
  const vkey = String(await transport.call('/api/audit/key'))
  if (key !== undefined && key.trim() !== vkey.trim())
    faults.push('The log’s key is another than the one given.')
  const proved: Proved[] = []
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
    else proved.push({ position, leaf: found.leaf_index, of })
    if (of.isSigned && of.size > checkpoint.size) [newest, checkpoint] = [note, of]
  }
  if (!checkpoint.isSigned) faults.push('The newest checkpoint is not signed by the log’s key.')
  const witnessed =
    demand === undefined ? null : await heldByWitnesses(transport, { vkey, demand, proved }, faults)
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
  return {
    holds: faults.length === 0,
    proved: proved.length,
    hidden,
    faults,
    checkpoint: shown,
    note: newest,
    witnessed,
  }
}
