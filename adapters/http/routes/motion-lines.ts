/** A room's motion as lines of a replay: frames as they were sent, the block on the log that each belongs to, and which
 *  motion is missing. */
import type { SpaceRef } from '../../../domain/names.ts'
import { framesOf, isShown } from '../../../domain/scene/motion/renderer.ts'
import type { ReplayStep } from '../../../projections/history/replay.ts'
import type { MotionRow } from '../../../projections/motion/queries.ts'
import type { MotionReader } from '../../motion/store.ts'

/** `as`: the socket on the packed wire whose view it is; null for all of the room, at the full rate. */
export type MotionAsked = {
  readonly space: SpaceRef
  readonly subspace: string
  readonly from: number
  readonly to: number
  readonly as: string | null
}
/** A line of the replay, and its time (ms). */
export type MotionLine = { readonly at: number; readonly line: Readonly<Record<string, unknown>> }

const PAGE = 100
/** Up to this long (ms) after a block, another may still be the next one of its track: nothing moved between them. */
const PATIENCE_MS = 60_000
const iso = (ms: number): string => new Date(ms).toISOString()

type Track = {
  readonly track: string
  readonly number: number
  readonly end: number
  readonly isWhole: boolean
}

/** The blocks that begin up to `PATIENCE_MS` after the one that is looked for, in order. */
class Ahead {
  readonly #reader: MotionReader
  readonly #asked: MotionAsked
  #rows: MotionRow[] = []
  #last: MotionRow | null = null
  #isAll = false
  constructor(reader: MotionReader, asked: MotionAsked) {
    this.#reader = reader
    this.#asked = asked
  }
  async #fill(until: number): Promise<void> {
    while (!this.#isAll && (this.#last === null || this.#last.starts <= until)) {
      const page = await this.#reader.between(this.#asked, this.#asked, this.#last, PAGE)
      this.#rows.push(...page)
      this.#last = page.at(-1) ?? this.#last
      this.#isAll = page.length < PAGE
    }
  }
  /** The track’s next block, else whichever continues where it ended; null if there are no more. */
  async next(before: Track | null): Promise<MotionRow | null> {
    const end = before?.end ?? Number.NEGATIVE_INFINITY
    await this.#fill(end + PATIENCE_MS)
    this.#rows = this.#rows.filter(({ track, ends }) => ends > end || track === before?.track)
    const isNext = ({ track, number }: MotionRow): boolean =>
      track === before?.track && number > before.number
    const rows = this.#rows.filter((row) => row.track !== before?.track || isNext(row))
    const own = rows.find((row) => isNext(row) && row.starts <= end + PATIENCE_MS)
    const next = own ?? rows[0] ?? null
    this.#rows = rows.filter((row) => row !== next)
    return next
  }
}

const lost = (row: MotionRow, why: string): MotionLine => ({
  at: row.starts,
  line: {
    type: 'motion_lost',
    node: row.boot,
    block: row.block,
    from: iso(row.starts),
    to: iso(row.ends),
    why,
  },
})

/** The lines in the order of time; if one server's block covers some seconds, those of other servers are left out. */
export async function* motionLines(
  reader: MotionReader,
  asked: MotionAsked,
  now: number,
): AsyncGenerator<MotionLine, void, void> {
  const ahead = new Ahead(reader, asked)
  let before: Track | null = null
  for (;;) {
    const row: MotionRow | null = await ahead.next(before)
    if (row === null) return
    const isSame: boolean = before !== null && before.track === row.track
    const isOn = isSame && before !== null && before.number + 1 === row.number
    if (isSame && !isOn && before !== null)
      yield {
        at: before.end,
        line: {
          type: 'motion_lost',
          node: row.boot,
          from: iso(before.end),
          to: iso(row.starts),
          why: 'it could not be kept',
        },
      }
    // What a legal hold keeps of a block beyond its days is no longer for the room.
    const read = row.kept_until < now ? { fault: 'it was kept until then' } : await reader.open(row)
    const { track, number, ends: end } = row
    if (read.fault !== null) {
      yield lost(row, read.fault)
      before = { track, number, end, isWhole: false }
      continue
    }
    const { opened } = read
    if (asked.as !== null && !isShown(opened, asked.as)) {
      // It was kept, but shows only others: the next block of the same server follows it.
      if (isSame) before = { track, number, end, isWhole: false }
      continue
    }
    yield { at: Math.max(row.starts, asked.from), line: blockLine(row, opened) }
    const isFresh = !(isOn && before?.isWhole === true && opened.isAll)
    const from = Math.max(asked.from, before?.end ?? Number.NEGATIVE_INFINITY)
    for (const { at, bytes } of framesOf(opened, { as: asked.as, from, isFresh })) {
      if (at > asked.to) return
      yield {
        at,
        line: { type: 'motion', at: iso(at), node: row.boot, frame: Buffer.from(bytes).toString('base64') },
      }
    }
    before = { track, number, end, isWhole: opened.isAll }
  }
}

const blockLine = (row: MotionRow, { erased, shut }: { readonly erased: number; readonly shut: number }) => ({
  type: 'motion_block',
  block: row.block,
  node: row.boot,
  from: iso(row.starts),
  to: iso(row.ends),
  movers: row.movers,
  erased,
  unreadable: shut,
  position: row.position,
  root: row.root,
})

/** Reports once for each server that was lost together with motion that it had not kept yet. */
export class LostServers {
  readonly #reader: MotionReader
  readonly #asked: MotionAsked
  readonly #boots = new Map<string, string>()
  readonly #said = new Set<string>()
  constructor(reader: MotionReader, asked: MotionAsked) {
    this.#reader = reader
    this.#asked = asked
  }
  async after({ decoded, at, after }: ReplayStep): Promise<MotionLine | null> {
    const { sessions, settings } = after.standing.state
    for (const { sessionId, boot } of sessions.values()) this.#boots.set(sessionId, boot)
    if (decoded?.event.type !== 'SessionLeft' || decoded.event.data.reason !== 'node-lost') return null
    const boot = this.#boots.get(decoded.event.data.sessionId)
    if (boot === undefined || this.#said.has(boot) || !settings.motion_tracks) return null
    this.#said.add(boot)
    const last = await this.#reader.last(this.#asked, boot, Date.parse(at))
    if (last?.is_last === true) return null
    const from = last === null ? null : iso(last.ends)
    return {
      at: Date.parse(at),
      line: { type: 'motion_lost', node: boot, from, to: at, why: 'its server was lost' },
    }
  }
}

export type Merged = { readonly step: ReplayStep } | { readonly motion: MotionLine }
/** Merges both in the order of time; a step is valid until the next is asked for. */
export async function* merged(
  steps: AsyncGenerator<ReplayStep, void, void>,
  motion: AsyncGenerator<MotionLine, void, void>,
  servers: LostServers,
): AsyncGenerator<Merged, void, void> {
  let [step, line] = [await steps.next(), await motion.next()]
  while (!step.done || !line.done) {
    if (!line.done && (step.done || line.value.at <= Date.parse(step.value.at))) {
      yield { motion: line.value }
      line = await motion.next()
      continue
    }
    if (step.done) return
    yield { step: step.value }
    const lost = await servers.after(step.value)
    if (lost !== null) yield { motion: lost }
    step = await steps.next()
  }
}
