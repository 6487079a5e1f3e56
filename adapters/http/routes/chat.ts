/** What is said in a space. To read it one must be allowed in. */
import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import * as t from 'io-ts'
import type { ChatCommand } from '../../../domain/chat/commands.ts'
import type { ChatEvent } from '../../../domain/chat/events.ts'
import { derivedUuid } from '../../../domain/ids.ts'
import { parseSubspace } from '../../../domain/names.ts'
import type { Accepted } from '../../../domain/ports.ts'
import { from, Limit, MessagePlace, optional, Text, Uuid } from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { type Asked, mount, NEW_GUEST, WRITTEN } from '../endpoint.ts'
import { orTell } from '../errors.ts'
import { needEntry, SpaceParams, seen, spaceOf } from '../space-gate.ts'
import { written } from '../views.ts'
import { DEFAULT_LIMIT } from './spaces.ts'

const MessageParams = t.intersection([SpaceParams, t.type({ message_id: Uuid })])
const ReactionParams = t.intersection([MessageParams, t.type({ emoji: Text })])
/** `parseSubspace` judges it. */
const Anything = from<unknown>('a subspace', (value) => value)
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

type From = Pick<Asked<t.TypeOf<typeof SpaceParams>, unknown, unknown>, 'params' | 'sender' | 'commandId'>

const posted = (accepted: Accepted<ChatEvent>): Readonly<Record<string, unknown>> => {
  const event = accepted.events.find((one) => one.type === 'MessagePosted')
  if (event === undefined) return {}
  const { data } = event
  return {
    user_account: data.account,
    guest_id: data.guest,
    display_name: data.displayName,
    message_type: data.messageType,
    content: data.content,
    parent_message_id: data.parentMessageId,
    thread_root_id: data.threadRootId,
    created_at: data.at,
    timestamp: data.at,
  }
}

export const chat = (app: FastifyInstance, deps: HttpDeps): void => {
  const send = async ({ params, sender, commandId }: From, command: ChatCommand) =>
    orTell(await deps.commands.chat({ ...sender, ...commandId, space: spaceOf(params), command })())
  const at = '/api/chat/:type/:id/messages'
  const tag = 'chat'

  mount(app, deps, {
    method: 'GET',
    path: at,
    answer: { messages: 'array', has_more: 'boolean' },
    tag,
    summary: 'Messages of a room, oldest to newest; `before` and `after` take a message id or a revision.',
    params: SpaceParams,
    query: t.type({
      subspace: optional(Anything),
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
      message_id: 'string',
      subspace: 'string',
      content: 'string',
      created_at: 'string',
    },
    tag,
    summary: 'Says something in a room. The same message_id twice is one message.',
    params: SpaceParams,
    body: t.type({
      content: t.string,
      subspace: t.unknown,
      message_type: optional(Text),
      parent_message_id: optional(Uuid),
      message_id: optional(Uuid),
    }),
    handle: async (asked) => {
      const { body, commandId, who } = asked
      const subspace = orTell(parseSubspace(body.subspace))
      // Sent again under the same Idempotency-Key it must be the same message.
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
      return { message_id: messageId, subspace, ...posted(accepted), ...written(accepted) }
    },
  })

  mount(app, deps, {
    method: 'PATCH',
    path: `${at}/:message_id`,
    answer: { ...WRITTEN, message_id: 'string' },
    tag,
    summary: 'Rewrites one’s own message.',
    params: MessageParams,
    body: t.type({ content: t.string }),
    handle: async (asked) => {
      const messageId = asked.params.message_id
      const accepted = await send(asked, { type: 'EditMessage', messageId, content: asked.body.content })
      return { message_id: messageId, ...written(accepted) }
    },
  })

  mount(app, deps, {
    method: 'DELETE',
    path: `${at}/:message_id`,
    answer: { ...WRITTEN, message_id: 'string' },
    tag,
    summary: 'Deletes one’s own message, or as a moderator one of those below.',
    params: MessageParams,
    handle: async (asked) => {
      const messageId = asked.params.message_id
      const accepted = await send(asked, { type: 'DeleteMessage', messageId })
      return { message_id: messageId, ...written(accepted) }
    },
  })

  for (const [method, type, summary] of [
    ['PUT', 'AddReaction', 'Adds a reaction to a message.'],
    ['DELETE', 'RemoveReaction', 'Takes one’s reaction back.'],
  ] as const)
    mount(app, deps, {
      method,
      path: `${at}/:message_id/reactions/:emoji`,
      answer: { ...WRITTEN, ...NEW_GUEST, message_id: 'string', emoji: 'string' },
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
