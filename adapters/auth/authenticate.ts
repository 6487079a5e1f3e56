/** Finds out who is asking, by every proof of docs/contract.md, for REST and sockets alike. */
import { randomBytes } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { Caller } from '../../domain/identity.ts'
import { isAccount } from '../../domain/names.ts'
import type { Clock } from '../../domain/ports.ts'
import type { Hive } from '../hive/hive.ts'
import { createChallenges, type Purpose } from './challenges.ts'
import { type AuthError, invalidProof } from './errors.ts'
import { createGuessing } from './guessing.ts'
import type { PresentedProof, ReadProof } from './proof.ts'
import type { AuthStore } from './store.ts'
import { createTickets, memoryTickets, type Tickets } from './tickets.ts'
import { createTokens, macKey, type TokenPayload } from './tokens.ts'

export type Authenticated = {
  readonly caller: Caller
  readonly via: 'token' | 'key' | 'wallet' | 'headers' | 'none'
  /** Set if a session token was presented: the token, its session's id and its end (ms since the epoch). */
  readonly session: { readonly token: string; readonly sid: string; readonly expiresAt: number } | null
  /** Set if a signature was presented: until when the access that it gave may last (ms since the epoch). */
  readonly until?: number
}

export type IssuedToken = { readonly token: string; readonly sid: string; readonly expiresAt: number }

export type Auth = {
  /** `purpose` is what the proof is used for: a server's challenge made for another purpose is refused. Default: none.
   *  `ip` is where the proof comes from: an address that sends too many wrong proofs must wait. */
  readonly authenticate: (
    proof: ReadProof,
    purpose?: Purpose,
    ip?: string,
  ) => TaskEither<AuthError, Authenticated>
  /** Whether a proof that was accepted before still holds: its session goes on, it has not expired, its key is still
   *  the account's. This uses up no challenge and counts as no guess. */
  readonly stillHolds: (proof: ReadProof) => TaskEither<AuthError, void>
  /** A session token for a caller that was authenticated. */
  readonly issue: (caller: Caller) => IssuedToken
  /** The token that the caller already has, or a new one. */
  readonly tokenFor: (who: Authenticated) => IssuedToken
  readonly challenge: (
    purpose: Purpose,
    account: string | null,
  ) => { readonly challenge: string; readonly expiresAt: number }
  /** Ends a session on every node, for good. */
  readonly end: (session: { readonly sid: string; readonly expiresAt: number }) => TaskEither<AuthError, void>
  /** Called once for each session that ends by `end`, on whichever node: close its sockets. Returns how to stop. */
  readonly onEnded: (listener: (sid: string) => void) => () => void
  /** For sockets of clients that can send nothing but an address. */
  readonly tickets: Tickets
}

export type AuthOptions = {
  readonly hive: Hive
  readonly store: AuthStore
  readonly clock: Clock
  /** SESSION_SECRET: at least 32 characters. */
  readonly secret: string
  readonly ttlSeconds: number
  /** Finds the owner of an API key. Without it every key is wrong. */
  readonly services?: (key: string, now: number) => E.Either<AuthError, Caller>
  /** AUTH_HEADER_MAX_AGE. */
  readonly headerMaxAgeSeconds: number
}

const pubkeyOf = (shown: PresentedProof): { readonly pubkey?: string } =>
  shown.form === 'headers' && shown.pubkey !== null ? { pubkey: shown.pubkey } : {}

/** `guest:` and 12 random hex digits. */
export const newGuest = (): string => `guest:${randomBytes(6).toString('hex')}`

/** `dpk_…`: see `adapters/outside/keys.ts`. */
const isApiKey = (token: string): boolean => token.startsWith('dpk_')

export const createAuth = (options: AuthOptions): Auth => {
  const { hive, store, clock } = options
  const tokens = createTokens(options.secret)
  const guessing = createGuessing(() => clock.now())
  const challenges = createChallenges(options.secret, options.headerMaxAgeSeconds * 1_000)

  const bySession = async (token: string): Promise<E.Either<AuthError, Authenticated>> => {
    const read = tokens.read(token, clock.now())
    if (E.isLeft(read))
      return E.left(read.left === 'expired' ? { _tag: 'TokenExpired' } : invalidProof(`token ${read.left}`))
    const { sid, by, exp } = read.right
    const ended = await store.isRevoked(sid)()
    if (E.isLeft(ended)) return ended
    if (ended.right) return E.left(invalidProof('the session has ended'))
    return E.right({ caller: by, via: 'token', session: { token, sid, expiresAt: exp } })
  }

  const byToken = async (token: string): Promise<E.Either<AuthError, Authenticated>> => {
    if (!isApiKey(token)) return bySession(token)
    const caller = options.services?.(token, clock.now()) ?? E.left(invalidProof('no such API key'))
    return E.isLeft(caller) ? caller : E.right({ caller: caller.right, via: 'key', session: null })
  }

  const bySignature = async (
    shown: Exclude<PresentedProof, { form: 'token' }>,
    purpose: Purpose | null,
  ): Promise<E.Either<AuthError, Authenticated>> => {
    const { account, challenge, signature } = shown
    if (!isAccount(account)) return E.left(invalidProof('not an account’s name'))
    const serving = challenges.check({
      challenge,
      slot: shown.form === 'wallet' ? 'body' : 'headers',
      purpose,
      account,
      now: clock.now(),
    })
    if (E.isLeft(serving)) return E.left(invalidProof(serving.left.detail, serving.left.hint))
    const verified = await hive.verify({
      account,
      message: challenge,
      signature,
      ...pubkeyOf(shown),
    })()
    if (E.isLeft(verified))
      return verified.left._tag === 'HiveUnavailable'
        ? E.left(verified.left)
        : E.left(invalidProof('no such account'))
    if (!verified.right) return E.left(invalidProof('no key of the account made this signature'))
    // The challenge is claimed only now, so that nobody without the key can use it up.
    if (serving.right.once !== null) {
      const first = await store.claim(serving.right.once, serving.right.until)()
      if (E.isLeft(first)) return first
      if (!first.right) return E.left(invalidProof('the challenge was used before'))
    }
    const until =
      serving.right.once === null ? serving.right.until : clock.now() + options.headerMaxAgeSeconds * 1_000
    return E.right({ caller: { kind: 'account', id: account }, via: shown.form, session: null, until })
  }

  /** A proof counts as wrong until it was checked. */
  const guessed = async (
    shown: Exclude<PresentedProof, { form: 'token' }>,
    purpose: Purpose | null,
    ip: string | undefined,
  ): Promise<E.Either<AuthError, Authenticated>> => {
    guessing.count(ip)
    const who = await bySignature(shown, purpose)
    // If no node could answer, it counts as well.
    if (E.isRight(who)) guessing.giveBack(ip)
    return who
  }

  /** A one-time challenge was used up when it came; the access that it gave lasts as long as with one in the headers. */
  const holds = async (one: PresentedProof): Promise<E.Either<AuthError, unknown>> => {
    if (one.form === 'token') return byToken(one.token)
    const { account, challenge, signature } = one
    const late = challenges.lapsed(challenge, clock.now())
    if (late !== null) return E.left(invalidProof(late.detail, late.hint))
    const verified = await hive.verify({ account, message: challenge, signature, ...pubkeyOf(one) })()
    if (E.isLeft(verified))
      return verified.left._tag === 'HiveUnavailable'
        ? E.left(verified.left)
        : E.left(invalidProof('no such account'))
    return verified.right ? E.right(null) : E.left(invalidProof('the key is no longer the account’s'))
  }

  const issue = (caller: Caller): IssuedToken => {
    const { token, payload }: { token: string; payload: TokenPayload } = tokens.issue(
      caller,
      clock.now(),
      options.ttlSeconds * 1_000,
    )
    return { token, sid: payload.sid, expiresAt: payload.exp }
  }

  return {
    authenticate: (proof, purpose, ip) => async () => {
      if (E.isLeft(proof)) return E.left(invalidProof(proof.left, proof.left))
      const { shown, claimed } = proof.right
      let first: Authenticated | null = null
      // Every given proof must hold, and all must be about the same caller.
      for (const one of shown) {
        const wait = one.form === 'token' ? 0 : guessing.wait(ip)
        if (wait > 0) return E.left({ _tag: 'TooManyProofs', retryAfterSeconds: wait })
        const who = one.form === 'token' ? await byToken(one.token) : await guessed(one, purpose ?? null, ip)
        if (E.isLeft(who)) return who
        if (first === null) first = who.right
        else if (first.caller.kind !== who.right.caller.kind || first.caller.id !== who.right.caller.id)
          return E.left(invalidProof('two proofs of two callers'))
      }
      if (first !== null) return E.right(first)
      const caller: Caller = { kind: 'guest', id: newGuest(), ...(claimed === null ? {} : { claimed }) }
      return E.right({ caller, via: 'none', session: null })
    },
    stillHolds: (proof) => async () => {
      if (E.isLeft(proof)) return E.left(invalidProof(proof.left))
      for (const one of proof.right.shown) {
        const held = await holds(one)
        if (E.isLeft(held)) return held
      }
      return E.right(undefined)
    },
    issue,
    tokenFor: (who) => who.session ?? issue(who.caller),
    challenge: (purpose, account) => challenges.make(purpose, account, clock.now()),
    end: ({ sid, expiresAt }) => store.revoke(sid, expiresAt),
    onEnded: store.onRevoked,
    tickets: createTickets({
      key: macKey(options.secret, 'socket ticket'),
      store: store.tickets ?? memoryTickets(),
      clock,
      isRevoked: store.isRevoked,
    }),
  }
}
