/** Subscriptions (webhooks): addresses to which each event is delivered once it is on the log, in order, until they accept
 *  it. */
import type { FastifyInstance } from 'fastify'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { Caller } from '../../../domain/identity.ts'
import { spaceKey } from '../../../domain/names.ts'
import type { OutsideState, Subscription } from '../../../domain/outside/state.ts'
import type { DeliveryRow } from '../../../projections/read-models.ts'
import { secretOf } from '../../outside/deliver/sign.ts'
import { endOf } from '../../outside/place.ts'
import { describeOutside } from '../../refusals.ts'
import { optional, SpaceKeyCodec, Switch, spaceFrom, Text, Uuid } from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { mount, WRITTEN } from '../endpoint.ts'
import { HttpError, orTell, tell, tellInvalid } from '../errors.ts'
import { listOf, orNull, shape, text, time, uuid, whole } from '../shapes.ts'
import { After, mayFollow, mustBeOnLog, NOT_READ } from './feed.ts'
import { actOutside, doneView, mayManage } from './keys.ts'

const maybeText = orNull(text())
const Parked = shape('ParkedSubscription', {
  position: text({ description: 'What could not be delivered.' }),
  after: text({ description: 'Where it goes on, if nobody says otherwise.' }),
  since: time,
  error: text(),
  at: time,
})
const SubscriptionShape = shape('Subscription', {
  id: uuid,
  space: orNull(text({ description: 'type:id; null for all spaces.' })),
  url: text(),
  types: orNull(listOf(text())),
  proofs: { type: 'boolean' },
  created_by: text(),
  created_at: time,
  status: text({ enum: ['active', 'failing', 'parked'] }),
  position: orNull(text({ description: 'Everything up to here was taken.' })),
  delivered: whole({ description: 'Since it began, or was last replayed.' }),
  failures: whole(),
  failing_since: orNull(time),
  last_error: maybeText,
  delivered_at: orNull(time),
  failed_at: orNull(time),
  parked: orNull(Parked),
})

const view = (one: Subscription, row: DeliveryRow | undefined) => {
  const now = row?.start === one.start ? row : undefined
  return {
    id: one.id,
    space: one.space,
    url: one.url,
    types: one.types,
    proofs: one.proofs,
    created_by: one.by.id,
    created_at: one.at,
    status: one.parked !== null ? 'parked' : (now?.failing_since ?? null) !== null ? 'failing' : 'active',
    position: now?.position ?? null,
    delivered: now?.delivered ?? 0,
    failures: now?.failures ?? 0,
    failing_since: now?.failing_since ?? null,
    last_error: now?.last_error ?? null,
    delivered_at: row?.delivered_at ?? null,
    failed_at: row?.failed_at ?? null,
    parked: one.parked,
  }
}

const MISSING = describeOutside({ _tag: 'SubscriptionNotFound' })
const ParamsId = t.type({ id: Uuid })
const Types = t.union([t.null, t.undefined, t.array(Text)], 'types of events, or null for all')

const typesOf = (types: ReadonlyArray<string> | null | undefined): ReadonlyArray<string> | null => {
  if (types === null || types === undefined) return null
  if (types.length === 0 || types.length > 40 || types.some((type) => !/^[A-Za-z]{1,64}$/.test(type)))
    return tellInvalid('types', 'types are those of events, such as MessagePosted: 1 to 40.')
  return types
}

const at = '/api/subscriptions'
const tag = 'outside'

/** The subscription with this id, for its maker and for people who manage its space. */
const foundFor = async (
  deps: HttpDeps,
  state: OutsideState,
  id: string,
  caller: Caller,
): Promise<Subscription> => {
  const one = state.subscriptions.get(id)
  if (one === undefined) return tell(MISSING)
  const isMaker = one.by.kind === caller.kind && one.by.id === caller.id
  const space = spaceFrom(one.space)
  try {
    await (isMaker ? mayFollow(deps, space, caller) : mayManage(deps, space, caller))
  } catch (error) {
    // A caller who may not see it must not learn that it exists.
    throw error instanceof HttpError && error.told.status < 500 ? new HttpError(MISSING) : error
  }
  return one
}

type Parts = {
  readonly state: () => OutsideState
  readonly rows: (ids: ReadonlyArray<string>) => Promise<ReadonlyArray<DeliveryRow>>
}

const reading = (app: FastifyInstance, deps: HttpDeps, { state, rows }: Parts): void => {
  mount(app, deps, {
    method: 'GET',
    path: at,
    answer: { subscriptions: listOf(SubscriptionShape) },
    tag,
    summary:
      'The subscriptions of a space, for its moderators (those they made) and admins (all). Without a space, those to all spaces, for auditors.',
    strict: true,
    query: t.type({ space: optional(SpaceKeyCodec) }),
    handle: async ({ query: { space }, who }) => {
      const { caller } = who
      await mayFollow(deps, space, caller)
      const key = space === null ? null : spaceKey(space)
      const here = [...state().subscriptions.values()].filter((one) => one.space === key)
      const managed = await mayManage(deps, space, caller).then(
        () => true,
        () => false,
      )
      const own = here.filter(({ by }) => managed || (by.id === caller.id && by.kind === caller.kind))
      const known = await rows(own.map(({ id }) => id))
      return {
        subscriptions: own.map((one) =>
          view(
            one,
            known.find(({ subscription }) => subscription === one.id),
          ),
        ),
      }
    },
  })

  mount(app, deps, {
    method: 'GET',
    path: `${at}/:id`,
    answer: { subscription: SubscriptionShape },
    tag,
    summary:
      'A subscription, and how far its deliveries have come. For whoever made it, and the admins of its space.',
    params: ParamsId,
    handle: async ({ params, who }) => {
      const one = await foundFor(deps, state(), params.id, who.caller)
      return { subscription: view(one, (await rows([one.id]))[0]) }
    },
  })
}

const making = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'POST',
    path: at,
    answer: {
      ...WRITTEN,
      subscription: SubscriptionShape,
      secret: text({ description: 'Shown this once.' }),
    },
    tag,
    summary:
      'Subscribes an address to the events of a space (for its moderators) or of all spaces (for auditors), signed as Standard Webhooks: from now on, or after a position.',
    strict: true,
    body: t.type({
      url: Text,
      space: optional(SpaceKeyCodec),
      types: Types,
      proofs: optional(Switch),
      after: optional(After),
    }),
    handle: async ({ body, who, sender, commandId }) => {
      const { space, url } = body
      await mayFollow(deps, space, who.caller)
      const after = body.after ?? (await fromNowOn(deps))
      if (body.after !== null) await mustBeOnLog(deps, body.after)
      const { id } = commandId
      const done = await actOutside(deps, sender, id, {
        type: 'Subscribe',
        subscription: id,
        space: space === null ? null : spaceKey(space),
        url,
        types: typesOf(body.types),
        proofs: body.proofs ?? false,
        after: String(after),
      })
      const made = done.state.subscriptions.get(id) ?? tell(MISSING)
      return {
        ...doneView(done),
        subscription: view(made, undefined),
        secret: secretOf(deps.webhookKey!, made),
      }
    },
  })
}
/** The log's end, from which a new subscription starts. */
const fromNowOn = async (deps: HttpDeps): Promise<bigint | 'start'> => {
  const end = await endOf(deps.feedLog!)
  return E.isLeft(end) ? orTell(NOT_READ) : (end.right ?? 'start')
}

const changing = (app: FastifyInstance, deps: HttpDeps, { state }: Parts): void => {
  mount(app, deps, {
    method: 'PATCH',
    path: `${at}/:id`,
    answer: { ...WRITTEN, subscription: SubscriptionShape },
    tag,
    summary: 'Changes the given fields of a subscription.',
    params: ParamsId,
    strict: true,
    body: t.type({ url: optional(Text), types: Types, proofs: optional(Switch) }),
    handle: async ({ params, body, who, sender, commandId }) => {
      const one = await foundFor(deps, state(), params.id, who.caller)
      const done = await actOutside(deps, sender, commandId.id, {
        type: 'ChangeSubscription',
        subscription: one.id,
        url: body.url ?? one.url,
        types: body.types === undefined ? one.types : typesOf(body.types),
        proofs: body.proofs ?? one.proofs,
      })
      const now = done.state.subscriptions.get(one.id) ?? tell(MISSING)
      return { ...doneView(done), subscription: view(now, undefined) }
    },
  })
  mount(app, deps, {
    method: 'POST',
    path: `${at}/:id/replay`,
    answer: WRITTEN,
    tag,
    summary:
      'Continues after a position (start: with the first event), even one that was delivered before, and even if the subscription is parked. Without a position it continues where it stopped.',
    params: ParamsId,
    strict: true,
    body: t.type({ after: optional(After) }),
    handle: async ({ params, body, who, sender, commandId }) => {
      const one = await foundFor(deps, state(), params.id, who.caller)
      const after = body.after === null ? (one.parked?.after ?? null) : String(body.after)
      if (after === null) return tellInvalid('after', 'It is not parked: say after which place it goes on.')
      await mustBeOnLog(deps, after === 'start' ? after : BigInt(after))
      const command = { type: 'ReplaySubscription', subscription: one.id, after } as const
      return doneView(await actOutside(deps, sender, commandId.id, command))
    },
  })
  mount(app, deps, {
    method: 'POST',
    path: `${at}/:id/secret`,
    answer: { ...WRITTEN, secret: text({ description: 'Shown this once.' }) },
    tag,
    summary: 'Makes a new secret; for a day deliveries are also signed with the previous one.',
    params: ParamsId,
    strict: true,
    body: t.type({}),
    handle: async ({ params, who, sender, commandId }) => {
      const one = await foundFor(deps, state(), params.id, who.caller)
      const command = { type: 'ChangeSubscriptionSecret', subscription: one.id } as const
      const done = await actOutside(deps, sender, commandId.id, command)
      const now = done.state.subscriptions.get(one.id) ?? tell(MISSING)
      return { ...doneView(done), secret: secretOf(deps.webhookKey!, now) }
    },
  })
  mount(app, deps, {
    method: 'DELETE',
    path: `${at}/:id`,
    answer: WRITTEN,
    tag,
    summary: 'Ends a subscription.',
    params: ParamsId,
    strict: true,
    body: t.type({ reason: optional(Text) }),
    handle: async ({ params, body, who, sender, commandId }) => {
      const one = await foundFor(deps, state(), params.id, who.caller)
      const command = { type: 'EndSubscription', subscription: one.id, reason: body.reason } as const
      return doneView(await actOutside(deps, sender, commandId.id, command))
    },
  })
}

export const subscriptions = (app: FastifyInstance, deps: HttpDeps): void => {
  const { outside, webhookKey, feedLog } = deps
  if (outside === undefined || webhookKey === undefined || feedLog === undefined) return
  const parts: Parts = {
    state: () => outside.state() ?? orTell(NOT_READ),
    rows: async (ids) => orTell(await deps.readModels.deliveries(ids)()),
  }
  reading(app, deps, parts)
  making(app, deps)
  changing(app, deps, parts)
}
