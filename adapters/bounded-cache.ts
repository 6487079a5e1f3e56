/** A cache of the entries that were used last, which takes memory and time for those that it holds, and none for the rest. */
import { LRUCache } from 'lru-cache'

/** `most`: how many entries it holds; another one takes the place of the one that was used longest ago. */
export const boundedCache = <K extends {}, V extends {}>(most: number): LRUCache<K, V> =>
  // With `max` it would allocate for all of them at once: those of a server are 400,000, which cost each start 40 ms.
  new LRUCache<K, V>({ maxSize: most, sizeCalculation: () => 1 })
