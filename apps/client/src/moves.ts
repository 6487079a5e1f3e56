/** Where people are: the user's own place is sent at most 15 times a second, others' are drawn between the last two
 *  that arrived. */

export type Vector = { readonly x: number; readonly y: number; readonly z: number }
export type Quaternion = Vector & { readonly w: number }
/** `rotation` is a unit quaternion. */
export type Pose = { readonly position: Vector; readonly rotation: Quaternion | null }
/** Anything else that the scene says goes with it. */
export type Move = { readonly position: Vector; readonly rotation?: Quaternion | null } & Readonly<
  Record<string, unknown>
>

const RATE_MS = 1000 / 15
/** How far behind the latest place people are drawn, so that there is something to move towards. */
const DELAY_MS = 2 * RATE_MS

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)
const vectorIn = (value: unknown): Vector | null => {
  const at = value as Vector | null | undefined
  return isNumber(at?.x) && isNumber(at.y) && isNumber(at.z) ? { x: at.x, y: at.y, z: at.z } : null
}
const quaternionIn = (value: unknown): Quaternion | null => {
  const vector = vectorIn(value)
  const w = (value as Quaternion | null | undefined)?.w
  return vector !== null && isNumber(w) ? { ...vector, w } : null
}
/** Null if others sent something that is not a place. */
export const poseIn = (data: unknown): Pose | null => {
  const { position, rotation } = (data ?? {}) as { position?: unknown; rotation?: unknown }
  const at = vectorIn(position)
  return at === null ? null : { position: at, rotation: quaternionIn(rotation) }
}

const mix = (a: number, b: number, t: number): number => a + (b - a) * t
const mixVector = (a: Vector, b: Vector, t: number): Vector => ({
  x: mix(a.x, b.x, t),
  y: mix(a.y, b.y, t),
  z: mix(a.z, b.z, t),
})
/** The shorter way round. */
const mixTurn = (a: Quaternion, b: Quaternion, t: number): Quaternion => {
  const sign = a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w < 0 ? -1 : 1
  const mixed = {
    ...mixVector(a, { x: sign * b.x, y: sign * b.y, z: sign * b.z }, t),
    w: mix(a.w, sign * b.w, t),
  }
  const length = Math.hypot(mixed.x, mixed.y, mixed.z, mixed.w) || 1
  return { x: mixed.x / length, y: mixed.y / length, z: mixed.z / length, w: mixed.w / length }
}

type Sample = { readonly pose: Pose; readonly at: number }

/** Others' places by socket. */
export class Places {
  readonly #samples = new Map<string, { before: Sample; after: Sample }>()

  arrived(socketId: string, pose: Pose, at: number): void {
    const known = this.#samples.get(socketId)
    // After a rest the movement begins now, and not when the last move arrived.
    const before =
      known === undefined
        ? { pose, at }
        : { pose: known.after.pose, at: Math.max(known.after.at, at - DELAY_MS) }
    this.#samples.set(socketId, { before, after: { pose, at } })
  }
  of(socketId: string, at: number): Pose | null {
    const known = this.#samples.get(socketId)
    if (known === undefined) return null
    const { before, after } = known
    const span = after.at - before.at
    const t = span <= 0 ? 1 : Math.min(1, Math.max(0, (at - DELAY_MS - before.at) / span))
    const { rotation } = after.pose
    const from = before.pose.rotation
    return {
      position: mixVector(before.pose.position, after.pose.position, t),
      rotation: rotation === null || from === null ? rotation : mixTurn(from, rotation, t),
    }
  }
  gone(socketId: string): void {
    this.#samples.delete(socketId)
  }
  clear(): void {
    this.#samples.clear()
  }
}

/** Keeps the newest of what comes faster than it may be sent; leaves out what says nothing new. */
export class Mover {
  readonly #send: (move: Move) => void
  #latest: Move | null = null
  #said = ''
  #timer: ReturnType<typeof setTimeout> | undefined
  #last = Number.NEGATIVE_INFINITY

  constructor(send: (move: Move) => void) {
    this.#send = send
  }
  move(move: Move, now: number): void {
    this.#latest = move
    this.#schedule(now)
  }
  /** For somebody new, who has not heard it. */
  again(now: number): void {
    this.#said = ''
    if (this.#latest !== null) this.#schedule(now)
  }
  #schedule(now: number): void {
    this.#timer ??= setTimeout(() => this.#go(), Math.max(0, this.#last + RATE_MS - now))
  }
  #go(): void {
    this.#timer = undefined
    const text = JSON.stringify(this.#latest)
    if (this.#latest === null || text === this.#said) return
    this.#said = text
    this.#last = performance.now()
    this.#send(this.#latest)
  }
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#latest = null
  }
}
