/** Makes the frames of a block of motion again, to the byte as they were sent: for all of the room, or as one client received them. */
import {
  CHANGES,
  type Form,
  type NamedSlot,
  type Pose,
  WHOLE,
  Writer,
  writeAbsolute,
  writeDelta,
  writeHead,
  writeMove,
} from '../packed.ts'
import {
  type Act,
  FREE,
  MOVE,
  type MotionBlock,
  NAME,
  readTrack,
  type Seen,
  STAND,
  TOLD,
  VIEW,
} from './form.ts'

/** `at`: the server's clock, ms. */
export type MotionFrame = { readonly at: number; readonly bytes: Uint8Array }
type Thing = {
  readonly slot: number
  readonly id: string
  readonly form: Form
  pose: Pose
  before: Pose
  readonly behind: Set<number>
  /** Whether a reader has heard its name. */
  isNamed: boolean
}
type Move = { readonly slot: number; readonly isWhole: boolean }
/** All that happened in one tick. */
type Tick = {
  readonly named: NamedSlot[]
  readonly freed: number[]
  readonly moves: Move[]
  /** What the client whose view this is was sent. */
  readonly views: ReadonlyArray<Extract<Act, { kind: typeof VIEW }>>
}
const EVERYTHING = -1

class Room {
  readonly things = new Map<number, Thing>()
  readonly #block: MotionBlock
  readonly #acts = new Map<number, Act[]>()
  constructor(block: MotionBlock) {
    this.#block = block
    for (const track of block.tracks) readTrack(block.head, track, this.#acts)
  }
  /** Whether somebody with that id was sent anything. */
  knows(id: string): boolean {
    for (const acts of this.#acts.values())
      for (const act of acts) if (act.kind === VIEW && act.id === id) return true
    return false
  }
  viewsAt(tick: number, id: string | null): Tick['views'] {
    const acts = this.#acts.get(tick) ?? []
    return acts.filter((act): act is Tick['views'][number] => act.kind === VIEW && act.id === id)
  }
  /** Places what is there before any tick of the block. */
  stand(tick: number): void {
    for (const act of this.#acts.get(tick) ?? [])
      if (act.kind === STAND) this.#put(act.thing, act.behind, tick === 0)
  }
  #put(
    thing: Omit<Thing, 'before' | 'behind' | 'isNamed'>,
    behind: ReadonlyArray<number>,
    isNamed: boolean,
  ): void {
    // It is known already, in whichever track it was.
    if (this.things.has(thing.slot)) return
    this.things.set(thing.slot, { ...thing, before: thing.pose, behind: new Set(behind), isNamed })
  }
  #liveAt(tick: number): ReadonlyArray<number> {
    return this.#block.head.parts.flatMap(([begins, ends], part) =>
      begins <= tick && tick < ends ? [part] : [],
    )
  }
  /** Carries out a tick; returns what of it is sent to `part`. */
  step(tick: number, part: number | null, id: string | null): Tick {
    const done = { named: [] as NamedSlot[], freed: [] as number[], moves: [] as Move[] }
    const live = this.#liveAt(tick)
    if (tick > 0) this.stand(tick)
    for (const act of this.#acts.get(tick) ?? [])
      if (act.kind === FREE && this.things.delete(act.slot)) done.freed.push(act.slot)
    for (const act of this.#acts.get(tick) ?? []) this.#carryOut(act, { live, part, done })
    const bySlot = (a: { slot: number }, b: { slot: number }): number => a.slot - b.slot
    done.named.sort(bySlot)
    done.freed.sort((a, b) => a - b)
    done.moves.sort(bySlot)
    return { ...done, views: this.viewsAt(tick, id) }
  }
  #carryOut(
    act: Act,
    {
      live,
      part,
      done,
    }: {
      readonly live: ReadonlyArray<number>
      readonly part: number | null
      readonly done: { readonly named: NamedSlot[]; readonly moves: Move[] }
    },
  ): void {
    switch (act.kind) {
      case NAME: {
        const { thing, told } = act
        const untold = live.filter((one) => !told.whole.includes(one))
        this.things.set(thing.slot, { ...thing, before: thing.pose, behind: new Set(untold), isNamed: true })
        done.named.push(thing)
        if (part === EVERYTHING || told.whole.includes(part as number))
          done.moves.push({ slot: thing.slot, isWhole: true })
        return
      }
      case MOVE: {
        const thing = this.things.get(act.slot)
        if (thing === undefined) return
        const { changes, whole } = act.told
        thing.before = thing.pose
        thing.pose = act.to
        for (const one of live) thing.behind.add(one)
        for (const one of changes) thing.behind.delete(one)
        for (const one of whole) thing.behind.delete(one)
        if (!thing.isNamed) {
          // Whoever moved it before can no longer be read.
          thing.isNamed = true
          done.named.push(thing)
          done.moves.push({ slot: thing.slot, isWhole: true })
          return
        }
        if (part === EVERYTHING || changes.includes(part as number))
          done.moves.push({ slot: act.slot, isWhole: false })
        else if (whole.includes(part as number)) done.moves.push({ slot: act.slot, isWhole: true })
        return
      }
      case TOLD: {
        const thing = this.things.get(act.slot)
        if (thing === undefined) return
        for (const one of act.whole) thing.behind.delete(one)
        if (act.whole.includes(part as number)) done.moves.push({ slot: act.slot, isWhole: true })
        return
      }
      default:
        return
    }
  }
  /** Null if there is nothing to send. */
  frame(at: number, { named, freed, moves }: Pick<Tick, 'named' | 'freed' | 'moves'>): Uint8Array | null {
    if (moves.length === 0 && named.length === 0 && freed.length === 0) return null
    return this.#write(CHANGES, at, { named, freed, moves })
  }
  whole(at: number): Uint8Array {
    const things = [...this.things.values()].filter(({ isNamed }) => isNamed).sort((a, b) => a.slot - b.slot)
    const moves = things.map(({ slot }) => ({ slot, isWhole: true }))
    return this.#write(WHOLE, at, { named: things, freed: [], moves })
  }
  /** What a part had not been sent yet, for somebody who leaves it. */
  missed(at: number, part: number): Uint8Array | null {
    const behind = [...this.things.values()].filter((thing) => thing.behind.has(part))
    const moves = behind.map(({ slot }) => ({ slot, isWhole: true })).sort((a, b) => a.slot - b.slot)
    return moves.length === 0 ? null : this.#write(CHANGES, at, { named: [], freed: [], moves })
  }
  #write(
    kind: typeof CHANGES | typeof WHOLE,
    at: number,
    {
      named,
      freed,
      moves,
    }: { named: ReadonlyArray<NamedSlot>; freed: ReadonlyArray<number>; moves: ReadonlyArray<Move> },
  ): Uint8Array {
    const [frame, bodies] = [new Writer(), new Writer()]
    writeHead(frame, kind, at, { named, freed })
    let last = -1
    for (const { slot, isWhole } of moves) {
      const thing = this.things.get(slot)
      if (thing === undefined) continue
      const body =
        (isWhole ? null : writeDelta(bodies, thing.before, thing.pose)) ??
        writeAbsolute(bodies, thing.pose, thing.form)
      writeMove(frame, { last, slot }, body, bodies.view())
      last = slot
    }
    return frame.view().slice()
  }
}

/** `as`: whose view this is; null for all of the room at the full rate. `isFresh`: the reader has nothing yet, and gets
 *  everything first. */
export type MotionView = { readonly as: string | null; readonly from: number; readonly isFresh: boolean }

/** The frames of a block from `from` on. Throws `BrokenTrack`. */
export function* framesOf(block: MotionBlock, view: MotionView): Generator<MotionFrame> {
  const room = new Room(block)
  room.stand(0)
  if (view.as === null) yield* everything(room, block, view)
  else yield* asOne(room, block, { ...view, as: view.as })
}

function* everything(
  room: Room,
  { head }: MotionBlock,
  { from, isFresh }: MotionView,
): Generator<MotionFrame> {
  let isDue = isFresh
  for (const [tick, at] of head.ticks.entries()) {
    if (isDue && at >= from) {
      isDue = false
      yield { at, bytes: room.whole(at) }
    }
    const bytes = room.frame(at, room.step(tick, EVERYTHING, null))
    if (bytes !== null && at >= from) yield { at, bytes }
  }
}

/** The part of the room that somebody is in, and whether they were too slow to take what was sent. */
type Standing = { part: number | null; isLate: boolean }
const goes = (standing: Standing, seen: Seen, part: number | null): void => {
  standing.part = part
  if (seen === 'late' || seen.endsWith(' late')) standing.isLate = true
  else if (seen === 'whole' || seen === 'in') standing.isLate = false
}

function* asOne(
  room: Room,
  { head }: MotionBlock,
  { as, from, isFresh }: MotionView & { readonly as: string },
): Generator<MotionFrame> {
  const standing: Standing = { part: null, isLate: false }
  let isDue = isFresh
  for (const [tick, at] of head.ticks.entries()) {
    const due: Array<MotionFrame | null> = []
    const views = room.viewsAt(tick, as)
    const missed = standing.part
    for (const { seen, part } of views) {
      if (seen === 'whole' || seen === 'late') continue
      const wasLate = standing.isLate
      goes(standing, seen, part)
      if (seen === 'went' && missed !== null && !wasLate) due.push(framed(at, room.missed(at, missed)))
    }
    if (isDue && at >= from && standing.part !== null && !standing.isLate) {
      isDue = false
      due.push({ at, bytes: room.whole(at) })
    }
    const done = room.step(tick, standing.part, as)
    const isRefused = views.some(({ seen }) => seen === 'late')
    if (standing.part !== null && !standing.isLate && !isRefused) due.push(framed(at, room.frame(at, done)))
    for (const { seen, part, msAfter } of views) {
      if (seen !== 'whole' && seen !== 'late') continue
      goes(standing, seen, part)
      if (seen === 'whole') {
        if (at + msAfter >= from) isDue = false
        due.push({ at: at + msAfter, bytes: room.whole(at + msAfter) })
      }
    }
    for (const frame of due) if (frame !== null && frame.at >= from) yield frame
  }
}
const framed = (at: number, bytes: Uint8Array | null): MotionFrame | null =>
  bytes === null ? null : { at, bytes }

/** Whether somebody with that id was sent any of it. */
export const isShown = (block: MotionBlock, id: string): boolean => new Room(block).knows(id)
