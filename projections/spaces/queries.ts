/** The spaces that a caller may know of, and what one space is. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import { LOBBY, type SpaceRef } from '../../domain/names.ts'
import { DEFAULT_SETTINGS } from '../../domain/settings.ts'
import { bigint, count, decimal, iso, nullable, type Query, query, spaceType } from '../query.ts'
import type { SpacesRequest } from '../read-models.ts'

const LOBBY_NAME = 'Lobby'
const DESCRIPTION = 200

type Asked = Pick<SpacesRequest, 'type' | 'contentType' | 'q' | 'viewer'>
type Fragment = ReturnType<typeof sql.fragment>

/** A table from which spaces are known. Its rows are found by index, newest first, so that a page costs the same
 *  however many rows there are. */
type Source = {
  /** The rank of its spaces among those that nobody is in. */
  readonly standing: number
  readonly spaceType: 'post' | 'document' | 'community' | 'global'
  readonly from: Fragment
  readonly id: Fragment
  readonly name: Fragment
  readonly description: Fragment
  readonly type: Fragment
  readonly owner: Fragment
  readonly createdAt: Fragment
  /** Like `createdAt`, but never null, and written as in an index. */
  readonly time: Fragment
  /** Whether a row has this id. */
  readonly has: (id: Fragment) => Fragment
  /** Two conditions that exclude each other: the spaces that everybody may know of, and the others that the caller may know of. */
  readonly open: Fragment
  readonly besides: Fragment | null
  /** The text to search, written as in an index; null if there are too few rows for an index. */
  readonly words: Fragment | null
}

const NO_WORDS = sql.fragment`''`
/** Joins the parts to one text, so that one index serves all of them. */
const wordsOf = (...parts: ReadonlyArray<Fragment>): Fragment =>
  sql.fragment`presence_folded(${sql.join(parts, sql.fragment` || chr(10) || `)})`

const grantedTo = (account: string, space: Source['spaceType']): Fragment =>
  sql.fragment`SELECT g.space_id FROM presence_permissions g
    WHERE g.user_account = ${account} AND g.space_type = ${space}`

const POST_ID = sql.fragment`(p.author || '/' || p.permlink)`
const postsFor = (account: string | null): Source => ({
  standing: 2,
  spaceType: 'post',
  from: sql.fragment`posts p`,
  id: POST_ID,
  name: sql.fragment`coalesce(nullif(p.title, ''), p.permlink)`,
  description: sql.fragment`left(p.content, ${DESCRIPTION}::int)`,
  type: sql.fragment`coalesce(nullif(p.type, ''), 'post')`,
  owner: sql.fragment`p.author`,
  createdAt: sql.fragment`p.created_at`,
  time: sql.fragment`p.created_at`,
  has: (id) => sql.fragment`p.author = split_part(${id}, '/', 1) AND p.permlink = split_part(${id}, '/', 2)`,
  open: sql.fragment`NOT (p.hidden OR p.flagged)`,
  besides:
    account === null
      ? null
      : sql.fragment`(p.hidden OR p.flagged) AND (p.author, p.permlink) IN (
          SELECT own.author, own.permlink FROM posts own WHERE own.author = ${account} AND (own.hidden OR own.flagged)
          UNION SELECT split_part(g.space_id, '/', 1), split_part(g.space_id, '/', 2)
            FROM (${grantedTo(account, 'post')}) AS g)`,
  words: wordsOf(
    sql.fragment`coalesce(nullif(p.title, ''), p.permlink)`,
    sql.fragment`(p.author || '/' || p.permlink)`,
  ),
})
/** Trending posts that nobody has opened yet; used if no primary is followed. */
const ALIVE: Source = {
  standing: 2,
  spaceType: 'post',
  from: sql.fragment`alive_posts a`,
  id: sql.fragment`a.id`,
  name: sql.fragment`coalesce(nullif(a.title, ''), a.id)`,
  description: NO_WORDS,
  type: sql.fragment`a.type`,
  owner: sql.fragment`a.author`,
  createdAt: sql.fragment`a.created_at`,
  time: sql.fragment`coalesce(a.created_at, 'epoch')`,
  has: (id) => sql.fragment`a.id = ${id}`,
  open: sql.fragment`NOT EXISTS (SELECT FROM posts p
      WHERE p.author = split_part(a.id, '/', 1) AND p.permlink = split_part(a.id, '/', 2))
    AND NOT EXISTS (SELECT FROM presence_spaces o WHERE o.space_type = 'post' AND o.space_id = a.id)`,
  besides: null,
  words: null,
}
const documentsFor = (account: string | null): Source => ({
  standing: 2,
  spaceType: 'document',
  from: sql.fragment`collaboration_documents d`,
  id: sql.fragment`d.id`,
  name: sql.fragment`coalesce(nullif(d.title, ''), d.id)`,
  description: NO_WORDS,
  type: sql.fragment`'document'`,
  owner: sql.fragment`d.creator`,
  createdAt: sql.fragment`d.created_at`,
  time: sql.fragment`d.created_at`,
  has: (id) => sql.fragment`d.id = ${id}`,
  open: sql.fragment`NOT d.is_deleted AND d.is_public`,
  besides:
    account === null
      ? null
      : sql.fragment`NOT d.is_deleted AND NOT d.is_public AND d.id IN (
          SELECT own.id FROM collaboration_documents own WHERE own.creator = ${account}
          UNION SELECT c.document_id FROM collaboration_permissions c WHERE c.user_account = ${account}
          UNION ${grantedTo(account, 'document')})`,
  words: wordsOf(
    sql.fragment`coalesce(nullif(d.title, ''), d.id)`,
    sql.fragment`d.id`,
    sql.fragment`d.creator`,
  ),
})
const LOBBY_SOURCE: Source = {
  standing: 0,
  spaceType: 'global',
  from: sql.fragment`(SELECT (SELECT opened_at FROM presence_spaces
    WHERE space_type = 'global' AND space_id = ${LOBBY.id}) AS opened_at) AS l`,
  id: sql.fragment`${LOBBY.id}::text`,
  name: sql.fragment`${LOBBY_NAME}::text`,
  description: NO_WORDS,
  type: sql.fragment`'global'`,
  owner: sql.fragment`NULL::text`,
  createdAt: sql.fragment`l.opened_at`,
  time: sql.fragment`coalesce(l.opened_at, 'epoch')`,
  has: (id) => sql.fragment`${id} = ${LOBBY.id}::text`,
  open: sql.fragment`TRUE`,
  besides: null,
  words: null,
}
/** Spaces without a table of content are known if they were opened; of posts and communities, only those that Hive has. */
const openedFor = (spaceType: 'community' | 'global' | 'post', account: string | null): Source => {
  const exists = {
    global: sql.fragment`o.space_id <> ${LOBBY.id}`,
    community: sql.fragment`EXISTS (SELECT FROM hive_communities h WHERE h.name = o.space_id)`,
    post: sql.fragment`EXISTS (SELECT FROM hive_posts h WHERE h.id = o.space_id)
      AND NOT EXISTS (SELECT FROM posts p
        WHERE p.author = split_part(o.space_id, '/', 1) AND p.permlink = split_part(o.space_id, '/', 2))`,
  }[spaceType]
  const isOne = sql.fragment`o.space_type = ${spaceType} AND ${exists}`
  return {
    standing: 3,
    spaceType,
    from: sql.fragment`presence_spaces o`,
    id: sql.fragment`o.space_id`,
    name: sql.fragment`coalesce(nullif(o.title, ''), o.space_id)`,
    description: NO_WORDS,
    type: sql.fragment`${spaceType}::text`,
    owner: sql.fragment`o.owner`,
    createdAt: sql.fragment`o.opened_at`,
    time: sql.fragment`coalesce(o.opened_at, 'epoch')`,
    has: (id) => sql.fragment`o.space_id = ${id}`,
    open: sql.fragment`${isOne} AND o.visibility = 'public'`,
    besides:
      account === null
        ? null
        : sql.fragment`${isOne} AND o.visibility IS DISTINCT FROM 'public' AND o.space_id IN (
            SELECT own.space_id FROM presence_spaces own WHERE own.owner = ${account} AND own.space_type = ${spaceType}
            UNION ${grantedTo(account, spaceType)})`,
    words: wordsOf(
      sql.fragment`coalesce(nullif(o.title, ''), o.space_id)`,
      sql.fragment`o.space_id`,
      sql.fragment`coalesce(o.owner, '')`,
    ),
  }
}

const sourcesFor = ({ type, viewer }: Asked): ReadonlyArray<Source> => {
  // Only accounts own, create or are granted anything.
  const account = viewer?.kind === 'account' ? viewer.id : null
  const all = [
    LOBBY_SOURCE,
    postsFor(account),
    ALIVE,
    documentsFor(account),
    openedFor('community', account),
    openedFor('global', account),
    openedFor('post', account),
  ]
  return all.filter(({ spaceType }) => type === undefined || type === spaceType)
}

/** Escapes the characters that have a meaning in `LIKE`. */
const containing = (words: string): Fragment =>
  sql.fragment`'%' || replace(replace(replace(presence_folded(${words}), '\\', '\\\\'), '%', '\\%'), '_', '\\_') || '%'`

/** The condition on content type and searched words. */
const asked = ({ contentType, q }: Asked, source: Source): Fragment => {
  const search = q?.trim() ?? ''
  const words = source.words ?? wordsOf(source.name, source.id, sql.fragment`coalesce(${source.owner}, '')`)
  return sql.fragment`${contentType === undefined ? sql.fragment`TRUE` : sql.fragment`lower(${source.type}) = ${contentType}`}
    AND ${search === '' ? sql.fragment`TRUE` : sql.fragment`${words} LIKE ${containing(search)}`}`
}
/** The spaces that the caller may know of, in parts that exclude each other and have an index each. */
const partsOf = ({ open, besides }: Source): ReadonlyArray<Fragment> =>
  besides === null ? [open] : [open, besides]
const mayKnow = (source: Source): Fragment =>
  sql.fragment`(${sql.join(
    partsOf(source).map((part) => sql.fragment`(${part})`),
    sql.fragment` OR `,
  )})`

/** How many spaces there are in all. Each part is counted by an index, but the cost still grows with the part's size. */
export const countSpaces = (request: Asked): Query<{ total: number }> => {
  const counts = sourcesFor(request).flatMap((source) =>
    partsOf(source).map(
      (part) =>
        sql.fragment`(SELECT count(*) FROM ${source.from} WHERE ${part} AND ${asked(request, source)})`,
    ),
  )
  return query(
    sql.unsafe`SELECT ${sql.join([sql.fragment`0`, ...counts], sql.fragment` + `)} AS total`,
    t.type({ total: count }),
  )
}

const listed = t.type({
  space_type: spaceType,
  space_id: t.string,
  display_name: t.string,
  description: t.string,
  type: t.string,
  active_users: count,
  max_users: t.number,
  created_at: nullable(iso),
  creator: nullable(t.string),
  rank: t.number,
  idle: bigint,
  age: bigint,
})

const columnsOf = ({ standing, spaceType, ...source }: Source): Fragment =>
  sql.fragment`${standing}::int4 AS standing, ${spaceType}::text AS space_type, ${source.id} AS space_id,
    ${source.name} AS name, ${source.description} AS description, ${source.type} AS type, ${source.owner} AS owner,
    ${source.createdAt} AS created_at`

/** The condition for rows after `after` in a source whose spaces nobody is in; null if none of its rows come after it. */
const beyond = (source: Source, after: ReadonlyArray<string> | null): Fragment | null => {
  const [rank, , age, type, id] = after ?? []
  if (rank === undefined || Number(rank) < source.standing) return sql.fragment`TRUE`
  if (Number(rank) > source.standing) return null
  const at = sql.fragment`('epoch'::timestamptz + -(${age!}::int8) * interval '1 microsecond')`
  return sql.fragment`${source.time} <= ${at} AND (${source.time} < ${at}
    OR (${source.spaceType}::text COLLATE "C", ${source.id} COLLATE "C") > (${type!}::text COLLATE "C", ${id!}::text COLLATE "C"))`
}

/** The lobby first, then the spaces with the most people, then the newest content, and last the spaces that are known
 *  only because they were opened. `after` is the key of the row before: rank, idle, age, type, id. */
export const listSpaces = (
  request: Asked & Pick<SpacesRequest, 'offset'>,
  after: ReadonlyArray<string> | null,
  limit: number,
): Query<t.TypeOf<typeof listed>> => {
  const offset = request.offset ?? 0
  const sources = sourcesFor(request)
  const withPeople = sources
    .filter(({ standing }) => standing > 0)
    .map(
      (source) => sql.fragment`SELECT one.*, here.users FROM here CROSS JOIN LATERAL (
          SELECT ${columnsOf(source)} FROM ${source.from}
          WHERE ${source.has(sql.fragment`here.space_id`)} AND ${mayKnow(source)} AND ${asked(request, source)}) AS one
        WHERE here.space_type = ${source.spaceType}`,
    )
  const lobby = sources
    .filter(({ standing }) => standing === 0)
    .map(
      (source) => sql.fragment`SELECT one.*, coalesce(here.users, 0) FROM (
          SELECT ${columnsOf(source)} FROM ${source.from} WHERE ${asked(request, source)}) AS one
        LEFT JOIN here ON here.space_type = one.space_type AND here.space_id = one.space_id`,
    )
  const empty = sources
    .filter(({ standing }) => standing > 0)
    .flatMap((source) => {
      const rest = beyond(source, after)
      if (rest === null) return []
      return partsOf(source).map(
        (part) => sql.fragment`(SELECT ${columnsOf(source)}, 0::int8 FROM ${source.from}
          WHERE ${part} AND ${asked(request, source)} AND ${rest}
            AND ${source.id} NOT IN (SELECT here.space_id FROM here WHERE here.space_type = ${source.spaceType})
          ORDER BY ${source.time} DESC, ${source.id} COLLATE "C"
          LIMIT ${limit + offset})`,
      )
    })
  const from =
    after === null
      ? sql.fragment``
      : sql.fragment`WHERE (rank, idle, age, space_type COLLATE "C", space_id COLLATE "C")
          > (${after[0]!}::int4, ${after[1]!}::int8, ${after[2]!}::int8, ${after[3]!}::text COLLATE "C",
            ${after[4]!}::text COLLATE "C")`
  return query(
    sql.unsafe`WITH here AS MATERIALIZED (
        SELECT space_type, space_id, count(*) AS users FROM presence_sessions GROUP BY 1, 2)
      SELECT page.space_type, page.space_id, page.name AS display_name, page.description, page.type,
        page.created_at, page.owner AS creator, page.rank, page.idle, page.age, page.users AS active_users,
        coalesce(s.max_users, ${DEFAULT_SETTINGS.max_users}::int) AS max_users
      FROM (
        SELECT * FROM (
          SELECT known.*, -users AS idle,
            -floor(extract(epoch FROM coalesce(created_at, 'epoch')) * 1000000)::int8 AS age,
            CASE WHEN standing = 0 THEN 0 WHEN users > 0 THEN 1 ELSE standing END AS rank
          FROM (${sql.join([...lobby, ...withPeople, ...empty], sql.fragment` UNION ALL `)}) AS known
            (standing, space_type, space_id, name, description, type, owner, created_at, users)
        ) AS aged ${from}
        ORDER BY rank, idle, age, space_type COLLATE "C", space_id COLLATE "C"
        LIMIT ${limit} OFFSET ${offset}
      ) AS page
      LEFT JOIN presence_space_settings s ON s.space_type = page.space_type AND s.space_id = page.space_id
      ORDER BY page.rank, page.idle, page.age, page.space_type COLLATE "C", page.space_id COLLATE "C"`,
    listed,
  )
}

const described = t.type({
  title: t.string,
  description: t.string,
  type: t.string,
  owner: nullable(t.string),
  visibility: t.union([t.literal('public'), t.literal('private')]),
  active_users: count,
  created_at: nullable(iso),
  revision: nullable(decimal),
  chat_revision: nullable(decimal),
  position: nullable(decimal),
})
/** Returns no row if neither content nor history knows the space. */
export const describeSpace = (space: SpaceRef): Query<t.TypeOf<typeof described>> => {
  const [author = '', permlink = ''] = space.type === 'post' ? space.id.split('/') : []
  const isLobby = space.type === LOBBY.type && space.id === LOBBY.id
  return query(
    sql.unsafe`SELECT
        coalesce(nullif(p.title, ''), p.permlink, nullif(d.title, ''), d.id, nullif(o.title, ''),
          ${isLobby ? LOBBY_NAME : space.id}) AS title,
        coalesce(left(p.content, ${DESCRIPTION}::int), '') AS description,
        coalesce(nullif(p.type, ''), ${space.type}) AS type,
        coalesce(p.author, d.creator, o.owner) AS owner,
        CASE
          WHEN p.author IS NOT NULL THEN CASE WHEN p.hidden OR p.flagged THEN 'private' ELSE 'public' END
          WHEN d.id IS NOT NULL THEN CASE WHEN d.is_public THEN 'public' ELSE 'private' END
          WHEN ${isLobby}::bool THEN 'public'
          ELSE coalesce(o.visibility, 'private')
        END AS visibility,
        (SELECT count(*) FROM presence_sessions s
          WHERE s.space_type = ${space.type} AND s.space_id = ${space.id}) AS active_users,
        coalesce(p.created_at, d.created_at, o.opened_at) AS created_at,
        o.revision, o.chat_revision, o.position
      FROM (SELECT 1) AS one
      LEFT JOIN posts p ON p.author = ${author} AND p.permlink = ${permlink}
      LEFT JOIN collaboration_documents d
        ON ${space.type === 'document'}::bool AND d.id = ${space.id} AND NOT d.is_deleted
      LEFT JOIN presence_spaces o ON o.space_type = ${space.type} AND o.space_id = ${space.id}
      WHERE ${isLobby}::bool OR p.author IS NOT NULL OR d.id IS NOT NULL OR o.space_id IS NOT NULL`,
    described,
  )
}
