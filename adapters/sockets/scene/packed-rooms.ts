/** The rooms with somebody in them who speaks the packed wire, each with its tick. */
import type { RoomKey } from '../../../domain/names.ts'
import type { Clock } from '../../../domain/ports.ts'
import type { Member } from '../member.ts'
import type { Sending } from '../sending.ts'
import { type Hearer, PackedRoom } from './packed-room.ts'
import type { RoomScene } from './room-scene.ts'

/** How long a tick is (ms): with few hearers, with more. */
const SHORT_MS = 33
const LONG_MS = 66
const FEW = 50

type Ticking = { readonly packed: PackedRoom; timer: NodeJS.Timeout | undefined; last: number }

export class PackedRooms {
  readonly #sending: Sending
  readonly #clock: Clock
  readonly #rooms = new Map<RoomKey, Ticking>()
  constructor(sending: Sending, clock: Clock) {
    this.#sending = sending
    this.#clock = clock
  }

  /** It hears from now on, until what is answered is called; null where its line takes no frames. */
  join(member: Member, scene: RoomScene): (() => void) | null {
    const { line } = member
    const { room } = scene
    if (line.frame === undefined) return null
    const known = this.#rooms.get(room)
    const ticking = known ?? this.#begin(scene)
    const hearer: Hearer = { id: line.id, frame: (bytes) => line.frame?.(bytes) ?? true }
    this.#sending.pack(room, line.id, true)
    // What is gone, and waits for the next tick, is not among what it is told.
    ticking.packed.tick(this.#clock.now())
    ticking.packed.join(hearer, this.#clock.now())
    this.#schedule(ticking)
    return () => {
      ticking.packed.leave(hearer)
      this.#sending.pack(room, line.id, false)
      if (ticking.packed.size > 0) return
      clearTimeout(ticking.timer)
      if (this.#rooms.get(room) === ticking) this.#rooms.delete(room)
    }
  }
  #begin(scene: RoomScene): Ticking {
    const ticking: Ticking = { packed: new PackedRoom(), timer: undefined, last: 0 }
    this.#rooms.set(scene.room, ticking)
    for (const [id, place] of scene.places()) ticking.packed.put(id, place)
    // So that who begins it is told all of it with the first frame.
    ticking.packed.tick(this.#clock.now())
    return ticking
  }
  /** Where an avatar or an entity is now; null for nowhere. */
  put(
    room: RoomKey,
    id: string,
    place: { readonly position: unknown; readonly rotation: unknown } | null,
  ): void {
    const ticking = this.#rooms.get(room)
    if (ticking === undefined || (place === null && !ticking.packed.has(id))) return
    ticking.packed.put(id, place)
    this.#schedule(ticking)
  }
  #schedule(ticking: Ticking): void {
    if (ticking.timer !== undefined || ticking.packed.isIdle) return
    const length = ticking.packed.size > FEW ? LONG_MS : SHORT_MS
    const wait = Math.max(0, ticking.last + length - performance.now())
    ticking.timer = setTimeout(() => {
      ticking.timer = undefined
      ticking.last = performance.now()
      ticking.packed.tick(this.#clock.now())
      this.#schedule(ticking)
    }, wait).unref()
  }
  stop(): void {
    for (const { timer } of this.#rooms.values()) clearTimeout(timer)
  }
}
