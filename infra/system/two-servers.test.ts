/** Two processes of the server on one log: what one seat means to both. */
import { strict as assert } from 'node:assert'
import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import { type BenchClient, connect, spread } from '../bench/client.ts'
import { devKeys, signAs } from '../hive/keys.ts'
import { startTwoServers } from '../testing/two-servers.ts'

const OPERATIONS = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
const SEATS = 10
/** How many join at once on each; TWO_SERVERS_EACH=500 is a crowd. */
const EACH = Number(process.env.TWO_SERVERS_EACH ?? 40)
const two = suite('two servers on one log')

type Answer = { ok: boolean; code?: string }
const join = (client: BenchClient): Promise<Answer> =>
  new Promise((resolve) =>
    client.emit('join-space', { spaceType: 'global', spaceId: 'lobby' }, (answer: Answer) => resolve(answer)),
  )
const proofOf = (account: string) => {
  const challenge = String(Math.floor(Date.now() / 1000))
  return {
    account,
    challenge,
    pubkey: devKeys(account).posting.public,
    signature: signAs(account, challenge),
  }
}

two(
  'given a space of 10 seats, when hundreds join at once on two servers, then 10 get in, the others are told that it is full, and both rooms agree',
  async () => {
    const { servers, stop } = await startTwoServers({ SYSTEM_ADMINS: 'the-owner' })
    try {
      const seats = await fetch(`${servers[0].url}/api/spaces/global/lobby/settings`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json', ...headersOf('the-owner') },
        body: JSON.stringify({ max_users: SEATS }),
      })
      assert.equal(seats.status, 200, await seats.text())

      // What an operator is told to watch is there to be watched.
      const metrics = await (await fetch(`${servers[0].url}/metrics`)).text()
      const watched = OPERATIONS.match(/(?<=`[^`\n]*)\b(presence|nodejs|process)_[a-z0-9_]+/g) ?? []
      assert.ok(watched.length > 10)
      // Those of the content are there where a primary is followed.
      for (const name of watched.filter((one) => !one.startsWith('presence_content_')))
        assert.ok(metrics.includes(`# TYPE ${name} `), `no metric ${name}`)

      const clients = await spread(2 * EACH, 16, (index) =>
        connect(servers[index % 2]!.url, proofOf(`joiner-${index.toString(36).padStart(3, 'a')}`)),
      )
      const answers = await Promise.all(clients.map(join))
      const inside = answers.filter((answer) => answer.ok).length
      const codes = new Map<string, number>()
      for (const answer of answers)
        if (!answer.ok) codes.set(answer.code!, (codes.get(answer.code!) ?? 0) + 1)
      assert.equal(inside, SEATS)
      assert.deepEqual([...codes], [['space_full', 2 * EACH - SEATS]])

      const rooms = await Promise.all(
        servers.map(async (server) => {
          const response = await fetch(`${server.url}/api/spaces/global/lobby`, {
            headers: headersOf('the-owner'),
          })
          const { space, position } = (await response.json()) as {
            space: { connected_users: Array<{ session_id: string }> }
            position: string
          }
          const again = await fetch(`${server.url}/api/spaces/global/lobby?min_position=${position}`, {
            headers: headersOf('the-owner'),
          })
          const fresh = (await again.json()) as { space: typeof space }
          return fresh.space.connected_users.map((user) => user.session_id).sort()
        }),
      )
      assert.equal(rooms[0]!.length, SEATS)
      assert.deepEqual(rooms[0], rooms[1])
      for (const client of clients) client.close()
    } finally {
      await stop()
    }
  },
)

const headersOf = (account: string): Record<string, string> => {
  const proof = proofOf(account)
  return {
    'x-account': proof.account,
    'x-challenge': proof.challenge,
    'x-pubkey': proof.pubkey,
    'x-signature': proof.signature,
  }
}

two.run()
