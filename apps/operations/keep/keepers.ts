/** What is kept beside the tables as rooms go on: moments, states for bundles, and counted blocks of timelines. */
import type { Logger } from '../../../adapters/observing.ts'
import type { EventLog } from '../../../domain/ports.ts'
import { signerOf } from '../../../projections/proof/note.ts'
import type { Config } from '../../config/load.ts'
import { keepStates } from './bundle-states.ts'
import { keepBlocks } from './counted-blocks.ts'
import { keepMoments } from './moments.ts'
import type { Noticed } from './stream-follower.ts'

export type Keepers = {
  /** Returns at once. */
  readonly notice: (events: ReadonlyArray<Noticed>) => void
  /** Stops after what is in progress. */
  readonly stop: () => Promise<void>
}

/** `log`: as it is, since nothing personal is needed. */
export const startKeepers = (
  { audit, database }: Pick<Config, 'audit' | 'database'>,
  log: EventLog,
  logger: Pick<Logger, 'warn'>,
): Keepers => {
  const keepers = [
    keepMoments({
      log,
      onError: (error, stream) => logger.warn({ err: error, stream }, 'a moment was not kept'),
    }),
    keepStates({
      log,
      databaseUrl: database.url,
      signer: signerOf(audit.origin, Buffer.from(audit.signingKey, 'hex')),
      onError: (error, stream) => logger.warn({ err: error, stream }, 'a state was not kept'),
    }),
    keepBlocks({
      databaseUrl: database.url,
      onError: (error) => logger.warn({ err: error }, 'a timeline was not counted'),
    }),
  ]
  return {
    notice: (events) => {
      for (const keeper of keepers) keeper.notice(events)
    },
    stop: async () => {
      await Promise.all(keepers.map((keeper) => keeper.stop()))
    },
  }
}
