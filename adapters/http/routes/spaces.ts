/** Finding a space, looking at it, and entering it. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { MAIN, parseSubspace } from '../../../domain/names.ts'
import { isCursor } from '../../../projections/cursors.ts'
import type { Ticket } from '../../auth/tickets.ts'
import { placeOf } from '../../queue-view.ts'
import {
  AnySubspace,
  AnyTypeCodec,
  isSpaceType,
  Limit,
  Offset,
  optional,
  PROOF,
  Search,
  SpaceTypeCodec,
  Text,
} from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { mount, WRITTEN } from '../endpoint.ts'
import { orTell, tellInvalid } from '../errors.ts'
import * as shapes from '../shapes.ts'
import { needNoService, SpaceParams, seen, spaceOf } from '../space-gate.ts'
import { capacityOf, identityOf, spaceNow, spaceView, voiceRouteOf, written } from '../views.ts'
import { turnFor } from './turn.ts'

export const Paging = { limit: optional(Limit), cursor: optional(Text) }
/** A parameter that browser clients add against caches; nothing reads it. */
export const UNREAD = { _: optional(Text) }
export const DEFAULT_LIMIT = 50

/** The page to ask for; a cursor of another list, or a made-up one, ends the request. */
export const pageOf = (
  query: { readonly limit: number | null; readonly cursor: string | null },
  list: Parameters<typeof isCursor>[0],
): { readonly limit: number; readonly cursor: string | null } => {
  const cursor = query.cursor === '' ? null : query.cursor
  if (cursor !== null && !isCursor(list, cursor)) tellInvalid('cursor', 'The cursor is not one of this list.')
  return { limit: query.limit ?? DEFAULT_LIMIT, cursor }
}

/** The URL at which a browser reaches Socket.IO. With port 0 only the request knows the port. */
const websocketUrl = (publicUrl: string, request: FastifyRequest): string =>
  (publicUrl.endsWith(':0') ? `${request.protocol}://${request.host}` : publicUrl).replace(/^http/, 'ws')

/** The same URL with a ticket in it, for clients that can send nothing else. */
export const ticketUrl = (deps: HttpDeps, request: FastifyRequest, ticket: Ticket): string =>
  `${websocketUrl(deps.config.publicUrl, request)}/?ticket=${deps.auth.tickets.issue(ticket)}`

const JOINED = {
  ...WRITTEN,
  space: shapes.JoinedSpace,
  subspace: shapes.subspace,
  identity: shapes.Identity,
  session_token: 'string',
  turn_credentials: shapes.TurnCredentials,
  websocket_url: 'string',
  queue: shapes.orNull(shapes.Queue),
} as const

export const spaces = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'GET',
    path: '/api/spaces',
    answer: { spaces: shapes.listOf(shapes.ListedSpace), total: shapes.whole(), next_cursor: 'string?' },
    tag: 'spaces',
    summary: 'The spaces that the caller may know of: the lobby first, then the newest.',
    strict: true,
    query: t.type({
      // Accepted because the panel sends it: there are no events to leave out.
      include_events: optional(Text),
      ...UNREAD,
      type: optional(AnyTypeCodec),
      space_type: optional(SpaceTypeCodec),
      q: optional(Search),
      offset: optional(Offset),
      ...Paging,
    }),
    handle: async ({ query, who }) => {
      const page = pageOf(query, 'spaces')
      const { type, q, offset } = query
      const isOfSpaces = type !== null && isSpaceType(type)
      const spaceType = query.space_type ?? (isOfSpaces ? type : null)
      const isOfContent = type !== null && !isOfSpaces && type !== 'all'
      const list = orTell(
        await deps.readModels.listSpaces({
          ...page,
          ...(spaceType === null ? {} : { type: spaceType }),
          ...(isOfContent ? { contentType: type } : {}),
          ...(offset === null ? {} : { offset }),
          ...(q === null || q === '' ? {} : { q }),
          viewer: who.caller,
        })(),
      )
      const spaces = list.spaces.map((one) => ({
        ...one,
        capacity: capacityOf(one.active_users, one.max_users),
      }))
      return { ...list, spaces }
    },
  })

  mount(app, deps, {
    method: 'GET',
    path: '/api/spaces/:type/:id',
    answer: {
      space: shapes.Space,
      has_access: 'boolean',
      permission: shapes.roleOrNull,
      revision: shapes.orNull(shapes.revision),
      position: shapes.orNull(shapes.position),
    },
    tag: 'spaces',
    summary: 'A space: who is in, what is allowed, and which role the caller has.',
    params: SpaceParams,
    handle: async ({ params, who }) => {
      const space = spaceOf(params)
      const [of, row, users, positions] = await Promise.all([
        seen(deps, space, who.caller),
        deps.readModels.space(space)(),
        deps.readModels.connectedUsers(space)(),
        deps.positions?.(space),
      ])
      const has_access = E.isRight(of.access.mayEnter)
      const known = orTell(row)
      return {
        space: spaceView(of, known, has_access ? orTell(users) : null, positions),
        has_access,
        // The same as in `space-joined`: whoever may enter has `access`.
        permission: of.access.role ?? (has_access ? 'access' : null),
        revision: known?.revision ?? null,
        position: known?.position ?? null,
      }
    },
  })

  mount(app, deps, {
    method: 'POST',
    path: '/api/spaces/:type/:id/join',
    answer: JOINED,
    waits: JOINED,
    tag: 'spaces',
    summary:
      'Asks to be let in: holds a seat for a minute, in which the socket should connect. 202 if every seat is taken and the room has a queue: the socket is then told when it is the caller’s turn.',
    params: SpaceParams,
    body: t.partial({ subspace: AnySubspace, ...PROOF }),
    proofInBody: true,
    purpose: 'join',
    handle: async ({ params, body, who, sender, commandId, request }) => {
      needNoService(who.caller)
      const space = spaceOf(params)
      const subspace = orTell(parseSubspace(body.subspace))
      const accepted = orTell(
        await deps.commands.space({
          ...sender,
          ...commandId,
          space,
          command: { type: 'EnterSpace', subspace },
        })(),
      )
      const of = await seen(deps, space, who.caller)
      const session = deps.auth.tokenFor(who)
      return {
        ...written(accepted),
        space: spaceNow(of, subspace),
        subspace,
        identity: identityOf(who.caller),
        session_token: session.token,
        turn_credentials: turnFor(deps, who, request.address),
        websocket_url: ticketUrl(deps, request, { caller: who.caller, session, space, subspace }),
        queue: placeOf(of.state, who.caller.id, new Date(deps.clock.now()).toISOString()),
      }
    },
  })

  mount(app, deps, {
    method: 'GET',
    path: '/api/spaces/:type/:id/subrooms',
    answer: { subrooms: shapes.listOf(shapes.Subroom) },
    tag: 'spaces',
    summary: 'The rooms inside a space, and how many are in each.',
    params: SpaceParams,
    handle: async ({ params, who }) => {
      const space = spaceOf(params)
      const [of, subrooms] = await Promise.all([
        seen(deps, space, who.caller),
        deps.readModels.subrooms(space)(),
      ])
      const rooms = orTell(subrooms)
      // For people who may not enter, a space with people in it looks empty.
      return {
        subrooms: E.isRight(of.access.mayEnter)
          ? rooms.map((room) => ({ ...room, voice_route: voiceRouteOf(of, room.subspace) }))
          : [{ subspace: MAIN, active_users: 0, voice_route: null }],
      }
    },
  })
}
