/** A bundle and every checkpoint outlive an erasure: what is proved was never anything but sealed. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPostgresPool } from '../../../adapters/postgres/pool.ts'
import { createProofs } from '../../../adapters/postgres/proofs.ts'
import { connectVault } from '../../../adapters/privacy/connect.ts'
import { sealedLog } from '../../../adapters/privacy/sealed-log.ts'
import { memoryLog } from '../../../infra/testing/memory-log.ts'
import { testDatabase } from '../../../infra/testing/postgres.ts'
import { until } from '../../../infra/testing/until.ts'
import { checkBundle } from '../../../projections/proof/check-bundle.ts'
import { signerOf, verifierOf } from '../../../projections/proof/note.ts'
import { alice, bob, joined, posted, recorded } from '../../../projections/testing/events.ts'
import { exportBundleTo } from '../../operations/export/bundle.ts'
import { erase } from '../../operations/privacy/erase.ts'
import { rebuild } from '../../operations/rebuild/rebuild.ts'
import { verifyLog } from '../../operations/verify/verify.ts'
import { runProjector } from '../../projector/projector.ts'

const test = suite('proofs after an erasure')
const space = { type: 'post', id: 'alice/my-post' } as const
const signer = signerOf('presence.test', Buffer.alloc(32, 5))
const verifier = verifierOf(signer)

test('given somebody who was erased, then old and new bundles verify, have the same leaves and none of their words, and so does the log', async () => {
  const database = await testDatabase()
  const vault = connectVault({ databaseUrl: database.url, masterKey: '0f'.repeat(32) })
  await vault.ready
  const raw = memoryLog()
  const log = sealedLog(raw, vault)
  const projector = runProjector({ log, databaseUrl: database.url })
  const pool = await createPostgresPool(database.url, { maxConnections: 2 })
  try {
    const all = [
      recorded(space, joined('s1', alice, 1, { avatarData: { model: 'alicehat' } })),
      ...Array.from({ length: 30 }, (_, i) => recorded(space, posted(`a${i}`, `alicesaid ${i}`, i))),
      recorded(space, posted('b1', 'bob answers', 40, { account: 'bob', displayName: 'bob' }), bob),
    ]
    for (const { stream, event } of all) await log.append(stream, 'any', [event])()
    await until('all is applied', () => projector.state().position === raw.events.at(-1)!.position)
    const { checkpoint } = createProofs({ pool, signer, clock: { now: Date.now }, everyMs: 0 })
    const bundle = async (): Promise<string> => {
      let text = ''
      await exportBundleTo({
        log: raw,
        databaseUrl: database.url,
        signer,
        space,
        from: null,
        to: null,
        write: async (line) => {
          text += line
        },
      })
      return text
    }
    const check = (text: string) =>
      checkBundle(
        text.split('\n').map((line) => Buffer.from(line)),
        verifier,
      )
    const issued = await checkpoint()()
    const before = await bundle()
    assert.not.match(before, /alicesaid|alicehat|192\.0\.2\.7|bob answers/)

    await erase({
      log: raw,
      databaseUrl: database.url,
      subject: 'alice',
      reason: null,
      compact: false,
      by: 'test',
    })
    const after = await bundle()
    assert.equal((await check(before)).faults, [])
    assert.equal((await check(after)).faults, [])
    const events = (text: string) =>
      text
        .split('\n')
        .filter((line) => line.startsWith('{"event":'))
        .map((line) => line.slice(0, line.lastIndexOf(',"proof":')))
    assert.equal(events(after), events(before))

    const verify = () =>
      verifyLog({
        log,
        databaseUrl: database.url,
        verifiers: [verifier],
        checkpoints: [
          {
            name: 'before',
            note:
              issued._tag === 'Right' && issued.right.kind === 'issued' ? issued.right.checkpoint.note : '',
          },
        ],
      })
    for (const when of ['after the erasure', 'after a rebuild']) {
      const { compared, failures } = await verify()
      assert.equal([compared?.differences, failures], [[], []], when)
      await rebuild({ log, databaseUrl: database.url })
    }
  } finally {
    await projector.stop()
    await pool.end()
    await vault.close()
    await database.drop()
  }
})

test.run()
