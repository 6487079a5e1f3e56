/** What DLUX's wallet and panel request besides rooms: capacity, queues, subscriptions. Nobody pays here, and most answers say so. */
import type { FastifyInstance } from 'fastify'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { Caller } from '../../../domain/identity.ts'
import { parseSpace, parseSubspace } from '../../../domain/names.ts'
import type { Authenticated } from '../../auth/authenticate.ts'
import { inWords, placeOf, type QueueView, queueViews } from '../../queue-view.ts'
import { describeError } from '../../refusals.ts'
import { AnySubspace, Text } from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { mount, WRITTEN } from '../endpoint.ts'
import { orTell, tell } from '../errors.ts'
import * as shapes from '../shapes.ts'
import { accessTo, needNoService, SpaceParams, seen, spaceOf, type VisibleSpace } from '../space-gate.ts'
import { capacityOf, identityOf, written } from '../views.ts'
import { ticketUrl } from './spaces.ts'
import { turnFor } from './turn.ts'

/** The status by which the panel recognises a full room. */
const FULL = 429

const capacityIn = (of: VisibleSpace) => {
  const here = [...of.state.sessions.values()]
  const guests = here.filter(({ account }) => account === null).length
  return {
    capacity: capacityOf(here.length, of.state.settings.max_users),
    users: { total: here.length, premium: 0, regular: here.length - guests, guests },
    viral_metrics: {
      premium_users_hosting: 0,
      additional_guest_slots: 0,
      has_premium_users: false,
      additional_slots_from_premium: 0,
    },
  }
}

const reads = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'GET',
    path: '/api/presence/spaces/:type/:id/capacity',
    answer: { success: 'boolean', space: 'object' },
    tag: 'panel',
    summary: 'How many people are in a space, and how many may be.',
    params: SpaceParams,
    handle: async ({ params, who }) => {
      const of = await seen(deps, spaceOf(params), who.caller)
      const { type, id } = of.space
      return { success: true, space: { space_type: type, space_id: id, ...capacityIn(of) } }
    },
  })
  mount(app, deps, {
    method: 'GET',
    path: '/api/presence/spaces/:type/:id/queue',
    answer: { success: 'boolean', queue_info: 'object' },
    tag: 'panel',
    summary: 'How many people wait for a seat; nobody if the room has no queue.',
    params: SpaceParams,
    handle: async ({ params, who }) => {
      const { state } = await seen(deps, spaceOf(params), who.caller)
      const { waiting } = queueViews(state, timeNow(deps))
      return { success: true, queue_info: { current_queue: { total_waiting: waiting } } }
    },
  })
  mount(app, deps, {
    method: 'GET',
    path: '/api/presence/users/:id/spaces',
    answer: { success: 'boolean', spaces: 'array', is_guest: 'boolean', guest_limit_info: 'string?' },
    tag: 'panel',
    summary: 'The rooms that keep a person from entering another: there are none, not even for guests.',
    params: t.type({ id: Text }),
    handle: async ({ who }) => ({
      success: true,
      spaces: [],
      is_guest: who.caller.kind === 'guest',
      guest_limit_info: null,
    }),
  })
  mount(app, deps, {
    method: 'GET',
    path: '/api/presence/waitlist/:id/status',
    answer: { success: 'boolean', waitlist_entries: 'array' },
    tag: 'panel',
    summary: 'Where the caller waits for a seat, whatever the path names.',
    params: t.type({ id: Text }),
    handle: async ({ who }) => ({ success: true, waitlist_entries: await waitsOf(deps, who.caller) }),
  })
  mount(app, deps, {
    method: 'GET',
    path: '/api/subscriptions/user/:name',
    answer: { has_active_subscription: 'boolean', current_tier: 'string', is_premium: 'boolean' },
    tag: 'panel',
    summary: 'Whether somebody pays for more: nobody does, since there is nothing to pay for.',
    params: t.type({ name: Text }),
    handle: async () => ({ has_active_subscription: false, current_tier: 'free', is_premium: false }),
  })
}

/** Calls by which DLUX's former server reported what it relayed. Here, sessions belong to connections, and messages to
 *  whoever sends them, so reports about others are not accepted. */
const relayed = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'POST',
    path: '/api/presence/activity',
    answer: {},
    tag: 'panel',
    summary: 'Accepts what a relay reports about others’ coming and going, and keeps none of it.',
    handle: async () => ({}),
  })
  for (const method of ['PUT', 'DELETE'] as const)
    mount(app, deps, {
      method,
      path: '/api/presence/sessions/:id',
      answer: { success: 'boolean', sessions: shapes.whole() },
      tag: 'panel',
      summary: 'Changes nothing: a session begins, moves and ends with its own connection.',
      params: t.type({ id: Text }),
      handle: async () => ({ success: true, sessions: 0 }),
    })
  mount(app, deps, {
    method: 'POST',
    path: '/api/presence/chat/messages',
    answer: {},
    tag: 'panel',
    summary:
      'Refused, because nobody may speak for others. Use POST /api/chat/{type}/{id}/messages for the caller’s own words.',
    handle: async () =>
      tell({
        status: 403,
        code: 'forbidden',
        error: 'Nobody speaks for others: each says its own by POST /api/chat/{type}/{id}/messages.',
      }),
  })
}

const timeNow = ({ clock }: HttpDeps): string => new Date(clock.now()).toISOString()
/** The panel knows these two. */
const userTypeOf = ({ kind }: Caller): string => (kind === 'guest' ? 'guest' : 'hive')
const waitIn = ({ expected_wait_seconds }: QueueView) => ({
  estimated_seconds: expected_wait_seconds,
  estimated_message:
    expected_wait_seconds === null
      ? 'not known yet'
      : `about ${Math.max(1, Math.round(expected_wait_seconds / 60))} min`,
})

/** A place under the names by which the panel shows it. */
const shownPlace = (place: QueueView, caller: Caller) => ({
  queue_position: place.position,
  users_ahead: Math.max(0, place.position - 1),
  user_type: userTypeOf(caller),
  estimated_wait: waitIn(place),
})

const WAITS = {
  ...WRITTEN,
  queue_info: 'object',
  capacity: 'object',
  is_premium: 'boolean',
  viral_info: 'string?',
  upgrade_options: 'array',
  message: 'string',
  identity: shapes.Identity,
  session_token: 'string',
} as const
/** Contains the token with which a guest is still the same one when their turn comes. */
const waitingAnswer = (deps: HttpDeps, who: Authenticated, of: VisibleSpace, place: QueueView) => ({
  queue_info: { position: place.position, ...shownPlace(place, who.caller) },
  capacity: capacityIn(of).capacity,
  is_premium: false,
  viral_info: null,
  upgrade_options: [],
  message: inWords(place),
  identity: identityOf(who.caller),
  session_token: deps.auth.tokenFor(who).token,
})

const waitsOf = async (deps: HttpDeps, caller: Caller) => {
  const rows = orTell(await deps.readModels.placesOf(caller.id)())
  const entries = await Promise.all(
    rows.map(async ({ space_type, space_id }) => {
      // A room that can't be read now is left out, and the others are listed.
      const found = await accessTo(deps, { type: space_type, id: space_id }, caller).catch(() => null)
      if (found === null) return []
      const { state, access } = found
      const view = access.mayKnow ? placeOf(state, caller.id, timeNow(deps)) : null
      if (view === null) return []
      return [
        {
          space_type,
          space_id,
          status: 'waiting',
          ...shownPlace(view, caller),
        },
      ]
    }),
  )
  return entries.flat()
}

export const panel = (app: FastifyInstance, deps: HttpDeps): void => {
  reads(app, deps)
  relayed(app, deps)
  mount(app, deps, {
    method: 'DELETE',
    path: '/api/presence/waitlist/:id/leave',
    answer: { success: 'boolean', removed_entries: shapes.whole() },
    tag: 'panel',
    summary: 'Gives up the caller’s place in the queue of the space in the body.',
    params: t.type({ id: Text }),
    body: t.partial({ space_type: t.unknown, space_id: t.unknown }),
    handle: async ({ body, who, sender, commandId }) => {
      // The answer from before there were queues.
      if (body.space_type === undefined && body.space_id === undefined)
        return { success: true, removed_entries: 0 }
      const space = orTell(parseSpace(body.space_type, body.space_id))
      const command = { type: 'LeaveQueue', subject: who.caller.id, reason: null } as const
      const accepted = orTell(await deps.commands.space({ ...sender, ...commandId, space, command })())
      const removed = accepted.events.filter(
        ({ type, data }) => type === 'PlaceGivenUp' && data.subject === who.caller.id,
      )
      return { success: true, removed_entries: removed.length }
    },
  })
  mount(app, deps, {
    method: 'POST',
    path: '/api/presence/viral/track',
    answer: {},
    tag: 'panel',
    summary: 'Accepts what a client counts, and keeps none of it.',
    handle: async () => ({}),
  })
  mount(app, deps, {
    method: 'POST',
    path: '/api/presence/sessions',
    answer: {
      ...WRITTEN,
      session: 'object',
      capacity: 'object',
      is_premium: 'boolean',
      viral_impact: 'string?',
      identity: shapes.Identity,
      session_token: 'string',
      turn_credentials: shapes.TurnCredentials,
      websocket_url: 'string',
    },
    waits: WAITS,
    tag: 'panel',
    summary:
      'A join in the form that the panel uses. The account in the body proves nothing: without a proof the caller is a guest. If the room is full, 202 with a place if it has a queue, otherwise 429.',
    body: t.partial({ space_type: t.unknown, space_id: t.unknown, subspace: AnySubspace }),
    handle: async ({ body, who, sender, commandId, request }) => {
      needNoService(who.caller)
      const space = orTell(parseSpace(body.space_type, body.space_id))
      const subspace = orTell(parseSubspace(body.subspace))
      const command = { type: 'EnterSpace', subspace } as const
      const accepted = await deps.commands.space({ ...sender, ...commandId, space, command })()
      if (E.isLeft(accepted)) {
        const told = describeError(accepted.left)
        if (told.code !== 'space_full') return tell(told)
        const { capacity } = capacityIn(await seen(deps, space, who.caller))
        return tell({ ...told, status: FULL, message: told.error, capacity, is_premium: false })
      }
      const of = await seen(deps, space, who.caller)
      const place = placeOf(of.state, who.caller.id, timeNow(deps))
      if (place !== null) return { ...written(accepted.right), ...waitingAnswer(deps, who, of, place) }
      const session = deps.auth.tokenFor(who)
      const isGuest = who.caller.kind === 'guest'
      return {
        ...written(accepted.right),
        session: {
          space_type: space.type,
          space_id: space.id,
          subspace,
          user_account: isGuest ? null : who.caller.id,
          guest_id: isGuest ? who.caller.id : null,
        },
        capacity: capacityIn(of).capacity,
        is_premium: false,
        viral_impact: null,
        identity: identityOf(who.caller),
        session_token: session.token,
        turn_credentials: turnFor(deps, who, request.address),
        websocket_url: ticketUrl(deps, request, { caller: who.caller, session, space, subspace }),
      }
    },
  })
}
