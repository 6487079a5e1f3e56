import { createHash } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { PrivateKey, Signature } from 'hive-tx'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { devKeys, signAs } from '../../infra/hive/keys.ts'
import { startHiveStandIn } from '../../infra/hive/stand-in.ts'
import { createHive, refuseStandIn } from './hive.ts'
import { keyObject, parseSignature, signedBy } from './keys.ts'

const node = await startHiveStandIn()
const real = await startHiveStandIn({ marked: false })
let now = 1_700_000_000_000
const clock = { now: () => now }
const hive = (nodes: ReadonlyArray<string> = [node.url], more = {}) =>
  createHive({ nodes, clock, allowStandIn: true, timeoutMs: 300, ...more })
const test = suite('hive')
const right = <A>(e: E.Either<unknown, A>): A => {
  if (E.isLeft(e)) throw new Error(JSON.stringify(e.left))
  return e.right
}
const tag = (e: E.Either<{ _tag: string }, unknown>) => (E.isLeft(e) ? e.left._tag : 'right')

test('given a signature by the posting, active or owner key, then it verifies; by the memo key it does not', async () => {
  for (const role of ['posting', 'active', 'owner'] as const)
    assert.is(
      right(await hive().verify({ account: 'alice', message: 'm', signature: signAs('alice', 'm', role) })()),
      true,
    )
  assert.is(
    right(await hive().verify({ account: 'alice', message: 'm', signature: signAs('alice', 'm', 'memo') })()),
    false,
  )
})

test('given another message, another account or another named key, then the signature does not verify', async () => {
  const signature = signAs('alice', 'm')
  assert.is(right(await hive().verify({ account: 'alice', message: 'n', signature })()), false)
  assert.is(right(await hive().verify({ account: 'bob', message: 'm', signature })()), false)
  const pubkey = devKeys('alice').active.public
  assert.is(right(await hive().verify({ account: 'alice', message: 'm', signature, pubkey })()), false)
  assert.is(
    right(
      await hive().verify({
        account: 'alice',
        message: 'm',
        signature,
        pubkey: devKeys('alice').posting.public,
      })(),
    ),
    true,
  )
})

test('given the same signature with a high S, then it does not verify', async () => {
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
  const low = signAs('alice', 'm')
  const high = (order - BigInt(`0x${low.slice(66)}`)).toString(16).padStart(64, '0')
  const flipped = (31 + ((Number.parseInt(low.slice(0, 2), 16) - 31) ^ 1)).toString(16)
  const signature = flipped + low.slice(2, 66) + high
  // It is a valid signature by the same key: the key can be recovered from it.
  const digest = createHash('sha256').update('m').digest()
  assert.is(Signature.from(signature).getPublicKey(digest).toString(), devKeys('alice').posting.public)
  assert.is(right(await hive().verify({ account: 'alice', message: 'm', signature })()), false)
})

test('given a key that does not reach the threshold on its own, then the signature does not verify', async () => {
  const key = devKeys('carol').posting.public
  const other = devKeys('dave').posting.public
  node.set('carol', {
    posting: {
      weight_threshold: 2,
      key_auths: [
        [key, 1],
        [other, 1],
      ],
    },
  })
  assert.is(
    right(await hive().verify({ account: 'carol', message: 'm', signature: signAs('carol', 'm') })()),
    false,
  )
  node.set('carol', {
    posting: {
      weight_threshold: 2,
      key_auths: [
        [key, 2],
        [other, 1],
      ],
    },
  })
  assert.is(
    right(await hive().verify({ account: 'carol', message: 'm', signature: signAs('carol', 'm') })()),
    true,
  )
  node.set('carol', null)
})

test('given a node that does not know the account, then the next one is asked; an account that none knows is unknown', async () => {
  const behind = await startHiveStandIn()
  for (const name of ['alice', 'bob', 'nobody-here']) behind.set(name, 'unknown')
  node.set('nobody-here', 'unknown')
  const both = hive([behind.url, node.url])
  assert.is(
    right(await both.verify({ account: 'alice', message: 'm', signature: signAs('alice', 'm') })()),
    true,
  )
  assert.is(right(await both.keysOf('bob')()).size, 3)
  const before = [behind.asked(), node.asked()]
  assert.is(tag(await both.keysOf('nobody-here')()), 'UnknownAccount')
  assert.is(tag(await both.keysOf('nobody-here')()), 'UnknownAccount', 'held for a while')
  assert.equal([behind.asked(), node.asked()], [before[0]! + 1, before[1]! + 1])
  // A node that did not answer might have known the account, so the others' answer proves nothing about it.
  node.set('nobody-here', 'broken')
  assert.is(tag(await hive([behind.url, node.url]).keysOf('nobody-here')()), 'HiveUnavailable')
  assert.is(tag(await hive([node.url, behind.url]).keysOf('nobody-here')()), 'HiveUnavailable')
  node.set('nobody-here', null)
  await behind.close()
})

test('given something that is not a signature, then it does not verify and no node is asked', async () => {
  const before = node.asked()
  const good = signAs('alice', 'm')
  for (const signature of [
    undefined,
    null,
    7,
    '',
    'zz',
    good.slice(2),
    `${good}00`,
    `00${good.slice(2)}`,
    `ff${good.slice(2)}`,
    '0'.repeat(130),
    ` ${good.slice(1)}`,
    { toString: () => good },
  ])
    assert.is(right(await hive().verify({ account: 'nobody', message: 'm', signature })()), false)
  assert.is(node.asked(), before)
  assert.is(
    right(await hive().verify({ account: 'alice', message: 'm', signature: `1f${'0'.repeat(128)}` })()),
    false,
  )
})

test('given a name that no Hive account can have, then UnknownAccount without asking; for one that no account has, after asking', async () => {
  const before = node.asked()
  assert.is(tag(await hive().keysOf('guest:0123456789ab')()), 'UnknownAccount')
  assert.is(node.asked(), before)
  node.set('noone', 'unknown')
  assert.is(tag(await hive().keysOf('noone')()), 'UnknownAccount')
  assert.is(node.asked(), before + 1)
})

test('keys are held for five minutes, asked once by many at once, and bounded', async () => {
  const one = hive([node.url], { maxAccounts: 2 })
  const before = node.asked()
  await Promise.all(Array.from({ length: 50 }, () => one.keysOf('erin')()))
  assert.is(node.asked(), before + 1)
  now += 299_999
  await one.keysOf('erin')()
  assert.is(node.asked(), before + 1)
  now += 2
  await one.keysOf('erin')()
  assert.is(node.asked(), before + 2)
  await one.keysOf('frank')()
  await one.keysOf('grace')()
  await one.keysOf('erin')()
  assert.is(node.asked(), before + 5)
})

test('given nodes that are silent, broken, malformed, in error or answer about somebody else, then the next is asked', async () => {
  for (const how of ['silent', 'broken', 'malformed', 'error', 'other'] as const) {
    real.set('heidi', how)
    const answer = await createHive({
      nodes: [real.url, node.url],
      clock,
      allowStandIn: true,
      timeoutMs: 300,
    }).keysOf('heidi')()
    assert.is(tag(answer), 'right', how)
    assert.is(tag(await hive([real.url]).keysOf('heidi')()), 'HiveUnavailable', how)
  }
  real.set('heidi', null)
})

test('given that no node can be reached, then HiveUnavailable, and that is not cached', async () => {
  const gone = await startHiveStandIn()
  await gone.close()
  const one = hive([gone.url])
  assert.is(tag(await one.keysOf('ivan')()), 'HiveUnavailable')
  assert.is(
    tag(await one.verify({ account: 'ivan', message: 'm', signature: signAs('ivan', 'm') })()),
    'HiveUnavailable',
  )
  assert.is(tag(await hive([]).keysOf('ivan')()), 'HiveUnavailable')
})

test('given a stand-in that was not allowed, then it is not accepted; in production nothing allows it', async () => {
  const strict = createHive({ nodes: [node.url], clock })
  assert.is(tag(await strict.keysOf('alice')()), 'HiveUnavailable')
  assert.is(tag(await createHive({ nodes: [node.url, real.url], clock }).keysOf('alice')()), 'right')
  assert.match((await refuseStandIn(true, [node.url])) ?? '', 'stand-in')
  assert.is(await refuseStandIn(true, [real.url]), null)
  assert.is(await refuseStandIn(false, [node.url]), null)
  const before = process.env.NODE_ENV
  process.env.NODE_ENV = 'production'
  try {
    assert.throws(() => hive(), /never allowed/)
    let refused = false
    await startHiveStandIn().catch(() => {
      refused = true
    })
    assert.ok(refused)
  } finally {
    if (before === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = before
  }
})

test('given the same signature again, then it is not computed again; after a change of keys it no longer verifies', async () => {
  const one = hive([real.url])
  const asked = { account: 'judy', message: 'm', signature: signAs('judy', 'm') }
  const time = async () => {
    const start = performance.now()
    assert.is(right(await one.verify(asked)()), true)
    return performance.now() - start
  }
  await time()
  const again = Array.from({ length: 50 }, time)
  const median = (await Promise.all(again)).sort((a, b) => a - b)[25]!
  console.log(`  remembered ${(median * 1_000).toFixed(0)} µs`)
  assert.is(right(await one.verify({ ...asked, message: 'n' })()), false)
  real.set('judy', { posting: { weight_threshold: 1, key_auths: [[devKeys('kim').posting.public, 1]] } })
  now += 300_001
  assert.is(right(await one.verify(asked)()), false)
  real.set('judy', null)
})

test('checking with a known key is faster than recovering it', () => {
  const digest = createHash('sha256').update('m').digest()
  const hex = PrivateKey.from(devKeys('alice').posting.private).sign(digest).customToString()
  const key = keyObject(devKeys('alice').posting.public)!
  const time = (work: () => void) => {
    for (let i = 0; i < 20; i++) work()
    const start = process.hrtime.bigint()
    for (let i = 0; i < 200; i++) work()
    return Number(process.hrtime.bigint() - start) / 200 / 1000
  }
  const known = time(() => assert.ok(signedBy(key, 'm', parseSignature(hex)!)))
  const recovered = time(() => assert.ok(Signature.from(hex).getPublicKey(digest)))
  console.log(`  verify ${known.toFixed(0)} µs, recover ${recovered.toFixed(0)} µs`)
  assert.ok(known < recovered)
})

test.after(async () => {
  await node.close()
  await real.close()
})
test.run()
