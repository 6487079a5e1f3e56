/** The marks that are kept beside a stream (`kept-streams.ts`): found by halving, and remembered. */
import type { RecordedEvent, StreamReader } from '../../domain/ports.ts'
import { readEvents } from './errors.ts'
import { EVERY, MARKS_EACH, Mark, marksOf } from './kept-streams.ts'
import type { EventPlace, IsPast } from './point.ts'

/** Up to this many marks are read at once instead of by halving: fewer round trips for a few more bytes. */
const MARKS_AT_ONCE = 64
/** Marks never change once written, so they are remembered: up to this many in all. */
const MARKS = 200_000

export type Marks = {
  readonly at: (stream: string, k: number) => Promise<EventPlace | null>
  /** How many marks there are. */
  readonly count: (stream: string) => Promise<number>
  /** How many marks are enough to find the moment: counted again only if it may be after the last known one. */
  readonly countFor: (stream: string, past: IsPast) => Promise<number>
  /** The first stretch between marks whose end is past the moment; `count` if there is none. */
  readonly stretch: (stream: string, count: number, past: IsPast) => Promise<number>
}

/** A memory of a log's marks; all are dropped at once when they become too many. */
const createMemory = (step: number) => {
  const marks = new Map<string, Map<number, EventPlace>>()
  /** How many marks a stream had when last looked at: never fewer since. */
  const counts = new Map<string, number>()
  let remembered = 0
  const add = (stream: string, k: number, recorded: RecordedEvent | undefined): EventPlace | null => {
    if (recorded === undefined || !Mark.is(recorded.data)) return null
    const { position, latest } = recorded.data
    const mark = { revision: (k + 1) * step - 1, position: BigInt(position), latest }
    if (remembered >= MARKS) {
      marks.clear()
      counts.clear()
      remembered = 0
    }
    const known = marks.get(stream) ?? new Map()
    marks.set(stream, known)
    if (!known.has(k)) remembered += 1
    known.set(k, mark)
    return mark
  }
  return { add, counts, get: (stream: string, k: number) => marks.get(stream)?.get(k) }
}

export const createMarks = (log: StreamReader, every = EVERY): Marks => {
  const memory = createMemory(every / MARKS_EACH)

  const at: Marks['at'] = async (stream, k) => {
    const known = memory.get(stream, k)
    if (known !== undefined) return known
    const [recorded] = await readEvents(log, marksOf(stream), { from: BigInt(k), limit: 1 })
    return memory.add(stream, k, recorded)
  }
  /** Makes sure that these are remembered, by reading them all at once if some are not. */
  const readBetween = async (stream: string, low: number, high: number): Promise<void> => {
    let k = low
    while (k < high && memory.get(stream, k) !== undefined) k += 1
    if (k === high) return
    const page = await readEvents(log, marksOf(stream), { from: BigInt(k), limit: high - k })
    for (const [i, recorded] of page.entries()) memory.add(stream, k + i, recorded)
  }
  const count: Marks['count'] = async (stream) => {
    const [last] = await readEvents(log, marksOf(stream), { direction: 'backwards', limit: 1 })
    if (last === undefined) return 0
    const k = Number(last.revision)
    if (memory.add(stream, k, last) !== null) memory.counts.set(stream, k + 1)
    return k + 1
  }
  return {
    at,
    count,
    countFor: async (stream, past) => {
      const known = memory.counts.get(stream) ?? 0
      const mark = memory.get(stream, known - 1)
      return mark !== undefined && past(mark) ? known : count(stream)
    },
    stretch: async (stream, marked, past) => {
      let low = 0
      let high = marked
      while (low < high) {
        if (high - low <= MARKS_AT_ONCE && high - low > 2) await readBetween(stream, low, high)
        const middle = (low + high) >> 1
        const mark = await at(stream, middle)
        if (mark === null || past(mark)) high = middle
        else low = middle + 1
      }
      return low
    },
  }
}
