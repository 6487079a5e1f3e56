/** Reads the proof in a request or a handshake, in one of four forms, without checking it. */
import * as E from 'fp-ts/lib/Either.js'
import { isAccount } from '../../domain/names.ts'

export type PresentedProof =
  | { readonly form: 'token'; readonly token: string }
  /** The wallet's join: `Bearer <signature>:<account>`, and the challenge in the body. */
  | {
      readonly form: 'wallet'
      readonly signature: string
      readonly account: string
      readonly challenge: string
    }
  | {
      readonly form: 'headers'
      readonly account: string
      readonly challenge: string
      /** The key that is said to have signed; null for any of the account's. */
      readonly pubkey: string | null
      readonly signature: string
    }

/** `claimed` is a name given without proof (`Bearer :<account>`). */
export type ProofInput = { readonly shown: ReadonlyArray<PresentedProof>; readonly claimed: string | null }

/** Left says what is wrong with its form: a malformed proof is a wrong one, and does not count as none. */
export type ReadProof = E.Either<string, ProofInput>

const isSet = (value: unknown): boolean => value !== undefined && value !== null && value !== ''
const text = (value: unknown): string | null =>
  typeof value === 'string' && value.length <= 4_096 ? value : null

type Parts = Readonly<Record<'account' | 'challenge' | 'pubkey' | 'signature', unknown>>

/** A signature and what was signed; null if neither is there. `key`: whether the key that signed must be named. */
const signed = (parts: Parts, key: 'named' | 'any'): E.Either<string, PresentedProof | null> => {
  if (!Object.values(parts).some(isSet)) return E.right(null)
  // A handshake's challenge may be a number: what was signed is its decimal text.
  const challenge =
    typeof parts.challenge === 'number' && Number.isSafeInteger(parts.challenge)
      ? String(parts.challenge)
      : parts.challenge
  const [who, what, by] = [text(parts.account), text(challenge), text(parts.signature)]
  const pubkey = isSet(parts.pubkey) || key === 'named' ? text(parts.pubkey) : null
  if (!who || !what || !by || (key === 'named' && !pubkey) || (isSet(parts.pubkey) && !pubkey))
    return E.left(
      key === 'named'
        ? 'account, challenge, pubkey and signature go together'
        : 'account, challenge and signature go together',
    )
  return E.right({ form: 'headers', account: who, challenge: what, pubkey, signature: by })
}

const ownOf = (object: object): Parts => {
  const own = (name: string): unknown =>
    Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined
  return {
    account: own('account'),
    challenge: own('challenge'),
    pubkey: own('pubkey'),
    signature: own('signature'),
  }
}

/** The same in a body, with a `pubkey` if there is one. A name or a challenge alone may belong to another proof. */
const signedBody = (body: unknown): E.Either<string, PresentedProof | null> => {
  if (typeof body !== 'object' || body === null) return E.right(null)
  const parts = ownOf(body)
  return isSet(parts.signature) || isSet(parts.pubkey) ? signed(parts, 'any') : E.right(null)
}

const claim = (name: string): string | null => (isAccount(name) ? name : null)

/** The proof in a REST request. `headers` are as in Node; `body` is parsed. `inBody`: the call is there to prove who
 *  asks, so the proof may be in its body too. */
export const proofOfRequest = (
  headers: Readonly<Record<string, unknown>>,
  body?: unknown,
  inBody = false,
): ReadProof => {
  const byBody = inBody ? signedBody(body) : E.right(null)
  if (E.isLeft(byBody)) return byBody
  const read = proofOfHeaders(headers, body)
  if (E.isLeft(read) || byBody.right === null) return read
  return E.right({ shown: [...read.right.shown, byBody.right], claimed: null })
}

const proofOfHeaders = (headers: Readonly<Record<string, unknown>>, body: unknown): ReadProof => {
  const four = signed(
    {
      account: headers['x-account'],
      challenge: headers['x-challenge'],
      pubkey: headers['x-pubkey'],
      signature: headers['x-signature'],
    },
    'named',
  )
  if (E.isLeft(four)) return four
  const shown: PresentedProof[] = four.right === null ? [] : [four.right]
  const authorization = headers.authorization
  if (!isSet(authorization)) return E.right({ shown, claimed: null })
  const bearer = /^Bearer(?: +(.*))?$/is.exec(text(authorization) ?? '?')
  if (bearer === null) return E.left('the Authorization header is not a bearer’s')
  const value = (bearer[1] ?? '').trim()
  if (value === '') return E.right({ shown, claimed: null })
  const colon = value.indexOf(':')
  if (colon < 0) return E.right({ shown: [{ form: 'token', token: value }, ...shown], claimed: null })
  const [signature, account] = [value.slice(0, colon), value.slice(colon + 1)]
  if (signature === '') return E.right({ shown, claimed: claim(account) })
  const challenge =
    typeof body === 'object' && body !== null && Object.hasOwn(body, 'challenge')
      ? text((body as Record<string, unknown>).challenge)
      : null
  if (!challenge) return E.left('there is no challenge in the body')
  return E.right({ shown: [{ form: 'wallet', signature, account, challenge }, ...shown], claimed: null })
}

/** The proof in a socket's handshake, from its `auth` object. */
export const proofOfHandshake = (auth: unknown): ReadProof => {
  if (typeof auth !== 'object' || auth === null) return E.right({ shown: [], claimed: null })
  const parts = ownOf(auth)
  // A name alone is a claim, as in `Bearer :<account>`.
  const onlyName = isSet(parts.account) && ![parts.challenge, parts.pubkey, parts.signature].some(isSet)
  const four = onlyName ? E.right(null) : signed(parts, 'named')
  if (E.isLeft(four)) return four
  const shown: PresentedProof[] = four.right === null ? [] : [four.right]
  const token = Object.hasOwn(auth, 'token') ? (auth as { token: unknown }).token : undefined
  if (isSet(token)) {
    const value = text(token)
    if (value === null) return E.left('the token is not a text')
    shown.unshift({ form: 'token', token: value })
  }
  return E.right({
    shown,
    claimed: onlyName && typeof parts.account === 'string' ? claim(parts.account) : null,
  })
}
