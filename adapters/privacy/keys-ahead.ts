/** Fetches the keys of people who are about to act, before their commands join a group. While the vault is silent,
 *  newcomers soon get an error, and people whose keys are here can go on. */

import * as E from 'fp-ts/lib/Either.js'
import type { Subject } from '../../domain/identity.ts'
import type { Vault } from './vault.ts'

export type KeyUnavailable = { readonly _tag: 'ContentUnavailable'; readonly cause: string }
export type KeysAhead = {
  readonly has: (subject: Subject) => boolean
  readonly ask: (subject: Subject) => Promise<E.Either<KeyUnavailable, void>>
}

/** How many keys are requested at once, at most. */
const AT_ONCE = 500

/** `patienceMs`: how long each caller waits. Their keys are still requested after that, for when they come again. */
export const keysAhead = (vault: Pick<Vault, 'sealing' | 'sealingNow'>, patienceMs = 1_500): KeysAhead => {
  type Waiting = {
    readonly promise: Promise<E.Either<KeyUnavailable, void>>
    readonly settle: (cause: string | null) => void
  }
  const waiting = new Map<Subject, Waiting>()
  /** Keys that are not requested yet. */
  const wanted = new Set<Subject>()
  let isAsking = false

  const ask = async (): Promise<void> => {
    // The keys of everybody else who comes in this turn of the event loop are fetched with these.
    await new Promise<void>((resolve) => setImmediate(resolve))
    while (wanted.size > 0) {
      const subjects = [...wanted].slice(0, AT_ONCE)
      for (const subject of subjects) wanted.delete(subject)
      let cause: string | null = null
      try {
        await vault.sealing(subjects)
      } catch (error) {
        cause = error instanceof Error ? error.message : String(error)
      }
      for (const subject of subjects) waiting.get(subject)?.settle(cause)
    }
    isAsking = false
  }

  const has = (subject: Subject): boolean => vault.sealingNow?.(subject) !== undefined
  return {
    has,
    ask: (subject) => {
      const known = waiting.get(subject)
      if (known !== undefined) return known.promise
      let settle: Waiting['settle'] = () => {}
      const promise = new Promise<E.Either<KeyUnavailable, void>>((resolve) => {
        const late = setTimeout(() => settle('the keys are late'), patienceMs)
        settle = (cause) => {
          clearTimeout(late)
          waiting.delete(subject)
          resolve(cause === null ? E.right(undefined) : E.left({ _tag: 'ContentUnavailable', cause }))
        }
      })
      waiting.set(subject, { promise, settle })
      wanted.add(subject)
      if (!isAsking) {
        isAsking = true
        void ask()
      }
      return promise
    },
  }
}
