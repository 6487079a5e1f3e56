/** What both ways of following get, and what they share. */

import type pg from 'pg'
import type { Primary, PrimaryTable } from '../../../adapters/content/primary/columns.ts'
import { type Bookmark, type FollowWay, note } from '../../../adapters/content/primary/record.ts'
import { storeStretch, type Taken } from '../../../adapters/content/primary/store.ts'
import { stretchesOf } from '../../../adapters/content/primary/sweep.ts'
import { type Logger, reasonOf } from '../../../adapters/observing.ts'
import { leadUntilAborted } from '../../../adapters/postgres/leader.ts'
import { LOCKS } from '../../../adapters/postgres/locks.ts'

export type FollowerState = {
  readonly role: 'starting' | 'standby' | 'following' | 'waiting' | 'stopped'
  readonly way: FollowWay
  readonly lastError: string | null
}
export type PrimaryFollower = {
  readonly state: () => FollowerState
  readonly stop: () => Promise<void>
}

export const STARTING: FollowerState = { role: 'starting', way: 'none', lastError: null }

/** Content is followed by one process at a time, whichever way it is followed. `follow` says in `own.state` how it goes. */
export const leadContent = async (
  databaseUrl: string,
  signal: AbortSignal,
  own: { state: FollowerState },
  follow: (here: pg.Client) => Promise<void>,
): Promise<void> => {
  await leadUntilAborted({
    databaseUrl,
    name: 'presence content follower',
    lock: LOCKS.followingContent,
    provesSession: true,
    signal,
    work: follow,
    onStandby: () => {
      own.state = { ...own.state, role: 'standby' }
    },
    onFailure: (error) => {
      own.state = { ...own.state, role: 'waiting', lastError: reasonOf(error) }
    },
  })
  own.state = { ...own.state, role: 'stopped' }
}

export type FollowRun = {
  /** The only connection to the database here: it has the lock, and everything is written on it. */
  readonly here: pg.Client
  readonly control: pg.Client
  readonly primary: Primary
  readonly bookmark: Bookmark
  readonly toPrimary: (replication?: boolean) => Promise<pg.Client>
  readonly signal: AbortSignal
  readonly rest: (ms: number) => Promise<void>
  readonly now: () => number
  readonly logger: Pick<Logger, 'info' | 'warn'>
  readonly isWell: (way: FollowWay) => void
  /** Whether a table has been empty long enough to believe it: a table that is suddenly empty may be about to be filled again. */
  readonly believesEmpty: (table: string) => boolean
  readonly isNotEmpty: (table: string) => void
  /** Whether it was not empty when last looked at. */
  readonly isEmptySinceNow: (table: string) => boolean
  readonly emptyMs: number
  readonly pollMs: number
  /** Milliseconds between looks at what was closed; 0 for none. */
  readonly accessMs: number
  readonly sweepHour: number
  readonly newSlot: () => string
}

/** The last transaction of each connection, which the next one waits for. */
const lastOf = new WeakMap<pg.Client, Promise<unknown>>()

/** One after another on one connection, whoever asks for them. */
export const inTransaction = <A>(client: pg.Client, work: () => Promise<A>): Promise<A> => {
  const before = lastOf.get(client) ?? Promise.resolve()
  const made = before.catch(() => {}).then(() => transaction(client, work))
  lastOf.set(client, made)
  return made
}
const transaction = async <A>(client: pg.Client, work: () => Promise<A>): Promise<A> => {
  await client.query('BEGIN')
  try {
    const made = await work()
    await client.query('COMMIT')
    return made
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

const SHOWN = 5
export const tellSkipped = (logger: Pick<Logger, 'info' | 'warn'>, { skipped }: Taken): void => {
  if (skipped.length > 0)
    logger.warn(
      { rows: skipped.length, first: skipped.slice(0, SHOWN) },
      'Rows of the primary can’t be taken.',
    )
}

/** Makes the tables here equal to those of `from`, a connection in a transaction that sees one moment. Returns the
 *  tables that are empty there but not believed to be yet. */
export const sweep = async (
  run: FollowRun,
  from: pg.Client,
  tables: ReadonlyArray<PrimaryTable>,
): Promise<ReadonlyArray<PrimaryTable>> => {
  const { here, logger } = run
  const doubted: PrimaryTable[] = []
  for (const table of tables)
    for await (const stretch of stretchesOf(from, table)) {
      const isEmpty = stretch.after === null && stretch.upTo === null && stretch.raws.length === 0
      if (!isEmpty) run.isNotEmpty(table.name)
      else {
        const held = await here.query(`SELECT FROM ${table.name} LIMIT 1`)
        const isNews = run.isEmptySinceNow(table.name)
        if (held.rowCount !== 0 && !run.believesEmpty(table.name)) {
          doubted.push(table)
          // Reported once, however often it is polled.
          if (isNews)
            logger.warn(
              { table: table.name },
              'The primary’s table is suddenly empty: what is known stands for now.',
            )
          continue
        }
      }
      const taken = await inTransaction(here, async () => {
        const stored = await storeStretch(here, stretch)
        await note(here, { heardAt: new Date() }, stored)
        return stored
      })
      tellSkipped(logger, taken)
      if (run.signal.aborted) throw new Error('stopped')
    }
  return doubted
}
