/** Waits until the tables have a position: by NOTIFY, and by asking at intervals in case a notice was missed. */
import type { DatabasePool } from 'slonik'
import { ADVANCED, readCheckpoint } from '../../projections/checkpoint.ts'
import { rowsOf } from './query.ts'
import { connectSession, type DatabaseSession } from './session.ts'

const POLL_MS = 100
/** How long (ms) the last known position counts without asking again: a rebuild from an older log may set the tables back. */
const BELIEVED_MS = 500

export type Advanced = {
  /** Throws if Postgres can't be asked. */
  readonly waitFor: (position: bigint, timeoutMs: number) => Promise<boolean>
  readonly close: () => Promise<void>
}

export const advanced = (pool: DatabasePool): Advanced => {
  let known = -1n
  let knownAt = Number.NEGATIVE_INFINITY
  let closing = false
  let session: Promise<DatabaseSession | null> | null = null
  const waiting = new Set<{ readonly position: bigint; readonly done: () => void }>()

  const isKnown = (position: bigint): boolean =>
    position <= known && performance.now() - knownAt < BELIEVED_MS
  /** The last notice counts, even if its position is lower than before. */
  const reached = (position: bigint): void => {
    known = position
    knownAt = performance.now()
    for (const one of waiting) if (one.position <= known) one.done()
  }
  const listen = (): void => {
    session ??= connectSession(pool.configuration.connectionUri, 'presence waits')
      .then(async (it) => {
        await it.listen(ADVANCED, (payload) => /^\d+$/.test(payload) && reached(BigInt(payload)))
        void it.closed.then(() => {
          session = null
        })
        if (closing) await it.close()
        return it
      })
      // Without a listener, polling goes on; the next wait tries again.
      .catch(() => {
        session = null
        return null
      })
  }
  let asking: Promise<void> | null = null
  let askedAt = Number.NEGATIVE_INFINITY
  /** Everybody who asks at the same time shares one answer. */
  const ask = (): Promise<void> => {
    asking ??= rowsOf(pool, readCheckpoint())
      .then(([checkpoint]) => reached(checkpoint?.position ?? -1n))
      .finally(() => {
        asking = null
        askedAt = performance.now()
      })
    return asking
  }
  /** However many wait, Postgres is asked only at intervals. */
  const askNowAndThen = async (): Promise<void> => {
    if (asking !== null || performance.now() - askedAt >= POLL_MS) await ask()
  }

  return {
    waitFor: async (position, timeoutMs) => {
      if (isKnown(position)) return true
      await ask()
      if (position <= known) return true
      if (timeoutMs <= 0) return false
      listen()
      const end = Date.now() + timeoutMs
      let done = (): void => {}
      const woken = new Promise<void>((resolve) => {
        done = resolve
      })
      const one = { position, done }
      waiting.add(one)
      try {
        for (;;) {
          const left = end - Date.now()
          if (left <= 0) return position <= known
          let timer: NodeJS.Timeout | undefined
          await Promise.race([
            woken,
            new Promise((resolve) => {
              timer = setTimeout(resolve, Math.min(left, POLL_MS))
            }),
          ])
          clearTimeout(timer)
          if (position <= known) return true
          await askNowAndThen()
        }
      } finally {
        waiting.delete(one)
      }
    },
    close: async () => {
      closing = true
      await (await session)?.close()
    },
  }
}
