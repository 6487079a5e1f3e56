/** LiveKit's tokens: JWTs with HS256, made with the secret of an API key. Source: docs.livekit.io, “Tokens & grants”. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'

export type ApiKey = { readonly key: string; readonly secret: string }
/** What a token allows. For a participant: `canPublishSources` says what; nobody publishes data or pictures. */
export type VideoGrant = {
  readonly room?: string
  readonly roomJoin?: boolean
  readonly roomAdmin?: boolean
  readonly roomList?: boolean
  readonly roomCreate?: boolean
  readonly canPublish?: boolean
  readonly canSubscribe?: boolean
  readonly canPublishData?: boolean
  readonly canPublishSources?: ReadonlyArray<'microphone'>
  readonly canUpdateOwnMetadata?: boolean
}
type Claims = { readonly identity?: string; readonly video: VideoGrant; readonly seconds: number }

/** Clocks of two machines are never quite the same. */
const LEEWAY_S = 10
const HEADER = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'JWT' })).toString('base64url')
const signature = (text: string, secret: string): Buffer => createHmac('sha256', secret).update(text).digest()

/** `now`: ms. */
export const liveKitToken = (
  { key, secret }: ApiKey,
  { identity, video, seconds }: Claims,
  now: number,
): string => {
  const at = Math.floor(now / 1_000)
  const claims = {
    iss: key,
    ...(identity === undefined ? {} : { sub: identity }),
    nbf: at - LEEWAY_S,
    exp: at + seconds,
    video,
  }
  const text = `${HEADER}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
  return `${text}.${signature(text, secret).toString('base64url')}`
}

const Header = t.type({ alg: t.literal('HS256') })
const Signed = t.intersection([
  t.type({ iss: t.string, exp: t.number, sha256: t.string }),
  t.partial({ nbf: t.number }),
])

const jsonIn = (part: string): unknown => {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
  } catch {
    return null
  }
}

/** Whether LiveKit signed this body: a token of the same key, not expired, with the body's SHA-256. Left: why not. */
export const signedBody = (
  { key, secret }: ApiKey,
  { body, authorization }: { readonly body: string; readonly authorization: string | undefined },
  now: number,
): E.Either<string, void> => {
  const [head = '', claims = '', sign = '', more] = (authorization ?? '').replace(/^Bearer /, '').split('.')
  if (more !== undefined || sign === '') return E.left('There is no token in Authorization.')
  if (!Header.is(jsonIn(head))) return E.left('The token is not signed with HS256.')
  const [ours, theirs] = [signature(`${head}.${claims}`, secret), Buffer.from(sign, 'base64url')]
  if (ours.length !== theirs.length || !timingSafeEqual(ours, theirs))
    return E.left('The token’s signature is wrong.')
  const said = jsonIn(claims)
  if (!Signed.is(said) || said.iss !== key) return E.left('The token is of another key.')
  const at = now / 1_000
  if (said.exp + LEEWAY_S < at || (said.nbf ?? 0) - LEEWAY_S > at) return E.left('The token has expired.')
  const hash = createHash('sha256').update(body).digest('base64')
  return said.sha256 === hash ? E.right(undefined) : E.left('The token is of another body.')
}
