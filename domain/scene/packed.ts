/** Positions in few bytes: how frames of the packed wire are written (docs/scene.md). The client has their reader,
 *  `apps/client/src/packed.ts`; a test checks one against the other. */

/** Millimetres, and a turn in 32 bits whose encoding `form` says. */
export type Pose = { readonly x: number; readonly y: number; readonly z: number; readonly turn: number }
const NO_TURN = 0
const QUATERNION = 1
/** Degrees around x, y, z, as A-Frame writes them. */
const EULER = 2
export type Form = typeof NO_TURN | typeof QUATERNION | typeof EULER

export const CHANGES = 1
export const WHOLE = 2
const HORIZONTAL = 1
const VERTICAL = 2
const TURN = 4
export const ABSOLUTE = 8
/** From this on, the rest of the gap follows separately. */
const LONG_GAP = 15

/** In millimetres: a thousand kilometres in either direction. */
const FARTHEST = 1_000_000_000
const STEPS = 1_023
const MAX_PART = Math.SQRT1_2

type Numbers = Readonly<Record<string, unknown>>
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)
/** Whether it has these numbers and nothing else. */
const only = (value: unknown, names: 'xyz' | 'xyzw'): value is Readonly<Record<string, number>> => {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== names.length) return false
  const { x, y, z, w } = value as Numbers
  return isNumber(x) && isNumber(y) && isNumber(z) && (names === 'xyz' || isNumber(w))
}

/** The largest part of a unit quaternion is left out: its index is written, and ten bits for each of the others. */
const packQuaternion = (q: Readonly<Record<'x' | 'y' | 'z' | 'w', number>>): number => {
  const length = Math.hypot(q.x, q.y, q.z, q.w) || 1
  const parts = [q.x / length, q.y / length, q.z / length, q.w / length]
  let largest = 0
  for (let i = 1; i < 4; i += 1) if (Math.abs(parts[i]!) > Math.abs(parts[largest]!)) largest = i
  const sign = parts[largest]! < 0 ? -1 : 1
  let packed = largest
  for (let i = 0; i < 4; i += 1)
    if (i !== largest)
      packed =
        packed * (STEPS + 1) +
        Math.round(((Math.max(-1, Math.min(1, (sign * parts[i]!) / MAX_PART)) + 1) / 2) * STEPS)
  return packed >>> 0
}
const angle = (degrees: number, bits: number): number => {
  const steps = 2 ** bits
  return ((Math.round((degrees / 360) * steps) % steps) + steps) % steps
}
const packEuler = ({ x, y, z }: Readonly<Record<'x' | 'y' | 'z', number>>): number =>
  (angle(x, 11) * 2 ** 21 + angle(y, 11) * 2 ** 10 + angle(z, 10)) >>> 0

/** Null if the wire can't express it. */
export const packPose = (
  position: unknown,
  rotation: unknown,
): { readonly pose: Pose; readonly form: Form } | null => {
  if (!only(position, 'xyz')) return null
  const x = Math.round(position.x! * 1_000)
  const y = Math.round(position.y! * 1_000)
  const z = Math.round(position.z! * 1_000)
  if (Math.max(Math.abs(x), Math.abs(y), Math.abs(z)) > FARTHEST) return null
  if (rotation === null || rotation === undefined) return { pose: { x, y, z, turn: 0 }, form: NO_TURN }
  if (only(rotation, 'xyzw'))
    return { pose: { x, y, z, turn: packQuaternion(rotation as never) }, form: QUATERNION }
  if (only(rotation, 'xyz')) return { pose: { x, y, z, turn: packEuler(rotation as never) }, form: EULER }
  return null
}

/** A buffer that grows. */
export class Writer {
  #bytes: Uint8Array
  length = 0
  constructor(size = 4_096) {
    this.#bytes = new Uint8Array(size)
  }
  #room(more: number): void {
    if (this.length + more <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + more))
    grown.set(this.#bytes.subarray(0, this.length))
    this.#bytes = grown
  }
  clear(): void {
    this.length = 0
  }
  byte(value: number): void {
    this.#room(1)
    this.#bytes[this.length++] = value
  }
  uint32(value: number): void {
    this.#room(4)
    for (let shift = 0; shift < 32; shift += 8) this.#bytes[this.length++] = (value >>> shift) & 255
  }
  /** Seven bits a byte, the least first. Up to 2^32. */
  varint(value: number): void {
    this.#room(5)
    let rest = value
    while (rest > 127) {
      this.#bytes[this.length++] = (rest & 127) | 128
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.length++] = rest
  }
  /** Either sign: 0, -1, 1, -2, … */
  signed(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value)
  }
  bytes(from: Uint8Array, start = 0, end = from.length): void {
    this.#room(end - start)
    this.#bytes.set(from.subarray(start, end), this.length)
    this.length += end - start
  }
  /** What has been written so far; valid until more is written. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.length)
  }
}

/** A move's body, without the byte that says which slot it is and what follows. */
export type Body = { readonly flags: number; readonly start: number; readonly end: number }

/** The difference from the place that the readers know. Null if there is none. */
export const writeDelta = (to: Writer, before: Pose, after: Pose): Body | null => {
  const start = to.length
  const [dx, dy, dz] = [after.x - before.x, after.y - before.y, after.z - before.z]
  let flags = 0
  if (dx !== 0 || dz !== 0) {
    flags |= HORIZONTAL
    to.signed(dx)
    to.signed(dz)
  }
  if (dy !== 0) {
    flags |= VERTICAL
    to.signed(dy)
  }
  if (after.turn !== before.turn) {
    flags |= TURN
    to.uint32(after.turn)
  }
  return flags === 0 ? null : { flags, start, end: to.length }
}
export const writeAbsolute = (to: Writer, pose: Pose, form: Form): Body => {
  const start = to.length
  to.signed(pose.x)
  to.signed(pose.y)
  to.signed(pose.z)
  if (form !== NO_TURN) to.uint32(pose.turn)
  return { flags: ABSOLUTE | (form === NO_TURN ? 0 : TURN), start, end: to.length }
}

const text = new TextEncoder()
export type NamedSlot = { readonly slot: number; readonly form: Form; readonly id: string }
/** `time`: the server's, ms modulo 2^32. */
export const writeHead = (
  to: Writer,
  kind: typeof CHANGES | typeof WHOLE,
  time: number,
  changed: { readonly named: ReadonlyArray<NamedSlot>; readonly freed: ReadonlyArray<number> },
): void => {
  to.byte(kind)
  to.uint32(time % 2 ** 32)
  to.varint(changed.named.length)
  for (const { slot, form, id } of changed.named) {
    to.varint(slot)
    to.byte(form)
    const bytes = text.encode(id)
    to.varint(bytes.length)
    to.bytes(bytes)
  }
  to.varint(changed.freed.length)
  for (const slot of changed.freed) to.varint(slot)
}
/** To be called with slots in rising order. `last`: the slot before, -1 at first. */
export const writeMove = (
  to: Writer,
  { last, slot }: { readonly last: number; readonly slot: number },
  body: Body,
  bodies: Uint8Array,
): void => {
  const gap = slot - last - 1
  to.byte((Math.min(gap, LONG_GAP) << 4) | body.flags)
  if (gap >= LONG_GAP) to.varint(gap - LONG_GAP)
  to.bytes(bodies, body.start, body.end)
}

export type PackedMove = {
  readonly position: Readonly<Record<'x' | 'y' | 'z', number>>
  readonly rotation?: Readonly<Record<string, number>>
}
/** A client's own place as it sends it, in the bytes from `start` to `end`; null if they are malformed. */
export const readMove = (bytes: Uint8Array, start = 0, end = bytes.length): PackedMove | null => {
  if (end - start < 5 || bytes[start] !== 1) return null
  let at = start + 2
  const signed = (): number => {
    let [value, factor] = [0, 1]
    for (let i = 0; i < 5; i += 1) {
      if (at >= end) return Number.NaN
      const byte = bytes[at++]!
      value += (byte & 127) * factor
      if (byte < 128) return value % 2 === 1 ? -(value + 1) / 2 : value / 2
      factor *= 128
    }
    return Number.NaN
  }
  const position = { x: signed() / 1_000, y: signed() / 1_000, z: signed() / 1_000 }
  if (!Number.isFinite(position.x + position.y + position.z)) return null
  const form = bytes[start + 1]
  if (form === NO_TURN) return at === end ? { position } : null
  if (end !== at + 4) return null
  const turn = (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  if (form === QUATERNION) return { position, rotation: unpackQuaternion(turn) }
  return form === EULER ? { position, rotation: unpackEuler(turn) } : null
}
const unpackQuaternion = (packed: number): Readonly<Record<'x' | 'y' | 'z' | 'w', number>> => {
  const largest = packed >>> 30
  const parts = [0, 0, 0, 0]
  let [rest, squares] = [1, 0]
  let shift = 20
  for (let i = 0; i < 4; i += 1) {
    if (i === largest) continue
    const part = ((((packed >>> shift) & STEPS) / STEPS) * 2 - 1) * MAX_PART
    parts[i] = part
    squares += part * part
    shift -= 10
  }
  rest = Math.sqrt(Math.max(0, 1 - squares))
  parts[largest] = rest
  return { x: parts[0]!, y: parts[1]!, z: parts[2]!, w: parts[3]! }
}
const unpackEuler = (packed: number): Readonly<Record<'x' | 'y' | 'z', number>> => ({
  x: ((packed >>> 21) * 360) / 2_048,
  y: (((packed >>> 10) & 2_047) * 360) / 2_048,
  z: ((packed & 1_023) * 360) / 1_024,
})
