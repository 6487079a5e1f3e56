/** Where content comes from, according to the settings: DLUX's primary, else DLUX's API and Hive, else only files. */
import { createHive } from '../../../adapters/hive/hive.ts'
import type { Logger } from '../../../adapters/observing.ts'
import type { Config } from '../../config/load.ts'
import { followAlive, forgetAlive } from './alive.ts'
import { followPrimary } from './follow.ts'
import type { PrimaryFollower } from './run.ts'

type Given = Pick<Config, 'content' | 'database' | 'hive'>

/** Null if there is nothing to follow. */
export const followContent = (
  { content, database, hive }: Given,
  logger: Pick<Logger, 'info' | 'warn'>,
): PrimaryFollower | null => {
  const databaseUrl = database.url
  if (content.alive !== null)
    return followAlive({
      ...content.alive,
      databaseUrl,
      logger,
      hive: createHive({ nodes: hive.nodes, clock: { now: Date.now }, allowStandIn: hive.standIn }),
    })
  // What was listed before the settings changed.
  void forgetAlive(databaseUrl).catch(() => {})
  return content.url === null
    ? null
    : followPrimary({ ...content, primaryUrl: content.url, databaseUrl, logger })
}
