/** How a block of motion is written: ticks and parts of the room in its head, and for each mover a track of what they
 *  moved and what they were sent. A track has all that a frame of the packed wire was made from (docs/scene.md). */
import type { Form, Pose, Writer } from '../packed.ts'

export type MotionHead = {
  readonly version: 1
  /** The server's clock in ms, at each tick. */
  readonly ticks: ReadonlyArray<number>
  /** The parts of the room that frames were made for: the tick at which each began, and the tick before which it ended. */
  readonly parts: ReadonlyArray<readonly [begins: number, ends: number]>
}
export type MotionBlock = {
  readonly head: MotionHead
  /** The tracks that can be read. */
  readonly tracks: ReadonlyArray<Uint8Array>
  /** Whether those are all tracks. */
  readonly isAll: boolean
}

export const STAND = 0
export const NAME = 1
export const MOVE = 2
export const FREE = 3
export const TOLD = 4
export const VIEW = 5

/** What somebody on the packed wire was sent. */
const VIEWS = ['in', 'whole', 'went', 'late', 'out', 'in and late', 'went and late'] as const
export type Seen = (typeof VIEWS)[number]

/** A thing that is moved: where it is, and which slot stands for it. */
export type Thing = { readonly slot: number; readonly form: Form; readonly id: string; readonly pose: Pose }
/** Who was sent a thing's newest place: the parts of the room that were sent the change, and the parts that were sent all of it. */
export type Told = { readonly changes: ReadonlyArray<number>; readonly whole: ReadonlyArray<number> }

export type Act =
  | { readonly kind: typeof STAND; readonly thing: Thing; readonly behind: ReadonlyArray<number> }
  | { readonly kind: typeof NAME; readonly thing: Thing; readonly told: Told }
  | { readonly kind: typeof MOVE; readonly slot: number; readonly to: Pose; readonly told: Told }
  | { readonly kind: typeof FREE; readonly slot: number }
  | { readonly kind: typeof TOLD; readonly slot: number; readonly whole: ReadonlyArray<number> }
  | {
      readonly kind: typeof VIEW
      readonly id: string
      /** Null: in no part. */
      readonly part: number | null
      readonly seen: Seen
      /** Milliseconds from its tick to the frame with everything, which may come a little later. */
      readonly msAfter: number
    }

const text = new TextEncoder()
const writeText = (to: Writer, value: string): void => {
  const bytes = text.encode(value)
  to.varint(bytes.length)
  to.bytes(bytes)
}
/** 0 means none and 1 means all; any other number is how many, plus one, and the parts follow. */
const writeParts = (to: Writer, parts: ReadonlyArray<number>, all: number): void => {
  const isAll = parts.length > 0 && parts.length === all
  to.varint(isAll ? 1 : parts.length === 0 ? 0 : parts.length + 1)
  if (!isAll) for (const part of parts) to.varint(part)
}
const writeThing = (to: Writer, { slot, form, id, pose }: Thing): void => {
  to.varint(slot)
  to.byte(form)
  writeText(to, id)
  to.signed(pose.x)
  to.signed(pose.y)
  to.signed(pose.z)
  to.uint32(pose.turn)
}
const HORIZONTAL = 1
const VERTICAL = 2
const TURN = 4
const writeMove = (to: Writer, from: Pose, { x, y, z, turn }: Pose): void => {
  const isAlong = x !== from.x || z !== from.z
  const flags = (isAlong ? HORIZONTAL : 0) | (y !== from.y ? VERTICAL : 0) | (turn !== from.turn ? TURN : 0)
  to.byte(flags)
  if (isAlong) {
    to.signed(x - from.x)
    to.signed(z - from.z)
  }
  if (y !== from.y) to.signed(y - from.y)
  if (turn !== from.turn) to.uint32(turn)
}
const never = (act: never): never => {
  throw new Error(`unknown act ${JSON.stringify(act)}`)
}
/** `from`: where a thing that moves was before. `all`: how many parts of the room there are. */
export const writeAct = (to: Writer, act: Act, from: Pose | null, all: number): void => {
  to.byte(act.kind)
  switch (act.kind) {
    case STAND:
      writeThing(to, act.thing)
      // Written one by one: before the next tick there may be more parts.
      writeParts(to, act.behind, Number.NaN)
      break
    case NAME:
      writeThing(to, act.thing)
      writeParts(to, act.told.whole, all)
      break
    case MOVE:
      to.varint(act.slot)
      writeMove(to, from as Pose, act.to)
      writeParts(to, act.told.changes, all)
      writeParts(to, act.told.whole, all)
      break
    case FREE:
      to.varint(act.slot)
      break
    case TOLD:
      to.varint(act.slot)
      writeParts(to, act.whole, all)
      break
    case VIEW:
      writeText(to, act.id)
      to.varint(act.part === null ? 0 : act.part + 1)
      to.byte(VIEWS.indexOf(act.seen))
      to.varint(act.msAfter)
      break
    default:
      never(act)
  }
}

/** A track ends too early, or contains something unknown. */
class BrokenTrack extends Error {
  override readonly name = 'BrokenTrack'
}
class Reader {
  readonly #bytes: Uint8Array
  #at = 0
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }
  get isOver(): boolean {
    return this.#at >= this.#bytes.length
  }
  byte(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw new BrokenTrack('it ends too early')
    return byte
  }
  uint32(): number {
    return (this.byte() | (this.byte() << 8) | (this.byte() << 16) | (this.byte() << 24)) >>> 0
  }
  varint(): number {
    let [value, factor] = [0, 1]
    for (let i = 0; i < 8; i += 1) {
      const byte = this.byte()
      value += (byte & 127) * factor
      if (byte < 128) return value
      factor *= 128
    }
    throw new BrokenTrack('a number is too long')
  }
  signed(): number {
    const value = this.varint()
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2
  }
  text(): string {
    const length = this.varint()
    if (this.#at + length > this.#bytes.length) throw new BrokenTrack('it ends too early')
    const bytes = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return new TextDecoder().decode(bytes)
  }
  parts(all: () => ReadonlyArray<number>): ReadonlyArray<number> {
    const said = this.varint()
    if (said === 0) return []
    return said === 1 ? all() : Array.from({ length: said - 1 }, () => this.varint())
  }
  thing(): Thing {
    const [slot, form, id] = [this.varint(), this.byte() as Form, this.text()]
    const pose = { x: this.signed(), y: this.signed(), z: this.signed(), turn: this.uint32() }
    return { slot, form, id, pose }
  }
}

const partsAt = (head: MotionHead, tick: number): ReadonlyArray<number> =>
  head.parts.flatMap(([begins, ends], part) => (begins <= tick && tick < ends ? [part] : []))

const readAct = (from: Reader, all: () => ReadonlyArray<number>, poses: Map<number, Pose>): Act => {
  const kind = from.byte()
  switch (kind) {
    case STAND: {
      const thing = from.thing()
      poses.set(thing.slot, thing.pose)
      return { kind, thing, behind: from.parts(all) }
    }
    case NAME: {
      const thing = from.thing()
      poses.set(thing.slot, thing.pose)
      return { kind, thing, told: { changes: [], whole: from.parts(all) } }
    }
    case MOVE: {
      const slot = from.varint()
      const was = poses.get(slot)
      if (was === undefined) throw new BrokenTrack('something moves that is nowhere')
      const flags = from.byte()
      let { x, y, z, turn } = was
      if ((flags & HORIZONTAL) !== 0) {
        x += from.signed()
        z += from.signed()
      }
      if ((flags & VERTICAL) !== 0) y += from.signed()
      if ((flags & TURN) !== 0) turn = from.uint32()
      const to = { x, y, z, turn }
      poses.set(slot, to)
      return { kind, slot, to, told: { changes: from.parts(all), whole: from.parts(all) } }
    }
    case FREE:
      return { kind, slot: from.varint() }
    case TOLD:
      return { kind, slot: from.varint(), whole: from.parts(all) }
    case VIEW: {
      const [id, part, seen] = [from.text(), from.varint(), VIEWS[from.byte()]]
      if (seen === undefined) throw new BrokenTrack('it tells of a view that there is not')
      return { kind, id, part: part === 0 ? null : part - 1, seen, msAfter: from.varint() }
    }
    default:
      throw new BrokenTrack('it tells of what there is not')
  }
}

/** Its acts by tick. Throws `BrokenTrack`. */
export const readTrack = (head: MotionHead, bytes: Uint8Array, into: Map<number, Act[]>): void => {
  const from = new Reader(bytes)
  const poses = new Map<number, Pose>()
  const live = new Map<number, ReadonlyArray<number>>()
  let tick = 0
  while (!from.isOver) {
    tick += from.varint()
    if (tick > head.ticks.length) throw new BrokenTrack('it goes on after the block')
    const all = (): ReadonlyArray<number> => {
      const known = live.get(tick) ?? partsAt(head, tick)
      live.set(tick, known)
      return known
    }
    const acts = into.get(tick) ?? []
    into.set(tick, acts)
    acts.push(readAct(from, all, poses))
  }
}
