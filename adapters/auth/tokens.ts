/** Session tokens, in which this service states who somebody is: `v1.<payload>.<HMAC-SHA256>`, both parts in base64url. */
import { createHmac, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { Caller } from '../../domain/identity.ts'
import { isAccount, isGuest } from '../../domain/names.ts'
import { mac } from '../short-mac.ts'

const Payload = t.type({
  /** The session's id: what is revoked when it ends. */
  sid: t.string,
  by: Caller,
  /** Milliseconds since the epoch. */
  exp: t.number,
})
export type TokenPayload = t.TypeOf<typeof Payload>

export type TokenError = 'malformed' | 'forged' | 'expired'

/** Each use has a key of its own, so that no signature made for one is valid for another. It is a key object, because
 *  Node takes seven times as long for each signature if it is given the bytes. */
export const macKey = (secret: string, use: string): KeyObject =>
  createSecretKey(createHmac('sha256', secret).update(`dlux-presence ${use}`).digest())

export const sameBytes = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b)

export type Tokens = {
  /** A new token for a new sid. */
  readonly issue: (by: Caller, now: number, ttlMs: number) => { token: string; payload: TokenPayload }
  readonly read: (token: string, now: number) => E.Either<TokenError, TokenPayload>
}

/** `secret` is at least 32 characters, the same on every node. */
export const createTokens = (secret: string): Tokens => {
  const key = macKey(secret, 'session token')
  const signed = (head: string): string => `${head}.${mac(key, head).toString('base64url')}`
  return {
    issue: (by, now, ttlMs) => {
      const payload = { sid: randomBytes(16).toString('hex'), by, exp: now + ttlMs }
      return {
        token: signed(`v1.${Buffer.from(JSON.stringify(payload)).toString('base64url')}`),
        payload,
      }
    },
    read: (token, now) => {
      if (token.length > 4_096) return E.left('malformed')
      const parts = /^(v1\.([A-Za-z0-9_-]+))\.([A-Za-z0-9_-]{43})$/.exec(token)
      if (parts === null) return E.left('malformed')
      const [, head, body, signature] = parts as unknown as [string, string, string, string]
      // The text, not the bytes: base64url has spare bits, and a token must have one spelling.
      const expected = mac(key, head).toString('base64url')
      if (!sameBytes(Buffer.from(expected), Buffer.from(signature))) return E.left('forged')
      let json: unknown
      try {
        json = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'))
      } catch {
        return E.left('malformed')
      }
      if (!Payload.is(json)) return E.left('malformed')
      // A service uses its key and has no session.
      const { kind, id } = json.by
      if (kind === 'service' || (kind === 'account' ? !isAccount(id) : !isGuest(id)))
        return E.left('malformed')
      return now < json.exp ? E.right(json) : E.left('expired')
    },
  }
}
