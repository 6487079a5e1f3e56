/** Follows DLUX's primary into the content tables, in one process at a time, through failures of either side. */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { connectPrimary, describePrimary } from '../../../adapters/content/primary/columns.ts'
import { type FollowWay, note, readBookmark } from '../../../adapters/content/primary/record.ts'
import { isRefusal, publishedTables } from '../../../adapters/content/primary/slot.ts'
import { type Logger, reasonOf } from '../../../adapters/observing.ts'
import { cut } from '../../../adapters/postgres/client.ts'
import { type FollowRun, leadContent, type PrimaryFollower, STARTING } from './following.ts'
import { pollPrimary } from './poll.ts'
import { replicate } from './replicate.ts'

const LONGEST_PAUSE_MS = 5_000
/** How often (ms) a primary that did not allow streaming is asked again. */
const AGAIN_MS = 600_000

export type FollowOptions = {
  readonly primaryUrl: string
  readonly databaseUrl: string
  readonly logger: Pick<Logger, 'info' | 'warn'>
  /** `auto`: streamed if the primary allows it. */
  readonly way?: 'auto' | 'replication' | 'polling'
  /** Milliseconds between polls, at least. Default 500. */
  readonly pollMs?: number
  /** Milliseconds between looks at what a polled primary closed, at least; 0 for none. Default 300. */
  readonly accessMs?: number
  /** The hour (UTC) at which a poller reads everything again, once a day. Default 3. */
  readonly sweepHour?: number
  /** How long (ms) a table must be empty before that is believed. Default a minute. */
  readonly emptyMs?: number
  readonly now?: () => number
}

export const followPrimary = (options: FollowOptions): PrimaryFollower => {
  const { logger, way = 'auto', now = Date.now } = options
  const stopped = new AbortController()
  const { signal } = stopped
  const rest = (ms: number) => delay(ms, undefined, { signal }).catch(() => {})
  const own = { state: STARTING }
  const emptySince = new Map<string, number>()
  const open = new Set<pg.Client>()

  const toPrimary = async (replication = false): Promise<pg.Client> => {
    const client = await connectPrimary(options.primaryUrl, replication)
    open.add(client)
    client.on('end', () => open.delete(client))
    if (signal.aborted) cut(client)
    return client
  }
  const closePrimary = (): void => {
    for (const client of open) cut(client)
    open.clear()
  }

  /** Follows until the primary or the database here fails. */
  const followOnce = async (here: pg.Client, isWell: () => void): Promise<void> => {
    await note(here, { state: 'connecting' })
    const control = await toPrimary()
    const primary = await describePrimary(control)
    if (primary.tables.length === 0) throw new Error(primary.missing.join('; '))
    const run: FollowRun = {
      here,
      control,
      primary,
      bookmark: await readBookmark(here),
      toPrimary,
      signal,
      rest,
      now,
      logger,
      isWell: (by: FollowWay) => {
        if (own.state.way !== by || own.state.role !== 'following')
          logger.info({ way: by }, 'Content follows the primary.')
        own.state = { role: 'following', way: by, lastError: null }
        isWell()
      },
      believesEmpty: (table) => {
        const since = emptySince.get(table) ?? now()
        emptySince.set(table, since)
        return now() - since >= (options.emptyMs ?? 60_000)
      },
      isNotEmpty: (table) => emptySince.delete(table),
      isEmptySinceNow: (table) => !emptySince.has(table),
      pollMs: options.pollMs ?? 500,
      accessMs: options.accessMs ?? 300,
      sweepHour: options.sweepHour ?? 3,
      emptyMs: options.emptyMs ?? 60_000,
      newSlot: () => `presence_content_${randomBytes(4).toString('hex')}`,
    }
    const missing = primary.missing.join('; ')
    let reason = way === 'polling' ? 'CONTENT_FOLLOW is polling' : null
    if (reason === null) {
      const published = await publishedTables(control, primary.tables)
      if ('reason' in published) reason = published.reason
      else
        try {
          await replicate({ ...run, primary: { ...primary, tables: published.tables } }, missing)
          return
        } catch (error) {
          if (!isRefusal(error) || way === 'replication') throw error
          reason = reasonOf(error)
        }
      if (way === 'replication') throw new Error(reason)
    }
    await pollPrimary(
      run,
      [reason, missing].filter((why) => why !== '').join('; '),
      way === 'auto' ? AGAIN_MS : null,
    )
  }

  const follow = async (here: pg.Client): Promise<void> => {
    let isGone = false
    here.on('end', () => {
      isGone = true
      closePrimary()
    })
    try {
      await readBookmark(here)
      for (let failures = 0; !signal.aborted && !isGone; ) {
        try {
          await followOnce(here, () => {
            failures = 0
          })
        } catch (error) {
          if (signal.aborted || isGone) break
          const lastError = reasonOf(error)
          if (lastError !== own.state.lastError)
            logger.warn({ error: lastError }, 'The primary can’t be followed just now.')
          own.state = { role: 'waiting', way: own.state.way, lastError }
          closePrimary()
          await here.query('ROLLBACK')
          await note(here, { state: 'waiting', lastError, failedAt: new Date() })
          failures += 1
        }
        closePrimary()
        await rest(Math.min(50 * 2 ** failures, LONGEST_PAUSE_MS))
      }
      if (!signal.aborted) throw new Error('the connection to Postgres is gone')
    } finally {
      closePrimary()
    }
  }

  const running = leadContent(options.databaseUrl, signal, own, follow)

  return {
    state: () => own.state,
    stop: async () => {
      // The connection here is cut too: each transaction is whole or not there.
      stopped.abort()
      closePrimary()
      await running
    },
  }
}
