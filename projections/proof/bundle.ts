/** A room's record in one file that proves itself: its lines, and what its seal signs. docs/proof.md has the format in full. */
import { createHash } from 'node:crypto'
import { aroundJson } from '../audit/canonical.ts'
import { type Signer, signNote } from './note.ts'
import { type BundleState, LATER_SETS, type Sets, stateToJson } from './state.ts'

export const FORMAT = 'dlux-presence-bundle'
/** The version of the seal, which has not changed yet. */
const SEAL_VERSION = 1

export type Header = {
  readonly format: typeof FORMAT
  readonly version: 1 | 2
  readonly origin: string
  /** `type:id` */
  readonly space: string
  /** ISO 8601 in UTC to the millisecond; null for the beginning, and for all that the checkpoint covers. */
  readonly from: string | null
  readonly to: string | null
  /** In version 2, which is version 1 with this: what further types of events set on their sessions. */
  readonly sets?: Sets
}
/** What a new bundle's header says about its version. */
export const versioned = (sets: Sets = LATER_SETS): Pick<Header, 'version' | 'sets'> =>
  Object.keys(sets).length === 0 ? { version: 1 } : { version: 2, sets }

/* ── the lines, each with its line feed ──────────────────────────────────────────────────────────────────── */

const line = (value: unknown): string => `${aroundJson(value)}\n`
export const headerLine = (header: Header): string => line({ header })
export const checkpointLine = (note: string): string => line({ checkpoint: note })
export const stateLine = (end: 'start' | 'end', state: BundleState): string =>
  line({ [end]: stateToJson(state) })

/** `event` is the event's bytes as text. The last `shared` hashes of its proof are the same as those of the event
 *  before, and are not written again. */
export const eventLine = (
  event: string,
  leaf: number,
  proof: ReadonlyArray<Buffer>,
  shared: number,
): string => {
  let own = ''
  for (let i = 0; i < proof.length - shared; i += 1)
    own += `${i === 0 ? '"' : ',"'}${proof[i]!.toString('base64')}"`
  return `{"event":${event},"leaf":${leaf},"proof":[${own}],"shared":${shared}}\n`
}

const digest = (text: string | Buffer): string => createHash('sha256').update(text).digest('base64')

/** Digests of the file's parts as they are read or written: what the seal signs. */
export class SealDigests {
  private readonly parts = new Map<string, string>()
  private readonly events = createHash('sha256')
  private count = 0
  part(name: 'header' | 'checkpoint' | 'start' | 'end', text: string | Buffer): void {
    this.parts.set(name, digest(text))
  }
  /** `text` includes its line feed. */
  event(text: string): void {
    this.events.update(text)
    this.count += 1
  }
  /** `bytes` are without the line feed. */
  eventBytes(bytes: Buffer): void {
    this.events.update(bytes).update('\n')
    this.count += 1
  }
  /** The seal's text, with its line feed. May be called once. */
  text(origin: string): string {
    const of = (name: string): string => `${name} ${this.parts.get(name) ?? ''}\n`
    const events = `events ${this.count} ${this.events.digest('base64')}\n`
    return `${FORMAT} v${SEAL_VERSION}\n${origin}\n${of('header')}${of('checkpoint')}${of('start')}${events}${of('end')}`
  }
}
export const sealLine = (digests: SealDigests, signer: Signer): string =>
  line({ seal: signNote(digests.text(signer.name), signer) })
