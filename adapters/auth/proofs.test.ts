/** Whatever a client presents, it is let in as an account only by that account's signature or token. */

import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { devKeys, signAs } from '../../infra/hive/keys.ts'
import { startHiveStandIn } from '../../infra/hive/stand-in.ts'
import { createHive } from '../hive/hive.ts'
import { createAuth } from './authenticate.ts'
import { proofOfHandshake, proofOfRequest, type ReadProof } from './proof.ts'
import type { AuthStore } from './store.ts'

const test = suite('proofs')
const node = await startHiveStandIn()
const clock = { now: () => 1_700_000_000_000 }
const used = new Set<string>()
const store: AuthStore = {
  claim: (key) => async () => E.right(!used.has(key) && used.add(key) !== undefined),
  isRevoked: () => async () => E.right(false),
  revoke: () => async () => E.right(undefined),
  onRevoked: () => () => {},
  stop: async () => {},
}
const auth = createAuth({
  hive: createHive({ nodes: [node.url], clock, allowStandIn: true }),
  store,
  clock,
  secret: 'a secret of at least thirty-two characters',
  ttlSeconds: 60,
  headerMaxAgeSeconds: 60,
})
const account = async (proof: ReadProof): Promise<string | null> => {
  const who = await auth.authenticate(proof)()
  return E.isRight(who) && who.right.caller.kind === 'account' ? who.right.caller.id : null
}
const RUNS = { numRuns: Number(process.env.PROPERTY_RUNS ?? 300) }
const NOW = String(clock.now() / 1_000)
const GOOD = {
  account: 'alice',
  challenge: NOW,
  pubkey: devKeys('alice').posting.public,
  signature: signAs('alice', NOW),
}
const odd = fc.oneof(
  fc.anything(),
  fc.string(),
  fc.constantFrom(
    'alice',
    'bob',
    NOW,
    `${Number(NOW) + 1}`,
    GOOD.pubkey,
    GOOD.signature,
    devKeys('bob').posting.public,
    signAs('bob', NOW),
    signAs('mallory', NOW),
  ),
)

test('a correct proof is accepted', async () => assert.is(await account(proofOfHandshake(GOOD)), 'alice'))

test('given any handshake with a part that is not alice’s own, then the caller is not alice', () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom('account', 'challenge', 'pubkey', 'signature'),
      odd,
      async (part, value) => {
        // A number may stand for the same text; an object never stands for text.
        fc.pre(typeof value === 'object' || String(value) !== GOOD[part])
        // All of bob's parts together would prove bob; one of them among alice's proves nobody.
        assert.is(await account(proofOfHandshake({ ...GOOD, [part]: value })), null)
      },
    ),
    RUNS,
  ))

test('given anything at all as a handshake or as headers, then the caller is not an account', () =>
  fc.assert(
    fc.asyncProperty(
      fc.anything(),
      fc.dictionary(
        fc.constantFrom('authorization', 'x-account', 'x-challenge', 'x-pubkey', 'x-signature'),
        fc.oneof(fc.anything(), fc.string()),
      ),
      fc.anything(),
      async (auth, headers, body) => {
        assert.is(await account(proofOfHandshake(auth)), null)
        assert.is(await account(proofOfRequest(headers, body)), null)
      },
    ),
    RUNS,
  ))

test('given a changed digit of R or S, then the caller is not alice', () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 129 }),
      fc.constantFrom(...'0123456789abcdef'),
      async (at, digit) => {
        fc.pre(GOOD.signature[at] !== digit)
        const signature = GOOD.signature.slice(0, at) + digit + GOOD.signature.slice(at + 1)
        assert.is(await account(proofOfHandshake({ ...GOOD, signature })), null)
      },
    ),
    RUNS,
  ))

test.after(() => node.close())
test.run()
