/** A room's filters, which are rules that act on messages by themselves, and the messages that they caught, which wait for a moderator. */
import type { FastifyInstance } from 'fastify'
import * as t from 'io-ts'
import type { Caught } from '../../../domain/chat/filtered.ts'
import type { Caller } from '../../../domain/identity.ts'
import { isGuest, type SpaceRef } from '../../../domain/names.ts'
import {
  FILTER_ACTS,
  FilterAct,
  MAX_FILTER_MUTE_SECONDS,
  MAX_PHRASE,
  MAX_PHRASES,
  MAX_RATE,
  MAX_RATE_SECONDS,
} from '../../../domain/space/filter.ts'
import { filterView } from '../../../projections/history/view.ts'
import { from, optional, Position, Text, Uuid } from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { mount, WRITTEN } from '../endpoint.ts'
import { orTell } from '../errors.ts'
import {
  account,
  guest,
  listOf,
  orNull,
  shape,
  subject,
  subspace,
  text,
  time,
  uuid,
  whole,
  yesNo,
} from '../shapes.ts'
import { accessTo, SpaceParams, spaceOf } from '../space-gate.ts'
import { written } from '../views.ts'
import { mayAudit } from './moment.ts'

const AT = '/api/spaces/:type/:id'
const tag = 'filters'

const WORDS = listOf(text({ maxLength: MAX_PHRASE }))
const acts = listOf(text({ enum: [...FILTER_ACTS] }))
const FilterShape = shape('Filter', {
  filter_id: text({ maxLength: 40 }),
  words: orNull(WORDS),
  count: orNull(whole({ description: 'More messages than this of one person in `seconds`.' })),
  seconds: orNull(whole()),
  acts,
  mute_seconds: orNull(whole()),
  set_by: text(),
  set_at: time,
})
const CaughtShape = shape('CaughtMessage', {
  message_id: uuid,
  subspace,
  user_account: orNull(account),
  guest_id: orNull(guest),
  content: orNull(
    text({
      description: 'Null where it was posted and then deleted, or is gone; empty where it was erased.',
    }),
  ),
  at: time,
  filters: listOf(text()),
  edits: orNull({ ...uuid, description: 'The message that it would rewrite, if it is an edit that waits.' }),
  held: { ...yesNo, description: 'It waits: the room was not told of it.' },
  approved: { ...yesNo, description: 'It was let through and not posted yet: approve it again.' },
  reported: yesNo,
  muted_until: orNull(time),
})
const MutedShape = shape('FilterMute', { subject, until: time, message_id: uuid, filter_id: text() })

const Words = from(
  `a list of at most ${MAX_PHRASES} words and phrases`,
  (value) =>
    Array.isArray(value) && value.every((one) => typeof one === 'string') ? (value as string[]) : undefined,
  WORDS,
)
const within = (most: number) =>
  from(
    `a whole number from 1 to ${most}`,
    (value) => (typeof value === 'number' ? value : undefined),
    whole({ minimum: 1, maximum: most }),
  )
const Acts = from(
  'a list of hold, mute and report',
  (value) => (t.readonlyArray(FilterAct).is(value) ? value : undefined),
  acts,
)
const FilterParams = t.intersection([SpaceParams, t.type({ filter_id: Text })])
const MessageParams = t.intersection([SpaceParams, t.type({ message_id: Uuid })])

const setting = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'GET',
    path: `${AT}/filters`,
    answer: { filters: listOf(FilterShape) },
    tag,
    summary:
      'The filters of a space: rules that hold messages, mute or report by themselves. For moderators and auditors.',
    params: SpaceParams,
    handle: async ({ params, who }) => {
      const space = spaceOf(params)
      await mayAudit(deps, space, who.caller)
      const { state } = await accessTo(deps, space, who.caller)
      return { filters: [...state.filters.values()].map(filterView) }
    },
  })
  mount(app, deps, {
    method: 'PUT',
    path: `${AT}/filters/:filter_id`,
    answer: WRITTEN,
    tag,
    summary:
      'Sets a filter. It looks for words and phrases (`*` at an end stands for the rest of a word), or for more than count messages of one person in seconds; it holds the message for moderators, mutes its writer for mute_seconds, reports it, or several of these. Moderators are caught by none. For admins.',
    params: FilterParams,
    body: t.type({
      words: optional(Words),
      count: optional(within(MAX_RATE)),
      seconds: optional(within(MAX_RATE_SECONDS)),
      acts: Acts,
      mute_seconds: optional(within(MAX_FILTER_MUTE_SECONDS)),
    }),
    handle: async ({ params, body, sender, commandId }) => {
      const { words, count, seconds, mute_seconds: muteSeconds } = body
      const command = {
        type: 'SetFilter',
        filterId: params.filter_id,
        words,
        count,
        seconds,
        acts: body.acts,
        muteSeconds,
      } as const
      return written(
        orTell(await deps.commands.space({ ...sender, ...commandId, space: spaceOf(params), command })()),
      )
    },
  })
  mount(app, deps, {
    method: 'DELETE',
    path: `${AT}/filters/:filter_id`,
    answer: WRITTEN,
    tag,
    summary: 'Removes a filter. What it has caught stays caught. For admins.',
    params: FilterParams,
    handle: async ({ params, sender, commandId }) => {
      const command = { type: 'RemoveFilter', filterId: params.filter_id } as const
      return written(
        orTell(await deps.commands.space({ ...sender, ...commandId, space: spaceOf(params), command })()),
      )
    },
  })
}

/** The words of a waiting message or edit as they were sent; of a posted message, as they read now. */
const wordsOf = async (
  deps: HttpDeps,
  space: SpaceRef,
  { messageId, held }: Caught,
): Promise<string | null> => {
  if (held) {
    const waiting = orTell(await deps.commands.heldMessage(space, messageId)())
    return waiting === null || waiting.deleted ? null : waiting.content
  }
  const row = orTell(await deps.readModels.message(space, messageId)())
  return row === null || row.deleted ? null : row.content
}

const caught = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'GET',
    path: `${AT}/filtered`,
    answer: { messages: listOf(CaughtShape), muted: listOf(MutedShape), next_cursor: 'string?' },
    tag,
    summary:
      'What the filters of a space caught and nobody has settled, the longest waiting first, and whom they muted. For moderators and auditors.',
    params: SpaceParams,
    strict: true,
    query: t.type({ cursor: optional(Position) }),
    handle: async ({ params, query, who, sender }) => {
      const space = spaceOf(params)
      await mayAudit(deps, space, who.caller as Caller)
      const filtered = orTell(await deps.commands.lookFiltered(space)())
      const now = deps.clock.now()
      const after = Number(query.cursor ?? -1n)
      const rest = [...filtered.caught.values()]
        .sort((a, b) => a.revision - b.revision)
        .filter(({ revision }) => revision > after)
      const shown = rest.slice(0, PAGE)
      orTell(await deps.looks.record({ sender, space, call: 'filtered', filters: {}, rows: shown.length })())
      const messages = []
      for (const one of shown)
        messages.push({
          message_id: one.messageId,
          subspace: one.subspace,
          user_account: isGuest(one.author) ? null : one.author,
          guest_id: isGuest(one.author) ? one.author : null,
          content: await wordsOf(deps, space, one),
          at: one.at,
          filters: one.filterIds,
          edits: one.edits ?? null,
          held: one.held,
          approved: one.approvedBy !== null,
          reported: one.reported,
          muted_until: one.mutedUntil,
        })
      const muted = [...filtered.quiet.values()].filter(({ until }) => Date.parse(until) > now)
      return {
        messages,
        muted: muted.map((one) => ({
          subject: one.subject,
          until: one.until,
          message_id: one.messageId,
          filter_id: one.filterId,
        })),
        next_cursor: rest.length > PAGE ? String(shown.at(-1)!.revision) : null,
      }
    },
  })
  mount(app, deps, {
    method: 'POST',
    path: `${AT}/filtered/:message_id/approve`,
    answer: { ...WRITTEN, message_id: uuid },
    tag,
    summary:
      'Lets a message through that a filter caught: one that waits is posted, and the mute that came with it ends. For moderators above its writer.',
    params: MessageParams,
    handle: async ({ params, sender, commandId }) => {
      const messageId = params.message_id
      const command = { type: 'ApproveMessage', messageId } as const
      const request = { ...sender, ...commandId, space: spaceOf(params), command }
      return { message_id: messageId, ...written(orTell(await deps.commands.letThrough(request)())) }
    },
  })
  mount(app, deps, {
    method: 'POST',
    path: `${AT}/filtered/:message_id/drop`,
    answer: { ...WRITTEN, message_id: uuid },
    tag,
    summary:
      'Drops a message that a filter holds; one that was posted is deleted. Its writer is told the reason. For moderators above its writer.',
    params: MessageParams,
    body: t.type({ reason: optional(Text) }),
    handle: async ({ params, body, sender, commandId }) => {
      const messageId = params.message_id
      const command = { type: 'DropMessage', messageId, reason: body.reason } as const
      const request = { ...sender, ...commandId, space: spaceOf(params), command }
      return { message_id: messageId, ...written(orTell(await deps.commands.chat(request)())) }
    },
  })
}
/** Small, because each message may cost a read of the log. */
const PAGE = 50

export const filters = (app: FastifyInstance, deps: HttpDeps): void => {
  setting(app, deps)
  caught(app, deps)
}
