/** Records what is sent on a room's packed wire, and to whom, in blocks with a track for each mover. */
import { type Pose, Writer } from '../packed.ts'
import {
  type Act,
  FREE,
  MOVE,
  type MotionHead,
  NAME,
  type Seen,
  STAND,
  type Thing,
  TOLD,
  VIEW,
  writeAct,
} from './form.ts'

/** Is called for all that is sent, in that order. A part of the room is identified by whatever object stands for it. */
export type Witness = {
  readonly tick: (now: number) => void
  readonly stood: (thing: Thing, by: string, behind: Iterable<object>) => void
  readonly named: (thing: Thing, by: string) => void
  readonly moved: (slot: number, to: Pose, by: string) => void
  readonly freed: (slot: number) => void
  /** A part of the room was sent something about a slot: the change, or all of it. */
  readonly told: (part: object, slot: number, isWhole: boolean) => void
  /** Everything of the tick was sent. */
  readonly ticked: () => void
  readonly began: (part: object) => void
  readonly ended: (part: object) => void
  /** What somebody on the packed wire was sent. `part` is null for no part; `at` is the time of what comes after its tick. */
  readonly saw: (
    hearer: { readonly id: string; readonly by: string },
    part: object | null,
    seen: Seen,
    at: number,
  ) => void
}

/** The most bytes of one mover's track, and of all tracks in one block. Anything beyond that is left out, and counted. */
export const MAX_TRACK = 32_768
export const MAX_BLOCK = 4 << 20
const FIRST = 256

export type RecordedBlock = {
  readonly head: MotionHead
  /** By mover. */
  readonly tracks: ReadonlyMap<string, Uint8Array>
  /** Whether anything moved, came or went. */
  readonly isMoved: boolean
  /** Movers whose track was too long. */
  readonly shortened: number
}

type Track = { readonly writer: Writer; last: number; isShort: boolean }
type Part = { readonly index: number; readonly begins: number; ends: number }
type Known = { thing: Thing; by: string; readonly behind: Set<object> }
type Told = { readonly changes: object[]; readonly whole: object[] }
type Change = { readonly kind: typeof NAME | typeof MOVE; readonly from: Pose }

/** A copy, since the caller goes on changing the original. */
const copyOf = ({ slot, form, id, pose }: Thing): Thing => ({ slot, form, id, pose })

export class MotionRecorder implements Witness {
  readonly #things = new Map<number, Known>()
  readonly #hearers = new Map<string, { by: string; part: object; isLate: boolean }>()
  readonly #changed = new Map<number, Change>()
  readonly #told = new Map<number, Told>()
  #tracks = new Map<string, Track>()
  #parts = new Map<object, Part>()
  #partCount = 0
  #live = 0
  #ticks: number[] = []
  #isTicking = false
  #isMoved = false
  #bytes = 0
  readonly #onMover: (by: string) => void

  /** `onMover` is called for each mover once a block, when their track begins. */
  constructor(onMover: (by: string) => void = () => {}) {
    this.#onMover = onMover
  }

  // ── what it is told ────────────────────────────────────────────────────────────────────────────────────

  tick(now: number): void {
    this.#ticks.push(now)
    this.#isTicking = true
  }
  /** The thing was there before anything was recorded. */
  stood(stands: Thing, by: string, behind: Iterable<object>): void {
    const thing = copyOf(stands)
    this.#things.set(thing.slot, { thing, by, behind: new Set(behind) })
    this.#write(by, { kind: STAND, thing, behind: this.#indexes(behind) })
  }
  named(stands: Thing, by: string): void {
    const thing = copyOf(stands)
    this.#things.set(thing.slot, { thing, by, behind: new Set() })
    this.#changed.set(thing.slot, { kind: NAME, from: thing.pose })
  }
  moved(slot: number, to: Pose, by: string): void {
    const known = this.#things.get(slot)
    if (known === undefined) return
    if (known.by !== by) {
      known.by = by
      // The track that it is in from now on says where it was.
      this.#write(by, { kind: STAND, thing: known.thing, behind: this.#indexes(known.behind) })
    }
    this.#changed.set(slot, { kind: MOVE, from: known.thing.pose })
    known.thing = { ...known.thing, pose: to }
  }
  freed(slot: number): void {
    const known = this.#things.get(slot)
    if (known === undefined) return
    this.#things.delete(slot)
    this.#changed.delete(slot)
    this.#isMoved = true
    this.#write(known.by, { kind: FREE, slot })
  }
  told(part: object, slot: number, isWhole: boolean): void {
    const told = this.#told.get(slot) ?? { changes: [], whole: [] }
    this.#told.set(slot, told)
    if (isWhole) told.whole.push(part)
    else told.changes.push(part)
  }
  ticked(): void {
    for (const [slot, change] of this.#changed) this.#tellChange(slot, change)
    for (const [slot, { whole }] of this.#told) {
      const known = this.#things.get(slot)
      if (known === undefined || this.#changed.has(slot) || whole.length === 0) continue
      for (const part of whole) known.behind.delete(part)
      this.#write(known.by, { kind: TOLD, slot, whole: this.#indexes(whole) })
    }
    this.#changed.clear()
    this.#told.clear()
    this.#isTicking = false
  }
  #tellChange(slot: number, { kind, from }: Change): void {
    const known = this.#things.get(slot)
    if (known === undefined) return
    this.#isMoved = true
    const { changes = [], whole = [] } = this.#told.get(slot) ?? {}
    if (changes.length + whole.length === this.#live) known.behind.clear()
    else {
      for (const [part, { ends }] of this.#parts)
        if (ends === Number.POSITIVE_INFINITY) known.behind.add(part)
      for (const part of changes) known.behind.delete(part)
      for (const part of whole) known.behind.delete(part)
    }
    const told = { changes: this.#indexes(changes), whole: this.#indexes(whole) }
    const { thing, by } = known
    if (kind === NAME) this.#write(by, { kind, thing, told })
    else this.#write(by, { kind, slot, to: thing.pose, told }, from)
  }
  began(part: object): void {
    this.#live += 1
    this.#parts.set(part, { index: this.#partCount++, begins: this.#now, ends: Number.POSITIVE_INFINITY })
  }
  ended(part: object): void {
    const known = this.#parts.get(part)
    if (known !== undefined) {
      known.ends = this.#now
      this.#live -= 1
    }
    for (const { behind } of this.#things.values()) behind.delete(part)
  }
  saw(
    hearer: { readonly id: string; readonly by: string },
    part: object | null,
    seen: Seen,
    at: number,
  ): void {
    const { id, by } = hearer
    if (part === null) this.#hearers.delete(id)
    else {
      const isLate = seen === 'late' || seen.endsWith(' late')
      const wasLate = this.#hearers.get(id)?.isLate === true && seen === 'went'
      this.#hearers.set(id, { by, part, isLate: isLate || wasLate })
    }
    if (seen !== 'in') this.#isMoved = true
    const tick = this.#ticks.at(-1) ?? at
    const isAfter = seen === 'whole'
    const act: Act = {
      kind: VIEW,
      id,
      part: part === null ? null : (this.#parts.get(part)?.index ?? null),
      seen,
      msAfter: isAfter ? Math.max(0, at - tick) : 0,
    }
    this.#write(by, act, null, isAfter ? Math.max(0, this.#ticks.length - 1) : this.#now)
  }

  // ── blocks ─────────────────────────────────────────────────────────────────────────────────────────────

  /** What was recorded since the last block; a new one begins. To be called between ticks. */
  cut(): RecordedBlock {
    const tracks = new Map<string, Uint8Array>()
    let shortened = 0
    for (const [by, { writer, isShort }] of this.#tracks) {
      tracks.set(by, writer.view().slice())
      if (isShort) shortened += 1
    }
    const last = this.#ticks.length
    const parts = [...this.#parts.values()].map(({ begins, ends }) => [begins, Math.min(ends, last)] as const)
    const block = {
      head: { version: 1 as const, ticks: this.#ticks, parts },
      tracks,
      isMoved: this.#isMoved,
      shortened,
    }
    this.#begin()
    return block
  }
  #begin(): void {
    const parts = [...this.#parts].filter(([, { ends }]) => ends === Number.POSITIVE_INFINITY)
    this.#tracks = new Map()
    this.#parts = new Map()
    this.#partCount = 0
    this.#live = 0
    this.#ticks = []
    this.#isMoved = false
    this.#bytes = 0
    for (const [part] of parts) this.began(part)
    for (const { thing, by, behind } of this.#things.values())
      this.#write(by, { kind: STAND, thing, behind: this.#indexes(behind) })
    for (const [id, { by, part, isLate }] of this.#hearers)
      this.#write(by, {
        kind: VIEW,
        id,
        part: this.#parts.get(part)?.index ?? null,
        seen: isLate ? 'in and late' : 'in',
        msAfter: 0,
      })
  }
  /** The current tick, or the next one between ticks. */
  get #now(): number {
    return this.#isTicking ? this.#ticks.length - 1 : this.#ticks.length
  }
  #indexes(parts: Iterable<object>): ReadonlyArray<number> {
    const indexes: number[] = []
    for (const part of parts) {
      const known = this.#parts.get(part)
      if (known !== undefined) indexes.push(known.index)
    }
    return indexes
  }
  #write(by: string, act: Act, from: Pose | null = null, tick = this.#now): void {
    let track = this.#tracks.get(by)
    if (track === undefined) {
      track = { writer: new Writer(FIRST), last: 0, isShort: false }
      this.#tracks.set(by, track)
      this.#onMover(by)
    }
    if (track.isShort) return
    const { writer } = track
    const before = writer.length
    if (before > MAX_TRACK || this.#bytes > MAX_BLOCK) {
      track.isShort = true
      return
    }
    writer.varint(tick - track.last)
    track.last = tick
    writeAct(writer, act, from, this.#live)
    this.#bytes += writer.length - before
  }
}
