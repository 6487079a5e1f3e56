/** What a wallet signs to prove an account: the forms, how long each serves, and the server's own. */
import { createHash, randomBytes } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { mac, macKey, sameBytes } from './tokens.ts'

/** What a proof is for. A server's challenge made for one purpose proves nothing elsewhere; `login` serves all. */
export const PURPOSES = ['login', 'session', 'join', 'socket'] as const
export type Purpose = (typeof PURPOSES)[number]

/** A `dlux_vr_` challenge and the server's own serve this long. */
export const CHALLENGE_MS = 300_000
/** How far ahead of ours a client's clock may be. */
export const SKEW_MS = 60_000

/** Where the challenge came: in a body beside `Bearer <signature>:<account>`, or in the DLUX headers. */
export type Slot = 'body' | 'headers'

/** `once` is what to claim so that it serves once, null where it may be used again; `until` in ms since the epoch. */
export type Serving = { readonly once: string | null; readonly until: number }

const WALLET = /^dlux_vr_(\d{13})_[A-Za-z0-9._-]{1,128}$/
const SERVER =
  /^(dlux_presence_(login|session|join|socket)_([a-z0-9.-]{3,16}|any)_(\d{13})_[0-9a-f]{32})_([0-9a-f]{64})$/
const SECONDS = /^\d{9,11}$/

const onceKey = (challenge: string): string => createHash('sha256').update(challenge, 'utf8').digest('hex')

export type Challenges = {
  /** Bound to a purpose, and to an account where one is named. */
  readonly make: (
    purpose: Purpose,
    account: string | null,
    now: number,
  ) => { readonly challenge: string; readonly expiresAt: number }
  /** Whether this challenge can serve this account for this purpose now; left says why not. */
  readonly check: (asked: {
    readonly challenge: string
    readonly slot: Slot
    readonly purpose: Purpose | null
    readonly account: string
    readonly now: number
  }) => E.Either<string, Serving>
}

/** `headerMaxAgeMs` is for challenges of the DLUX headers, which may be used again. */
export const createChallenges = (secret: string, headerMaxAgeMs: number): Challenges => {
  const key = macKey(secret, 'challenge')

  const fresh = (made: number, now: number, challenge: string): E.Either<string, Serving> => {
    if (made > now + SKEW_MS) return E.left('the challenge is from the future')
    if (now - made > CHALLENGE_MS) return E.left('the challenge is too old')
    // Claimed for as long as any clock could still take it for fresh.
    return E.right({ once: onceKey(challenge), until: made + CHALLENGE_MS + SKEW_MS })
  }

  return {
    make: (purpose, account, now) => {
      const head = `dlux_presence_${purpose}_${account ?? 'any'}_${now}_${randomBytes(16).toString('hex')}`
      return { challenge: `${head}_${mac(key, head).toString('hex')}`, expiresAt: now + CHALLENGE_MS }
    },
    check: ({ challenge, slot, purpose, account, now }) => {
      const wallet = WALLET.exec(challenge)
      if (wallet !== null) return fresh(Number(wallet[1]), now, challenge)
      const server = SERVER.exec(challenge)
      if (server !== null) {
        const [, head, madeFor, whom, made, signature] = server as unknown as string[]
        if (!sameBytes(mac(key, head!), Buffer.from(signature!, 'hex')))
          return E.left('the challenge is not ours')
        if (madeFor !== 'login' && madeFor !== purpose) return E.left('the challenge is for another purpose')
        if (whom !== 'any' && whom !== account) return E.left('the challenge is for another account')
        return fresh(Number(made), now, challenge)
      }
      if (slot === 'headers' && SECONDS.test(challenge)) {
        const made = Number(challenge) * 1_000
        if (made > now + SKEW_MS) return E.left('the challenge is from the future')
        if (now - made > headerMaxAgeMs) return E.left('the challenge is too old')
        return E.right({ once: null, until: made + headerMaxAgeMs })
      }
      return E.left('the challenge is of no known form')
    },
  }
}
