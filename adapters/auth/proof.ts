/** What a caller showed of itself, read from a request or a handshake: four forms, none trusted yet. */
import * as E from 'fp-ts/lib/Either.js'
import { isAccount } from '../../domain/names.ts'

export type Shown =
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
      readonly pubkey: string
      readonly signature: string
    }

/** `claimed` is a name given without proof (`Bearer :<account>`). */
export type ProofInput = { readonly shown: ReadonlyArray<Shown>; readonly claimed: string | null }

/** Left says what is wrong with the form: such a proof is given and wrong, never none. */
export type ReadProof = E.Either<string, ProofInput>

const isSet = (value: unknown): boolean => value !== undefined && value !== null && value !== ''
const text = (value: unknown): string | null =>
  typeof value === 'string' && value.length <= 4_096 ? value : null

const signedHeaders = (
  account: unknown,
  challenge: unknown,
  pubkey: unknown,
  signature: unknown,
): E.Either<string, Shown | null> => {
  if (![account, challenge, pubkey, signature].some(isSet)) return E.right(null)
  // A handshake's challenge may be a number: what was signed is its decimal text.
  const asText =
    typeof challenge === 'number' && Number.isSafeInteger(challenge) ? String(challenge) : challenge
  const parts = [text(account), text(asText), text(pubkey), text(signature)]
  const [who, what, key, signed] = parts
  if (!who || !what || !key || !signed) return E.left('account, challenge, pubkey and signature go together')
  return E.right({ form: 'headers', account: who, challenge: what, pubkey: key, signature: signed })
}

const claim = (name: string): string | null => (isAccount(name) ? name : null)

/** Of a REST request. `headers` as Node gives them; `body` as it was parsed. */
export const proofOfRequest = (headers: Readonly<Record<string, unknown>>, body?: unknown): ReadProof => {
  const four = signedHeaders(
    headers['x-account'],
    headers['x-challenge'],
    headers['x-pubkey'],
    headers['x-signature'],
  )
  if (E.isLeft(four)) return four
  const shown: Shown[] = four.right === null ? [] : [four.right]
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

/** Of a socket's handshake: its `auth` object. */
export const proofOfHandshake = (auth: unknown): ReadProof => {
  if (typeof auth !== 'object' || auth === null) return E.right({ shown: [], claimed: null })
  const own = (name: string): unknown =>
    Object.hasOwn(auth, name) ? (auth as Record<string, unknown>)[name] : undefined
  const [account, challenge, pubkey, signature] = ['account', 'challenge', 'pubkey', 'signature'].map(own)
  // A name alone is a claim, as in `Bearer :<account>`.
  const onlyName = isSet(account) && ![challenge, pubkey, signature].some(isSet)
  const four = onlyName ? E.right(null) : signedHeaders(account, challenge, pubkey, signature)
  if (E.isLeft(four)) return four
  const shown: Shown[] = four.right === null ? [] : [four.right]
  const token = own('token')
  if (isSet(token)) {
    const value = text(token)
    if (value === null) return E.left('the token is not a text')
    shown.unshift({ form: 'token', token: value })
  }
  return E.right({ shown, claimed: onlyName && typeof account === 'string' ? claim(account) : null })
}
