/** Roles, bans, mutes and kicks. */
import type { FastifyInstance } from 'fastify'
import * as t from 'io-ts'
import type { SpaceRef } from '../../../domain/names.ts'
import type { SpaceCommand } from '../../../domain/space/commands.ts'
import { isText } from '../../../domain/text.ts'
import type { Asking, Page, PageRequest } from '../../../projections/read-models.ts'
import { Account, from, optional, PermissionCodec, Subject, Text } from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { type Asked, mount, WRITTEN } from '../endpoint.ts'
import { orTell } from '../errors.ts'
import { GrantedPermission, listOf, Restriction, time } from '../shapes.ts'
import { needEntry, needRole, SpaceParams, seen, spaceOf } from '../space-gate.ts'
import { written } from '../views.ts'
import { Paging, pageOf } from './spaces.ts'

const PageQuery = t.type(Paging)
const AccountParams = t.intersection([SpaceParams, t.type({ account: Account })])
const SubjectParams = t.intersection([SpaceParams, t.type({ subject: Subject })])
const Reason = t.type({ reason: optional(Text) })

type From = Pick<Asked<t.TypeOf<typeof SpaceParams>, unknown, unknown>, 'params' | 'sender' | 'commandId'>

export const moderation = (app: FastifyInstance, deps: HttpDeps): void => {
  const send = async ({ params, sender, commandId }: From, command: SpaceCommand) =>
    written(orTell(await deps.commands.space({ ...sender, ...commandId, space: spaceOf(params), command })()))
  const rowsOf: Record<'bans' | 'mutes', (space: SpaceRef, page: PageRequest) => Asking<Page<unknown>>> = {
    bans: deps.readModels.bans,
    mutes: deps.readModels.mutes,
  }
  const at = '/api/spaces/:type/:id'
  const tag = 'moderation'

  mount(app, deps, {
    method: 'GET',
    path: `${at}/permissions`,
    answer: { permissions: listOf(GrantedPermission), next_cursor: 'string?' },
    tag,
    summary: 'Who was given what in a space. For those who may enter.',
    params: SpaceParams,
    query: PageQuery,
    handle: async ({ params, query, who }) => {
      const space = spaceOf(params)
      const page = pageOf(query, 'permissions')
      const [of, rows] = await Promise.all([
        seen(deps, space, who.caller),
        deps.readModels.permissions(space, page)(),
      ])
      needEntry(of)
      const { items, next_cursor } = orTell(rows)
      return { permissions: items, next_cursor }
    },
  })
  mount(app, deps, {
    method: 'PUT',
    path: `${at}/permissions/:account`,
    answer: WRITTEN,
    tag,
    summary: 'Gives an account a permission. Admins give up to moderate, owners admin too.',
    params: AccountParams,
    body: t.type({ permission: PermissionCodec, reason: optional(Text) }),
    handle: (asked) => {
      const { account } = asked.params
      const { permission, reason } = asked.body
      return send(asked, { type: 'GrantPermission', account, permission, reason })
    },
  })
  mount(app, deps, {
    method: 'DELETE',
    path: `${at}/permissions/:account`,
    answer: WRITTEN,
    tag,
    summary: 'Takes an account’s permission back.',
    params: AccountParams,
    body: Reason,
    handle: (asked) =>
      send(asked, {
        type: 'RevokePermission',
        account: asked.params.account,
        reason: asked.body.reason ?? null,
      }),
  })

  // The domain judges the end.
  const Until = from('text', (value) => (isText(value) ? value : undefined), time)
  const Restricting = t.type({ reason: optional(Text), until: optional(Until) })
  const restrictions = (
    name: 'bans' | 'mutes',
    impose: 'Ban' | 'Mute',
    lift: 'Unban' | 'Unmute',
    words: { readonly list: string; readonly impose: string; readonly lift: string },
  ) => {
    mount(app, deps, {
      method: 'GET',
      path: `${at}/${name}`,
      answer: { [name]: listOf(Restriction[name]), next_cursor: 'string?' },
      tag,
      summary: words.list,
      params: SpaceParams,
      query: PageQuery,
      handle: async ({ params, query, who }) => {
        const space = spaceOf(params)
        const page = pageOf(query, name)
        const [of, rows] = await Promise.all([seen(deps, space, who.caller), rowsOf[name](space, page)()])
        needRole(of, 'moderate')
        const { items, next_cursor } = orTell(rows)
        return { [name]: items, next_cursor }
      },
    })
    mount(app, deps, {
      method: 'PUT',
      path: `${at}/${name}/:subject`,
      answer: WRITTEN,
      tag,
      summary: words.impose,
      params: SubjectParams,
      body: Restricting,
      handle: (asked) => {
        const { reason, until } = asked.body
        const { subject } = asked.params
        return send(asked, { type: impose, subject, reason: reason ?? null, until: until ?? null })
      },
    })
    mount(app, deps, {
      method: 'DELETE',
      path: `${at}/${name}/:subject`,
      answer: WRITTEN,
      tag,
      summary: words.lift,
      params: SubjectParams,
      body: Reason,
      handle: (asked) =>
        send(asked, { type: lift, subject: asked.params.subject, reason: asked.body.reason ?? null }),
    })
  }
  restrictions('bans', 'Ban', 'Unban', {
    list: 'Who is banned from a space. For moderators.',
    impose: 'Bans an account or a guest, until a time or for good.',
    lift: 'Lifts a ban.',
  })
  restrictions('mutes', 'Mute', 'Unmute', {
    list: 'Who is muted in a space. For moderators.',
    impose: 'Mutes an account or a guest, until a time or for good.',
    lift: 'Lifts a mute.',
  })

  mount(app, deps, {
    method: 'POST',
    path: `${at}/kick`,
    answer: WRITTEN,
    tag,
    summary: 'Sends a session out of the room; it may come back.',
    params: SpaceParams,
    body: t.type({ session_id: Text, reason: optional(Text) }),
    handle: (asked) =>
      send(asked, { type: 'Kick', sessionId: asked.body.session_id, reason: asked.body.reason }),
  })
}
