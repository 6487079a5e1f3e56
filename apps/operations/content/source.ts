/** Where content comes from, according to the settings: DLUX's primary, else DLUX's API and Hive, else only files. */
import { createHive } from '../../../adapters/hive/hive.ts'
import type { Logger } from '../../../adapters/observing.ts'
import type { Config } from '../../config/load.ts'
import { followPrimary } from './follow.ts'
import type { PrimaryFollower } from './following.ts'
import { followTrending, forgetTrending } from './trending.ts'

type Given = Pick<Config, 'content' | 'database' | 'hive'>

/** Null if there is nothing to follow. */
export const followContent = (
  { content, database, hive }: Given,
  logger: Pick<Logger, 'info' | 'warn'>,
): PrimaryFollower | null => {
  const databaseUrl = database.url
  if (content.alive !== null)
    return followTrending({
      ...content.alive,
      databaseUrl,
      logger,
      hive: createHive({ nodes: hive.nodes, clock: { now: Date.now }, allowStandIn: hive.standIn }),
    })
  // What was listed before the settings changed.
  void forgetTrending(databaseUrl).catch(() => {})
  return content.url === null
    ? null
    : followPrimary({ ...content, primaryUrl: content.url, databaseUrl, logger })
}
