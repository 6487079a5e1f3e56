/** API keys of bots and backends: for one space, managed by its admins; for every space, by the system's admins. */
import type { FastifyInstance } from 'fastify'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { Caller } from '../../../domain/identity.ts'
import { type SpaceRef, spaceKey } from '../../../domain/names.ts'
import type { OutsideCommand } from '../../../domain/outside/decide.ts'
import { isLive, type OutsideState, type ServiceKey } from '../../../domain/outside/state.ts'
import type { Sender } from '../../../domain/ports.ts'
import { mayBringCrowd, newSecret } from '../../outside/keys.ts'
import type { OutsideDone } from '../../outside/registry.ts'
import { type Described, describeOutside } from '../../refusals.ts'
import { optional, PermissionCodec, SpaceKeyCodec, spaceFrom, Text, Time, Uuid } from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { mount, WRITTEN } from '../endpoint.ts'
import { HttpError, orTell, tell } from '../errors.ts'
import { listOf, orNull, permission, shape, text, time, uuid } from '../shapes.ts'
import { needNoService, needRole, seen } from '../space-gate.ts'

const ApiKey = shape('ApiKey', {
  id: uuid,
  service: text({ description: 'Who acts with it: service:name-1a2b3c4d.' }),
  space: orNull(text({ description: 'type:id; null for every space.' })),
  permission,
  load: { type: 'boolean', description: 'It may bring a crowd to measure with (presence load).' },
  expires_at: orNull(time),
  created_by: text(),
  created_at: time,
  revoked_at: orNull(time),
  active: { type: 'boolean' },
})
const keyView = (key: ServiceKey, now: string) => ({
  id: key.id,
  service: key.subject,
  space: key.space,
  permission: key.permission,
  load: mayBringCrowd(key),
  expires_at: key.expires,
  created_by: key.by.id,
  created_at: key.at,
  revoked_at: key.revokedAt,
  active: isLive(key, now),
})

const FOR_ADMINS: Described = {
  status: 403,
  code: 'forbidden',
  error: 'What is for every space is for the system’s admins: name a space that you are admin of.',
}

/** Ends the request unless the caller is an admin of the space (or its owner, if asked); for every space, unless an admin
 *  of the system. */
export const mayManage = async (
  deps: HttpDeps,
  space: SpaceRef | null,
  caller: Caller,
  role: 'admin' | 'owner' = 'admin',
): Promise<void> => {
  const isSystem = caller.kind === 'account' && deps.config.systemAdmins.includes(caller.id)
  if (space === null) return isSystem ? undefined : tell(FOR_ADMINS)
  const of = await seen(deps, space, caller)
  if (!isSystem) needRole(of, role)
  needNoService(caller)
}

/** Carries out the command, or ends the request. */
export const actOutside = async (
  deps: HttpDeps,
  sender: Sender,
  id: string,
  command: OutsideCommand,
): Promise<OutsideDone> => {
  const done = await deps.outside!.act({ sender, id, command })
  if (E.isRight(done)) return done.right
  if (done.left._tag === 'Refused') throw new HttpError(describeOutside(done.left.refusal), done.left)
  return orTell(E.left(done.left))
}
export const doneView = ({ position, revision }: OutsideDone) => ({
  success: true,
  position: String(position),
  revision: String(revision),
})

const ParamsId = t.type({ id: Uuid })

export const keys = (app: FastifyInstance, deps: HttpDeps): void => {
  const { outside } = deps
  if (outside === undefined) return
  const tag = 'outside'
  const now = (): string => new Date(deps.clock.now()).toISOString()
  const stateNow = (): OutsideState =>
    outside.state() ?? orTell(E.left({ _tag: 'Unavailable', what: 'eventstore', cause: 'not read yet' }))

  mount(app, deps, {
    method: 'GET',
    path: '/api/keys',
    answer: { keys: listOf(ApiKey) },
    tag,
    summary:
      'The API keys of a space, for its admins. Without a space, those for every space, for the system’s admins.',
    strict: true,
    query: t.type({ space: optional(SpaceKeyCodec) }),
    handle: async ({ query: { space }, who }) => {
      await mayManage(deps, space, who.caller)
      const key = space === null ? null : spaceKey(space)
      const of = [...stateNow().keys.values()].filter((one) => one.space === key)
      return { keys: of.map((one) => keyView(one, now())) }
    },
  })

  mount(app, deps, {
    method: 'POST',
    path: '/api/keys',
    answer: { ...WRITTEN, key: ApiKey, secret: text({ description: 'Shown this once.' }) },
    tag,
    summary:
      'Makes an API key for a bot or a backend, with a role in a space or, for the system’s admins, in every space. Its secret is shown only this once: Authorization: Bearer dpk_….',
    strict: true,
    body: t.type({
      name: Text,
      space: optional(SpaceKeyCodec),
      permission: PermissionCodec as t.Type<'access' | 'moderate' | 'admin', unknown, unknown>,
      load: optional(t.boolean),
      expires_at: optional(Time),
    }),
    handle: async ({ body, who, sender, commandId }) => {
      const { space } = body
      // As with roles: an admin grants up to moderate, an owner up to admin.
      await mayManage(deps, space, who.caller, body.permission === 'admin' ? 'owner' : 'admin')
      const { secret, hash } = newSecret(commandId.id)
      const done = await actOutside(deps, sender, commandId.id, {
        type: 'CreateApiKey',
        key: commandId.id,
        name: body.name,
        space: space === null ? null : spaceKey(space),
        permission: body.permission,
        load: body.load === true,
        hash,
        expires: body.expires_at?.toISOString() ?? null,
      })
      return { ...doneView(done), key: keyView(done.state.keys.get(commandId.id)!, now()), secret }
    },
  })

  mount(app, deps, {
    method: 'DELETE',
    path: '/api/keys/:id',
    answer: WRITTEN,
    tag,
    summary: 'Revokes an API key, on every node within a second.',
    params: ParamsId,
    strict: true,
    body: t.type({ reason: optional(Text) }),
    handle: async ({ params, body, who, sender, commandId }) => {
      const key = stateNow().keys.get(params.id)
      const missing = describeOutside({ _tag: 'KeyNotFound' })
      if (key === undefined) return tell(missing)
      try {
        await mayManage(deps, spaceFrom(key.space), who.caller)
      } catch (error) {
        // A caller who may not have it must not learn that it exists.
        throw error instanceof HttpError && error.told.status < 500 ? new HttpError(missing) : error
      }
      const command = { type: 'RevokeApiKey', key: params.id, reason: body.reason } as const
      return doneView(await actOutside(deps, sender, commandId.id, command))
    },
  })
}
