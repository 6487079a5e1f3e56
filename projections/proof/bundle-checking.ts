/** The state of a bundle's check: what is known of it so far, and what is wrong with it. */
import { type Header, SealDigests } from './bundle.ts'
import type { inclusionChecker } from './merkle.ts'
import type { Checkpoint, Verifier } from './note.ts'
import type { BundleState } from './state.ts'

/** `file`: faults that belong to no line. */
export type Lined = 'header' | 'checkpoint' | 'start' | 'event' | 'end' | 'seal'
export type Part = Lined | 'file'
export type Fault = {
  /** From 1. */
  readonly line: number
  readonly part: Part
  /** The stream and revision of an event, if they can be read. */
  readonly event: string | null
  /** A sentence. */
  readonly detail: string
}
export type Checked = {
  readonly faults: ReadonlyArray<Fault>
  readonly header: Header | null
  readonly checkpoint: Checkpoint | null
  /** The checkpoint as it was signed, with the signatures of witnesses if it has any; null if it is not valid. */
  readonly note: string | null
  readonly events: number
}

export const MAX_FAULTS = 1_000

export type Checking = {
  readonly verifier: Verifier
  readonly faults: Fault[]
  readonly digests: SealDigests
  /** The line on which each part begins. */
  readonly lineOf: Partial<Record<Part, number>>
  /** The number of the current line, from 1. */
  at: number
  /** What that line must be, except that an end may come after the events. */
  expects: Exclude<Lined, 'end'> | 'nothing'
  header: Header | null
  checkpoint: Checkpoint | null
  note: string | null
  inTree: ReturnType<typeof inclusionChecker> | null
  /** The state at the start folded with the events; null if that can't be known. */
  state: BundleState | null
  events: number
  lastLeaf: number
  /** The proof of the event before. */
  proof: ReadonlyArray<Buffer>
  /** Whether the file ended as it should. */
  complete: boolean
}

export const createChecking = (verifier: Verifier): Checking => ({
  verifier,
  faults: [],
  digests: new SealDigests(),
  lineOf: {},
  at: 0,
  expects: 'header',
  header: null,
  checkpoint: null,
  note: null,
  inTree: null,
  state: null,
  events: 0,
  lastLeaf: -1,
  proof: [],
  complete: false,
})

/** `of`: the event's name, or the line where it begins if that is not this one. */
export const fault = (
  { faults, at }: Checking,
  part: Part,
  detail: string,
  of: { readonly event?: string | null; readonly line?: number | undefined } = {},
): void => {
  if (faults.length < MAX_FAULTS) faults.push({ line: of.line ?? at, part, event: of.event ?? null, detail })
}
