/** The packed wire: where everything in the room is, in one binary frame a tick. Written by the server's
 *  `domain/scene/packed.ts`; docs/scene.md has every byte. */
import type { Quaternion, Vector } from './moves.ts'

export type PackedPose = {
  readonly position: Vector
  /** A unit quaternion, or degrees if the sender uses degrees. */
  readonly rotation: Quaternion | Vector | null
}
export type PackedFrame = {
  /** The server's clock, ms modulo 2^32. */
  readonly time: number
  /** By socket for an avatar, by id for an entity. */
  readonly moved: ReadonlyMap<string, PackedPose>
  readonly gone: ReadonlyArray<string>
}

const [NO_TURN, QUATERNION, EULER] = [0, 1, 2]
const WHOLE = 2
const STEPS = 1_023

class Reader {
  readonly #bytes: Uint8Array
  at = 0
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }
  get isOver(): boolean {
    return this.at >= this.#bytes.length
  }
  byte(): number {
    const byte = this.#bytes[this.at++]
    if (byte === undefined) throw new Error('A packed frame ends too early.')
    return byte
  }
  uint32(): number {
    return (this.byte() | (this.byte() << 8) | (this.byte() << 16) | (this.byte() << 24)) >>> 0
  }
  varint(): number {
    let [value, factor] = [0, 1]
    for (;;) {
      const byte = this.byte()
      value += (byte & 127) * factor
      if (byte < 128) return value
      factor *= 128
    }
  }
  signed(): number {
    const value = this.varint()
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2
  }
  text(): string {
    const length = this.varint()
    const bytes = this.#bytes.subarray(this.at, this.at + length)
    this.at += length
    return new TextDecoder().decode(bytes)
  }
}

const quaternion = (packed: number): Quaternion => {
  const largest = packed >>> 30
  const parts = [0, 0, 0, 0]
  let squares = 0
  let shift = 20
  for (let i = 0; i < 4; i += 1) {
    if (i === largest) continue
    const part = ((((packed >>> shift) & STEPS) / STEPS) * 2 - 1) * Math.SQRT1_2
    parts[i] = part
    squares += part * part
    shift -= 10
  }
  parts[largest] = Math.sqrt(Math.max(0, 1 - squares))
  const [x = 0, y = 0, z = 0, w = 0] = parts
  return { x, y, z, w }
}
const degrees = (packed: number): Vector => ({
  x: ((packed >>> 21) * 360) / 2_048,
  y: (((packed >>> 10) & 2_047) * 360) / 2_048,
  z: ((packed & 1_023) * 360) / 1_024,
})

/** In millimetres, as frames say them. */
type Slot = { readonly id: string; readonly form: number; x: number; y: number; z: number; turn: number }

const poseOf = ({ form, x, y, z, turn }: Slot): PackedPose => ({
  position: { x: x / 1_000, y: y / 1_000, z: z / 1_000 },
  rotation: form === QUATERNION ? quaternion(turn) : form === EULER ? degrees(turn) : null,
})

/** Reads frames one after another: each says what is new since the one before. */
export class PackedReader {
  readonly #slots = new Map<number, Slot>()

  read(bytes: Uint8Array): PackedFrame {
    const reader = new Reader(bytes)
    const gone: string[] = []
    const kind = reader.byte()
    const before = new Set<string>()
    if (kind === WHOLE) {
      for (const { id } of this.#slots.values()) before.add(id)
      this.#slots.clear()
    }
    const time = reader.uint32()
    for (let count = reader.varint(); count > 0; count -= 1) {
      const slot = reader.varint()
      const form = reader.byte()
      this.#slots.set(slot, { id: reader.text(), form, x: 0, y: 0, z: 0, turn: 0 })
    }
    for (let count = reader.varint(); count > 0; count -= 1) {
      const slot = reader.varint()
      const known = this.#slots.get(slot)
      if (known !== undefined) gone.push(known.id)
      this.#slots.delete(slot)
    }
    const moved = this.#moves(reader)
    const left = new Set([...gone, ...before])
    // A name may have got another slot.
    if (left.size > 0) for (const { id } of this.#slots.values()) left.delete(id)
    return { time, moved, gone: [...left] }
  }
  #moves(reader: Reader): Map<string, PackedPose> {
    const moved = new Map<string, PackedPose>()
    let slot = -1
    while (!reader.isOver) {
      const head = reader.byte()
      const gap = head >> 4
      slot += 1 + (gap === 15 ? 15 + reader.varint() : gap)
      const known = this.#slots.get(slot)
      if (known === undefined) throw new Error(`A packed frame moves slot ${slot}, which it never named.`)
      if (head & 8) {
        known.x = reader.signed()
        known.y = reader.signed()
        known.z = reader.signed()
      } else {
        if (head & 1) {
          known.x += reader.signed()
          known.z += reader.signed()
        }
        if (head & 2) known.y += reader.signed()
      }
      if (head & 4) known.turn = reader.uint32()
      moved.set(known.id, poseOf(known))
    }
    return moved
  }
  clear(): void {
    this.#slots.clear()
  }
}

/** The user's own place, in the form that the server reads. */
export const packMove = (position: Vector, rotation: Quaternion | null): Uint8Array => {
  const bytes = [1, rotation === null ? NO_TURN! : QUATERNION!]
  const signed = (metres: number) => {
    const value = Math.round(metres * 1_000)
    let rest = value < 0 ? -2 * value - 1 : 2 * value
    while (rest > 127) {
      bytes.push((rest & 127) | 128)
      rest = Math.floor(rest / 128)
    }
    bytes.push(rest)
  }
  signed(position.x)
  signed(position.y)
  signed(position.z)
  if (rotation !== null) {
    const packed = packQuaternion(rotation)
    for (let shift = 0; shift < 32; shift += 8) bytes.push((packed >>> shift) & 255)
  }
  return Uint8Array.from(bytes)
}
const packQuaternion = ({ x, y, z, w }: Quaternion): number => {
  const length = Math.hypot(x, y, z, w) || 1
  const parts = [x / length, y / length, z / length, w / length]
  let largest = 0
  for (let i = 1; i < 4; i += 1) if (Math.abs(parts[i]!) > Math.abs(parts[largest]!)) largest = i
  const sign = parts[largest]! < 0 ? -1 : 1
  let packed = largest
  for (let i = 0; i < 4; i += 1) {
    if (i === largest) continue
    const part = Math.max(-1, Math.min(1, (sign * parts[i]!) / Math.SQRT1_2))
    packed = packed * (STEPS + 1) + Math.round(((part + 1) / 2) * STEPS)
  }
  return packed >>> 0
}
