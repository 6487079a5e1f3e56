/** The chat of a space. Only people who may enter can read it. */
import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import * as t from 'io-ts'
import type { ChatCommand } from '../../../domain/chat/commands.ts'
import type { ChatEvent } from '../../../domain/chat/events.ts'
import { derivedUuid } from '../../../domain/ids.ts'
import { parseSubspace, type SpaceRef } from '../../../domain/names.ts'
import type { Accepted } from '../../../domain/ports.ts'
import type { MessageRecord } from '../../../projections/read-models.ts'
import { heldEdit, isWaiting } from '../../waiting-message.ts'
import { AnySubspace, Content, Limit, MessagePlace, optional, Text, Uuid } from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { CATCH_UP_MS, type EndpointRequest, mount, NEW_GUEST, WRITTEN } from '../endpoint.ts'
import { orTell } from '../errors.ts'
import { listOf, Message, SAID, sometimes, uuid, yesNo } from '../shapes.ts'
import { needEntry, SpaceParams, seen, spaceOf } from '../space-gate.ts'
import { written } from '../views.ts'
import { DEFAULT_LIMIT, UNREAD } from './spaces.ts'

const MessageParams = t.intersection([SpaceParams, t.type({ message_id: Uuid })])
const ReactionParams = t.intersection([MessageParams, t.type({ emoji: Text })])
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

type From = Pick<
  EndpointRequest<t.TypeOf<typeof SpaceParams>, unknown, unknown>,
  'params' | 'sender' | 'commandId'
>

/** The posted message. One that was posted before is read from the tables, or missing if they are too far behind. */
const posted = async (
  deps: HttpDeps,
  space: SpaceRef,
  messageId: string,
  accepted: Accepted<ChatEvent>,
): Promise<Readonly<Record<string, unknown>>> => {
  const event = accepted.events.find((one) => one.type === 'MessagePosted')
  if (event !== undefined) return wordsOf({ ...event.data, createdAt: event.data.at })
  const held = accepted.events.find((one) => one.type === 'MessageHeld')
  if (held !== undefined) return { ...wordsOf({ ...held.data, createdAt: held.data.at }), held: true }
  if (await isWaiting(deps.commands, space, messageId, accepted.events)) return { held: true }
  await deps.readModels.waitFor(accepted.position, CATCH_UP_MS)()
  const row = await deps.readModels.message(space, messageId)()
  return row._tag === 'Left' || row.right === null ? {} : wordsOf(row.right)
}

const wordsOf = (
  message: Pick<
    MessageRecord,
    | 'account'
    | 'guest'
    | 'displayName'
    | 'messageType'
    | 'content'
    | 'parentMessageId'
    | 'threadRootId'
    | 'createdAt'
  >,
) => ({
  user_account: message.account,
  guest_id: message.guest,
  display_name: message.displayName,
  message_type: message.messageType,
  content: message.content,
  parent_message_id: message.parentMessageId,
  thread_root_id: message.threadRootId,
  created_at: message.createdAt,
  timestamp: message.createdAt,
})

export const chat = (app: FastifyInstance, deps: HttpDeps): void => {
  const send = async ({ params, sender, commandId }: From, command: ChatCommand) =>
    orTell(await deps.commands.chat({ ...sender, ...commandId, space: spaceOf(params), command })())
  const at = '/api/chat/:type/:id/messages'
  const tag = 'chat'

  mount(app, deps, {
    method: 'GET',
    path: at,
    answer: { messages: listOf(Message), has_more: 'boolean' },
    tag,
    summary:
      'The messages of a room, oldest to newest; `before` and `after` take a message id or a revision.',
    params: SpaceParams,
    strict: true,
    query: t.type({
      ...UNREAD,
      subspace: optional(AnySubspace),
      limit: optional(Limit),
      before: optional(MessagePlace),
      after: optional(MessagePlace),
    }),
    handle: async ({ params, query, who }) => {
      const space = spaceOf(params)
      const subspace = orTell(parseSubspace(query.subspace))
      const of = await seen(deps, space, who.caller)
      needEntry(of)
      const { before, after } = query
      const found = orTell(
        await deps.readModels.messages({
          space,
          subspace,
          limit: query.limit ?? DEFAULT_LIMIT,
          ...(before === null ? {} : { before }),
          ...(after === null ? {} : { after }),
        })(),
      )
      return { ...found }
    },
  })

  mount(app, deps, {
    method: 'POST',
    path: at,
    answer: {
      ...WRITTEN,
      ...NEW_GUEST,
      ...SAID,
      held: sometimes(yesNo),
    },
    tag,
    summary:
      'Posts a message in a room. The same message_id sent twice is one message. held: a filter of the room keeps it from the room until a moderator lets it through.',
    params: SpaceParams,
    body: t.type({
      content: Content,
      subspace: optional(AnySubspace),
      message_type: optional(Text),
      parent_message_id: optional(Uuid),
      message_id: optional(Uuid),
    }),
    handle: async (asked) => {
      const { body, commandId, who } = asked
      const subspace = orTell(parseSubspace(body.subspace))
      // If it is sent again under the same Idempotency-Key, it must be the same message.
      const fromKey = commandId.isIdChosen
        ? derivedUuid(sha256, `message ${who.caller.id} ${commandId.id}`)
        : null
      const messageId = body.message_id ?? fromKey ?? deps.ids.uuid()
      const accepted = await send(asked, {
        type: 'PostMessage',
        messageId,
        fresh: body.message_id === null && fromKey === null,
        subspace,
        content: body.content,
        messageType: body.message_type ?? 'text',
        parentMessageId: body.parent_message_id,
      })
      const words = await posted(deps, spaceOf(asked.params), messageId, accepted)
      return { message_id: messageId, subspace, ...words, ...written(accepted) }
    },
  })

  mount(app, deps, {
    method: 'PATCH',
    path: `${at}/:message_id`,
    answer: {
      ...WRITTEN,
      message_id: uuid,
      held: sometimes({ ...yesNo, description: 'A filter holds the edit: the message reads as before.' }),
      edit_id: sometimes({ ...uuid, description: 'The id under which the edit waits, if it is held.' }),
    },
    tag,
    summary: 'Rewrites the caller’s own message. A filter may hold the edit for the moderators.',
    params: MessageParams,
    body: t.type({ content: Content }),
    handle: async (asked) => {
      const messageId = asked.params.message_id
      const accepted = await send(asked, { type: 'EditMessage', messageId, content: asked.body.content })
      return { message_id: messageId, ...heldEdit(accepted.events), ...written(accepted) }
    },
  })

  mount(app, deps, {
    method: 'DELETE',
    path: `${at}/:message_id`,
    answer: { ...WRITTEN, message_id: uuid },
    tag,
    summary: 'Deletes the caller’s own message or, for a moderator, that of somebody below.',
    params: MessageParams,
    handle: async (asked) => {
      const messageId = asked.params.message_id
      const accepted = await send(asked, { type: 'DeleteMessage', messageId })
      return { message_id: messageId, ...written(accepted) }
    },
  })

  for (const [method, type, summary] of [
    ['PUT', 'AddReaction', 'Adds a reaction to a message.'],
    ['DELETE', 'RemoveReaction', 'Removes the caller’s reaction.'],
  ] as const)
    mount(app, deps, {
      method,
      path: `${at}/:message_id/reactions/:emoji`,
      answer: { ...WRITTEN, ...NEW_GUEST, message_id: uuid, emoji: 'string' },
      tag,
      summary,
      params: ReactionParams,
      handle: async (asked) => {
        const { message_id: messageId, emoji } = asked.params
        const accepted = await send(asked, { type, messageId, emoji })
        return { message_id: messageId, emoji, ...written(accepted) }
      },
    })
}
