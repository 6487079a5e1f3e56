/** Messages and reactions. A message id is unique in its space only; within it, it belongs to the message that was
 *  first on the log. (A space decides by its own streams, so two spaces may use the same id; if the id alone were the
 *  key, one of two accepted messages would be lost.) */
import { sql } from 'slonik'
import type { ChatEvent } from '../../domain/chat/events.ts'
import { isChatEvent } from '../../domain/chat/events.ts'
import { canonicalEmoji } from '../../domain/chat/text.ts'
import { erasedBy } from '../../domain/erasure.ts'
import { type Copy, CopyRows, msOf } from '../copy.ts'
import {
  type Latest,
  names,
  type PlacedEvent,
  type Projection,
  type Row,
  recordset,
  type Statement,
  spaceMapKey,
  writeLatest,
} from '../projection.ts'
import { MESSAGES, messageHash, SAME_MESSAGE } from './message-key.ts'

const REACTIONS = {
  name: 'chat_reactions',
  key: ['space_type', 'space_id', 'message_id', 'emoji', 'subject'],
}
const MESSAGE_COLUMNS = {
  message_id: 'text',
  space_type: 'text',
  space_id: 'text',
  subspace: 'text',
  user_account: 'text',
  guest_id: 'text',
  display_name: 'text',
  message_type: 'text',
  content: 'text',
  parent_message_id: 'text',
  thread_root_id: 'text',
  is_deleted: 'bool',
  deleted_by: 'text',
  deleted_at: 'timestamptz',
  edited_at: 'timestamptz',
  created_at: 'timestamptz',
  position: 'int8',
  revision: 'int8',
  erased_by: 'text',
} as const
const REACTION_KEY = {
  space_type: 'text',
  space_id: 'text',
  message_id: 'text',
  emoji: 'text',
  subject: 'text',
} as const
const REACTION_COLUMNS = { ...REACTION_KEY, created_at: 'timestamptz', position: 'int8' } as const

type Change = {
  readonly message_id: string
  readonly space_type: string
  readonly space_id: string
  content?: string
  edited_at?: string
  /** The request by which the words of the last edit were erased. */
  erased_by?: string | null
  deleted_by?: string
  deleted_at?: string
}
/** Fewer rows than this are not worth a COPY. */
const COPY_FROM = 50

type Posted = PlacedEvent & { readonly event: Extract<ChatEvent, { readonly type: 'MessagePosted' }> }

type Changes = {
  /** By space and message id, like the other maps here. */
  readonly posted: Map<string, Posted>
  /** Changes to messages that were there before this batch, and to those that it posts: ids may be used again, and the
   *  tables must not depend on where a batch ends. */
  readonly before: Map<string, Change>
  readonly after: Map<string, Change>
  readonly reactions: Latest
}

/** The record that takes an edit or a deletion; null once the message is deleted. */
const changing = (changes: Changes, { space }: PlacedEvent, message_id: string): Change | null => {
  const key = spaceMapKey(space, message_id)
  const changed = changes.posted.has(key) ? changes.after : changes.before
  let change = changed.get(key)
  if (change === undefined) {
    change = { message_id, space_type: space.type, space_id: space.id }
    changed.set(key, change)
  }
  return change.deleted_at === undefined ? change : null
}

const update = (changed: Map<string, Change>): ReadonlyArray<Statement> =>
  changed.size === 0
    ? []
    : [
        sql.unsafe`UPDATE chat_messages AS t SET
            content = coalesce(r.content, t.content),
            edited_at = coalesce(r.edited_at, t.edited_at),
            erased_by = CASE WHEN r.edited_at IS NULL THEN t.erased_by ELSE r.erased_by END,
            is_deleted = r.deleted_at IS NOT NULL,
            deleted_by = r.deleted_by,
            deleted_at = r.deleted_at
          FROM ${recordset(changed.values() as Iterable<Row>, {
            message_id: 'text',
            space_type: 'text',
            space_id: 'text',
            content: 'text',
            edited_at: 'timestamptz',
            erased_by: 'text',
            deleted_by: 'text',
            deleted_at: 'timestamptz',
          })}
          WHERE ${SAME_MESSAGE} AND NOT t.is_deleted`,
      ]

const fold = (changes: Changes, told: PlacedEvent): void => {
  const { event, space, position } = told
  if (!isChatEvent(event)) return
  switch (event.type) {
    case 'MessagePosted': {
      const key = spaceMapKey(space, event.data.messageId)
      if (!changes.posted.has(key)) changes.posted.set(key, told as Posted)
      return
    }
    case 'MessageEdited': {
      const change = changing(changes, told, event.data.messageId)
      if (change !== null) {
        change.content = event.data.content
        change.edited_at = event.data.at
        change.erased_by = erasedBy(event.data)
      }
      return
    }
    case 'MessageDeleted': {
      const change = changing(changes, told, event.data.messageId)
      if (change !== null) {
        change.content = ''
        change.deleted_by = event.data.by.id
        change.deleted_at = event.data.at
      }
      return
    }
    case 'ReactionAdded':
    case 'ReactionRemoved': {
      const { messageId, by, at } = event.data
      const emoji = canonicalEmoji(event.data.emoji)
      const key = { space_type: space.type, space_id: space.id, message_id: messageId, emoji, subject: by.id }
      const row =
        event.type === 'ReactionAdded' ? { ...key, created_at: at, position: String(position) } : null
      changes.reactions.set(spaceMapKey(space, messageId, emoji, by.id), { key, row })
      return
    }
    // It is not a message of the room, or not yet.
    case 'MessageHeld':
    case 'FilterActed':
    case 'MessageApproved':
    case 'MessageDropped':
      return
    default:
      event satisfies never
  }
}

const rowOf = ({ event: { data }, space, position, revision }: Posted): Row => ({
  message_id: data.messageId,
  space_type: space.type,
  space_id: space.id,
  subspace: data.subspace,
  user_account: data.account,
  guest_id: data.guest,
  display_name: data.displayName,
  message_type: data.messageType,
  content: data.content,
  parent_message_id: data.parentMessageId,
  thread_root_id: data.threadRootId,
  is_deleted: false,
  deleted_by: null,
  deleted_at: null,
  edited_at: null,
  created_at: data.at,
  position: String(position),
  revision: String(revision),
  erased_by: erasedBy(data),
})

const columns = Object.keys(MESSAGE_COLUMNS)
const values = columns.filter((name) => !(MESSAGES.key as ReadonlyArray<string>).includes(name))

/** New messages in COPY's form, which is much faster but can't handle conflicts. Null if one of them is unusual: then they are upserted. */
const copyPosted = (posted: Changes['posted']): Copy | null => {
  const rows = new CopyRows(MESSAGES.name, columns, 300 * posted.size)
  for (const { event, space, position, revision } of posted.values()) {
    const { data } = event
    const at = msOf(data.at)
    if (Number.isNaN(at)) return null
    rows.row()
    rows.text(data.messageId)
    rows.text(space.type)
    rows.text(space.id)
    rows.text(data.subspace)
    rows.textOrNull(data.account)
    rows.textOrNull(data.guest)
    rows.text(data.displayName)
    rows.text(data.messageType)
    rows.text(data.content)
    rows.textOrNull(data.parentMessageId)
    rows.textOrNull(data.threadRootId)
    rows.bool(false)
    rows.null()
    rows.null()
    rows.null()
    rows.time(at)
    rows.int8(position)
    rows.int8(revision)
    rows.textOrNull(erasedBy(data))
  }
  return rows.isMended ? null : rows.finish()
}

export const chat: Projection<Changes> = {
  name: 'chat',
  tables: [MESSAGES, REACTIONS],
  start: () => ({ posted: new Map(), before: new Map(), after: new Map(), reactions: new Map() }),
  fold,
  copy: (changes) => {
    if (changes.posted.size < COPY_FROM) return null
    for (const key of changes.before.keys()) if (changes.posted.has(key)) return null
    const copy = copyPosted(changes.posted)
    return copy === null ? null : { copy, rest: { ...changes, posted: new Map() } }
  },
  write: ({ posted, before, after, reactions }) => [
    ...update(before),
    // The earlier message keeps its id, in whatever order they are applied.
    ...(posted.size > 0
      ? [
          sql.unsafe`INSERT INTO chat_messages AS t (${names(columns)})
            SELECT ${names(columns, 'r')}
            FROM ${recordset([...posted.values()].map(rowOf), MESSAGE_COLUMNS)}
            ON CONFLICT ((${messageHash(MESSAGES.key.map((name) => sql.fragment`${sql.identifier([name])}`))})) DO UPDATE SET ${sql.join(
              values.map(
                (name) => sql.fragment`${sql.identifier([name])} = ${sql.identifier(['excluded', name])}`,
              ),
              sql.fragment`, `,
            )}
            WHERE t.position > excluded.position`,
        ]
      : []),
    ...update(after),
    ...writeLatest(REACTIONS, REACTION_KEY, REACTION_COLUMNS, reactions),
  ],
}
