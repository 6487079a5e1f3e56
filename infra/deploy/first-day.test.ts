// needs: caddy, turnserver, redis-server
// test: waits
// timeout: 400
/** From nothing to somebody in the lobby, by what the docs say and nothing else, on a machine with a network and a file system of its own: Caddy
 *  as its own authority, coturn, two servers. Then the doctor is well, and tells each fault that is planted. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FAULTS } from '../testing/empty-machine/faults.ts'

type Found = { readonly what: string; readonly [name: string]: unknown }
const test = suite('the first day on an empty machine')
const ROOT = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '')
const path = (name: string) => `${ROOT}/infra/testing/empty-machine/${name}`
const own = ['--net', '--mount', '--pid', '--fork']

const looked = spawnSync(
  'unshare',
  [...own, 'sh', '-c', 'ip link add outside type veth peer name nobody && mount -t tmpfs none /mnt'],
  {
    encoding: 'utf8',
  },
)
const mayHave = looked.status === 0
if (!mayHave)
  console.log(
    `## left out: a network and a file system of its own can’t be had here, which takes root: ${looked.stderr ?? looked.error?.message}`,
  )
const run = mayHave ? test : test.skip

let found: ReadonlyArray<Found> = []
const of = (what: string) => found.filter((one) => one.what === what)

run(
  'given an empty machine, when the commands of the docs are typed, then somebody is in the lobby, through Caddy',
  () => {
    const { stdout, stderr, status } = spawnSync(
      'unshare',
      [...own, path('machine.sh'), process.execPath, path('day.ts')],
      {
        encoding: 'utf8',
        env: {
          PATH: process.env.PATH ?? '',
          NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
          HOME: '/root',
          ROOT,
        },
        maxBuffer: 64e6,
      },
    )
    found = stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line))
    assert.is(status, 0, `${stderr}\n${stdout}`)
    const [{ ms }] = of('joined') as [{ what: string; ms: number }]
    console.log(`from setup to the first join: ${ms} ms`)
  },
)

run(
  'then the doctor finds nothing wrong, TURN relays over UDP, TCP and TLS, and both servers are well',
  () => {
    const [{ findings, status: ended, typed }] = of('doctor') as [Found & { findings: string[] }]
    assert.is(ended, 0, String(typed))
    for (const transport of ['UDP', 'TCP', 'TLS'])
      assert.ok(
        findings.some((one) => one.startsWith('well: TURN') && one.includes(`over ${transport} relays`)),
        findings.join('\n'),
      )
    const servers = of('server') as ReadonlyArray<Found & { readonly turn?: { tls: object; uris: string[] } }>
    assert.is(servers.length, 2)
    for (const { status, turn } of servers) {
      assert.is(status, 200)
      assert.equal(turn?.tls, { 'vr.local:5349': 'there' })
      assert.ok(turn?.uris.includes('turns:vr.local:5349?transport=tcp'))
    }
  },
)

for (const { named } of FAULTS)
  run(`given ${named}, then the doctor says so, and what to do`, () => {
    const fault = of('fault').find((one) => one.named === named)
    assert.ok(fault?.told, JSON.stringify(fault, null, 2))
  })

run('given all of it repaired, then the doctor finds nothing wrong again', () => {
  const [mended] = of('mended')
  assert.is(mended?.isWell, true, JSON.stringify(mended, null, 2))
})

test.run()
