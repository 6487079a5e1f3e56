/** Every call of the API that is about a space, so that a test can go through them all. For tests only. */
import { randomUUID } from 'node:crypto'
import { SPACE_COMMANDS } from '../../../domain/space/commands.ts'

export type Sample = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `space` as it is in a path: `document/2` or `post/alice/my-post`. */
  readonly url: (space: string) => string
  readonly body?: unknown
}

const below = (method: Sample['method'], path: string, body?: unknown): Sample => ({
  method,
  url: (space) => `/api/spaces/${space}${path}`,
  ...(body === undefined ? {} : { body }),
})
const chat = (method: Sample['method'], path: string, body?: unknown): Sample => ({
  method,
  url: (space) => `/api/chat/${space}/messages${path}`,
  ...(body === undefined ? {} : { body }),
})
const ID = randomUUID()

export const ABOUT_A_SPACE: ReadonlyArray<Sample> = [
  below('GET', ''),
  below('POST', '/join', {}),
  below('GET', '/subrooms'),
  below('GET', '/settings'),
  below('PATCH', '/settings', { max_users: 10 }),
  below('PATCH', '/settings', { max_users: -1 }),
  below('GET', '/permissions'),
  below('PUT', '/permissions/frank', { permission: 'moderate' }),
  below('GET', '/bans'),
  below('PUT', '/bans/frank', { until: 'never' }),
  below('GET', '/mutes'),
  below('PUT', '/mutes/guest:0123456789ab', {}),
  ...Object.values(SPACE_COMMANDS).flatMap(({ wire }) => {
    const { method, path } = wire?.rest ?? {}
    if (method === undefined || path === undefined) return []
    const named = path
      .replace(':account', 'frank')
      .replace(':subject', 'frank')
      .replace(':session_id', 'some-session')
    return [below(method, `/${named}`, { permission: 'moderate', session_id: 'some-session', reason: 'x' })]
  }),
  below('POST', '/reports', { message_id: ID, text: 'unkind' }),
  below('POST', '/reports', { subject: 'frank' }),
  below('GET', '/cases'),
  below('GET', '/cases?status=open&limit=2'),
  below('POST', '/cases', { subject: 'frank' }),
  below('GET', `/cases/${ID}`),
  below('POST', `/cases/${ID}/take`, {}),
  below('POST', `/cases/${ID}/notes`, { text: 'x' }),
  below('POST', `/cases/${ID}/acts`, { act: 'ban', rule: 'x', reason: 'x' }),
  below('POST', `/cases/${ID}/close`, { outcome: 'dismissed' }),
  below('POST', `/cases/${ID}/appeal`, { text: 'x' }),
  below('POST', `/cases/${ID}/hearing`, { outcome: 'lifted', reason: 'x' }),
  below('GET', '/transparency?from=2026-01-01&to=2099-01-01'),
  chat('GET', ''),
  chat('GET', '?before=5&limit=2'),
  chat('POST', '', { content: 'hello' }),
  chat('POST', '', { content: '' }),
  chat('POST', '', { content: 'hello', parent_message_id: ID }),
  chat('PATCH', `/${ID}`, { content: 'x' }),
  chat('DELETE', `/${ID}`),
  chat('PUT', `/${ID}/reactions/${encodeURIComponent('👍')}`),
  chat('DELETE', `/${ID}/reactions/${encodeURIComponent('👍')}`),
  {
    method: 'GET',
    url: (space) => `/api/turn-credentials?space=${encodeURIComponent(space.replace('/', ':'))}`,
  },
  {
    method: 'GET',
    url: (space) => `/api/feed?live=false&space=${encodeURIComponent(space.replace('/', ':'))}`,
  },
  { method: 'GET', url: (space) => `/api/audit?space=${encodeURIComponent(space.replace('/', ':'))}` },
]

export const OTHERS: ReadonlyArray<Sample> = [
  { method: 'GET', url: () => '/api/spaces?limit=2' },
  { method: 'GET', url: () => '/api/turn-credentials' },
  { method: 'GET', url: () => '/api/webrtc/turn-config' },
  { method: 'POST', url: () => '/api/auth/challenge', body: { account: 'alice' } },
  { method: 'POST', url: () => '/api/auth/session', body: {} },
  { method: 'DELETE', url: () => '/api/auth/session' },
  { method: 'GET', url: () => '/api/audit?limit=2' },
  { method: 'GET', url: () => '/api/me/audit?limit=2&order=oldest' },
  { method: 'GET', url: () => '/api/me' },
  { method: 'GET', url: () => '/api/me/looks?limit=2' },
  { method: 'GET', url: () => '/api/me/data' },
  { method: 'POST', url: () => '/api/me/erasure', body: {} },
  { method: 'DELETE', url: () => '/api/me/erasure', body: {} },
  { method: 'GET', url: () => '/api/holds' },
  { method: 'POST', url: () => '/api/holds', body: { subject: 'frank', reason: 'x' } },
  { method: 'DELETE', url: () => `/api/holds/${ID}`, body: {} },
  { method: 'GET', url: () => '/api/me/reports?limit=2' },
  { method: 'GET', url: () => '/api/me/receipts' },
  { method: 'GET', url: () => '/api/spaces/document/1/audit?limit=2&text=hello' },
  { method: 'GET', url: () => '/api/health' },
  { method: 'GET', url: () => '/metrics' },
  { method: 'GET', url: () => '/docs/json' },
]
