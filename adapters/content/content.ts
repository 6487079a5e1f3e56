/** The content behind spaces, from `posts`, `collaboration_documents` and `collaboration_permissions`, cached until
 *  Postgres notifies a change. */
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { LOBBY, parseSpaceKey, type SpaceRef, spaceKey } from '../../domain/names.ts'
import type { Clock, Content, ContentError } from '../../domain/ports.ts'
import { boundedCache } from '../bounded-cache.ts'
import type { Hive } from '../hive/hive.ts'
import { listen, type NoticeListener } from '../listener.ts'
import { waitAtMost } from '../wait-at-most.ts'
import { type Communities, createCommunities } from './communities.ts'
import { type ContentRecord, factsOf } from './facts.ts'
import { createHivePosts, type HivePosts } from './hive-posts.ts'
import { HiveSilent } from './last-known.ts'

export type ContentOptions = {
  readonly url: string
  readonly systemAdmins: ReadonlyArray<string>
  readonly clock: Clock
  /** Looks up communities. Without it there are none. */
  readonly hive?: Pick<Hive, 'community'> & Partial<Pick<Hive, 'post'>>
  /** Cached at most this long, even if no change is heard. Default 60 s. So often listeners hear of every space if Hive is asked. */
  readonly cacheMs?: number
  /** Looks up Hive posts that the tables do not have, if no primary is followed. */
  readonly hivePosts?: boolean
  readonly poolSize?: number
  /** How long to wait for the first connection before answering without a cache. Default 5 s. */
  readonly startMs?: number
}

/** Notices of the tables' triggers; the payload is a space's key. */
const CHANNEL = 'content_changed'
const COMMUNITY = /^hive-\d{5,7}$/
const NONE: ContentRecord = { kind: 'none' }
/** How much longer cached entries are used while the database does not answer. */
const STANDS_MS = 300_000
const SOON_MS = 300
const STRUGGLE_MS = 1_000

const postOf = async (pool: pg.Pool, hivePosts: HivePosts | null, id: string): Promise<ContentRecord> => {
  const [author, permlink] = id.split('/')
  const { rows } = await pool.query<{ title: string; shown: boolean }>({
    text: 'SELECT title, NOT (hidden OR flagged) AS shown FROM posts WHERE author = $1 AND permlink = $2',
    values: [author, permlink],
  })
  const row = rows[0]
  if (row !== undefined) return { kind: 'post', author: author!, title: row.title || id, shown: row.shown }
  const found = (await hivePosts?.find(id)) ?? null
  return found === null
    ? NONE
    : { kind: 'post', author: author!, title: found.title || id, shown: found.shown }
}

const documentOf = async (pool: pg.Pool, id: string): Promise<ContentRecord> => {
  const { rows } = await pool.query<{
    title: string
    creator: string
    is_public: boolean
    collaborators: string[]
  }>({
    text: `SELECT title, creator, is_public, ARRAY(
             SELECT user_account FROM collaboration_permissions WHERE document_id = $1) AS collaborators
           FROM collaboration_documents WHERE id = $1 AND NOT is_deleted`,
    values: [id],
  })
  const row = rows[0]
  return row === undefined
    ? NONE
    : {
        kind: 'document',
        title: row.title || id,
        creator: row.creator,
        isPublic: row.is_public,
        collaborators: new Set(row.collaborators),
      }
}

const communityOf = async (communities: Communities | null, name: string): Promise<ContentRecord> => {
  if (communities === null || !COMMUNITY.test(name)) return NONE
  const found = await communities.find(name)
  return found === null ? NONE : { kind: 'community', ...found }
}

type OfHive = { readonly communities: Communities | null; readonly hivePosts: HivePosts | null }
const recordOf = async (
  pool: pg.Pool,
  { communities, hivePosts }: OfHive,
  space: SpaceRef,
): Promise<ContentRecord> => {
  switch (space.type) {
    case 'post':
      return postOf(pool, hivePosts, space.id)
    case 'document':
      return documentOf(pool, space.id)
    case 'community':
      return communityOf(communities, space.id)
    case 'global':
      return space.id === LOBBY.id ? { kind: 'lobby' } : NONE
    default: {
      const never: never = space.type
      throw new Error(`unknown space type ${never}`)
    }
  }
}

export type ContentTables = Content & {
  /** Whether it hears of changes. */
  readonly hearing: Pick<NoticeListener, 'connected' | 'deaf'>
  readonly stop: () => Promise<void>
}

/** Resolves once changes are heard, or after `startMs` without a database. */
export const createContent = async (options: ContentOptions): Promise<ContentTables> => {
  const { clock, systemAdmins, cacheMs = 60_000 } = options
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize ?? 3,
    connectionTimeoutMillis: 2_000,
    query_timeout: 2_000,
    application_name: 'presence content',
  })
  pool.on('error', () => {})
  const communities = options.hive === undefined ? null : createCommunities(pool, options.hive, clock)
  const post = options.hivePosts === true ? options.hive?.post : undefined
  const hivePosts = post === undefined ? null : createHivePosts(pool, { post }, clock)
  type CachedRecord = { readonly record: ContentRecord; readonly until: number }
  const held = boundedCache<string, CachedRecord>(20_000)
  /** Until this time (by the machine's clock), the database is not waited for if there is a cached entry. */
  let strugglesUntil = 0
  /** A look-up during which the content changed is removed from here, so that its answer is not cached. */
  const asking = new Map<string, Promise<ContentRecord>>()

  const hearers = new Set<(space: SpaceRef | null) => void>()
  const tell = (space: SpaceRef | null): void => {
    for (const hear of hearers) hear(space)
  }

  const listener = listen({
    url: options.url,
    pool,
    channels: [CHANNEL],
    onNotice: (_, key) => {
      held.delete(key)
      asking.delete(key)
      const space = parseSpaceKey(key)
      if (E.isRight(space)) tell(space.right)
    },
    onListening: async () => {
      held.clear()
      asking.clear()
      // Any changes while nobody listened are unknown.
      tell(null)
    },
  })

  const ask = (key: string, space: SpaceRef): Promise<ContentRecord> => {
    const underway = asking.get(key)
    if (underway !== undefined) return underway
    const asked = recordOf(pool, { communities, hivePosts }, space).then((record) => {
      if (asking.get(key) === asked && listener.connected())
        held.set(key, { record, until: clock.now() + cacheMs })
      return record
    })
    asking.set(key, asked)
    const done = () => {
      if (asking.get(key) === asked) asking.delete(key)
    }
    asked.then(done, done)
    return asked
  }

  /** If it can't be looked up, the cached entry is used for a while. */
  const orCached = async (
    asked: Promise<ContentRecord>,
    { record }: CachedRecord,
  ): Promise<ContentRecord> => {
    let late: NodeJS.Timeout | undefined
    const slow = new Promise<null>((resolve) => {
      late = setTimeout(() => resolve(null), SOON_MS)
    })
    const found = await Promise.race([asked, slow]).catch(() => null)
    clearTimeout(late)
    if (found !== null) return found
    strugglesUntil = Date.now() + STRUGGLE_MS
    return record
  }

  const look = async (space: SpaceRef): Promise<ContentRecord> => {
    const key = spaceKey(space)
    const known = held.get(key)
    // While no changes are heard, the cache is not trusted as long as the database answers.
    if (known !== undefined && listener.connected() && clock.now() < known.until) return known.record
    if (known === undefined || clock.now() >= known.until + STANDS_MS) return ask(key, space)
    return Date.now() < strugglesUntil ? known.record : orCached(ask(key, space), known)
  }

  // Hive announces nothing: those who are in a room of a post there are looked at again each time that its entry has aged.
  const again = hivePosts === null ? undefined : setInterval(() => tell(null), cacheMs).unref()

  await waitAtMost(options.startMs ?? 5_000, listener.ready)

  return {
    factsFor: (space, by) => async () => {
      try {
        return E.right(factsOf(await look(space), by, systemAdmins))
      } catch (error) {
        const unavailable: ContentError = {
          _tag: 'ContentUnavailable',
          cause: String(error),
          ...(error instanceof HiveSilent ? { what: 'hive' as const } : {}),
        }
        return E.left(unavailable)
      }
    },
    onChange: (hear) => {
      hearers.add(hear)
      return () => hearers.delete(hear)
    },
    hearing: listener,
    stop: async () => {
      clearInterval(again)
      hearers.clear()
      await listener.stop()
      await pool.end()
    },
  }
}
