/** Lists of roles, bans and mutes. Commands change them (`commands.ts`). */
import type { FastifyInstance } from 'fastify'
import * as t from 'io-ts'
import type { SpaceRef } from '../../../domain/names.ts'
import type { Page, PageRequest, ReadResult } from '../../../projections/read-models.ts'
import type { HttpDeps } from '../deps.ts'
import { mount } from '../endpoint.ts'
import { orTell } from '../errors.ts'
import { GrantedPermission, listOf, Restriction } from '../shapes.ts'
import { needEntry, needRole, SpaceParams, seen, spaceOf } from '../space-gate.ts'
import { Paging, pageOf, UNREAD } from './spaces.ts'

const PageQuery = t.type({ ...Paging, ...UNREAD })
export const moderation = (app: FastifyInstance, deps: HttpDeps): void => {
  const rowsOf: Record<'bans' | 'mutes', (space: SpaceRef, page: PageRequest) => ReadResult<Page<unknown>>> =
    {
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
    summary: 'Who has which permission in a space. For those who may enter.',
    params: SpaceParams,
    strict: true,
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
  for (const [name, summary] of [
    ['bans', 'Who is banned from a space. For moderators.'],
    ['mutes', 'Who is muted in a space. For moderators.'],
  ] as const)
    mount(app, deps, {
      method: 'GET',
      path: `${at}/${name}`,
      answer: { [name]: listOf(Restriction[name]), next_cursor: 'string?' },
      tag,
      summary,
      params: SpaceParams,
      strict: true,
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
}
