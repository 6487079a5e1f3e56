/** What a wallet signs to prove an account: the forms of challenges, how long each is valid, and the server's own. */
import { createHash, randomBytes } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { mac } from '../short-mac.ts'
import { macKey, sameBytes } from './tokens.ts'

/** What a proof is for. A server's challenge made for one purpose proves nothing elsewhere; `login` serves all. */
export const PURPOSES = ['login', 'session', 'join', 'socket'] as const
export type Purpose = (typeof PURPOSES)[number]

/** How long a `dlux_vr_` challenge and the server's own are valid. */
const CHALLENGE_MS = 300_000
/** How far a client's clock may be ahead of ours. */
const SKEW_MS = 60_000

/** Where the challenge was sent: in a body beside `Bearer <signature>:<account>`, or in the DLUX headers. */
export type Slot = 'body' | 'headers'

/** Why a challenge is not accepted. `hint`: a sentence for the caller if the time in it is what is wrong. */
export type Unfit = { readonly detail: string; readonly hint?: string }
const unfit = (detail: string, hint?: string): E.Either<Unfit, never> =>
  E.left(hint === undefined ? { detail } : { detail, hint })

/** `ms` in words, in its largest unit. */
const inWords = (ms: number): string => {
  const units = [
    [86_400_000, 'day'],
    [3_600_000, 'hour'],
    [60_000, 'minute'],
    [1_000, 'second'],
  ] as const
  const [length, name] = units.find(([one]) => ms >= one) ?? units[3]
  const count = Math.max(1, Math.round(ms / length))
  return `${count} ${name}${count === 1 ? '' : 's'}`
}

/** Null if a challenge made at `made` is valid at `now`. Otherwise says by how much it is off, since the client's clock may be wrong. */
const outOfTime = (made: number, now: number, maxAgeMs: number): E.Either<Unfit, never> | null => {
  const here = `it is ${new Date(now).toISOString()} here`
  if (made > now + SKEW_MS)
    return unfit(
      'the challenge is from the future',
      `its challenge is ${inWords(made - now)} ahead of this server’s clock (${here}): set the clock of your device right`,
    )
  if (now - made > maxAgeMs)
    return unfit(
      'the challenge is too old',
      `its challenge is ${inWords(now - made)} old (${here}) and serves ${inWords(maxAgeMs)}: sign a new one, and if it was new, set the clock of your device right`,
    )
  return null
}

/** `once` is the key to claim so that it can be used only once, null if it may be used again; `until` in ms since the epoch. */
export type Serving = { readonly once: string | null; readonly until: number }

const WALLET = /^dlux_vr_(\d{13})_[A-Za-z0-9._-]{1,128}$/
const SERVER =
  /^(dlux_presence_(login|session|join|socket)_([a-z0-9.-]{3,16}|any)_(\d{13})_[0-9a-f]{32})_([0-9a-f]{64})$/
const SECONDS = /^\d{9,11}$/
const MILLISECONDS = /^\d{12,14}$/

const onceKey = (challenge: string): string => createHash('sha256').update(challenge, 'utf8').digest('hex')

export type Challenges = {
  /** Makes a challenge that is bound to a purpose, and to an account if one is named. */
  readonly make: (
    purpose: Purpose,
    account: string | null,
    now: number,
  ) => { readonly challenge: string; readonly expiresAt: number }
  /** Whether this challenge is valid for this account and this purpose now; left says why not. */
  readonly check: (asked: {
    readonly challenge: string
    readonly slot: Slot
    readonly purpose: Purpose | null
    readonly account: string
    readonly now: number
  }) => E.Either<Unfit, Serving>
  /** Why access that this challenge opened has ended; null if it has not. */
  readonly lapsed: (challenge: string, now: number) => Unfit | null
}

/** `headerMaxAgeMs` is for challenges of the DLUX headers, which may be used again. */
export const createChallenges = (secret: string, headerMaxAgeMs: number): Challenges => {
  const key = macKey(secret, 'challenge')

  const fresh = (made: number, now: number, challenge: string): E.Either<Unfit, Serving> => {
    const late = outOfTime(made, now, CHALLENGE_MS)
    if (late !== null) return late
    // Claimed for as long as it could be fresh by any node's clock.
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
          return unfit('the challenge is not ours')
        if (madeFor !== 'login' && madeFor !== purpose) return unfit('the challenge is for another purpose')
        if (whom !== 'any' && whom !== account) return unfit('the challenge is for another account')
        return fresh(Number(made), now, challenge)
      }
      if (slot === 'headers' && SECONDS.test(challenge)) {
        const made = Number(challenge) * 1_000
        const late = outOfTime(made, now, headerMaxAgeMs)
        if (late !== null) return late
        return E.right({ once: null, until: made + headerMaxAgeMs })
      }
      if (slot === 'headers' && MILLISECONDS.test(challenge))
        return unfit(
          'the challenge is in milliseconds',
          'x-challenge is the time in seconds, not milliseconds',
        )
      return unfit('the challenge is of no known form')
    },
    lapsed: (challenge, now) => {
      const ms = WALLET.exec(challenge)?.[1] ?? SERVER.exec(challenge)?.[4]
      const made = ms === undefined ? Number(challenge) * 1_000 : Number(ms)
      const late = outOfTime(made, now, headerMaxAgeMs)
      return late === null || E.isRight(late) ? null : late.left
    },
  }
}
