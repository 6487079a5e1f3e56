/** If no primary is followed: asks DLUX's API and Hive at intervals for trending posts, in one process at a time, and
 *  lists them as rooms. */
import { setTimeout as delay } from 'node:timers/promises'
import * as E from 'fp-ts/lib/Either.js'
import type pg from 'pg'
import { trendingOnDlux } from '../../../adapters/content/dlux-api.ts'
import { note, readBookmark } from '../../../adapters/content/primary/record.ts'
import type { Hive } from '../../../adapters/hive/hive.ts'
import { type Logger, reasonOf } from '../../../adapters/observing.ts'
import { connectClient } from '../../../adapters/postgres/client.ts'
import { leadContent, type PrimaryFollower, STARTING } from './following.ts'

export type TrendingOptions = {
  readonly databaseUrl: string
  /** DLUX's API; null: it is not asked. No slash at the end. */
  readonly dluxApiUrl: string | null
  /** A tag or a community of Hive; null: Hive is not asked for a list. */
  readonly tag: string | null
  readonly hive: Pick<Hive, 'post' | 'ranked'>
  readonly logger: Pick<Logger, 'info' | 'warn'>
  readonly fetch?: typeof globalThis.fetch
  /** Milliseconds between two requests. Default five minutes. */
  readonly everyMs?: number
  readonly now?: () => number
}

const TIMEOUT_MS = 5_000
const LONGEST_PAUSE_MS = 60_000
/** How often (ms) it reports that it is alive. */
const SIGN_MS = 5_000
/** How many titles are looked up each time: DLUX's list has none. */
const TITLES = 50

type TrendingPost = {
  readonly id: string
  readonly author: string
  readonly title: string
  readonly type: string
  readonly created_at: string | null
}
type Look = {
  readonly posts: ReadonlyArray<TrendingPost>
  readonly troubles: ReadonlyArray<string>
  readonly answered: number
}

const fromHive = async ({ hive, tag }: TrendingOptions): Promise<ReadonlyArray<TrendingPost>> => {
  if (tag === null) return []
  const ranked = await hive.ranked(tag)()
  if (E.isLeft(ranked))
    throw new Error(ranked.left._tag === 'HiveUnavailable' ? ranked.left.cause : ranked.left._tag)
  return ranked.right
    .filter(({ shown }) => shown)
    .map(({ id, author, title, createdAt }) => ({ id, author, title, type: 'post', created_at: createdAt }))
}

/** DLUX's posts with what Hive says about each: one that it doesn't know, or hides, is left out; if no node can be
 *  asked, it is listed by its name. */
const fromDlux = async (options: TrendingOptions): Promise<ReadonlyArray<TrendingPost>> => {
  const { dluxApiUrl, hive, fetch = globalThis.fetch } = options
  if (dluxApiUrl === null) return []
  const posts: TrendingPost[] = []
  const listed = await trendingOnDlux(fetch, dluxApiUrl, TIMEOUT_MS)
  for (const { id, author, type } of listed.slice(0, TITLES)) {
    const found = await hive.post(id)()
    if (E.isRight(found) && found.right?.shown !== true) continue
    const post = E.isRight(found) ? found.right : null
    posts.push({
      id,
      author,
      type: type || 'post',
      title: post?.title ?? '',
      created_at: post?.createdAt ?? null,
    })
  }
  return posts
}

/** Asks each source separately, so that one that is away does not affect the other. */
const look = async (options: TrendingOptions): Promise<Look> => {
  const asked = [
    ...(options.dluxApiUrl === null ? [] : [{ name: 'DLUX’s API', ask: fromDlux }]),
    ...(options.tag === null ? [] : [{ name: 'Hive', ask: fromHive }]),
  ]
  const posts = new Map<string, TrendingPost>()
  const troubles: string[] = []
  // Settled together: one that fails while the other is still asked would otherwise be an unhandled rejection.
  const answers = await Promise.allSettled(asked.map(({ ask }) => ask(options)))
  for (const [n, answer] of answers.entries())
    if (answer.status === 'rejected') troubles.push(`${asked[n]!.name}: ${reasonOf(answer.reason)}`)
    else for (const post of answer.value) if (!posts.has(post.id)) posts.set(post.id, post)
  return { posts: [...posts.values()], troubles, answered: asked.length - troubles.length }
}

/** Replaces the list by this one; the last answer of a silent source stays. */
const store = async (here: pg.Client, { posts, troubles }: Look): Promise<number> => {
  const values = [JSON.stringify(posts)]
  const { rows } = await here.query<{ changed: number }>({
    text: `WITH new AS (SELECT * FROM jsonb_to_recordset($1::jsonb)
             AS one (id text, title text, type text, author text, created_at timestamptz)),
           gone AS (DELETE FROM alive_posts WHERE ${troubles.length === 0} AND id NOT IN (SELECT id FROM new) RETURNING 1),
           put AS (INSERT INTO alive_posts AS old (id, title, type, author, created_at, seen_at)
             SELECT id, title, type, author, created_at, now() FROM new
             ON CONFLICT (id) DO UPDATE SET title = excluded.title, type = excluded.type,
               created_at = excluded.created_at, seen_at = excluded.seen_at
             WHERE (old.title, old.type, old.created_at) IS DISTINCT FROM (excluded.title, excluded.type, excluded.created_at)
             RETURNING 1)
           SELECT (SELECT count(*) FROM gone)::int + (SELECT count(*) FROM put)::int AS changed`,
    values,
  })
  // What a silent source listed long ago is deleted, too.
  await here.query(
    `DELETE FROM alive_posts WHERE id IN (SELECT id FROM alive_posts ORDER BY seen_at DESC OFFSET 500)`,
  )
  return rows[0]?.changed ?? 0
}

/** Deletes the list, because a primary is followed, or nobody is asked any more. */
export const forgetTrending = async (databaseUrl: string): Promise<void> => {
  const here = await connectClient({
    connectionString: databaseUrl,
    application_name: 'presence content',
    connectionTimeoutMillis: TIMEOUT_MS,
  })
  try {
    await here.query('DELETE FROM alive_posts')
  } finally {
    await here.end()
  }
}

export const followTrending = (options: TrendingOptions): PrimaryFollower => {
  const { logger, everyMs = 300_000, now = Date.now } = options
  const stopped = new AbortController()
  const { signal } = stopped
  const rest = (ms: number) => delay(ms, undefined, { signal }).catch(() => {})
  const own = { state: STARTING }

  /** Waits, and reports at intervals that it is alive. */
  const waitHere = async (here: pg.Client, ms: number): Promise<void> => {
    for (const end = now() + ms; !signal.aborted && now() < end; ) {
      await note(here, {})
      await rest(Math.max(1, Math.min(SIGN_MS, end - now())))
    }
  }

  const follow = async (here: pg.Client): Promise<void> => {
    await readBookmark(here)
    await note(here, { way: 'asking', reason: null, state: 'connecting' })
    for (let failures = 0; !signal.aborted; ) {
      const seen = await look(options)
      const changed = await store(here, seen)
      const lastError = seen.troubles.length === 0 ? null : seen.troubles.join('; ')
      if (lastError !== null && lastError !== own.state.lastError)
        logger.warn(
          { error: lastError },
          'The trending posts could not be read from DLUX’s API or from Hive. The rooms of the last time are listed until the next try, which comes by itself; if this goes on, check that the addresses in `error` can be reached from here.',
        )
      failures = lastError === null ? 0 : failures + 1
      own.state = { role: lastError === null ? 'following' : 'waiting', way: 'asking', lastError }
      await note(
        here,
        {
          state: lastError === null ? 'following' : 'waiting',
          lastError,
          lagMs: 0,
          ...(seen.answered > 0 ? { heardAt: new Date(now()) } : {}),
          failedAt: lastError === null ? null : new Date(now()),
        },
        { changed, skipped: [] },
      )
      await waitHere(
        here,
        failures === 0 ? everyMs : Math.min(everyMs, 1_000 * 2 ** failures, LONGEST_PAUSE_MS),
      )
    }
  }

  const running = leadContent(options.databaseUrl, signal, own, follow)
  return {
    state: () => own.state,
    stop: async () => {
      stopped.abort()
      await running
    },
  }
}
