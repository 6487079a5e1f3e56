/** How a message is found in its table: by its space and its id, through the index that has a hash of both. */
import { sql } from 'slonik'
import type { SpaceRef } from '../../domain/names.ts'

type Fragment = ReturnType<typeof sql.fragment>

/** The expression of the unique index, over `message_id`, `space_type` and `space_id`. Neither a type nor the id of a space
 *  contains a line feed, so no two messages are one text. */
export const messageHash = ([id, type, space]: ReadonlyArray<Fragment>): Fragment =>
  sql.fragment`encode(substr(sha256(replace(${type!} || chr(10) || ${space!} || chr(10) || ${id!},
    chr(92), chr(92) || chr(92))::bytea), 1, 16), 'hex')::uuid`

/** The table of messages: the key's values are compared beside the hash. */
export const MESSAGES = {
  name: 'chat_messages',
  key: ['message_id', 'space_type', 'space_id'],
  find: messageHash,
} as const

const columns = (of: string): ReadonlyArray<Fragment> =>
  MESSAGES.key.map((name) => sql.fragment`${sql.identifier([of, name])}`)

/** The row `t` that has the key of row `r`. */
export const SAME_MESSAGE = sql.fragment`${messageHash(columns('t'))} = ${messageHash(columns('r'))}
  AND t.message_id = r.message_id AND t.space_type = r.space_type AND t.space_id = r.space_id`

/** The message of a space by its id. */
export const messageAt = ({ type, id }: SpaceRef, messageId: string): Fragment =>
  sql.fragment`${messageHash(MESSAGES.key.map((name) => sql.fragment`${sql.identifier([name])}`))}
      = ${messageHash([sql.fragment`${messageId}::text`, sql.fragment`${type}::text`, sql.fragment`${id}::text`])}
    AND message_id = ${messageId} AND space_type = ${type} AND space_id = ${id}`
