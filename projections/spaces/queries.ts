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
const known = ({ type, contentType, q, viewer }: Asked) => {
  // Only accounts own, create or are granted anything.
  const account = viewer?.kind === 'account' ? viewer.id : null
  const granted = (
    space: 'post' | 'document' | 'community' | 'global',
    id: ReturnType<typeof sql.fragment>,
  ) =>
    account === null
      ? sql.fragment`FALSE`
      : sql.fragment`EXISTS (SELECT FROM presence_permissions g
          WHERE g.space_type = ${space} AND g.space_id = ${id} AND g.user_account = ${account})`
  const is = (column: ReturnType<typeof sql.fragment>) =>
    account === null ? sql.fragment`FALSE` : sql.fragment`${column} = ${account}`
  const parts = [
    ...(type === undefined || type === 'post'
      ? [
          sql.fragment`SELECT 2 AS standing, 'post' AS space_type, p.author || '/' || p.permlink AS space_id,
              coalesce(nullif(p.title, ''), p.permlink) AS name, left(p.content, ${DESCRIPTION}::int) AS description,
              coalesce(nullif(p.type, ''), 'post') AS type, p.author AS owner, p.created_at
            FROM posts p
            WHERE NOT (p.hidden OR p.flagged) OR ${is(sql.fragment`p.author`)}
              OR ${granted('post', sql.fragment`p.author || '/' || p.permlink`)}`,
          // Posts that are being read now, if no primary is followed, and that were not opened yet.
          sql.fragment`SELECT 2, 'post', a.id, coalesce(nullif(a.title, ''), a.id), '', a.type, a.author, a.created_at
            FROM alive_posts a
            WHERE NOT EXISTS (SELECT FROM posts p
                WHERE p.author = split_part(a.id, '/', 1) AND p.permlink = split_part(a.id, '/', 2))
              AND NOT EXISTS (SELECT FROM presence_spaces o WHERE o.space_type = 'post' AND o.space_id = a.id)`,
        ]
      : []),
    ...(type === undefined || type === 'document'
      ? [
          sql.fragment`SELECT 2, 'document', d.id, coalesce(nullif(d.title, ''), d.id), '', 'document', d.creator,
              d.created_at
            FROM collaboration_documents d
            WHERE NOT d.is_deleted AND (d.is_public OR ${is(sql.fragment`d.creator`)}
              OR ${granted('document', sql.fragment`d.id`)}
              OR ${
                account === null
                  ? sql.fragment`FALSE`
                  : sql.fragment`EXISTS (SELECT FROM collaboration_permissions c
                      WHERE c.document_id = d.id AND c.user_account = ${account})`
              })`,
        ]
      : []),
    ...(type === undefined || type === 'global'
      ? [
          sql.fragment`SELECT 0, 'global', ${LOBBY.id}::text, ${LOBBY_NAME}::text, '', 'global', NULL::text,
            (SELECT opened_at FROM presence_spaces WHERE space_type = 'global' AND space_id = ${LOBBY.id})`,
        ]
      : []),
    // Spaces without a content table are known because they were opened; of communities, only those that Hive has.
    ...(['community', 'global', 'post'] as const)
      .filter((each) => type === undefined || type === each)
      .map(
        (
          each,
        ) => sql.fragment`SELECT 3, ${each}::text, o.space_id, coalesce(nullif(o.title, ''), o.space_id), '',
            ${each}::text, o.owner, o.opened_at
          FROM presence_spaces o
          WHERE o.space_type = ${each} AND NOT (o.space_type = 'global' AND o.space_id = ${LOBBY.id})
            AND (o.space_type <> 'post'
              OR (EXISTS (SELECT FROM hive_posts h WHERE h.id = o.space_id)
                AND NOT EXISTS (SELECT FROM posts p
                  WHERE p.author = split_part(o.space_id, '/', 1) AND p.permlink = split_part(o.space_id, '/', 2))))
            AND (o.space_type <> 'community' OR EXISTS (SELECT FROM hive_communities h WHERE h.name = o.space_id))
            AND (o.visibility = 'public' OR ${is(sql.fragment`o.owner`)}
              OR ${granted(each, sql.fragment`o.space_id`)})`,
      ),
  ]
  const search = q?.trim()
  const has = (column: ReturnType<typeof sql.fragment>) =>
    sql.fragment`strpos(presence_folded(${column}), presence_folded(${search ?? ''})) > 0`
  return sql.fragment`(SELECT * FROM (${sql.join(parts, sql.fragment` UNION ALL `)}) AS every
      (standing, space_type, space_id, name, description, type, owner, created_at)
    WHERE ${contentType === undefined ? sql.fragment`TRUE` : sql.fragment`lower(type) = ${contentType}`}
      AND ${
        search === undefined || search === ''
          ? sql.fragment`TRUE`
          : sql.fragment`(${has(sql.fragment`name`)} OR ${has(sql.fragment`space_id`)}
            OR ${has(sql.fragment`coalesce(owner, '')`)})`
      })`
}

export const countSpaces = (request: Asked): Query<{ total: number }> =>
  query(sql.unsafe`SELECT count(*) AS total FROM ${known(request)} AS known`, t.type({ total: count }))

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
/** The lobby, then the spaces with the most people, then the newest content, and last the spaces that are known only
 *  because they were opened. `after` is the key of the row before: rank, idle, age, type, id. */
export const listSpaces = (
  request: Asked & Pick<SpacesRequest, 'offset'>,
  after: ReadonlyArray<string> | null,
  limit: number,
): Query<t.TypeOf<typeof listed>> => {
  const from =
    after === null
      ? sql.fragment``
      : sql.fragment`WHERE (rank, idle, age, space_type COLLATE "C", space_id COLLATE "C")
          > (${after[0]!}::int4, ${after[1]!}::int8, ${after[2]!}::int8, ${after[3]!}::text COLLATE "C",
            ${after[4]!}::text COLLATE "C")`
  return query(
    sql.unsafe`SELECT page.space_type, page.space_id, page.name AS display_name, page.description, page.type,
        page.created_at, page.owner AS creator, page.rank, page.idle, page.age, page.active_users,
        coalesce(s.max_users, ${DEFAULT_SETTINGS.max_users}::int) AS max_users
      FROM (
        SELECT * FROM (
          SELECT known.*, coalesce(here.users, 0) AS active_users, -coalesce(here.users, 0)::int8 AS idle,
            -floor(extract(epoch FROM coalesce(created_at, 'epoch')) * 1000000)::int8 AS age,
            CASE WHEN known.standing = 0 THEN 0 WHEN here.users > 0 THEN 1 ELSE known.standing END AS rank
          FROM ${known(request)} AS known
          LEFT JOIN (SELECT space_type, space_id, count(*) AS users FROM presence_sessions GROUP BY 1, 2) AS here
            ON here.space_type = known.space_type AND here.space_id = known.space_id
        ) AS aged ${from}
        ORDER BY rank, idle, age, space_type COLLATE "C", space_id COLLATE "C"
        LIMIT ${limit} OFFSET ${request.offset ?? 0}
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
/** No row if neither content nor history knows it. */
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
