// timeout: 120
/** Sockets of one network can't shut a room: on the whole product, behind a proxy that says where each comes from. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { devKeys, signAs } from '../hive/keys.ts'
import { type Embedded, startEmbedded } from '../testing/embedded.ts'
import { type Client, clientOf } from '../testing/sockets.ts'

type Context = { product: Embedded; clients: Client[] }
const test = suite<Context>('one network and a room')
test.before(async (context) => {
  context.product = await startEmbedded({ TRUST_PROXY: 'loopback' })
  context.clients = []
})
test.after.each(({ clients }) => {
  for (const client of clients.splice(0)) client.close()
})
test.after(async ({ product }) => product?.stop())

const SEATS = 50
const LOBBY = { spaceType: 'global', spaceId: 'lobby' }
const LATE = { spaceType: 'post', spaceId: 'alice/my-post' }
const SCHOOL = { spaceType: 'document', spaceId: '123' }
const proofOf = (account: string) => {
  const challenge = String(Math.floor(Date.now() / 1_000))
  return {
    account,
    challenge,
    pubkey: devKeys(account).posting.public,
    signature: signAs(account, challenge),
  }
}
/** Somebody from that address: an account, or a guest. */
const from = async ({ product, clients }: Context, address: string, account?: string): Promise<Client> => {
  const client = await clientOf(product.endpoints().url, {
    extraHeaders: { 'x-forwarded-for': address },
    ...(account === undefined ? {} : { auth: proofOf(account) }),
  })
  clients.push(client)
  return client
}
/** A room full of guests, in the order in which they came in. */
const crowd = async (context: Context, room: object, addressOf: (n: number) => string) => {
  const all = await Promise.all(Array.from({ length: SEATS }, (_, n) => from(context, addressOf(n))))
  const joined = await Promise.all(all.map((client) => client.ask('join-space', room)))
  for (const answer of joined) assert.ok(answer.ok, JSON.stringify(answer))
  // In the order in which they came in.
  const came = joined.map(({ revision }, n) => ({ revision: Number(revision), client: all[n]! }))
  return came.sort((a, b) => a.revision - b.revision).map(({ client }) => client)
}

test('given 50 sockets of guests of one address in a room for 50, when others come, then each gets in, and the newest of those guests give way', async (context) => {
  const guests = await crowd(context, LOBBY, () => '203.0.113.7')
  const comers: ReadonlyArray<readonly [string, string?]> = [
    ['198.51.100.4', 'carol'],
    ['203.0.113.7', 'dave'],
    ['203.0.113.7', 'alice'],
    ['198.51.100.9'],
    ['2001:db8:1:2::7'],
  ]
  for (const [address, account] of comers) {
    const one = await from(context, address, account)
    const joined = await one.ask('join-space', LOBBY)
    assert.ok(joined.ok, `${account ?? 'a guest'} of ${address}: ${JSON.stringify(joined)}`)
    assert.ok((await one.ask('chat-message', { content: 'I am in' })).ok)
  }
  const gone = await Promise.all(
    guests
      .slice(-comers.length)
      .map((one) => one.until('it is shown out', ({ event }) => event === 'kicked')),
  )
  for (const { payload } of gone) {
    assert.is(payload.by, null)
    assert.match(payload.reason, 'The room is full')
  }
  assert.ok(guests.slice(0, -comers.length).every((one) => one.of('kicked').length === 0))
  // They can't come back in at the cost of others.
  const again = await from(context, '203.0.113.7')
  assert.is((await again.ask('join-space', LOBBY)).code, 'space_full')
})

test('given 50 sockets from addresses of one IPv6 network, when the room’s owner enters by REST and joins, then the owner gets in', async (context) => {
  await crowd(context, LATE, (n) => `2001:db8:9:1::${(n + 1).toString(16)}`)
  const { account, ...proof } = proofOf('alice')
  const answer = await fetch(`${context.product.endpoints().url}/api/spaces/post/alice/my-post/join`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-forwarded-for': '198.51.100.4',
      'x-account': account,
      ...Object.fromEntries(Object.entries(proof).map(([name, value]) => [`x-${name}`, value])),
    },
    body: '{}',
  })
  assert.is(answer.status, 200, await answer.text())
  const owner = await from(context, '198.51.100.4', 'alice')
  assert.ok((await owner.ask('join-space', LATE)).ok)
})

test('given a school behind one address, when its accounts fill a room, then each gets in, and no account gives way', async (context) => {
  const pupils = await Promise.all(
    Array.from({ length: SEATS }, (_, n) =>
      from(context, '203.0.113.8', `pupil-${n.toString(36).padStart(2, 'a')}`),
    ),
  )
  const joined = await Promise.all(pupils.map((pupil) => pupil.ask('join-space', SCHOOL)))
  for (const answer of joined) assert.ok(answer.ok, JSON.stringify(answer))
  const another = await from(context, '198.51.100.4', 'dave')
  assert.is((await another.ask('join-space', SCHOOL)).code, 'space_full')
  assert.ok(pupils.every((one) => one.of('kicked').length === 0))
})

test.run()
