/** A cache of seals that this process wrote or opened lately, so that it need not open again what it sealed itself. */
import type { KeyObject } from 'node:crypto'

type OpenedSeal = { readonly sealed: string; readonly text: string; readonly key: KeyObject }

export type OpenedSeals = {
  readonly put: (sealed: string, text: string, key: KeyObject, bound: string) => void
  /** Undefined also for another seal, or under another key: the caller must show the key that would open it, so that
   *  nothing is revealed that could not be opened. */
  readonly get: (sealed: string, key: KeyObject, bound: string) => string | undefined
}

/** Of each thing that seals are bound to, the last. Holds `characters` in all, then twice as many before the older half goes. */
export const recentSeals = (characters = 1_000_000): OpenedSeals => {
  let young = new Map<string, OpenedSeal>()
  let old = new Map<string, OpenedSeal>()
  let size = 0
  return {
    put: (sealed, text, key, bound) => {
      size += sealed.length + text.length
      if (size > characters) {
        old = young
        young = new Map()
        size = sealed.length + text.length
      }
      young.set(bound, { sealed, text, key })
    },
    get: (sealed, key, bound) => {
      if (young.size === 0 && old.size === 0) return undefined
      const held = young.get(bound) ?? old.get(bound)
      return held !== undefined && held.key === key && held.sealed === sealed ? held.text : undefined
    },
  }
}
