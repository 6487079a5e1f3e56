/** Logging in and out: challenges, session tokens and their end. */
import type { FastifyInstance } from 'fastify'
import * as t from 'io-ts'
import { PURPOSES } from '../../auth/challenges.ts'
import { invalidProof } from '../../auth/errors.ts'
import { describeError } from '../../refusals.ts'
import { Account, optional, PROOF, PurposeCodec } from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { mount } from '../endpoint.ts'
import { orTell, tell } from '../errors.ts'
import { Identity, text, time } from '../shapes.ts'
import { needNoService } from '../space-gate.ts'
import { identityOf } from '../views.ts'

const iso = (ms: number): string => new Date(ms).toISOString()

export const sessions = (app: FastifyInstance, deps: HttpDeps): void => {
  const tag = 'auth'
  mount(app, deps, {
    method: 'POST',
    path: '/api/auth/challenge',
    answer: {
      challenge: 'string',
      purpose: text({ enum: [...PURPOSES] }),
      account: 'string?',
      expires_at: time,
    },
    tag,
    summary:
      'A text to sign, valid once and for five minutes; only for the purpose and the account, if they are given.',
    body: t.type({ purpose: optional(PurposeCodec), account: optional(Account) }),
    strict: true,
    handle: async ({ body }) => {
      const purpose = body.purpose ?? 'login'
      const account = body.account ?? null
      const { challenge, expiresAt } = deps.auth.challenge(purpose, account)
      return { challenge, purpose, account, expires_at: iso(expiresAt) }
    },
  })

  mount(app, deps, {
    method: 'POST',
    path: '/api/auth/session',
    answer: { token: 'string', identity: Identity, expires_at: time },
    tag,
    summary:
      'A session token in return for a proof, in the headers or as account, challenge and signature in the body; without a proof, a guest’s.',
    body: t.partial(PROOF),
    strict: true,
    proofInBody: true,
    purpose: 'session',
    handle: async ({ who, body }) => {
      needNoService(who.caller)
      // A malformed proof must not quietly make the caller a guest.
      const named = body.account ?? null
      const isProved = who.caller.kind === 'account' && (named === null || named === who.caller.id)
      if (!isProved && (named !== null || (body.challenge ?? null) !== null))
        return tell(
          describeError(invalidProof('half a proof', 'account, challenge and signature go together')),
        )
      const { token, expiresAt } = deps.auth.tokenFor(who)
      return { token, identity: identityOf(who.caller), expires_at: iso(expiresAt) }
    },
  })

  mount(app, deps, {
    method: 'DELETE',
    path: '/api/auth/session',
    answer: { success: 'boolean' },
    tag,
    summary: 'Ends the session of the token that is sent, on every node, and closes its sockets.',
    handle: async ({ who }) => {
      if (who.session === null) return tell(describeError(invalidProof('no token was shown')))
      orTell(await deps.auth.end(who.session)())
      return { success: true }
    },
  })
}
