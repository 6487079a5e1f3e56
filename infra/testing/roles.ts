/** A public and a private room with somebody for each role, for tests of who may do what. */
import * as assert from 'uvu/assert'
import type { TestHttp } from './http.ts'

/** Who has which role, in `document:1` (public, alice's) and in `document:2` (private, bob's) alike. */
export const rolesOn = (http: TestHttp) =>
  ({
    stranger: () => http.bearer('peggy'),
    guest: () => http.guest('guest:aaaaaaaaaaaa'),
    nobody: () => ({}),
    banned: () => http.bearer('mallory'),
    access: () => http.bearer('judy'),
    moderator: () => http.bearer('ivan'),
    admin: () => http.bearer('heidi'),
    owner: (space: Space) => http.bearer(space === 'public' ? 'alice' : 'bob'),
    'another space’s moderator': () => http.bearer('oscar'),
    'another space’s owner': () => http.bearer('carol-ann'),
    auditor: () => http.bearer('auditor'),
    'system admin': () => http.bearer('admin-one'),
  }) satisfies Record<string, (space: Space) => Record<string, string>>
export type RoleName = keyof ReturnType<typeof rolesOn>
export type Space = 'public' | 'private' | 'none'
export const IDS: Record<Space, string> = { public: '1', private: '2', none: '7' }
export const NAMES: Record<string, string> = {
  stranger: 'peggy',
  guest: 'guest:aaaaaaaaaaaa',
  banned: 'mallory',
  access: 'judy',
  moderator: 'ivan',
  admin: 'heidi',
  owner: 'alice',
  auditor: 'auditor',
  'system admin': 'admin-one',
  'another space’s moderator': 'oscar',
  'another space’s owner': 'carol-ann',
}

export const ALL_SEEING: ReadonlyArray<RoleName> = ['auditor', 'system admin']
export const RUNNING: ReadonlyArray<RoleName> = ['moderator', 'admin', 'owner']
/** The roles that may know of the private space at all. */
export const KNOWING: ReadonlyArray<RoleName> = [...ALL_SEEING, ...RUNNING, 'access']

/** Gives everybody their role, and each room a few words. */
export const giveRoles = async (http: TestHttp): Promise<void> => {
  for (const [space, owner] of [
    ['public', 'alice'],
    ['private', 'bob'],
  ] as const) {
    const at = `/api/spaces/document/${IDS[space]}`
    const put = async (path: string, payload: object) => {
      const { statusCode, body } = await http.app.inject({
        method: 'PUT',
        url: `${at}${path}`,
        payload,
        headers: { ...http.bearer(owner) },
      })
      assert.is(statusCode, 200, body)
    }
    await put('/permissions/heidi', { permission: 'admin' })
    await put('/permissions/ivan', { permission: 'moderate' })
    await put('/permissions/judy', { permission: 'access' })
    await put('/bans/mallory', { reason: 'spam' })
    for (const who of [owner, 'judy', 'ivan'])
      await http.app.inject({
        method: 'POST',
        url: `/api/chat/document/${IDS[space]}/messages`,
        payload: { content: `a secret of ${who}` },
        headers: { ...http.bearer(who) },
      })
  }
  await http.app.inject({
    method: 'PUT',
    url: '/api/spaces/document/123/permissions/oscar',
    payload: { permission: 'moderate' },
    headers: { ...http.bearer('carol') },
  })
  await http.settled()
}
