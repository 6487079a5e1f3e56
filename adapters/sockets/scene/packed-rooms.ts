/** The rooms in which somebody is on the packed wire, each with its tick. */
import type { RoomKey } from '../../../domain/names.ts'
import type { Clock } from '../../../domain/ports.ts'
import type { Witness } from '../../../domain/scene/motion/recorder.ts'
import type { Member } from '../member.ts'
import type { Sending } from '../sending.ts'
import { type Hearer, PackedRoom, type Place } from './packed-room.ts'
import type { RoomScene } from './room-scene.ts'

/** How long a tick is (ms): with few recipients, with more, and with very many, where the writing to each of them is most of the cost. */
const SHORT_MS = 33
const LONG_MS = 66
const LONGEST_MS = 75
const FEW = 50
const VERY_MANY = 200
const lengthFor = (recipients: number): number =>
  recipients > VERY_MANY ? LONGEST_MS : recipients > FEW ? LONG_MS : SHORT_MS

type Ticking = {
  readonly packed: PackedRoom
  timer: NodeJS.Timeout | undefined
  last: number
  /** Whether it is recorded, even if nobody is on the packed wire. */
  isKept: boolean
}

export class PackedRooms {
  readonly #sending: Sending
  readonly #clock: Clock
  readonly #rooms = new Map<RoomKey, Ticking>()
  readonly #moverOf: (scene: RoomScene, id: string) => string
  /** `moverOf`: the account or guest who moved a thing last. */
  constructor(sending: Sending, clock: Clock, moverOf: (scene: RoomScene, id: string) => string) {
    this.#sending = sending
    this.#clock = clock
    this.#moverOf = moverOf
  }

  /** The member gets frames from now on, until the returned function is called; null if its line can't carry frames. */
  join(member: Member, scene: RoomScene): (() => void) | null {
    const { line } = member
    const { room } = scene
    if (line.frame === undefined) return null
    const known = this.#rooms.get(room)
    const ticking = known ?? this.#begin(scene)
    const hearer: Hearer = {
      id: line.id,
      by: member.caller.id,
      frame: (bytes) => line.frame?.(bytes) ?? true,
    }
    this.#sending.pack(room, line.id, true)
    // What is gone, but waits for the next tick, must not be in its first frame.
    ticking.packed.tick(this.#clock.now())
    ticking.packed.join(hearer, this.#clock.now())
    this.#schedule(ticking)
    return () => {
      ticking.packed.leave(hearer)
      this.#sending.pack(room, line.id, false)
      this.#endIfIdle(room, ticking)
    }
  }
  #endIfIdle(room: RoomKey, ticking: Ticking): void {
    if (ticking.packed.size > 0 || ticking.isKept) return
    clearTimeout(ticking.timer)
    if (this.#rooms.get(room) === ticking) this.#rooms.delete(room)
  }
  /** Everything that is sent to the room goes to the witness, too. */
  record(scene: RoomScene, witness: Witness): void {
    const ticking = this.#rooms.get(scene.room) ?? this.#begin(scene)
    ticking.isKept = true
    ticking.packed.attend(witness, (id) => this.#moverOf(scene, id))
  }
  recordNoMore(room: RoomKey): void {
    const ticking = this.#rooms.get(room)
    if (ticking === undefined) return
    ticking.isKept = false
    ticking.packed.attend(null)
    this.#endIfIdle(room, ticking)
  }
  #begin(scene: RoomScene): Ticking {
    const ticking: Ticking = { packed: new PackedRoom(), timer: undefined, last: 0, isKept: false }
    this.#rooms.set(scene.room, ticking)
    for (const [id, place] of scene.places()) ticking.packed.put(id, place, this.#moverOf(scene, id))
    // So that whoever starts it gets everything in the first frame.
    ticking.packed.tick(this.#clock.now())
    return ticking
  }
  /** Says where an avatar or an entity is now; null for nowhere. */
  put(scene: RoomScene, id: string, place: Place | null): void {
    const ticking = this.#rooms.get(scene.room)
    if (ticking === undefined || (place === null && !ticking.packed.has(id))) return
    ticking.packed.put(id, place, ticking.isKept ? this.#moverOf(scene, id) : '')
    this.#schedule(ticking)
  }
  #schedule(ticking: Ticking): void {
    if (ticking.timer !== undefined || ticking.packed.isIdle) return
    const length = lengthFor(ticking.packed.size)
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
