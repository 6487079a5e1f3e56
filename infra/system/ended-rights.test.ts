// timeout: 120
/** A right that ends, ends on sockets within a second, whatever ended it: on the whole product, with real tables. */
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { devKeys, signAs } from '../hive/keys.ts'
import { type Embedded, startEmbedded } from '../testing/embedded.ts'
import { type Client, clientOf } from '../testing/sockets.ts'

type Context = { product: Embedded; db: pg.Client; clients: Client[] }
const test = suite<Context>('rights that end')
test.before(async (context) => {
  context.product = await startEmbedded()
  context.db = new pg.Client({ connectionString: context.product.endpoints().databaseUrl })
  await context.db.connect()
  context.clients = []
})
test.after(async ({ product, db, clients }) => {
  for (const client of clients ?? []) client.close()
  await db?.end()
  await product?.stop()
})

const tokenOf = async ({ product }: Context, account: string): Promise<string> => {
  const challenge = String(Math.floor(Date.now() / 1_000))
  const answer = await fetch(`${product.endpoints().url}/api/auth/session`, {
    method: 'POST',
    headers: {
      'x-account': account,
      'x-challenge': challenge,
      'x-pubkey': devKeys(account).posting.public,
      'x-signature': signAs(account, challenge),
    },
  })
  return ((await answer.json()) as { token: string }).token
}
/** One who is in that room, by a session of their own. */
const inside = async (context: Context, account: string, spaceType: string, spaceId: string) => {
  const token = await tokenOf(context, account)
  const client = await clientOf(context.product.endpoints().url, { auth: { token } })
  context.clients.push(client)
  const joined = await client.ask('join-space', { spaceType, spaceId })
  assert.ok(joined.ok, JSON.stringify(joined))
  return { client, token }
}
const OVER = ['kicked', 'session_ended', 'token_expired', 'space_not_found']
/** Waits until this one is told that it is over, holds that to a second, and that nothing said there reaches it any more. */
const isOutWithinASecond = async (client: Client, since: number) => {
  await client.until(
    'the end',
    ({ event, payload }) => event === 'kicked' || (event === 'space-error' && OVER.includes(payload.code)),
  )
  assert.ok(Date.now() - since < 1_000, `${Date.now() - since} ms`)
  // Either the line is closed, or what is sent on it is refused.
  const refused = { ok: false }
  if (!client.socket.connected) return
  const said = await Promise.race([
    client.ask('chat-message', { content: 'am I still here?' }).catch(() => refused),
    client.disconnected.then(() => refused),
  ])
  assert.is(said.ok, false)
}

test('given a role granted in a private document, when it is revoked, then its holder is out', async (context) => {
  const dave = await inside(context, 'dave', 'document', '4')
  await dave.client.ask('permission-grant', { account: 'erin', permission: 'access' })
  const erin = await inside(context, 'erin', 'document', '4')
  const since = Date.now()
  assert.ok((await dave.client.ask('permission-revoke', { account: 'erin' })).ok)
  await isOutWithinASecond(erin.client, since)
})

test('given somebody in a room, when they are banned, then they are out', async (context) => {
  const alice = await inside(context, 'alice', 'global', 'lobby')
  const frank = await inside(context, 'frank', 'global', 'lobby')
  const since = Date.now()
  assert.ok((await alice.client.ask('ban', { subject: 'frank' })).ok)
  await isOutWithinASecond(frank.client, since)
})

test('given a socket, when its session is ended elsewhere, then it is told, and closed', async (context) => {
  const carol = await inside(context, 'carol', 'global', 'lobby')
  const since = Date.now()
  const ended = await fetch(`${context.product.endpoints().url}/api/auth/session`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${carol.token}` },
  })
  assert.ok(ended.ok)
  await isOutWithinASecond(carol.client, since)
  await carol.client.disconnected
})

test('given a public document, when it becomes private, then people who may no longer know of it are out, and its owner stays', async (context) => {
  const owner = await inside(context, 'carol', 'document', '123')
  const stranger = await inside(context, 'gina', 'document', '123')
  const since = Date.now()
  await context.db.query("UPDATE collaboration_documents SET is_public = false WHERE id = '123'")
  await isOutWithinASecond(stranger.client, since)
  assert.ok((await owner.client.ask('chat-message', { content: 'still here' })).ok)
})

test('given a collaborator of a document, when the permission’s row is deleted, then they are out', async (context) => {
  const alice = await inside(context, 'alice', 'document', '4')
  const since = Date.now()
  await context.db.query(
    "DELETE FROM collaboration_permissions WHERE document_id = '4' AND user_account = 'alice'",
  )
  await isOutWithinASecond(alice.client, since)
})

test('given a post, when it is hidden, then its visitors are out', async (context) => {
  const visitor = await inside(context, 'gina', 'post', 'alice/my-post')
  const since = Date.now()
  await context.db.query("UPDATE posts SET hidden = true WHERE author = 'alice' AND permlink = 'my-post'")
  await isOutWithinASecond(visitor.client, since)
})

test.run()
