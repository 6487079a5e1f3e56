/** The positions of everything in a room, for members on the packed wire: one frame per tick, encoded once for
 *  everybody in the same part of the room. Each frame has what is near them; once a second it also has what is far
 *  away. */

import type { Witness } from '../../../domain/scene/motion/recorder.ts'
import {
  ABSOLUTE,
  type Body,
  CHANGES,
  type Form,
  type NamedSlot,
  type Pose,
  packPose,
  WHOLE,
  Writer,
  writeAbsolute,
  writeDelta,
  writeHead,
  writeMove,
} from '../../../domain/scene/packed.ts'

/** Somebody who gets frames: `frame` returns false if too much waits for them already. */
export type Hearer = {
  readonly id: string
  /** Who it is: an account or a guest. */
  readonly by: string
  readonly frame: (bytes: Buffer) => boolean
}
export type Place = { readonly position: unknown; readonly rotation: unknown }
type Slot = {
  readonly slot: number
  readonly id: string
  form: Form
  pose: Pose
  before: Pose
  /** Whoever moved it last. */
  by: string
  /** Counts its changes: whoever got the previous version can be sent only the difference. */
  version: number
}
type Group = {
  readonly hearers: Set<Hearer>
  /** The version that all of them have, by slot. */
  readonly told: Map<number, number>
  readonly toldAt: Map<number, number>
  /** Slots whose newest version they were not sent yet. */
  readonly behind: Set<number>
  /** The slots that are far from it; null if everything is near. */
  far: ReadonlySet<number> | null
}
/** What counts as near, which determines the cost of a tick: at most so many, within so many metres. */
export type Interest = {
  readonly most: number
  readonly metres: number
  readonly cell: number
  readonly farMs: number
}
const INTEREST: Interest = { most: 100, metres: 48, cell: 32, farMs: 900 }
/** How often (ms) members are assigned to parts of the room. */
const LOOK_MS = 500
const EVERYWHERE = 'all'

export class PackedRoom {
  readonly #slots = new Map<string, Slot>()
  readonly #bySlot: Array<Slot | undefined> = []
  readonly #free: number[] = []
  readonly #groups = new Map<string, Group>()
  readonly #hearers = new Map<Hearer, Group>()
  /** Members for whom too much waited: they get everything once they have read. */
  readonly #late = new Set<Hearer>()
  /** Changes since the last tick. `by`: whoever moved it. */
  readonly #dirty = new Map<string, { readonly place: Place | null; readonly by: string }>()
  #witness: Witness | null = null
  readonly #interest: Interest
  readonly #frame = new Writer()
  readonly #bodies = new Writer()
  #lookedAt = Number.NEGATIVE_INFINITY

  constructor(interest: Interest = INTEREST) {
    this.#interest = interest
  }
  /** The witness gets the current state, and then everything that is sent from now on. To be called between ticks.
   *  `by`: whoever moved a thing last. */
  attend(witness: Witness | null, by: (id: string) => string = () => ''): void {
    this.#witness = witness
    if (witness === null) return
    for (const group of this.#groups.values()) witness.began(group)
    for (const slot of this.#slots.values()) {
      const behind = [...this.#groups.values()].filter((group) => group.behind.has(slot.slot))
      slot.by = by(slot.id)
      witness.stood(slot, slot.by, behind)
    }
    for (const [hearer, group] of this.#hearers)
      witness.saw(hearer, group, this.#late.has(hearer) ? 'in and late' : 'in', 0)
  }
  get size(): number {
    return this.#hearers.size
  }
  get isIdle(): boolean {
    if (this.#dirty.size > 0 || this.#late.size > 0) return false
    for (const { behind } of this.#groups.values()) if (behind.size > 0) return false
    return true
  }
  has(id: string): boolean {
    return this.#slots.has(id) || this.#dirty.has(id)
  }

  /** Takes effect with the next tick. Null: it is gone, or its place can't be expressed on this wire. */
  put(id: string, place: Place | null, by = ''): void {
    this.#dirty.set(id, { place, by })
  }
  join(hearer: Hearer, now: number): void {
    const group = this.#groupOf(this.#cellOf(hearer.id))
    group.hearers.add(hearer)
    this.#hearers.set(hearer, group)
    const isTaken = hearer.frame(this.#whole(now))
    if (!isTaken) this.#late.add(hearer)
    this.#witness?.saw(hearer, group, isTaken ? 'whole' : 'late', now)
  }
  leave(hearer: Hearer): void {
    const group = this.#hearers.get(hearer)
    this.#hearers.delete(hearer)
    this.#late.delete(hearer)
    group?.hearers.delete(hearer)
    this.#witness?.saw(hearer, null, 'out', 0)
    this.#dropEmpty()
  }
  #dropEmpty(): void {
    for (const [key, group] of this.#groups) {
      if (group.hearers.size > 0) continue
      this.#groups.delete(key)
      this.#witness?.ended(group)
    }
  }

  /** `now`: ms of the server's clock. */
  tick(now: number): void {
    const named: NamedSlot[] = []
    const freed: number[] = []
    this.#bodies.clear()
    this.#witness?.tick(now)
    // Before anything new, so that whoever changes parts of the room has everything so far.
    if (now - this.#lookedAt >= LOOK_MS) this.#look(now)
    const changed = this.#take(named, freed)
    const fresh = new Set(changed)
    const deltas = new Map<number, Body>()
    const absolutes = new Map<number, Body>()
    for (const group of this.#groups.values()) {
      for (const slot of changed) group.behind.add(slot)
      for (const slot of freed) for (const map of [group.told, group.toldAt, group.behind]) map.delete(slot)
      this.#tell(group, now, { named, freed, fresh, deltas, absolutes })
    }
    this.#witness?.ticked()
    this.#catchUp(now)
  }

  /** Takes the changes since the last tick; returns the slots that moved. */
  #take(named: NamedSlot[], freed: number[]): ReadonlyArray<number> {
    const changed: number[] = []
    const nowFree: number[] = []
    for (const [id, { place, by }] of this.#dirty) {
      const packed = place === null ? null : packPose(place.position, place.rotation)
      let known = this.#slots.get(id)
      if (known !== undefined && (packed === null || packed.form !== known.form)) {
        this.#slots.delete(id)
        this.#bySlot[known.slot] = undefined
        freed.push(known.slot)
        this.#witness?.freed(known.slot)
        // Reused from the next tick on: in this frame its number is freed after names are given.
        nowFree.push(known.slot)
        known = undefined
      }
      if (packed === null) continue
      if (known === undefined) {
        const slot = this.#free.pop() ?? this.#bySlot.length
        const { form, pose } = packed
        known = { slot, id, form, pose, before: pose, by, version: 0 }
        this.#slots.set(id, known)
        this.#bySlot[slot] = known
        named.push({ slot, form: packed.form, id })
        changed.push(slot)
        this.#witness?.named(known, by)
        continue
      }
      const { x, y, z, turn } = packed.pose
      const { pose } = known
      if (x === pose.x && y === pose.y && z === pose.z && turn === pose.turn) continue
      known.before = pose
      known.pose = packed.pose
      known.by = by
      known.version += 1
      changed.push(known.slot)
      this.#witness?.moved(known.slot, known.pose, by)
    }
    this.#dirty.clear()
    this.#free.push(...nowFree)
    named.sort((a, b) => a.slot - b.slot)
    freed.sort((a, b) => a - b)
    return changed
  }

  #tell(
    group: Group,
    now: number,
    tick: {
      readonly named: ReadonlyArray<NamedSlot>
      readonly freed: ReadonlyArray<number>
      /** The slots that changed in this tick. */
      readonly fresh: ReadonlySet<number>
      readonly deltas: Map<number, Body>
      readonly absolutes: Map<number, Body>
    },
  ): void {
    const due: number[] = []
    for (const slot of group.behind) {
      const isFar = group.far?.has(slot) === true
      if (!isFar || !group.told.has(slot) || now - (group.toldAt.get(slot) ?? 0) >= this.#interest.farMs)
        due.push(slot)
    }
    if (due.length === 0 && tick.named.length === 0 && tick.freed.length === 0) return
    due.sort((a, b) => a - b)
    this.#frame.clear()
    writeHead(this.#frame, CHANGES, now, tick)
    let last = -1
    for (const slot of due) {
      const known = this.#bySlot[slot]
      group.behind.delete(slot)
      if (known === undefined) continue
      const body = this.#bodyFor(known, group.told.get(slot), tick)
      if (body !== null) this.#witness?.told(group, slot, (body.flags & ABSOLUTE) !== 0)
      group.told.set(slot, known.version)
      group.toldAt.set(slot, now)
      if (body === null) continue
      writeMove(this.#frame, { last, slot }, body, this.#bodies.view())
      last = slot
    }
    const bytes = Buffer.from(this.#frame.view())
    for (const hearer of group.hearers)
      if (!this.#late.has(hearer) && !hearer.frame(bytes)) {
        this.#late.add(hearer)
        this.#witness?.saw(hearer, group, 'late', now)
      }
  }
  #bodyFor(
    known: Slot,
    told: number | undefined,
    {
      fresh,
      deltas,
      absolutes,
    }: {
      readonly fresh: ReadonlySet<number>
      readonly deltas: Map<number, Body>
      readonly absolutes: Map<number, Body>
    },
  ): Body | null {
    const { slot, before, pose, form, version } = known
    if (told === version) return null
    // Members who came after an older change already have its result, so it is sent as a whole, not as a difference.
    if (told === version - 1 && fresh.has(slot)) {
      const body = deltas.get(slot) ?? writeDelta(this.#bodies, before, pose)
      if (body !== null) deltas.set(slot, body)
      return body
    }
    const body = absolutes.get(slot) ?? writeAbsolute(this.#bodies, pose, form)
    absolutes.set(slot, body)
    return body
  }

  #catchUp(now: number): void {
    for (const hearer of this.#late) {
      if (!hearer.frame(this.#whole(now))) continue
      this.#late.delete(hearer)
      this.#witness?.saw(hearer, this.#hearers.get(hearer) ?? null, 'whole', now)
    }
  }
  /** A frame with everything, for somebody who has nothing. */
  #whole(now: number): Buffer {
    const slots = this.#bySlot.filter((slot) => slot !== undefined)
    return this.#some(WHOLE, now, slots)
  }
  #some(kind: typeof CHANGES | typeof WHOLE, now: number, slots: ReadonlyArray<Slot>): Buffer {
    const [frame, bodies] = [new Writer(), new Writer()]
    writeHead(frame, kind, now, { named: kind === WHOLE ? slots : [], freed: [] })
    let last = -1
    for (const { slot, pose, form } of slots) {
      bodies.clear()
      writeMove(frame, { last, slot }, writeAbsolute(bodies, pose, form), bodies.view())
      last = slot
    }
    return Buffer.from(frame.view())
  }

  // ── who stands where ───────────────────────────────────────────────────────────────────────────────────

  #cellOf(id: string): string {
    const pose = this.#slots.get(id)?.pose
    if (this.#slots.size <= this.#interest.most || pose === undefined) return EVERYWHERE
    const side = this.#interest.cell * 1_000
    return `${Math.floor(pose.x / side)} ${Math.floor(pose.z / side)}`
  }
  /** A new part of the room knows what everybody who comes gets: everything as it is. */
  #groupOf(key: string): Group {
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    const told = new Map<number, number>()
    for (const slot of this.#slots.values()) told.set(slot.slot, slot.version)
    const made: Group = { hearers: new Set(), told, toldAt: new Map(), behind: new Set(), far: null }
    this.#groups.set(key, made)
    this.#witness?.began(made)
    return made
  }
  #look(now: number): void {
    this.#lookedAt = now
    for (const [hearer, group] of this.#hearers) {
      const next = this.#groupOf(this.#cellOf(hearer.id))
      if (next === group) continue
      // What the member had not been sent yet in the part that it comes from.
      const missed = [...group.behind].sort((a, b) => a - b).map((slot) => this.#bySlot[slot])
      group.hearers.delete(hearer)
      next.hearers.add(hearer)
      this.#hearers.set(hearer, next)
      let isTaken = true
      if (!this.#late.has(hearer) && missed.length > 0) {
        const known = missed.filter((slot): slot is Slot => slot !== undefined && group.told.has(slot.slot))
        isTaken = hearer.frame(this.#some(CHANGES, now, known))
        if (!isTaken) this.#late.add(hearer)
      }
      this.#witness?.saw(hearer, next, isTaken ? 'went' : 'went and late', now)
    }
    this.#dropEmpty()
    for (const [key, group] of this.#groups)
      group.far = key === EVERYWHERE ? this.#tooMany() : this.#farFrom(key)
  }
  /** For members whose place is unknown: the first things count as near, the others are sent seldom. */
  #tooMany(): ReadonlySet<number> | null {
    if (this.#slots.size <= this.#interest.most) return null
    return new Set([...this.#slots.values()].slice(this.#interest.most).map(({ slot }) => slot))
  }
  #farFrom(key: string): ReadonlySet<number> {
    const { cell, metres, most } = this.#interest
    const [column = 0, row = 0] = key.split(' ').map(Number)
    const [x, z] = [(column + 0.5) * cell * 1_000, (row + 0.5) * cell * 1_000]
    const away = [...this.#slots.values()]
      .map(({ slot, pose }) => ({ slot, away: Math.hypot(pose.x - x, pose.z - z) }))
      .sort((a, b) => a.away - b.away)
    const reach = (metres + cell / 2) * 1_000
    return new Set(away.filter((one, n) => n >= most || one.away > reach).map(({ slot }) => slot))
  }
}
