/** The ids of the last events, and where each was appended: a ring with a hash table over it, both of a fixed size, so
 *  that a node uses the same memory however long its log. (A Map of strings costs as much as the insert itself.) */

/** Where a remembered event id was appended. */
export type Remembered = { readonly stream: number; readonly revision: number }

const WORDS = 4
/** What a digit stands for, by its character. */
const VALUES = new Uint8Array(128)
for (const [value, digit] of [...'0123456789abcdef'].entries()) VALUES[digit.charCodeAt(0)] = value
/** Two digits of an id, and four, from `at` on. */
const byteAt = (id: string, at: number): number =>
  (VALUES[id.charCodeAt(at)]! << 4) | VALUES[id.charCodeAt(at + 1)]!
const halfAt = (id: string, at: number): number => (byteAt(id, at) << 8) | byteAt(id, at + 2)

/** `capacity`: how many ids are remembered. Ids are UUIDs in lower case, of 36 characters. */
export const createRememberedIds = (capacity: number) => {
  const size = 2 ** Math.ceil(Math.log2(capacity * 2))
  const mask = size - 1
  /** Slot + 1 of the ring; 0 if empty. Collisions are in the next free places. */
  const table = new Int32Array(size)
  const ids = new Int32Array(capacity * WORDS)
  const streams = new Float64Array(capacity)
  const revisions = new Float64Array(capacity)
  const key = new Int32Array(WORDS)
  let next = 0
  let full = false

  const parse = (id: string): void => {
    key[0] = (halfAt(id, 0) << 16) | halfAt(id, 4)
    key[1] = (halfAt(id, 9) << 16) | halfAt(id, 14)
    key[2] = (halfAt(id, 19) << 16) | halfAt(id, 24)
    key[3] = (halfAt(id, 28) << 16) | halfAt(id, 32)
  }
  // Ids need not be random: all of their bits count.
  const home = (words: Int32Array, at: number): number => {
    let h = words[at]! ^ Math.imul(words[at + 1]!, 0x9e3779b1)
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) ^ words[at + 2]!
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) ^ Math.imul(words[at + 3]!, 0x27d4eb2f)
    return (h ^ (h >>> 16)) & mask
  }
  /** The place in the table of the id in `key`, or of the empty place where it would be. */
  const find = (): number => {
    let place = home(key, 0)
    for (;;) {
      const slot = table[place]! - 1
      if (slot < 0) return place
      const at = slot * WORDS
      if (ids[at] === key[0] && ids[at + 1] === key[1] && ids[at + 2] === key[2] && ids[at + 3] === key[3])
        return place
      place = (place + 1) & mask
    }
  }
  const forget = (slot: number): void => {
    let place = home(ids, slot * WORDS)
    while (table[place] !== slot + 1) {
      // The id had been appended before, and belonged to another slot.
      if (table[place] === 0) return
      place = (place + 1) & mask
    }
    // Later entries move up; otherwise they would not be found across the gap.
    let gap = place
    for (;;) {
      place = (place + 1) & mask
      const other = table[place]! - 1
      if (other < 0) break
      const wanted = home(ids, other * WORDS)
      if (((place - wanted) & mask) < ((place - gap) & mask)) continue
      table[gap] = other + 1
      gap = place
    }
    table[gap] = 0
  }

  return {
    /** An id that is known already stays where it was appended first, as on a real server. */
    add: (id: string, stream: number, revision: number): void => {
      if (full) forget(next)
      parse(id)
      const place = find()
      if (table[place] === 0) table[place] = next + 1
      ids.set(key, next * WORDS)
      streams[next] = stream
      revisions[next] = revision
      if (++next === capacity) {
        next = 0
        full = true
      }
    },
    get: (id: string): Remembered | undefined => {
      parse(id)
      const slot = table[find()]! - 1
      return slot < 0 ? undefined : { stream: streams[slot]!, revision: revisions[slot]! }
    },
    clear: (): void => {
      table.fill(0)
      next = 0
      full = false
    },
    size: (): number => (full ? capacity : next),
  }
}
