/** Where content comes from, according to the settings: DLUX's primary, else DLUX's API and Hive, else only files. What follows it is
 *  loaded only if it is asked for. */
import type { Logger } from '../../../adapters/observing.ts'
import type { Config } from '../../config/load.ts'
import type { PrimaryFollower } from './following.ts'

type Given = Pick<Config, 'content' | 'database' | 'hive'>

/** What was listed before the settings changed. */
const forget = async (databaseUrl: string): Promise<void> => {
  const { forgetTrending } = await import('./trending.ts')
  await forgetTrending(databaseUrl)
}

/** Null if there is nothing to follow. */
export const followContent = async (
  { content, database, hive }: Given,
  logger: Pick<Logger, 'info' | 'warn'>,
): Promise<PrimaryFollower | null> => {
  const databaseUrl = database.url
  if (content.alive !== null) {
    const [{ followTrending }, { createHive }] = await Promise.all([
      import('./trending.ts'),
      import('../../../adapters/hive/hive.ts'),
    ])
    return followTrending({
      ...content.alive,
      databaseUrl,
      logger,
      hive: createHive({ nodes: hive.nodes, clock: { now: Date.now }, allowStandIn: hive.standIn }),
    })
  }
  void forget(databaseUrl).catch(() => {})
  if (content.url === null) return null
  const { followPrimary } = await import('./follow.ts')
  return followPrimary({ ...content, primaryUrl: content.url, databaseUrl, logger })
}
