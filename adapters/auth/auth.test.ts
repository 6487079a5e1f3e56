import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { devKeys, signAs, signWith } from '../../infra/hive/keys.ts'
import { startHiveStandIn } from '../../infra/hive/stand-in.ts'
import { testDatabase } from '../../infra/testing/postgres.ts'
import { createHive } from '../hive/hive.ts'
import { describeError } from '../refusals.ts'
import { mac } from '../short-mac.ts'
import { createAuth } from './authenticate.ts'
import type { Purpose } from './challenges.ts'
import { proofOfHandshake, proofOfRequest, type ReadProof } from './proof.ts'
import { createAuthStore } from './store.ts'

let hiveAsked = 0
const test = suite('auth')
const START = Date.now()
let now = START
const clock = { now: () => now }
const database = await testDatabase()
const node = await startHiveStandIn()
const store = await createAuthStore({ url: database.url })
const otherStore = await createAuthStore({ url: database.url })
const made = (over: object = {}) =>
  createAuth({
    hive: createHive({
      nodes: [node.url],
      clock,
      allowStandIn: true,
      fetch: (...asked) => {
        hiveAsked += 1
        return fetch(...asked)
      },
    }),
    store,
    clock,
    secret: 'a secret of at least thirty-two characters',
    ttlSeconds: 3_600,
    headerMaxAgeSeconds: 86_400,
    ...over,
  })
const auth = made()
const otherNode = made({ store: otherStore })

test('given keys and texts of any length, then a mac is HMAC-SHA256', () => {
  for (let length = 0; length < 200; length += 7) {
    const key = createSecretKey(randomBytes(1 + length))
    const text = 'é'.repeat(length)
    assert.equal(mac(key, text), createHmac('sha256', key).update(text).digest())
  }
  const key = createSecretKey(randomBytes(32))
  const long = 'ü'.repeat(10_000)
  assert.equal(mac(key, long), createHmac('sha256', key).update(long).digest())
})

let n = 0
const walletChallenge = (ms = now) => `dlux_vr_${ms}_r${n++}`
const wallet = (account: string, challenge: unknown, signature: string) =>
  proofOfRequest({ authorization: `Bearer ${signature}:${account}` }, { challenge })
const headers = (
  account: string,
  challenge: string,
  signature: string,
  pubkey = devKeys(account).posting.public,
) =>
  proofOfRequest({
    'x-account': account,
    'x-challenge': challenge,
    'x-pubkey': pubkey,
    'x-signature': signature,
  })
const seconds = (ms = now) => String(Math.floor(ms / 1_000))

const who = async (proof: ReadProof, purpose?: Purpose, by = auth): Promise<string> => {
  const answer = await by.authenticate(proof, purpose)()
  return E.isLeft(answer)
    ? answer.left._tag
    : answer.right.caller.kind === 'guest'
      ? 'a guest'
      : answer.right.caller.id
}

test.before.each(() => {
  now = START
})

test('given a signature in headers, then the access that it gives lasts until its challenge is too old; with a single-use challenge, equally long from now', async () => {
  const made = now - 3_600_000
  const untilOf = async (challenge: string) => {
    const answer = await auth.authenticate(headers('alice', challenge, signAs('alice', challenge)))()
    return E.isRight(answer) ? answer.right.until : null
  }
  assert.is(await untilOf(seconds(made)), Number(seconds(made)) * 1_000 + 86_400_000)
  assert.is(await untilOf(walletChallenge()), now + 86_400_000)
})

test('given no proof, or only a name, then the caller is a new guest each time, whose claimed name is kept apart', async () => {
  const one = await auth.authenticate(proofOfRequest({}))()
  const two = await auth.authenticate(proofOfRequest({ authorization: 'Bearer :alice' }))()
  assert.ok(E.isRight(one) && E.isRight(two))
  assert.match(one.right.caller.id, /^guest:[0-9a-f]{12}$/)
  assert.is.not(one.right.caller.id, two.right.caller.id)
  assert.equal(two.right.caller, { kind: 'guest', id: two.right.caller.id, claimed: 'alice' })
  assert.is(await who(proofOfHandshake({ account: 'alice' })), 'a guest')
  assert.is(await who(proofOfHandshake(undefined)), 'a guest')
  assert.is(await who(proofOfRequest({ authorization: 'Bearer' })), 'a guest')
})

test('given a clock that is off, then the error says by how much, and what to do', async () => {
  const told = async (proof: ReadProof): Promise<string> => {
    const answer = await auth.authenticate(proof)()
    assert.ok(E.isLeft(answer) && answer.left._tag === 'InvalidProof')
    return describeError(answer.left).error
  }
  const at = (ms: number) => headers('alice', seconds(ms), signAs('alice', seconds(ms)))
  assert.match(await told(at(now + 600_000)), /challenge is 10 minutes ahead of this server’s clock/)
  assert.match(await told(at(now - 2 * 86_400_000)), /challenge is 2 days old .* serves 1 day/)
  const early = walletChallenge(now + 120_000)
  assert.match(await told(wallet('alice', early, signAs('alice', early))), /2 minutes ahead/)
  const late = walletChallenge(now - 3_600_000)
  assert.match(await told(wallet('alice', late, signAs('alice', late))), /1 hour old .* serves 5 minutes/)
  const inMs = String(now)
  assert.match(await told(headers('alice', inMs, signAs('alice', inMs))), /in seconds, not milliseconds/)
  // If the time is right, the answer does not mention it.
  assert.is(
    await told(headers('alice', seconds(), signAs('bob', seconds()))),
    'The proof of who you are is not valid.',
  )
})

test('given the wallet’s signature over a fresh challenge, then the caller is the account, but only once, on any node', async () => {
  const challenge = walletChallenge()
  const proof = wallet('alice', challenge, signAs('alice', challenge))
  assert.is(await who(proof), 'alice')
  assert.is(await who(proof), 'InvalidProof')
  assert.is(await who(proof, undefined, otherNode), 'InvalidProof')
  assert.is(await who(wallet('bob', challenge, signAs('bob', challenge))), 'InvalidProof')
})

test('given the same challenge a hundred times at once on two nodes, then only one gets in', async () => {
  const challenge = walletChallenge()
  const proof = wallet('alice', challenge, signAs('alice', challenge))
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => who(proof, undefined, i % 2 ? auth : otherNode)),
  )
  assert.is(answers.filter((answer) => answer === 'alice').length, 1)
})

test('given 600 wrong proofs for 600 accounts at once from one network, then Hive is asked about 60 of them', async () => {
  const before = hiveAsked
  const answers = await Promise.all(
    Array.from({ length: 600 }, (_, i) => {
      const challenge = walletChallenge()
      const name = `nobody${i}`
      return auth.authenticate(
        wallet(name, challenge, signAs('mallory', challenge)),
        undefined,
        '198.51.100.9',
      )()
    }),
  )
  const told = (tag: string) => answers.filter((one) => E.isLeft(one) && one.left._tag === tag).length
  assert.is(told('TooManyProofs'), 540)
  assert.ok(hiveAsked - before <= 60, String(hiveAsked - before))
})

test('given an address with too many wrong proofs, then it is told to wait, and Hive is not asked about it; others need not wait', async () => {
  const guess = async (ip: string, account: string): Promise<string> => {
    const challenge = walletChallenge()
    const answer = await auth.authenticate(
      wallet(account, challenge, signAs('mallory', challenge)),
      undefined,
      ip,
    )()
    return E.isLeft(answer) ? answer.left._tag : 'in'
  }
  for (let i = 0; i < 60; i += 1) assert.is(await guess(`2001:db8::${i}`, 'alice'), 'InvalidProof')
  assert.is(await guess('2001:db8::ffff', 'alice'), 'TooManyProofs')
  const challenge = walletChallenge()
  const good = wallet('alice', challenge, signAs('alice', challenge))
  const turnedAway = await auth.authenticate(good, undefined, '2001:db8::1')()
  assert.equal(turnedAway, E.left({ _tag: 'TooManyProofs', retryAfterSeconds: 1 }))
  // The challenge was not used up, a session goes on, and neither another network nor this machine's own is kept out.
  const { token } = auth.issue({ kind: 'account', id: 'alice' })
  const session = proofOfRequest({ authorization: `Bearer ${token}` })
  assert.ok(E.isRight(await auth.authenticate(session, undefined, '2001:db8::1')()))
  assert.is(await guess('2001:db8:1::1', 'alice'), 'InvalidProof')
  assert.is(await guess('127.0.0.1', 'alice'), 'InvalidProof')
  now += 1_000
  assert.ok(E.isRight(await auth.authenticate(good, undefined, '2001:db8::1')()))
})

test('given a wrong signature, then the challenge is not used up by it', async () => {
  const challenge = walletChallenge()
  assert.is(await who(wallet('alice', challenge, signAs('mallory', challenge))), 'InvalidProof')
  assert.is(await who(wallet('alice', challenge, signAs('alice', challenge))), 'alice')
})

test('given a challenge that is over five minutes old, or from the future, then it is invalid', async () => {
  for (const [ms, answer] of [
    [-300_000, 'alice'],
    [-300_001, 'InvalidProof'],
    [60_000, 'alice'],
    [60_001, 'InvalidProof'],
  ] as const) {
    const challenge = walletChallenge(now + ms)
    assert.is(await who(wallet('alice', challenge, signAs('alice', challenge))), answer, String(ms))
  }
})

test('given another account’s signature, a high S, another message, a memo key or no account at all, then the proof is invalid', async () => {
  const challenge = walletChallenge()
  const good = signAs('alice', challenge)
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
  const high = `${(31 + ((Number.parseInt(good.slice(0, 2), 16) - 31) ^ 1)).toString(16)}${good.slice(2, 66)}${(order - BigInt(`0x${good.slice(66)}`)).toString(16).padStart(64, '0')}`
  node.set('gone', 'unknown')
  for (const proof of [
    wallet('bob', challenge, good),
    wallet('alice', challenge, high),
    wallet('alice', `${challenge}x`, good),
    wallet('alice', challenge, signAs('alice', challenge, 'memo')),
    wallet('alice', challenge, `${good}:alice`),
    wallet('alice', undefined, good),
    wallet('alice', ['x'], good),
    wallet('Alice', challenge, good),
    wallet('gone', challenge, signAs('gone', challenge)),
    wallet('guest:0123456789ab', challenge, good),
    wallet('', challenge, good),
    wallet('alice', seconds(), signAs('alice', seconds())),
    wallet('alice', 'hello', signAs('alice', 'hello')),
    proofOfRequest({ authorization: 'Basic YWxpY2U6eA==' }),
    proofOfRequest({ authorization: 'Bearer nonsense' }),
    proofOfRequest({ authorization: 'Bearer undefined' }),
    proofOfRequest({ authorization: ['a', 'b'] }),
    proofOfRequest({ 'x-account': 'alice' }),
    proofOfRequest({ 'x-signature': good }),
    proofOfHandshake({ token: 7 }),
    proofOfHandshake({ token: { $ne: 1 } }),
    proofOfHandshake({ account: 'alice', signature: good }),
    proofOfHandshake({ account: 'alice', challenge: { a: 1 }, pubkey: 'x', signature: good }),
  ])
    assert.is(await who(proof), 'InvalidProof', JSON.stringify(proof))
  assert.is(await who(wallet('alice', challenge, good)), 'alice')
})

test('given a key that does not reach the threshold on its own, then the proof is invalid', async () => {
  const mine = devKeys('carol').posting.public
  node.set('carol', {
    posting: {
      weight_threshold: 2,
      key_auths: [
        [mine, 1],
        [devKeys('dave').posting.public, 1],
      ],
    },
  })
  const challenge = walletChallenge()
  assert.is(await who(wallet('carol', challenge, signAs('carol', challenge))), 'InvalidProof')
  assert.is(await who(headers('carol', seconds(), signAs('carol', seconds()))), 'InvalidProof')
  node.set('carol', null)
})

test('given the DLUX headers or the handshake’s four fields, then the caller is the account, again and again within a day', async () => {
  const challenge = seconds()
  const proof = headers('alice', challenge, signAs('alice', challenge))
  const four = {
    account: 'alice',
    challenge,
    pubkey: devKeys('alice').posting.public,
    signature: signAs('alice', challenge),
  }
  assert.is(await who(proof), 'alice')
  assert.is(await who(proof), 'alice')
  assert.is(await who(proofOfHandshake(four)), 'alice')
  assert.is(await who(proofOfHandshake({ ...four, challenge: Number(challenge) })), 'alice')
  now += 86_000_000
  assert.is(await who(proof), 'alice')
  now += 1_000_000
  assert.is(await who(proof), 'InvalidProof')
  now = START - 120_000
  assert.is(await who(proof), 'InvalidProof')
})

test('given headers with a pubkey that is not the signer’s, then the proof is invalid', async () => {
  const challenge = seconds()
  assert.is(
    await who(headers('alice', challenge, signAs('alice', challenge), devKeys('alice').active.public)),
    'InvalidProof',
  )
  const stranger = devKeys('mallory').posting
  assert.is(
    await who(headers('alice', challenge, signWith(stranger.private, challenge), stranger.public)),
    'InvalidProof',
  )
})

test('given the server’s own challenge, then it is valid for its purpose and its account, once, for five minutes', async () => {
  const use = (challenge: string, account: string, purpose?: Purpose) =>
    who(wallet(account, challenge, signAs(account, challenge)), purpose)
  const login = auth.challenge('login', null).challenge
  assert.is(await use(login, 'alice', 'join'), 'alice')
  assert.is(await use(login, 'alice', 'join'), 'InvalidProof')
  const join = auth.challenge('join', 'alice').challenge
  assert.is(await use(join, 'alice', 'session'), 'InvalidProof')
  assert.is(await use(join, 'alice'), 'InvalidProof')
  assert.is(await use(join, 'bob', 'join'), 'InvalidProof')
  assert.is(await use(join, 'alice', 'join'), 'alice')
  const old = auth.challenge('login', null).challenge
  now += 300_001
  assert.is(await use(old, 'alice', 'join'), 'InvalidProof')
  const forged = auth.challenge('join', null).challenge.replace('_join_', '_login_')
  assert.is(await use(forged, 'alice', 'session'), 'InvalidProof')
  const theirs = made({ secret: 'another secret of thirty-two characters' }).challenge(
    'login',
    null,
  ).challenge
  assert.is(await use(theirs, 'alice', 'session'), 'InvalidProof')
})

test('given a session token, then the caller is its account or guest until it expires', async () => {
  const bearer = (token: string) => proofOfRequest({ authorization: `Bearer ${token}` })
  const { token } = auth.issue({ kind: 'account', id: 'alice' })
  assert.is(await who(bearer(token)), 'alice')
  assert.is(await who(proofOfHandshake({ token }), undefined, otherNode), 'alice')
  const guest = auth.issue({ kind: 'guest', id: 'guest:0123456789ab', claimed: 'bob' })
  const answer = await auth.authenticate(bearer(guest.token))()
  assert.equal(E.isRight(answer) && answer.right.caller, {
    kind: 'guest',
    id: 'guest:0123456789ab',
    claimed: 'bob',
  })
  now += 3_600_000
  assert.is(await who(bearer(token)), 'TokenExpired')
})

test('given a token with any character changed, removed or added, then it is invalid', async () => {
  const { token } = auth.issue({ kind: 'account', id: 'alice' })
  for (let i = 0; i < token.length; i++) {
    const other = token[i] === 'A' ? 'B' : 'A'
    assert.is(
      await who(proofOfHandshake({ token: token.slice(0, i) + other + token.slice(i + 1) })),
      'InvalidProof',
      `at ${i}`,
    )
  }
  for (const bad of [
    token.slice(0, -1),
    `${token}A`,
    ` ${token}`,
    `${token}\n`,
    token.replace('v1', 'v2'),
    token.split('.').slice(0, 2).join('.'),
  ])
    assert.is(await who(proofOfHandshake({ token: bad })), 'InvalidProof')
})

test('given a session that was ended, then its token is invalid on every node and after a restart, and its sockets are told', async () => {
  const told: string[] = []
  const heard = new Promise<void>((resolve) =>
    otherNode.onEnded((sid) => {
      told.push(sid)
      resolve()
    }),
  )
  const session = auth.issue({ kind: 'account', id: 'alice' })
  assert.ok(E.isRight(await auth.end(session)()))
  assert.is(await who(proofOfHandshake({ token: session.token })), 'InvalidProof')
  await heard
  assert.equal(told, [session.sid])
  assert.is(await who(proofOfHandshake({ token: session.token }), undefined, otherNode), 'InvalidProof')
  assert.ok(E.isRight(await auth.end(session)()))
  const restarted = await createAuthStore({ url: database.url })
  assert.is(
    await who(proofOfHandshake({ token: session.token }), undefined, made({ store: restarted })),
    'InvalidProof',
  )
  await restarted.stop()
})

test('given two proofs for two callers, then they are invalid; for one caller, then it is that caller', async () => {
  const four = {
    account: 'alice',
    challenge: seconds(),
    pubkey: devKeys('alice').posting.public,
    signature: signAs('alice', seconds()),
  }
  assert.is(
    await who(proofOfHandshake({ ...four, token: auth.issue({ kind: 'account', id: 'bob' }).token })),
    'InvalidProof',
  )
  assert.is(await who(proofOfHandshake({ ...four, token: 'bad' })), 'InvalidProof')
  assert.is(
    await who(proofOfHandshake({ ...four, token: auth.issue({ kind: 'account', id: 'alice' }).token })),
    'alice',
  )
})

test('given that Hive is out of reach, then a signature can’t be checked, but a token can', async () => {
  node.set('oscar', 'broken')
  const challenge = walletChallenge()
  assert.is(await who(wallet('oscar', challenge, signAs('oscar', challenge))), 'HiveUnavailable')
  assert.is(
    await who(proofOfHandshake({ token: auth.issue({ kind: 'account', id: 'oscar' }).token })),
    'oscar',
  )
  node.set('oscar', null)
})

test('claims are fast enough to stay in Postgres', async () => {
  const start = performance.now()
  await Promise.all(Array.from({ length: 1_000 }, (_, i) => store.claim(`key ${i}`, now + 1_000)()))
  console.log(`  ${Math.round(1_000_000 / (performance.now() - start))} claims a second`)
})

test('given no database, then a single-use proof can’t be accepted, and the error says so', async () => {
  await store.stop()
  const challenge = walletChallenge()
  assert.is(await who(wallet('alice', challenge, signAs('alice', challenge))), 'AuthStoreUnavailable')
})

test.after(async () => {
  await otherStore.stop()
  await node.close()
  await database.drop()
})
test.run()
