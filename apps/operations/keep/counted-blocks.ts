/** Counts rooms' events by stretches as rooms go on (`projections/audit/counts.ts`), so that whoever looks at the timeline of a
 *  large room does not wait for it. Whatever this misses is counted by the first look. */
import * as E from 'fp-ts/lib/Either.js'
import { connectSession } from '../../../adapters/postgres/session.ts'
import type { SpaceRef } from '../../../domain/names.ts'
import { BLOCK, countRoom } from '../../../projections/audit/counts.ts'
import { spaceMapKey } from '../../../projections/projection.ts'
import type { Noticed } from './stream-follower.ts'

/** A room is counted after so many of its events. */
const EVERY = 8 * BLOCK
/** Of so many rooms it remembers how many events came. */
const ROOMS = 20_000

export type BlockKeeper = {
  /** Returns at once. */
  readonly notice: (events: ReadonlyArray<Noticed>) => void
  /** Resolves when nothing is due. */
  readonly idle: () => Promise<void>
  /** Stops after the statement in progress. */
  readonly stop: () => Promise<void>
}

export const keepBlocks = ({
  databaseUrl,
  onError,
}: {
  readonly databaseUrl: string
  readonly onError?: (error: Error) => void
}): BlockKeeper => {
  const came = new Map<string, number>()
  const due = new Map<string, SpaceRef>()
  let running: Promise<void> | null = null
  let stopped = false

  const run = async (): Promise<void> => {
    const session = await connectSession(databaseUrl, 'presence timelines')
    try {
      for (const [key, space] of due) {
        due.delete(key)
        await countRoom(space, async ({ statement, row }) => {
          if (stopped) return null
          const found = row.decode((await session.run(statement))[0])
          return E.isRight(found) ? found.right : null
        })
        if (stopped) return
      }
    } finally {
      await session.close()
    }
  }

  return {
    notice: (events) => {
      for (const { decoded } of events) {
        if (decoded === null) continue
        const key = spaceMapKey(decoded.space)
        const many = (came.get(key) ?? 0) + 1
        if (many < EVERY) {
          if (came.size >= ROOMS) came.clear()
          came.set(key, many)
        } else {
          came.delete(key)
          due.set(key, decoded.space)
        }
      }
      if (due.size === 0 || running !== null || stopped) return
      running = run()
        .catch((error: Error) => {
          due.clear()
          onError?.(error)
        })
        .finally(() => {
          running = null
        })
    },
    idle: async () => {
      while (running !== null) await running
    },
    stop: async () => {
      stopped = true
      await running
    },
  }
}
