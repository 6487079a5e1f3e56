/** A cache of seals that this process wrote or opened lately, so that it need not open again what it sealed itself. */
import type { KeyObject } from 'node:crypto'

type OpenedSeal = { readonly sealed: string; readonly text: string; readonly key: KeyObject }

export type OpenedSeals = {
  readonly put: (sealed: string, text: string, key: KeyObject, bound: string) => void
  /** Also undefined for another seal, or under another key: the caller must have the key that would open it, so that
   *  nothing is revealed that could not be opened. */
  readonly get: (sealed: string, key: KeyObject, bound: string) => string | undefined
}

/** Keeps the last seal of each thing that seals are bound to. Holds `characters` in all, then up to twice as many
 *  before the older half is dropped. */
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
