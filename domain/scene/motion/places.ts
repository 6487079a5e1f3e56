/** Where things were according to a block's tracks, for people who may have their own data. */
import { type Act, MOVE, type MotionBlock, NAME, readTrack, STAND } from './form.ts'

/** `at` in ms of the server's clock; metres. */
export type MotionPlace = {
  readonly at: number
  readonly id: string
  readonly x: number
  readonly y: number
  readonly z: number
}

/** In the order of time. Throws if a track is broken. */
export const placesIn = ({ head, tracks }: MotionBlock): ReadonlyArray<MotionPlace> => {
  const acts = new Map<number, Act[]>()
  for (const track of tracks) readTrack(head, track, acts)
  const ids = new Map<number, string>()
  const places: MotionPlace[] = []
  for (const [tick, at] of head.ticks.entries())
    for (const act of acts.get(tick) ?? []) {
      if (act.kind === NAME || act.kind === STAND) ids.set(act.thing.slot, act.thing.id)
      if (act.kind !== NAME && act.kind !== MOVE) continue
      const { x, y, z } = act.kind === NAME ? act.thing.pose : act.to
      const slot = act.kind === NAME ? act.thing.slot : act.slot
      places.push({ at, id: ids.get(slot) ?? '', x: x / 1_000, y: y / 1_000, z: z / 1_000 })
    }
  return places
}
