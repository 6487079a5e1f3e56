/** Queries of the ban lists that are made of other spaces' bans, and of those bans. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import { MAX_LISTED } from '../../domain/space/ban-list.ts'
import { nullable, type Query, query, spaceType } from '../query.ts'
import type { FollowedListRow, SourceBanRow } from '../read-models.ts'

type Fragment = ReturnType<typeof sql.fragment>
const IN_FORCE = sql.fragment`(b.until IS NULL OR b.until > now())`
/** The bans that belong in the list `l`: those of its source space, or those of all other spaces of the owner who follows them. They
 *  are the first by their spaces' names, then by whom they name, and no more than that many are read, however many there are. */
const bansOfList = (limit: number): Fragment => sql.fragment`
  (SELECT b.space_type, b.space_id, b.subject, b.reason FROM presence_bans b
    WHERE l.source_kind = 'space' AND b.space_type = l.source_type AND b.space_id = l.source_id AND ${IN_FORCE}
    ORDER BY b.subject LIMIT ${limit})
  UNION ALL
  (SELECT s.space_type, s.space_id, one.subject, one.reason
    FROM (SELECT o.space_type, o.space_id FROM presence_spaces o
      WHERE l.source_kind = 'owner' AND o.owner = l.followed_by
        AND (o.space_type <> l.space_type OR o.space_id <> l.space_id) ORDER BY o.space_type, o.space_id) AS s
    CROSS JOIN LATERAL (SELECT b.subject, b.reason FROM presence_bans b
      WHERE b.space_type = s.space_type AND b.space_id = s.space_id AND ${IN_FORCE}
      ORDER BY b.subject LIMIT ${limit}) AS one
    ORDER BY s.space_type, s.space_id, one.subject LIMIT ${limit})`

/** In the order of their keys, after the given one. `print` changes whenever the bans change, or the source publishes them or stops to. */
export const followedLists = (
  after: readonly [string, string, string] | null,
  limit: number,
): Query<FollowedListRow> => {
  const [type, id, list] = after ?? ['', '', '']
  return query(
    sql.unsafe`SELECT l.space_type, l.space_id, l.list_id, l.source_kind, l.source_type, l.source_id, l.followed_by,
        coalesce((o.others ->> 'publish_bans')::bool, false) AS published,
        md5(p.bans || coalesce(o.others ->> 'publish_bans', '')) AS print
      FROM presence_ban_lists l
      LEFT JOIN presence_space_settings o ON o.space_type = l.source_type AND o.space_id = l.source_id
      CROSS JOIN LATERAL (
        SELECT concat_ws(' ', count(*), sum(hashtextextended(
          concat_ws(' ', b.space_type, b.space_id, b.subject, b.reason), 0)::numeric)) AS bans
        FROM (${bansOfList(MAX_LISTED)}) AS b
      ) AS p
      WHERE l.source_kind <> 'given' AND (l.space_type, l.space_id, l.list_id) > (${type}, ${id}, ${list})
      ORDER BY l.space_type, l.space_id, l.list_id LIMIT ${limit}`,
    t.type({
      space_type: spaceType,
      space_id: t.string,
      list_id: t.string,
      source_kind: t.string,
      source_type: nullable(spaceType),
      source_id: nullable(t.string),
      followed_by: t.string,
      published: t.boolean,
      print: t.string,
    }),
  )
}

/** Whether everybody may know of the space of the ban `b`. */
const IS_OPEN = sql.fragment`CASE b.space_type
  WHEN 'post' THEN EXISTS (SELECT FROM posts p WHERE p.author = split_part(b.space_id, '/', 1)
    AND p.permlink = split_part(b.space_id, '/', 2) AND NOT (p.hidden OR p.flagged))
  WHEN 'document' THEN EXISTS (SELECT FROM collaboration_documents d
    WHERE d.id = b.space_id AND d.is_public AND NOT d.is_deleted)
  ELSE EXISTS (SELECT FROM presence_spaces o
    WHERE o.space_type = b.space_type AND o.space_id = b.space_id AND o.visibility = 'public') END`

/** The bans that such a list is made of. If several spaces ban one subject, the ban of the space whose name sorts first counts. */
export const bansOfSource = (
  source: Pick<
    FollowedListRow,
    'space_type' | 'space_id' | 'source_kind' | 'source_type' | 'source_id' | 'followed_by'
  >,
  limit: number,
): Query<SourceBanRow> =>
  query(
    sql.unsafe`SELECT DISTINCT ON (b.subject) b.subject, b.reason, b.space_type, b.space_id,
        (l.source_kind = 'space' OR ${IS_OPEN}) AS named
      FROM (SELECT ${source.space_type}::text AS space_type, ${source.space_id}::text AS space_id,
        ${source.source_kind}::text AS source_kind, ${source.source_type}::text AS source_type,
        ${source.source_id}::text AS source_id, ${source.followed_by}::text AS followed_by) AS l
      CROSS JOIN LATERAL (${bansOfList(limit)}) AS b
      ORDER BY b.subject, b.space_type, b.space_id LIMIT ${limit}`,
    t.type({
      subject: t.string,
      reason: nullable(t.string),
      space_type: spaceType,
      space_id: t.string,
      named: t.boolean,
    }),
  )
