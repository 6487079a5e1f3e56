import { strict as assert } from 'node:assert'
import { createHash } from 'node:crypto'
import fastify, { type FastifyInstance } from 'fastify'
import { Signature } from 'hive-tx'
import { suite } from 'uvu'
import { devKeys } from '../../infra/hive/keys.ts'
import { type HiveStandIn, startHiveStandIn } from '../../infra/hive/stand-in.ts'
import { startPage } from './plugin.ts'

const page = suite('the start page')
let hive: HiveStandIn
let local: FastifyInstance
let real: FastifyInstance
page.before(async () => {
  hive = await startHiveStandIn()
  local = fastify()
  startPage(local, { hiveStandIn: hive.url })
  real = fastify()
  startPage(real, { hiveStandIn: null })
})
page.after(async () => {
  await Promise.all([hive.close(), local.close(), real.close()])
})
const sign = (body: unknown) => local.inject({ method: 'POST', url: '/page/sign', payload: body as object })

page('has everything that it names, and names nothing elsewhere', async () => {
  const html = await local.inject('/')
  assert.equal(html.statusCode, 200)
  const names = [...html.body.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '')
  assert.ok(names.length > 4)
  for (const name of names) {
    assert.match(name, /^\//)
    if (name.startsWith('/page/')) assert.equal((await local.inject(name)).statusCode, 200, name)
  }
  // The server's policy lets no inline script or handler run.
  assert.doesNotMatch(html.body, /<script>|\son\w+=/)
})
page('given a made-up account, then it signs a challenge as that account’s wallet would', async () => {
  const answer = await sign({ account: 'alice', message: '1767225600' })
  assert.equal(answer.statusCode, 200)
  const { signature, publicKey } = answer.json()
  const hash = createHash('sha256').update('1767225600').digest()
  assert.equal(Signature.from(signature).getPublicKey(hash).toString(), publicKey)
  assert.equal(publicKey, devKeys('alice').posting.public)
})
page('given a challenge of the server’s own, then the stand-in’s wallet signs it too', async () => {
  const message = `dlux_presence_session_any_1795996584379_${'a'.repeat(32)}_${'b'.repeat(64)}`
  assert.equal((await sign({ account: 'alice', message })).statusCode, 200)
})
page('given no account name, or something else to sign, then it refuses', async () => {
  for (const body of [
    { account: 'A!', message: '1767225600' },
    { account: 'alice', message: 'a transfer' },
    {},
    [],
  ])
    assert.equal((await sign(body)).statusCode, 400, JSON.stringify(body))
})
page('given a real Hive, then there is nothing that signs', async () => {
  assert.deepEqual((await real.inject('/page/config')).json(), { hive_stand_in: false })
  const answer = await real.inject({
    method: 'POST',
    url: '/page/sign',
    payload: { account: 'alice', message: '1' },
  })
  assert.equal(answer.statusCode, 404)
})

page.run()
