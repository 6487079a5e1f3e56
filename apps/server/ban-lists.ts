/** One server at a time keeps the ban lists up to date that are made of other spaces' bans. */
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { Logger } from '../../adapters/logger.ts'
import { reasonOf } from '../../adapters/observing.ts'
import { leadUntilAborted } from '../../adapters/postgres/leader.ts'
import { LOCKS } from '../../adapters/postgres/locks.ts'
import { createListKeeper, type ListKeeping } from '../commands/ban-lists.ts'

/** Milliseconds between two checks for changed bans. */
const EVERY = 5_000

export const keepBanLists = (
  deps: Omit<ListKeeping, 'onFailure'>,
  {
    databaseUrl,
    logger,
    everyMs = EVERY,
  }: {
    readonly databaseUrl: string
    readonly logger: Pick<Logger, 'warn'>
    readonly everyMs?: number
  },
): { readonly stop: () => Promise<void> } => {
  const over = new AbortController()
  const work = async (client: pg.Client): Promise<void> => {
    // Once the connection is lost, so is the lock, and another server goes on with the work.
    const lost = new AbortController()
    client.once('end', () => lost.abort())
    const signal = AbortSignal.any([over.signal, lost.signal])
    const keeper = createListKeeper({
      ...deps,
      onFailure: (list, cause) => {
        const of = list === null ? {} : { space: `${list.space_type}:${list.space_id}`, list: list.list_id }
        logger.warn({ ...of, cause }, 'ban lists are not up to date')
      },
    })
    while (!signal.aborted) {
      await keeper.pass()
      await delay(everyMs, undefined, { signal }).catch(() => {})
    }
  }
  const led = leadUntilAborted({
    databaseUrl,
    name: 'presence-ban-lists',
    lock: LOCKS.fillingBanLists,
    provesSession: false,
    signal: over.signal,
    work,
    onFailure: (error, before) => {
      if (before === 0) logger.warn({ error: reasonOf(error) }, 'ban lists can’t be kept up to date now')
    },
  })
  return {
    stop: async () => {
      over.abort()
      await led
    },
  }
}
