/** Rooms whose motion is kept: what is sent on their packed wire is recorded, and at intervals becomes a sealed block,
 *  whose hash becomes an event on the log. */
import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import type { Subject } from '../../../domain/identity.ts'
import type { RoomKey, SpaceRef } from '../../../domain/names.ts'
import type { Clock, Commands, Ids } from '../../../domain/ports.ts'
import { MotionRecorder, type RecordedBlock } from '../../../domain/scene/motion/recorder.ts'
import type { SpaceCommandOf } from '../../../domain/space/commands.ts'
import type { MotionStore } from '../../motion/store.ts'
import { type Logger, reasonOf } from '../../observing.ts'
import type { SubjectKey } from '../../privacy/seal.ts'

/** How long (ms) a block is at most: a server that is killed loses this much. */
const BLOCK_MS = 15_000
const RETRY_MS = 2_000
const TRIES = 4
/** How many blocks of one room may wait to be written; more than that are lost, which is reported. */
const MOST_WAITING = 4
const SWEEP_MS = 600_000
const DAY_MS = 86_400_000
const SYSTEM = { kind: 'system', id: 'motion' } as const
type KeepMotion = SpaceCommandOf<'KeepMotion'>

export type MotionDeps = {
  readonly store: MotionStore
  readonly commands: Pick<Commands, 'space'>
  readonly clock: Clock
  readonly ids: Ids
  readonly logger: Logger
  /** This process's boot. */
  readonly boot: string
  /** How many days this process keeps motion at most; 0: it keeps none. */
  readonly days: number
  readonly blockMs?: number
  readonly retryMs?: number
}
/** The recording of one room, for as long as it is kept without a break. */
type Kept = {
  readonly space: SpaceRef
  readonly subspace: string
  readonly track: string
  readonly recorder: MotionRecorder
  /** Keys by whoever has moved in this block: somebody who is erased meanwhile gets another one afterwards. */
  keys: Map<Subject, Promise<SubjectKey>>
  days: number
  number: number
  from: number
  waiting: number
  /** Blocks are written one after another. */
  written: Promise<void>
  readonly timer: NodeJS.Timeout
}
type Cut = RecordedBlock & {
  readonly number: number
  readonly isLast: boolean
  readonly from: number
  readonly to: number
  readonly keys: ReadonlyMap<Subject, Promise<SubjectKey>>
}

export class Motion {
  readonly #deps: MotionDeps
  readonly #rooms = new Map<RoomKey, Kept>()
  /** Recordings that have ended, until their last block is written. */
  readonly #ending = new Set<Promise<void>>()
  readonly #sweeping: NodeJS.Timeout
  #isStopping = false

  constructor(deps: MotionDeps) {
    this.#deps = deps
    this.#sweeping = setInterval(() => this.#sweep(), SWEEP_MS).unref()
  }
  /** Whether this process keeps any motion. */
  get isOn(): boolean {
    return this.#deps.days > 0
  }
  isKept(room: RoomKey): boolean {
    return this.#rooms.has(room)
  }
  /** Records the room from now on; returns the witness that its packed wire calls. */
  begin(
    room: RoomKey,
    of: { readonly space: SpaceRef; readonly subspace: string; readonly days: number },
  ): MotionRecorder {
    const known = this.#rooms.get(room)
    if (known !== undefined) return known.recorder
    const { clock, days, blockMs = BLOCK_MS } = this.#deps
    const recorder = new MotionRecorder((by) => this.#sawMover(kept, by))
    const kept: Kept = {
      ...of,
      days: Math.min(of.days, days),
      track: randomUUID(),
      recorder,
      keys: new Map(),
      number: 0,
      from: clock.now(),
      waiting: 0,
      written: Promise.resolve(),
      timer: setInterval(() => this.#cut(kept, false), blockMs).unref(),
    }
    this.#rooms.set(room, kept)
    return recorder
  }
  keepFor(room: RoomKey, days: number): void {
    const kept = this.#rooms.get(room)
    if (kept !== undefined) kept.days = Math.min(days, this.#deps.days)
  }
  end(room: RoomKey): void {
    const kept = this.#rooms.get(room)
    if (kept === undefined) return
    clearInterval(kept.timer)
    this.#rooms.delete(room)
    this.#cut(kept, true)
    this.#ending.add(kept.written)
    void kept.written.then(() => this.#ending.delete(kept.written))
  }
  /** Writes what was recorded, and ends the recordings. */
  async flush(): Promise<void> {
    this.#isStopping = true
    clearInterval(this.#sweeping)
    for (const room of [...this.#rooms.keys()]) this.end(room)
    await Promise.all(this.#ending)
  }
  /** Stops without writing, as if the process died. */
  stop(): void {
    this.#isStopping = true
    clearInterval(this.#sweeping)
    for (const { timer } of this.#rooms.values()) clearInterval(timer)
    this.#rooms.clear()
  }

  #sawMover(kept: Kept, by: Subject): void {
    if (kept.keys.has(by)) return
    const key = this.#deps.store.key(by)
    // If this fails, the key is requested again when the block is written.
    key.catch(() => {})
    kept.keys.set(by, key)
  }
  #cut(kept: Kept, isLast: boolean): void {
    const { clock, logger } = this.#deps
    const [from, to, keys] = [kept.from, clock.now(), kept.keys]
    kept.keys = new Map()
    const block = kept.recorder.cut()
    kept.from = to
    if (!block.isMoved && !(isLast && kept.number > 0)) return
    const number = kept.number++
    if (kept.waiting >= MOST_WAITING) {
      logger.error(
        { track: kept.track, number },
        'a block of motion is lost: those before it could not be written',
      )
      return
    }
    if (block.shortened > 0)
      logger.warn(
        { track: kept.track, number, movers: block.shortened },
        'of these movers a block has only the beginning',
      )
    kept.waiting += 1
    kept.written = kept.written.then(async () => {
      await this.#write(kept, { ...block, number, isLast, from, to, keys })
      kept.waiting -= 1
    })
  }
  async #write(kept: Kept, cut: Cut): Promise<void> {
    const failed = await this.#keep(kept, cut)
    if (failed === null) return
    const { track } = kept
    this.#deps.logger.error(
      { track, number: cut.number, error: failed },
      'a block of motion could not be kept, and is lost',
    )
  }
  #pause(): Promise<void> {
    const { retryMs = RETRY_MS } = this.#deps
    return new Promise((resolve) => setTimeout(resolve, retryMs))
  }
  /** Null, or why it failed. */
  async #keep(kept: Kept, cut: Cut): Promise<string | null> {
    const { store, ids } = this.#deps
    const block = ids.uuid()
    for (let attempt = 1; ; attempt += 1) {
      const put = await this.#put(kept, cut, block).catch(reasonOf)
      if (typeof put !== 'string') return this.#tell(kept.space, put)
      // Its sections may be stored although no answer said so.
      await store.remove(block).catch(() => {})
      if (attempt === TRIES) return put
      await this.#pause()
    }
  }
  /** Stores its sections before the log mentions them. */
  async #put({ subspace, track, days }: Kept, cut: Cut, block: string): Promise<KeepMotion> {
    const { store, boot } = this.#deps
    const tracks = new Map<Subject, { bytes: Uint8Array; key: SubjectKey }>()
    for (const [by, bytes] of cut.tracks)
      tracks.set(by, { bytes, key: await (cut.keys.get(by)?.catch(() => store.key(by)) ?? store.key(by)) })
    const keptUntil = new Date(cut.to + days * DAY_MS)
    const { root, bytes } = await store.put({ block, head: cut.head, tracks, keptUntil })
    return {
      type: 'KeepMotion',
      subspace,
      block,
      track,
      number: cut.number,
      isLast: cut.isLast,
      boot,
      from: new Date(cut.from).toISOString(),
      to: new Date(cut.to).toISOString(),
      movers: tracks.size,
      ticks: cut.head.ticks.length,
      bytes,
      root,
      keptUntil: keptUntil.toISOString(),
    }
  }
  /** Null, or why it failed. Uses one id, so that it is on the log once; while it is unknown whether it is, it is sent
   *  again, and the sections stay where they are. */
  async #tell(space: SpaceRef, command: KeepMotion): Promise<string | null> {
    const { store, commands, ids } = this.#deps
    const id = ids.uuid()
    for (let attempt = 1; ; attempt += 1) {
      const done = await commands.space({ by: SYSTEM, id, space, command })()
      if (E.isRight(done)) return null
      const { _tag } = done.left
      const isUnknown = _tag === 'Unavailable'
      const isLastTry = attempt >= TRIES && (!isUnknown || this.#isStopping)
      if (isLastTry || _tag === 'Refused' || _tag === 'Broken') {
        if (!isUnknown) await store.remove(command.block).catch(() => {})
        return _tag
      }
      await this.#pause()
    }
  }
  #sweep(): void {
    const { store, clock, logger } = this.#deps
    store
      .expire(new Date(clock.now()))
      .catch((error) =>
        logger.warn({ error: reasonOf(error) }, 'motion that is over could not be taken away'),
      )
  }
}
