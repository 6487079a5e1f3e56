/** Ban lists: a space's own bans, published as a list in Matrix's form (policy rules), and the lists that the space follows. */
import type { FastifyInstance } from 'fastify'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { Caller } from '../../../domain/identity.ts'
import { parseSpaceKey, type SpaceRef, spaceKey } from '../../../domain/names.ts'
import { inForce, rank } from '../../../domain/space/access.ts'
import {
  type BanList,
  type BanListSource,
  type ListedBan,
  MAX_LISTED,
  policyOf,
  readPolicies,
} from '../../../domain/space/ban-list.ts'
import { from, optional, Text } from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { mount, WRITTEN } from '../endpoint.ts'
import { orTell, tell, tellInvalid } from '../errors.ts'
import { free, listOf, orNull, shape, sometimes, text, time, whole, yesNo } from '../shapes.ts'
import { accessTo, isAuditor, needEntry, SpaceParams, seen, spaceOf } from '../space-gate.ts'
import { written } from '../views.ts'
import { mayAudit } from './moment.ts'

const AT = '/api/spaces/:type/:id'
const tag = 'filters'

const Policy = shape('PolicyRule', {
  type: text({ enum: ['m.policy.rule.user'] }),
  state_key: text(),
  content: shape('PolicyRuleContent', {
    entity: text({ description: 'Whom it names: @name:hive; * and ? are wildcards.' }),
    reason: text(),
    recommendation: text({ enum: ['m.ban'] }),
  }),
})
const LIST = {
  list_id: text({ maxLength: 40 }),
  source: text({ enum: ['given', 'space', 'owner'] }),
  name: orNull(text({ description: 'Of a list that was given: where it is from.' })),
  space: orNull(text({ description: 'The space whose bans it has.' })),
  entries: whole(),
  followed_by: text(),
  followed_at: time,
}
const ListShape = shape('BanList', LIST)
const listView = ({ listId, source, entries, by, at }: BanList) => ({
  list_id: listId,
  source: source.kind,
  name: source.kind === 'given' ? source.name : null,
  space: source.kind === 'space' ? source.space : null,
  entries: entries.length,
  followed_by: by.id,
  followed_at: at,
})

const ListParams = t.intersection([SpaceParams, t.type({ list_id: Text })])
const Rules = from(
  'a list of policy rules',
  (value) => (Array.isArray(value) ? (value as unknown[]) : undefined),
  listOf(free),
)
const Flag = from('true or false', (value) => (typeof value === 'boolean' ? value : undefined), yesNo)
const Name = from('text', (value) => (typeof value === 'string' && value.length <= 200 ? value : undefined))

/** About how many characters a rule has in an answer. */
const RULE_CHARACTERS = 256

const own = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'GET',
    path: `${AT}/ban-list`,
    answer: { rules: listOf(Policy) },
    tag,
    summary:
      'The bans in force in a space, as policy rules in Matrix’s form. For moderators and auditors; with publish_bans, for anybody who may enter.',
    params: SpaceParams,
    handle: async ({ params, who, request }) => {
      const space = spaceOf(params)
      const of = isAuditor(deps, who.caller)
        ? await accessTo(deps, space, who.caller)
        : await seen(deps, space, who.caller)
      if (of.state.settings.publish_bans && of.access.mayKnow) needEntry(of)
      else await mayAudit(deps, space, who.caller)
      const at = new Date(deps.clock.now()).toISOString()
      const rules = [...of.state.bans.keys()].sort().flatMap((subject) => {
        const ban = inForce(of.state.bans, subject, at)
        return ban === null ? [] : [policyOf({ entity: subject, reason: ban.reason })]
      })
      // A space may have any number of bans.
      request.server.costly.paid(request, who.caller, rules.length * RULE_CHARACTERS)
      return { rules }
    },
  })
  mount(app, deps, {
    method: 'GET',
    path: `${AT}/lists`,
    answer: { lists: listOf(ListShape) },
    tag,
    summary: 'The ban lists that a space follows. For moderators and auditors.',
    params: SpaceParams,
    handle: async ({ params, who }) => {
      const space = spaceOf(params)
      await mayAudit(deps, space, who.caller)
      const { state } = await accessTo(deps, space, who.caller)
      return { lists: [...state.lists.values()].map(listView) }
    },
  })
  mount(app, deps, {
    method: 'GET',
    path: `${AT}/lists/:list_id`,
    answer: { ...LIST, rules: listOf(Policy) },
    tag,
    summary:
      'A ban list that a space follows, with its entries as policy rules. For moderators and auditors.',
    params: ListParams,
    handle: async ({ params, who }) => {
      const space = spaceOf(params)
      await mayAudit(deps, space, who.caller)
      const { state } = await accessTo(deps, space, who.caller)
      const list = state.lists.get(params.list_id)
      if (list === undefined)
        return tell({ status: 404, code: 'list_not_found', error: 'This space follows no such list.' })
      return { ...listView(list), rules: list.entries.map(policyOf) }
    },
  })
}

type Asked = {
  readonly rules: ReadonlyArray<unknown> | null
  readonly name: string | null
  readonly space: string | null
  readonly owner: boolean | null
  readonly keep: boolean | null
}
type Wanted = {
  readonly source: BanListSource
  readonly entries: ReadonlyArray<ListedBan>
  readonly passed: number
}

/** The bans of `source` that the tables have now; a list that is made of them is kept up to date in the background. */
const bansOf = async (
  deps: HttpDeps,
  space: SpaceRef,
  source: SpaceRef | null,
  by: string,
): Promise<ReadonlyArray<ListedBan>> => {
  const rows = orTell(
    await deps.readModels.bansOfSource(
      {
        space_type: space.type,
        space_id: space.id,
        source_kind: source === null ? 'owner' : 'space',
        source_type: source?.type ?? null,
        source_id: source?.id ?? null,
        followed_by: by,
      },
      MAX_LISTED,
    )(),
  )
  return rows.map(({ subject, reason, space_type, space_id, named }) => ({
    entity: subject,
    reason,
    from: named ? spaceKey({ type: space_type, id: space_id }) : null,
  }))
}

/** Ends the request unless the caller may read that space's bans. */
const needBansOf = async (deps: HttpDeps, key: string, caller: Caller): Promise<SpaceRef> => {
  const parsed = parseSpaceKey(key)
  if (E.isLeft(parsed)) return tellInvalid('space', 'space is a space’s name, such as post:alice/my-post.')
  const of = await seen(deps, parsed.right, caller)
  const isPublished = of.state.settings.publish_bans && E.isRight(of.access.mayEnter)
  if (!isPublished && (of.access.ban !== null || rank(of.access.role) < rank('moderate')))
    tell({
      status: 403,
      code: 'forbidden',
      error: 'That space does not publish its bans: only its moderators may follow them.',
    })
  return parsed.right
}

const wantedFrom = async (
  deps: HttpDeps,
  space: SpaceRef,
  listId: string,
  { asked, caller }: { readonly asked: Asked; readonly caller: Caller },
): Promise<Wanted> => {
  const { rules, name, space: source, owner, keep } = asked
  if ([rules, source, owner === true ? owner : null].filter((one) => one !== null).length !== 1)
    return tellInvalid('rules', 'Give one of rules, space and owner.')
  if (source !== null) {
    const of = await needBansOf(deps, source, caller)
    if (spaceKey(of) === spaceKey(space))
      return tellInvalid('space', 'A space’s own bans are in force in it already.')
    const entries = await bansOf(deps, space, of, caller.id)
    return { source: { kind: 'space', space: spaceKey(of) }, entries, passed: 0 }
  }
  if (owner === true)
    return { source: { kind: 'owner' }, entries: await bansOf(deps, space, null, caller.id), passed: 0 }
  const read = readPolicies(rules ?? [])
  if (E.isLeft(read)) return tellInvalid(read.left.field, read.left.detail)
  const { entries, passed } = read.right
  const list = keep === true ? (await seen(deps, space, caller)).state.lists.get(listId) : undefined
  const named = new Set(entries.map(({ entity }) => entity))
  const kept = (list?.entries ?? []).filter(({ entity }) => !named.has(entity))
  return {
    source: { kind: 'given', name },
    entries: [...kept.map(({ entity, reason, from: of }) => ({ entity, reason, from: of })), ...entries],
    passed,
  }
}

/** How often the command is repeated, at most: each repetition removes a part of the people whom the list names. */
const ROUNDS = 10

const follow = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'PUT',
    path: `${AT}/lists/:list_id`,
    answer: { ...WRITTEN, entries: whole(), passed_over: sometimes(whole()) },
    tag,
    summary:
      'Follows a ban list: policy rules in Matrix’s form (rules; with keep, beside those that it has), the bans of another space (space), or those of all other spaces of the owner (owner). Whom it names may not enter, unless they have a role here. For admins.',
    params: ListParams,
    body: t.type({
      rules: optional(Rules),
      name: optional(Name),
      space: optional(Text),
      owner: optional(Flag),
      keep: optional(Flag),
    }),
    handle: async ({ params, body, sender, commandId, who }) => {
      const space = spaceOf(params)
      const listId = params.list_id
      // Checked first, so that nothing is looked up for somebody who may not change the space.
      const { access } = await seen(deps, space, who.caller)
      const isAdmin = access.ban === null && rank(access.role) >= rank('admin')
      const wanted = isAdmin
        ? await wantedFrom(deps, space, listId, { asked: body, caller: who.caller })
        : { source: { kind: 'given', name: null } as const, entries: [], passed: 0 }
      const command = {
        type: 'FollowBanList',
        listId,
        source: wanted.source,
        entries: wanted.entries,
      } as const
      const accepted = orTell(await deps.commands.space({ ...sender, ...commandId, space, command })())
      let last = accepted
      for (
        let round = 0;
        round < ROUNDS && last.events.some(({ type }) => type === 'SessionLeft');
        round += 1
      )
        last = orTell(await deps.commands.space({ ...sender, id: deps.ids.uuid(), space, command })())
      return { ...written(accepted), entries: wanted.entries.length, passed_over: wanted.passed }
    },
  })
  mount(app, deps, {
    method: 'DELETE',
    path: `${AT}/lists/:list_id`,
    answer: WRITTEN,
    tag,
    summary: 'Follows a ban list no longer. For admins.',
    params: ListParams,
    handle: async ({ params, sender, commandId }) => {
      const command = { type: 'LeaveBanList', listId: params.list_id } as const
      return written(
        orTell(await deps.commands.space({ ...sender, ...commandId, space: spaceOf(params), command })()),
      )
    },
  })
}

export const banLists = (app: FastifyInstance, deps: HttpDeps): void => {
  own(app, deps)
  follow(app, deps)
}
