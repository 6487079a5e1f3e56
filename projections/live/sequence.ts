/** One stream's events, once each and in order, whoever brings them: the subscription, the command path that just
 *  appended them, or a read of the stream. Whoever brings the next one first wins. */

/** `last` is the last revision let through, -1 for none. `arrive` writes to it. */
export type Sequence<T> = {
  last: bigint
  /** Items that came before their turn. */
  readonly early: Map<bigint, T>
  /** The highest revision ever heard of. */
  highest: bigint
}

/** Early events beyond this number are dropped: they are read from the stream once the gap is closed. */
const MAX_EARLY = 1_000

/** `last` is the revision that is already known; what follows it is let through. */
export const sequence = <T>(last: bigint): Sequence<T> => ({ last, early: new Map(), highest: last })

/** What may be delivered now that `item` has come, in order: nothing, the item alone, or the item and those that it held back. */
export const arrive = <T>(seq: Sequence<T>, revision: bigint, item: T): ReadonlyArray<T> => {
  if (revision <= seq.last) return []
  if (revision > seq.highest) seq.highest = revision
  if (revision !== seq.last + 1n) {
    if (seq.early.size < MAX_EARLY) seq.early.set(revision, item)
    return []
  }
  seq.last = revision
  if (seq.early.size === 0) return [item]
  const run = [item]
  seq.early.delete(revision)
  for (let next = seq.early.get(seq.last + 1n); next !== undefined; next = seq.early.get(seq.last + 1n)) {
    seq.last += 1n
    seq.early.delete(seq.last)
    run.push(next)
  }
  return run
}

/** Whether a later event is known than the last that could be let through. */
export const hasGap = (seq: Sequence<unknown>): boolean => seq.highest > seq.last
