/** API keys: `dpk_<id>_<secret>`. A key is shown once and kept as a hash. It may do what it was granted, until it is
 *  revoked. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import type { Caller } from '../../domain/identity.ts'
import { spaceKey } from '../../domain/names.ts'
import { isLive, keyOf, type ServiceKey } from '../../domain/outside/state.ts'
import type { Clock, Content } from '../../domain/ports.ts'
import { type AuthError, invalidProof } from '../auth/errors.ts'
import type { Outside } from './registry.ts'

const KEY = /^dpk_([0-9a-f]{32})_([A-Za-z0-9_-]{43})$/

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

/** A secret for the key with this id, and the hash that is kept of it. */
export const newSecret = (id: string): { readonly secret: string; readonly hash: string } => {
  const secret = `dpk_${id.replaceAll('-', '')}_${randomBytes(32).toString('base64url')}`
  return { secret, hash: sha256(secret).toString('hex') }
}

const uuidOf = (hex: string): string =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`

type Known = Pick<Outside, 'state'>

/** Whose key this is. */
export const readApiKey = (
  outside: Known,
  token: string,
  now: number,
): E.Either<AuthError, Extract<Caller, { kind: 'service' }>> => {
  const state = outside.state()
  if (state === null) return E.left({ _tag: 'AuthStoreUnavailable', cause: 'the keys were not read yet' })
  const [, hex] = KEY.exec(token) ?? []
  const key = hex === undefined ? undefined : state.keys.get(uuidOf(hex))
  // A key that does not exist takes the same work.
  const isIt = timingSafeEqual(sha256(token), Buffer.from(key?.hash ?? '0'.repeat(64), 'hex'))
  if (key === undefined || !isIt) return E.left(invalidProof('no such API key'))
  if (!isLive(key, new Date(now).toISOString()))
    return E.left(invalidProof(key.revokedAt === null ? 'the API key is over' : 'the API key was revoked'))
  return E.right({ kind: 'service', id: key.subject })
}

/** Whether its holder may create test crowds for load measurements: by a right of its own, or because it moderates every space. */
export const mayBringCrowd = ({ space, permission, load }: ServiceKey): boolean =>
  space === null && (load === true || permission !== 'access')

/** The service whose key this is, if it may create test crowds now; else null. */
export const crowdBringer = (outside: Known, token: unknown, now: number): string | null => {
  const service = typeof token === 'string' ? readApiKey(outside, token, now) : null
  const key = service !== null && E.isRight(service) ? liveKey(outside, service.right.id, now) : null
  return key !== null && mayBringCrowd(key) ? key.subject : null
}

/** A service's key while it is valid. */
export const liveKey = (outside: Known, subject: string, now: number): ServiceKey | null => {
  const state = outside.state()
  const key = state === null ? undefined : keyOf(state, subject)
  return key !== undefined && isLive(key, new Date(now).toISOString()) ? key : null
}

/** A service has the role that its key grants, as if the content gave it; in any other space it has none. */
export const withServices = (content: Content, outside: Known, clock: Clock): Content => ({
  ...content,
  factsFor: (space, by) => async () => {
    if (by?.kind !== 'service') return content.factsFor(space, by)()
    const facts = await content.factsFor(space, null)()
    if (E.isLeft(facts)) return facts
    const key = liveKey(outside, by.id, clock.now())
    const isGranted = key !== null && (key.space === null || key.space === spaceKey(space))
    return E.right({ ...facts.right, exists: facts.right.exists && isGranted, role: key?.permission ?? null })
  },
})
