/** A map that knows which of its entries was used least recently. A `Map` whose entries are deleted and set again to the same
 *  end fills up with gaps, and is copied whenever there are too many: here using an entry costs a few assignments. */
export type Recency<V> = {
  readonly size: () => number
  /** Does not count as use. */
  readonly peek: (key: string) => V | undefined
  /** From now on it is the most recently used. */
  readonly use: (key: string) => V | undefined
  /** The same for a new entry, or for another value of a known one. */
  readonly set: (key: string, value: V) => void
  readonly delete: (key: string) => boolean
  /** Least recently used first; the entry that was just given may be deleted. */
  readonly entries: () => IterableIterator<readonly [string, V]>
}

type Entry<V> = { readonly key: string; value: V; older: Entry<V> | null; newer: Entry<V> | null }

export const createRecency = <V>(): Recency<V> => {
  const known = new Map<string, Entry<V>>()
  let oldest: Entry<V> | null = null
  let newest: Entry<V> | null = null

  const unlink = (entry: Entry<V>): void => {
    if (entry.older === null) oldest = entry.newer
    else entry.older.newer = entry.newer
    if (entry.newer === null) newest = entry.older
    else entry.newer.older = entry.older
  }
  const append = (entry: Entry<V>): void => {
    entry.older = newest
    entry.newer = null
    if (newest === null) oldest = entry
    else newest.newer = entry
    newest = entry
  }
  const toEnd = (entry: Entry<V>): void => {
    if (entry === newest) return
    unlink(entry)
    append(entry)
  }

  return {
    size: () => known.size,
    peek: (key) => known.get(key)?.value,
    use: (key) => {
      const entry = known.get(key)
      if (entry === undefined) return undefined
      toEnd(entry)
      return entry.value
    },
    set: (key, value) => {
      const entry = known.get(key)
      if (entry !== undefined) {
        entry.value = value
        toEnd(entry)
        return
      }
      const made: Entry<V> = { key, value, older: null, newer: null }
      known.set(key, made)
      append(made)
    },
    delete: (key) => {
      const entry = known.get(key)
      if (entry === undefined) return false
      known.delete(key)
      unlink(entry)
      return true
    },
    *entries() {
      for (let entry = oldest; entry !== null; ) {
        const { newer } = entry
        yield [entry.key, entry.value] as const
        entry = newer
      }
    },
  }
}
