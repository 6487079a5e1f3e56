/** Queries of messages and reactions. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import { MAX_REACTIONS_OF_ALL } from '../../domain/chat/text.ts'
import type { SpaceRef } from '../../domain/names.ts'
import { bigint, decimal, iso, nullable, type Query, query, spaceType } from '../query.ts'
import { messageAt } from './message-key.ts'

const reaction = t.type({ emoji: t.string, count: t.number, by: t.array(t.string) })
const listed = t.type({
  message_id: t.string,
  user_account: nullable(t.string),
  guest_id: nullable(t.string),
  display_name: t.string,
  message_type: t.string,
  content: t.string,
  parent_message_id: nullable(t.string),
  thread_root_id: nullable(t.string),
  subspace: t.string,
  is_deleted: t.boolean,
  deleted_by: nullable(t.string),
  deleted_at: nullable(iso),
  edited_at: nullable(iso),
  created_at: iso,
  erased_by: nullable(t.string),
  position: decimal,
  revision: decimal,
  reactions: t.array(reaction),
})

/** Finds a message by its id or its revision; no row if this space has no such message. */
export const revisionOf = (space: SpaceRef, messageId: string): Query<{ readonly revision: bigint }> =>
  query(
    sql.unsafe`SELECT revision FROM chat_messages
      WHERE ${messageAt(space, messageId)}`,
    t.type({ revision: bigint }),
  )

/** The ids of all messages, in order. */
export const messageIdsOf = (
  space: SpaceRef,
  after: bigint,
  limit: number,
): Query<{ readonly message_id: string; readonly revision: bigint }> =>
  query(
    sql.unsafe`SELECT message_id, revision FROM chat_messages
      WHERE space_type = ${space.type} AND space_id = ${space.id} AND revision > ${String(after)}::int8
      ORDER BY revision LIMIT ${limit}`,
    t.type({ message_id: t.string, revision: bigint }),
  )

/** Names only the first people of each emoji, and lists only the first emoji of a message, since many people can add to
 *  them without end. The count is complete. */
const MOST_NAMED = 100
const MOST_EMOJI = 100

/** Of the `limit` messages nearest to the end asked from, oldest to newest; revisions are exclusive. */
export const messagesOf = (
  space: SpaceRef,
  subspace: string,
  limit: number,
  { before, after }: { readonly before?: bigint; readonly after?: bigint },
): Query<t.TypeOf<typeof listed>> => {
  const forwards = after !== undefined
  const range = sql.join(
    [
      sql.fragment`space_type = ${space.type} AND space_id = ${space.id} AND subspace = ${subspace}`,
      ...(before === undefined ? [] : [sql.fragment`revision < ${String(before)}::int8`]),
      ...(after === undefined ? [] : [sql.fragment`revision > ${String(after)}::int8`]),
    ],
    sql.fragment` AND `,
  )
  return query(
    sql.unsafe`SELECT m.message_id, m.user_account, m.guest_id, m.display_name, m.message_type, m.content,
        m.parent_message_id, m.thread_root_id, m.subspace, m.is_deleted, m.deleted_by, m.deleted_at, m.edited_at,
        m.created_at, m.erased_by, m.position, m.revision, coalesce(r.reactions, '[]') AS reactions
      FROM (SELECT * FROM chat_messages WHERE ${range}
        ORDER BY revision ${forwards ? sql.fragment`ASC` : sql.fragment`DESC`} LIMIT ${limit}) AS m
      LEFT JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_object('emoji', emoji, 'count', count, 'by', by) ORDER BY first) AS reactions
        FROM (SELECT emoji, count(*) AS count, to_jsonb((array_agg(subject ORDER BY position))[1:${MOST_NAMED}]) AS by,
            min(position) AS first
          FROM chat_reactions c
          WHERE c.space_type = m.space_type AND c.space_id = m.space_id AND c.message_id = m.message_id
            AND NOT m.is_deleted
          GROUP BY emoji ORDER BY min(position) LIMIT ${MOST_EMOJI}) AS each
      ) AS r ON TRUE
      ORDER BY m.revision`,
    listed,
  )
}

/** There may be more reactions from before they were limited: those that are left out are not counted. */
const MOST_FOUND = 2 * MAX_REACTIONS_OF_ALL

const facts = t.type({
  message_id: t.string,
  space_type: spaceType,
  space_id: t.string,
  user_account: nullable(t.string),
  guest_id: nullable(t.string),
  display_name: t.string,
  subspace: t.string,
  message_type: t.string,
  content: t.string,
  is_deleted: t.boolean,
  edited: t.boolean,
  parent_message_id: nullable(t.string),
  thread_root_id: nullable(t.string),
  created_at: iso,
  revision: bigint,
  reactions: t.array(t.type({ emoji: t.string, by: t.string })),
})
export const messageFacts = (space: SpaceRef, messageId: string): Query<t.TypeOf<typeof facts>> =>
  query(
    sql.unsafe`SELECT message_id, space_type, space_id, user_account, guest_id, display_name, subspace, message_type,
        content, is_deleted, edited_at IS NOT NULL AS edited, parent_message_id, thread_root_id, created_at, revision,
        coalesce((SELECT jsonb_agg(jsonb_build_object('emoji', emoji, 'by', subject))
          FROM (SELECT emoji, subject FROM chat_reactions c
            WHERE c.space_type = m.space_type AND c.space_id = m.space_id AND c.message_id = m.message_id
            LIMIT ${MOST_FOUND}) AS few), '[]') AS reactions
      FROM chat_messages m
      WHERE ${messageAt(space, messageId)}`,
    facts,
  )
